/** Helpers on protocol bytes. Inside the server text is latin1: one character per byte, so that no byte is ever changed. */
import type { Memory } from '../runtime/arena.js';

/**
 * Up to this many bytes a loop over words is the fastest copy between two memories, or inside one without kernel: a view for `set` costs
 * as much as 200 bytes (measured on Node 20).
 */
export const WORD_COPY_LIMIT = 160;
const ZERO = 48;
const LARGEST_INT = 0x7fff_ffff;

/** Copies `length` bytes between memories. May write some bytes too many behind them (`COPY_SLACK`). */
export function copyBytes(from: Memory, start: number, length: number, to: Memory, target: number): void {
  if (from === to && from.kernel !== null) {
    from.kernel.copy(target, start, length);
  } else if (length <= WORD_COPY_LIMIT && start + length + 3 <= from.words.byteLength) {
    copyWords(from.words, start, length, to.words, target);
  } else if (from === to) {
    to.bytes.copyWithin(target, start, start + length);
  } else {
    to.bytes.set(from.bytes.subarray(start, start + length), target);
  }
}

/** The same by words: may read and write up to three bytes behind them. */
export function copyWords(from: DataView, start: number, length: number, to: DataView, target: number): void {
  for (let i = 0; i < length; i += 4) to.setInt32(target + i, from.getInt32(start + i, true), true);
}

/** Writes a latin1 string and returns the offset behind it. */
export function writeText(text: string, to: Uint8Array, target: number): number {
  for (let i = 0; i < text.length; i++) to[target + i] = text.charCodeAt(i);
  return target + text.length;
}

/** Whether the bytes from start to end are these, begin with them, or end with them. */
export function isSame(wanted: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  return end - start === wanted.length && startsWith(wanted, bytes, start, end);
}

export function startsWith(wanted: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false;
  return true;
}

export function endsWith(wanted: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const from = end - wanted.length;
  return from >= start && startsWith(wanted, bytes, from, end);
}

/** How many digits a whole number from 0 on has in decimal. */
export function digitsOf(value: number): number {
  if (value < 100) return value < 10 ? 1 : 2;
  if (value < 100_000) return value < 1000 ? 3 : value < 10_000 ? 4 : 5;
  let digits = 6;
  for (let limit = 1_000_000; value >= limit; limit *= 10) digits++;
  return digits;
}

/** Writes a whole number from 0 on in decimal; returns the offset behind it. */
export function writeNumber(value: number, to: Uint8Array, at: number): number {
  const end = at + digitsOf(value);
  writeDigits(value, end - at, to, at);
  return end;
}

/** Writes the last so many digits of a whole number from 0 on. */
export function writeDigits(value: number, digits: number, to: Uint8Array, at: number): void {
  let rest = value;
  let i = at + digits - 1;
  for (; rest > LARGEST_INT && i >= at; i--) {
    const quotient = Math.floor(rest / 10);
    to[i] = ZERO + (rest - quotient * 10);
    rest = quotient;
  }
  // Divisions of integers are multiplications, several times as fast.
  for (let left = rest | 0; i >= at; i--) {
    const quotient = (left / 10) | 0;
    to[i] = ZERO + (left - quotient * 10);
    left = quotient;
  }
}

/** Reads bytes as a latin1 string. */
export function readText(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length <= 24) {
    let text = '';
    for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
    return text;
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('latin1', 0, length);
}

/** The hash that the parser takes of a subject while it scans it; `hashText` must agree with the loop there. */
export function hashText(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/** The same hash of bytes. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
  return hash;
}

/** A size in decimal: 1 to 9 digits, no sign; -1 for anything else. */
export function parseSize(text: string): number {
  if (text.length === 0 || text.length > 9) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Latin1 text (bytes) as the UTF-8 text it stands for, for JSON and logs. */
export function toUtf8(latin1: string): string {
  for (let i = 0; i < latin1.length; i++) {
    if (latin1.charCodeAt(i) > 127) return Buffer.from(latin1, 'latin1').toString('utf8');
  }
  return latin1;
}

/** UTF-8 text as the latin1 string of its bytes. */
export function fromUtf8(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return Buffer.from(text, 'utf8').toString('latin1');
  }
  return text;
}

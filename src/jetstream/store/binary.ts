/**
 * Reading and writing the integers of the store's files: little endian ones, and varints of 7 bits a byte, the signed ones with
 * the sign in the lowest bit (zigzag).
 *
 * The reader never goes beyond its bytes, whatever they say.
 */
import { CorruptError } from './store-error.js';

const SAFE = Number.MAX_SAFE_INTEGER;
const TWO_32 = 0x1_0000_0000;
const MASK_64 = 0xffff_ffff_ffff_ffffn;
const MAX_VARINT = 10;

export class ByteReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  byte(): number {
    return this.bytes[this.take(1)]!;
  }

  /** Moves on by `count` bytes and returns where they are. */
  take(count: number): number {
    if (count > this.left) throw new CorruptError('unexpected end');
    const at = this.at;
    this.at += count;
    return at;
  }

  /** A copy of the next bytes. */
  copy(count: number): Buffer {
    const at = this.take(count);
    return Buffer.from(this.bytes.subarray(at, at + count));
  }

  latin1(count: number): string {
    return this.copy(count).toString('latin1');
  }

  u16(): number {
    const at = this.take(2);
    return this.bytes[at]! | (this.bytes[at + 1]! << 8);
  }

  u32(): number {
    return this.u16() + this.u16() * 65536;
  }

  /** @throws {CorruptError} for values from 2^53 on */
  u64(): number {
    return safe(this.u32() + this.u32() * TWO_32);
  }

  /** @throws {CorruptError} for values from 2^53 on */
  varint(): number {
    let value = 0;
    for (let i = 0, factor = 1; i < MAX_VARINT; i++, factor *= 128) {
      const byte = this.byte();
      if (byte < 128) return safe(value + byte * factor);
      value += (byte & 127) * factor;
    }
    throw new CorruptError('varint of more than 10 bytes');
  }

  /** An unsigned varint of 64 bits as the signed number that the same bits are. @throws {CorruptError} as `signedVarint` */
  wrappedVarint(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(safeBig(BigInt.asIntN(64, value)));
    }
    throw new CorruptError('varint of more than 10 bytes');
  }

  /** @throws {CorruptError} for values whose magnitude is 2^53 or more */
  signedVarint(): number {
    return Number(BigInt.asIntN(64, BigInt(safeBig(this.signedVarint64()))));
  }

  /** For times in nanoseconds. */
  signedVarint64(): bigint {
    let value = 0n;
    let low = 0;
    for (let i = 0; i < MAX_VARINT; i++) {
      const byte = this.byte();
      // Up to four bytes fit a small number.
      if (i < 4) low |= (byte & 127) << (i * 7);
      else value |= BigInt(byte & 127) << BigInt(i * 7);
      if (byte >= 128) continue;
      value = (value | BigInt(low)) & MASK_64;
      return (value >> 1n) ^ -(value & 1n);
    }
    throw new CorruptError('varint of more than 10 bytes');
  }

  /** A number of things of which each takes at least `size` bytes: never more than can follow. */
  count(size: number): number {
    const count = this.varint();
    if (count > this.left / size) throw new CorruptError(`count of ${count} in ${this.left} bytes`);
    return count;
  }
}

function safe(value: number): number {
  if (value > SAFE) throw new CorruptError('value of 2^53 or more');
  return value;
}

function safeBig(value: bigint): bigint {
  if (value > SAFE || value < -SAFE) throw new CorruptError('value of 2^53 or more');
  return value;
}

/** Bytes that grow. */
export class ByteWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(size = 256) {
    this.#bytes = Buffer.allocUnsafe(size);
  }

  get length(): number {
    return this.#at;
  }

  /** What has been written; valid until more is. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  byte(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  append(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  latin1(text: string): void {
    const at = this.#room(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[at + i] = text.charCodeAt(i);
  }

  u16(value: number): void {
    const at = this.#room(2);
    this.#bytes.writeUInt16LE(value, at);
  }

  u32(value: number): void {
    const at = this.#room(4);
    this.#bytes.writeUInt32LE(value, at);
  }

  u64(value: number): void {
    this.u32(value % TWO_32);
    this.u32(Math.floor(value / TWO_32));
  }

  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`no varint: ${value}`);
    let at = this.#room(MAX_VARINT);
    for (; value >= 128; value = Math.floor(value / 128)) this.#bytes[at++] = (value % 128) | 128;
    this.#bytes[at++] = value;
    this.#at = at;
  }

  /** A negative number as the unsigned one of 64 bits that has its bits. */
  wrappedVarint(value: number): void {
    if (value >= 0) {
      this.varint(value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    let at = this.#room(MAX_VARINT);
    for (; rest >= 128n; rest >>= 7n) this.#bytes[at++] = Number(rest & 127n) | 128;
    this.#bytes[at++] = Number(rest);
    this.#at = at;
  }

  signedVarint(value: number): void {
    this.signedVarint64(BigInt(value));
  }

  signedVarint64(value: bigint): void {
    let rest = ((value << 1n) ^ (value >> 63n)) & MASK_64;
    let at = this.#room(MAX_VARINT);
    for (; rest >= 128n; rest >>= 7n) this.#bytes[at++] = Number(rest & 127n) | 128;
    this.#bytes[at++] = Number(rest);
    this.#at = at;
  }

  /** Makes room, counts it as written, and returns where it is. */
  #room(count: number): number {
    const needed = this.#at + count;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#at);
      this.#bytes = larger;
    }
    const at = this.#at;
    this.#at = needed;
    return at;
  }
}

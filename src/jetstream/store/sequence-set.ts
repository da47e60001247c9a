/**
 * A set of sequences, as bitmaps of 2048 neighbours each: what is deleted in a block. Also how it is written into the index of a
 * stream, as the preorder of a balanced binary tree:
 *
 *     22 | 2 | nodes u32 | members u32 | per node: base u64, 32 words of 64 bits, height u16
 *
 * Version 1 had 64 words per node.
 */
import type { ByteReader, ByteWriter } from './binary.js';
import { CorruptError } from './store-error.js';

const MAGIC = 22;
const VERSION = 2;
const SPAN = 2048;
const HALF_WORDS = SPAN / 32;
const NODE_SIZE = 8 + SPAN / 8 + 2;
const OLD_SPAN = 4096;
const OLD_NODE_SIZE = 8 + OLD_SPAN / 8 + 2;

function bitCount(word: number): number {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export class SequenceSet {
  /** By their number, which is the first sequence divided by 2048. */
  readonly #maps = new Map<number, Uint32Array>();
  #size = 0;

  static of(sequences: Iterable<number>): SequenceSet {
    const set = new SequenceSet();
    for (const sequence of sequences) set.add(sequence);
    return set;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes that the bitmaps take. */
  get memory(): number {
    return this.#maps.size * (SPAN / 8);
  }

  has(sequence: number): boolean {
    const map = this.#maps.get(Math.floor(sequence / SPAN));
    return map !== undefined && (map[(sequence % SPAN) >> 5]! & (1 << (sequence & 31))) !== 0;
  }

  /** Whether it was not there before. */
  add(sequence: number): boolean {
    const number = Math.floor(sequence / SPAN);
    let map = this.#maps.get(number);
    if (map === undefined) this.#maps.set(number, (map = new Uint32Array(HALF_WORDS)));
    const word = (sequence % SPAN) >> 5;
    const bit = 1 << (sequence & 31);
    if ((map[word]! & bit) !== 0) return false;
    map[word]! |= bit;
    this.#size++;
    return true;
  }

  /** Whether it was there. */
  delete(sequence: number): boolean {
    const number = Math.floor(sequence / SPAN);
    const map = this.#maps.get(number);
    const word = (sequence % SPAN) >> 5;
    const bit = 1 << (sequence & 31);
    if (map === undefined || (map[word]! & bit) === 0) return false;
    map[word]! &= ~bit;
    this.#size--;
    if (map.every((each) => each === 0)) this.#maps.delete(number);
    return true;
  }

  clear(): void {
    this.#maps.clear();
    this.#size = 0;
  }

  /** All of them, rising. */
  *[Symbol.iterator](): Generator<number, void, void> {
    for (const number of this.#numbers()) {
      const map = this.#maps.get(number)!;
      for (let i = 0; i < HALF_WORDS; i++) {
        for (let word = map[i]!; word !== 0; word &= word - 1) {
          yield number * SPAN + i * 32 + (31 - Math.clz32(word & -word));
        }
      }
    }
  }

  /** How many there are from `first` to `last`, both included. */
  countBetween(first: number, last: number): number {
    let count = 0;
    for (const [number, map] of this.#maps) {
      const base = number * SPAN;
      if (base > last || base + SPAN <= first) continue;
      const whole = base >= first && base + SPAN - 1 <= last;
      for (let i = 0; i < HALF_WORDS; i++) {
        if (whole) count += bitCount(map[i]!);
        else {
          for (let word = map[i]!; word !== 0; word &= word - 1) {
            const sequence = base + i * 32 + (31 - Math.clz32(word & -word));
            if (sequence >= first && sequence <= last) count++;
          }
        }
      }
    }
    return count;
  }

  encode(to: ByteWriter): void {
    const numbers = this.#numbers();
    to.byte(MAGIC);
    to.byte(VERSION);
    to.u32(numbers.length);
    to.u32(this.#size);
    this.#encodeTree(numbers, 0, numbers.length, to);
  }

  /** The middle, then what is left of it, then what is right of it. */
  #encodeTree(numbers: number[], start: number, end: number, to: ByteWriter): void {
    if (start === end) return;
    const middle = (start + end - 1) >> 1;
    to.u64(numbers[middle]! * SPAN);
    for (const word of this.#maps.get(numbers[middle]!)!) to.u32(word);
    to.u16(32 - Math.clz32(end - start));
    this.#encodeTree(numbers, start, middle, to);
    this.#encodeTree(numbers, middle + 1, end, to);
  }

  #numbers(): number[] {
    return [...this.#maps.keys()].sort((a, b) => a - b);
  }

  /** @throws {CorruptError} */
  static decode(from: ByteReader): SequenceSet {
    if (from.byte() !== MAGIC) throw new CorruptError('no sequence set');
    const version = from.byte();
    if (version !== 1 && version !== VERSION) throw new CorruptError(`sequence set of version ${version}`);
    const nodes = from.u32();
    const size = from.u32();
    if (nodes > from.left / (version === 1 ? OLD_NODE_SIZE : NODE_SIZE))
      throw new CorruptError('sequence set too short');
    const set = new SequenceSet();
    for (let i = 0; i < nodes; i++) {
      const base = from.u64();
      if (base % SPAN !== 0 || base > Number.MAX_SAFE_INTEGER - OLD_SPAN)
        throw new CorruptError('sequence set base');
      for (let part = 0; part < (version === 1 ? 2 : 1); part++) set.#decodeMap(base / SPAN + part, from);
      from.u16();
    }
    if (set.#size !== size) throw new CorruptError('sequence set size');
    return set;
  }

  #decodeMap(number: number, from: ByteReader): void {
    const map = new Uint32Array(HALF_WORDS);
    let count = 0;
    for (let i = 0; i < HALF_WORDS; i++) {
      map[i] = from.u32();
      count += bitCount(map[i]!);
    }
    if (count === 0) return;
    if (this.#maps.has(number)) throw new CorruptError('sequence set base twice');
    this.#maps.set(number, map);
    this.#size += count;
  }
}

/**
 * Message ids of the duplicate window: what was published under an id that is known is not stored again. There may be millions of them, so
 * none is an object or a string: they lie in a queue of numbers and bytes, in the order in which they came, and hash tables say at which
 * place of it an id is.
 */
import { randomInt } from 'node:crypto';
import { lengthened } from '../runtime/typed-array.js';

/** Ids are in so many tables by their hash: one for all of them would take 100 ms and more when it grows. */
const TABLES = 64;
const TABLE_BITS = 6;
const FIRST_SLOTS = 16;
/** The queue is made of segments of so many entries. */
const SEGMENT_BITS = 12;
const SEGMENT = 1 << SEGMENT_BITS;
const FIRST_ROOM = 16;
/** Room for the ids of so many entries, at first. */
const FIRST_BYTES = 32;
/** Places are numbers of so many bits, and begin again from 0. */
const PLACES = 0x7fff_ffff;
/** So many old entries go at once at most: after a pause all of them may be old. */
const FORGOTTEN_AT_ONCE = 256;

/** Some entries of the queue, one behind the other. */
class Segment {
  length = 0;
  hashes = new Int32Array(FIRST_ROOM);
  /** Where in `bytes` the id ends; it begins where the one before ends. */
  ends = new Uint32Array(FIRST_ROOM);
  sequences = new Float64Array(FIRST_ROOM);
  /** Milliseconds since 1970. */
  times = new Float64Array(FIRST_ROOM);
  bytes = new Uint8Array(FIRST_ROOM * FIRST_BYTES);

  startOf(row: number): number {
    return row === 0 ? 0 : this.ends[row - 1]!;
  }

  add(id: Uint8Array, start: number, end: number, hash: number, sequence: number, time: number): void {
    const row = this.length++;
    if (row === this.ends.length) this.#grow();
    let at = this.startOf(row);
    const idEnd = at + end - start;
    if (idEnd > this.bytes.length)
      this.bytes = lengthened(this.bytes, Math.max(idEnd, 2 * this.bytes.length));
    for (let i = start; i < end; i++) this.bytes[at++] = id[i]!;
    this.hashes[row] = hash;
    this.ends[row] = idEnd;
    this.sequences[row] = sequence;
    this.times[row] = time;
  }

  has(row: number, id: Uint8Array, start: number, end: number): boolean {
    const from = this.startOf(row) - start;
    if (from + end !== this.ends[row]) return false;
    for (let i = start; i < end; i++) if (this.bytes[from + i] !== id[i]) return false;
    return true;
  }

  #grow(): void {
    const room = 2 * this.length;
    this.hashes = lengthened(this.hashes, room);
    this.ends = lengthened(this.ends, room);
    this.sequences = lengthened(this.sequences, room);
    this.times = lengthened(this.times, room);
  }
}

/** Places by the hashes of their ids. */
class Table {
  /** For each place plus one; 0 is empty. */
  slots = new Uint32Array(FIRST_SLOTS);
  hashes = new Int32Array(FIRST_SLOTS);
  used = 0;

  /** The slot of a place; -1 without. */
  slotOf(hash: number, place: number): number {
    const mask = this.slots.length - 1;
    let slot = (hash >>> TABLE_BITS) & mask;
    for (; this.slots[slot] !== place + 1; slot = (slot + 1) & mask) if (this.slots[slot] === 0) return -1;
    return slot;
  }

  set(slot: number, hash: number, place: number): void {
    if (this.slots[slot] === 0) this.used++;
    this.slots[slot] = place + 1;
    this.hashes[slot] = hash;
    if (this.used * 4 > this.slots.length * 3) this.#resize(this.slots.length * 2);
  }

  /** Empties a slot, and closes the gap. */
  clear(slot: number): void {
    const { slots, hashes } = this;
    const mask = slots.length - 1;
    for (let next = (slot + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const home = (hashes[next]! >>> TABLE_BITS) & mask;
      if (((next - home) & mask) < ((next - slot) & mask)) continue;
      slots[slot] = slots[next]!;
      hashes[slot] = hashes[next]!;
      slot = next;
    }
    slots[slot] = 0;
    this.used--;
    if (slots.length > FIRST_SLOTS && this.used * 8 < slots.length) this.#resize(slots.length / 2);
  }

  #resize(length: number): void {
    const { slots, hashes } = this;
    this.slots = new Uint32Array(length);
    this.hashes = new Int32Array(length);
    for (let i = 0; i < slots.length; i++) {
      if (slots[i] === 0) continue;
      let slot = (hashes[i]! >>> TABLE_BITS) & (length - 1);
      while (this.slots[slot] !== 0) slot = (slot + 1) & (length - 1);
      this.slots[slot] = slots[i]!;
      this.hashes[slot] = hashes[i]!;
    }
  }
}

export class DuplicateWindow {
  readonly #seed = randomInt(0x7fff_ffff);
  readonly #tables: (Table | undefined)[] = [];
  #segments: Segment[] = [];
  /** The place of the first entry of the first segment. */
  #base = 0;
  /** Entries at the beginning of the first segment that were forgotten. */
  #front = 0;
  /** Milliseconds; 0 remembers nothing. */
  #window: number;
  /** The id that was asked for last, its bytes, and their hash: it is likely to be remembered next. */
  #asked = '';
  #text = new Uint8Array(64);
  #hash = this.#seed;

  /** Nanoseconds. */
  constructor(window: number) {
    this.#window = window / 1e6;
  }

  set window(window: number) {
    this.#window = window / 1e6;
  }

  /** Some of them may be old. */
  get size(): number {
    return this.#tables.reduce((sum, table) => sum + (table?.used ?? 0), 0);
  }

  /** The sequence that an id (latin1) was stored under, or undefined. Times are milliseconds since 1970. */
  find(id: string, now: number): number | undefined {
    this.#forget(now);
    this.#ask(id);
    const hash = this.#hash;
    const table = this.#tables[hash & (TABLES - 1)];
    if (table === undefined) return undefined;
    const entry = table.slots[this.#slotOf(table, hash, this.#text, 0, id.length)]!;
    if (entry === 0) return undefined;
    const segment = this.#segmentOf(entry - 1);
    const row = (entry - 1) & (SEGMENT - 1);
    return this.#isOld(segment.times[row]!, now) ? undefined : segment.sequences[row];
  }

  remember(id: string, sequence: number, time: number): void {
    this.#ask(id);
    this.#enter(this.#text, 0, id.length, this.#hash, sequence, time);
  }

  /** The same for an id that lies from `start` to before `end`. What is known of it from a later message stays. */
  rememberBytes(bytes: Uint8Array, start: number, end: number, sequence: number, time: number): void {
    this.#enter(bytes, start, end, this.#hashOf(bytes, start, end), sequence, time);
  }

  #enter(id: Uint8Array, start: number, end: number, hash: number, sequence: number, time: number): void {
    if (this.#window === 0) return;
    this.#forget(time);
    const table = (this.#tables[hash & (TABLES - 1)] ??= new Table());
    const slot = this.#slotOf(table, hash, id, start, end);
    const known = table.slots[slot]!;
    if (known > 0 && this.#segmentOf(known - 1).sequences[(known - 1) & (SEGMENT - 1)]! > sequence) return;
    table.set(slot, hash, this.#append(id, start, end, hash, sequence, time));
  }

  /** What lies above the sequence was not stored after all. */
  dropAbove(sequence: number): void {
    for (let last = this.#segments.at(-1); last !== undefined; last = this.#segments.at(-1)) {
      const first = this.#segments.length === 1 ? this.#front : 0;
      const place = this.#base + (this.#segments.length - 1) * SEGMENT;
      for (; last.length > first; last.length--) {
        if (last.sequences[last.length - 1]! <= sequence) return;
        this.#leave(last, last.length - 1, (place + last.length - 1) & PLACES);
      }
      if (first > 0) return;
      this.#segments.pop();
    }
  }

  /** Gives its place. */
  #append(id: Uint8Array, start: number, end: number, hash: number, sequence: number, time: number): number {
    let last = this.#segments.at(-1);
    if (last === undefined || last.length === SEGMENT) {
      last = new Segment();
      this.#segments.push(last);
    }
    last.add(id, start, end, hash, sequence, time);
    return (this.#base + (this.#segments.length - 1) * SEGMENT + last.length - 1) & PLACES;
  }

  #segmentOf(place: number): Segment {
    return this.#segments[((place - this.#base) & PLACES) >>> SEGMENT_BITS]!;
  }

  /** The slot of an id, or the empty one where it would be. */
  #slotOf({ slots, hashes }: Table, hash: number, id: Uint8Array, start: number, end: number): number {
    const mask = slots.length - 1;
    let slot = (hash >>> TABLE_BITS) & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      if (hashes[slot] !== hash) continue;
      const place = slots[slot]! - 1;
      if (this.#segmentOf(place).has(place & (SEGMENT - 1), id, start, end)) break;
    }
    return slot;
  }

  /** An entry goes. Its id is not known any more, unless it came again and has another place. */
  #leave(segment: Segment, row: number, place: number): void {
    const hash = segment.hashes[row]!;
    const table = this.#tables[hash & (TABLES - 1)];
    const slot = table?.slotOf(hash, place) ?? -1;
    if (slot >= 0) table!.clear(slot);
  }

  #isOld(time: number, now: number): boolean {
    return now - time >= this.#window;
  }

  #forget(now: number): void {
    for (let i = 0; i < FORGOTTEN_AT_ONCE; i++) {
      const segment = this.#segments[0];
      if (segment === undefined) return;
      if (this.#front < segment.length) {
        if (!this.#isOld(segment.times[this.#front]!, now)) return;
        this.#leave(segment, this.#front, this.#base + this.#front);
        this.#front++;
      }
      if (this.#front < segment.length) continue;
      this.#segments.shift();
      if (this.#segments.length > 0) this.#base = (this.#base + SEGMENT) & PLACES;
      this.#front = 0;
    }
  }

  #ask(id: string): void {
    if (id === this.#asked) return;
    const { length } = id;
    if (length > this.#text.length) this.#text = new Uint8Array(2 * length);
    const bytes = this.#text;
    for (let i = 0; i < length; i++) bytes[i] = id.charCodeAt(i);
    this.#hash = this.#hashOf(bytes, 0, length);
    this.#asked = id;
  }

  #hashOf(bytes: Uint8Array, start: number, end: number): number {
    let hash = this.#seed;
    for (let i = start; i < end; i++) {
      hash = Math.imul(hash ^ bytes[i]!, 0x9e37_79b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }
}

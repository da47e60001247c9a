/**
 * What is known of recently used subjects, found by the subject's bytes where they lie in the read buffer: no string is made
 * for a subject that is in the cache. Each entry holds a value (the delivery plan) until a change of interest takes it away.
 *
 * Bounded: when entries or pages reach their limit, everything is forgotten and collected anew.
 */
import { hashText, writeText } from '../protocol/bytes.js';
import { type Arena, type Chunk, COPY_SLACK, type Memory, PAGE_SIZE } from '../runtime/arena.js';
import { subjectMatches } from './subject.js';

/** Of a cache that holds nothing: there may be many accounts in which nothing happens. Look-ups need one. */
const UNUSED_SLOTS = 1;
/** Of one that holds something. */
const USED_SLOTS = 64;
const MAX_ENTRIES = 131_072;
const MAX_PAGE_BYTES = 32 * 1024 * 1024;
/** A wildcard subscription looks through at most this many entries for those it touches; beyond it, all become stale. */
const SCAN_LIMIT = 512;
/** Nobody may make look-ups slow by subjects of the same hash: beyond this many in a row the cache counts as full. */
const MAX_PROBES = 128;

/** A place in the cache's memory. */
export interface Allocation {
  memory: Memory;
  start: number;
}

export class CachedSubject<V> {
  readonly hash: number;
  readonly memory: Memory;
  /** Where the subject's bytes lie in `memory`. */
  readonly start: number;
  readonly length: number;
  /** Null when the interest in the subject has changed since. */
  value: V | null = null;
  /** Stale when it is not the cache's. */
  generation = -1;

  constructor(hash: number, memory: Memory, start: number, length: number) {
    this.hash = hash;
    this.memory = memory;
    this.start = start;
    this.length = length;
  }

  get subject(): string {
    return this.memory.buffer.toString('latin1', this.start, this.start + this.length);
  }
}

export class SubjectCache<V> {
  #table: (CachedSubject<V> | undefined)[] = new Array(UNUSED_SLOTS);
  #mask = UNUSED_SLOTS - 1;
  #size = 0;
  readonly #pages: Chunk[] = [];
  #used = 0;
  #pageBytes = 0;
  #generation = 0;
  readonly #arena: Arena;
  /** What is stale would keep closed connections in memory, what lies in long rows makes look-ups slow. */
  #worn = false;
  readonly #maxEntries: number;
  hits = 0;
  misses = 0;

  constructor(arena: Arena, maxEntries = MAX_ENTRIES) {
    this.#arena = arena;
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#size;
  }

  /** Time to `clear`. Not done unasked: whoever uses a value still needs the memory that came with it. */
  get full(): boolean {
    return this.#worn || this.#size >= this.#maxEntries || this.#pageBytes > MAX_PAGE_BYTES;
  }

  /** Bytes of the pages that hold subjects and message heads. */
  get pageBytes(): number {
    return this.#pageBytes;
  }

  /** The value for a subject given by its bytes, or null when there is none that still holds. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): V | null {
    const length = end - start;
    const table = this.#table;
    const mask = this.#mask;
    for (let slot = slotOf(hash) & mask; ; slot = (slot + 1) & mask) {
      const entry = table[slot];
      if (entry === undefined) return null;
      if (entry.hash === hash && entry.length === length && sameBytes(entry, bytes, start)) {
        return entry.generation === this.#generation ? entry.value : null;
      }
    }
  }

  /** The same for a subject that is text. Allocates nothing. */
  findText(subject: string): V | null {
    const entry = this.#entry(subject, hashText(subject));
    return entry !== undefined && entry.generation === this.#generation ? entry.value : null;
  }

  /** The place of a subject, for `current`; null when it has none. */
  entry(subject: string): CachedSubject<V> | null {
    return this.#entry(subject, hashText(subject)) ?? null;
  }

  /** The value at a place that `entry` gave out, or null when it no longer holds. */
  current(entry: CachedSubject<V>): V | null {
    return entry.generation === this.#generation ? entry.value : null;
  }

  /** Keeps a value for a subject. `fill` makes it and may allocate memory that lives as long as the cache's pages. */
  keep(subject: string, fill: (allocate: (size: number) => Allocation) => V): V {
    this.misses++;
    const hash = hashText(subject);
    let entry = this.#entry(subject, hash);
    if (entry === undefined) {
      const place = this.#allocate(subject.length);
      writeText(subject, place.memory.bytes, place.start);
      entry = new CachedSubject<V>(hash, place.memory, place.start, subject.length);
      this.#insert(entry);
    }
    entry.value = fill((size) => this.#allocate(size));
    entry.generation = this.#generation;
    return entry.value;
  }

  /** Interest changed: forget what is known of the literal subject, or of all subjects under the pattern. */
  invalidate(subject: string, isPattern: boolean): void {
    if (!isPattern) {
      const entry = this.#entry(subject, hashText(subject));
      if (entry !== undefined) entry.value = null;
      return;
    }
    if (this.#size > SCAN_LIMIT) {
      this.#generation++;
      this.#worn = true;
      return;
    }
    for (const entry of this.#table) {
      if (entry !== undefined && entry.value !== null && subjectMatches(entry.subject, subject))
        entry.value = null;
    }
  }

  /** The values that still hold, for monitoring. */
  *values(): IterableIterator<V> {
    for (const entry of this.#table) {
      if (entry !== undefined && entry.value !== null && entry.generation === this.#generation)
        yield entry.value;
    }
  }

  clear(): void {
    this.#worn = false;
    // Entries that somebody still has hold no longer.
    this.#generation++;
    this.#table = new Array(UNUSED_SLOTS);
    this.#mask = UNUSED_SLOTS - 1;
    this.#size = 0;
    for (const page of this.#pages) this.#arena.givePage(page);
    this.#pages.length = 0;
    this.#used = 0;
    this.#pageBytes = 0;
  }

  #entry(subject: string, hash: number): CachedSubject<V> | undefined {
    for (let slot = slotOf(hash) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const entry = this.#table[slot];
      if (entry === undefined) return undefined;
      if (entry.hash === hash && entry.length === subject.length && sameText(entry, subject)) return entry;
    }
  }

  #insert(entry: CachedSubject<V>): void {
    if ((this.#size + 1) * 2 > this.#table.length) this.#grow();
    this.#size++;
    if (this.#place(entry) > MAX_PROBES) this.#worn = true;
  }

  /** Returns how many slots were taken already. */
  #place(entry: CachedSubject<V>): number {
    let slot = slotOf(entry.hash) & this.#mask;
    let probes = 0;
    for (; this.#table[slot] !== undefined; probes++) slot = (slot + 1) & this.#mask;
    this.#table[slot] = entry;
    return probes;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Array(Math.max(old.length * 2, USED_SLOTS));
    this.#mask = this.#table.length - 1;
    for (const entry of old) if (entry !== undefined) this.#place(entry);
  }

  #allocate(size: number): Allocation {
    const needed = size + COPY_SLACK;
    let page = this.#pages.at(-1);
    if (page === undefined || page.start + this.#used + needed > page.end) {
      page = this.#arena.takePage(Math.max(needed, PAGE_SIZE));
      this.#pages.push(page);
      this.#used = 0;
      this.#pageBytes += page.end - page.start;
    }
    const start = page.start + this.#used;
    this.#used += size;
    return { memory: page.memory, start };
  }
}

/** Spreads the hashes of numbered subjects, which lie close together, over the table. */
function slotOf(hash: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> 8;
}

function sameBytes<V>(entry: CachedSubject<V>, bytes: Uint8Array, start: number): boolean {
  const known = entry.memory.bytes;
  const from = entry.start;
  // The last byte differs most often.
  for (let i = entry.length - 1; i >= 0; i--) if (known[from + i] !== bytes[start + i]) return false;
  return true;
}

function sameText<V>(entry: CachedSubject<V>, subject: string): boolean {
  const known = entry.memory.bytes;
  const from = entry.start;
  for (let i = entry.length - 1; i >= 0; i--) if (known[from + i] !== subject.charCodeAt(i)) return false;
  return true;
}

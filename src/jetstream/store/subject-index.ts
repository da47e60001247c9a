/**
 * All subjects of a store: a number for each, how many messages it has, and where the first and the last of them are. It holds
 * no objects per subject: bytes in pages, figures in typed arrays, a hash table of numbers. A subject of 20 bytes takes
 * about 65 bytes.
 *
 * First and last are sequences, or - where only a bound is known - the bound, negated: after a removal, or after a start
 * that has not read the blocks, nobody needs to look for the next one until somebody asks.
 */

import { randomInt } from 'node:crypto';
import { lengthened } from '../../runtime/typed-array.js';
import { type OrderWalk, SubjectOrder } from './subject-index-order.js';
import type { StoreFilter, SubjectPattern } from './subject-index-pattern.js';

/** An id that stands for no subject. */
export const NO_SUBJECT = 0xffff_ffff;
/** Stands for a subject that nobody has asked for since its block was read, see `MessageBlock.subjectAt`. */
export const UNREAD_SUBJECT = 0xffff_fffe;

/**
 * Ids that each array has room for at first. As all grow by the same factor, no two of them ever grow at the same time: of a million ids
 * copying one takes milliseconds.
 */
const FIRST_ROOM = [16, 17, 18, 20, 21, 22] as const;
/** So many slots of a table that was too small are looked at with each subject that comes or goes. */
const REHASHED_AT_ONCE = 128;
/** In a table that is on its way out: no entry any more, but others lie behind it. */
const VACATED = 0xffff_ffff;

const PAGE_BITS = 16;
const PAGE_SIZE = 1 << PAGE_BITS;
const FIRST_PAGE = 256;
/** Released ids are given out again once there are so many of them, and a quarter of all. */
const RECLAIM_AT = 1024;
/** So many names are moved to other pages with each subject that comes or goes. */
const MOVED_AT_ONCE = 32;
/** One of so many subjects may match a pattern that is `isBroad`. */
const BROAD_PART = 8;

const NO_PAGE = new Uint8Array(0);

interface Move {
  /** The ids that are left to be looked at. */
  next: number;
  readonly end: number;
  /** A 1 for each that was not in use when this began. What uses it now has another page. */
  readonly unused: Uint8Array;
  /** What their names leave, and a 1 for each page that is among them. */
  readonly pages: readonly number[];
  readonly isOld: Uint8Array;
}

export class SubjectIndex {
  /** By id: live messages. */
  counts = new Uint32Array(FIRST_ROOM[0]);
  /** By id: sequence of the first message; negative: it is at or after this. */
  firsts = new Float64Array(FIRST_ROOM[1]);
  /** By id: sequence of the last message; negative: it is at or before this. */
  lasts = new Float64Array(FIRST_ROOM[2]);
  /** Subjects with messages. */
  size = 0;
  /** Raised when ids get a new meaning: what remembers ids has to forget them, or where only the last time is new to it, the `recycled`. */
  epoch = 0;
  /** A 1 for each id that may have got a new meaning at the last time; null: all. */
  recycled: Uint8Array | null = null;
  /** The filter that was compared with all subjects last: who asks for the same gets it. */
  compared: StoreFilter | null = null;

  readonly #seed = randomInt(0x7fff_ffff);
  #addresses = new Uint32Array(FIRST_ROOM[3]);
  #lengths = new Uint16Array(FIRST_ROOM[4]);
  #hashes = new Int32Array(FIRST_ROOM[5]);
  /** Ids that all of them have room for. */
  #room = 0;
  /** Ids given out so far. */
  #end = 0;
  /** Ids of subjects that are gone, not yet reused; those that the order is to forget before. */
  #released: number[] = [];
  #forgotten: number[] = [];
  #free: number[] = [];
  /** Id plus one; 0 is empty. */
  #table: Uint32Array = new Uint32Array(16);
  /** The table before this one, as long as not all of its entries were moved, and how many slots were looked at. */
  #outgrown: Uint32Array | null = null;
  #rehashed = 0;
  #pages: Uint8Array[] = [];
  /** The page that names are added to, and how much of it is used. */
  #page = -1;
  #pageUsed = 0;
  /** Pages that are not used. */
  #freePages: number[] = [];
  /** Names are on their way to other pages, so that the bytes of those that are gone can be used again. */
  #move: Move | null = null;
  readonly #order = new SubjectOrder({
    compare: (a, b) => this.#compare(a, b),
    comparePrefix: (id, prefix) => this.#comparePrefix(id, prefix),
  });

  /** Bytes it takes, roughly. */
  get memory(): number {
    const used = this.#pages.length - this.#freePages.length;
    const pages = used <= 1 ? (this.#pages[this.#page]?.length ?? 0) : used * PAGE_SIZE;
    const tables = this.#table.length + (this.#outgrown?.length ?? 0);
    return this.counts.length * (4 + 8 + 8 + 4 + 2 + 4 + 4) + tables * 4 + pages;
  }

  /** The id of a subject, or NO_SUBJECT. */
  find(subject: string): number {
    const hash = this.#hashText(subject);
    for (let table = this.#table; ; table = this.#outgrown) {
      const mask = table.length - 1;
      for (let slot = hash & mask; table[slot] !== 0; slot = (slot + 1) & mask) {
        const id = table[slot]! - 1;
        if (this.#hashes[id] === hash && this.#isText(id, subject)) return id;
      }
      if (this.#outgrown === null || table === this.#outgrown) return NO_SUBJECT;
    }
  }

  /** The same for bytes. */
  findBytes(bytes: Uint8Array, start: number, end: number): number {
    const hash = this.#hashBytes(bytes, start, end);
    for (let table = this.#table; ; table = this.#outgrown) {
      const mask = table.length - 1;
      for (let slot = hash & mask; table[slot] !== 0; slot = (slot + 1) & mask) {
        const id = table[slot]! - 1;
        if (this.#hashes[id] === hash && this.#isBytes(id, bytes, start, end)) return id;
      }
      if (this.#outgrown === null || table === this.#outgrown) return NO_SUBJECT;
    }
  }

  /** The id of a subject, which gets one if it has none; it starts without messages. */
  add(subject: string): number {
    const found = this.find(subject);
    if (found !== NO_SUBJECT) return found;
    const id = this.#take(subject.length, this.#hashText(subject));
    const page = this.#pages[this.#addresses[id]! >>> PAGE_BITS]!;
    const at = this.#addresses[id]! & (PAGE_SIZE - 1);
    for (let i = 0; i < subject.length; i++) page[at + i] = subject.charCodeAt(i);
    this.#insert(id);
    return id;
  }

  addBytes(bytes: Uint8Array, start: number, end: number): number {
    const found = this.findBytes(bytes, start, end);
    if (found !== NO_SUBJECT) return found;
    const id = this.#take(end - start, this.#hashBytes(bytes, start, end));
    const page = this.#pages[this.#addresses[id]! >>> PAGE_BITS]!;
    page.set(bytes.subarray(start, end), this.#addresses[id]! & (PAGE_SIZE - 1));
    this.#insert(id);
    return id;
  }

  /** Gives up the id of a subject without messages. */
  release(id: number): void {
    this.#remove(id);
    this.counts[id] = 0;
    this.#released.push(id);
    this.size--;
    this.#work();
    const isIdle = this.#move === null && this.#forgotten.length === 0;
    if (isIdle && this.#released.length >= RECLAIM_AT && this.#released.length * 4 >= this.#end)
      this.#reclaim();
  }

  /** A piece of all that is under way. */
  #work(): void {
    if (this.#outgrown !== null) this.#rehashSome(this.#outgrown);
    if (this.#forgotten.length > 0) this.#order.work();
    if (this.#move !== null) this.#moveSome(this.#move);
  }

  /** Forgets everything. */
  clear(): void {
    this.counts = new Uint32Array(FIRST_ROOM[0]);
    this.firsts = new Float64Array(FIRST_ROOM[1]);
    this.lasts = new Float64Array(FIRST_ROOM[2]);
    this.#addresses = new Uint32Array(FIRST_ROOM[3]);
    this.#lengths = new Uint16Array(FIRST_ROOM[4]);
    this.#hashes = new Int32Array(FIRST_ROOM[5]);
    this.#room = 0;
    this.#table = new Uint32Array(16);
    this.#outgrown = null;
    this.#pages = [];
    this.#page = -1;
    this.#pageUsed = 0;
    this.#freePages = [];
    this.#move = null;
    this.#end = this.size = 0;
    this.#released = [];
    this.#forgotten = [];
    this.#free = [];
    this.#order.clear();
    this.epoch++;
    this.recycled = this.compared = null;
  }

  name(id: number): string {
    const page = this.#pages[this.#addresses[id]! >>> PAGE_BITS]!;
    const at = this.#addresses[id]! & (PAGE_SIZE - 1);
    return Buffer.from(page.buffer, page.byteOffset, page.length).toString(
      'latin1',
      at,
      at + this.#lengths[id]!,
    );
  }

  /** Whether a pattern matches all subjects that there are. */
  isMatchedBy(pattern: SubjectPattern): boolean {
    if (pattern.everything) return true;
    return pattern.prefixIsAll && this.#order.countPrefix(pattern.prefix) === this.#order.size;
  }

  /** Ids are below this. */
  get end(): number {
    return this.#end;
  }

  /** Whether so many subjects may match that it takes less to compare all of them, one after the other as they lie in memory. */
  isBroad(pattern: SubjectPattern): boolean {
    if (pattern.literal !== null) return false;
    return this.#order.countPrefix(pattern.prefix) * BROAD_PART > this.#end;
  }

  isMatch(id: number, pattern: SubjectPattern): boolean {
    const page = this.#pages[this.#addresses[id]! >>> PAGE_BITS]!;
    const at = this.#addresses[id]! & (PAGE_SIZE - 1);
    return pattern.matches(page, at, at + this.#lengths[id]!);
  }

  /** Calls `visit` for every subject with messages that matches, in no order, until it returns false; null matches all. */
  visit(pattern: SubjectPattern | null, visit: (id: number) => boolean): void {
    if (pattern === null || this.isMatchedBy(pattern)) {
      for (let id = 0; id < this.#end; id++) if (this.counts[id]! > 0 && !visit(id)) return;
    } else if (pattern.literal !== null) {
      const id = this.find(pattern.literal);
      if (id !== NO_SUBJECT && this.counts[id]! > 0) visit(id);
    } else {
      this.#order.visitPrefix(pattern.prefix, (id) =>
        this.counts[id]! > 0 && (pattern.prefixIsAll || this.isMatch(id, pattern)) ? visit(id) : true,
      );
    }
  }

  /** The ids of all subjects with messages. */
  ids(): Uint32Array {
    const ids = new Uint32Array(this.size);
    let length = 0;
    for (let id = 0; id < this.#end; id++) if (this.counts[id]! > 0) ids[length++] = id;
    return ids;
  }

  /** Goes through ids in the order of their names, see there. Good for an `epoch`. */
  walk(prefix: Uint8Array, isWanted: ((id: number) => boolean) | null): OrderWalk {
    return this.#order.walk(prefix, isWanted);
  }

  #take(length: number, hash: number): number {
    this.#work();
    const id = this.#free.pop() ?? this.#end++;
    if (id >= this.#room) this.#grow(id);
    if ((this.size + 1) * 4 > this.#table.length * 3) this.#outgrow();
    this.#addresses[id] = this.#place(length);
    this.#lengths[id] = length;
    this.#hashes[id] = hash;
    this.counts[id] = this.firsts[id] = this.lasts[id] = 0;
    return id;
  }

  #insert(id: number): void {
    this.#enter(id);
    this.size++;
    this.#order.add(id);
  }

  #enter(id: number): void {
    const mask = this.#table.length - 1;
    let slot = this.#hashes[id]! & mask;
    while (this.#table[slot] !== 0) slot = (slot + 1) & mask;
    this.#table[slot] = id + 1;
  }

  /** Takes an id out of the table and closes the gap, so that no marks of removed entries pile up. */
  #remove(id: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let slot = this.#slotOf(id, table);
    const outgrown = this.#outgrown;
    if (outgrown !== null) {
      const old = this.#slotOf(id, outgrown);
      if (outgrown[old] !== 0) outgrown[old] = VACATED;
      if (table[slot] === 0) return;
    }
    for (let next = (slot + 1) & mask; table[next] !== 0; next = (next + 1) & mask) {
      const home = this.#hashes[table[next]! - 1]! & mask;
      if (((next - home) & mask) >= ((next - slot) & mask)) {
        table[slot] = table[next]!;
        slot = next;
      }
    }
    table[slot] = 0;
  }

  /** The slot of an id; an empty one where it is not there. */
  #slotOf(id: number, table: Uint32Array): number {
    const mask = table.length - 1;
    let slot = this.#hashes[id]! & mask;
    while (table[slot] !== id + 1 && table[slot] !== 0) slot = (slot + 1) & mask;
    return slot;
  }

  /** Room for a name: an address of page and offset. */
  #place(length: number): number {
    let page = this.#page;
    if (page < 0 || this.#pageUsed + length > PAGE_SIZE) {
      const size = page < 0 ? Math.max(FIRST_PAGE, length) : PAGE_SIZE;
      page = this.#page = this.#freePages.pop() ?? this.#pages.length;
      this.#pages[page] = new Uint8Array(size);
      this.#pageUsed = 0;
    } else if (this.#pageUsed + length > this.#pages[page]!.length) {
      const size = Math.min(PAGE_SIZE, Math.max(this.#pages[page]!.length * 2, this.#pageUsed + length));
      const grown = new Uint8Array(size);
      grown.set(this.#pages[page]!);
      this.#pages[page] = grown;
    }
    const address = page * PAGE_SIZE + this.#pageUsed;
    this.#pageUsed += length;
    return address;
  }

  /** Begins to make the ids of subjects that are gone usable again, and then their bytes. */
  #reclaim(): void {
    const gone = marked(this.#end, this.#released);
    this.#forgotten = this.#released;
    this.#released = [];
    this.#order.forget(gone, () => this.#reuse(gone));
  }

  #reuse(gone: Uint8Array): void {
    this.#free = this.#free.concat(this.#forgotten);
    this.#forgotten = [];
    this.epoch++;
    this.recycled = gone;
    const pages = this.#pages.map((_, page) => page).filter((page) => this.#pages[page] !== NO_PAGE);
    const isOld = new Uint8Array(this.#pages.length);
    for (const page of pages) isOld[page] = 1;
    this.#page = -1;
    this.#move = { next: 0, end: this.#end, unused: marked(this.#end, this.#free), pages, isOld };
  }

  /** Names of subjects that have gone since are moved, too: they hold their place in the order. */
  #moveSome(move: Move): void {
    const until = Math.min(move.next + MOVED_AT_ONCE, move.end);
    for (; move.next < until; move.next++) {
      const id = move.next;
      const from = this.#addresses[id]!;
      const old = from >>> PAGE_BITS;
      if (move.unused[id] === 1 || move.isOld[old] !== 1) continue;
      const length = this.#lengths[id]!;
      const at = from & (PAGE_SIZE - 1);
      const to = this.#place(length);
      const source = this.#pages[old]!;
      const target = this.#pages[to >>> PAGE_BITS]!;
      const start = to & (PAGE_SIZE - 1);
      for (let i = 0; i < length; i++) target[start + i] = source[at + i]!;
      this.#addresses[id] = to;
    }
    if (move.next < move.end) return;
    for (const page of move.pages) {
      this.#pages[page] = NO_PAGE;
      this.#freePages.push(page);
    }
    this.#move = null;
  }

  #grow(id: number): void {
    this.counts = withRoom(this.counts, id);
    this.firsts = withRoom(this.firsts, id);
    this.lasts = withRoom(this.lasts, id);
    this.#addresses = withRoom(this.#addresses, id);
    this.#lengths = withRoom(this.#lengths, id);
    this.#hashes = withRoom(this.#hashes, id);
    const arrays = [this.counts, this.firsts, this.lasts, this.#addresses, this.#lengths, this.#hashes];
    this.#room = Math.min(...arrays.map(({ length }) => length));
  }

  /** A table of twice the size; the entries follow. */
  #outgrow(): void {
    while (this.#outgrown !== null) this.#rehashSome(this.#outgrown);
    this.#outgrown = this.#table;
    this.#rehashed = 0;
    this.#table = new Uint32Array(this.#outgrown.length * 2);
  }

  #rehashSome(outgrown: Uint32Array): void {
    const until = Math.min(this.#rehashed + REHASHED_AT_ONCE, outgrown.length);
    for (; this.#rehashed < until; this.#rehashed++) {
      const entry = outgrown[this.#rehashed]!;
      if (entry !== 0 && entry !== VACATED) this.#enter(entry - 1);
    }
    if (until === outgrown.length) this.#outgrown = null;
  }

  #hashText(text: string): number {
    let hash = this.#seed;
    for (let i = 0; i < text.length; i++) {
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x9e37_79b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  #hashBytes(bytes: Uint8Array, start: number, end: number): number {
    let hash = this.#seed;
    for (let i = start; i < end; i++) {
      hash = Math.imul(hash ^ bytes[i]!, 0x9e37_79b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  #isText(id: number, text: string): boolean {
    if (this.#lengths[id] !== text.length) return false;
    const page = this.#pages[this.#addresses[id]! >>> PAGE_BITS]!;
    const at = this.#addresses[id]! & (PAGE_SIZE - 1);
    for (let i = 0; i < text.length; i++) if (page[at + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  #isBytes(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#lengths[id] !== end - start) return false;
    const page = this.#pages[this.#addresses[id]! >>> PAGE_BITS]!;
    const at = this.#addresses[id]! & (PAGE_SIZE - 1);
    for (let i = start; i < end; i++) if (page[at + i - start] !== bytes[i]) return false;
    return true;
  }

  #compare(a: number, b: number): number {
    const pageA = this.#pages[this.#addresses[a]! >>> PAGE_BITS]!;
    const pageB = this.#pages[this.#addresses[b]! >>> PAGE_BITS]!;
    const atA = this.#addresses[a]! & (PAGE_SIZE - 1);
    const atB = this.#addresses[b]! & (PAGE_SIZE - 1);
    const length = Math.min(this.#lengths[a]!, this.#lengths[b]!);
    for (let i = 0; i < length; i++) {
      const difference = pageA[atA + i]! - pageB[atB + i]!;
      if (difference !== 0) return difference;
    }
    return this.#lengths[a]! - this.#lengths[b]!;
  }

  #comparePrefix(id: number, prefix: Uint8Array): number {
    const page = this.#pages[this.#addresses[id]! >>> PAGE_BITS]!;
    const at = this.#addresses[id]! & (PAGE_SIZE - 1);
    const length = Math.min(this.#lengths[id]!, prefix.length);
    for (let i = 0; i < length; i++) {
      const difference = page[at + i]! - prefix[i]!;
      if (difference !== 0) return difference;
    }
    return this.#lengths[id]! < prefix.length ? -1 : 0;
  }
}

function marked(end: number, ids: readonly number[]): Uint8Array {
  const marks = new Uint8Array(end);
  for (let i = 0; i < ids.length; i++) marks[ids[i]!] = 1;
  return marks;
}

function withRoom<T extends Uint32Array | Float64Array | Uint16Array | Int32Array>(array: T, id: number): T {
  return id < array.length ? array : lengthened(array, Math.ceil(array.length * 1.5));
}

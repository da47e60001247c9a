/**
 * Finding messages in the blocks of a store: by sequence, by subject, by pattern. Answers are a block and a place in it,
 * left in `block` and `place`, so that a look-up makes no objects.
 */
import type { MessageBlock } from './message-block.js';
import { NO_SUBJECT, type SubjectIndex } from './subject-index.js';
import type { StoreFilter } from './subject-index-pattern.js';

/** So many records are looked at one by one before it is asked where subjects that match begin. */
const SCAN_FIRST = 2048;
/** A pattern with at most so many subjects is looked for by them. */
const FEW_SUBJECTS = 64;

export class BlockSearch<B extends MessageBlock = MessageBlock> {
  /** Where the last search that succeeded ended. */
  block!: B;
  place = 0;
  readonly #blocks: B[];
  readonly #subjects: SubjectIndex;

  constructor(blocks: B[], subjects: SubjectIndex) {
    this.#blocks = blocks;
    this.#subjects = subjects;
  }

  /** The subject of what was found. */
  get subject(): number {
    return this.block.subjectAt(this.place);
  }

  /** The number of the first block that ends at or after a sequence; the number of blocks without. */
  blockAt(sequence: number): number {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length;
    // Most look-ups are for the newest or the oldest messages.
    if (high > 1 && blocks[high - 2]!.last < sequence) low = high - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (blocks[middle]!.last < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A live message by its sequence. */
  find(sequence: number): boolean {
    const block = this.#blocks[this.blockAt(sequence)];
    if (block === undefined || sequence < block.first || block.messages === 0) return false;
    const place = block.index.find(sequence);
    if (place < 0 || !block.isLive(place)) return false;
    this.block = block;
    this.place = place;
    return true;
  }

  /** The first live message at or after `start` that matches. */
  next(filter: StoreFilter | null, start: number): boolean {
    if (filter === null) return this.#scan(null, NO_SUBJECT, start, Number.POSITIVE_INFINITY) === 0;
    const literal = filter.literal;
    if (literal !== null) {
      const id = this.#subjects.find(literal);
      if (id === NO_SUBJECT || this.#subjects.counts[id] === 0) return false;
      return this.#nextOf(id, start);
    }
    const from = this.#scan(filter, NO_SUBJECT, start, SCAN_FIRST);
    return from === 0 || (from > 0 && this.#nextByPattern(filter, from));
  }

  /** The last live message at or before `start` that matches. */
  previous(filter: StoreFilter | null, start: number): boolean {
    const literal = filter?.literal ?? null;
    if (literal !== null) {
      const id = this.#subjects.find(literal);
      if (id === NO_SUBJECT || Math.abs(this.#subjects.firsts[id]!) > start) return false;
      return this.#previousOf(id, Math.min(start, Math.abs(this.#subjects.lasts[id]!)));
    }
    const limit = filter === null ? Number.POSITIVE_INFINITY : SCAN_FIRST;
    const from = this.#scanBack(filter, start, limit);
    return from === 0 || (from > 0 && this.#previousByPattern(filter!, from));
  }

  /** Like `#scan`, towards the first message. */
  #scanBack(filter: StoreFilter | null, start: number, limit: number): number {
    const blocks = this.#blocks;
    for (let i = Math.min(this.blockAt(start), blocks.length - 1); i >= 0; i--) {
      const block = blocks[i]!;
      if (block.messages === 0 || block.first > start) continue;
      const index = block.index;
      let place = index.lowerBound(start + 1) - 1;
      for (place = block.previousLive(place); place >= 0; place = block.previousLive(place - 1)) {
        if (--limit < 0) return index.sequenceAt(place);
        if (filter !== null && !filter.matchesId(block.subjectAt(place))) continue;
        this.block = block;
        this.place = place;
        return 0;
      }
    }
    return -1;
  }

  /** From `start` back, where few subjects match, by these; otherwise one by one. */
  #previousByPattern(filter: StoreFilter, start: number): boolean {
    let seen = 0;
    let high = 0;
    const { firsts, lasts } = this.#subjects;
    filter.visit((id) => {
      if (Math.abs(firsts[id]!) <= start) high = Math.max(high, Math.min(Math.abs(lasts[id]!), start));
      return ++seen <= FEW_SUBJECTS;
    });
    if (seen <= FEW_SUBJECTS) {
      if (high === 0) return false;
      start = high;
    }
    return this.#scanBack(filter, start, Number.POSITIVE_INFINITY) === 0;
  }

  /** The sequence of the first message of a subject that has some. */
  firstOf(id: number): number {
    const { firsts } = this.#subjects;
    if (firsts[id]! < 0) {
      if (this.#scan(null, id, -firsts[id]!, Number.POSITIVE_INFINITY) !== 0) return 0;
      firsts[id] = this.block.index.sequenceAt(this.place);
    }
    return firsts[id]!;
  }

  /** The sequence of the last message of a subject that has some. */
  lastOf(id: number): number {
    const { lasts } = this.#subjects;
    if (lasts[id]! < 0) {
      if (!this.#previousOf(id, -lasts[id]!)) return 0;
      lasts[id] = this.block.index.sequenceAt(this.place);
    }
    return lasts[id]!;
  }

  /** Finds out the last sequence of all subjects that match, in one pass. */
  resolveLasts(filter: StoreFilter | null = null): void {
    const { lasts } = this.#subjects;
    let left = 0;
    const visit = (id: number) => {
      if (lasts[id]! < 0) left++;
      return true;
    };
    if (filter === null) this.#subjects.visit(null, visit);
    else filter.visit(visit);
    for (let i = this.#blocks.length - 1; i >= 0 && left > 0; i--) {
      const block = this.#blocks[i]!;
      if (block.messages === 0) continue;
      const { length } = block.index;
      for (let place = block.previousLive(length - 1); place >= 0; place = block.previousLive(place - 1)) {
        if (filter !== null && !block.isFor(place, filter)) continue;
        const id = block.subjectAt(place);
        if (lasts[id]! >= 0) continue;
        lasts[id] = block.index.sequenceAt(place);
        left--;
      }
    }
  }

  /** Remembers in the index of its block where the message behind the last one of a subject is. */
  link(previous: number, sequence: number): void {
    const block = this.#blocks[this.blockAt(previous)];
    if (block === undefined || !block.hasIndex || sequence - previous > 0xffff_ffff) return;
    const place = block.index.find(previous);
    if (place >= 0) block.index.nexts[place] = sequence - previous;
  }

  #previousOf(id: number, start: number): boolean {
    for (let i = Math.min(this.blockAt(start), this.#blocks.length - 1); i >= 0; i--) {
      const block = this.#blocks[i]!;
      if (block.messages === 0 || block.first > start) continue;
      for (let place = block.index.lowerBound(start + 1) - 1; place >= 0; place--) {
        if (!block.isLive(place) || block.subjectAt(place) !== id) continue;
        this.block = block;
        this.place = place;
        return true;
      }
    }
    return false;
  }

  #nextOf(id: number, start: number): boolean {
    const first = this.#subjects.firsts[id]!;
    if (start > Math.abs(this.#subjects.lasts[id]!)) return false;
    if (start > Math.abs(first)) return this.#scan(null, id, start, Number.POSITIVE_INFINITY) === 0;
    const sequence = this.firstOf(id);
    return sequence > 0 && this.find(sequence);
  }

  /** From `start` on, where few subjects match, by these; otherwise one by one. */
  #nextByPattern(filter: StoreFilter, start: number): boolean {
    let seen = 0;
    let low = Number.POSITIVE_INFINITY;
    const { firsts, lasts } = this.#subjects;
    filter.visit((id) => {
      if (Math.abs(lasts[id]!) >= start) low = Math.min(low, Math.max(Math.abs(firsts[id]!), start));
      return ++seen <= FEW_SUBJECTS;
    });
    if (seen <= FEW_SUBJECTS) {
      if (low === Number.POSITIVE_INFINITY) return false;
      start = low;
    }
    return this.#scan(filter, NO_SUBJECT, start, Number.POSITIVE_INFINITY) === 0;
  }

  /**
   * Looks from `start` on for a live message of the subject `id`, or one that the filter wants, at no more than `limit` records.
   * 0: found; -1: there is none; otherwise the sequence to go on at.
   */
  #scan(filter: StoreFilter | null, id: number, start: number, limit: number): number {
    const blocks = this.#blocks;
    for (let i = this.blockAt(start); i < blocks.length; i++) {
      const block = blocks[i]!;
      if (block.messages === 0) continue;
      const index = block.index;
      const { length } = index;
      let place = start > block.first ? index.lowerBound(start) : 0;
      for (place = block.nextLive(place); place < length; place = block.nextLive(place + 1)) {
        if (--limit < 0) return index.sequenceAt(place);
        // Looking a subject up that reading the block has left open takes long.
        if (id !== NO_SUBJECT) {
          if (block.subjectAt(place) !== id) continue;
        } else if (filter !== null && !filter.matchesId(block.subjectAt(place))) continue;
        this.block = block;
        this.place = place;
        return 0;
      }
    }
    return -1;
  }
}

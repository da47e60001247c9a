/**
 * How many messages of a stream match a filter from a sequence on, counted a piece at a time: the middle of a large stream may need
 * many blocks to be read, which is more than one turn of the event loop should do.
 *
 * First it is found out which subjects match, where these are very many. Then comes what needs no look at messages: all of them,
 * those of subjects that lie on one side altogether, and whole blocks. The rest is
 * counted in the blocks on the shorter side, in the order of sequences; so whoever hears of a message that went in between can tell
 * whether it was counted.
 */
import type { SteppedWork } from '../slices.js';
import type { MessageBlock } from './message-block.js';
import type { BlockSearch } from './message-block-search.js';
import type { StoreState } from './message-store.js';
import type { SubjectIndex } from './subject-index.js';
import type { StoreFilter } from './subject-index-pattern.js';

/** As many records a step looks at: 1 to 7 ms, by how much is known of their subjects. */
const STEP_RECORDS = 1 << 17;
/** A record whose subject has to be looked up, or compared byte by byte, counts as so many. */
const UNREAD_COST = 16;
/** Where a store has more subjects, they are compared. */
const MANY_SUBJECTS = 16_384;

/** What is counted in. */
export interface Counted<B extends MessageBlock> {
  readonly search: BlockSearch<B>;
  readonly blocks: readonly B[];
  readonly subjects: SubjectIndex;
  readonly state: StoreState;
}

export class PendingCount<B extends MessageBlock = MessageBlock> {
  /** The last sequence that counts. */
  readonly through: number;
  readonly #store: Counted<B>;
  readonly #from: number;
  /** Null counts everything. */
  #filter: StoreFilter | null;
  /** Nothing is counted yet; and whether it is known which subjects match. */
  #comparing: SteppedWork | null = null;
  #isCompared = false;
  /** What does not depend on the blocks. */
  #known = 0;
  /** What was found in the blocks is taken from `#known`, as it lies before. */
  #isBefore = false;
  #found = 0;
  /** What is still to be looked at: from a sequence to before another. */
  #cursor = 0;
  #end = 0;

  constructor(store: Counted<B>, filter: StoreFilter | null, from: number) {
    this.through = store.state.lastSequence;
    this.#store = store;
    this.#filter = filter?.matchesAll ? null : filter;
    this.#from = from;
    if (from > this.through) return;
    if (this.#filter === null) {
      this.#begin(store.state.messages, store.state.firstSequence, this.through);
      return;
    }
    this.#comparing = this.#filter.steps();
    if (this.#comparing === null) this.#lookAtSubjects(this.#filter);
  }

  /** As far as it was counted. */
  get count(): number {
    return this.#isBefore ? this.#known - this.#found : this.#known + this.#found;
  }

  /** Counts on for one turn, or so many records; true when it is done. */
  step(records = STEP_RECORDS): boolean {
    if (this.#comparing !== null) {
      if (!this.#isCompared) this.#isCompared = this.#comparing.step();
      else this.#lookAtSubjects(this.#filter!);
      return this.#comparing === null && this.#cursor >= this.#end;
    }
    for (let left = records; left > 0 && this.#cursor < this.#end; ) {
      left -= this.#countBlock(left);
    }
    return this.#cursor >= this.#end;
  }

  /** A message that matches, at or before `through`, is gone. */
  removed(sequence: number): void {
    if (this.#comparing !== null) return;
    if (this.#isBefore) {
      this.#known--;
      if (sequence < this.#from && sequence < this.#cursor) this.#found--;
    } else if (sequence >= this.#from && sequence < this.#cursor) this.#found--;
  }

  #lookAtSubjects(filter: StoreFilter): void {
    const { counts, firsts, lasts } = this.#store.subjects;
    const from = this.#from;
    this.#comparing = null;
    let all = 0;
    /** Messages of subjects that lie behind altogether. */
    let behind = 0;
    let low = Number.POSITIVE_INFINITY;
    let high = 0;
    /** Of subjects that may lie on both sides. */
    const both = { messages: 0, low: Number.POSITIVE_INFINITY, high: 0 };
    for (const id of filter.ids()) {
      const first = Math.abs(firsts[id]!);
      const last = Math.abs(lasts[id]!);
      const count = counts[id]!;
      all += count;
      if (first < low) low = first;
      if (last > high) high = last;
      if (first >= from) behind += count;
      else if (last >= from) {
        both.messages += count;
        if (first < both.low) both.low = first;
        if (last > both.high) both.high = last;
      }
    }
    const { messages, firstSequence } = this.#store.state;
    const isAll = all === messages;
    const [lateBehind, late] = this.#countLate(filter);
    all -= late;
    behind -= lateBehind;
    both.messages -= late - lateBehind;
    both.high = Math.min(both.high, this.through);
    if (both.messages === 0) this.#known = behind;
    else if (isAll) {
      this.#filter = null;
      this.#begin(all, firstSequence, this.through);
    } else if (!this.#countBoth(filter, behind, both)) this.#begin(all, low, Math.min(high, this.through));
  }

  /** Messages that have come since this was made: of subjects that lie behind altogether, and all. */
  #countLate(filter: StoreFilter): [behind: number, all: number] {
    const { search, subjects } = this.#store;
    let behind = 0;
    let all = 0;
    if (this.#store.state.lastSequence === this.through) return [0, 0];
    for (let next = this.through + 1; search.next(filter, next); all++) {
      next = search.block.index.sequenceAt(search.place) + 1;
      if (Math.abs(subjects.firsts[search.subject]!) >= this.#from) behind++;
    }
    return [behind, all];
  }

  /** What may lie on both sides is counted at once where that means one block. */
  #countBoth(
    filter: StoreFilter,
    behind: number,
    both: { messages: number; low: number; high: number },
  ): boolean {
    const { search, blocks } = this.#store;
    const { firsts, lasts } = this.#store.subjects;
    const from = this.#from;
    const at = search.blockAt(from);
    const block = blocks[at];
    if (block === undefined) return false;
    const isBefore = both.low >= block.first;
    if (!isBefore && search.blockAt(both.high) !== at) return false;
    const [start, end] = isBefore ? [both.low, from] : [from, both.high + 1];
    const { index } = block;
    const stop = index.lowerBound(end);
    let found = 0;
    for (
      let place = block.nextLive(index.lowerBound(start));
      place < stop;
      place = block.nextLive(place + 1)
    ) {
      const id = block.subjectAt(place);
      if (filter.matchesId(id) && Math.abs(firsts[id]!) < from && Math.abs(lasts[id]!) >= from) found++;
    }
    this.#known = behind + (isBefore ? both.messages - found : found);
    return true;
  }

  /** Counts in the blocks: what matches lies between two sequences. */
  #begin(all: number, low: number, high: number): void {
    const from = this.#from;
    if (from <= low) {
      this.#known = all;
      return;
    }
    // The shorter side.
    this.#isBefore = from - low < high - from;
    this.#known = this.#isBefore ? all : 0;
    this.#cursor = this.#isBefore ? low : from;
    this.#end = this.#isBefore ? from : high + 1;
  }

  /** Counts from the cursor on in its block, for at most so much of a step; gives how much of it that was. */
  #countBlock(left: number): number {
    const { search, blocks } = this.#store;
    const block = blocks[search.blockAt(this.#cursor)];
    if (block === undefined || block.first >= this.#end) {
      this.#cursor = this.#end;
      return 1;
    }
    const start = this.#cursor;
    const end = Math.min(block.last + 1, this.#end);
    if (block.messages === 0 || (this.#filter === null && (block.isFull || this.#isWhole(block)))) {
      if (this.#isWhole(block)) this.#found += block.messages;
      else if (block.messages > 0) this.#found += end - Math.max(start, block.first);
      this.#cursor = end;
      return 1;
    }
    const wasRead = block.hasIndex;
    const { index } = block;
    const cost = index.hasUnread ? UNREAD_COST : 1;
    const from = index.lowerBound(start);
    const stop = Math.min(index.lowerBound(end), from + Math.ceil(left / cost));
    this.#found += this.#countIn(block, from, stop);
    this.#cursor = stop < index.length ? Math.min(index.sequenceAt(stop), end) : end;
    // Reading is enough for one step; but something is counted, as the block may have to make room before the next.
    return wasRead ? (stop - from) * cost + 1 : left;
  }

  #isWhole(block: B): boolean {
    return this.#cursor <= block.first && this.#end > block.last;
  }

  #countIn(block: B, from: number, stop: number): number {
    const filter = this.#filter;
    const all = block.allAreLive;
    let count = 0;
    if (filter === null) {
      if (all) return stop - from;
      for (let place = from; place < stop; place++) if (block.isLive(place)) count++;
      return count;
    }
    const { index } = block;
    if (index.hasUnread) {
      // With many subjects each look-up misses the processor's caches several times.
      if (this.#store.subjects.size > MANY_SUBJECTS) return block.countUnread(from, stop, filter);
      for (let place = from; place < stop; place++) if (block.isLive(place)) block.subjectAt(place);
      if (from === 0 && stop === index.length) index.hasUnread = false;
    }
    return filter.countIds(index.subjects, from, stop, all ? null : (place) => block.isLive(place));
  }
}

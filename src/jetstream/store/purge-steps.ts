/** Purging message by message, a step in a turn of the event loop: each that goes is told of and leaves a tombstone. */
import type { Clock } from '../../runtime/clock.js';
import type { SteppedWork } from '../slices.js';
import type { MessageBlock } from './message-block.js';
import type { BlockSearch } from './message-block-search.js';
import type { StoreFilter } from './subject-index-pattern.js';

/** As many messages go in a step at most, and so many before the clock is looked at. */
const STEP_MESSAGES = 8192;
const LOOK_EVERY = 256;
/** Milliseconds that a step takes. */
const STEP_TIME = 5;

export interface PurgedStore<B extends MessageBlock> {
  readonly clock: Clock;
  readonly search: BlockSearch<B>;
  remove(block: B, place: number): void;
  /** Messages that match, before the sequence `end`. */
  count(filter: StoreFilter, end: number): number;
  /** Another number when messages were taken back, or came back. */
  epoch(): number;
}

/** How many messages are to go: those that match before the newest `keep` of them. */
export interface PurgeLimit {
  readonly keep: number;
  /** Nothing is left to do, or it has failed: `removing` need not be called any more. */
  over(): void;
}

export class PurgeSteps<B extends MessageBlock = MessageBlock> {
  /** Messages that went. */
  count = 0;
  readonly #store: PurgedStore<B>;
  readonly #filter: StoreFilter | null;
  /** What is left to do: from a sequence to before another, at most so many. */
  #from = 0;
  readonly #end: number;
  #left: number;
  readonly #limit: PurgeLimit | undefined;
  #epoch: number;
  /** It is not known yet which subjects match. */
  #comparing: SteppedWork | null;

  constructor(store: PurgedStore<B>, filter: StoreFilter | null, end: number, limit?: PurgeLimit) {
    this.#store = store;
    this.#filter = filter;
    this.#end = end;
    this.#limit = limit;
    this.#left = Number.POSITIVE_INFINITY;
    this.#epoch = store.epoch();
    this.#comparing = filter?.steps() ?? null;
    if (this.#comparing === null) this.#begin();
  }

  #begin(): void {
    this.#comparing = null;
    this.#epoch = this.#store.epoch();
    if (this.#limit !== undefined && this.#filter !== null)
      this.#left = this.#store.count(this.#filter, this.#end) - this.#limit.keep;
  }

  /** All of it. */
  finish(): number {
    if (this.#comparing !== null) this.#begin();
    this.#ending(() => this.#run(Number.POSITIVE_INFINITY));
    return this.count;
  }

  /** True when nothing is left to do. Throws when the store is closed, or the disk refuses. */
  step(): boolean {
    return this.#ending(() => this.#runForAWhile());
  }

  #ending(run: () => boolean): boolean {
    let over = true;
    try {
      over = run();
      return over;
    } finally {
      if (over) this.#limit?.over();
    }
  }

  #runForAWhile(): boolean {
    const { clock } = this.#store;
    if (this.#comparing !== null) {
      if (this.#comparing.step()) this.#begin();
      return false;
    }
    const until = clock.monotonic() + STEP_TIME;
    if (this.#epoch !== this.#store.epoch()) this.#countAnew();
    for (let done = 0; done < STEP_MESSAGES; done += LOOK_EVERY) {
      if (this.#run(LOOK_EVERY)) return true;
      if (clock.monotonic() >= until) return false;
    }
    return false;
  }

  /** A message with the subject `id` is about to go: where that lies before those that stay, another one stays in its place. */
  removing(sequence: number, id: number): void {
    if (this.#comparing !== null || sequence < this.#from || sequence >= this.#end) return;
    if (this.#filter === null || this.#filter.matchesId(id)) this.#left--;
  }

  /** A commit was refused, which is seldom: what is there is not what was counted. */
  #countAnew(): void {
    this.#epoch = this.#store.epoch();
    if (this.#limit === undefined) return;
    const { search } = this.#store;
    // What has gone may have come back.
    this.#from = 0;
    let total = 0;
    for (let from = 0; search.next(this.#filter, from); total++) {
      from = search.block.index.sequenceAt(search.place) + 1;
      if (from > this.#end) break;
    }
    this.#left = total - this.#limit!.keep;
  }

  #run(limit: number): boolean {
    const { search } = this.#store;
    for (let i = 0; i < limit && this.#left > 0; i++) {
      if (!search.next(this.#filter, this.#from)) return true;
      const { block, place } = search;
      const sequence = block.index.sequenceAt(place);
      if (sequence >= this.#end) return true;
      this.#from = sequence + 1;
      this.#left--;
      this.#store.remove(block, place);
      this.count++;
    }
    return this.#left <= 0;
  }
}

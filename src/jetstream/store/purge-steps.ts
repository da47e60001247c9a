/** Purging message by message, a step in a turn of the event loop: each that goes is told of and leaves a tombstone. */
import type { Clock } from '../../runtime/clock.js';
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
}

export class PurgeSteps<B extends MessageBlock = MessageBlock> {
  /** Messages that went. */
  count = 0;
  readonly #store: PurgedStore<B>;
  readonly #filter: StoreFilter | null;
  /** What is left to do: from a sequence to before another, at most so many. */
  #from = 0;
  readonly #end: number;
  readonly #most: number;

  constructor(
    store: PurgedStore<B>,
    filter: StoreFilter | null,
    end: number,
    most = Number.POSITIVE_INFINITY,
  ) {
    this.#store = store;
    this.#filter = filter;
    this.#end = end;
    this.#most = most;
  }

  /** All of it. */
  finish(): number {
    while (!this.#run(Number.POSITIVE_INFINITY));
    return this.count;
  }

  /** True when nothing is left to do. Throws when the store is closed, or the disk refuses. */
  step(): boolean {
    const { clock } = this.#store;
    // Which are the newest is only known as long as nothing else happens.
    if (this.#most !== Number.POSITIVE_INFINITY) return this.#run(this.#most);
    const until = clock.monotonic() + STEP_TIME;
    for (let done = 0; done < STEP_MESSAGES; done += LOOK_EVERY) {
      if (this.#run(LOOK_EVERY)) return true;
      if (clock.monotonic() >= until) return false;
    }
    return false;
  }

  #run(limit: number): boolean {
    const { search } = this.#store;
    for (let i = 0; i < limit && this.count < this.#most; i++) {
      if (!search.next(this.#filter, this.#from)) return true;
      const { block, place } = search;
      const sequence = block.index.sequenceAt(place);
      if (sequence >= this.#end) return true;
      this.#from = sequence + 1;
      this.#store.remove(block, place);
      this.count++;
    }
    return this.count >= this.#most;
  }
}

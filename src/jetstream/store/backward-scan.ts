/** Looking at the messages of a store from some sequence on down to its first one, a step in a turn of the event loop, while messages come and go. */
import type { Clock } from '../../runtime/clock.js';
import type { MessageBlock } from './message-block.js';
import type { BlockSearch } from './message-block-search.js';
import type { StoreState } from './message-store.js';
import type { SubjectIndex } from './subject-index.js';
import type { StoreFilter } from './subject-index-pattern.js';

/** Records that are looked at before the clock is, and milliseconds that a step takes. */
const LOOK_EVERY = 512;
const STEP_TIME = 5;

/** What work in steps sees of a store. */
export interface StoreParts<B extends MessageBlock> {
  readonly clock: Clock;
  readonly blocks: readonly B[];
  readonly subjects: SubjectIndex;
  readonly search: BlockSearch<B>;
  readonly state: StoreState;
  /** Another number when messages were taken back, or came back. */
  epoch(): number;
}

export class BackwardScan<B extends MessageBlock = MessageBlock> {
  readonly #store: StoreParts<B>;
  readonly #filter: StoreFilter | null;
  readonly #visit: (id: number, sequence: number) => boolean;
  /** Everything at or above this sequence was looked at. */
  #cursor: number;

  /** Calls `visit` for messages below the sequence `before` that match, the last one first, until it returns false. */
  constructor(
    store: StoreParts<B>,
    filter: StoreFilter | null,
    before: number,
    visit: (id: number, sequence: number) => boolean,
  ) {
    this.#store = store;
    this.#filter = filter;
    this.#cursor = before;
    this.#visit = visit;
  }

  /** True when it is over. Throws what the disk throws. */
  step(): boolean {
    const { clock, blocks } = this.#store;
    const until = clock.monotonic() + STEP_TIME;
    for (;;) {
      const block = blocks.findLast(({ first, messages }) => messages > 0 && first < this.#cursor);
      if (block === undefined) return true;
      // Reading it is enough for one step.
      const wasRead = block.hasIndex;
      if (!this.#lookAt(block)) return true;
      if (!wasRead || clock.monotonic() >= until) return false;
    }
  }

  /** False when `visit` has said so. */
  #lookAt(block: B): boolean {
    const { index } = block;
    const filter = this.#filter;
    let place = block.previousLive(Math.min(index.lowerBound(this.#cursor), index.length) - 1);
    for (let looked = 0; place >= 0 && looked < LOOK_EVERY; looked++) {
      this.#cursor = index.sequenceAt(place);
      const isWanted = filter === null || block.isFor(place, filter);
      if (isWanted && !this.#visit(block.subjectAt(place), this.#cursor)) return false;
      place = block.previousLive(place - 1);
    }
    if (place < 0) this.#cursor = Math.min(this.#cursor, block.first);
    return true;
  }
}

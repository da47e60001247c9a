/**
 * Finding out the last messages of subjects where removals, or a start, have left them open. It takes a look at the blocks from the last
 * one on, which may be very many: so it is done a step in a turn of the event loop, while messages come and go.
 *
 * What is open says how far up the last one may be. A subject for which that has changed meanwhile is passed over, as its last message may
 * lie where it was not looked for: who needs it looks for it on its own.
 */
import type { Clock } from '../../runtime/clock.js';
import type { MessageBlock } from './message-block.js';
import type { SubjectIndex } from './subject-index.js';
import type { StoreFilter } from './subject-index-pattern.js';

/** Records that are looked at before the clock is, and milliseconds that a step takes. */
const LOOK_EVERY = 512;
const STEP_TIME = 5;
/** Steps are worth it for so many subjects. */
const MANY_OPEN = 1024;

export interface LastsStore<B extends MessageBlock> {
  readonly clock: Clock;
  readonly blocks: readonly B[];
  readonly subjects: SubjectIndex;
  /** Another number when messages were taken back, or came back. */
  epoch(): number;
}

export class ResolveLasts<B extends MessageBlock = MessageBlock> {
  readonly #store: LastsStore<B>;
  readonly #filter: StoreFilter | null;
  readonly #epoch: number;
  /** As they were at the beginning. */
  readonly #bounds: Float64Array;
  #left = 0;
  /** Everything at or above this sequence was looked at. */
  #cursor = Number.POSITIVE_INFINITY;

  constructor(store: LastsStore<B>, filter: StoreFilter | null) {
    this.#store = store;
    this.#filter = filter;
    this.#epoch = store.epoch();
    const { lasts } = store.subjects;
    const visit = (id: number) => {
      if (lasts[id]! < 0) this.#left++;
      return true;
    };
    if (filter === null) store.subjects.visit(null, visit);
    else filter.visit(visit);
    this.#bounds = this.isWorthwhile ? lasts.slice() : lasts;
  }

  get isWorthwhile(): boolean {
    return this.#left >= MANY_OPEN;
  }

  /** True when nothing is left that it can find out. Throws what the disk throws. */
  step(): boolean {
    const { clock, blocks } = this.#store;
    const until = clock.monotonic() + STEP_TIME;
    while (this.#left > 0 && this.#epoch === this.#store.epoch()) {
      const block = blocks.findLast(({ first, messages }) => messages > 0 && first < this.#cursor);
      if (block === undefined) return true;
      // Reading it is enough for one step.
      const wasRead = block.hasIndex;
      this.#lookAt(block);
      if (!wasRead || clock.monotonic() >= until) return false;
    }
    return true;
  }

  #lookAt(block: B): void {
    const { index } = block;
    const { lasts } = this.#store.subjects;
    const filter = this.#filter;
    let place = block.previousLive(Math.min(index.lowerBound(this.#cursor), index.length) - 1);
    for (let looked = 0; place >= 0 && looked < LOOK_EVERY; looked++) {
      this.#cursor = index.sequenceAt(place);
      if (filter === null || block.isFor(place, filter)) {
        const id = block.subjectAt(place);
        const last = lasts[id]!;
        if (last < 0 && last === this.#bounds[id]) {
          lasts[id] = this.#cursor;
          this.#left--;
        }
      }
      place = block.previousLive(place - 1);
    }
    if (place < 0) this.#cursor = Math.min(this.#cursor, block.first);
  }
}

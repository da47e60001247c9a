/**
 * Finding out the last messages of subjects where removals, or a start, have left them open. It takes a look at the blocks from the last
 * one on, which may be very many: so it is done a step in a turn of the event loop, while messages come and go.
 *
 * What is open says how far up the last one may be. A subject for which that has changed meanwhile is passed over, as its last message may
 * lie where it was not looked for: who needs it looks for it on its own.
 */
import type { SteppedWork } from '../slices.js';
import { BackwardScan, type StoreParts } from './backward-scan.js';
import type { MessageBlock } from './message-block.js';
import type { StoreFilter } from './subject-index-pattern.js';

/** Steps are worth it for so many subjects. */
const MANY_OPEN = 1024;

export class ResolveLasts<B extends MessageBlock = MessageBlock> implements SteppedWork {
  readonly #store: StoreParts<B>;
  readonly #filter: StoreFilter | null;
  readonly #epoch: number;
  /** It is not known yet which subjects match. */
  #comparing: SteppedWork | null;
  #scan: BackwardScan<B> | null = null;

  constructor(store: StoreParts<B>, filter: StoreFilter | null) {
    this.#store = store;
    this.#filter = filter;
    this.#epoch = store.epoch();
    this.#comparing = filter?.steps() ?? null;
    if (this.#comparing === null) this.#begin();
  }

  /** False when next to nothing is left to do. */
  get isWorthwhile(): boolean {
    return this.#comparing !== null || this.#scan !== null;
  }

  /** True when nothing is left that it can find out. Throws what the disk throws. */
  step(): boolean {
    if (this.#comparing !== null) {
      if (!this.#comparing.step()) return false;
      this.#comparing = null;
      this.#begin();
    } else if (this.#scan !== null && (this.#epoch !== this.#store.epoch() || this.#scan.step())) {
      this.#scan = null;
    }
    return this.#scan === null;
  }

  /** All of it. */
  finish(): void {
    while (!this.step());
  }

  #begin(): void {
    const { subjects } = this.#store;
    let left = 0;
    for (const id of this.#filter === null ? subjects.ids() : this.#filter.ids())
      if (subjects.lasts[id]! < 0) left++;
    if (left < MANY_OPEN) return;
    /** As they were at the beginning. */
    const bounds = subjects.lasts.slice();
    this.#scan = new BackwardScan(this.#store, this.#filter, Number.POSITIVE_INFINITY, (id, sequence) => {
      const { lasts } = subjects;
      const last = lasts[id]!;
      if (last >= 0 || last !== bounds[id]) return true;
      lasts[id] = sequence;
      return --left > 0;
    });
  }
}

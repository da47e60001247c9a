/**
 * A part of the subjects that match a pattern, by their names, found a step in a turn of the event loop: there may be very many of them,
 * and before them. Each is shown with the number of messages that it has when it is found.
 */
import type { SteppedWork } from '../slices.js';
import type { StoreParts } from './backward-scan.js';
import type { MessageBlock } from './message-block.js';
import type { OrderWalk } from './subject-index-order.js';
import type { StoreFilter } from './subject-index-pattern.js';

/** Subjects that are looked at before the clock is, and milliseconds that a step takes. */
const LOOK_EVERY = 128;
const STEP_TIME = 4;

const NO_BYTES = new Uint8Array(0);

export class SubjectPageSteps implements SteppedWork {
  readonly #store: StoreParts<MessageBlock>;
  /** Null: all. */
  readonly #filter: StoreFilter | null;
  readonly #offset: number;
  readonly #limit: number;
  readonly #show: (subject: string, messages: number) => string;
  /** It is not known yet which subjects match. */
  #comparing: SteppedWork | null;
  #walk: OrderWalk | null = null;
  /** Of the walk. */
  #epoch = 0;
  #left = 0;
  #count = 0;
  #texts: string[] = [];

  constructor(
    store: StoreParts<MessageBlock>,
    filter: StoreFilter | null,
    { offset, limit }: { offset: number; limit: number },
    show: (subject: string, messages: number) => string,
  ) {
    this.#store = store;
    this.#filter = filter;
    this.#offset = offset;
    this.#limit = limit;
    this.#show = show;
    this.#comparing = filter?.steps() ?? null;
  }

  step(): boolean {
    if (this.#comparing !== null) {
      if (this.#comparing.step()) this.#comparing = null;
      return false;
    }
    const { clock, subjects } = this.#store;
    const until = clock.monotonic() + STEP_TIME;
    const walk = this.#walk !== null && this.#epoch === subjects.epoch ? this.#walk : this.#begin();
    do {
      const found: string[] = [];
      let id = 0;
      for (let i = 0; i < LOOK_EVERY && this.#count < this.#limit; i++) {
        id = walk.next();
        if (id < 0) break;
        const messages = subjects.counts[id]!;
        if (messages === 0) continue;
        if (this.#left > 0) this.#left--;
        else {
          this.#count++;
          found.push(this.#show(subjects.name(id), messages));
        }
      }
      if (found.length > 0) this.#texts.push(found.join(','));
      if (id === -1 || this.#count === this.#limit) return true;
    } while (clock.monotonic() < until);
    return false;
  }

  finish(): this {
    while (!this.step());
    return this;
  }

  #begin(): OrderWalk {
    const { subjects } = this.#store;
    const filter = this.#filter;
    const pattern = filter?.compiled[0];
    this.#epoch = subjects.epoch;
    this.#left = this.#offset;
    this.#count = 0;
    this.#texts = [];
    if (filter === null || pattern === undefined || filter.matchesAll) {
      this.#walk = subjects.walk(NO_BYTES, null);
    } else {
      // A literal is no beginning of itself with a dot.
      const prefix = pattern.literal === null ? pattern.prefix : Buffer.from(pattern.literal, 'latin1');
      this.#walk = subjects.walk(prefix, (id) => filter.matchesId(id));
    }
    return this.#walk;
  }

  /** How many subjects match. */
  get total(): number {
    return this.#filter === null ? this.#store.subjects.size : this.#filter.ids().length;
  }

  /** What was shown, with commas between. */
  get text(): string {
    return this.#texts.join(',');
  }
}

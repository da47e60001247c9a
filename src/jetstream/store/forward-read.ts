/**
 * Reading the messages of a store from one sequence to another, a step in a turn of the event loop. Each that was there at the beginning is
 * shown once: where it goes meanwhile, before it does.
 */
import type { Clock } from '../../runtime/clock.js';
import type { SteppedWork } from '../slices.js';
import type { MessageBlock } from './message-block.js';
import { StoredMessage } from './message-store.js';

/** Messages that are read before the clock is looked at, and milliseconds that a step takes. */
const LOOK_EVERY = 128;
const STEP_TIME = 5;

export interface ReadStore {
  readonly clock: Clock;
  /** The first message at or after a sequence. */
  load(from: number, into: StoredMessage): StoredMessage | null;
}

export class ForwardRead implements SteppedWork {
  readonly #store: ReadStore;
  #next: number;
  readonly #last: number;
  readonly #show: (message: StoredMessage) => void;
  readonly #over: () => void;
  readonly #message = new StoredMessage();

  /** `over` is called when nothing is left to read. */
  constructor(
    store: ReadStore,
    range: { first: number; last: number },
    show: (message: StoredMessage) => void,
    over: () => void,
  ) {
    this.#store = store;
    this.#next = range.first;
    this.#last = range.last;
    this.#show = show;
    this.#over = over;
  }

  /** True when all of it was shown. Throws what the disk throws. */
  step(): boolean {
    const { clock } = this.#store;
    const until = clock.monotonic() + STEP_TIME;
    do {
      for (let i = 0; i < LOOK_EVERY; i++) {
        const message = this.#store.load(this.#next, this.#message);
        if (message === null || message.sequence > this.#last) {
          this.#next = this.#last + 1;
          this.#over();
          return true;
        }
        this.#next = message.sequence + 1;
        this.#show(message);
      }
    } while (clock.monotonic() < until);
    return false;
  }

  /** All of it. */
  finish(): void {
    while (!this.step());
  }

  /** A message is about to go. */
  removing(block: MessageBlock, place: number, sequence: number): void {
    if (sequence < this.#next || sequence > this.#last) return;
    if (block.fill(place, this.#message.reset())) this.#show(this.#message);
  }
}

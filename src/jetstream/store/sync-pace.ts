/** How syncs are done: in the loop, where the device takes less time than the way to another thread and back, or beside it. */
import type { Clock } from '../../runtime/clock.js';

/** Larger entries come from clients that do not wait for each answer: the loop can read on meanwhile. Bytes. */
const INLINE_BYTES = 4608;
/**
 * Milliseconds that a sync may take on average to hold up the loop, and once: no more than collecting garbage does. One that the
 * machine was busy in counts for so much of the average at most, or a single one would stand for a slow device.
 */
const INLINE_TIME = 0.6;
const INLINE_ONCE = 12;
const COUNTED = 4;
/** A sync beside the loop that took this long tells of a device that is too slow. Milliseconds. */
const BESIDE_TIME = 1.5;
/** Milliseconds for which the loop is spared after a slow one; twice as many each time until many in a row were quick. */
const SPARE = 250;
const SPARE_MOST = 8000;
const MANY = 100;
const WEIGHT = 1 / 16;
/** Milliseconds that are worth waiting for others who are about to come, at most as many as a sync takes. */
const GATHER = 0.25;
/** The same for each of them where they come from one process, one after the other; at most as many as two syncs take. */
const GATHER_EACH = 0.045;
/** So many changes come from many clients, or from some that do not wait for each answer: then fewer syncs leave more time for them. */
const MANY_CHANGES = 32;
const GATHER_MANY = 1.5;

export class SyncPace {
  readonly #clock: Clock;
  /** Milliseconds, moving averages; -1 before the first. */
  #inline = -1;
  #beside = -1;
  #begun = 0;
  #sparedUntil = 0;
  #spare = SPARE;
  #quickInRow = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  allowsInline(bytes: number): boolean {
    if (bytes > INLINE_BYTES || this.#clock.monotonic() < this.#sparedUntil) return false;
    return this.#inline === -1 ? this.#beside >= 0 && this.#beside < BESIDE_TIME : this.#inline < INLINE_TIME;
  }

  inline(sync: () => void): void {
    const begin = this.#clock.monotonic();
    sync();
    const now = this.#clock.monotonic();
    const took = now - begin;
    const counted = Math.min(took, COUNTED);
    this.#inline = this.#inline === -1 ? counted : this.#inline + (counted - this.#inline) * WEIGHT;
    if (took < INLINE_ONCE && this.#inline < INLINE_TIME) {
      if (++this.#quickInRow === MANY) this.#spare = SPARE;
      return;
    }
    this.#quickInRow = 0;
    this.#sparedUntil = now + this.#spare;
    this.#spare = Math.min(this.#spare * 2, SPARE_MOST);
    this.#inline = this.#beside = -1;
  }

  /** Milliseconds for which a commit may wait for so many changes. */
  patience(expected: number): number {
    if (expected > MANY_CHANGES) return GATHER_MANY;
    const sync = Math.max(this.#inline, this.#beside, 0);
    return Math.max(Math.min(sync, GATHER), Math.min(2 * sync, expected * GATHER_EACH));
  }

  started(): void {
    this.#begun = this.#clock.monotonic();
  }

  ended(): void {
    const took = this.#clock.monotonic() - this.#begun;
    this.#beside = this.#beside === -1 ? took : this.#beside + (took - this.#beside) * WEIGHT;
  }
}

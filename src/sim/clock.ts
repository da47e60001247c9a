/**
 * Time that stands still until it is told to move: hours pass in a test within milliseconds, and the same steps always
 * give the same order of events.
 */
import { setImmediate as nextImmediate } from 'node:timers/promises';
import type { Clock, Timer } from '../runtime/clock.js';

interface Entry {
  due: number;
  callback: () => void;
}

export class SimulatedClock implements Clock {
  #elapsed = 0;
  #epoch: number;
  /** By due time, then by order of arming. */
  readonly #pending: Entry[] = [];

  /** `now` is the wall clock's first reading in milliseconds since 1970. */
  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#epoch = now;
  }

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  /** Timers armed and neither fired nor cancelled. */
  get pending(): number {
    return this.#pending.length;
  }

  /** Milliseconds until the next timer is due; undefined without one. */
  get untilNext(): number | undefined {
    const first = this.#pending[0];
    return first && Math.max(0, first.due - this.#elapsed);
  }

  /** Delays below a millisecond count as one, as they do for Node's own timers. */
  after(delay: number, callback: () => void): Timer {
    const entry = { due: this.#elapsed + Math.max(1, delay), callback };
    let at = this.#pending.length;
    while (at > 0 && this.#pending[at - 1]!.due > entry.due) at--;
    this.#pending.splice(at, 0, entry);
    return {
      cancel: () => {
        const index = this.#pending.indexOf(entry);
        if (index >= 0) this.#pending.splice(index, 1);
      },
    };
  }

  /** Moves the wall clock alone, as an operator or a time server does: timers do not notice. */
  set(now: number): void {
    this.#epoch = now - this.#elapsed;
  }

  /** Lets `duration` milliseconds pass and calls what falls due, each at its own time. */
  advance(duration: number): void {
    const end = this.#elapsed + duration;
    while (this.#fireNext(end));
    this.#elapsed = end;
  }

  /** Like `advance`, and lets promises, immediates and other I/O run before, between and after the timers. */
  async advanceAsync(duration: number): Promise<void> {
    const end = this.#elapsed + duration;
    do await nextImmediate();
    while (this.#fireNext(end));
    this.#elapsed = end;
    await nextImmediate();
  }

  #fireNext(end: number): boolean {
    const first = this.#pending[0];
    if (!first || first.due > end) return false;
    this.#pending.shift();
    this.#elapsed = Math.max(this.#elapsed, first.due);
    first.callback();
    return true;
  }
}

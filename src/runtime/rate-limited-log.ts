/**
 * Keeps a fault that repeats thousands of times a second from filling the log: the same text at most once per interval.
 */
import type { Clock } from './clock.js';
import type { Log } from './log.js';

/** Distinct texts remembered at a time; beyond that the oldest are forgotten and may be logged early. */
const maxRemembered = 1024;

export class RateLimitedLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #interval: number;
  /** When each text was last logged, oldest first. */
  readonly #lastLogged = new Map<string, number>();

  /** `interval` in milliseconds. */
  constructor(log: Log, clock: Clock, interval = 1000) {
    this.#log = log;
    this.#clock = clock;
    this.#interval = interval;
  }

  /** `key` is what must not repeat; by default the text. Give one without the connection's name to limit over all of them. */
  warn(text: string, key = text): void {
    if (this.#passes(key)) this.#log.warn(text);
  }

  error(text: string, key = text): void {
    if (this.#passes(key)) this.#log.error(text);
  }

  debug(text: string, key = text): void {
    if (this.#log.debugEnabled && this.#passes(key)) this.#log.debug(text);
  }

  #passes(key: string): boolean {
    const now = this.#clock.monotonic();
    const last = this.#lastLogged.get(key);
    if (last !== undefined) {
      if (now - last < this.#interval) return false;
      this.#lastLogged.delete(key);
    }
    this.#forget(now);
    this.#lastLogged.set(key, now);
    return true;
  }

  #forget(now: number): void {
    for (const [key, time] of this.#lastLogged) {
      if (now - time < this.#interval && this.#lastLogged.size < maxRemembered) return;
      this.#lastLogged.delete(key);
    }
  }
}

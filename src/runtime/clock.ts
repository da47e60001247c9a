/**
 * The port to time. Everything that waits or asks what time it is goes through a `Clock`, so that a test can move it.
 */

/** A pending timer; `cancel` may be called any number of times, also after the timer fired. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970, with fractions where the platform has them. */
  now(): number;
  /** Milliseconds from an arbitrary start that never go back. */
  monotonic(): number;
  /** Calls `callback` once after `delay` milliseconds. A pending timer never keeps the process alive on its own. */
  after(delay: number, callback: () => void): Timer;
}

/** The longest delay that Node's timers take, in milliseconds: with a longer one they fire at once. */
const LONGEST_DELAY = 0x7fff_ffff;

class NodeTimer implements Timer {
  #handle: NodeJS.Timeout;

  constructor(delay: number, callback: () => void) {
    this.#handle = this.#start(delay, callback);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #start(delay: number, callback: () => void): NodeJS.Timeout {
    const next = (): void => {
      this.#handle = this.#start(delay - LONGEST_DELAY, callback);
    };
    const handle = delay > LONGEST_DELAY ? setTimeout(next, LONGEST_DELAY) : setTimeout(callback, delay);
    handle.unref();
    return handle;
  }
}

/** The machine's own time. Not by `performance`, which says the same but takes a millisecond of a start to load. */
export class NodeClock implements Clock {
  readonly #origin = Date.now() - this.monotonic();

  now(): number {
    return this.#origin + this.monotonic();
  }

  monotonic(): number {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1_000_000;
  }

  after(delay: number, callback: () => void): Timer {
    return new NodeTimer(delay, callback);
  }
}

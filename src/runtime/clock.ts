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

/** Milliseconds for which the machine's time is believed to go as the monotonic one does. */
const LOOK_AGAIN = 100;
/** Milliseconds within which the time has to be read twice, and how often that is tried. */
const SURE = 0.02;
const TRIES = 5;

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
  /** What lies between the two clocks. Up to a millisecond too small at first, for `Date.now` cuts off what is finer. */
  #origin = Date.now() - this.monotonic();
  #looked = this.monotonic();
  #fine = false;

  /** A client that takes the time before it publishes finds its message after it, so the fractions have to be true. */
  now(): number {
    const monotonic = this.monotonic();
    if (monotonic - this.#looked < LOOK_AGAIN) return this.#origin + monotonic;
    this.#look();
    return this.#origin + this.monotonic();
  }

  monotonic(): number {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1_000_000;
  }

  after(delay: number, callback: () => void): Timer {
    return new NodeTimer(delay, callback);
  }

  /**
   * Waits for the millisecond to turn. Where somebody made `Date` stand still it never does. False where it may not be
   * true: it turned at some time between the reading before and the one after, and the process may have been stopped.
   */
  #setByTurn(): boolean {
    let last = this.monotonic();
    const before = Date.now();
    let at = this.monotonic();
    const until = at + 2;
    let from: number;
    let wall: number;
    do {
      from = last;
      last = at;
      wall = Date.now();
      at = this.monotonic();
    } while (wall === before && at < until);
    this.#origin = wall - last;
    return wall === before ? Date.now() === before : at - from < SURE;
  }

  /** Follows the machine's time where somebody sets it, or where the machine slept and its monotonic time stood still. */
  #look(): void {
    if (!this.#fine) {
      // Not during a start, and until it is sure: on a busy machine the millisecond often turns while others run.
      for (let tries = 0; tries < TRIES && !this.#fine; tries++) this.#fine = this.#setByTurn();
    }
    const wall = Date.now();
    this.#looked = this.monotonic();
    const now = this.#origin + this.#looked;
    if (now < wall) this.#origin += wall - now;
    // The process may have been stopped since `wall`.
    const ahead = now - (Date.now() + 1);
    if (ahead > 0) this.#origin -= ahead;
  }
}

/**
 * Timers for tens of thousands of connections. Setting, moving and cancelling one costs a few pointer writes and
 * allocates nothing, and the clock has at most one timer pending for all of them. The price is precision: a timer
 * fires at the first tick after its delay, so up to one granularity late, never early.
 *
 * A hashed timing wheel (Varghese and Lauck, scheme 6): slots are visited tick by tick, and a timer whose tick is
 * revolutions away is passed over until its turn has come.
 */
import type { Clock, Timer } from './clock.js';

/** A ring of timers; the head of each ring is a link that is no timer. */
interface Link {
  next: Link;
  previous: Link;
}

function newRing(): Link {
  const head = {} as Link;
  head.next = head;
  head.previous = head;
  return head;
}

function unlink(link: Link): void {
  link.previous.next = link.next;
  link.next.previous = link.previous;
  link.next = link;
  link.previous = link;
}

function append(ring: Link, link: Link): void {
  link.previous = ring.previous;
  link.next = ring;
  ring.previous.next = link;
  ring.previous = link;
}

/** One connection's timer, made once and armed as often as needed. */
export class WheelTimer implements Link {
  /** @internal The ring this timer is in; itself while it is not armed. */
  next: Link = this;
  /** @internal */
  previous: Link = this;
  /** @internal The tick at which it fires. */
  tick = 0;
  readonly #wheel: TimerWheel;
  /** @internal */
  readonly callback: () => void;

  constructor(wheel: TimerWheel, callback: () => void) {
    this.#wheel = wheel;
    this.callback = callback;
  }

  get armed(): boolean {
    return this.next !== this;
  }

  /** Calls the callback once after `delay` milliseconds; a delay set before no longer counts. */
  arm(delay: number): void {
    this.#wheel.schedule(this, delay);
  }

  cancel(): void {
    this.#wheel.unschedule(this);
  }
}

export class TimerWheel {
  readonly #clock: Clock;
  readonly #granularity: number;
  readonly #slots: Link[];
  /** Timers whose tick has come and that are being called. */
  readonly #due = newRing();
  #size = 0;
  /** The last tick whose slot was visited. */
  #visited = 0;
  #wake: Timer | undefined;
  #wakeTick = 0;
  #running = false;
  #closed = false;

  /** `granularity` in milliseconds. `slots` times granularity is a revolution; longer delays cost a visit for each. */
  constructor(clock: Clock, granularity = 50, slots = 512) {
    this.#clock = clock;
    this.#granularity = granularity;
    this.#slots = Array.from({ length: slots }, newRing);
  }

  /** Timers armed at the moment. */
  get size(): number {
    return this.#size;
  }

  timer(callback: () => void): WheelTimer {
    return new WheelTimer(this, callback);
  }

  /** Cancels every timer and leaves nothing with the clock; arming one afterwards has no effect. */
  close(): void {
    this.#closed = true;
    for (const ring of [this.#due, ...this.#slots]) while (ring.next !== ring) unlink(ring.next);
    this.#size = 0;
    this.#sleep();
  }

  /** @internal Use `WheelTimer.arm`. */
  schedule(timer: WheelTimer, delay: number): void {
    if (this.#closed) return;
    const now = this.#clock.monotonic();
    if (timer.armed) unlink(timer);
    else this.#size++;
    if (this.#size === 1 && !this.#running) this.#visited = Math.floor(now / this.#granularity);
    const tick = Math.ceil((now + Math.max(0, delay)) / this.#granularity);
    timer.tick = Math.max(tick, this.#visited + 1);
    append(this.#slots[timer.tick % this.#slots.length]!, timer);
    if (!this.#running && (!this.#wake || timer.tick < this.#wakeTick)) this.#wakeAt(timer.tick, now);
  }

  /** @internal Use `WheelTimer.cancel`. */
  unschedule(timer: WheelTimer): void {
    if (!timer.armed) return;
    unlink(timer);
    this.#size--;
    if (this.#size === 0) this.#sleep();
  }

  #sleep(): void {
    this.#wake?.cancel();
    this.#wake = undefined;
  }

  #wakeAt(tick: number, now: number): void {
    this.#wake?.cancel();
    this.#wakeTick = tick;
    this.#wake = this.#clock.after(Math.max(0, tick * this.#granularity - now), () => this.#run());
  }

  #run(): void {
    this.#wake = undefined;
    this.#running = true;
    try {
      // What a callback that threw left behind comes first.
      this.#fireDue();
      const until = Math.floor(this.#clock.monotonic() / this.#granularity);
      while (this.#visited < until && this.#size > 0) {
        this.#visited++;
        this.#collectDue(this.#visited);
        this.#fireDue();
      }
    } finally {
      this.#running = false;
      this.#sleepUntilNext();
    }
  }

  #collectDue(tick: number): void {
    const slot = this.#slots[tick % this.#slots.length]!;
    for (let link = slot.next; link !== slot; ) {
      const timer = link as WheelTimer;
      link = link.next;
      if (timer.tick > tick) continue;
      unlink(timer);
      append(this.#due, timer);
    }
  }

  #fireDue(): void {
    while (this.#due.next !== this.#due) {
      const timer = this.#due.next as WheelTimer;
      unlink(timer);
      this.#size--;
      timer.callback();
    }
  }

  /** The next slot with anything in it; what it holds may be revolutions away, then this wakes once for nothing. */
  #sleepUntilNext(): void {
    if (this.#size === 0) return;
    let tick = this.#visited;
    if (this.#due.next === this.#due) {
      do tick++;
      while (isEmpty(this.#slots[tick % this.#slots.length]!));
    }
    this.#wakeAt(tick, this.#clock.monotonic());
  }
}

function isEmpty(ring: Link): boolean {
  return ring.next === ring;
}

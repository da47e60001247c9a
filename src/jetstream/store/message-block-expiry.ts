/** What time takes away: messages with a TTL by the time they expire, and schedules by the time they fire. */
import type { MessageBlock } from './message-block.js';
import type { ScheduleTable } from './message-store.js';

/** Bytes from which on reading a block, or giving it up, takes several milliseconds. */
const LARGE = 2 * 1024 * 1024;

/** How much of what is too old goes in one step, beside its time: reading a large block begins one, and giving a large block up is one. */
export class ExpiryPace {
  /** The step is to end. */
  isOver = false;
  #begun = false;
  #block: MessageBlock | null = null;

  /** A step begins. */
  begin(): void {
    this.isOver = this.#begun = false;
  }

  /** Whether this step looks at a message of the block. */
  allows(block: MessageBlock): boolean {
    const isLarge = block.size >= LARGE;
    const isLast = block.messages === 1;
    if (isLarge && this.#begun && (isLast || block !== this.#block)) {
      this.isOver = true;
      return false;
    }
    this.isOver = isLarge && isLast;
    this.#begun = true;
    this.#block = block;
    return true;
  }

  /** Nothing is left that is too old. */
  end(): void {
    this.#block = null;
  }
}

/** A binary heap of (time, sequence) in one typed array: 16 bytes per message with a TTL. Removed messages stay until due. */
export class ExpiryHeap {
  /** Pairs of milliseconds since 1970 and a sequence. */
  #heap = new Float64Array(16);
  size = 0;

  /** When the first one is due, in milliseconds since 1970; Infinity without any. */
  get next(): number {
    return this.size === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]!;
  }

  add(time: number, sequence: number): void {
    if (this.size * 2 === this.#heap.length) {
      const grown = new Float64Array(this.#heap.length * 2);
      grown.set(this.#heap);
      this.#heap = grown;
    }
    const heap = this.#heap;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (heap[parent * 2]! <= time) break;
      heap[at * 2] = heap[parent * 2]!;
      heap[at * 2 + 1] = heap[parent * 2 + 1]!;
      at = parent;
    }
    heap[at * 2] = time;
    heap[at * 2 + 1] = sequence;
  }

  /** Takes the first one out and returns its sequence. */
  pop(): number {
    const heap = this.#heap;
    const sequence = heap[1]!;
    const last = --this.size;
    const time = heap[last * 2]!;
    const moved = heap[last * 2 + 1]!;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= last) break;
      if (child + 1 < last && heap[(child + 1) * 2]! < heap[child * 2]!) child++;
      if (heap[child * 2]! >= time) break;
      heap[at * 2] = heap[child * 2]!;
      heap[at * 2 + 1] = heap[child * 2 + 1]!;
      at = child;
    }
    heap[at * 2] = time;
    heap[at * 2 + 1] = moved;
    return sequence;
  }

  /** Calls `visit` with every time (milliseconds) and sequence, in no order. */
  visit(visit: (time: number, sequence: number) => void): void {
    for (let i = 0; i < this.size; i++) visit(this.#heap[i * 2]!, this.#heap[i * 2 + 1]!);
  }

  /** Drops those that `keep` does not want. */
  retain(keep: (sequence: number) => boolean): void {
    const old = this.#heap;
    const size = this.size;
    this.size = 0;
    this.#heap = new Float64Array(16);
    for (let i = 0; i < size; i++) if (keep(old[i * 2 + 1]!)) this.add(old[i * 2]!, old[i * 2 + 1]!);
  }

  clear(): void {
    this.size = 0;
    this.#heap = new Float64Array(16);
  }
}

interface Schedule {
  subject: string;
  sequence: number;
  at: bigint;
}

/** Schedules: one per subject, and rarely many. */
export class Schedules implements ScheduleTable {
  readonly #bySubject = new Map<string, Schedule>();
  /** The smallest time; null when it has to be looked for. */
  #next: bigint | null = null;

  get size(): number {
    return this.#bySubject.size;
  }

  get next(): bigint | null {
    if (this.#next === null) {
      for (const { at } of this.#bySubject.values())
        if (this.#next === null || at < this.#next) this.#next = at;
    }
    return this.#next;
  }

  set(subject: string, sequence: number, at: bigint): void {
    this.remove(subject);
    this.#bySubject.set(subject, { subject, sequence, at });
    if (this.#next !== null && at < this.#next) this.#next = at;
  }

  remove(subject: string): void {
    const old = this.#bySubject.get(subject);
    if (old === undefined) return;
    this.#bySubject.delete(subject);
    if (old.at === this.#next) this.#next = null;
  }

  /** The message of a subject went: its schedule goes with it, if it is the one. */
  messageRemoved(subject: string, sequence: number): void {
    if (this.#bySubject.get(subject)?.sequence === sequence) this.remove(subject);
  }

  due(now: bigint): Schedule[] {
    const next = this.next;
    if (next === null || next > now) return [];
    return [...this.#bySubject.values()]
      .filter(({ at }) => at <= now)
      .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.sequence - b.sequence));
  }

  *[Symbol.iterator](): IterableIterator<Schedule> {
    yield* this.#bySubject.values();
  }

  clear(): void {
    this.#bySubject.clear();
    this.#next = null;
  }
}

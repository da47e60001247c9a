/**
 * The way of API requests to the functions that answer them, one for the whole server. A request is handled at once while a turn of the
 * event loop has had little of them. Beyond that they wait, and each turn takes a bounded amount of those that wait, so that a flood of
 * requests leaves time for messages. Requests that only ask wait behind those that change something.
 *
 * Where as many wait as the limit allows, all of them are dropped, as officially: who asked gets no answer.
 */
import type { Clock } from '../../runtime/clock.js';

/** What one turn takes: so many, or until they have taken so many milliseconds. */
const MOST_PER_TURN = 128;
const TURN_TIME = 4;
/** Answers that may wait for the disk before further requests do. */
const MOST_UNWRITTEN = 2048;

/** A request that waits. */
export interface QueuedRequest {
  handle(): void;
}

export interface QueueParts {
  clock: Clock;
  /** Requests that may wait: of one kind never as many as its limit. */
  limits(): { changes: number; infos: number };
  /** So many requests of a kind were dropped. */
  dropped(kind: 'changes' | 'infos', count: number): void;
}

export class RequestQueue {
  readonly #parts: QueueParts;
  readonly #waiting = { changes: new Fifo(), infos: new Fifo() };
  /** Answers that are ready and wait for the disk. */
  #unwritten = 0;
  #handling = 0;
  /** Of this turn. */
  #handled = 0;
  #time = 0;
  #scheduled: NodeJS.Immediate | null = null;
  #closed = false;
  /** Requests that were dropped since the start. */
  dropped = 0;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  /** Requests that are being served: those that wait, and those whose answer waits for the disk. */
  get inflight(): number {
    return this.pending + this.#unwritten + this.#handling;
  }

  /** Requests that wait. */
  get pending(): number {
    const { changes, infos } = this.#waiting;
    return changes.length + infos.length;
  }

  /** Handles a request, now or later. */
  add(request: QueuedRequest, kind: 'changes' | 'infos'): void {
    if (this.#closed) return;
    this.#schedule();
    if (this.pending === 0 && this.#mayHandle) {
      this.#handle(request);
      return;
    }
    const queue = this.#waiting[kind];
    queue.push(request);
    if (queue.length < this.#parts.limits()[kind]) return;
    const count = queue.clear();
    this.dropped += count;
    this.#parts.dropped(kind, count);
  }

  /** An answer waits for the disk until `answered` is called. */
  awaitDisk(): void {
    this.#unwritten++;
  }

  answered(): void {
    this.#unwritten--;
    if (this.pending > 0) this.#schedule();
  }

  /** What waits is not answered any more. */
  close(): void {
    this.#closed = true;
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
    this.#waiting.changes.clear();
    this.#waiting.infos.clear();
  }

  get #mayHandle(): boolean {
    return this.#handled < MOST_PER_TURN && this.#time < TURN_TIME && this.#unwritten < MOST_UNWRITTEN;
  }

  #handle(request: QueuedRequest): void {
    const { clock } = this.#parts;
    const begin = clock.monotonic();
    this.#handled++;
    this.#handling++;
    try {
      request.handle();
    } finally {
      this.#handling--;
      this.#time += clock.monotonic() - begin;
    }
  }

  /** The next turn counts anew, and takes of those that wait. */
  #schedule(): void {
    if (this.#closed) return;
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = null;
      this.#handled = 0;
      this.#time = 0;
      if (this.pending > 0) this.#drain();
    });
  }

  #drain(): void {
    const { changes, infos } = this.#waiting;
    try {
      // However many changes there are, who asks gets an answer at some time.
      if (this.#mayHandle && infos.length > 0) this.#handle(infos.shift()!);
      while (this.#mayHandle && changes.length > 0) this.#handle(changes.shift()!);
      while (this.#mayHandle && infos.length > 0) this.#handle(infos.shift()!);
    } finally {
      // Where the disk is behind, `answered` goes on.
      if (this.pending > 0 && this.#unwritten < MOST_UNWRITTEN) this.#schedule();
    }
  }
}

/** A queue that is cheap at both ends. */
class Fifo {
  #items: (QueuedRequest | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(request: QueuedRequest): void {
    this.#items.push(request);
  }

  shift(): QueuedRequest | undefined {
    if (this.length === 0) return undefined;
    const request = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) this.clear();
    return request;
  }

  /** Gives how many there were. */
  clear(): number {
    const { length } = this;
    this.#items = [];
    this.#head = 0;
    return length;
  }
}

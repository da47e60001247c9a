/**
 * What a stream promises about messages it has stored, and waits until that is on disk: acknowledgements, and messages that are published
 * again. They leave in the order in which the messages were stored.
 */

interface Waiting {
  /** Of the store. */
  position: number;
  /** Where the acknowledgement goes; '' for a task. */
  reply: string;
  body: string;
  task: (() => void) | null;
}

export class AckQueue {
  readonly #send: (reply: string, body: string) => void;
  readonly #awaited: () => void;
  #waiting: Waiting[] = [];
  #head = 0;

  /** `awaited` is called for each acknowledgement that is about to wait. */
  constructor(send: (reply: string, body: string) => void, awaited: () => void) {
    this.#send = send;
    this.#awaited = awaited;
  }

  /** Those that wait. */
  get length(): number {
    return this.#waiting.length - this.#head;
  }

  /** Positions come in rising order. */
  add(position: number, reply: string, body: string): void {
    this.#awaited();
    this.#waiting.push({ position, reply, body, task: null });
  }

  /** Something else to do then; it is forgotten when the message was not stored after all. */
  addTask(position: number, task: () => void): void {
    this.#waiting.push({ position, reply: '', body: '', task });
  }

  /** Sends all that are covered by `position`. */
  durable(position: number): void {
    while (this.#head < this.#waiting.length) {
      const { position: needed, reply, body, task } = this.#waiting[this.#head]!;
      if (needed > position) break;
      this.#head++;
      if (task === null) this.#send(reply, body);
      else task();
    }
    this.#trim();
  }

  /** What lies behind `position` was not stored after all; `body` says so instead. */
  failed(position: number, body: string): void {
    this.durable(position);
    const rest = this.#waiting.slice(this.#head);
    this.#waiting = [];
    this.#head = 0;
    for (const { reply, task } of rest) if (task === null) this.#send(reply, body);
  }

  #trim(): void {
    if (this.#head === this.#waiting.length) {
      if (this.#head > 0) this.#waiting = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }
}

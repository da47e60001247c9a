/**
 * Acknowledgements of published messages that wait until what they promise is on disk. They leave in the order in which the
 * messages were stored.
 */

/** A position of the store, where the acknowledgement goes, and what it says. */
interface Waiting {
  position: number;
  reply: string;
  body: string;
}

export class AckQueue {
  readonly #send: (reply: string, body: string) => void;
  #waiting: Waiting[] = [];
  #head = 0;

  constructor(send: (reply: string, body: string) => void) {
    this.#send = send;
  }

  /** Acknowledgements that wait. */
  get length(): number {
    return this.#waiting.length - this.#head;
  }

  /** Positions come in rising order. */
  add(position: number, reply: string, body: string): void {
    this.#waiting.push({ position, reply, body });
  }

  /** Sends all that are covered by `position`. */
  durable(position: number): void {
    while (this.#head < this.#waiting.length) {
      const { position: needed, reply, body } = this.#waiting[this.#head]!;
      if (needed > position) break;
      this.#head++;
      this.#send(reply, body);
    }
    this.#trim();
  }

  /** What lies behind `position` was not stored after all; `body` says so instead. */
  failed(position: number, body: string): void {
    this.durable(position);
    const rest = this.#waiting.slice(this.#head);
    this.#waiting = [];
    this.#head = 0;
    for (const { reply } of rest) this.#send(reply, body);
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

/**
 * What a stream promises about messages it has stored, and waits until that is on disk: acknowledgements, and messages that are published
 * again. They leave in the order in which the messages were stored.
 *
 * The usual acknowledgement says nothing but the sequence: of those there is no object and no text, but a row of numbers and the bytes of
 * the subject that it goes to.
 */
import { readText } from '../protocol/bytes.js';

/** How acknowledgements are sent; texts are latin1. */
export interface AckSender {
  /** That of a message, with nothing but its sequence; it goes to the subject that these bytes are. */
  acknowledge(bytes: Uint8Array, start: number, end: number, sequence: number): void;
  send(reply: string, body: string): void;
  /** An acknowledgement is about to wait. */
  awaited(): void;
}

interface Waiting {
  /** Where the acknowledgement goes; '' for a task. */
  reply: string;
  body: string;
  task: (() => void) | null;
}

/** Instead of a sequence: the next of `#others`. */
const OTHER = 0;
const FIRST_CAPACITY = 16;
const FIRST_BYTES = 512;
/** Room for more than this is given up once nobody waits. */
const KEPT_CAPACITY = 8192;
const KEPT_BYTES = 64 * KEPT_CAPACITY;
/** Those that have left are taken out of the rows when they are so many, and half of all. */
const TRIM_FROM = 1024;

export class AckQueue {
  readonly #sender: AckSender;
  #head = 0;
  #tail = 0;
  /** Of the store. */
  #positions = new Float64Array(0);
  #sequences = new Float64Array(0);
  /** Where the subject ends in `#replies`; it begins where the one before ends. */
  #ends = new Uint32Array(0);
  #replies = new Uint8Array(0);
  #others: Waiting[] = [];
  #othersHead = 0;

  constructor(sender: AckSender) {
    this.#sender = sender;
  }

  /** Those that wait. */
  get length(): number {
    return this.#tail - this.#head;
  }

  /** The acknowledgement of a message with nothing but its sequence. Positions come in rising order. */
  addStored(position: number, sequence: number, bytes: Uint8Array, start: number, end: number): void {
    this.#sender.awaited();
    const at = this.#push(position, sequence, end - start);
    const replies = this.#replies;
    for (let i = start, to = at; i < end; i++, to++) replies[to] = bytes[i]!;
  }

  /** Any other. */
  add(position: number, reply: string, body: string): void {
    this.#sender.awaited();
    this.#push(position, OTHER, 0);
    this.#others.push({ reply, body, task: null });
  }

  /** Something else to do then; it is forgotten when the message was not stored after all. */
  addTask(position: number, task: () => void): void {
    this.#push(position, OTHER, 0);
    this.#others.push({ reply: '', body: '', task });
  }

  /** Sends all that are covered by `position`. */
  durable(position: number): void {
    // What is sent may lead to more in the queue, whose rows are others then.
    while (this.#head < this.#tail && this.#positions[this.#head]! <= position) {
      const at = this.#head++;
      const sequence = this.#sequences[at]!;
      if (sequence !== OTHER) {
        this.#sender.acknowledge(this.#replies, this.#startOf(at), this.#ends[at]!, sequence);
        continue;
      }
      const { reply, body, task } = this.#others[this.#othersHead++]!;
      if (task === null) this.#sender.send(reply, body);
      else task();
    }
    this.#trim();
  }

  /** What lies behind `position` was not stored after all; `body` says so instead. */
  failed(position: number, body: string): void {
    this.durable(position);
    const replies: string[] = [];
    for (; this.#head < this.#tail; this.#head++) {
      if (this.#sequences[this.#head] !== OTHER) {
        replies.push(readText(this.#replies, this.#startOf(this.#head), this.#ends[this.#head]!));
        continue;
      }
      const { reply, task } = this.#others[this.#othersHead++]!;
      if (task === null) replies.push(reply);
    }
    this.#trim();
    for (const reply of replies) this.#sender.send(reply, body);
  }

  #startOf(at: number): number {
    return at === 0 ? 0 : this.#ends[at - 1]!;
  }

  /** Returns where the bytes of the subject go. */
  #push(position: number, sequence: number, length: number): number {
    const at = this.#tail;
    const start = this.#startOf(at);
    if (at === this.#positions.length) this.#grow();
    if (start + length > this.#replies.length) {
      const grown = new Uint8Array(Math.max(this.#replies.length * 2, start + length, FIRST_BYTES));
      grown.set(this.#replies);
      this.#replies = grown;
    }
    this.#positions[at] = position;
    this.#sequences[at] = sequence;
    this.#ends[at] = start + length;
    this.#tail = at + 1;
    return start;
  }

  #grow(): void {
    const capacity = Math.max(this.#positions.length * 2, FIRST_CAPACITY);
    const [positions, sequences, ends] = [this.#positions, this.#sequences, this.#ends];
    this.#positions = new Float64Array(capacity);
    this.#positions.set(positions);
    this.#sequences = new Float64Array(capacity);
    this.#sequences.set(sequences);
    this.#ends = new Uint32Array(capacity);
    this.#ends.set(ends);
  }

  #trim(): void {
    if (this.#head === this.#tail) this.#empty();
    else if (this.#head > TRIM_FROM && this.#head * 2 > this.#tail) this.#moveUp();
  }

  #empty(): void {
    this.#head = this.#tail = this.#othersHead = 0;
    if (this.#others.length > 0) this.#others = [];
    if (this.#positions.length <= KEPT_CAPACITY && this.#replies.length <= KEPT_BYTES) return;
    this.#positions = new Float64Array(0);
    this.#sequences = new Float64Array(0);
    this.#ends = new Uint32Array(0);
    this.#replies = new Uint8Array(0);
  }

  /** Those that wait begin the rows again. */
  #moveUp(): void {
    const head = this.#head;
    const start = this.#startOf(head);
    this.#positions.copyWithin(0, head, this.#tail);
    this.#sequences.copyWithin(0, head, this.#tail);
    this.#replies.copyWithin(0, start, this.#ends[this.#tail - 1]);
    for (let at = head; at < this.#tail; at++) this.#ends[at - head] = this.#ends[at]! - start;
    this.#others = this.#others.slice(this.#othersHead);
    this.#othersHead = 0;
    this.#tail -= head;
    this.#head = 0;
  }
}

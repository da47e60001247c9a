/**
 * A run of messages of a stream, the unit in which they are kept: a file with records, or a buffer in memory. This part
 * knows which of its records are alive; where the bytes are is for those who extend it.
 *
 * A record has a place: its number among the message records of the block, in the order of sequences.
 */
import { Stamp } from '../../runtime/stamp.js';
import type { BlockIndex } from './message-block-index.js';
import type { StoredMessage } from './message-store.js';
import { NO_SUBJECT, UNREAD_SUBJECT } from './subject-index.js';
import type { StoreFilter } from './subject-index-pattern.js';

export abstract class MessageBlock {
  readonly number: number;
  /** The first live sequence; `last` + 1 without any. */
  first: number;
  /** The last sequence that was used in this block, whether or not it is alive. */
  last: number;
  /** Of the last record; 0 without. */
  readonly lastStamp = new Stamp();
  /** Live messages, and what they count in `StoreState.bytes`. */
  messages = 0;
  bytes = 0;
  /** Places below this one are dead. */
  #head = 0;
  /** A bit per place; null: all are alive. */
  #dead: Uint8Array | null = null;

  constructor(number: number, first: number) {
    this.number = number;
    this.first = first;
    this.last = first - 1;
  }

  /** Read from the block when it is not in memory. */
  abstract get index(): BlockIndex;
  /** Whether `index` costs nothing. */
  abstract get hasIndex(): boolean;
  /** Bytes of all records, dead ones and markers included. */
  abstract get size(): number;
  /** Fills `into` with the message at a place; false when its bytes are damaged. */
  abstract fill(place: number, into: StoredMessage): boolean;
  /** Fills `into` with the time of the message at a place. */
  abstract stampOf(place: number, into: Stamp): Stamp;
  /** What the message at a place counts. */
  abstract sizeOf(place: number): number;
  /** Where its subject lies: `into` gets `buffer`, `subjectStart` and `subjectEnd`. */
  abstract fillSubject(place: number, into: StoredMessage): void;
  /** Appends a message that fits; returns its offset. */
  abstract append(
    sequence: number,
    time: Stamp,
    subject: string,
    body: Uint8Array,
    start: number,
    headerLength: number,
    payloadLength: number,
  ): number;

  /** The id of the subject at a live place. */
  subjectAt(place: number): number {
    const id = this.index.subjects[place]!;
    return id === UNREAD_SUBJECT ? this.readSubject(place) : id;
  }

  /** Looks up a subject that reading the block has left open. */
  protected readSubject(_place: number): number {
    return NO_SUBJECT;
  }

  /** Whether the subject at a live place matches. One that nobody has asked for is compared, which is less than to look it up. */
  isFor(place: number, filter: StoreFilter): boolean {
    const id = this.index.subjects[place]!;
    return id === UNREAD_SUBJECT ? this.countUnread(place, place + 1, filter) > 0 : filter.matchesId(id);
  }

  /** Live places from `start` to before `stop` whose subject matches by its bytes, where looking up each would take longer. */
  countUnread(_start: number, _stop: number, _filter: StoreFilter): number {
    return 0;
  }

  /** Whether every sequence from the first to the last one is alive. */
  get isFull(): boolean {
    return this.messages > 0 && this.messages === this.last - this.first + 1;
  }

  /** Whether no place of it is dead. */
  get allAreLive(): boolean {
    return this.#head === 0 && this.#dead === null;
  }

  get lastTime(): bigint {
    return this.lastStamp.nanoseconds;
  }

  set lastTime(time: bigint) {
    this.lastStamp.nanoseconds = time;
  }

  timeOf(place: number): bigint {
    return this.stampOf(place, new Stamp()).nanoseconds;
  }

  isLive(place: number): boolean {
    if (place < this.#head) return false;
    const dead = this.#dead;
    return dead === null || ((dead[place >>> 3] ?? 0) & (1 << (place & 7))) === 0;
  }

  /** The first live place at or after `place`; the index' length without. */
  nextLive(place: number): number {
    const length = this.index.length;
    if (place < this.#head) place = this.#head;
    if (this.#dead !== null) while (place < length && !this.isLive(place)) place++;
    return Math.min(place, length);
  }

  /** The last live place at or before `place`; -1 without. */
  previousLive(place: number): number {
    while (place >= this.#head && !this.isLive(place)) place--;
    return place < this.#head ? -1 : place;
  }

  /** A message was appended; it takes the last place. */
  born(sequence: number, bytes: number, time: Stamp): void {
    if (this.messages === 0) this.first = sequence;
    this.messages++;
    this.bytes += bytes;
    this.last = sequence;
    this.lastStamp.copy(time);
  }

  /** The message at a place is gone. */
  kill(place: number, bytes: number): void {
    this.messages--;
    this.bytes -= bytes;
    this.#mark(place);
    if (this.messages === 0) {
      this.first = this.last + 1;
    } else if (this.index.sequenceAt(place) === this.first) {
      this.#head = place + 1;
      this.#head = this.nextLive(this.#head);
      this.first = this.index.sequenceAt(this.#head);
    }
  }

  /** Takes a `kill` back. */
  revive(place: number, bytes: number): void {
    const sequence = this.index.sequenceAt(place);
    for (let at = place + 1; at < this.#head; at++) this.#mark(at);
    this.#head = Math.min(this.#head, place);
    if (this.#dead !== null) this.#dead[place >>> 3]! &= ~(1 << (place & 7));
    if (this.messages === 0 || sequence < this.first) this.first = sequence;
    this.messages++;
    this.bytes += bytes;
  }

  /** What is alive was counted anew. */
  recounted(messages: number, bytes: number): void {
    this.messages = messages;
    this.bytes = bytes;
    const place = this.nextLive(0);
    this.first = place < this.index.length ? this.index.sequenceAt(place) : this.last + 1;
  }

  /** Sequences above `sequence` are used up without messages. */
  skipped(sequence: number, time: bigint): void {
    this.last = sequence;
    this.lastTime = time;
    if (this.messages === 0) this.first = sequence + 1;
  }

  /** Marks places by their sequences, without counting anything. */
  protected markDeleted(index: BlockIndex, isDeleted: (sequence: number) => boolean): void {
    for (let place = 0; place < index.length; place++) {
      if (isDeleted(index.sequenceAt(place))) this.#mark(place);
    }
  }

  /** The record of a dead place is not one of a message any more: those behind it move up. */
  protected removeDead(place: number, length: number): void {
    const before = this.#dead;
    const head = this.#head;
    this.#dead = null;
    if (place < head) this.#head = head - 1;
    if (before === null) return;
    for (let at = 0; at < length; at++) {
      const old = at < place ? at : at + 1;
      if (((before[old >>> 3] ?? 0) & (1 << (old & 7))) !== 0) this.#mark(at);
    }
  }

  /** Tells which places are alive now, whatever happens to them later. */
  liveness(): (place: number) => boolean {
    const head = this.#head;
    const dead = this.#dead?.slice() ?? null;
    return (place) =>
      place >= head && (dead === null || ((dead[place >>> 3] ?? 0) & (1 << (place & 7))) === 0);
  }

  /** Only some records are left; the one at place `i` was at `from[i]`. */
  protected movePlaces(from: readonly number[]): void {
    const wasLive = this.liveness();
    this.allLive();
    for (let place = from.length - 1; place >= 0; place--) if (!wasLive(from[place]!)) this.#mark(place);
  }

  /** All places are new: a rewrite left only live records. */
  protected allLive(): void {
    this.#head = 0;
    this.#dead = null;
  }

  /** Takes marks away from this place on: those records are not there any more. */
  protected forgetFrom(place: number): void {
    if (this.#dead !== null) {
      for (let at = place; at < this.#dead.length * 8; at++) this.#dead[at >>> 3]! &= ~(1 << (at & 7));
    }
    this.#head = Math.min(this.#head, place);
  }

  #mark(place: number): void {
    const need = (place >>> 3) + 1;
    if (this.#dead === null || this.#dead.length < need) {
      const grown = new Uint8Array(Math.max(need, this.#dead === null ? 0 : this.#dead.length * 2));
      if (this.#dead !== null) grown.set(this.#dead);
      this.#dead = grown;
    }
    this.#dead[place >>> 3]! |= 1 << (place & 7);
  }
}

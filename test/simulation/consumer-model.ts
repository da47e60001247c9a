/** What must be true of one consumer: what it is delivered, in which order, and what does not come again. */
import assert from 'node:assert/strict';
import type { Consumer } from '../../src/jetstream/consumer.js';
import type { Publication, StreamModel } from './model.js';

export type AckPolicy = 'explicit' | 'all' | 'none';

export interface ConsumerKind {
  policy: AckPolicy;
  push: boolean;
  /** '' for all. */
  filter: string;
  /** It is to begin with what comes. */
  fromNow: boolean;
}

/** One delivery, as its ack subject tells of it. */
export interface Delivery {
  /** Of the stream. */
  sequence: number;
  /** How often it was delivered. */
  times: number;
  consumerSequence: number;
}

export class ConsumerModel {
  readonly name: string;
  readonly stream: StreamModel;
  readonly kind: ConsumerKind;
  /** Acks that were confirmed, and all that were sent. With `all` everything up to a sequence. */
  readonly #acked = new Set<number>();
  readonly #asked = new Set<number>();
  #ackedUpTo = 0;
  #askedUpTo = 0;
  readonly got = new Set<number>();
  /** Whether it is there: told so, told that it is gone, or asked for either. */
  state: 'there' | 'creating' | 'deleting' | 'gone' = 'creating';
  /** Somebody was told of something that takes it, or it has outlived a power cut. */
  promised = false;
  /** Filters and descriptions that it may have by now. */
  readonly filters: Set<string>;
  readonly descriptions = new Set<string>();
  updating = false;
  /** What was sent from this number on has to be delivered. */
  since: number;
  /** The highest sequence that was delivered in this life, or before it; 0 for the first. */
  #position = 0;
  /** The last consumer sequence in this life; 0 before the first delivery. */
  #delivery = 0;

  constructor(name: string, stream: StreamModel, kind: ConsumerKind) {
    this.name = name;
    this.stream = stream;
    this.kind = kind;
    this.filters = new Set([kind.filter]);
    this.since = kind.fromNow ? Number.POSITIVE_INFINITY : 0;
  }

  get path(): string {
    return `${this.stream.name} > ${this.name}`;
  }

  /** An ack of it was confirmed. */
  isDone(sequence: number): boolean {
    return sequence <= this.#ackedUpTo || this.#acked.has(sequence);
  }

  /** An ack of it was sent. */
  mayBeDone(sequence: number): boolean {
    return this.kind.policy === 'none' || sequence <= this.#askedUpTo || this.#asked.has(sequence);
  }

  ask(sequence: number): void {
    if (this.kind.policy === 'all') this.#askedUpTo = Math.max(this.#askedUpTo, sequence);
    else this.#asked.add(sequence);
  }

  confirm(sequence: number): void {
    this.promised = true;
    if (this.kind.policy === 'all') this.#ackedUpTo = Math.max(this.#ackedUpTo, sequence);
    else this.#acked.add(sequence);
  }

  /** Nothing that was published so far is kept for it any more. */
  release(): void {
    for (const each of this.stream.published) each.wanted = each.wanted.filter((wanted) => wanted !== this);
  }

  /** Whether it may want a subject, or wants it for certain. */
  wants(subject: string, certainly: boolean): boolean {
    const wanted = [...this.filters].map((filter) => filter === '' || filter === subject);
    return certainly ? wanted.every(Boolean) : wanted.some(Boolean);
  }

  #mustGet(publication: Publication, now: number): boolean {
    const { sequence, subject, at } = publication;
    return (
      sequence > 0 &&
      at >= this.since &&
      this.wants(subject, true) &&
      !this.mayBeDone(sequence) &&
      !this.stream.mayBeGone(publication, now)
    );
  }

  delivered({ sequence, times, consumerSequence }: Delivery, publication: Publication, now: number): void {
    const what = `${this.path}: ${sequence} (${publication.id})`;
    assert.ok(!this.isDone(sequence), `${what} comes again after a confirmed ack`);
    if (this.#delivery > 0) assert.equal(consumerSequence, this.#delivery + 1, `${what}: consumer sequence`);
    this.#delivery = consumerSequence;
    this.got.add(sequence);
    // What comes again may have been for the filter of before.
    if (times > 1) return;
    assert.ok(this.wants(publication.subject, false), `${what} is not for it`);
    assert.ok(sequence > this.#position, `${what} is new, but comes after ${this.#position}`);
    for (const other of this.stream.published) {
      if (other.sequence <= this.#position || other.sequence >= sequence || !this.#mustGet(other, now))
        continue;
      assert.fail(`${what} comes before ${other.sequence} (${other.id})`);
    }
    this.#position = sequence;
  }

  /** The server has started again, with this. */
  found(there: Consumer, now: number): void {
    const { acks } = there;
    const open = (sequence: number) => sequence >= acks.next || acks.pending.has(sequence);
    for (const sequence of this.#acked)
      assert.ok(!open(sequence), `${this.path}: the ack of ${sequence} is lost`);
    for (let sequence = 1; sequence <= this.#ackedUpTo; sequence++)
      assert.ok(!open(sequence), `${this.path}: the ack of all up to ${this.#ackedUpTo} is lost`);
    for (const publication of this.stream.published) {
      const { sequence, id } = publication;
      if (open(sequence) || !this.#mustGet(publication, now)) continue;
      assert.fail(`${this.path}: goes on behind ${sequence} (${id})`);
    }
    this.#position = acks.next - 1;
    this.#delivery = 0;
    const { description, filter_subject: filter } = there.config;
    assert.ok(this.descriptions.has(description), `${this.path}: ${description}`);
    assert.ok(this.filters.has(filter), `${this.path}: filter ${filter}`);
    this.updating = false;
  }

  /** At the end, when it was asked for everything. */
  checkComplete(now: number): void {
    for (const publication of this.stream.published) {
      const { sequence, id } = publication;
      if (this.got.has(sequence) || !this.#mustGet(publication, now)) continue;
      assert.fail(`${this.path}: ${sequence} (${id}) was never delivered`);
    }
  }
}

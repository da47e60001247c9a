/**
 * What must be true of streams and consumers, from what a client was told: nothing more is known here, so that whatever was still
 * under way when the power went may have happened or not.
 */
import assert from 'node:assert/strict';
import type { Stream } from '../../src/jetstream/stream.js';

export interface Publication {
  id: string;
  subject: string;
  payload: string;
  header: string;
  messageId: string;
  /** What it is stored under, once that is known; 0 before. */
  sequence: number;
  /** An error was the answer, and not one of the disk. */
  refused: boolean;
  /** Somebody may have removed it, or did and was told so. */
  removal: '' | 'asked' | 'confirmed';
  /** When it was asked for: milliseconds. */
  at: number;
}

export class ConsumerModel {
  readonly acked = new Set<number>();

  constructor(
    readonly name: string,
    readonly filter: string,
    readonly push: boolean,
  ) {}

  /** Whether it is there: told so, told that it is gone, or asked for either. */
  state: 'there' | 'creating' | 'deleting' | 'gone' = 'creating';
  /** Somebody was told of something that takes it, or it has outlived a power cut. */
  promised = false;
}

export class StreamModel {
  state: 'there' | 'creating' | 'deleting' = 'creating';
  /** Somebody was told of something that takes it, or it has outlived a power cut. */
  promised = false;
  /** The last configuration that was confirmed, as the API shows it, and descriptions that it may have by now. */
  config: Record<string, unknown> | null = null;
  readonly descriptions = new Set<string>();
  readonly published: Publication[] = [];
  readonly byPayload = new Map<string, Publication>();
  readonly bySequence = new Map<number, Publication>();
  readonly consumers = new Map<string, ConsumerModel>();
  /** Acks of any consumer that were sent. */
  readonly asked = new Set<number>();
  last = 0;
  /** The smallest limits it ever had; 0 for none. */
  maxMessages = 0;
  maxPerSubject = 0;

  constructor(
    readonly name: string,
    readonly workQueue: boolean,
  ) {}

  /** A client was told that a message is stored, by an answer or by getting it. */
  stored(publication: Publication, sequence: number, duplicate: boolean): void {
    this.promised = true;
    const what = `${this.name} ${publication.id}`;
    assert.ok(sequence > 0, `${what} has a sequence`);
    if (publication.sequence > 0) assert.equal(sequence, publication.sequence, `${what} changed its place`);
    const other = this.bySequence.get(sequence);
    assert.ok(other === undefined || other === publication, `${what}: ${sequence} is that of ${other?.id}`);
    if (other === undefined && !duplicate && !publication.refused) {
      const before = this.published.findLast((each) => each.sequence > 0 && each.at < publication.at);
      if (before) assert.ok(sequence > before.sequence, `${what} at ${sequence} comes before ${before.id}`);
    }
    publication.sequence = sequence;
    this.bySequence.set(sequence, publication);
    this.last = Math.max(this.last, sequence);
  }

  /** Whether limits or consumers may have taken a message. */
  mayBeGone(publication: Publication): boolean {
    if (publication.removal !== '' || this.state === 'deleting') return true;
    const { sequence, subject } = publication;
    if (this.workQueue && this.asked.has(sequence)) return true;
    const later = this.published.slice(this.published.indexOf(publication) + 1);
    if (this.maxMessages > 0 && later.length >= this.maxMessages) return true;
    const same = later.filter((each) => each.subject === subject).length;
    return this.maxPerSubject > 0 && same >= this.maxPerSubject;
  }

  /** Compares with what the server has. */
  compare(stream: Stream): void {
    const { store } = stream;
    const there = new Set<Publication>();
    let before = 0;
    for (let message = store.loadNext(null, 0); message; ) {
      const { sequence, subject } = message;
      assert.ok(sequence > before, 'sequences rise');
      before = sequence;
      const publication = this.byPayload.get(message.payload.toString('latin1'));
      const what = `${this.name} ${sequence} (${publication?.id})`;
      assert.ok(publication, `${what}: ${subject} was never published like that`);
      assert.equal(subject, publication.subject, `${what}: subject`);
      assert.equal(message.header?.toString('latin1') ?? '', publication.header, `${what}: header`);
      assert.ok(!publication.refused, `${what} was refused`);
      assert.ok(!there.has(publication), `${what} is there twice`);
      assert.notEqual(publication.removal, 'confirmed', `${what} was removed`);
      if (publication.sequence > 0) assert.equal(sequence, publication.sequence, `${what}: its place`);
      const other = this.bySequence.get(sequence);
      assert.ok(!other || other === publication, `${what} is in the place of ${other?.id}`);
      there.add(publication);
      message = store.loadNext(null, sequence + 1);
    }
    assert.ok(
      store.state.lastSequence >= this.last,
      `${this.name} ends at ${store.state.lastSequence}, not ${this.last}`,
    );
    assert.equal(store.state.messages, there.size, `${this.name}: number of messages`);
    for (const publication of this.published) {
      if (publication.sequence === 0 || there.has(publication) || this.mayBeGone(publication)) continue;
      assert.fail(`${this.name} ${publication.sequence} (${publication.id}) was confirmed and is missing`);
    }
  }
}

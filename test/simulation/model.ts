/**
 * What must be true of streams and consumers, from what a client was told: nothing more is known here, so that whatever was still
 * under way when the power went may have happened or not.
 */
import assert from 'node:assert/strict';
import type { Stream } from '../../src/jetstream/stream.js';
import type { ConsumerModel } from './consumer-model.js';

/** Milliseconds after which what is due has gone, where nothing is in the way. */
const SLACK = 1000;

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
  /** Its number among all that was asked for. */
  at: number;
  /** When it was sent first, and last: milliseconds since 1970. */
  first: number;
  last: number;
  /** Milliseconds that it is to stay. */
  life: number;
  /** The sequence that it is to have by what was expected; 0 for any. */
  expected: number;
  /** Those for whom it is kept where that counts. */
  wanted: ConsumerModel[];
  /** What is stored together with it or not at all. */
  batch: Publication[];
}

export interface StreamKind {
  retention: 'limits' | 'interest' | 'workqueue';
  discard: 'old' | 'new';
  /** Milliseconds. */
  maxAge: number;
  window: number;
  rollups: boolean;
  /** Of records together before they are written anew, and so on: large messages. */
  large: boolean;
}

export class StreamModel {
  readonly name: string;
  readonly kind: StreamKind;
  state: 'there' | 'creating' | 'deleting' = 'creating';
  /** Somebody was told of something that takes it, or it has outlived a power cut. */
  promised = false;
  /** It was asked to go, and that is not answered yet. */
  mayGo = false;
  /** The last configuration that was confirmed, as the API shows it, and descriptions that it may have by now. */
  config: Record<string, unknown> | null = null;
  readonly descriptions = new Set<string>();
  updating = false;
  readonly published: Publication[] = [];
  readonly byPayload = new Map<string, Publication>();
  readonly bySequence = new Map<number, Publication>();
  readonly consumers = new Map<string, ConsumerModel>();
  /** Consumers that were not found, though nobody was told that they are gone: they may be back after a power cut. */
  readonly doubtful = new Map<string, ConsumerModel>();
  /** Acks of any consumer that were sent. */
  readonly asked = new Set<number>();
  last = 0;
  /** The smallest limits it ever had; 0 for none. */
  maxMessages = 0;
  maxPerSubject = 0;

  constructor(name: string, kind: StreamKind) {
    this.name = name;
    this.kind = kind;
  }

  /** A client was told that a message is stored, by an answer or by getting it. */
  stored(publication: Publication, sequence: number, duplicate: boolean): void {
    // What was confirmed before a deletion was refused says nothing of what that has left.
    if (!this.mayGo) this.promised = true;
    const what = `${this.name} ${publication.id}`;
    assert.ok(sequence > 0, `${what} has a sequence`);
    if (publication.sequence > 0) assert.equal(sequence, publication.sequence, `${what} changed its place`);
    const other = this.bySequence.get(sequence);
    assert.ok(other === undefined || other === publication, `${what}: ${sequence} is that of ${other?.id}`);
    if (other === undefined && !duplicate && !publication.refused) {
      const before = this.published.findLast((each) => each.sequence > 0 && each.at < publication.at);
      if (before) assert.ok(sequence > before.sequence, `${what} at ${sequence} comes before ${before.id}`);
    }
    const { expected } = publication;
    if (expected > 0) assert.equal(sequence, expected, `${what} was expected elsewhere`);
    publication.sequence = sequence;
    this.bySequence.set(sequence, publication);
    this.last = Math.max(this.last, sequence);
  }

  /** Whether limits, time or consumers may have taken a message. */
  mayBeGone(publication: Publication, now: number): boolean {
    if (publication.removal !== '' || this.state === 'deleting') return true;
    if (publication.first + publication.life <= now) return true;
    const { sequence, subject } = publication;
    const { retention, discard } = this.kind;
    if (retention === 'workqueue' && this.asked.has(sequence)) return true;
    if (retention === 'interest' && !publication.wanted.some((each) => this.#keeps(each, sequence)))
      return true;
    if (this.maxMessages === 0 && this.maxPerSubject === 0) return false;
    // What was sent again is there twice: then the first time counts.
    const from = this.published.indexOf(publication) + 1;
    const later = this.published.length - from;
    let same = 0;
    for (let i = from; i < this.published.length; i++) if (this.published[i]!.subject === subject) same++;
    if (discard === 'old' && this.maxMessages > 0 && later >= this.maxMessages) return true;
    return this.maxPerSubject > 0 && same >= this.maxPerSubject;
  }

  /** Whether interest retention has to keep a message for a consumer. */
  #keeps(consumer: ConsumerModel, sequence: number): boolean {
    const there = this.consumers.get(consumer.name) === consumer && consumer.state === 'there';
    return there && !consumer.mayBeDone(sequence);
  }

  /** Whether nothing is left that keeps a message: when the server had time for it, it is gone. */
  #mustBeGone({ subject, sequence, last, life }: Publication, now: number): boolean {
    if (last + life + SLACK < now) return true;
    const { retention } = this.kind;
    if (retention === 'limits' || sequence === 0) return false;
    const consumers = [...this.consumers.values()].filter((each) => each.wants(subject, false));
    if (retention === 'workqueue') return consumers.some((each) => each.isDone(sequence));
    return consumers.length > 0 && consumers.every((each) => each.isDone(sequence));
  }

  /** Compares with what the server has; `atRest` when nothing is under way and nothing has failed. */
  compare(stream: Stream, now: number, atRest: boolean): void {
    const { store } = stream;
    const there = new Set<Publication>();
    let before = 0;
    for (
      let message = store.loadNext(null, 0);
      message;
      message = store.loadNext(null, before + 1, message)
    ) {
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
      if (atRest) assert.ok(!this.#mustBeGone(publication, now), `${what} should be gone`);
      there.add(publication);
    }
    const { lastSequence, messages } = store.state;
    assert.ok(lastSequence >= this.last, `${this.name} ends at ${lastSequence}, not ${this.last}`);
    assert.equal(messages, there.size, `${this.name}: number of messages`);
    for (const publication of this.published) {
      if (there.has(publication)) this.#checkBatch(publication, there, now);
      else if (publication.sequence > 0 && !this.mayBeGone(publication, now))
        assert.fail(`${this.name} ${publication.sequence} (${publication.id}) was confirmed and is missing`);
    }
  }

  #checkBatch({ batch, id }: Publication, there: ReadonlySet<Publication>, now: number): void {
    for (const other of batch) {
      const lost = !there.has(other) && !this.mayBeGone(other, now);
      assert.ok(!lost, `${this.name} ${id} is there without ${other.id}`);
    }
  }
}

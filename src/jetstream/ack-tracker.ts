/**
 * What a consumer has delivered and what of it was acknowledged: floors, messages that wait for an ack, messages to be delivered
 * again. It knows no clock, no store and no subjects: the same calls always lead to the same state.
 *
 * Sequences are the stream's unless they are called the consumer's. Times are milliseconds since 1970.
 *
 * There are two ack floors, as officially: the working one, which follows `next` over messages that are not for the consumer, and
 * the one that is stored and shown, which lies at what was delivered.
 */
import type { PendingState } from './store/consumer-state-file.js';
import type { ConsumerPosition } from './store/consumer-store.js';

export interface AckRules {
  policy: 'none' | 'all' | 'explicit' | 'flow_control';
  /** Milliseconds that a message waits for its ack before it is delivered again. */
  ackWait: number;
  /** The same by the number of deliveries; empty for always `ackWait`. */
  backoff: readonly number[];
  /** -1 for any number. */
  maxDeliver: number;
}

export interface Expiry {
  /** What may not be delivered again; it is done with. */
  exhausted: number[];
  /** Something was put into the queue. */
  expired: boolean;
  /** When to ask next: milliseconds from now, Infinity while nothing waits. */
  next: number;
}

const NOTHING: readonly number[] = [];

export class AckTracker {
  rules: AckRules;
  /** The first sequence that was not looked at yet. */
  next = 1;
  /** Of the last delivery; the consumer's own count. */
  deliveredConsumer = 0;
  /** The highest one that was delivered. */
  deliveredStream = 0;
  /** The floor that is stored and shown. */
  floorConsumer = 0;
  floorStream = 0;
  /** The working floor. */
  #workConsumer = 0;
  #workStream = 0;
  readonly pending = new Map<number, PendingState>();
  /** Deliveries minus one. */
  readonly redelivered = new Map<number, number>();
  /** To be delivered again, in this order. */
  readonly #queue = new Set<number>();
  /** Pending messages in the order of the stream; those that are done with are still in it. */
  #order: number[] = [];
  #head = 0;

  constructor(rules: AckRules) {
    this.rules = rules;
  }

  /** Begins at a sequence. */
  startAt(sequence: number): void {
    this.next = sequence;
    this.deliveredStream = sequence - 1;
    this.floorStream = sequence - 1;
    this.#workStream = sequence - 1;
  }

  /**
   * Goes on where a stored position ends. What its stream has lost since (all above `lastSequence`) was not delivered: gives whether that is
   * so, and the position is another one now.
   */
  restore({ delivered, ackFloor, pending, redelivered }: ConsumerPosition, lastSequence: number): boolean {
    this.deliveredConsumer = delivered.consumer;
    this.deliveredStream = delivered.stream;
    this.floorConsumer = ackFloor.consumer;
    this.floorStream = ackFloor.stream;
    this.pending.clear();
    this.redelivered.clear();
    this.#queue.clear();
    const sequences = [...pending.keys()].sort((a, b) => a - b);
    for (const sequence of sequences) this.pending.set(sequence, { ...pending.get(sequence)! });
    for (const [sequence, count] of redelivered) this.redelivered.set(sequence, count);
    this.#order = sequences;
    this.#head = 0;
    const isAhead = this.deliveredStream > lastSequence;
    if (isAhead) this.#fitInto(lastSequence);
    this.next = this.deliveredStream + 1;
    this.#workConsumer = this.floorConsumer;
    this.#workStream = this.floorStream;
    return isAhead;
  }

  /** The disk has refused messages that were not delivered yet: gives whether the position lay behind one of them. */
  goBack(lastSequence: number): boolean {
    if (this.next <= lastSequence + 1 && this.deliveredStream <= lastSequence) return false;
    if (this.deliveredStream > lastSequence) this.#fitInto(lastSequence);
    this.next = Math.min(this.next, lastSequence + 1);
    this.#workStream = Math.min(this.#workStream, lastSequence);
    return true;
  }

  /** The stream ends below what was delivered: its new messages will have sequences that were delivered before. */
  #fitInto(lastSequence: number): void {
    for (const sequence of this.pending.keys()) if (sequence > lastSequence) this.pending.delete(sequence);
    for (const sequence of this.redelivered.keys())
      if (sequence > lastSequence) this.redelivered.delete(sequence);
    this.#order = [...this.pending.keys()];
    if (this.floorStream > lastSequence) {
      this.floorStream = lastSequence;
      this.floorConsumer = this.deliveredConsumer;
    }
    this.deliveredStream = lastSequence;
  }

  /** What has to be stored. It is not a copy. */
  position(): ConsumerPosition {
    return {
      delivered: { consumer: this.deliveredConsumer, stream: this.deliveredStream },
      ackFloor: { consumer: this.floorConsumer, stream: this.floorStream },
      pending: this.pending,
      redelivered: this.redelivered,
    };
  }

  /** What lies at or below it is done with. */
  get workingFloor(): number {
    return this.#workStream;
  }

  /** How often a message was delivered, as far as that is remembered. */
  deliveries(sequence: number): number {
    return (this.redelivered.get(sequence) ?? 0) + 1;
  }

  get redeliveries(): number {
    return this.#queue.size;
  }

  /** Whether the message may still be delivered, or waits for its ack: a stream that keeps what is wanted must keep it. */
  needs(sequence: number): boolean {
    if (sequence > this.#workStream) {
      if (this.rules.policy !== 'explicit') return true;
      if (sequence >= this.next || this.pending.has(sequence)) return true;
    }
    // It was delivered as often as it may be, which is not the same as being acknowledged.
    return this.redelivered.has(sequence);
  }

  // --- Delivery -----------------------------------------------------------------------------------------------------

  /** Takes the next message to be delivered again; its deliveries count one more. 0 without any. */
  takeRedelivery(): number {
    for (const sequence of this.#queue) {
      this.#queue.delete(sequence);
      this.redelivered.set(sequence, (this.redelivered.get(sequence) ?? 0) + 1);
      return sequence;
    }
    return 0;
  }

  /** It could not be delivered after all: it comes again, and the delivery does not count. */
  putBack(sequence: number): void {
    this.#uncount(sequence);
    this.#queue.add(sequence);
  }

  #uncount(sequence: number): void {
    const count = this.redelivered.get(sequence) ?? 0;
    if (count <= 1) this.redelivered.delete(sequence);
    else this.redelivered.set(sequence, count - 1);
  }

  /** A message goes out: gives the consumer's sequence of this delivery. */
  delivered(sequence: number, now: number): number {
    const consumerSequence = ++this.deliveredConsumer;
    if (sequence > this.deliveredStream) this.deliveredStream = sequence;
    if (sequence >= this.next) this.next = sequence + 1;
    if (this.rules.policy === 'none') {
      this.floorConsumer = consumerSequence;
      this.floorStream = this.deliveredStream;
      this.#workConsumer = consumerSequence;
      this.#workStream = sequence;
      return consumerSequence;
    }
    const known = this.pending.get(sequence);
    if (known !== undefined) {
      // The first delivery's sequence stays: floors are counted by it.
      known.deliveredAt = now;
    } else {
      this.pending.set(sequence, { sequence: consumerSequence, deliveredAt: now });
      this.#order.push(sequence);
    }
    return consumerSequence;
  }

  /** It was sent and reached nobody: it comes again soon, where it waits for an ack, and the delivery does not count. */
  undelivered(sequence: number, again: boolean): void {
    this.#uncount(sequence);
    if (again && this.pending.has(sequence)) this.#queue.add(sequence);
  }

  /** Messages up to this one are not for this consumer. */
  skipTo(sequence: number): void {
    if (sequence >= this.next) this.next = sequence + 1;
  }

  // --- Acks ---------------------------------------------------------------------------------------------------------

  /**
   * Returns what is done with by it, the message itself included. With an explicit ack that is so even when nobody waited for it; with
   * the others an ack at or below the floor means nothing.
   */
  ack(sequence: number, consumerSequence: number): readonly number[] {
    if (this.rules.policy === 'none') return NOTHING;
    if (this.rules.policy === 'explicit') {
      this.#ackOne(sequence);
      return [sequence];
    }
    if (consumerSequence <= this.#workConsumer || sequence <= this.#workStream) return NOTHING;
    return this.#ackThrough(sequence, consumerSequence);
  }

  #ackOne(sequence: number): void {
    const known = this.pending.get(sequence);
    this.#forget(sequence);
    if (known === undefined) return;
    this.pending.delete(sequence);
    this.#moveFloors(known.sequence, sequence, true);
  }

  #ackThrough(sequence: number, consumerSequence: number): readonly number[] {
    const done = [];
    while (this.#head < this.#order.length) {
      const first = this.#order[this.#head]!;
      if (first > sequence) break;
      this.#head++;
      if (!this.pending.delete(first)) continue;
      this.#forget(first);
      if (first !== sequence) done.push(first);
    }
    done.push(sequence);
    this.redelivered.delete(sequence);
    this.floorConsumer = this.#workConsumer = consumerSequence;
    this.floorStream = this.#workStream = sequence;
    this.#trimOrder();
    return done;
  }

  #forget(sequence: number): void {
    if (this.redelivered.size > 0) this.redelivered.delete(sequence);
    if (this.#queue.size > 0) this.#queue.delete(sequence);
  }

  /** The first delivery of a pending message; null without any. */
  #lowest(): number | null {
    while (this.#head < this.#order.length && !this.pending.has(this.#order[this.#head]!)) this.#head++;
    return this.#head < this.#order.length ? this.#order[this.#head]! : null;
  }

  /** A message is no longer pending: the floors go up to what is pending still. */
  #moveFloors(consumerSequence: number, sequence: number, stored: boolean): void {
    const lowest = this.#lowest();
    if (lowest === null) {
      this.#raiseFloors(stored);
      return;
    }
    const first = this.pending.get(lowest)!.sequence;
    // A file of version 1 did not tell the sequence.
    const consumer = lowest > sequence && first > 0 ? first - 1 : consumerSequence;
    const stream = lowest > sequence && first > 0 ? lowest - 1 : sequence;
    if (consumerSequence === this.#workConsumer + 1) {
      this.#workConsumer = consumer;
      this.#workStream = stream;
    }
    if (stored && consumerSequence === this.floorConsumer + 1) {
      this.floorConsumer = consumer;
      this.floorStream = stream;
    }
    this.#trimOrder();
  }

  /** No ack is due: the floors are where the deliveries are. */
  #raiseFloors(stored: boolean): void {
    this.#workConsumer = this.deliveredConsumer;
    this.#workStream = this.next - 1;
    if (stored) {
      this.floorConsumer = this.deliveredConsumer;
      this.floorStream = this.deliveredStream;
    }
    this.#trimOrder();
  }

  #trimOrder(): void {
    if (this.pending.size === 0) {
      if (this.#order.length > 0) this.#order = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Whether a negative ack of this delivery means something. */
  canNak(sequence: number, consumerSequence: number): boolean {
    return (
      consumerSequence > this.#workConsumer &&
      consumerSequence <= this.deliveredConsumer + 1 &&
      this.pending.has(sequence)
    );
  }

  /** Delivers it again as soon as possible. */
  nak(sequence: number): void {
    if (this.pending.has(sequence)) this.#queue.add(sequence);
  }

  /** Delivers it again in `delay` milliseconds. */
  nakIn(sequence: number, delay: number, now: number): void {
    const known = this.pending.get(sequence);
    if (known === undefined) return;
    this.#queue.delete(sequence);
    known.deliveredAt = now - this.waitOf(sequence) + delay;
  }

  /** Somebody is at work on it. */
  progress(sequence: number, now: number): boolean {
    const known = this.pending.get(sequence);
    if (known === undefined) return false;
    known.deliveredAt = now;
    return true;
  }

  /** The stream no longer has the message. Returns what was known of it when it was pending. */
  gone(sequence: number): { consumerSequence: number; deliveries: number } | null {
    const known = this.pending.get(sequence);
    const deliveries = Math.max(1, this.redelivered.get(sequence) ?? 0);
    this.#forget(sequence);
    if (known === undefined) return null;
    this.pending.delete(sequence);
    this.#moveFloors(known.sequence, sequence, true);
    return { consumerSequence: known.sequence, deliveries };
  }

  /**
   * Messages were purged: all below `first`, or some. `isGone` is asked about pending ones that lie above. `last` is the last
   * sequence of the stream.
   */
  purged(first: number, isGone: (sequence: number) => boolean): void {
    if (this.next < first) this.next = first;
    for (const [sequence, known] of this.pending) {
      if (sequence >= first && !isGone(sequence)) continue;
      this.pending.delete(sequence);
      this.#forget(sequence);
      if (known.sequence > this.#workConsumer && sequence < first) this.#workConsumer = known.sequence;
    }
    for (const sequence of this.redelivered.keys())
      if (sequence < first || isGone(sequence)) this.#forget(sequence);
    for (const sequence of this.#queue) if (!this.pending.has(sequence)) this.#queue.delete(sequence);
    const lowest = this.#lowest();
    this.deliveredStream = this.next - 1;
    if (lowest === null) {
      this.#raiseFloors(true);
      return;
    }
    const { sequence } = this.pending.get(lowest)!;
    if (sequence - 1 > this.#workConsumer) this.#workConsumer = sequence - 1;
    if (lowest - 1 > this.#workStream) this.#workStream = lowest - 1;
    this.floorConsumer = this.#workConsumer;
    this.floorStream = this.#workStream;
    this.#trimOrder();
  }

  // --- Time ---------------------------------------------------------------------------------------------------------

  /** How long a message waits for its ack after its last delivery. */
  waitOf(sequence: number): number {
    const { backoff, ackWait } = this.rules;
    if (backoff.length === 0) return ackWait;
    return backoff[Math.min(this.redelivered.get(sequence) ?? 0, backoff.length - 1)]!;
  }

  /** When the last ack that is waited for is due; 0 without. */
  lastDue(): number {
    let last = 0;
    for (const [sequence, { deliveredAt }] of this.pending)
      last = Math.max(last, deliveredAt + this.waitOf(sequence));
    return last;
  }

  /** It is not delivered again. That it was delivered so often stays known. */
  giveUp(sequence: number): void {
    const known = this.pending.get(sequence);
    this.redelivered.set(sequence, Math.max(this.redelivered.get(sequence) ?? 0, 1));
    this.#queue.delete(sequence);
    if (known === undefined) return;
    this.pending.delete(sequence);
    // What is stored keeps its floor, as officially, until the next ack.
    this.#moveFloors(known.sequence, sequence, false);
  }

  /**
   * Puts messages whose time is over into the queue. As officially, only those that may be delivered once are given up at once; others
   * that have had all their deliveries are when their turn comes.
   */
  expire(now: number): Expiry {
    const expired: number[] = [];
    const exhausted: number[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const [sequence, { deliveredAt }] of this.pending) {
      if (this.#queue.has(sequence)) continue;
      const left = deliveredAt + this.waitOf(sequence) - now;
      if (left > 0) next = Math.min(next, left);
      else expired.push(sequence);
    }
    expired.sort((a, b) => a - b);
    const { maxDeliver } = this.rules;
    for (const sequence of expired) {
      if (maxDeliver > 0 && Math.max(1, this.redelivered.get(sequence) ?? 0) >= maxDeliver) {
        exhausted.push(sequence);
        this.giveUp(sequence);
        continue;
      }
      this.#queue.add(sequence);
      // Its time begins anew with the delivery; until then it counts as expired now.
      this.pending.get(sequence)!.deliveredAt = now;
    }
    return { exhausted, expired: expired.length > exhausted.length, next };
  }

  /** All that is pending is delivered again. */
  expireAll(now: number): void {
    for (const [sequence, known] of this.pending) {
      this.#queue.add(sequence);
      known.deliveredAt = now;
    }
  }

  /** Back, or on, to a sequence: everything from there on is delivered anew, and counted anew. */
  resetTo(sequence: number): void {
    this.pending.clear();
    this.redelivered.clear();
    this.#queue.clear();
    this.#order = [];
    this.#head = 0;
    this.deliveredConsumer = 0;
    this.floorConsumer = this.#workConsumer = 0;
    this.startAt(sequence);
  }
}

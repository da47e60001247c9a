/**
 * What a consumer has delivered and what of it was acknowledged: floors, messages that wait for an ack, messages to be delivered
 * again. It knows no clock, no store and no subjects: the same calls always lead to the same state.
 *
 * Sequences are the stream's unless they are called the consumer's. Times are milliseconds since 1970.
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

/** Messages that are done with, for streams that keep messages only until they are. */
export type Done = readonly number[];

export class AckTracker {
  rules: AckRules;
  deliveredConsumer = 0;
  /** The last one that was looked at; what comes next lies above it. */
  deliveredStream = 0;
  floorConsumer = 0;
  floorStream = 0;
  readonly pending = new Map<number, PendingState>();
  /** Deliveries minus one. */
  readonly redelivered = new Map<number, number>();
  /** To be delivered again, in this order. */
  readonly #queue = new Set<number>();
  /** Pending messages in the order of their first delivery; those that are done with are still in it. */
  #order: number[] = [];
  #head = 0;

  constructor(rules: AckRules) {
    this.rules = rules;
  }

  /** Begins behind a sequence. */
  startAt(sequence: number): void {
    this.deliveredStream = sequence - 1;
    this.floorStream = sequence - 1;
  }

  /** Goes on where a stored position ends. */
  restore(position: ConsumerPosition): void {
    this.deliveredConsumer = position.delivered.consumer;
    this.deliveredStream = position.delivered.stream;
    this.floorConsumer = position.ackFloor.consumer;
    this.floorStream = position.ackFloor.stream;
    this.pending.clear();
    this.redelivered.clear();
    this.#queue.clear();
    const sequences = [...position.pending.keys()].sort((a, b) => a - b);
    for (const sequence of sequences) this.pending.set(sequence, { ...position.pending.get(sequence)! });
    for (const [sequence, count] of position.redelivered) this.redelivered.set(sequence, count);
    this.#order = sequences;
    this.#head = 0;
  }

  /** A copy for the store. */
  position(): ConsumerPosition {
    return {
      delivered: { consumer: this.deliveredConsumer, stream: this.deliveredStream },
      ackFloor: { consumer: this.floorConsumer, stream: this.floorStream },
      pending: this.pending,
      redelivered: this.redelivered,
    };
  }

  /** How often a message was delivered, as far as that is remembered. */
  deliveries(sequence: number): number {
    return (this.redelivered.get(sequence) ?? 0) + 1;
  }

  /** Messages are waiting to be delivered again. */
  get hasRedeliveries(): boolean {
    return this.#queue.size > 0;
  }

  get redeliveries(): number {
    return this.#queue.size;
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
    if (this.rules.policy === 'none') {
      this.floorConsumer = consumerSequence;
      this.floorStream = sequence;
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

  /** Messages up to this one are not for this consumer. */
  skipTo(sequence: number): void {
    if (sequence <= this.deliveredStream) return;
    this.deliveredStream = sequence;
    if (this.pending.size === 0) this.#raiseFloor();
  }

  /** No ack is due: the floors are where the deliveries are. */
  #raiseFloor(): void {
    this.floorConsumer = this.deliveredConsumer;
    this.floorStream = this.deliveredStream;
  }

  // --- Acks ---------------------------------------------------------------------------------------------------------

  /** Whether an ack of this delivery still has a meaning. */
  isDue(sequence: number, consumerSequence: number): boolean {
    if (this.rules.policy === 'none' || sequence > this.deliveredStream) return false;
    if (this.rules.policy === 'explicit') return this.pending.has(sequence);
    return consumerSequence > this.floorConsumer && sequence > this.floorStream;
  }

  /** Returns what is done with by it, the message itself included. */
  ack(sequence: number, consumerSequence: number): Done {
    if (this.rules.policy === 'explicit') return this.#ackOne(sequence);
    if (!this.isDue(sequence, consumerSequence)) return [];
    return this.#ackThrough(sequence, consumerSequence);
  }

  #ackOne(sequence: number): Done {
    const known = this.pending.delete(sequence);
    this.#forget(sequence);
    if (!known) return [];
    this.#moveFloor();
    return [sequence];
  }

  #ackThrough(sequence: number, consumerSequence: number): Done {
    const done: number[] = [];
    for (const each of this.pending.keys()) {
      if (each > sequence) continue;
      done.push(each);
      this.pending.delete(each);
      this.#forget(each);
    }
    this.floorConsumer = consumerSequence;
    this.floorStream = sequence;
    if (this.pending.size === 0) this.#clearOrder();
    return done;
  }

  #forget(sequence: number): void {
    this.redelivered.delete(sequence);
    this.#queue.delete(sequence);
  }

  /** The floor lies just below the first delivery that is still pending. */
  #moveFloor(): void {
    if (this.pending.size === 0) {
      this.#raiseFloor();
      this.#clearOrder();
      return;
    }
    while (!this.pending.has(this.#order[this.#head]!)) this.#head++;
    const first = this.#order[this.#head]!;
    const below = this.pending.get(first)!.sequence - 1;
    if (below > this.floorConsumer) {
      this.floorConsumer = below;
      this.floorStream = first - 1;
    }
    if (this.#head > 4096 && this.#head * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
  }

  #clearOrder(): void {
    this.#order = [];
    this.#head = 0;
  }

  /** Delivers it again as soon as possible. False when it is not pending. */
  nak(sequence: number): boolean {
    if (!this.pending.has(sequence)) return false;
    this.#queue.add(sequence);
    return true;
  }

  /** Delivers it again in `delay` milliseconds. */
  nakIn(sequence: number, delay: number, now: number): boolean {
    const known = this.pending.get(sequence);
    if (known === undefined) return false;
    this.#queue.delete(sequence);
    known.deliveredAt = now - this.waitOf(sequence) + delay;
    return true;
  }

  /** Somebody is at work on it. */
  progress(sequence: number, now: number): boolean {
    const known = this.pending.get(sequence);
    if (known === undefined) return false;
    known.deliveredAt = now;
    return true;
  }

  /** The stream no longer has the message. Returns the number of deliveries when it was pending, else 0. */
  gone(sequence: number): number {
    const deliveries = this.pending.has(sequence) ? this.deliveries(sequence) : 0;
    this.pending.delete(sequence);
    this.#forget(sequence);
    if (deliveries > 0) this.#moveFloor();
    return deliveries;
  }

  /** The stream has nothing below `first` any more. */
  goneBelow(first: number): void {
    for (const sequence of [...this.pending.keys()]) if (sequence < first) this.pending.delete(sequence);
    for (const sequence of [...this.redelivered.keys()])
      if (sequence < first) this.redelivered.delete(sequence);
    for (const sequence of [...this.#queue]) if (sequence < first) this.#queue.delete(sequence);
    if (this.deliveredStream < first - 1) this.deliveredStream = first - 1;
    if (this.pending.size === 0) this.#raiseFloor();
    else this.#moveFloor();
  }

  // --- Time ---------------------------------------------------------------------------------------------------------

  /** How long a message waits for its ack after its last delivery. */
  waitOf(sequence: number): number {
    const { backoff, ackWait } = this.rules;
    if (backoff.length === 0) return ackWait;
    return backoff[Math.min(this.redelivered.get(sequence) ?? 0, backoff.length - 1)]!;
  }

  /** Whether it has been delivered as often as it may be. */
  isExhausted(sequence: number): boolean {
    return this.rules.maxDeliver > 0 && this.deliveries(sequence) >= this.rules.maxDeliver;
  }

  /** It is not delivered again. That it was delivered so often stays known. */
  giveUp(sequence: number): void {
    this.redelivered.set(sequence, this.deliveries(sequence));
    this.#queue.delete(sequence);
    if (this.pending.delete(sequence)) this.#moveFloor();
  }

  /**
   * Puts messages whose time is over into the queue. Returns those that may not be delivered again, for which `giveUp` is called by
   * whoever tells of it, and when to ask next: milliseconds from now, Infinity while nothing waits.
   */
  expire(now: number): { exhausted: number[]; next: number } {
    const expired: number[] = [];
    const exhausted: number[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const [sequence, { deliveredAt: time }] of this.pending) {
      if (this.#queue.has(sequence)) continue;
      const wait = this.waitOf(sequence);
      const left = time + wait - now;
      if (left > 0) next = Math.min(next, left);
      else if (this.isExhausted(sequence)) exhausted.push(sequence);
      else expired.push(sequence);
    }
    for (const sequence of expired.sort((a, b) => a - b)) this.#queue.add(sequence);
    return { exhausted, next };
  }

  /** Back to a sequence: everything from there on is delivered anew. */
  resetTo(sequence: number): void {
    this.pending.clear();
    this.redelivered.clear();
    this.#queue.clear();
    this.#clearOrder();
    this.deliveredStream = sequence - 1;
    this.#raiseFloor();
  }
}

/**
 * How a push consumer delivers: to its subject, as long as somebody listens there, not faster than its rate limit, and with flow
 * control not more than the client has asked for; with heartbeats while there is nothing to say.
 */
import type { InternalMessage } from '../broker/internal-client.js';
import { fromUtf8 } from '../protocol/bytes.js';
import type { Timer } from '../runtime/clock.js';
import type { Consumer, DeliveryMode } from './consumer.js';
import { headerBytes, headerText, headerValue, statusBlock } from './headers.js';
import { heartbeatBlock } from './pull-delivery.js';

const NANOSECONDS = 1e6;
/** Bytes that may be under way with flow control; the window begins at a sixteenth and doubles with each answer. */
const LARGEST_WINDOW = 32 * 1024 * 1024;

export class PushDelivery implements DeliveryMode {
  readonly #consumer: Consumer;
  /** Somebody listens. */
  active = false;
  readonly pin = '';
  #subject = '';
  #unwatch: () => void = () => {};
  #heartbeat: Timer | null = null;
  #inactive: Timer | null = null;
  #window: number;
  /** Bytes sent since the last answer. */
  #underWay = 0;
  /** The subject that the client has to answer on; '' while nothing is asked. */
  #asked = '';
  /** Bytes that the answer stands for. */
  #askedFor = 0;
  /** Bytes that may be sent now under the rate limit, and when that was counted. */
  #allowance = 0;
  #allowanceAt = 0;

  constructor(consumer: Consumer) {
    this.#consumer = consumer;
    this.#window = LARGEST_WINDOW / 16;
    if (consumer.config.flow_control) {
      const { stream, name } = consumer;
      consumer.listen(`$JS.FC.${stream.name}.${name}.*`, (message) => this.#onFlowControl(message));
    }
  }

  /** The configuration has changed. */
  update(): void {
    const { config, account } = this.#consumer;
    const subject = fromUtf8(config.deliver_subject);
    if (subject !== this.#subject) {
      this.#unwatch();
      this.#subject = subject;
      this.#unwatch = account.watchInterest(subject, () => this.#interestChanged());
    }
    this.#interestChanged();
    this.#armHeartbeat();
  }

  /** A subscription to exactly the subject counts, in the queue group where there is one. */
  #interestChanged(): void {
    const { account, config } = this.#consumer;
    const active = account.hasExactInterest(this.#subject, config.deliver_group);
    if (active === this.active) {
      if (!active && this.#inactive === null) this.#armInactive();
      return;
    }
    this.active = active;
    this.#inactive?.cancel();
    this.#inactive = null;
    if (!active) {
      this.#armInactive();
      return;
    }
    // What was sent to those who are gone does not count for those who come.
    this.#underWay = 0;
    this.#asked = '';
    this.#askedFor = 0;
    this.#window = LARGEST_WINDOW / 16;
    this.#armHeartbeat();
    this.#consumer.pump();
  }

  get ready(): boolean {
    return this.active && !(this.#consumer.config.flow_control && this.#underWay > this.#window);
  }

  target(size: number): string | null {
    const wait = this.#rateWait(size);
    if (wait === 0) return this.#subject;
    this.#consumer.holdBack(wait);
    return null;
  }

  /** Milliseconds until so many bytes may be sent; they count as sent when it is 0. */
  #rateWait(size: number): number {
    const bits = this.#consumer.config.rate_limit_bps;
    if (bits === 0) return 0;
    const perMillisecond = bits / 8 / 1000;
    const burst = Math.max(bits / 8, size);
    const now = this.#consumer.clock.monotonic();
    const grown = this.#allowanceAt === 0 ? burst : (now - this.#allowanceAt) * perMillisecond;
    this.#allowance = Math.min(burst, this.#allowance + grown);
    this.#allowanceAt = now;
    if (this.#allowance < size) return Math.max(1, (size - this.#allowance) / perMillisecond);
    this.#allowance -= size;
    return 0;
  }

  sent(size: number): void {
    this.#armHeartbeat();
    if (!this.#consumer.config.flow_control) return;
    this.#underWay += size;
    if (this.#asked !== '') {
      if (this.#underWay - this.#askedFor >= this.#window) this.#askedFor += size;
      return;
    }
    const { config, acks } = this.#consumer;
    const full =
      config.ack_policy === 'flow_control' &&
      config.max_ack_pending > 0 &&
      acks.pending.size >= config.max_ack_pending;
    if (full || this.#underWay > this.#window / 2) this.#askToGoOn();
  }

  #askToGoOn(): void {
    const { stream, name } = this.#consumer;
    this.#askedFor = this.#underWay;
    this.#asked = fromUtf8(`$JS.FC.${stream.name}.${name}.${this.#consumer.account.jetstream.shortId()}`);
    this.#tell(statusBlock(100, 'FlowControl Request'), this.#asked);
  }

  #onFlowControl({ subject, header }: InternalMessage): void {
    if (subject !== this.#asked) return;
    this.#window = Math.min(LARGEST_WINDOW, this.#window * 2);
    this.#underWay = Math.max(0, this.#underWay - this.#askedFor);
    this.#asked = '';
    this.#askedFor = 0;
    if (this.#consumer.config.ack_policy === 'flow_control' && header !== null) {
      const text = headerText(header);
      const sequence = Number(headerValue(text, 'Nats-Last-Stream') ?? 0);
      const consumerSequence = Number(headerValue(text, 'Nats-Last-Consumer') ?? 0);
      if (sequence > 0) this.#consumer.ackThrough(sequence, Math.max(0, consumerSequence));
    }
    this.#consumer.pump();
  }

  #tell(block: string, reply = ''): void {
    this.#consumer.account.client.deliver(this.#subject, this.#subject, reply, headerBytes(block), EMPTY);
  }

  idle(): void {
    // Heartbeats run by themselves.
  }

  #armHeartbeat(): void {
    this.#heartbeat?.cancel();
    this.#heartbeat = null;
    const every = this.#consumer.config.idle_heartbeat / NANOSECONDS;
    if (every <= 0 || this.#consumer.closed) return;
    this.#heartbeat = this.#consumer.clock.after(every, () => {
      if (this.active) {
        this.#tell(heartbeatBlock(this.#consumer, this.#asked));
        const { config, acks } = this.#consumer;
        if (config.ack_policy === 'flow_control' && acks.pending.size > 0 && this.#asked === '')
          this.#askToGoOn();
      }
      this.#armHeartbeat();
    });
  }

  /** Nobody listens: after a while the consumer goes, when it is one that goes. */
  #armInactive(): void {
    const threshold = this.#consumer.config.inactive_threshold / NANOSECONDS;
    if (threshold <= 0 || this.#consumer.closed) return;
    this.#inactive = this.#consumer.clock.after(threshold, () => {
      this.#inactive = null;
      if (!this.active) this.#consumer.stream.consumerInactive(this.#consumer);
    });
  }

  close(): void {
    this.#unwatch();
    for (const timer of [this.#heartbeat, this.#inactive]) timer?.cancel();
    this.#heartbeat = null;
    this.#inactive = null;
    this.active = false;
  }
}

const EMPTY = Buffer.alloc(0);

/**
 * How a push consumer delivers: to its subject, as long as somebody listens there, not faster than its rate limit, and with flow
 * control not more than the client has asked for; with heartbeats while there is nothing to say.
 */
import type { InternalMessage } from '../broker/internal-client.js';
import type { Route } from '../broker/route.js';
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
  readonly pin = null;
  #route: Route;
  #group = '';
  #unwatch: () => void = () => {};
  #heartbeat: Timer | null = null;
  /** When the heartbeat is due that the last delivery put off; by the monotonic clock. */
  #heartbeatAt = 0;
  /** When it was put off; milliseconds since 1970. */
  #putOffIn = -1;
  #inactive: Timer | null = null;
  #threshold = -1;
  #window = LARGEST_WINDOW / 16;
  /** Bytes sent since the last answer. */
  #underWay = 0;
  /** The subject that the client has to answer on; '' while nothing is asked. */
  #asked = '';
  /** Bytes that the answer stands for. */
  #askedFor = 0;
  /** Bytes that may be sent now under the rate limit, and when that was counted. */
  #allowance = 0;
  #allowanceAt = -1;
  #rate = 0;

  constructor(consumer: Consumer) {
    this.#consumer = consumer;
    this.#route = consumer.account.client.route(fromUtf8(consumer.config.deliver_subject));
  }

  start(): void {
    this.update();
    this.#putOffHeartbeat();
    this.#armHeartbeat();
  }

  get #subject(): string {
    return this.#route.subject;
  }

  /** The configuration has changed. */
  update(): void {
    const { config, account } = this.#consumer;
    const subject = fromUtf8(config.deliver_subject);
    if (config.rate_limit_bps !== this.#rate) {
      this.#rate = config.rate_limit_bps;
      this.#allowanceAt = -1;
    }
    if (subject !== this.#subject || this.#threshold === -1) {
      this.#unwatch();
      this.#route = account.client.route(subject);
      this.#unwatch = account.watchInterest(subject, () => this.#interestChanged());
    }
    if (config.inactive_threshold !== this.#threshold) {
      this.#threshold = config.inactive_threshold;
      this.#inactive?.cancel();
      this.#inactive = null;
    }
    this.#group = config.deliver_group;
    this.#interestChanged();
  }

  /** A subscription to exactly the subject counts, in the queue group where there is one. */
  #interestChanged(): void {
    if (this.#consumer.closed) return;
    const active = this.#consumer.account.hasExactInterest(this.#subject, this.#group);
    const begins = active && !this.active;
    this.active = active;
    if (active) {
      this.#inactive?.cancel();
      this.#inactive = null;
    } else if (this.#inactive === null) {
      this.#armInactive();
    }
    if (begins) this.#consumer.pumpLater();
  }

  get ready(): boolean {
    return this.active && !(this.#consumer.config.flow_control && this.#underWay > this.#window);
  }

  target(size: number): Route | null {
    const wait = this.#rateWait(size);
    if (wait === 0) return this.#route;
    this.#consumer.holdBack(wait);
    return null;
  }

  /** Milliseconds until so many bytes may be sent; they count as sent when it is 0. */
  #rateWait(size: number): number {
    if (this.#rate === 0) return 0;
    const perMillisecond = this.#rate / 8 / 1000;
    const { max_msg_size: largest } = this.#consumer.stream.config;
    const burst = Math.max(largest > 0 ? largest : this.#consumer.account.maxPayload, size);
    const now = this.#consumer.clock.monotonic();
    const grown = this.#allowanceAt < 0 ? burst : (now - this.#allowanceAt) * perMillisecond;
    this.#allowance = Math.min(burst, this.#allowance + grown);
    this.#allowanceAt = now;
    if (this.#allowance < size) return Math.max(1, (size - this.#allowance) / perMillisecond);
    this.#allowance -= size;
    return 0;
  }

  sent(size: number): void {
    // Once for all deliveries of a moment.
    if (this.#consumer.now !== this.#putOffIn) this.#putOffHeartbeat();
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
    if (full || this.#underWay > Math.floor(this.#window / 2)) this.#askToGoOn();
  }

  failed(): void {
    this.active = false;
    this.#interestChanged();
  }

  #askToGoOn(): void {
    const { stream, name, account } = this.#consumer;
    this.#askedFor = this.#underWay;
    const id = account.jetstream.shortId().slice(-4);
    this.#asked = `$JS.FC.${account.acks.scope}${fromUtf8(`${stream.name}.${name}.${id}`)}`;
    this.#tell(statusBlock(100, 'FlowControl Request'), this.#asked);
  }

  /** The client answers that it has got everything up to the question. */
  receiveFlowControl({ subject, header }: InternalMessage): void {
    const { config } = this.#consumer;
    if (!config.flow_control || subject !== this.#asked) return;
    this.#window = Math.min(LARGEST_WINDOW, this.#window * 2);
    this.#underWay = Math.max(0, this.#underWay - this.#askedFor);
    this.#asked = '';
    this.#askedFor = 0;
    if (config.ack_policy === 'flow_control' && header !== null) {
      const text = headerText(header);
      const sequence = Number(headerValue(text, 'Nats-Last-Stream') ?? 0);
      const consumerSequence = Number(headerValue(text, 'Nats-Last-Consumer') ?? 0);
      if (sequence > 0) this.#consumer.ackThrough(sequence, Math.max(0, consumerSequence || 0));
    }
    this.#consumer.pump();
  }

  #tell(block: string, reply = ''): void {
    this.#consumer.account.client.send(this.#route, this.#subject, reply, headerBytes(block), EMPTY);
  }

  idle(): void {
    // Heartbeats run by themselves.
  }

  acknowledged(): void {
    // Interest alone keeps it alive.
  }

  get #every(): number {
    return this.#consumer.config.idle_heartbeat / NANOSECONDS;
  }

  #putOffHeartbeat(): void {
    this.#putOffIn = this.#consumer.now;
    this.#heartbeatAt = this.#consumer.clock.monotonic() + this.#every;
  }

  #armHeartbeat(): void {
    if (this.#every <= 0 || this.#consumer.closed) return;
    const left = Math.max(1, this.#heartbeatAt - this.#consumer.clock.monotonic());
    this.#heartbeat = this.#consumer.clock.after(left, () => {
      if (this.#consumer.clock.monotonic() >= this.#heartbeatAt) this.#beat();
      this.#armHeartbeat();
    });
  }

  #beat(): void {
    this.#putOffHeartbeat();
    if (!this.active) return;
    this.#tell(heartbeatBlock(this.#consumer, this.#asked));
    const { config, acks } = this.#consumer;
    if (config.ack_policy === 'flow_control' && acks.pending.size > 0 && this.#asked === '')
      this.#askToGoOn();
  }

  /** Nobody listens: after a while the consumer goes, when it is one that goes. */
  #armInactive(): void {
    if (this.#threshold <= 0) return;
    this.#inactive = this.#consumer.clock.after(this.#threshold / NANOSECONDS, () => {
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

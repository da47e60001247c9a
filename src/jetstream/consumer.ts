/**
 * One consumer: which message is next, to whom it goes, and what becomes of it. Pull requests are in `pull-requests.ts`, flow control
 * and heartbeats of push consumers in `push-flow.ts`, the bookkeeping of acks in `ack-tracker.ts`.
 */
import type { InternalMessage } from '../broker/internal-client.js';
import type { Subscription } from '../broker/subscription.js';
import { fromUtf8, toUtf8 } from '../protocol/bytes.js';
import { timeToNanoseconds } from '../protocol/rfc3339.js';
import type { Timer } from '../runtime/clock.js';
import { type AckRules, AckTracker } from './ack-tracker.js';
import { readAck, readAckSubject } from './ack-verbs.js';
import { advise, measure } from './advisories.js';
import type { ConsumerConfig } from './consumer-config.js';
import { filtersOf, isPush } from './consumer-rules.js';
import { headerBytes, headerText, withHeader } from './headers.js';
import { PullDelivery } from './pull-delivery.js';
import { PushDelivery } from './push-delivery.js';
import type { ConsumerStorage } from './storage.js';
import type { ConsumerStore, ConsumerStoreListener } from './store/consumer-store.js';
import { StoredMessage, type SubjectFilter } from './store/message-store.js';
import type { Stream } from './stream.js';

const NANOSECONDS = 1e6;
/** Beyond this many messages in a row others get their turn. */
const TURN_MESSAGES = 256;
/** An ack is waited for a little longer than the client was told, as officially. */
const ACK_WAIT_SLACK = 1;

/** How messages leave: to whoever pulls, or to a subject. */
export interface DeliveryMode {
  /** Where the next message of so many bytes goes; null when it has to wait. */
  target(size: number): string | null;
  /** Whether it is worth to look for a message. */
  readonly ready: boolean;
  /** A message of so many bytes went out. */
  sent(size: number): void;
  /** There is nothing to deliver for now. */
  idle(blocked: boolean): void;
  /** The configuration has changed. */
  update(): void;
  /** The pin of a pinned client, which every message shows; '' without. */
  readonly pin: string;
  close(reason: 'deleted' | 'shutdown'): void;
}

export class Consumer implements ConsumerStoreListener {
  readonly stream: Stream;
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
  config: ConsumerConfig;
  filter: SubjectFilter | null = null;
  readonly acks: AckTracker;
  readonly storage: ConsumerStorage;
  readonly store: ConsumerStore;
  /** Messages at or above `next` that match. */
  numPending = 0;
  /** Milliseconds since 1970; 0 never. */
  lastDelivery = 0;
  lastAck = 0;
  closed = false;
  readonly mode: DeliveryMode;
  /** The same for a pull consumer, else null. */
  readonly pulls: PullDelivery | null;
  readonly push: PushDelivery | null;
  /** The last messages of each subject that are still to come, for `last_per_subject`. */
  #lastOnes: number[] | null = null;
  #subscriptions: Subscription[] = [];
  #ackTimer: Timer | null = null;
  #ackTimerAt = 0;
  #pauseTimer: Timer | null = null;
  #delayTimer: Timer | null = null;
  #pumping = false;
  #turnDue = false;
  /** Confirmations that wait for the disk: position and reply. */
  #confirmations: { position: number; reply: string }[] = [];
  readonly #message = new StoredMessage();
  /** With `replay_policy: original`: the time of the last message, until what was there at the start is delivered. */
  #replay: { last: bigint; through: number } | null = null;

  constructor(
    stream: Stream,
    config: ConsumerConfig,
    name: string,
    created: string,
    storage: ConsumerStorage,
  ) {
    this.stream = stream;
    this.config = config;
    this.name = name;
    this.created = created;
    this.acks = new AckTracker(rulesOf(config));
    this.storage = storage;
    this.store = storage.open(() => this.acks.position());
    this.store.listener = this;
    this.push = isPush(config) ? new PushDelivery(this) : null;
    this.pulls = this.push === null ? new PullDelivery(this) : null;
    this.mode = (this.push ?? this.pulls)!;
    const stored = this.store.load();
    this.#setFilter();
    if (stored === null) this.#begin();
    else this.acks.restore(stored);
    if (config.replay_policy === 'original' && stream.store.state.messages > 0)
      this.#replay = { last: 0n, through: stream.store.state.lastSequence };
    this.recount();
  }

  get account() {
    return this.stream.account;
  }

  get clock() {
    return this.account.jetstream.broker.clock;
  }

  /** The sequence that the next message has at least. */
  get next(): number {
    return this.acks.deliveredStream + 1;
  }

  get isDurable(): boolean {
    return this.config.durable_name !== '';
  }

  get path(): string {
    return `${this.account.name} > ${this.stream.name} > ${this.name}`;
  }

  /** Takes acks and requests from now on. */
  start(): void {
    const { client } = this.account;
    const prefix = `${this.stream.name}.${this.name}`;
    if (this.config.ack_policy !== 'none')
      this.#subscriptions.push(
        client.subscribe(`$JS.ACK.${prefix}.>`, (message) => this.receiveAck(message)),
      );
    this.#armPause();
    this.#armAckTimer();
    this.push?.update();
    this.pump();
  }

  listen(subject: string, handler: (message: InternalMessage) => void): void {
    this.#subscriptions.push(this.account.client.subscribe(subject, handler));
  }

  #setFilter(): void {
    this.filter = this.stream.store.filter(filtersOf(this.config).map(fromUtf8));
  }

  // --- Where it begins ----------------------------------------------------------------------------------------------

  #begin(): void {
    const { store } = this.stream;
    const { firstSequence, lastSequence } = store.state;
    const wanted = this.#firstWanted();
    const empty = firstSequence === 0 && this.config.opt_start_seq === 0;
    if (empty) this.acks.startAt(1);
    else if (wanted > lastSequence && this.config.opt_start_seq === 0) this.acks.startAt(lastSequence + 1);
    else this.acks.startAt(Math.max(wanted, firstSequence));
    this.store.changed(true);
  }

  #firstWanted(): number {
    const { store, config } = this.stream;
    const { lastSequence, firstSequence } = store.state;
    switch (this.config.deliver_policy) {
      case 'all':
        return firstSequence;
      case 'last':
        return store.loadPrevious(this.filter, lastSequence)?.sequence ?? lastSequence + 1;
      case 'new':
        return lastSequence + 1;
      case 'by_start_sequence':
        return this.config.opt_start_seq;
      case 'by_start_time':
        return store.sequenceAt(timeToNanoseconds(this.config.opt_start_time!));
      case 'last_per_subject': {
        if (config.max_msgs_per_subject === 1) return firstSequence;
        const last = store.lastSequences(this.filter, lastSequence, Number.POSITIVE_INFINITY) ?? [];
        this.#lastOnes = last.length === 0 ? null : last;
        return last[0] ?? lastSequence + 1;
      }
    }
  }

  /** Counts anew what is still to come. */
  recount(): void {
    if (this.#lastOnes !== null) {
      this.numPending =
        this.#lastOnes.length + this.stream.store.pending(this.filter, this.#lastOnes.at(-1)! + 1).count;
      return;
    }
    this.numPending = this.stream.store.pending(this.filter, this.next).count;
  }

  // --- What the stream tells ----------------------------------------------------------------------------------------

  /** A message that matches was stored; it is delivered once it is durable. */
  stored(): void {
    this.numPending++;
  }

  removed(sequence: number, subject: string): void {
    if (sequence >= this.next && (this.filter === null || this.filter.matches(subject))) {
      if (this.#lastOnes === null) this.numPending--;
      else this.recount();
    }
    const deliveries = this.acks.gone(sequence);
    if (deliveries === 0) return;
    this.#changed(false);
    this.#adviseTerminated(sequence, 0, deliveries, 'Message deleted by stream limits');
    this.pump();
  }

  purged(firstSequence: number): void {
    this.acks.goneBelow(firstSequence);
    this.#lastOnes = this.#lastOnes?.filter((each) => each >= firstSequence) ?? null;
    if (this.#lastOnes?.length === 0) this.#lastOnes = null;
    this.recount();
    this.#changed(false);
    this.pump();
  }

  // --- Delivery -----------------------------------------------------------------------------------------------------

  get paused(): boolean {
    const until = this.config.pause_until;
    return until !== undefined && this.clock.now() < Number(timeToNanoseconds(until) / 1000n) / 1000;
  }

  /** Delivers what can be delivered now. */
  pump(): void {
    if (this.#pumping || this.closed || this.#delayTimer !== null) return;
    this.#pumping = true;
    let blocked = false;
    let count = 0;
    try {
      while (this.mode.ready && !this.paused) {
        if (++count > TURN_MESSAGES) {
          this.#goOnLater();
          return;
        }
        const outcome = this.#deliverNext();
        if (outcome === 'sent') continue;
        blocked = outcome === 'blocked';
        break;
      }
      this.mode.idle(blocked);
    } finally {
      this.#pumping = false;
    }
  }

  #goOnLater(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    setImmediate(() => {
      this.#turnDue = false;
      this.pump();
    });
  }

  #deliverNext(): 'sent' | 'empty' | 'blocked' | 'waiting' {
    const redelivery = this.#nextRedelivery();
    if (redelivery !== null) return this.#send(redelivery, this.acks.deliveries(redelivery.sequence));
    const most = this.config.max_ack_pending;
    if (this.config.ack_policy !== 'none' && most > 0 && this.acks.pending.size >= most) return 'blocked';
    const message = this.#nextNew();
    return message === null ? 'empty' : this.#send(message, 1);
  }

  #nextRedelivery(): StoredMessage | null {
    for (let sequence = this.acks.takeRedelivery(); sequence !== 0; sequence = this.acks.takeRedelivery()) {
      const deliveries = this.acks.deliveries(sequence);
      const { maxDeliver } = this.acks.rules;
      if (maxDeliver > 0 && deliveries > maxDeliver) {
        this.#exhausted(sequence, deliveries - 1);
        continue;
      }
      const message = this.stream.store.load(sequence, this.#message);
      if (message !== null) return message;
      const known = this.acks.pending.get(sequence);
      this.acks.gone(sequence);
      if (known === undefined) continue;
      this.#adviseTerminated(sequence, known.sequence, deliveries - 1, 'Message deleted by stream limits');
    }
    return null;
  }

  /** The next message that has not been delivered; where none is left, nothing below it has to be looked at again. */
  #nextNew(): StoredMessage | null {
    const { store, visibleSequence } = this.stream;
    if (this.#lastOnes !== null) {
      while (this.#lastOnes.length > 0) {
        const message = store.load(this.#lastOnes[0]!, this.#message);
        if (message !== null) return message;
        this.#lastOnes.shift();
      }
      this.#lastOnes = null;
      this.acks.skipTo(store.state.lastSequence);
      this.recount();
    }
    const message = store.loadNext(this.filter, this.next, this.#message);
    if (message !== null && message.sequence <= visibleSequence) return message;
    if (message === null && this.next <= visibleSequence) {
      this.acks.skipTo(visibleSequence);
      if (this.numPending !== 0) this.recount();
    }
    return null;
  }

  #send(message: StoredMessage, deliveries: number): 'sent' | 'waiting' {
    const { config, acks, stream } = this;
    const isNew = deliveries === 1 && !acks.pending.has(message.sequence);
    const left = this.numPending - (isNew ? 1 : 0);
    const reply = this.#ackSubject(message, deliveries, acks.deliveredConsumer + 1, left);
    let { header, payload } = message;
    if (config.headers_only) {
      header = headerBytes(withHeader(headerText(header), 'Nats-Msg-Size', String(payload.length)));
      payload = payload.subarray(0, 0);
    }
    const size = message.subject.length + reply.length + (header?.length ?? 0) + payload.length;
    const delay = this.#replayDelay(message);
    const target = delay > 0 ? null : this.mode.target(size);
    if (target === null) {
      if (!isNew) acks.putBack(message.sequence);
      if (delay > 0) this.#waitFor(delay);
      return 'waiting';
    }
    const { pin } = this.mode;
    if (pin !== '') header = headerBytes(withHeader(headerText(header), 'Nats-Pin-Id', pin));
    if (isNew) {
      this.numPending = left;
      if (this.#lastOnes?.[0] === message.sequence) this.#lastOnes.shift();
    }
    const now = this.clock.now();
    const done = config.ack_policy === 'none' && stream.config.retention !== 'limits';
    acks.delivered(message.sequence, now);
    this.lastDelivery = now;
    this.#changed(false);
    this.account.client.deliver(target, message.subject, reply, header, payload);
    this.mode.sent(size);
    if (config.ack_policy !== 'none') this.#armAckTimerFor(message.sequence, now);
    if (done) stream.done(this, [message.sequence]);
    return 'sent';
  }

  #ackSubject(message: StoredMessage, deliveries: number, consumerSequence: number, left: number): string {
    return `$JS.ACK.${fromUtf8(this.stream.name)}.${fromUtf8(this.name)}.${deliveries}.${message.sequence}.${consumerSequence}.${message.time}.${left}`;
  }

  /** Milliseconds that a message has to wait so that it comes as far behind the last one as it was stored. */
  #replayDelay(message: StoredMessage): number {
    if (this.#replay === null) return 0;
    const { last, through } = this.#replay;
    if (message.sequence > through) {
      this.#replay = null;
      return 0;
    }
    const delay = last === 0n ? 0 : Number(message.time - last) / NANOSECONDS;
    this.#replay.last = message.time;
    return delay > 1 ? delay : 0;
  }

  /** Delivers nothing for a while. */
  #waitFor(milliseconds: number): void {
    this.#delayTimer = this.clock.after(milliseconds, () => {
      this.#delayTimer = null;
      this.pump();
    });
  }

  /** The rate limit is used up for so many milliseconds. */
  holdBack(milliseconds: number): void {
    if (this.#delayTimer === null) this.#waitFor(milliseconds);
  }

  // --- Acks ---------------------------------------------------------------------------------------------------------

  receiveAck(message: InternalMessage): void {
    const said = readAck(message.payload);
    const about = readAckSubject(message.subject);
    if (said === null || about === null || this.closed) return;
    const { sequence, consumerSequence, deliveries } = about;
    const { reply } = message;
    switch (said.verb) {
      case 'ack':
        this.#ack(sequence, consumerSequence, deliveries, reply);
        return;
      case 'next':
        this.#ack(sequence, consumerSequence, deliveries, '');
        if (this.pulls !== null) this.pulls.request(reply, said.request);
        return;
      case 'nak':
        this.#nak(about, said.delay, said.bad);
        break;
      case 'progress':
        if (this.acks.progress(sequence, this.clock.now())) this.#changed(false);
        break;
      case 'term':
        this.#ack(sequence, consumerSequence, deliveries, reply, false);
        this.#adviseTerminated(sequence, consumerSequence, deliveries, said.reason);
        return;
    }
    if (reply !== '') this.account.client.publish(toUtf8(reply), '');
  }

  #ack(sequence: number, consumerSequence: number, deliveries: number, reply: string, sample = true): void {
    if (sequence >= this.next && !this.config.flow_control) {
      const { lastSequence } = this.stream.store.state;
      if (sequence > lastSequence) {
        this.account.jetstream.log.warn(
          `JetStream consumer '${this.path}' ACK sequence ${sequence} past last stream sequence of ${lastSequence}`,
        );
      }
      return;
    }
    if (sample) this.#sample(sequence, consumerSequence, deliveries);
    const wasFull = this.config.max_ack_pending > 0 && this.acks.pending.size >= this.config.max_ack_pending;
    const done = this.acks.ack(sequence, consumerSequence);
    if (done.length > 0) this.lastAck = this.clock.now();
    const position = this.#changed(reply !== '');
    if (done.length > 0 && this.stream.config.retention !== 'limits') this.stream.done(this, done);
    if (reply !== '') this.#confirm(position, reply);
    if (wasFull) this.pump();
  }

  /** Acknowledges everything up to a sequence, for consumers that do it by flow control. */
  ackThrough(sequence: number, consumerSequence: number): void {
    this.#ack(sequence, consumerSequence, 1, '', false);
  }

  #nak(
    {
      sequence,
      consumerSequence,
      deliveries,
    }: { sequence: number; consumerSequence: number; deliveries: number },
    delay?: number,
    bad?: string,
  ): void {
    const { floorConsumer, deliveredConsumer, pending } = this.acks;
    if (consumerSequence <= floorConsumer || consumerSequence > deliveredConsumer || !pending.has(sequence))
      return;
    advise(this.account, `CONSUMER.MSG_NAKED.${this.topic}`, 'nak', () => [
      ...this.#identity(consumerSequence, sequence),
      ['deliveries', String(deliveries)],
    ]);
    if (bad !== undefined)
      this.account.jetstream.log.warn(
        `JetStream consumer '${this.path}' bad NAK delay value: ${JSON.stringify(bad)}`,
      );
    if (delay !== undefined) {
      this.acks.nakIn(sequence, delay, this.clock.now());
      this.#changed(false);
      this.#armAckTimer();
      return;
    }
    this.acks.nak(sequence);
    this.pump();
  }

  /** Answers an ack once it is on disk. */
  #confirm(position: number, reply: string): void {
    if (this.store.durablePosition >= position) this.account.client.publish(toUtf8(reply), '');
    else this.#confirmations.push({ position, reply });
  }

  durable(position: number): void {
    let count = 0;
    for (const each of this.#confirmations) {
      if (each.position > position) break;
      this.account.client.publish(toUtf8(each.reply), '');
      count++;
    }
    if (count > 0) this.#confirmations.splice(0, count);
  }

  failed(error: Error): void {
    this.account.jetstream.log.error(`Consumer '${this.path}' error on write store state: ${error.message}`);
  }

  #changed(confirm: boolean): number {
    return this.store.changed(confirm);
  }

  // --- Time ---------------------------------------------------------------------------------------------------------

  #armAckTimerFor(sequence: number, now: number): void {
    if (this.acks.rules.ackWait <= 0) return;
    const wait = this.acks.waitOf(sequence) + ACK_WAIT_SLACK;
    if (this.#ackTimer !== null && this.#ackTimerAt <= now + wait) return;
    this.#setAckTimer(wait, now);
  }

  #setAckTimer(wait: number, now: number): void {
    this.#ackTimer?.cancel();
    this.#ackTimerAt = now + wait;
    this.#ackTimer = this.clock.after(wait, () => {
      this.#ackTimer = null;
      this.#armAckTimer();
      this.pump();
    });
  }

  /** Looks what has waited too long, and sets the timer for what comes next. */
  #armAckTimer(): void {
    if (this.acks.rules.ackWait <= 0 || this.acks.pending.size === 0 || this.closed) return;
    const now = this.clock.now();
    const { exhausted, next } = this.acks.expire(now);
    for (const sequence of exhausted) this.#exhausted(sequence, this.acks.deliveries(sequence));
    if (next !== Number.POSITIVE_INFINITY) this.#setAckTimer(next + ACK_WAIT_SLACK, now);
  }

  #exhausted(sequence: number, deliveries: number): void {
    advise(this.account, `CONSUMER.MAX_DELIVERIES.${this.topic}`, 'max_deliver', () => [
      ['stream', JSON.stringify(this.stream.name)],
      ['consumer', JSON.stringify(this.name)],
      ['stream_seq', String(sequence)],
      ['deliveries', String(deliveries)],
    ]);
    this.acks.giveUp(sequence);
    this.#changed(false);
  }

  #armPause(): void {
    this.#pauseTimer?.cancel();
    this.#pauseTimer = null;
    const until = this.config.pause_until;
    if (until === undefined) return;
    const left = Number(timeToNanoseconds(until) / 1000n) / 1000 - this.clock.now();
    if (left <= 0) return;
    this.#pauseTimer = this.clock.after(Math.min(left, 2 ** 31 - 1), () => {
      this.#armPause();
      if (!this.paused) {
        this.advisePause();
        this.pump();
      }
    });
  }

  // --- What the API asks for ----------------------------------------------------------------------------------------

  /** Changes over to a configuration that was checked. */
  update(config: ConsumerConfig): void {
    const filters = JSON.stringify(filtersOf(this.config));
    this.config = config;
    this.acks.rules = rulesOf(config);
    if (JSON.stringify(filtersOf(config)) !== filters) {
      this.#setFilter();
      this.recount();
    }
    this.mode.update();
    this.#armPause();
    this.#armAckTimer();
    this.storage.save(config, this.created);
    this.pump();
  }

  /** Everything from a sequence on is delivered anew. */
  reset(sequence: number): void {
    this.acks.resetTo(sequence);
    this.#lastOnes = null;
    this.recount();
    this.#changed(true);
    this.pump();
  }

  stop(done: (error: Error | null) => void): void {
    this.#close('shutdown');
    this.store.stop(done);
  }

  /** Ends it and removes what it has stored. Throws what the disk throws; then it goes on. */
  destroy(): void {
    // First what makes it a consumer: one without its position would begin anew.
    this.storage.destroy();
    this.#close('deleted');
    this.store.destroy();
  }

  #close(reason: 'deleted' | 'shutdown'): void {
    if (this.closed) return;
    this.closed = true;
    for (const timer of [this.#ackTimer, this.#pauseTimer, this.#delayTimer]) timer?.cancel();
    for (const sub of this.#subscriptions) this.account.client.unsubscribe(sub);
    this.#subscriptions = [];
    this.mode.close(reason);
  }

  // --- What it tells ------------------------------------------------------------------------------------------------

  /** The end of its advisories' subjects. */
  get topic(): string {
    return `${this.stream.name}.${this.name}`;
  }

  #identity(consumerSequence: number, sequence: number): [string, string][] {
    return [
      ['stream', JSON.stringify(this.stream.name)],
      ['consumer', JSON.stringify(this.name)],
      ['consumer_seq', String(consumerSequence)],
      ['stream_seq', String(sequence)],
    ];
  }

  #adviseTerminated(sequence: number, consumerSequence: number, deliveries: number, reason: string): void {
    advise(this.account, `CONSUMER.MSG_TERMINATED.${this.topic}`, 'terminated', () => [
      ...this.#identity(consumerSequence, sequence),
      ['deliveries', String(deliveries)],
      ['reason', reason === '' ? undefined : JSON.stringify(reason)],
    ]);
  }

  advisePause(): void {
    const { paused } = this;
    advise(this.account, `CONSUMER.PAUSE.${this.topic}`, 'consumer_pause', () => [
      ['stream', JSON.stringify(this.stream.name)],
      ['consumer', JSON.stringify(this.name)],
      ['paused', String(paused)],
      ['pause_until', paused ? JSON.stringify(this.config.pause_until) : undefined],
    ]);
  }

  /** Measures how long an ack took, for a share of them. */
  #sample(sequence: number, consumerSequence: number, deliveries: number): void {
    const frequency = Number.parseInt(this.config.sample_freq, 10);
    if (!(frequency > 0)) return;
    const known = this.acks.pending.get(sequence);
    if (known === undefined) return;
    const { random } = this.account.jetstream.broker;
    if (frequency < 100 && random.next() % 100 > frequency) return;
    const took = Math.round((this.clock.now() - known.deliveredAt) * NANOSECONDS);
    measure(this.account, `CONSUMER.ACK.${this.topic}`, 'consumer_ack', () => [
      ...this.#identity(consumerSequence, sequence),
      ['ack_time', String(took)],
      ['deliveries', String(deliveries)],
    ]);
  }
}

function rulesOf(config: ConsumerConfig): AckRules {
  return {
    policy: config.ack_policy,
    ackWait: config.ack_wait / NANOSECONDS,
    backoff: (config.backoff ?? []).map((each) => each / NANOSECONDS),
    maxDeliver: config.max_deliver,
  };
}

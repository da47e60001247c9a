/**
 * One consumer: which message is next, to whom it goes, and what becomes of it. Pull requests are in `pull-delivery.ts`, flow control
 * and heartbeats of push consumers in `push-delivery.ts`, the bookkeeping of acks in `ack-tracker.ts`.
 */
import type { InternalMessage } from '../broker/internal-client.js';
import type { Route } from '../broker/route.js';
import type { Subscription } from '../broker/subscription.js';
import { fromUtf8, readText, toUtf8 } from '../protocol/bytes.js';
import { timeToNanoseconds } from '../protocol/rfc3339.js';
import type { Timer } from '../runtime/clock.js';
import { type AckSubject, AckSubjectWriter, readAckSubject, sequenceText } from './ack-subject.js';
import { type AckRules, AckTracker } from './ack-tracker.js';
import { readAck } from './ack-verbs.js';
import type { ConsumerConfig } from './consumer-config.js';
import { adviseExhausted, adviseNak, advisePause, adviseTerminated, sampleAck } from './consumer-events.js';
import { answerReset } from './consumer-reset.js';
import { filtersOf, isPush } from './consumer-rules.js';
import { startOf } from './consumer-start.js';
import { headerBytes, headerText, statusBlock, withHeader } from './headers.js';
import { LastOnes } from './last-ones.js';
import { PullDelivery } from './pull-delivery.js';
import { PushDelivery } from './push-delivery.js';
import type { ConsumerStorage } from './storage.js';
import type { ConsumerPosition, ConsumerStore, ConsumerStoreListener } from './store/consumer-store.js';
import {
  type Counting,
  LAST_SEQUENCE,
  type RemovalReason,
  StoredMessage,
  type SubjectFilter,
} from './store/message-store.js';
import type { Stream } from './stream.js';

const NANOSECONDS = 1e6;
/** Beyond this many messages in a row others get their turn. */
const TURN_MESSAGES = 512;
/** So many leave at once for who pulls: while the client reads them and asks for more, the next are made. */
const SENT_MESSAGES = 128;
/** The clock is looked at every so many messages. */
const CLOCK_MESSAGES = 16;
/** An ack is waited for a little longer than the client was told, as officially, so that many go in one go. */
const ACK_WAIT_SLACK = 1;
const LONGEST_TIMER = 2 ** 31 - 1;
/** What has happened to a message that a client is at work on. */
const DELETED = 'Unacknowledged message was deleted';

/** How messages leave: to whoever pulls, or to a subject. */
export interface DeliveryMode {
  /** Takes requests from now on. */
  start(): void;
  /** Where the next message of so many bytes goes; null when it has to wait. */
  target(size: number): Route | null;
  /** Whether it is worth to look for a message. */
  readonly ready: boolean;
  /** A message of so many bytes went out on the way that `target` gave, of which so many are its subject. */
  sent(size: number, subjectSize: number): void;
  /** It reached nobody. */
  failed(): void;
  /** There is nothing to deliver for now. */
  idle(blocked: boolean): void;
  /** A client has said something about a message. */
  acknowledged(): void;
  /** The configuration has changed. */
  update(): void;
  /** What every message to pinned clients shows, '' while nobody has the pin; null where nobody can have one. */
  readonly pin: string | null;
  close(reason: 'deleted' | 'shutdown'): void;
}

export class Consumer implements ConsumerStoreListener {
  readonly stream: Stream;
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
  config: ConsumerConfig;
  /** As it was when the disk had it for the last time. */
  keptConfig: ConsumerConfig;
  filter: SubjectFilter | null = null;
  readonly acks: AckTracker;
  readonly storage: ConsumerStorage;
  readonly store: ConsumerStore;
  /** Messages at or above `next` that match. While they are counted, those that nobody has to count. */
  numPending = 0;
  /** While messages are delivered: milliseconds since 1970, looked at now and then. */
  now = 0;
  /** Milliseconds since 1970; 0 never. */
  lastDelivery = 0;
  lastAck = 0;
  closed = false;
  readonly mode: DeliveryMode;
  /** The same for a pull consumer, else null. */
  readonly pulls: PullDelivery | null;
  readonly push: PushDelivery | null;
  /** The last messages of each subject that are still to come, for `last_per_subject`. */
  #lastOnes: LastOnes | null = null;
  #subscriptions: Subscription[] = [];
  #ackTimer: Timer | null = null;
  #ackTimerAt = 0;
  #pauseTimer: Timer | null = null;
  #pausedUntil = 0;
  #delayTimer: Timer | null = null;
  #pumping = false;
  #turnDue = false;
  #held = false;
  #counting: Counting | null = null;
  /** Who waits until all are counted. */
  #whenCounted: (() => void)[] = [];
  /** Confirmations that wait for the disk: position and reply. */
  #confirmations: { position: number; reply: string }[] = [];
  readonly #message = new StoredMessage();
  readonly #ackSubject: AckSubjectWriter;
  /** With `replay_policy: original`: the time of the last message, until what was there at the start is delivered. */
  #replay: { last: bigint; waitedFor: number; through: number } | null = null;

  constructor(
    stream: Stream,
    config: ConsumerConfig,
    name: string,
    created: string,
    storage: ConsumerStorage,
  ) {
    this.stream = stream;
    this.config = this.keptConfig = config;
    this.name = name;
    this.created = created;
    this.acks = new AckTracker(rulesOf(config));
    this.storage = storage;
    this.store = storage.open(() => this.acks.position());
    this.store.listener = this;
    this.#ackSubject = new AckSubjectWriter(stream.account.acks.scope, stream.name, name);
    this.push = isPush(config) ? new PushDelivery(this) : null;
    this.pulls = this.push === null ? new PullDelivery(this) : null;
    this.mode = (this.push ?? this.pulls)!;
    this.#setFilter();
    const { state } = stream.store;
    const stored = this.store.load();
    if (stored === null) this.#begin();
    else if (this.acks.restore(stored, this.#lastOf(stored))) {
      // Before the stream has messages again up to where the stored position is: the next start would pass them.
      this.store.changed(true);
    }
    if (config.replay_policy === 'original')
      this.#replay = { last: 0n, waitedFor: 0, through: state.lastSequence };
    this.recount();
  }

  /** The last sequence that a stored position may have passed: in a stream that is empty it may still be where it began, ahead of it. */
  #lastOf({ delivered }: ConsumerPosition): number {
    const { lastSequence } = this.stream.store.state;
    const ahead = lastSequence === 0 && delivered.consumer === 0;
    return ahead ? Math.max(0, this.config.opt_start_seq - 1) : lastSequence;
  }

  get account() {
    return this.stream.account;
  }

  get clock() {
    return this.account.jetstream.broker.clock;
  }

  get isDurable(): boolean {
    return this.config.durable_name !== '';
  }

  /** The end of its advisories' subjects. */
  get topic(): string {
    return `${this.stream.name}.${this.name}`;
  }

  get path(): string {
    return `${this.account.name} > ${this.stream.name} > ${this.name}`;
  }

  /** Whether clients acknowledge by messages. */
  get takesAcks(): boolean {
    const { ack_policy: policy } = this.config;
    return !this.closed && policy !== 'none' && policy !== 'flow_control';
  }

  /** Takes acks and requests from now on. */
  start(): void {
    const { client, acks } = this.account;
    acks.add(this);
    const path = `${this.stream.name}.${this.name}`;
    this.#subscriptions.push(
      client.subscribe(`$JS.API.CONSUMER.MSG.NEXT.${path}`, (message) => this.#request(message)),
      client.subscribe(`$JS.API.CONSUMER.RESET.${path}`, (message) => answerReset(this, message)),
    );
    this.#armPause();
    this.mode.start();
    this.#armAckTimer();
    this.pumpLater();
  }

  #request(message: InternalMessage): void {
    if (this.pulls !== null) this.pulls.receive(message);
    else this.#refusePull(message.reply);
  }

  #refusePull(reply: string): void {
    if (reply === '') return;
    const { client } = this.account;
    client.send(
      client.route(reply),
      reply,
      '',
      headerBytes(statusBlock(409, 'Consumer is push based')),
      EMPTY,
    );
  }

  #setFilter(): void {
    this.filter = this.stream.store.filter(filtersOf(this.config).map(fromUtf8));
  }

  #begin(): void {
    const { store, config } = this.stream;
    const { sequence, lastOnes } = startOf(this.config, config, store, this.filter);
    this.#lastOnes = lastOnes === null ? null : new LastOnes(lastOnes);
    this.acks.startAt(sequence);
    // From the first message on is also what a consumer without a position means, whoever opens it: that is one file less to wait for.
    if (sequence > 1 || this.config.deliver_policy !== 'all') this.#changed(true);
  }

  // --- What is still to come ----------------------------------------------------------------------------------------

  /** Counts anew what is still to come. Where that takes long, nothing is delivered until it is known: each message tells of it. */
  recount(): void {
    const last = this.#lastOnes;
    this.numPending = last === null ? 0 : last.length;
    const from = last === null ? this.acks.next : last.last! + 1;
    const counting = this.stream.store.countPending(this.filter, from);
    this.#counting = counting;
    if (counting.step()) this.#counted(counting);
    else this.account.jetstream.slices.add(() => this.#countOn(counting));
  }

  #countOn(counting: Counting): boolean {
    // Something else is counted by now.
    if (this.#counting !== counting) return true;
    try {
      if (!counting.step()) return false;
    } catch (error) {
      // A block cannot be read: what was counted so far has to do.
      const { log } = this.account.jetstream;
      log.error(`Messages for consumer '${this.path}' cannot be counted: ${(error as Error).message}`);
    }
    this.#counted(counting);
    this.pumpLater();
    return true;
  }

  #counted(counting: Counting): void {
    this.#counting = null;
    this.numPending += counting.count;
    this.#tellCounted();
  }

  /** Whether `numPending` is still being found out. */
  get counting(): boolean {
    return this.#counting !== null;
  }

  /** Calls back when `numPending` is known: at once, if it is. */
  whenCounted(callback: () => void): void {
    if (this.#counting === null) callback();
    else this.#whenCounted.push(callback);
  }

  #tellCounted(): void {
    for (const callback of this.#whenCounted.splice(0)) callback();
  }

  matches(subject: string): boolean {
    return this.filter === null || this.filter.matches(subject);
  }

  /** Whether a stream that keeps only what is wanted has to keep a message of a subject that matches. */
  needs(sequence: number): boolean {
    return this.acks.needs(sequence);
  }

  /** A message that matches was stored; it is delivered once it is durable. True when somebody waits for it. */
  stored(sequence: number): boolean {
    if (sequence < this.acks.next) return false;
    this.numPending++;
    return this.mode.ready;
  }

  /** A message is gone. */
  removed(sequence: number, subject: string, reason: RemovalReason): void {
    const { acks } = this;
    const counting = this.#counting !== null && sequence <= this.#counting.through ? this.#counting : null;
    if (counting !== null && this.matches(subject)) counting.removed(sequence);
    if (this.#lastOnes !== null) this.#forgetLastOne(sequence, subject, counting !== null);
    else if (counting === null && sequence >= acks.next && this.matches(subject)) this.numPending--;
    if (acks.pending.size + acks.redelivered.size === 0) return;
    if (!acks.pending.has(sequence) && !acks.redelivered.has(sequence)) return;
    const known = acks.gone(sequence);
    this.#changed(false);
    if (known === null) return;
    this.lastAck = this.clock.now();
    // What is purged goes without a word, as officially.
    if (reason !== 'purge') adviseTerminated(this, { sequence, ...known }, DELETED);
    this.pumpLater();
  }

  /** `isCounted`: those behind the last ones are being counted, this one among them. */
  #forgetLastOne(sequence: number, subject: string, isCounted = false): void {
    const last = this.#lastOnes!;
    const highest = last.last!;
    if (last.delete(sequence)) {
      this.numPending--;
      if (last.length === 0) this.#endLastOnes(sequence);
    } else if (!isCounted && sequence > highest && this.matches(subject)) this.numPending--;
  }

  /** The newest messages of all subjects are delivered: those that came since are next. */
  #endLastOnes(sequence: number): void {
    this.#lastOnes = null;
    this.acks.skipTo(sequence);
  }

  /** Messages were purged: all below a sequence, or those of some subjects. */
  purged(firstSequence: number): void {
    const { store } = this.stream;
    const isGone = (sequence: number) => store.load(sequence, this.#message) === null;
    const { size } = this.acks.pending;
    this.acks.purged(firstSequence, isGone);
    if (this.acks.pending.size < size) this.lastAck = this.clock.now();
    if (this.#lastOnes !== null) {
      const before = this.#lastOnes.last!;
      this.#lastOnes.retain((each) => each >= firstSequence && !isGone(each));
      if (this.#lastOnes.length === 0) this.#endLastOnes(before);
    }
    this.recount();
    this.#changed(false);
    this.pumpLater();
  }

  // --- Delivery -----------------------------------------------------------------------------------------------------

  get paused(): boolean {
    return this.#pausedUntil !== 0 && this.clock.now() < this.#pausedUntil;
  }

  /** Milliseconds that a pause lasts still. */
  get pauseLeft(): number {
    return Math.max(0, this.#pausedUntil - this.clock.now());
  }

  /** Whether messages may follow with nothing but time between: in a later turn, or when one has waited for its time. */
  get delivering(): boolean {
    return this.#turnDue || this.#held || this.counting || this.#delayTimer !== null;
  }

  /** Delivers what can be delivered now. */
  pump(): void {
    if (this.#pumping || this.#held || this.counting || this.closed || this.#delayTimer !== null) return;
    this.#pumping = true;
    let blocked = false;
    try {
      for (let count = 0; this.mode.ready; count++) {
        if (count === TURN_MESSAGES) {
          this.pumpLater();
          return;
        }
        if (count % CLOCK_MESSAGES === 0) this.now = this.clock.now();
        if (count % SENT_MESSAGES === SENT_MESSAGES - 1 && this.push === null)
          this.account.jetstream.broker.flushes.flush();
        if (this.now < this.#pausedUntil) break;
        const outcome = this.#deliverNext();
        if (outcome === 'sent') continue;
        blocked = outcome === 'blocked' || this.#delayTimer !== null;
        if (outcome === 'empty') this.stream.consumers.wakeWhenDurable(this);
        break;
      }
    } finally {
      this.#pumping = false;
    }
    this.mode.idle(blocked);
  }

  /** The same in a turn of its own. */
  pumpLater(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    setImmediate(() => {
      this.#turnDue = false;
      this.pump();
    });
  }

  /** Delivers nothing until `release`: who has asked for the consumer is to hear of it first. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.pumpLater();
  }

  #deliverNext(): 'sent' | 'empty' | 'blocked' | 'waiting' {
    if (this.acks.redeliveries > 0) {
      const redelivery = this.#nextRedelivery();
      if (redelivery !== null) return this.#send(redelivery, this.acks.deliveries(redelivery.sequence));
    }
    const most = this.config.max_ack_pending;
    if (most > 0 && this.acks.pending.size >= most && this.config.ack_policy !== 'none') return 'blocked';
    const message = this.#nextNew();
    return message === null ? 'empty' : this.#send(message, 1);
  }

  #nextRedelivery(): StoredMessage | null {
    const { acks } = this;
    for (let sequence = acks.takeRedelivery(); sequence !== 0; sequence = acks.takeRedelivery()) {
      const deliveries = acks.deliveries(sequence);
      const { maxDeliver } = acks.rules;
      if (maxDeliver > 0 && deliveries > maxDeliver) {
        adviseExhausted(this, sequence, deliveries - 1);
        acks.giveUp(sequence);
        this.#changed(false);
        continue;
      }
      const message = this.stream.store.load(sequence, this.#message);
      if (message !== null) return message;
      const known = acks.gone(sequence);
      if (known !== null) adviseTerminated(this, { sequence, ...known }, DELETED);
    }
    return null;
  }

  /** The next message that has not been delivered; where none is left, nothing below it has to be looked at again. */
  #nextNew(): StoredMessage | null {
    const { store, visibleSequence } = this.stream;
    const { acks } = this;
    while (this.#lastOnes !== null) {
      const sequence = this.#lastOnes.first!;
      if (sequence > visibleSequence) return null;
      const message = store.load(sequence, this.#message);
      if (message !== null) return message;
      this.#forgetLastOne(sequence, '');
    }
    if (acks.next > visibleSequence) return null;
    const message = store.loadNext(this.filter, acks.next, this.#message);
    if (message === null) {
      acks.skipTo(visibleSequence);
      if (this.numPending !== 0) this.recount();
      return null;
    }
    return message.sequence <= visibleSequence ? message : null;
  }

  #send(message: StoredMessage, deliveries: number): 'sent' | 'waiting' {
    const { config, acks, stream } = this;
    const { sequence } = message;
    const isNew = deliveries === 1;
    const reply = this.#ackSubject.write(
      deliveries,
      sequence,
      acks.deliveredConsumer + 1,
      message.stamp,
      Math.max(0, this.numPending - (isNew ? 1 : 0)),
    );
    const shown = config.headers_only ? headersOnly(message) : null;
    const subjectSize = message.subjectEnd - message.subjectStart;
    const size = subjectSize + reply.length + (shown === null ? message.length : shown.length);
    const delay = this.#replay === null ? 0 : this.#replayDelay(message);
    const target = delay > 0 ? null : this.mode.target(size);
    if (target === null) {
      if (!isNew) acks.putBack(sequence);
      if (delay > 0) this.#waitFor(delay);
      return 'waiting';
    }
    if (this.#replay !== null) this.#replay.last = message.time;
    if (isNew) {
      this.numPending--;
      if (this.#lastOnes !== null) this.#leaveLastOne();
    }
    const { now } = this;
    acks.delivered(sequence, now);
    this.lastDelivery = now;
    this.#changed(false);
    const { client } = this.account;
    const { pin } = this.mode;
    let reached: boolean;
    if (shown === null && pin === null) reached = client.sendStored(target, message, reply);
    else reached = this.#sendChanged(target, message, shown, pin);
    if (reached) this.mode.sent(size, subjectSize);
    else this.#undelivered(sequence);
    if (config.ack_policy !== 'none') this.#armAckTimerFor(sequence, now);
    else if (stream.config.retention !== 'limits') stream.consumers.done(sequence, message.subject);
    return 'sent';
  }

  /** With another header than the stored one. */
  #sendChanged(target: Route, message: StoredMessage, shown: Buffer | null, pin: string | null): boolean {
    const { memory, length } = this.#ackSubject;
    let header = shown ?? message.header;
    if (pin !== null) header = headerBytes(withHeader(headerText(header), 'Nats-Pin-Id', pin));
    const payload = shown === null ? message.payload : EMPTY;
    return this.account.client.send(
      target,
      message.subject,
      readText(memory.bytes, 0, length),
      header,
      payload,
    );
  }

  #leaveLastOne(): void {
    const last = this.#lastOnes!;
    const sequence = last.first!;
    last.delete(sequence);
    if (last.length === 0) this.#endLastOnes(sequence);
  }

  #undelivered(sequence: number): void {
    this.acks.undelivered(sequence, this.pulls !== null);
    this.mode.failed();
  }

  /** Milliseconds that a message has to wait so that it comes as far behind the last one as it was stored. */
  #replayDelay(message: StoredMessage): number {
    const replay = this.#replay!;
    if (message.sequence > replay.through) {
      this.#replay = null;
      return 0;
    }
    if (replay.last === 0n || replay.waitedFor === message.sequence) return 0;
    replay.waitedFor = message.sequence;
    const delay = Number(message.time - replay.last) / NANOSECONDS;
    return delay > 1 ? delay : 0;
  }

  /** Delivers nothing for a while. */
  #waitFor(milliseconds: number): void {
    this.#delayTimer = this.clock.after(Math.min(milliseconds, LONGEST_TIMER), () => {
      this.#delayTimer = null;
      this.pump();
    });
  }

  /** The rate limit is used up for so many milliseconds. */
  holdBack(milliseconds: number): void {
    if (this.#delayTimer === null) this.#waitFor(milliseconds);
  }

  // --- Acks ---------------------------------------------------------------------------------------------------------

  /** A client said something about a message. */
  receiveAck(message: InternalMessage): void {
    const about = readAckSubject(message.subject);
    if (about === null || this.closed) return;
    this.mode.acknowledged();
    const { reply } = message;
    const said = readAck(message.payload);
    switch (said?.verb) {
      case 'ack':
        this.#ack(about, reply, true);
        return;
      case 'next':
        this.#ack(about, '', true);
        if (this.pulls === null) this.#refusePull(reply);
        else this.pulls.request(reply, said.request);
        return;
      case 'term':
        this.#ack(about, reply, false);
        adviseTerminated(this, about, said.reason);
        return;
      case 'nak':
        this.#nak(about, said.delay, said.bad);
        break;
      case 'progress':
        if (this.acks.progress(about.sequence, this.clock.now())) this.#changed(false);
        break;
    }
    // No message has the sequence 0: officially nobody is answered then.
    if (reply !== '' && about.sequence > 0) this.account.client.publish(toUtf8(reply), '');
  }

  /** A plain ack that wants no answer. */
  acknowledged(sequence: number, consumerSequence: number, deliveries: number): void {
    this.mode.acknowledged();
    this.#ack({ sequence, consumerSequence, deliveries }, '', true);
  }

  #ack(about: AckSubject, reply: string, sample: boolean): void {
    const { sequence, consumerSequence } = about;
    const { acks, config, stream } = this;
    if (sequence >= acks.next && !config.flow_control) {
      this.#warnOfFuture(sequence);
      return;
    }
    // Taken for a floor it would be one that no ack gets beyond.
    if (config.ack_policy !== 'explicit' && !(sequence <= LAST_SEQUENCE && consumerSequence <= LAST_SEQUENCE))
      return;
    if (sample && config.sample_freq !== '' && config.ack_policy === 'explicit') sampleAck(this, about);
    const wasFull = config.max_ack_pending > 0 && acks.pending.size >= config.max_ack_pending;
    const done = acks.ack(sequence, consumerSequence);
    if (done.length > 0) this.lastAck = this.clock.now();
    const position = this.#changed(reply !== '');
    if (stream.config.retention !== 'limits') for (const each of done) stream.consumers.done(each);
    if (reply !== '') this.#confirm(position, reply);
    if (wasFull) this.pump();
  }

  #warnOfFuture(sequence: number): void {
    const { lastSequence } = this.stream.store.state;
    if (sequence <= lastSequence) return;
    this.account.jetstream.log.warn(
      `JetStream consumer '${this.path}' ACK sequence ${sequenceText(sequence)} past last stream sequence of ${lastSequence}`,
    );
  }

  /** Acknowledges everything up to a sequence, for consumers that do it by flow control. */
  ackThrough(sequence: number, consumerSequence: number): void {
    this.#ack({ sequence, consumerSequence, deliveries: 1 }, '', false);
  }

  #nak(about: AckSubject, delay?: number, bad?: string): void {
    const { sequence, consumerSequence } = about;
    if (!this.acks.canNak(sequence, consumerSequence)) return;
    adviseNak(this, about);
    if (bad !== undefined)
      this.account.jetstream.log.warn(
        `JetStream consumer '${this.path}' bad NAK delay value: ${JSON.stringify(bad)}`,
      );
    if (delay === undefined) {
      this.acks.nak(sequence);
      this.pump();
      return;
    }
    this.acks.nakIn(sequence, delay, this.clock.now());
    this.#changed(false);
    this.#armAckTimer();
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
    const { rules } = this.acks;
    if (rules.ackWait <= 0) return;
    const wait = (rules.backoff.length === 0 ? rules.ackWait : this.acks.waitOf(sequence)) + ACK_WAIT_SLACK;
    if (this.#ackTimer !== null && this.#ackTimerAt <= now + wait) return;
    this.#setAckTimer(wait, now);
  }

  #setAckTimer(wait: number, now: number): void {
    this.#ackTimer?.cancel();
    this.#ackTimerAt = now + wait;
    this.#ackTimer = this.clock.after(Math.min(wait, LONGEST_TIMER), () => {
      this.#ackTimer = null;
      this.#armAckTimer();
    });
  }

  /** Looks what has waited too long, and sets the timer for what comes next. */
  #armAckTimer(): void {
    if (this.acks.rules.ackWait <= 0 || this.acks.pending.size === 0 || this.closed) return;
    const now = this.clock.now();
    const { exhausted, expired, next } = this.acks.expire(now);
    for (const sequence of exhausted) adviseExhausted(this, sequence, 1);
    if (exhausted.length > 0) this.#changed(false);
    if (next !== Number.POSITIVE_INFINITY) this.#setAckTimer(next + ACK_WAIT_SLACK, now);
    if (expired || exhausted.length > 0) this.pump();
  }

  #armPause(): void {
    this.#pauseTimer?.cancel();
    this.#pauseTimer = null;
    const until = this.config.pause_until;
    this.#pausedUntil = until === undefined ? 0 : Number(timeToNanoseconds(until) / 1000n) / 1000;
    const left = this.#pausedUntil - this.clock.now();
    if (until === undefined || left <= 0) return;
    this.#pauseTimer = this.clock.after(Math.min(left + 1, LONGEST_TIMER), () => {
      if (this.paused) this.#armPause();
      else {
        this.#pauseTimer = null;
        advisePause(this);
        this.pump();
      }
    });
  }

  // --- What the API asks for ----------------------------------------------------------------------------------------

  /** The stream ends here again. A consumer that was made meanwhile may begin behind that. */
  wentBack(lastSequence: number): void {
    if (this.acks.goBack(lastSequence)) this.store.changed(true);
    this.recount();
  }

  /** Changes over to a configuration that was checked. */
  update(config: ConsumerConfig): void {
    const before = this.config;
    const filters = JSON.stringify(filtersOf(before));
    this.config = config;
    this.acks.rules = rulesOf(config);
    this.storage.save(config, this.created);
    if (config.deliver_subject !== before.deliver_subject) {
      this.acks.expireAll(this.clock.now());
    }
    if (JSON.stringify(filtersOf(config)) !== filters) {
      this.#setFilter();
      this.stream.consumers.filtersChanged(this);
      this.recount();
    }
    this.mode.update();
    if (config.pause_until !== before.pause_until) {
      this.#armPause();
      advisePause(this);
    }
    this.#armAckTimer();
    this.pumpLater();
  }

  /** Everything from a sequence on is delivered anew. */
  reset(sequence: number): void {
    this.acks.resetTo(sequence);
    this.#lastOnes = null;
    this.lastDelivery = 0;
    this.lastAck = 0;
    this.recount();
    this.#changed(true);
    this.stream.consumers.positionReset(this);
    this.pumpLater();
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
    this.#counting = null;
    this.#tellCounted();
    for (const timer of [this.#ackTimer, this.#pauseTimer, this.#delayTimer]) timer?.cancel();
    const { client, acks } = this.account;
    for (const sub of this.#subscriptions) client.unsubscribe(sub);
    this.#subscriptions = [];
    acks.remove(this);
    this.mode.close(reason);
  }
}

const EMPTY = Buffer.alloc(0);

function rulesOf(config: ConsumerConfig): AckRules {
  return {
    policy: config.ack_policy,
    ackWait: config.ack_wait / NANOSECONDS,
    backoff: (config.backoff ?? []).map((each) => each / NANOSECONDS),
    maxDeliver: config.max_deliver,
  };
}

/** The header of a message that tells the size of the payload instead of having it. */
function headersOnly(message: StoredMessage): Buffer {
  const size = String(message.payloadEnd - message.payloadStart);
  return headerBytes(withHeader(headerText(message.header), 'Nats-Msg-Size', size))!;
}

/**
 * What a stream does with a message that is published to it: subject transform, checks, counters, limits, storing, rollups, publishing
 * again, acknowledgement. What it promises goes out when the store says that it is durable.
 */
import type { ClientConnection } from '../broker/connection.js';
import type { InternalMessage } from '../broker/internal-client.js';
import { messageOf } from '../broker/publisher.js';
import { REQUEST_INFO } from '../broker/request-info.js';
import { fromUtf8, readText, toUtf8 } from '../protocol/bytes.js';
import type { PublishOperation } from '../protocol/client-parser.js';
import { quoteJson } from '../protocol/json-type.js';
import type { Clock } from '../runtime/clock.js';
import { SubjectTransform } from '../subjects/transform.js';
import { AckQueue } from './ack-queue.js';
import { type AdvisoryFields, advise, adviseSystem, domainOf } from './advisories.js';
import { type AbandonReason, AtomicBatches, type AtomicHost, type AtomicLimits } from './batch-atomic.js';
import type { CheckedMessage } from './batch-checks.js';
import {
  FastBatches,
  type FastHost,
  type FastLimits,
  fastReplyOf,
  isFastReplyIn,
  parseFastReply,
} from './batch-fast.js';
import { addToCounter, readCounter } from './counters.js';
import { DuplicateWindow } from './duplicates.js';
import { ApiError } from './errors.js';
import { findHeader, headerBytes, headerText, headerValue, withoutHeader } from './headers.js';
import {
  checkLastMessageId,
  checkPublish,
  finalTtl,
  MAX_HEADER_LENGTH,
  type PublishPlan,
} from './publish-checks.js';
import { Republisher } from './republish.js';
import type { SteppedWork } from './slices.js';
import { StoreError } from './store/message-store.js';
import type { Place, Stream } from './stream.js';
import type { StreamConfig } from './stream-config.js';
import { TracedPublish } from './traced-publish.js';
import { Visibility } from './visibility.js';

const ATOMIC_DEFAULTS = {
  maxInflightPerStream: 50,
  maxInflightTotal: 1000,
  maxMessages: 1000,
  timeout: 10_000,
};
const FAST_DEFAULTS = { maxInflightPerStream: 1000, maxInflightTotal: 50_000, timeout: 10_000 };
const TOO_MANY = Buffer.from('NATS/1.0 429 Too Many Requests\r\n\r\n');
const ID_HEADER = 'Nats-Msg-Id';
const ID_BYTES = Buffer.from(`${ID_HEADER}:`);

/** Where a message comes from. */
interface Origin {
  /** From the server itself or another stream, which has looked at it. */
  readonly own: boolean;
  /** In a mirror: that of the origin. */
  readonly place: Place | null;
  readonly trace: TracedPublish | null;
}

const OF_CLIENT: Origin = { own: false, place: null, trace: null };

export class Publishing implements AtomicHost, FastHost {
  readonly #stream: Stream;
  /** Of the last message, '' when it had none. */
  lastMessageId = '';
  /** Text of an acknowledgement, up to the sequence. */
  ackStart = '';
  #ackStartBytes = Buffer.alloc(0);
  readonly #duplicates: DuplicateWindow;
  /** Reads the ids of messages that were stored before the start; null when all are known. */
  #recovering: SteppedWork | null = null;
  #whenRecovered: (() => void)[] = [];
  /** The disk did not let them be read: who has an id is refused until it does. */
  #cannotRecover = false;
  readonly #acks: AckQueue;
  readonly #waiting = new Visibility();
  #transform: SubjectTransform | null = null;
  #republisher: Republisher | null = null;
  /** Every message has to be looked at, not only those with headers. */
  #looksCloser = false;
  readonly #inFiles: boolean;
  // Made when first used.
  #atomic: AtomicBatches | null = null;
  #fast: FastBatches | null = null;

  constructor(stream: Stream) {
    this.#stream = stream;
    this.#duplicates = new DuplicateWindow(stream.config.duplicate_window);
    const { client, jetstream } = stream.account;
    this.#inFiles = stream.config.storage === 'file';
    this.#acks = new AckQueue({
      acknowledge: (bytes, start, end, sequence) =>
        client.answerNumber(bytes, start, end, this.#ackStartBytes, sequence),
      send: (reply, body) => client.answer(reply, body),
      awaited: () => {
        if (this.#inFiles) jetstream.storage.commit.awaited();
      },
    });
  }

  /** The configuration has changed. */
  apply(config: StreamConfig): void {
    const { domain } = this.#stream.account.jetstream.options;
    const place = domain === '' ? '' : `"domain":${quoteJson(domain)},`;
    this.ackStart = fromUtf8(`{"stream":${quoteJson(config.name)},${place}"seq":`);
    this.#ackStartBytes = Buffer.from(this.ackStart, 'latin1');
    const { subject_transform: transform, republish } = config;
    this.#transform =
      transform === undefined || transform.dest === ''
        ? null
        : SubjectTransform.create(fromUtf8(transform.src), fromUtf8(transform.dest));
    this.#republisher =
      republish === undefined || republish.dest === '' ? null : new Republisher(this.#stream, republish);
    this.#duplicates.window = config.duplicate_window;
    this.#looksCloser =
      config.sealed ||
      config.allow_msg_counter ||
      (config.max_msgs_per_subject > 0 && mayBeFull(config)) ||
      config.retention === 'interest' ||
      this.#transform !== null ||
      this.#republisher !== null;
  }

  /**
   * What is known from the messages that are stored: ids of the window, and a batch that was not finished. Where there are very many ids,
   * most of them are read in later turns, and whoever asks for one before reads the rest at once.
   */
  recover(): void {
    const { store, config } = this.#stream;
    if (config.allow_atomic) this.#dropTornBatch();
    if (store.state.messages === 0) return;
    const last = store.loadPrevious(null, store.state.lastSequence);
    this.lastMessageId = (last && headerValue(headerText(last.header), ID_HEADER)) ?? '';
    if (config.duplicate_window === 0) return;
    const since = this.now() - BigInt(Math.round(config.duplicate_window));
    const id = { start: 0, end: 0 };
    this.#recovering = store.readSteps(store.sequenceAt(since), (message) => {
      const { buffer, headerStart, payloadStart, sequence, stamp } = message;
      if (findHeader(buffer, headerStart, payloadStart, ID_BYTES, id) && id.start < id.end)
        this.#duplicates.rememberBytes(buffer, id.start, id.end, sequence, stamp.milliseconds);
    });
    if (!this.#recoverSome()) this.#stream.account.jetstream.slices.add(() => this.#tryRecoverSome());
  }

  /** There are ids that were not read yet. */
  get isRecovering(): boolean {
    return this.#recovering !== null && !this.#cannotRecover && !this.#stream.closed;
  }

  /** Calls back when all ids are known: at once, or in a later turn; not where the stream has ended before. */
  whenRecovered(callback: () => void): void {
    if (this.#recovering === null) callback();
    else this.#whenRecovered.push(callback);
  }

  /** True when nothing is left to do. */
  #recoverSome(): boolean {
    if (this.#recovering === null || this.#stream.closed) return true;
    if (!this.#recovering.step()) return false;
    this.#recovering = null;
    for (const callback of this.#whenRecovered.splice(0)) callback();
    return true;
  }

  #tryRecoverSome(): boolean {
    try {
      return this.#recoverSome();
    } catch (error) {
      this.#cannotRecover = true;
      const { account, name } = this.#stream;
      account.jetstream.log.error(
        `Stream '${account.name} > ${name}' could not read its message ids: ${(error as Error).message}`,
      );
      return true;
    }
  }

  /** All that is left. Throws `ApiError`. */
  #recoverRest(): void {
    try {
      while (!this.#recoverSome());
    } catch (error) {
      throw full((error as Error).message);
    }
  }

  /**
   * A server that was killed has left messages that may be in the page cache alone: they are shown when they are durable, like what
   * comes. Gives the last sequence that can be seen at once.
   */
  showFound(): number {
    const { state, position, durablePosition } = this.store;
    if (durablePosition >= position) return state.lastSequence;
    this.#showLater();
    return 0;
  }

  #showLater(): void {
    this.#waiting.add(this.store.position, this.store.state.lastSequence, 0);
  }

  /**
   * Messages at the end that belong to an atomic batch whose last one did not reach the disk. Where something was damaged, that may have
   * been the last one of a batch that was acknowledged: then the others stay.
   */
  #dropTornBatch(): void {
    const { store } = this.#stream;
    if (store.reports.length > 0) return;
    const { lastSequence } = store.state;
    const last = store.load(lastSequence);
    const header = headerText(last?.header ?? null);
    const sequence = Number(headerValue(header, 'Nats-Batch-Sequence') ?? 0);
    if (!headerValue(header, 'Nats-Batch-Id') || !(sequence > 0 && sequence <= lastSequence)) return;
    if (headerValue(header, 'Nats-Batch-Commit') || headerValue(header, 'Nats-Stream-Source')) return;
    store.truncate(lastSequence - sequence);
  }

  // --- What checks and batches look at ------------------------------------------------------------------------------

  get config(): StreamConfig {
    return this.#stream.config;
  }

  get store() {
    return this.#stream.store;
  }

  get clock(): Clock {
    return this.#stream.account.jetstream.broker.clock;
  }

  get inflight() {
    return this.#stream.account.jetstream.batches;
  }

  readonly now = (): bigint => this.#stream.account.jetstream.nanoseconds();

  knownMessage(id: string): number | undefined {
    if (this.#recovering !== null) this.#recoverRest();
    return this.#duplicates.find(id, milliseconds(this.now()));
  }

  atomicLimits(): AtomicLimits {
    const { options, broker } = this.#stream.account.jetstream;
    const { batch } = options.limits;
    const { maxPayload } = broker.options;
    return { ...ATOMIC_DEFAULTS, ...batch, maxBytes: options.maxBufferedSize, maxPayload };
  }

  fastLimits(): FastLimits {
    const { options, broker } = this.#stream.account.jetstream;
    return { ...FAST_DEFAULTS, ...options.limits.batch, maxPayload: broker.options.maxPayload };
  }

  // --- Messages of clients ------------------------------------------------------------------------------------------

  /** A client's message where it lies: most are stored from there. */
  receiveRaw(subject: string, operation: PublishOperation, from: ClientConnection | null): void {
    // Only between two messages of a client: what the server says itself may come from the middle of a change.
    if (from !== null && this.#inFiles) this.#stream.account.jetstream.storage.commit.between();
    const { memory, replyStart, replyEnd } = operation;
    const plain = operation.headerSize === 0 && operation.trace === null && !this.#looksCloser;
    if (!plain || isFastReplyIn(memory.bytes, replyStart, replyEnd) || this.#isBusy()) {
      this.receive(messageOf(subject, operation, from));
      return;
    }
    try {
      this.#storePlain(subject, operation);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const answers = replyStart !== 0 && !this.config.no_ack;
      this.say(answers ? readText(memory.bytes, replyStart, replyEnd) : '', this.refusal(error));
    }
  }

  /** Stores a message without headers in a stream that asks for nothing special. */
  #storePlain(subject: string, { memory, payloadStart, size, replyStart, replyEnd }: PublishOperation): void {
    const { config, store } = this;
    const stream = this.#stream;
    if (config.max_msg_size >= 0) this.#checkSize(size);
    const stored = store.sizeOfMessage(subject.length, 0, size);
    stream.account.checkServerRoom(stream);
    stream.account.checkRoom(stream, stored);
    if (config.discard === 'new') this.#checkSpace(stored);
    let sequence: number;
    try {
      sequence = store.appendBody(
        subject,
        memory.bytes,
        payloadStart,
        0,
        size,
        stream.account.jetstream.stamp(),
      );
    } catch (error) {
      throw storeFailure(error);
    }
    this.lastMessageId = '';
    stream.charge();
    stream.consumers.stored(subject);
    if (replyStart !== 0 && !config.no_ack)
      this.#acks.addStored(store.position, sequence, memory.bytes, replyStart, replyEnd);
    this.#stored(sequence, stored);
  }

  #checkSpace(size: number): void {
    const { config, store } = this;
    const { messages, bytes } = store.state;
    if (config.max_msgs > 0 && messages >= config.max_msgs) throw full('maximum messages exceeded');
    if (config.max_bytes > 0 && bytes + size > config.max_bytes) throw full('maximum bytes exceeded');
  }

  /** A message that has been copied already. */
  receive(message: InternalMessage): void {
    const reply = this.config.no_ack ? '' : message.reply;
    if (this.#isBusy()) {
      this.#refuseBusy(message.reply);
      return;
    }
    const trace = message.trace === null ? null : new TracedPublish(message.trace, this.#stream.name);
    try {
      this.#receive(message, reply, trace);
      trace?.end();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      trace?.failed(error);
      this.say(reply, this.refusal(error));
    }
  }

  /** See `Stream.take`. */
  take(subject: string, headers: Buffer | null, payload: Buffer, place: Place | null): number {
    const header = headers === null ? '' : withoutHeader(headerText(headers), REQUEST_INFO);
    const to = this.#transform?.match(subject) ?? subject;
    return this.#single(to, header, payload, '', { own: true, place, trace: null });
  }

  /** The store has passed sequences by itself. */
  advanced(): void {
    this.#stored(this.store.state.lastSequence, 0);
  }

  #receive(message: InternalMessage, reply: string, trace: TracedPublish | null): void {
    const subject = this.#transform?.match(message.subject) ?? message.subject;
    const { payload } = message;
    const headers = trace?.header(message) ?? message.header;
    const header = headers === null ? '' : withoutHeader(withoutStatus(headerText(headers)), REQUEST_INFO);
    const fastReply = fastReplyOf(message.reply, message.header);
    if (fastReply !== '') {
      this.#checkBatchable(subject, header, payload);
      this.#fast ??= new FastBatches(this);
      this.#fast.receive(parseFastReply(fastReply), { subject, header, payload }, message.reply);
      return;
    }
    const id = header === '' ? '' : headerValue(header, 'Nats-Batch-Id');
    if (id) {
      this.#checkBatchable(subject, header, payload);
      this.#atomic ??= new AtomicBatches(this);
      this.#atomic.receive(id, { subject, header, payload }, reply);
      return;
    }
    this.#single(subject, header, payload, reply, { own: false, place: null, trace });
  }

  /** What stands in the way of any message of a batch. */
  #checkBatchable(subject: string, header: string, payload: Buffer): void {
    const { config, store } = this;
    if (config.sealed) throw new ApiError('streamSealed');
    this.#stream.account.checkServerRoom(this.#stream);
    this.#stream.account.checkRoom(this.#stream, store.sizeOf(subject, headerBytes(header), payload));
    this.#checkSize(header.length + payload.length);
  }

  #checkSize(length: number): void {
    const most = this.config.max_msg_size;
    if (most >= 0 && length > most) throw new ApiError('streamMessageExceedsMaximum');
  }

  /** Messages wait for the disk faster than it takes them. */
  #isBusy(): boolean {
    const { maxBufferedMessages, maxBufferedSize } = this.#stream.account.jetstream.options;
    const { count, bytes } = this.#waiting;
    return count >= maxBufferedMessages || bytes >= maxBufferedSize;
  }

  #refuseBusy(reply: string): void {
    const { account, name } = this.#stream;
    account.jetstream.tooBusy(this.#stream);
    if (reply === '') return;
    const body = `{"error":${new ApiError('streamTooManyRequests').json},"stream":${quoteJson(name)},"seq":0}`;
    account.client.publish(toUtf8(reply), body, '', TOO_MANY);
  }

  refusal(error: ApiError): string {
    return `{"error":${error.json},"stream":${fromUtf8(quoteJson(this.#stream.name))},"seq":0}`;
  }

  /** Sends at once; both are latin1. */
  say(reply: string, body: string): void {
    if (reply !== '') this.#stream.account.client.answer(reply, body);
  }

  confirm(reply: string): void {
    this.say(reply, '');
  }

  /** Sends when all that was stored so far is durable. */
  promise(reply: string, body: string): void {
    if (reply === '') return;
    const { position, durablePosition } = this.store;
    this.#acks.add(position, reply, body);
    if (durablePosition >= position) this.#acks.durable(position);
  }

  // --- Messages of the server ---------------------------------------------------------------------------------------

  /**
   * Stores what comes from the server itself: delete markers, and what schedules make. Returns its sequence. Throws `ApiError`.
   */
  storeOwn(subject: string, header: string, payload: Buffer): number {
    const to = this.#transform?.match(subject) ?? subject;
    return this.#single(to, header, payload, '', { own: true, place: null, trace: null });
  }

  // --- One message --------------------------------------------------------------------------------------------------

  /** Returns the sequence that the message has now. Throws `ApiError`. */
  #single(subject: string, given: string, payload: Buffer, reply: string, origin: Origin): number {
    const { config } = this;
    if (config.sealed) throw new ApiError('streamSealed');
    this.#checkSize(given.length + payload.length);
    if (given === '') {
      if (config.allow_msg_counter) throw new ApiError('messageIncrMissing');
      return this.#accept(subject, null, payload, reply, '}', origin);
    }
    if (given.length > MAX_HEADER_LENGTH) throw new ApiError('streamHeaderExceedsMaximum');
    const plan = checkPublish(given, subject, payload.length, this, origin.own);
    // What the origin of a mirror took is no duplicate.
    if (plan.duplicateOf > 0 && origin.place === null) {
      origin.trace?.duplicate();
      this.promise(reply, `${this.ackStart}${plan.duplicateOf},"duplicate": true}`);
      return origin.own ? 0 : plan.duplicateOf;
    }
    if (!config.allow_msg_counter) return this.#accept(subject, plan, payload, reply, '}', origin);
    if (plan.increment === null) throw new ApiError('messageIncrMissing');
    return this.#count(subject, plan, payload, reply, origin);
  }

  #count(subject: string, plan: PublishPlan, payload: Buffer, reply: string, origin: Origin): number {
    const last = this.store.loadLast(subject);
    const before = readCounter(last && { header: headerText(last.header), payload: last.payload });
    const step = addToCounter(before, plan.increment!, subject, plan.header, payload);
    const length = step.header.length + step.payload.length;
    if (length > this.#stream.account.jetstream.broker.options.maxPayload)
      throw new ApiError('streamMessageExceedsMaximum');
    this.#checkSize(length);
    if (step.header.length > MAX_HEADER_LENGTH) throw new ApiError('streamHeaderExceedsMaximum');
    plan.header = step.header;
    return this.#accept(subject, plan, step.payload, reply, `,"val":"${step.state.total}"}`, origin);
  }

  /** Stores a message that was checked, as far as there is room. `tail` ends its acknowledgement. Throws `ApiError`. */
  #accept(
    subject: string,
    plan: PublishPlan | null,
    payload: Buffer,
    reply: string,
    tail: string,
    { place, trace }: Origin,
  ): number {
    const stream = this.#stream;
    stream.account.checkServerRoom(stream);
    const unwanted = this.config.retention === 'interest' && !stream.consumers.wants(subject);
    if (trace?.goesNoFurther(subject, unwanted)) return 0;
    if (unwanted) return this.#skip(subject, plan, reply, tail, place);
    let header: Buffer | null = null;
    let ttl = 0;
    if (plan !== null) {
      header = headerBytes(plan.header);
      stream.account.checkRoom(stream, this.store.sizeOf(subject, header, payload));
      ttl = finalTtl(plan, this.config);
      header = headerBytes(plan.header);
    } else {
      stream.account.checkRoom(stream, this.store.sizeOf(subject, null, payload));
    }
    if (mayBeFull(this.config)) this.#checkFull(subject, plan, header, payload);
    const previous = this.#republisher === null ? 0 : this.store.lastSequenceOf(subject);
    const sequence = this.#append(subject, header, payload, plan, ttl, place);
    if (plan !== null) this.#afterwards(plan, subject, sequence);
    else this.lastMessageId = '';
    this.#done(subject, header, payload, sequence, previous);
    if (reply !== '') this.#acks.add(this.store.position, reply, `${this.ackStart}${sequence}${tail}`);
    this.#stored(sequence, payload.length);
    return sequence;
  }

  /** Nobody wants it: it gets a sequence and is not stored. */
  #skip(subject: string, plan: PublishPlan | null, reply: string, tail: string, place: Place | null): number {
    const { store } = this;
    const sequence = place?.sequence ?? store.state.lastSequence + 1;
    const time = place?.time ?? this.now();
    store.skipTo(sequence, time);
    this.lastMessageId = plan?.messageId ?? '';
    if (plan !== null) {
      if (plan.messageId !== '') this.#duplicates.remember(plan.messageId, sequence, milliseconds(time));
      this.#rollUp(plan, subject, sequence);
    }
    if (reply !== '') this.#acks.add(store.position, reply, `${this.ackStart}${sequence}${tail}`);
    this.#stored(sequence, 0);
    return sequence;
  }

  #append(
    subject: string,
    header: Buffer | null,
    payload: Buffer,
    plan: PublishPlan | null,
    ttl: number,
    place: Place | null,
  ): number {
    const time = place?.time ?? this.now();
    try {
      const sequence = place?.sequence ?? this.store.append(subject, header, payload, time, ttl);
      if (place !== null) this.store.appendAt(sequence, subject, header, payload, time, ttl);
      if (plan !== null) {
        if (plan.messageId !== '') this.#duplicates.remember(plan.messageId, sequence, milliseconds(time));
        if (plan.scheduledAt !== null) this.#stream.scheduler.add(subject, sequence, plan.scheduledAt);
      }
      return sequence;
    } catch (error) {
      throw storeFailure(error);
    }
  }

  /** What its headers ask for beyond storing it. */
  #afterwards(plan: PublishPlan, subject: string, sequence: number): void {
    this.lastMessageId = plan.messageId;
    this.#rollUp(plan, subject, sequence);
  }

  /**
   * Takes away what a message rolls up: everything before it, whether it was stored itself or not. Never by a purge of everything,
   * which is done at once: this goes, or is taken back, together with the message.
   */
  #rollUp(plan: PublishPlan, subject: string, before: number): void {
    const { store } = this;
    const { allow_rollup_hdrs: allowed, deny_purge: denied } = this.config;
    if (!allowed || denied) return;
    if (plan.rollup === 'sub') store.purge({ filter: store.filter([subject]), before });
    else if (plan.rollup === 'all') store.purge({ before });
    if (plan.endsSchedule !== '') store.purge({ filter: store.filter([plan.endsSchedule]) });
  }

  /** Tells those whom a stored message concerns. */
  #done(subject: string, header: Buffer | null, payload: Buffer, sequence: number, previous: number): void {
    const republisher = this.#republisher;
    if (republisher !== null) {
      const time = this.store.state.lastTime;
      this.#acks.addTask(this.store.position, () =>
        republisher.publish(subject, header, payload, sequence, time, previous),
      );
    }
    this.#stream.charge();
    this.#stream.consumers.stored(subject);
  }

  /** What was stored can be seen once it is durable. */
  #stored(sequence: number, bytes: number): void {
    const { position, durablePosition } = this.store;
    if (durablePosition >= position) {
      this.#acks.durable(durablePosition);
      this.#stream.show(sequence);
    } else {
      this.#waiting.add(position, sequence, bytes);
    }
  }

  /** `discard: new`: a full stream refuses, but for a message that takes the place of one of its own subject. */
  #checkFull(subject: string, plan: PublishPlan | null, header: Buffer | null, payload: Buffer): void {
    const { config, store } = this;
    let own = 0;
    const filter = config.max_msgs_per_subject > 0 ? store.filter([subject]) : null;
    if (filter !== null) store.subjectTotals(filter, (_name, total) => (own += total));
    const replaces = filter !== null && own >= config.max_msgs_per_subject;
    const rollsUp = plan !== null && headerValue(plan.header, 'Nats-Rollup');
    if (replaces && config.discard_new_per_subject && !rollsUp)
      throw full('maximum messages per subject exceeded');
    const { messages, bytes } = store.state;
    if (config.max_msgs > 0 && messages >= config.max_msgs && !replaces)
      throw full('maximum messages exceeded');
    const size = store.sizeOf(subject, header, payload);
    if (config.max_bytes <= 0 || bytes + size <= config.max_bytes) return;
    const oldest = replaces ? store.loadNext(filter, 0) : null;
    if (oldest === null || store.sizeOf(subject, oldest.header, oldest.payload) < size)
      throw full('maximum bytes exceeded');
  }

  // --- Batches ------------------------------------------------------------------------------------------------------

  /** One message of a fast batch. */
  storeChecked({ subject, plan, payload }: CheckedMessage): number {
    checkLastMessageId(plan.header, this);
    return this.#accept(subject, plan, payload, '', '}', OF_CLIENT);
  }

  /** All messages of an atomic batch. Limits and rollups come after the last one: a crash leaves all of it, or nothing. */
  storeBatch(messages: readonly CheckedMessage[], reply: string, id: string): void {
    const { store } = this;
    const stream = this.#stream;
    const before = store.state.lastSequence;
    const ttls = messages.map(({ plan }) => finalTtl(plan, this.config));
    const sizes = messages.map(({ subject, plan, payload }) =>
      store.sizeOf(subject, headerBytes(plan.header), payload),
    );
    stream.account.checkServerRoom(stream);
    stream.account.checkRoom(
      stream,
      sizes.reduce((sum, size) => sum + size, 0),
    );
    const wanted = this.config.retention !== 'interest';
    const stored: { message: CheckedMessage; header: Buffer | null; sequence: number; previous: number }[] =
      [];
    store.holdLimits();
    try {
      for (const [at, message] of messages.entries()) {
        const { subject, plan, payload } = message;
        if (!wanted && !stream.consumers.wants(subject)) {
          this.#skip(subject, { ...plan, rollup: '', endsSchedule: '' }, '', '', null);
          continue;
        }
        const header = headerBytes(plan.header);
        const previous = this.#republisher === null ? 0 : store.lastSequenceOf(subject);
        const sequence = this.#append(subject, header, payload, plan, ttls[at]!, null);
        stored.push({ message, header, sequence, previous });
      }
    } catch (error) {
      this.#takeBack(before);
      throw error;
    } finally {
      store.releaseLimits(new Set(messages.map(({ subject }) => subject)));
    }
    for (const { message, header, sequence, previous } of stored) {
      this.#afterwards(message.plan, message.subject, sequence);
      this.#done(message.subject, header, message.payload, sequence, previous);
    }
    const last = before + messages.length;
    const tail = `,"batch":${quoteJson(id)},"count":${messages.length}}`;
    if (reply !== '') this.#acks.add(store.position, reply, `${this.ackStart}${last}${tail}`);
    this.#stored(last, 0);
  }

  /** What came behind a sequence is not to be there. Throws `ApiError`. */
  #takeBack(sequence: number): void {
    this.#duplicates.dropAbove(sequence);
    try {
      this.store.truncate(sequence);
    } catch (error) {
      throw storeFailure(error);
    }
  }

  abandoned(batch: string, reason: AbandonReason): void {
    const { account, name } = this.#stream;
    const topic = `STREAM.BATCH_ABANDONED.${name}`;
    const fields: AdvisoryFields = [
      ['stream', quoteJson(name)],
      ['domain', domainOf(account.jetstream)],
      ['batch', quoteJson(toUtf8(batch))],
      ['reason', quoteJson(reason)],
    ];
    advise(account, topic, 'stream_batch_abandoned', () => fields);
    adviseSystem(account.jetstream, topic, 'stream_batch_abandoned', () => [
      ['account', quoteJson(account.name)],
      ...fields,
    ]);
  }

  // --- What the store tells -----------------------------------------------------------------------------------------

  durable(position: number): void {
    this.#acks.durable(position);
    const last = this.#waiting.durable(position);
    if (last > 0) this.#stream.show(last);
  }

  failed(error: StoreError, position: number): void {
    this.#waiting.clear();
    if (this.#stream.visibleSequence < this.store.state.lastSequence) this.#showLater();
    this.#duplicates.dropAbove(this.store.state.lastSequence);
    this.#acks.failed(position, this.refusal(new ApiError('streamStoreFailed', { err: error.message })));
  }

  close(): void {
    this.#atomic?.close();
    this.#fast?.close();
  }
}

/** Whether there are limits that refuse messages; with none, or with those that displace others, nothing has to be counted. */
function mayBeFull({ discard, discard_new_per_subject, max_msgs, max_bytes }: StreamConfig): boolean {
  return discard === 'new' && (discard_new_per_subject || max_msgs > 0 || max_bytes > 0);
}

function full(err: string): ApiError {
  return new ApiError('streamStoreFailed', { err });
}

/** What a client is told when its message could not be stored. */
function storeFailure(error: unknown): unknown {
  return error instanceof StoreError ? full(error.message) : error;
}

/** `NATS/1.0 100 text` in the first line is a status, which is not stored. */
function withoutStatus(text: string): string {
  const end = text.indexOf('\r\n');
  if (end <= 8) return text;
  const rest = text.slice(end);
  return rest === '\r\n\r\n' ? '' : `NATS/1.0${rest}`;
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}

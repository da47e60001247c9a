/**
 * One stream: which subjects it takes, what it stores of them, what is published again, and who is told. It is driven by calls and by
 * the clock alone; what it promises goes out when its store says that it is durable.
 */

import type { ClientConnection } from '../broker/connection.js';
import type { InternalMessage } from '../broker/internal-client.js';
import { messageOf } from '../broker/publisher.js';
import type { RawHandler, Subscription } from '../broker/subscription.js';
import { fromUtf8, readText, toUtf8 } from '../protocol/bytes.js';
import type { PublishOperation } from '../protocol/client-parser.js';
import { SubjectTransform } from '../subjects/transform.js';
import type { AccountJetStream } from './account-jetstream.js';
import { AckQueue } from './ack-queue.js';
import type { Consumer } from './consumer.js';
import { DuplicateWindow } from './duplicates.js';
import { ApiError } from './errors.js';
import { headerBytes, headerText, headerValue, withoutHeader } from './headers.js';
import { jsonObject, type StateDetails, stateJson } from './info.js';
import { shownMetadata } from './levels.js';
import { checkPublish, MAX_HEADER_LENGTH, type PublishPlan, raiseTtl } from './publish-checks.js';
import { Republisher } from './republish.js';
import { SourceIntake } from './source-intake.js';
import type { StreamStorage } from './storage.js';
import {
  type DamageReport,
  type MessageStore,
  type PurgeRequest,
  type RemovalReason,
  type StoredMessage,
  StoreError,
  type StoreLimits,
  type StoreListener,
} from './store/message-store.js';
import { type StreamConfig, streamConfig } from './stream-config.js';
import { StreamConsumers } from './stream-consumers.js';
import { TracedPublish } from './traced-publish.js';

const NANOSECONDS = 1_000_000;

/** Where a mirror stores a message: as the origin has it. Nanoseconds. */
export interface Place {
  readonly sequence: number;
  readonly time: bigint;
}

export class Stream implements StoreListener {
  readonly account: AccountJetStream;
  readonly storage: StreamStorage;
  readonly store: MessageStore;
  /** RFC 3339. */
  readonly created: string;
  readonly consumers: StreamConsumers;
  readonly intake: SourceIntake;
  config: StreamConfig;
  /** The last sequence that is durable: nothing above it is delivered. */
  visibleSequence: number;
  lastMessageId = '';
  #started = false;
  #subscriptions: Subscription[] = [];
  readonly #duplicates: DuplicateWindow;
  readonly #acks: AckQueue;
  #ackStart = '';
  /** Every message has to be looked at, not only those with headers. */
  #looksCloser = false;
  #transform: SubjectTransform | null = null;
  #republisher: Republisher | null = null;
  /** Positions of appends that are not durable yet, with their sequences. */
  #pendingVisible: { position: number; sequence: number }[] = [];
  /** Bytes that the account has been charged with. */
  #charged = 0;
  closed = false;
  /** Why the last write failed; null since one has not. */
  writeError: StoreError | null = null;

  constructor(account: AccountJetStream, config: StreamConfig, created: string, storage: StreamStorage) {
    this.account = account;
    this.storage = storage;
    this.store = storage.store;
    this.created = created;
    this.config = config;
    this.visibleSequence = this.store.state.lastSequence;
    this.#duplicates = new DuplicateWindow(config.duplicate_window);
    this.#acks = new AckQueue((reply, body) => account.client.answer(reply, body));
    this.consumers = new StreamConsumers(this);
    this.intake = new SourceIntake(this);
    this.store.listener = this;
    this.#apply(config);
    this.#recoverMessageIds();
    this.#charge();
  }

  get name(): string {
    return this.config.name;
  }

  get inMemory(): boolean {
    return this.config.storage === 'memory';
  }

  /** Takes messages from now on. */
  start(): void {
    this.#started = true;
    this.#subscribe();
    this.consumers.start();
    this.intake.start();
  }

  #apply(config: StreamConfig): void {
    const { account } = this;
    const domain = account.jetstream.options.domain;
    this.#ackStart = `{"stream":${JSON.stringify(config.name)},${domain === '' ? '' : `"domain":${JSON.stringify(domain)},`}"seq":`;
    const { subject_transform: transform } = config;
    this.#transform =
      transform === undefined || transform.dest === ''
        ? null
        : SubjectTransform.create(fromUtf8(transform.src), fromUtf8(transform.dest));
    this.#republisher = config.republish === undefined ? null : new Republisher(this, config.republish);
    this.#duplicates.window = config.duplicate_window;
    this.#looksCloser =
      config.sealed ||
      config.allow_msg_counter ||
      config.discard_new_per_subject ||
      config.retention === 'interest' ||
      this.#transform !== null ||
      this.#republisher !== null;
    this.store.setLimits(storeLimits(config));
  }

  #subscribe(): void {
    const { client } = this.account;
    for (const sub of this.#subscriptions) client.unsubscribe(sub);
    const receive: RawHandler = (subject, operation, from) => this.#receiveRaw(subject, operation, from);
    this.#subscriptions = (this.config.subjects ?? []).map((subject) =>
      client.subscribeRaw(subject, receive),
    );
    for (const sub of this.#subscriptions) sub.heedsTraces = true;
  }

  /** Changes over to a configuration that was checked. */
  update(config: StreamConfig): void {
    const subjects = JSON.stringify(this.config.subjects);
    this.config = config;
    this.#apply(config);
    this.storage.save(config, this.created);
    if (this.#started && JSON.stringify(config.subjects) !== subjects) this.#subscribe();
    this.intake.update();
    this.#charge();
  }

  // --- Publishing ---------------------------------------------------------------------------------------------------

  /** A client's message where it lies: most are stored from there. */
  #receiveRaw(subject: string, operation: PublishOperation, from: ClientConnection | null): void {
    if (this.closed) return;
    if (this.#looksCloser || operation.headerSize > 0 || operation.trace !== null) {
      this.receive(messageOf(subject, operation, from));
      return;
    }
    const { memory, replyStart, replyEnd } = operation;
    const reply = replyStart === 0 || this.config.no_ack ? '' : readText(memory.bytes, replyStart, replyEnd);
    try {
      this.#storePlain(subject, operation, reply);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#refuse(reply, error);
    }
  }

  /** Stores a message without headers in a stream that asks for nothing special. */
  #storePlain(subject: string, { memory, payloadStart, size }: PublishOperation, reply: string): void {
    const { config, store } = this;
    if (config.max_msg_size >= 0 && size > config.max_msg_size)
      throw new ApiError('streamMessageExceedsMaximum');
    this.#checkSpace(store.sizeOfMessage(subject.length, 0, size));
    const time = this.account.jetstream.nanoseconds();
    let sequence: number;
    try {
      sequence = store.appendBody(subject, memory.bytes, payloadStart, 0, size, time);
    } catch (error) {
      throw storeFailure(error);
    }
    this.lastMessageId = '';
    this.#charge();
    if (reply !== '') this.#acks.add(store.position, reply, `${this.#ackStart}${sequence}}`);
    this.consumers.stored(subject);
    this.#stored(sequence);
  }

  /** A message that has been copied already. */
  receive(message: InternalMessage): void {
    if (this.closed) return;
    const subject = this.#transform?.match(message.subject) ?? message.subject;
    const reply = this.config.no_ack ? '' : message.reply;
    const trace = message.trace === null ? null : new TracedPublish(message.trace, this.name);
    try {
      this.#publish(subject, trace?.header(message) ?? message.header, message.payload, reply, trace);
      trace?.end();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      trace?.failed(error);
      this.#refuse(reply, error);
    }
  }

  /**
   * A message of another stream, with its place where this is a mirror of that. Gives the sequence that it is stored under, 0 for a
   * message that was stored before. Throws `ApiError`.
   */
  take(subject: string, header: Buffer | null, payload: Buffer, place: Place | null): number {
    if (this.closed) throw new ApiError('streamNotFound');
    return this.#publish(this.#transform?.match(subject) ?? subject, header, payload, '', null, { place });
  }

  /** A mirror has passed sequences that its origin does not have. */
  advanced(): void {
    this.#stored(this.store.state.lastSequence);
    this.#charge();
  }

  /** `copied` is there for messages of other streams. Gives the sequence, 0 for a message that is known. */
  #publish(
    subject: string,
    headers: Buffer | null,
    payload: Buffer,
    reply: string,
    trace: TracedPublish | null,
    copied: { place: Place | null } | null = null,
  ): number {
    const { config, store } = this;
    if (config.sealed) throw new ApiError('streamSealed');
    const length = (headers?.length ?? 0) + payload.length;
    if (config.max_msg_size >= 0 && length > config.max_msg_size)
      throw new ApiError('streamMessageExceedsMaximum');
    let plan: PublishPlan | null = null;
    let header = headers;
    if (headers !== null) {
      if (headers.length > MAX_HEADER_LENGTH) throw new ApiError('streamHeaderExceedsMaximum');
      const text = withoutHeader(withoutStatus(headerText(headers)), 'Nats-Request-Info');
      plan = checkPublish(text, subject, payload.length, this, copied !== null);
      // What the origin of a mirror took is no duplicate.
      if (plan.duplicateOf > 0 && !copied?.place) {
        trace?.duplicate();
        this.#acknowledgeDuplicate(reply, plan.duplicateOf);
        return 0;
      }
      raiseTtl(plan, config);
      header = headerBytes(plan.header);
    }
    if (config.allow_msg_counter && (plan === null || plan.increment === null))
      throw new ApiError('messageIncrMissing');
    const unwanted = config.retention === 'interest' && !this.consumers.wants(subject);
    if (trace?.goesNoFurther(subject, unwanted)) return 0;
    if (unwanted) return this.#skip(plan, reply, copied?.place ?? null);
    this.#checkRoom(subject, header, payload);
    const previous = this.#republisher === null ? 0 : store.lastSequenceOf(subject);
    const place = copied?.place ?? null;
    const time = place?.time ?? this.account.jetstream.nanoseconds();
    const sequence = this.#append(subject, header, payload, time, plan?.ttl ?? 0, place);
    if (plan !== null) this.#afterHeaders(plan, subject, sequence, time);
    this.#republisher?.publish(subject, header, payload, sequence, time, previous);
    this.#charge();
    if (reply !== '') this.#acks.add(store.position, reply, `${this.#ackStart}${sequence}}`);
    this.consumers.stored(subject);
    this.#stored(sequence);
    return sequence;
  }

  /** Nobody wants it: it gets a sequence and is not stored. */
  #skip(plan: PublishPlan | null, reply: string, place: Place | null): number {
    const { store } = this;
    const sequence = place?.sequence ?? store.state.lastSequence + 1;
    const time = place?.time ?? this.account.jetstream.nanoseconds();
    store.skipTo(sequence, time);
    if (plan !== null && plan.messageId !== '') this.#duplicates.remember(plan.messageId, sequence, time);
    this.lastMessageId = plan?.messageId ?? '';
    if (reply !== '') this.#acks.add(store.position, reply, `${this.#ackStart}${sequence}}`);
    this.#stored(sequence);
    return sequence;
  }

  #append(
    subject: string,
    header: Buffer | null,
    payload: Buffer,
    time: bigint,
    ttl: number,
    place: Place | null,
  ): number {
    try {
      if (place !== null) {
        this.store.appendAt(place.sequence, subject, header, payload, time, ttl);
        return place.sequence;
      }
      return this.store.append(subject, header, payload, time, ttl);
    } catch (error) {
      throw storeFailure(error);
    }
  }

  /** What was stored can be seen once it is durable. */
  #stored(sequence: number): void {
    const { position, durablePosition } = this.store;
    if (durablePosition >= position) {
      this.#acks.durable(durablePosition);
      this.#show(sequence);
    } else {
      this.#pendingVisible.push({ position, sequence });
    }
  }

  #afterHeaders(plan: PublishPlan, subject: string, sequence: number, time: bigint): void {
    if (plan.messageId !== '') this.#duplicates.remember(plan.messageId, sequence, time);
    this.lastMessageId = plan.messageId;
    // A message of another stream may ask for what is not allowed here.
    if (!this.config.allow_rollup_hdrs || this.config.deny_purge) return;
    if (plan.rollup === 'sub') this.store.purge({ filter: this.store.filter([subject]), keep: 1 });
    else if (plan.rollup === 'all') this.store.purge({ keep: 1 });
  }

  knownMessage(id: string): number | undefined {
    return this.#duplicates.find(id, this.account.jetstream.nanoseconds());
  }

  #acknowledgeDuplicate(reply: string, sequence: number): void {
    if (reply === '') return;
    this.#acks.add(this.store.position, reply, `${this.#ackStart}${sequence},"duplicate": true}`);
    if (this.store.durablePosition >= this.store.position) this.#acks.durable(this.store.position);
  }

  #refuse(reply: string, error: ApiError): void {
    if (reply === '') return;
    this.account.client.publish(
      toUtf8(reply),
      `{"error":${error.json},"stream":${JSON.stringify(this.name)},"seq":0}`,
    );
  }

  /** `discard: new`, and what the account and the server have left. */
  #checkRoom(subject: string, header: Buffer | null, payload: Buffer): void {
    const { config, store } = this;
    if (config.discard_new_per_subject && config.max_msgs_per_subject > 0) {
      let count = 0;
      store.subjectTotals(store.filter([subject]), (_name, total) => (count += total));
      if (count >= config.max_msgs_per_subject) throw noRoom('maximum messages per subject exceeded');
    }
    this.#checkSpace(store.sizeOf(subject, header, payload));
  }

  /** Whether account, server and, with `discard: new`, the stream itself have room for so many bytes. */
  #checkSpace(size: number): void {
    const { config } = this;
    this.account.checkRoom(this, size);
    if (config.discard !== 'new') return;
    const { messages, bytes } = this.store.state;
    if (config.max_msgs > 0 && messages >= config.max_msgs) throw noRoom('maximum messages exceeded');
    if (config.max_bytes > 0 && bytes + size > config.max_bytes) throw noRoom('maximum bytes exceeded');
  }

  #recoverMessageIds(): void {
    const { store, config } = this;
    if (config.duplicate_window === 0 || store.state.messages === 0) return;
    const since = this.account.jetstream.nanoseconds() - BigInt(Math.round(config.duplicate_window));
    let message = store.loadNext(null, store.sequenceAt(since));
    while (message !== null) {
      const id = headerValue(headerText(message.header), 'Nats-Msg-Id');
      if (id) this.#duplicates.remember(id, message.sequence, message.time);
      this.lastMessageId = id ?? '';
      message = store.loadNext(null, message.sequence + 1, message);
    }
  }

  // --- What the store tells -----------------------------------------------------------------------------------------

  durable(position: number): void {
    this.writeError = null;
    this.#acks.durable(position);
    this.intake.durable(position);
    let last = 0;
    let count = 0;
    for (const each of this.#pendingVisible) {
      if (each.position > position) break;
      last = each.sequence;
      count++;
    }
    if (count === 0) return;
    this.#pendingVisible.splice(0, count);
    this.#show(last);
  }

  failed(error: StoreError, position: number): void {
    this.durable(position);
    this.writeError = error;
    this.#pendingVisible = [];
    this.#duplicates.dropAbove(this.store.state.lastSequence);
    const refused = new ApiError('streamStoreFailed', { err: error.message });
    this.#acks.failed(position, `{"error":${refused.json},"stream":${JSON.stringify(this.name)},"seq":0}`);
    this.#charge();
    this.consumers.recount();
    this.intake.storeFailed();
    this.account.jetstream.storeFailed(this, error);
  }

  removed(sequence: number, subject: string, _bytes: number, reason: RemovalReason): void {
    this.consumers.removed(sequence, subject, reason);
    this.intake.removed(sequence);
  }

  purged(firstSequence: number): void {
    this.consumers.purged(firstSequence);
    this.intake.purged(firstSequence);
  }

  expiring(_message: StoredMessage, _last: boolean): boolean {
    return false;
  }

  damaged(report: DamageReport): void {
    this.account.jetstream.damaged(this, report);
  }

  #show(sequence: number): void {
    this.visibleSequence = sequence;
    this.consumers.wake();
  }

  #charge(): void {
    const { bytes } = this.store.state;
    if (bytes === this.#charged) return;
    this.account.charge(this.inMemory, bytes - this.#charged);
    this.#charged = bytes;
  }

  // --- What the API asks for ----------------------------------------------------------------------------------------

  /** How many messages went. */
  purge(request: PurgeRequest): number {
    const count = this.store.purge(request);
    const pattern = request.filter?.patterns[0];
    if (pattern === undefined) this.consumers.purged(this.store.state.firstSequence);
    else this.consumers.purgedSubjects(pattern);
    this.#charge();
    return count;
  }

  /** False when there is no such message. */
  deleteMessage(sequence: number, erase: boolean): boolean {
    const done = erase ? this.store.erase(sequence) : this.store.remove(sequence);
    this.#charge();
    return done;
  }

  /** JSON of the fields of `StreamInfo`, for answers that add to them. */
  infoFields(details: Omit<StateDetails, 'consumers'> = {}): (readonly [string, string | undefined])[] {
    const { domain } = this.account.jetstream.options;
    const config = { ...this.config, metadata: shownMetadata(this.config.metadata) };
    return [
      ['config', streamConfig.write(config)],
      ['created', JSON.stringify(this.created)],
      ['state', stateJson(this.store.state, { ...details, consumers: this.consumers.shown })],
      ['domain', domain === '' ? undefined : JSON.stringify(domain)],
      ...this.intake.infoFields(),
      ['ts', JSON.stringify(this.account.jetstream.now())],
    ];
  }

  info(): string {
    return jsonObject(this.infoFields());
  }

  /** Nobody wants a message any more. */
  drop(sequence: number): void {
    this.store.remove(sequence);
    this.#charge();
  }

  /** Nobody has used the consumer for a while. */
  consumerInactive(consumer: Consumer): void {
    try {
      this.consumers.delete(consumer);
    } catch (error) {
      const { log } = this.account.jetstream;
      log.error(`Error deleting consumer '${consumer.path}': ${(error as Error).message}`);
    }
  }

  /** Takes no more messages; what is stored stays. */
  stop(done: (error: Error | null) => void): void {
    this.#close();
    this.consumers.stop((failed) => this.storage.stop((error) => done(failed ?? error)));
  }

  /** It does not count any more in what its account uses. */
  release(): void {
    this.account.charge(this.inMemory, -this.#charged);
    this.#charged = 0;
  }

  /** Ends it and removes what it has stored. Throws what the disk throws; then it goes on. */
  destroy(): void {
    // As a whole, with its consumers.
    this.storage.retire();
    this.intake.remove();
    this.#close();
    this.consumers.destroy();
    this.account.charge(this.inMemory, -this.#charged);
    this.storage.destroy();
  }

  #close(): void {
    this.closed = true;
    this.intake.close();
    for (const sub of this.#subscriptions) this.account.client.unsubscribe(sub);
    this.#subscriptions = [];
  }
}

/** `NATS/1.0 100 text` in the first line is a status, which is not stored. */
function withoutStatus(text: string): string {
  const end = text.indexOf('\r\n');
  if (end <= 8) return text;
  const rest = text.slice(end);
  return rest === '\r\n\r\n' ? '' : `NATS/1.0${rest}`;
}

function noRoom(err: string): ApiError {
  return new ApiError('streamStoreFailed', { err });
}

/** What a client is told when its message could not be stored. */
function storeFailure(error: unknown): unknown {
  return error instanceof StoreError ? new ApiError('streamStoreFailed', { err: error.message }) : error;
}

function storeLimits(config: StreamConfig): StoreLimits {
  // With `discard: new` a full stream refuses; per subject it only does where that is asked for.
  const discardNew = config.discard === 'new';
  return {
    maxMessages: discardNew ? -1 : config.max_msgs,
    maxBytes: discardNew ? -1 : config.max_bytes,
    maxMessagesPerSubject: config.discard_new_per_subject ? -1 : config.max_msgs_per_subject,
    maxAge: config.max_age / NANOSECONDS,
    allowTtl: config.allow_msg_ttl,
    deleteMarkers: config.subject_delete_marker_ttl > 0,
    allowSchedules: config.allow_msg_schedules,
  };
}

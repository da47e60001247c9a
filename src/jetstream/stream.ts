/**
 * One stream: which subjects it takes, what it stores of them, what is published again, and who is told. It is driven by calls and by
 * the clock alone; what it promises goes out when its store says that it is durable.
 */
import type { InternalMessage } from '../broker/internal-client.js';
import type { Subscription } from '../broker/subscription.js';
import { fromUtf8, toUtf8 } from '../protocol/bytes.js';
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

export class Stream implements StoreListener {
  readonly account: AccountJetStream;
  readonly storage: StreamStorage;
  readonly store: MessageStore;
  /** RFC 3339. */
  readonly created: string;
  readonly consumers: StreamConsumers;
  config: StreamConfig;
  /** The last sequence that is durable: nothing above it is delivered. */
  visibleSequence: number;
  lastMessageId = '';
  #subscriptions: Subscription[] = [];
  readonly #duplicates: DuplicateWindow;
  readonly #acks: AckQueue;
  #ackStart = '';
  #transform: SubjectTransform | null = null;
  #republisher: Republisher | null = null;
  /** Positions of appends that are not durable yet, with their sequences. */
  #pendingVisible: { position: number; sequence: number }[] = [];
  /** Bytes that the account has been charged with. */
  #charged = 0;
  closed = false;

  constructor(account: AccountJetStream, config: StreamConfig, created: string, storage: StreamStorage) {
    this.account = account;
    this.storage = storage;
    this.store = storage.store;
    this.created = created;
    this.config = config;
    this.visibleSequence = this.store.state.lastSequence;
    this.#duplicates = new DuplicateWindow(config.duplicate_window);
    this.#acks = new AckQueue((reply, body) => account.client.publish(toUtf8(reply), body));
    this.consumers = new StreamConsumers(this);
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
    this.#subscribe();
    this.consumers.start();
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
    this.store.setLimits(storeLimits(config));
  }

  #subscribe(): void {
    const { client } = this.account;
    for (const sub of this.#subscriptions) client.unsubscribe(sub);
    const receive = (message: InternalMessage) => this.receive(message);
    this.#subscriptions = (this.config.subjects ?? []).map((subject) => client.subscribe(subject, receive));
    for (const sub of this.#subscriptions) sub.heedsTraces = true;
  }

  /** Changes over to a configuration that was checked. */
  update(config: StreamConfig): void {
    const subjects = JSON.stringify(this.config.subjects);
    this.config = config;
    this.#apply(config);
    this.storage.save(config, this.created);
    if (this.#subscriptions.length > 0 && JSON.stringify(config.subjects) !== subjects) this.#subscribe();
    this.#charge();
  }

  // --- Publishing ---------------------------------------------------------------------------------------------------

  /** A client's message. */
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

  #publish(
    subject: string,
    headers: Buffer | null,
    payload: Buffer,
    reply: string,
    trace: TracedPublish | null,
  ): void {
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
      plan = checkPublish(text, subject, payload.length, this);
      if (plan.duplicateOf > 0) {
        trace?.duplicate();
        this.#acknowledgeDuplicate(reply, plan.duplicateOf);
        return;
      }
      raiseTtl(plan, config);
      header = headerBytes(plan.header);
    }
    if (config.allow_msg_counter && (plan === null || plan.increment === null))
      throw new ApiError('messageIncrMissing');
    const unwanted = config.retention === 'interest' && !this.consumers.wants(subject);
    if (trace?.goesNoFurther(subject, unwanted)) return;
    if (unwanted) {
      this.#skip(plan, reply);
      return;
    }
    this.#checkRoom(subject, header, payload);
    const previous = this.#republisher === null ? 0 : store.lastSequenceOf(subject);
    const time = this.account.jetstream.nanoseconds();
    const sequence = this.#append(subject, header, payload, time, plan?.ttl ?? 0);
    if (plan !== null) this.#afterHeaders(plan, subject, sequence, time);
    this.#republisher?.publish(subject, header, payload, sequence, time, previous);
    this.#charge();
    if (reply !== '') this.#acks.add(store.position, reply, `${this.#ackStart}${sequence}}`);
    this.consumers.stored(subject);
    this.#stored(sequence);
  }

  /** Nobody wants it: it gets a sequence and is not stored. */
  #skip(plan: PublishPlan | null, reply: string): void {
    const { store } = this;
    const sequence = store.state.lastSequence + 1;
    const time = this.account.jetstream.nanoseconds();
    store.skipTo(sequence, time);
    if (plan !== null && plan.messageId !== '') this.#duplicates.remember(plan.messageId, sequence, time);
    this.lastMessageId = plan?.messageId ?? '';
    if (reply !== '') this.#acks.add(store.position, reply, `${this.#ackStart}${sequence}}`);
    this.#stored(sequence);
  }

  #append(subject: string, header: Buffer | null, payload: Buffer, time: bigint, ttl: number): number {
    try {
      return this.store.append(subject, header, payload, time, ttl);
    } catch (error) {
      if (error instanceof StoreError) throw new ApiError('streamStoreFailed', { err: error.message });
      throw error;
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
    const size = store.sizeOf(subject, header, payload);
    this.account.checkRoom(this, size);
    if (config.discard !== 'new') return;
    const { messages, bytes } = store.state;
    const full = (err: string) => new ApiError('streamStoreFailed', { err });
    if (config.discard_new_per_subject && config.max_msgs_per_subject > 0) {
      let count = 0;
      store.subjectTotals(store.filter([subject]), (_name, total) => (count += total));
      if (count >= config.max_msgs_per_subject) throw full('maximum messages per subject exceeded');
    }
    if (config.max_msgs > 0 && messages >= config.max_msgs) throw full('maximum messages exceeded');
    if (config.max_bytes > 0 && bytes + size > config.max_bytes) throw full('maximum bytes exceeded');
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
    this.#acks.durable(position);
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
    this.#pendingVisible = [];
    this.#duplicates.dropAbove(this.store.state.lastSequence);
    const refused = new ApiError('streamStoreFailed', { err: error.message });
    this.#acks.failed(position, `{"error":${refused.json},"stream":${JSON.stringify(this.name)},"seq":0}`);
    this.#charge();
    this.consumers.recount();
    this.account.jetstream.storeFailed(this, error);
  }

  removed(sequence: number, subject: string, _bytes: number, _reason: RemovalReason): void {
    this.consumers.removed(sequence, subject);
  }

  purged(firstSequence: number): void {
    this.consumers.purged(firstSequence);
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
      ['state', stateJson(this.store.state, { ...details, consumers: this.consumers.size })],
      ['domain', domain === '' ? undefined : JSON.stringify(domain)],
      ['ts', JSON.stringify(this.account.jetstream.now())],
    ];
  }

  info(): string {
    return jsonObject(this.infoFields());
  }

  /** Messages that a consumer is done with, where messages stay only as long as somebody wants them. */
  done(consumer: Consumer, sequences: readonly number[]): void {
    for (const sequence of sequences) {
      if (this.config.retention === 'interest' && this.consumers.anyWants(sequence, consumer)) continue;
      this.store.remove(sequence);
    }
    this.#charge();
  }

  /** Takes away what no consumer wants any more, where messages stay only as long as somebody does. */
  dropUnwanted(): void {
    const { store } = this;
    for (
      let message = store.loadNext(null, 0);
      message !== null;
      message = store.loadNext(null, message.sequence + 1)
    ) {
      if (!this.consumers.anyWants(message.sequence, null)) store.remove(message.sequence);
    }
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

  /** Ends it and removes what it has stored. Throws what the disk throws; then it goes on. */
  destroy(): void {
    // As a whole, with its consumers.
    this.storage.retire();
    this.#close();
    this.consumers.destroy();
    this.account.charge(this.inMemory, -this.#charged);
    this.storage.destroy();
  }

  #close(): void {
    this.closed = true;
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

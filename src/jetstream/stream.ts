/**
 * One stream: which subjects it takes, what it stores of them, what is published again, and who is told. It is driven by calls and by
 * the clock alone; what it promises goes out when its store says that it is durable.
 */

import type { InternalMessage } from '../broker/internal-client.js';
import type { RawHandler, Subscription } from '../broker/subscription.js';
import { quoteJson } from '../protocol/json-type.js';
import type { AccountJetStream } from './account-jetstream.js';
import type { Consumer } from './consumer.js';
import { ApiError } from './errors.js';
import { headerText } from './headers.js';
import { jsonObject, type StateDetails, stateJson } from './info.js';
import { shownMetadata } from './levels.js';
import { isDeleteMarker, markerHeader } from './message-ttl.js';
import { OpenCounts } from './open-counts.js';
import { Publishing } from './publish.js';
import { Scheduler } from './scheduler.js';
import { SourceIntake } from './source-intake.js';
import type { StreamStorage } from './storage.js';
import {
  type DamageReport,
  type MessageStore,
  type PurgeRequest,
  type RemovalReason,
  type StoredMessage,
  StoreError,
  type StoreListener,
} from './store/message-store.js';
import { storeLimits } from './store-limits.js';
import { type StreamConfig, streamConfig } from './stream-config.js';
import { StreamConsumers } from './stream-consumers.js';

/** Where a mirror stores a message: as the origin has it. Nanoseconds. */
export interface Place {
  readonly sequence: number;
  readonly time: bigint;
}

/** A change that is to be durable. */
export interface Pledge {
  /** Of the store. */
  readonly position: number;
  /** It was taken back. That a later position is durable does not mean it any more. */
  broken: boolean;
}

export interface InfoOptions extends Omit<StateDetails, 'consumers'> {
  shown?: boolean;
  leader?: boolean;
  /** Left out where a stream was just created. */
  domain?: boolean;
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
  /** As it was when the disk had it for the last time. */
  keptConfig: StreamConfig;
  /** The last sequence that is durable: nothing above it is delivered. */
  visibleSequence: number;
  readonly publishing: Publishing;
  readonly scheduler: Scheduler;
  #started = false;
  #subscriptions: Subscription[] = [];
  /** Bytes that the account has been charged with. */
  #charged = 0;
  closed = false;
  /** Why the last write failed; null since one has not. */
  writeError: StoreError | null = null;
  /** What requests wait for to be counted. */
  readonly counts = new OpenCounts();
  /** What answers wait for that tell of changes to the messages. */
  readonly pledges = new Set<Pledge>();

  constructor(account: AccountJetStream, config: StreamConfig, created: string, storage: StreamStorage) {
    this.account = account;
    this.storage = storage;
    this.store = storage.store;
    this.created = created;
    this.config = this.keptConfig = config;
    this.publishing = new Publishing(this);
    this.scheduler = new Scheduler(this);
    this.consumers = new StreamConsumers(this);
    this.publishing.recover();
    this.visibleSequence = this.publishing.showFound();
    this.intake = new SourceIntake(this);
    this.store.listener = this;
    this.#apply(config);
    this.charge();
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
    // What it brings may have ids.
    this.publishing.whenRecovered(() => this.intake.start());
  }

  #apply(config: StreamConfig): void {
    this.publishing.apply(config);
    this.store.setLimits(storeLimits(config));
    this.scheduler.arm();
  }

  #subscribe(): void {
    const { client } = this.account;
    for (const sub of this.#subscriptions) client.unsubscribe(sub);
    const receive: RawHandler = (subject, operation, from) => {
      if (!this.closed) this.publishing.receiveRaw(subject, operation, from);
    };
    this.#subscriptions = (this.config.subjects ?? []).map((subject) =>
      client.subscribeRaw(subject, receive),
    );
    for (const sub of this.#subscriptions) sub.heedsTraces = true;
  }

  /** Changes over to a configuration that was checked. */
  update(config: StreamConfig): void {
    const subjects = JSON.stringify(this.config.subjects);
    const { retention } = this.config;
    this.config = config;
    this.#apply(config);
    this.storage.save(config, this.created);
    if (this.#started && JSON.stringify(config.subjects) !== subjects) this.#subscribe();
    this.intake.update();
    if (config.retention !== retention) this.consumers.retentionChanged();
    this.charge();
  }

  /** Calls back when the limits have taken what they are to take: at once, or in a later turn. */
  whenTrimmed(callback: () => void): void {
    if (!this.store.trimming) {
      callback();
      return;
    }
    this.account.jetstream.slices.add(() => {
      if (this.store.trimming && !this.closed) return false;
      callback();
      return true;
    });
  }

  /** A message that has been copied already. */
  receive(message: InternalMessage): void {
    if (!this.closed) this.publishing.receive(message);
  }

  /**
   * A message of another stream, with its place where this is a mirror of that. Gives the sequence that it is stored under, 0 for a
   * message that was stored before. Throws `ApiError`.
   */
  take(subject: string, header: Buffer | null, payload: Buffer, place: Place | null): number {
    if (this.closed) throw new ApiError('streamNotFound');
    return this.publishing.take(subject, header, payload, place);
  }

  /** A mirror has passed sequences that its origin does not have. */
  advanced(): void {
    this.publishing.advanced();
    this.charge();
  }

  // --- What the store tells -----------------------------------------------------------------------------------------

  durable(position: number): void {
    this.writeError = null;
    this.publishing.durable(position);
    this.intake.durable(position);
  }

  failed(error: StoreError, position: number): void {
    this.durable(position);
    this.writeError = error;
    for (const pledge of this.pledges) if (pledge.position > position) pledge.broken = true;
    this.publishing.failed(error, position);
    this.counts.outdate();
    this.charge();
    this.consumers.wentBack(this.store.state.lastSequence);
    this.intake.storeFailed();
    this.account.jetstream.storeFailed(this, error);
  }

  removed(sequence: number, subject: string, _bytes: number, reason: RemovalReason): void {
    // Nobody asks for these, and what is used up keeps publishers out.
    if (reason === 'age' || reason === 'ttl' || this.store.trimming) this.charge();
    this.consumers.removed(sequence, subject, reason);
    this.counts.removed(sequence, subject);
    this.intake.removed(sequence);
  }

  purged(firstSequence: number): void {
    this.consumers.purged(firstSequence);
    this.counts.outdate();
    this.intake.purged(firstSequence);
  }

  /** A marker takes the place of the last message of a subject, so that those who watch it learn that it is gone. */
  expiring(message: StoredMessage, last: boolean): boolean {
    if (!last || isDeleteMarker(headerText(message.header))) return false;
    const { subject } = message;
    try {
      const header = markerHeader(this.config.subject_delete_marker_ttl);
      this.publishing.storeOwn(subject, header, Buffer.alloc(0));
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.account.jetstream.log.warn(
        `Stream '${this.account.name} > ${this.name}' could not store a delete marker: ${error.message}`,
      );
      return false;
    }
  }

  damaged(report: DamageReport): void {
    this.account.jetstream.damaged(this, report);
  }

  /** Everything up to the sequence is durable. */
  show(sequence: number): void {
    this.visibleSequence = sequence;
    this.consumers.wake();
  }

  /** Accounts for what is stored now. */
  charge(): void {
    const { bytes } = this.store.state;
    if (bytes === this.#charged) return;
    this.account.charge(this.inMemory, bytes - this.#charged);
    this.#charged = bytes;
  }

  // --- What the API asks for ----------------------------------------------------------------------------------------

  /**
   * `stepped` is called after each step, and `done` with the number of messages that went, in the same turn where that is enough. Where it
   * takes longer, messages come and go meanwhile; what comes later than this call stays.
   */
  purge(
    request: PurgeRequest,
    stepped?: () => void,
    done?: (count: number, error: Error | null) => void,
  ): void {
    const work = this.store.purgeSteps(request);
    const step = (): boolean => {
      let over: boolean;
      try {
        if (this.closed) throw new StoreError('closed', 'store is closed');
        over = work.step();
        this.charge();
        stepped?.();
        if (over) this.#purged(request);
      } catch (error) {
        done?.(work.count, error as Error);
        return true;
      }
      if (over) done?.(work.count, null);
      return over;
    };
    if (!step()) this.account.jetstream.slices.add(step);
  }

  #purged({ filter }: PurgeRequest): void {
    const pattern = filter?.patterns[0];
    if (pattern === undefined) this.consumers.purged(this.store.state.firstSequence);
    else this.consumers.purgedSubjects(pattern);
  }

  /** False when there is no such message. */
  deleteMessage(sequence: number, erase: boolean): boolean {
    const done = erase ? this.store.erase(sequence) : this.store.remove(sequence);
    this.charge();
    return done;
  }

  /**
   * JSON of the fields of `StreamInfo`, for answers that add to them. Lists and backups leave out what tells of the server (`shown`);
   * only a question for one stream is told who leads it.
   */
  infoFields({
    shown = true,
    leader = false,
    domain = true,
    ...details
  }: InfoOptions = {}): (readonly [string, string | undefined])[] {
    const { options, broker } = this.account.jetstream;
    const config = shown ? { ...this.config, metadata: shownMetadata(this.config.metadata) } : this.config;
    return [
      ['config', streamConfig.write(config)],
      ['created', JSON.stringify(this.created)],
      ['state', stateJson(this.store.state, { ...details, consumers: this.consumers.shown })],
      ['domain', options.domain === '' || !domain ? undefined : quoteJson(options.domain)],
      ['cluster', leader ? `{"leader":${quoteJson(broker.serverName)}}` : undefined],
      ...this.intake.infoFields(),
      ['ts', JSON.stringify(this.account.jetstream.now())],
    ];
  }

  /** As it stands in lists. */
  info(): string {
    return jsonObject(this.infoFields({ shown: false }));
  }

  /** Nobody wants a message any more. */
  drop(sequence: number): void {
    this.store.remove(sequence);
    this.charge();
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
    this.pledges.clear();
    this.intake.remove();
    this.#close();
    this.consumers.destroy();
    this.account.charge(this.inMemory, -this.#charged);
    this.storage.destroy();
  }

  #close(): void {
    this.closed = true;
    this.publishing.close();
    this.scheduler.close();
    this.intake.close();
    for (const sub of this.#subscriptions) this.account.client.unsubscribe(sub);
    this.#subscriptions = [];
  }
}

/** JetStream of one account: its streams, what it uses, and what it may use. */
import type { InternalClient } from '../broker/internal-client.js';
import {
  type JetStreamAccountLimits,
  type JetStreamTiers,
  noJetStreamLimits,
} from '../config/jetstream-options.js';
import { fromUtf8 } from '../protocol/bytes.js';
import { quoteJson } from '../protocol/json-type.js';
import { patternsOverlap } from '../subjects/subject.js';
import { AccountAcks } from './account-acks.js';
import { advise } from './advisories.js';
import type { StreamSurroundings } from './config-checks.js';
import { adviseConsumer } from './consumer-events.js';
import { checkConsumerLimits } from './consumer-rules.js';
import { ApiError } from './errors.js';
import type { JetStream } from './jetstream.js';
import { levelOfStream, storedMetadata, withLevelOf } from './levels.js';
import type { Restore } from './restore.js';
import { checkOriginFilters } from './source-rules.js';
import type { StoredStream, StreamStorage } from './storage.js';
import { Stream } from './stream.js';
import { type StreamConfig, streamConfig } from './stream-config.js';
import { checkStreamConfig, checkStreamUpdate } from './stream-rules.js';

export class AccountJetStream {
  readonly jetstream: JetStream;
  readonly name: string;
  readonly client: InternalClient;
  /** Acks on their way to consumers. */
  readonly acks: AccountAcks;
  /** Of what is not replicated. */
  limits: JetStreamAccountLimits = noJetStreamLimits;
  /** Limits by the number of replicas, see `JetStreamTiers`; null where there is one set for all. */
  tiers: JetStreamTiers['tiers'] | null = null;
  readonly streams = new Map<string, Stream>();
  /** Streams that are being restored. */
  readonly restores = new Map<string, Restore>();
  /** Bytes in use. */
  memory = 0;
  store = 0;
  /** Requests of the API, and those that were answered with an error. */
  readonly api = { total: 0, errors: 0 };

  constructor(
    jetstream: JetStream,
    name: string,
    client: InternalClient,
    limits: JetStreamAccountLimits | JetStreamTiers,
  ) {
    this.jetstream = jetstream;
    this.name = name;
    this.client = client;
    const long = jetstream.broker.options.featureFlags.js_ack_fc_v2 ?? false;
    this.acks = new AccountAcks(client, name, { domain: jetstream.options.domain, long });
    this.acks.open();
    this.setLimits(limits);
  }

  setLimits(limits: JetStreamAccountLimits | JetStreamTiers): void {
    this.tiers = 'tiers' in limits ? limits.tiers : null;
    this.limits = 'tiers' in limits ? (limits.tiers.R1 ?? noJetStreamLimits) : limits;
  }

  /** Throws `ApiError` 10120 where the account may have nothing with so many replicas; 0 is 1. */
  checkTier(replicas: number): void {
    if (this.tiers !== null && !Object.hasOwn(this.tiers, `R${replicas || 1}`))
      throw new ApiError('noLimits');
  }

  /** Opens what was stored. Streams take messages once all of them are there. */
  recover(): void {
    for (const stored of this.jetstream.storage.recover(this.name)) {
      try {
        this.take(stored);
      } catch (error) {
        const { name } = stored.config;
        const { message } = error as Error;
        this.jetstream.log.warn(`  Error recreating stream ${JSON.stringify(name)}: ${message}`);
        this.jetstream.storage.failed(this.name, name, message);
      }
    }
    for (const stream of this.streams.values()) stream.start();
  }

  /** A stream that was stored; whoever calls starts it. */
  take({ config, created, storage }: StoredStream): Stream {
    const stream = new Stream(this, this.#complete(config), created, storage);
    this.streams.set(config.name, stream);
    return stream;
  }

  /** A stored configuration with the defaults of today. What would be refused today is kept: it was accepted once. */
  #complete(config: StreamConfig): StreamConfig {
    try {
      return checkStreamConfig(config, this.#surroundings());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const { max_consumers, max_msgs, max_bytes, max_msgs_per_subject, max_msg_size } = config;
      return {
        ...config,
        max_consumers: max_consumers || -1,
        max_msgs: max_msgs || -1,
        max_bytes: max_bytes || -1,
        max_msgs_per_subject: max_msgs_per_subject || -1,
        max_msg_size: max_msg_size || -1,
      };
    }
  }

  /** Throws `ApiError` 10059. */
  stream(name: string): Stream {
    const stream = this.streams.get(name);
    if (stream === undefined) {
      const reason = this.offline.get(name);
      throw reason === undefined
        ? new ApiError('streamNotFound')
        : new ApiError('streamOfflineReason', { err: reason });
    }
    return stream;
  }

  /** Stored streams that need a server of a higher level, with the reason in official words. */
  get offline(): ReadonlyMap<string, string> {
    const problems = this.jetstream.storage.problems.filter(
      ({ account, consumer, offline }) => account === this.name && consumer === '' && offline !== undefined,
    );
    return new Map(problems.map(({ stream, offline }) => [stream, offline!]));
  }

  /** The stream that answers direct gets for one of this name: itself, or a mirror of it. */
  directGetStream(name: string): Stream | undefined {
    const stream = this.streams.get(name);
    if (stream?.config.allow_direct) return stream;
    for (const each of this.streams.values())
      if (each.config.mirror_direct && each.config.mirror?.name === name && each.intake.mirror?.caughtUp)
        return each;
    return undefined;
  }

  /** Creates a stream, or finds it when it is there already with the same configuration. Throws `ApiError`. */
  addStream(given: StreamConfig, pedantic: boolean): { stream: Stream; created: boolean } {
    const config = checkStreamConfig(given, this.#surroundings(), pedantic);
    this.checkTier(config.num_replicas);
    if (config.num_replicas > 1) throw new ApiError('streamReplicasNotSupported');
    const existing = this.streams.get(config.name);
    if (existing !== undefined) {
      const compared = { ...config, metadata: withLevelOf(config.metadata, existing.config.metadata) };
      if (streamConfig.write(compared) !== streamConfig.write(existing.config))
        throw new ApiError('streamNameExist');
      return { stream: existing, created: false };
    }
    this.#checkLimits(config, 0);
    checkOriginFilters(config);
    this.#checkOverlap(config);
    const created = this.jetstream.now();
    const stream = new Stream(this, config, created, this.#makeRoom(config, created));
    this.streams.set(config.name, stream);
    stream.start();
    this.#advise(stream, 'CREATED', 'create');
    for (const other of this.streams.values()) other.intake.originAppeared(stream.name);
    return { stream, created: true };
  }

  /** The configuration of a stream that is about to be restored, with its defaults. Throws `ApiError`. */
  checkNewStream(given: StreamConfig): StreamConfig {
    const config = checkStreamConfig(given, this.#surroundings());
    this.checkTier(config.num_replicas);
    if (config.num_replicas > 1) throw new ApiError('streamReplicasNotSupported');
    this.#checkLimits(config, 0);
    return config;
  }

  #makeRoom(config: StreamConfig, created: string): StreamStorage {
    try {
      return this.jetstream.storage.create(this.name, config, created);
    } catch (error) {
      throw new ApiError('streamCreate', { err: (error as Error).message });
    }
  }

  /** Takes in a stream that was restored. Throws `ApiError` when one of that name has come in the meantime. */
  adopt({ config, created, storage }: StoredStream): Stream {
    const stream = new Stream(this, config, created, storage);
    this.streams.set(config.name, stream);
    stream.start();
    this.#advise(stream, 'CREATED', 'create');
    return stream;
  }

  /** Changes the stream of this name. Throws `ApiError`. */
  updateStream(name: string, given: StreamConfig, pedantic: boolean): Stream {
    const checked = checkStreamConfig(given, this.#surroundings(), pedantic);
    if (checked.name !== name) throw new ApiError('streamMismatch');
    const stream = this.stream(name);
    this.checkTier(checked.num_replicas);
    checked.metadata = storedMetadata(checked.metadata, levelOfStream(checked));
    const config = checkStreamUpdate(stream.config, checked, this.#surroundings(), pedantic);
    this.#checkLimits(config, Math.max(0, stream.config.max_bytes), stream);
    checkConsumerLimits(stream.config, config, stream.consumers.all());
    this.#checkOverlap(config, stream);
    stream.update(config);
    this.#advise(stream, 'UPDATED', 'modify');
    return stream;
  }

  /** Tells of a stream that came, changed or went, once that is durable. */
  #advise({ name }: Stream, event: string, action: string): void {
    this.jetstream.storage.commit.after(() =>
      advise(this, `STREAM.${event}.${name}`, 'stream_action', () => [
        ['stream', quoteJson(name)],
        ['action', quoteJson(action)],
      ]),
    );
  }

  /** Throws `ApiError` where the disk refuses; then it is still there. */
  deleteStream(stream: Stream): void {
    const consumers = [...stream.consumers.all()];
    try {
      stream.destroy();
    } catch (error) {
      throw new ApiError('streamDelete', { err: (error as Error).message });
    }
    this.streams.delete(stream.name);
    this.jetstream.storage.commit.after(() => {
      for (const each of consumers) adviseConsumer(each, 'DELETED', 'delete');
    });
    this.#advise(stream, 'DELETED', 'delete');
  }

  #surroundings(): StreamSurroundings {
    const { limits } = this;
    return {
      stream: (name) => this.streams.get(name)?.config,
      maxDuplicateWindow: this.jetstream.options.limits.duplicateWindow * 1e6,
      maxBytes: ({ storage }) => ({
        required: limits.maxBytesRequired,
        limit: storage === 'memory' ? limits.memoryMaxStreamBytes : limits.storeMaxStreamBytes,
      }),
    };
  }

  #checkOverlap(config: StreamConfig, self?: Stream): void {
    for (const other of this.streams.values()) {
      if (other === self) continue;
      for (const subject of config.subjects ?? []) {
        if (other.config.subjects?.some((each) => patternsOverlap(each, subject)))
          throw new ApiError('streamSubjectOverlap');
      }
    }
  }

  /** Whether a stream fits into what account and server have left; `known` bytes of its `max_bytes` are reserved already. */
  #checkLimits(config: StreamConfig, known: number, self?: Stream): void {
    const { limits, jetstream } = this;
    if (self === undefined && limits.maxStreams > 0 && this.streams.size >= limits.maxStreams)
      throw new ApiError('maximumStreamsLimit');
    if (config.max_consumers > 0 && limits.maxConsumers > 0 && config.max_consumers > limits.maxConsumers)
      throw new ApiError('maximumConsumersLimit');
    const inMemory = config.storage === 'memory';
    const wanted = Math.max(0, config.max_bytes) - known;
    if (wanted <= 0) return;
    const limit = inMemory ? limits.maxMemory : limits.maxStore;
    if (limit >= 0 && this.reserved(inMemory) + wanted > limit)
      throw new ApiError(inMemory ? 'memoryResourcesExceeded' : 'storageResourcesExceeded');
    const server = inMemory ? jetstream.maxMemory : jetstream.maxStore;
    if (jetstream.reserved(inMemory) + wanted > server)
      throw new ApiError(inMemory ? 'memoryResourcesExceeded' : 'storageResourcesExceeded');
  }

  /** Bytes that streams with `max_bytes` may come to need. */
  reserved(inMemory: boolean): number {
    let sum = 0;
    for (const { config } of this.streams.values())
      if ((config.storage === 'memory') === inMemory && config.max_bytes > 0) sum += config.max_bytes;
    return sum;
  }

  /** Throws `ApiError` when the server has more stored than it may have. */
  checkServerRoom({ inMemory }: Stream): void {
    const { jetstream } = this;
    const used = inMemory ? jetstream.memory : jetstream.store;
    if (used <= (inMemory ? jetstream.maxMemory : jetstream.maxStore)) return;
    jetstream.resourcesExceeded(inMemory);
    throw new ApiError('insufficientResources');
  }

  /** Throws `ApiError` when the account has no room for so many bytes more. */
  checkRoom(stream: Stream, bytes: number): void {
    const { limits } = this;
    this.checkTier(stream.config.num_replicas);
    const limit = stream.inMemory ? limits.maxMemory : limits.maxStore;
    if (limit >= 0 && (stream.inMemory ? this.memory : this.store) + bytes > limit) {
      this.jetstream.accountExceeded(this, stream.inMemory);
      throw new ApiError('accountResourcesExceeded');
    }
  }

  consumerLimits() {
    const { maxAckPending, maxRequestBatch, defaultMaxConsumers } = this.jetstream.options.limits;
    return {
      maxAckPending,
      maxRequestBatch,
      defaultMaxConsumers,
      accountMaxAckPending: this.limits.maxAckPending,
      accountMaxConsumers: this.limits.maxConsumers,
    };
  }

  /** Bytes of the largest message that clients may publish. */
  get maxPayload(): number {
    const { maxPayload } = this.client.account.limits;
    return maxPayload > 0 ? maxPayload : this.jetstream.broker.options.maxPayload;
  }

  /** Whether a message on this literal subject would get to anybody. */
  hasInterest(subject: string): boolean {
    return this.client.account.hasInterest(subject);
  }

  /** Whether somebody subscribes to exactly this subject, in the queue group if one is given. */
  hasExactInterest(subject: string, group: string): boolean {
    const queue = group === '' ? null : fromUtf8(group);
    return this.client.account.interest.exact(subject).some((sub) => sub.queue === queue);
  }

  /** Calls back when interest in exactly this subject comes or goes; the result ends that. */
  watchInterest(subject: string, changed: () => void): () => void {
    return this.client.account.watchInterest(subject, changed);
  }

  charge(inMemory: boolean, bytes: number): void {
    if (inMemory) {
      this.memory += bytes;
      this.jetstream.memory += bytes;
    } else {
      this.store += bytes;
      this.jetstream.store += bytes;
    }
  }
}

/** The consumers of one stream: who wants which message, who is told of it, who comes and goes. */
import { fromUtf8 } from '../protocol/bytes.js';
import { InterestGraph } from '../subjects/interest-graph.js';
import { patternsOverlap } from '../subjects/subject.js';
import { advise } from './advisories.js';
import { Consumer } from './consumer.js';
import type { ConsumerConfig } from './consumer-config.js';
import { consumerConfig } from './consumer-config.js';
import { checkConsumerConfig, consumerDefaults, filtersOf } from './consumer-rules.js';
import { checkConsumerUpdate } from './consumer-update.js';
import { ApiError } from './errors.js';
import { withLevelOf } from './levels.js';
import { isValidAssetName, MAX_NAME_LENGTH, SECOND } from './names.js';
import type { Stream } from './stream.js';

const DEFAULT_INACTIVE_THRESHOLD = 5 * SECOND;

/** A filter of a consumer, in the graph that says who wants a subject. */
interface Wish {
  readonly subject: string;
  readonly queue: null;
  readonly consumer: Consumer;
}

export class StreamConsumers {
  readonly #stream: Stream;
  readonly #byName = new Map<string, Consumer>();
  readonly #wishes = new InterestGraph<Wish>();
  readonly #wishesOf = new Map<Consumer, Wish[]>();
  /** Those for whom something was stored that is not durable yet. */
  readonly #woken = new Set<Consumer>();

  /** There is a stored consumer that could not be opened, and nobody knows what it still wants. */
  #keepAll = false;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): Consumer | undefined {
    return this.#byName.get(name);
  }

  all(): IterableIterator<Consumer> {
    return this.#byName.values();
  }

  /** Opens what was stored. */
  start(): void {
    const { storage: files } = this.#stream;
    for (const { name, config, created, storage } of files.storedConsumers()) {
      try {
        const consumer = new Consumer(this.#stream, this.#complete(config), name, created, storage);
        // Messages may have gone after its last position was written.
        const { store } = this.#stream;
        for (const sequence of [...consumer.acks.pending.keys()])
          if (store.load(sequence) === null) consumer.acks.gone(sequence);
        this.#add(consumer);
      } catch (error) {
        files.consumerFailed(name, error as Error);
      }
    }
    this.#keepAll = files.unopened.size > 0;
  }

  /** A stored configuration with the defaults of today. What would be refused today is kept: it was accepted once. */
  #complete(config: ConsumerConfig): ConsumerConfig {
    const { config: stream, account } = this.#stream;
    try {
      return consumerDefaults(config, stream, account.consumerLimits(), false);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return config;
    }
  }

  #add(consumer: Consumer): void {
    this.#byName.set(consumer.name, consumer);
    this.#addWishes(consumer);
    consumer.start();
  }

  #addWishes(consumer: Consumer): void {
    const filters = filtersOf(consumer.config).map(fromUtf8);
    const wishes = (filters.length === 0 ? ['>'] : filters).map((subject) => ({
      subject,
      queue: null,
      consumer,
    }));
    for (const wish of wishes) this.#wishes.insert(wish);
    this.#wishesOf.set(consumer, wishes);
  }

  #removeWishes(consumer: Consumer): void {
    for (const wish of this.#wishesOf.get(consumer) ?? []) this.#wishes.remove(wish);
    this.#wishesOf.delete(consumer);
  }

  // --- Messages -----------------------------------------------------------------------------------------------------

  /** Whether a message on this subject is for anybody. */
  wants(subject: string): boolean {
    return this.#keepAll || (this.#byName.size > 0 && this.#wishes.match(subject).length > 0);
  }

  /** Whether another consumer still has to see a message. */
  anyWants(sequence: number, except: Consumer | null): boolean {
    const message = this.#stream.store.load(sequence);
    if (message === null) return false;
    if (this.#keepAll) return true;
    for (const { consumer } of this.#wishes.match(message.subject)) {
      if (consumer === except) continue;
      if (sequence >= consumer.next || consumer.acks.pending.has(sequence)) return true;
    }
    return false;
  }

  stored(subject: string): void {
    if (this.#byName.size === 0) return;
    for (const { consumer } of this.#wishes.match(subject)) {
      consumer.stored();
      this.#woken.add(consumer);
    }
  }

  /** What was stored can be delivered. */
  wake(): void {
    if (this.#woken.size === 0) return;
    const woken = [...this.#woken];
    this.#woken.clear();
    for (const consumer of woken) consumer.pump();
  }

  removed(sequence: number, subject: string): void {
    for (const consumer of this.#byName.values()) consumer.removed(sequence, subject);
  }

  purged(firstSequence: number): void {
    for (const consumer of this.#byName.values()) consumer.purged(firstSequence);
  }

  recount(): void {
    for (const consumer of this.#byName.values()) consumer.recount();
  }

  // --- Coming and going ---------------------------------------------------------------------------------------------

  /** Creates a consumer, or changes one that is there. Throws `ApiError`. */
  add(given: ConsumerConfig, action: '' | 'create' | 'update', pedantic: boolean): Consumer {
    const { config: stream, account } = this.#stream;
    const limits = account.consumerLimits();
    const config = consumerDefaults(given, stream, limits, pedantic);
    checkConsumerConfig(config, stream, limits);
    const name = config.durable_name || config.name;
    const existing = name === '' ? undefined : this.#byName.get(name);
    if (existing !== undefined) return this.#change(existing, config, action);
    if (action === 'update') throw new ApiError('consumerDoesNotExist');
    if (!config.direct && !config.sourcing)
      this.#checkNumber(limits.accountMaxConsumers, limits.defaultMaxConsumers);
    if (stream.retention === 'workqueue' && !config.direct && !config.sourcing)
      this.#checkWorkQueue(config, name);
    return this.#create(config, name);
  }

  #create(config: ConsumerConfig, name: string): Consumer {
    const stream = this.#stream;
    const { jetstream } = stream.account;
    if (Buffer.byteLength(name) > MAX_NAME_LENGTH)
      throw new ApiError('consumerNameTooLong', { max: MAX_NAME_LENGTH });
    let ownName = name;
    while (ownName === '' || (name === '' && this.#byName.has(ownName))) ownName = jetstream.shortId();
    config.name = ownName;
    if (!isValidAssetName(ownName)) throw new ApiError('consumerBadDurableName');
    if (config.durable_name === '' && config.inactive_threshold <= 0)
      config.inactive_threshold = DEFAULT_INACTIVE_THRESHOLD;
    const created = jetstream.now();
    const inMemory = config.mem_storage || stream.inMemory || config.direct;
    const consumer = this.#make(config, ownName, created, inMemory);
    this.#add(consumer);
    if (!config.direct) this.#advise(consumer, 'CREATED', 'create');
    return consumer;
  }

  #make(config: ConsumerConfig, name: string, created: string, inMemory: boolean): Consumer {
    try {
      const storage = this.#stream.storage.consumer(name, inMemory);
      storage.save(config, created);
      return new Consumer(this.#stream, config, name, created, storage);
    } catch (error) {
      throw new ApiError('consumerStoreFailed', { err: (error as Error).message });
    }
  }

  #change(existing: Consumer, config: ConsumerConfig, action: '' | 'create' | 'update'): Consumer {
    const { config: stream, account } = this.#stream;
    const wanted = { ...config, name: existing.config.name };
    if (wanted.durable_name === '' && wanted.inactive_threshold <= 0)
      wanted.inactive_threshold = DEFAULT_INACTIVE_THRESHOLD;
    const compared = { ...wanted, metadata: withLevelOf(wanted.metadata, existing.config.metadata) };
    const same = consumerConfig.write(compared) === consumerConfig.write(existing.config);
    if (action === 'create' && !same) throw new ApiError('consumerAlreadyExists');
    if (stream.retention === 'workqueue' && !this.#isUnique(filtersOf(config), existing.name))
      throw new ApiError('consumerWQConsumerNotUnique');
    if (same) return existing;
    checkConsumerUpdate(existing.config, wanted, (subject) => account.hasInterest(fromUtf8(subject)));
    this.change(existing, wanted);
    return existing;
  }

  /** Changes over to a configuration that was checked, or goes back to an earlier one. */
  change(consumer: Consumer, config: ConsumerConfig): void {
    this.#removeWishes(consumer);
    consumer.update(config);
    this.#addWishes(consumer);
  }

  #checkNumber(ofAccount: number, byDefault: number): void {
    let most = this.#stream.config.max_consumers;
    if (most <= 0 || (ofAccount > 0 && ofAccount < most)) most = ofAccount;
    if (most <= 0 && byDefault > 0) most = byDefault;
    if (most > 0 && this.#counted().length >= most) throw new ApiError('maximumConsumersLimit');
  }

  /** Those that limits count: not the ones by which other streams read. */
  #counted(): Consumer[] {
    return [...this.#byName.values()].filter(({ config }) => !config.direct && !config.sourcing);
  }

  #checkWorkQueue(config: ConsumerConfig, name: string): void {
    if (config.ack_policy !== 'explicit' && config.ack_policy !== 'flow_control')
      throw new ApiError('consumerWQRequiresExplicitAck');
    if (config.deliver_policy !== 'all') throw new ApiError('consumerWQConsumerNotDeliverAll');
    if (this.#counted().length === 0) return;
    const filters = filtersOf(config);
    if (filters.length === 0) throw new ApiError('consumerWQMultipleUnfiltered');
    if (!this.#isUnique(filters, name)) throw new ApiError('consumerWQConsumerNotUnique');
  }

  /** Whether no other consumer of a work queue wants what these filters want. */
  #isUnique(filters: readonly string[], name: string): boolean {
    return this.#counted().every((other) => {
      if (other.name === name || filters.length === 0) return true;
      const theirs = filtersOf(other.config);
      return (
        theirs.length > 0 && !theirs.some((each) => filters.some((filter) => patternsOverlap(each, filter)))
      );
    });
  }

  /** Throws `ApiError` where the disk refuses; then it is still there. */
  delete(consumer: Consumer): void {
    if (this.#byName.get(consumer.name) !== consumer) return;
    try {
      consumer.destroy();
    } catch (error) {
      throw new ApiError('streamGeneralError', { err: (error as Error).message });
    }
    this.#byName.delete(consumer.name);
    this.#removeWishes(consumer);
    this.#woken.delete(consumer);
    if (!consumer.config.direct) this.#advise(consumer, 'DELETED', 'delete');
    if (this.#stream.config.retention === 'interest') this.#stream.dropUnwanted();
  }

  #advise(consumer: Consumer, event: 'CREATED' | 'DELETED', action: string): void {
    advise(this.#stream.account, `CONSUMER.${event}.${consumer.topic}`, 'consumer_action', () => [
      ['stream', JSON.stringify(this.#stream.name)],
      ['consumer', JSON.stringify(consumer.name)],
      ['action', JSON.stringify(action)],
    ]);
  }

  // --- The end ------------------------------------------------------------------------------------------------------

  stop(done: (error: Error | null) => void): void {
    let left = this.#byName.size + 1;
    let failure: Error | null = null;
    const one = (error: Error | null) => {
      failure ??= error;
      if (--left === 0) done(failure);
    };
    for (const consumer of this.#byName.values()) consumer.stop(one);
    one(null);
  }

  /** The stream is removed with all of them. */
  destroy(): void {
    for (const consumer of this.#byName.values()) consumer.destroy();
    this.#byName.clear();
  }
}

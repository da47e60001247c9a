/** The consumers of one stream: who wants which message, who is told of it, who comes and goes. */
import { fromUtf8 } from '../protocol/bytes.js';
import { InterestGraph } from '../subjects/interest-graph.js';
import { isSubsetOf, patternsOverlap } from '../subjects/subject.js';
import { Consumer } from './consumer.js';
import type { ConsumerConfig } from './consumer-config.js';
import { consumerConfig } from './consumer-config.js';
import { adviseConsumer } from './consumer-events.js';
import { checkConsumerConfig, consumerDefaults, filtersOf } from './consumer-rules.js';
import { checkConsumerUpdate } from './consumer-update.js';
import { ApiError } from './errors.js';
import { withLevelOf } from './levels.js';
import { isValidAssetName, MAX_NAME_LENGTH, SECOND } from './names.js';
import { type RemovalReason, StoredMessage } from './store/message-store.js';
import type { Stream } from './stream.js';

const DEFAULT_INACTIVE_THRESHOLD = 5 * SECOND;
/** Subjects for which it is remembered who wants them. */
const KEPT_SUBJECTS = 16_384;

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
  /** The same as in `#byName`, to go through for each message. */
  #list: Consumer[] = [];
  /** Those that do not want everything. */
  #filtered = 0;
  /** What `#wishes` said of subjects, until it changes. */
  readonly #bySubject = new Map<string, readonly Consumer[]>();
  /** Those for whom something was stored that is not durable yet. */
  readonly #woken = new Set<Consumer>();
  readonly #message = new StoredMessage();

  /** There is a stored consumer that could not be opened, and nobody knows what it still wants. */
  #keepAll = false;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  get size(): number {
    return this.#list.length;
  }

  /** Without those by which other streams read. */
  get shown(): number {
    let count = 0;
    for (const { config } of this.#list) if (!config.direct) count++;
    return count;
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
    this.#dropAcknowledged();
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
    this.#list.push(consumer);
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
    if (consumer.filter !== null) this.#filtered++;
    this.#bySubject.clear();
  }

  #removeWishes(consumer: Consumer): void {
    const wishes = this.#wishesOf.get(consumer) ?? [];
    for (const wish of wishes) this.#wishes.remove(wish);
    this.#wishesOf.delete(consumer);
    if (wishes.some(({ subject }) => subject !== '>')) this.#filtered--;
    this.#bySubject.clear();
  }

  // --- Messages -----------------------------------------------------------------------------------------------------

  /** Consumers that a message on this subject is for. Not to be kept. */
  #for(subject: string): readonly Consumer[] {
    if (this.#filtered === 0) return this.#list;
    let found = this.#bySubject.get(subject);
    if (found === undefined) {
      if (this.#bySubject.size >= KEPT_SUBJECTS) this.#bySubject.clear();
      found = [...new Set(this.#wishes.match(subject).map(({ consumer }) => consumer))];
      this.#bySubject.set(subject, found);
    }
    return found;
  }

  /** Whether a message on this subject is for anybody. */
  wants(subject: string): boolean {
    return this.#keepAll || this.#for(subject).length > 0;
  }

  stored(subject: string): void {
    if (this.#list.length === 0) return;
    const { lastSequence } = this.#stream.store.state;
    for (const consumer of this.#for(subject)) if (consumer.stored(lastSequence)) this.#woken.add(consumer);
  }

  /** A consumer is ready and has found nothing: what is stored may not be durable yet, and came when it was not ready. */
  wakeWhenDurable(consumer: Consumer): void {
    const { store, visibleSequence } = this.#stream;
    if (store.state.lastSequence > visibleSequence) this.#woken.add(consumer);
  }

  /** What was stored can be delivered. */
  wake(): void {
    if (this.#woken.size === 0) return;
    const woken = [...this.#woken];
    this.#woken.clear();
    for (const consumer of woken) consumer.pump();
  }

  removed(sequence: number, subject: string, reason: RemovalReason): void {
    for (const consumer of this.#list) consumer.removed(sequence, subject, reason);
  }

  /** All below a sequence were purged, or (what `removed` has told one by one) some. */
  purged(firstSequence: number): void {
    for (const consumer of [...this.#list]) consumer.purged(firstSequence);
  }

  /** Messages of the subjects under a pattern were purged. As officially, consumers do not come back to what lay before. */
  purgedSubjects(pattern: string): void {
    const { store } = this.#stream;
    const { firstSequence, lastSequence } = store.state;
    const first = store.loadNext(store.filter([pattern]), 0, this.#message)?.sequence ?? lastSequence + 1;
    for (const consumer of [...this.#list]) {
      const filters = consumer.filter?.patterns ?? ['>'];
      const within = filters.filter((filter) => isSubsetOf(filter, pattern)).length;
      if (within === filters.length) consumer.purged(first);
      else if (within > 0 || filters.some((filter) => isSubsetOf(pattern, filter)))
        consumer.purged(firstSequence);
    }
  }

  /** The disk has refused what came after a sequence. */
  wentBack(lastSequence: number): void {
    for (const consumer of this.#list) consumer.wentBack(lastSequence);
  }

  // --- What nobody wants any more -----------------------------------------------------------------------------------

  /** A consumer is done with a message. It goes, where messages stay only as long as somebody wants them. */
  done(sequence: number, known?: string): void {
    const stream = this.#stream;
    if (stream.config.retention === 'limits') return;
    if (sequence > stream.store.state.lastSequence) return;
    let subject = known;
    if (subject === undefined) {
      if (this.#list.length > 1 || this.#filtered > 0) {
        const message = stream.store.load(sequence, this.#message);
        if (message === null) return;
        subject = message.subject;
      } else subject = '';
    }
    if (!this.#isNeeded(sequence, subject)) stream.drop(sequence);
  }

  #isNeeded(sequence: number, subject: string): boolean {
    if (this.#keepAll) return true;
    for (const consumer of this.#for(subject)) if (consumer.needs(sequence)) return true;
    return false;
  }

  /** Interest has changed from a sequence on: what nobody wants goes. */
  dropUnwanted(from: number, through = Number.POSITIVE_INFINITY): void {
    const stream = this.#stream;
    if (this.#keepAll) return;
    if (this.#list.length === 0) {
      try {
        stream.purge({});
      } catch (error) {
        const { log } = stream.account.jetstream;
        const path = `${stream.account.name} > ${stream.name}`;
        log.error(`Stream '${path}' keeps messages that nobody wants any more: ${(error as Error).message}`);
      }
      return;
    }
    const { store } = stream;
    const unwanted: number[] = [];
    for (
      let message = store.loadNext(null, from, this.#message);
      message !== null && message.sequence <= through;
      message = store.loadNext(null, message.sequence + 1, this.#message)
    ) {
      if (!this.#isNeeded(message.sequence, message.subject)) unwanted.push(message.sequence);
    }
    for (const sequence of unwanted) stream.drop(sequence);
  }

  /** Messages stay for those who want them from now on. As officially, what no filter matches stays while there are consumers. */
  retentionChanged(): void {
    if (this.#stream.config.retention !== 'interest') return;
    if (this.#list.length === 0) this.dropUnwanted(0);
    else this.#dropDone();
  }

  #dropDone(): void {
    const { store } = this.#stream;
    const unwanted: number[] = [];
    for (
      let message = store.loadNext(null, 0, this.#message);
      message !== null;
      message = store.loadNext(null, message.sequence + 1, this.#message)
    ) {
      const { sequence, subject } = message;
      if (this.#for(subject).length > 0 && !this.#isNeeded(sequence, subject)) unwanted.push(sequence);
    }
    for (const sequence of unwanted) this.#stream.drop(sequence);
  }

  /** Messages that were acknowledged, but had not gone when the server ended. */
  #dropAcknowledged(): void {
    if (this.#stream.config.retention === 'limits' || this.#list.length === 0) return;
    const through = Math.max(...this.#list.map(({ acks }) => acks.next - 1));
    // Without interest it would not have been stored; but in a work queue somebody may come for it.
    if (this.#stream.config.retention === 'interest') {
      this.dropUnwanted(0, through);
      return;
    }
    const { store } = this.#stream;
    const unwanted: number[] = [];
    for (
      let message = store.loadNext(null, 0, this.#message);
      message !== null && message.sequence <= through;
      message = store.loadNext(null, message.sequence + 1, this.#message)
    ) {
      const { sequence, subject } = message;
      const consumers = this.#for(subject);
      if (consumers.length === 0 || consumers.some((each) => each.needs(sequence))) continue;
      const doubtful = consumers.filter((each) => !each.store.proven);
      if (doubtful.length === 0) unwanted.push(sequence);
      else this.#repeat(doubtful, sequence);
    }
    for (const sequence of unwanted) this.#stream.drop(sequence);
  }

  /**
   * A work queue has a message that is done with by what consumers say whose positions may have been damaged unseen. It would have gone
   * with its ack, so it is rather the position that is wrong: they have it, and what comes after it, once more.
   */
  #repeat(consumers: readonly Consumer[], sequence: number): void {
    const { log } = this.#stream.account.jetstream;
    for (const consumer of consumers) {
      log.warn(
        `Consumer '${consumer.path}' begins again at ${sequence}: it counts as acknowledged and is still stored`,
      );
      consumer.wentBack(sequence - 1);
    }
  }

  /** The filters of a consumer are others now. */
  filtersChanged(consumer: Consumer): void {
    this.#removeWishes(consumer);
    this.#addWishes(consumer);
    if (this.#stream.config.retention === 'interest') this.dropUnwanted(consumer.acks.workingFloor);
  }

  /** A consumer begins anew somewhere. */
  positionReset(consumer: Consumer): void {
    if (this.#stream.config.retention === 'interest') this.dropUnwanted(0, consumer.acks.workingFloor);
  }

  // --- Coming and going ---------------------------------------------------------------------------------------------

  /** Creates a consumer, or changes one that is there. Throws `ApiError`. */
  add(given: ConsumerConfig, action: '' | 'create' | 'update', pedantic: boolean): Consumer {
    const { config: stream, account } = this.#stream;
    account.checkTier(given.num_replicas);
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
    if (!isValidAssetName(ownName)) throw new ApiError('consumerBadDurableName');
    if (config.durable_name === '' && config.inactive_threshold <= 0)
      config.inactive_threshold = DEFAULT_INACTIVE_THRESHOLD;
    const created = jetstream.now();
    const inMemory = config.mem_storage || stream.inMemory || config.direct;
    const consumer = this.#make(config, ownName, created, inMemory);
    this.#add(consumer);
    adviseConsumer(consumer, 'CREATED', 'create');
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
    const { durable_name: durable, inactive_threshold: threshold } = existing.config;
    // As officially, one that was durable stays without.
    if (durable === '' && wanted.inactive_threshold <= 0 && wanted.inactive_threshold !== threshold)
      wanted.inactive_threshold = DEFAULT_INACTIVE_THRESHOLD;
    const compared = { ...wanted, metadata: withLevelOf(wanted.metadata, existing.config.metadata) };
    const same = consumerConfig.write(compared) === consumerConfig.write(existing.config);
    // As officially, the threshold that was filled in makes it another configuration than the one that is asked for.
    if (action === 'create' && (!same || config.inactive_threshold !== existing.config.inactive_threshold))
      throw new ApiError('consumerAlreadyExists');
    if (stream.retention === 'workqueue' && !this.#isUnique(filtersOf(config), existing.name))
      throw new ApiError('consumerWQConsumerNotUnique');
    if (same) return existing;
    checkConsumerUpdate(existing.config, wanted, (subject) => account.hasInterest(fromUtf8(subject)));
    existing.update(wanted);
    return existing;
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
      consumer.storage.destroy();
    } catch (error) {
      throw new ApiError('streamGeneralError', { err: (error as Error).message });
    }
    this.#byName.delete(consumer.name);
    this.#list = this.#list.filter((each) => each !== consumer);
    this.#removeWishes(consumer);
    this.#woken.delete(consumer);
    adviseConsumer(consumer, 'DELETED', 'delete');
    consumer.destroy();
    if (this.#stream.config.retention === 'interest') this.dropUnwanted(consumer.acks.workingFloor);
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
    for (const consumer of this.#list) consumer.destroy();
    this.#byName.clear();
    this.#list = [];
  }
}

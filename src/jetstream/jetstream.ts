/** JetStream of one server: which accounts have it, what they use together, where their streams are kept. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Broker, BrokerAccount } from '../broker/broker.js';
import type {
  JetStreamAccountLimits,
  JetStreamOptions,
  JetStreamTiers,
} from '../config/jetstream-options.js';
import { nanosecondsToTime, TimeTexts } from '../protocol/rfc3339.js';
import type { Log } from '../runtime/log.js';
import { Nuid } from '../runtime/nuid.js';
import { RateLimitedLog } from '../runtime/rate-limited-log.js';
import { Stamp } from '../runtime/stamp.js';
import { isSubsetOf } from '../subjects/subject.js';
import { AccountJetStream } from './account-jetstream.js';
import { advise, adviseSystem, domainOf } from './advisories.js';
import { Api } from './api/api.js';
import { refuseRequests } from './api/not-enabled.js';
import { RequestQueue } from './api/request-queue.js';
import {
  type AccountDetailOptions,
  accountDetail,
  serverConfig,
  serverLimits,
  serverStats,
  serverTotals,
} from './figures.js';
import { json } from './info.js';
import { Slices } from './slices.js';
import type { Storage } from './storage.js';
import type { StoreMemory } from './store/message-block-cache.js';
import { type DamageReport, damageText, type StoreError } from './store/message-store.js';
import type { Stream } from './stream.js';

/** As many problems are remembered; the log has them all. */
const MAX_PROBLEMS = 1000;
/** Sequences that an advisory names. */
const MAX_NAMED = 1000;

export interface JetStreamParts {
  broker: Broker;
  options: JetStreamOptions;
  storage: Storage;
  /** Bytes that all accounts together may use. */
  maxMemory: number;
  maxStore: number;
  /** Where it is stored, with `/jetstream` at its end; '' where nothing is. */
  directory?: string;
  /** What the stores share, for monitoring. */
  stores?: StoreMemory;
  slices?: Slices;
}

/** Milliseconds between two lines in the log about the same stream that cannot be written. */
const FAILURE_PAUSE = 10_000;

export class JetStream {
  readonly broker: Broker;
  readonly log: Log;
  readonly storage: Storage;
  /** With `/jetstream` at its end. */
  readonly directory: string;
  /** What the stores share; null where a program has brought its own storage. */
  readonly stores: StoreMemory | null;
  maxMemory: number;
  maxStore: number;
  options: JetStreamOptions;
  readonly accounts = new Map<string, AccountJetStream>();
  readonly nuid = new Nuid();
  readonly times = new TimeTexts();
  /** Bytes in use. */
  memory = 0;
  store = 0;
  /** Batches that are under way. */
  readonly batches = { atomic: 0, fast: 0 };
  /** Requests of the API on their way. */
  readonly requests: RequestQueue;
  readonly #stamp = new Stamp();
  /** Work that takes longer than a turn of the event loop should. */
  readonly slices: Slices;
  readonly #apis = new Map<string, Api>();
  readonly #failures: RateLimitedLog;

  constructor({
    broker,
    options,
    storage,
    maxMemory,
    maxStore,
    directory = '',
    stores,
    slices,
  }: JetStreamParts) {
    this.broker = broker;
    this.log = broker.log;
    this.options = options;
    this.storage = storage;
    this.maxMemory = maxMemory;
    this.maxStore = maxStore;
    this.directory = directory;
    this.stores = stores ?? null;
    this.slices = slices ?? new Slices();
    this.#failures = new RateLimitedLog(broker.log, broker.clock, FAILURE_PAUSE);
    this.requests = new RequestQueue({
      clock: broker.clock,
      limits: () => {
        const { requestQueueLimit: changes, infoQueueLimit: infos } = this.options;
        return { changes, infos: infos || changes };
      },
      dropped: (kind, count) =>
        this.#requestsDropped(kind === 'infos' ? 'API info queue' : 'API queue', count),
    });
  }

  /**
   * Resolves when streams know of all that they have stored: until then, the first publisher with a message id would have to wait for that, and
   * the whole process with it.
   */
  async recovered(): Promise<void> {
    while (this.#isRecovering()) await turn();
  }

  #isRecovering(): boolean {
    for (const { streams } of this.accounts.values())
      for (const { publishing } of streams.values()) if (publishing.isRecovering) return true;
    return false;
  }

  /** Gives an account JetStream, with what is stored for it. */
  enable(account: BrokerAccount, limits: JetStreamAccountLimits | JetStreamTiers): AccountJetStream {
    const existing = this.accounts.get(account.name);
    if (existing !== undefined) {
      existing.setLimits(limits);
      return existing;
    }
    const added = new AccountJetStream(this, account.name, this.broker.internalClient(account), limits);
    this.accounts.set(account.name, added);
    added.recover();
    const api = new Api(added);
    this.#apis.set(account.name, api);
    api.open();
    return added;
  }

  /** Accounts without JetStream are told that they have none; not those that use another account's. */
  refuseOthers(): void {
    for (const account of this.broker.accounts.values()) {
      const refused = !this.accounts.has(account.name) && !importsApi(account);
      if (refused === (account.fallback !== null)) continue;
      account.fallback = refused ? refuseRequests(this, account) : null;
      account.cache.invalidate('$JS.API.>', true);
    }
  }

  /** Takes JetStream away from an account; what is stored stays. */
  async disable(account: AccountJetStream): Promise<void> {
    this.#apis.get(account.name)?.close();
    this.#apis.delete(account.name);
    this.accounts.delete(account.name);
    for (const restore of [...account.restores.values()]) restore.cancel();
    await this.#stop([...account.streams.values()]);
    account.client.close();
    for (const stream of account.streams.values()) stream.release();
    account.streams.clear();
    const { problems } = this.storage;
    const others = problems.filter((problem) => problem.account !== account.name);
    problems.splice(0, problems.length, ...others);
  }

  // --- What monitoring shows ----------------------------------------------------------------------------------------

  get config(): object {
    return serverConfig(this);
  }

  get stats() {
    return serverStats(this);
  }

  get limits(): object {
    return serverLimits(this);
  }

  get totals() {
    return serverTotals(this);
  }

  /** An account with its streams, as `/jsz` shows it. */
  detail(account: AccountJetStream, options: AccountDetailOptions): object {
    return accountDetail(account, options);
  }

  /** Bytes that streams with `max_bytes` may come to need. */
  reserved(inMemory: boolean): number {
    let sum = 0;
    for (const account of this.accounts.values()) sum += account.reserved(inMemory);
    return sum;
  }

  /** The time, as far as the clock knows it; good until the next call. */
  stamp(): Stamp {
    return this.#stamp.setMilliseconds(this.broker.clock.now());
  }

  /** The same in nanoseconds since 1970. */
  nanoseconds(): bigint {
    return this.stamp().nanoseconds;
  }

  /** RFC 3339. */
  now(): string {
    return nanosecondsToTime(this.nanoseconds());
  }

  /** Eight characters by chance: names of consumers that have none, and ids of requests. */
  shortId(): string {
    const id = this.nuid.next();
    return id.slice(0, 4) + id.slice(-4);
  }

  storeFailed(stream: Stream, error: StoreError): void {
    this.#failures.error(
      `JetStream failed to store a msg on stream '${stream.account.name} > ${stream.name}': ${error.message}`,
    );
    if (error.diskCode !== 'ENOSPC') return;
    adviseSystem(this, 'SERVER.OUT_OF_STORAGE', 'server_out_of_space', () => [
      ['server', json(this.broker.serverName)],
      ['server_id', json(this.broker.identity.id)],
      ['stream', json(stream.name)],
    ]);
  }

  /** The server as a whole has more stored than it may have. */
  resourcesExceeded(inMemory: boolean): void {
    const kind = inMemory ? 'memory' : 'file';
    this.#failures.error(`JetStream ${kind} resource limits exceeded for server`);
  }

  accountExceeded(account: AccountJetStream, inMemory: boolean): void {
    const kind = inMemory ? 'memory' : 'file';
    this.#failures.warn(`JetStream ${kind} resource limits exceeded for account: "${account.name}"`);
  }

  /** More is published than can be written. */
  tooBusy({ account, name }: Stream): void {
    this.#failures.warn(
      `Dropping messages due to excessive stream ingest rate on '${account.name}' > '${name}'`,
    );
  }

  badRequest(text: string): void {
    this.#failures.warn(text);
  }

  #requestsDropped(queue: string, count: number): void {
    const text = `JetStream ${queue} limit reached, dropping`;
    this.#failures.warn(`${text} ${count} requests`, text);
    adviseSystem(this, 'API.LIMIT_REACHED', 'api_limit_reached', () => [
      ['server', json(this.broker.serverName)],
      ['domain', domainOf(this)],
      ['dropped', String(count)],
    ]);
  }

  damaged(stream: Stream, report: DamageReport): void {
    const reason = damageText(report);
    const { name, account } = stream;
    this.log.error(`Stream '${account.name} > ${name}': ${reason}`);
    const { problems } = this.storage;
    if (problems.length < MAX_PROBLEMS)
      problems.push({ account: account.name, stream: name, consumer: '', reason, unopened: false });
    advise(account, `STREAM.DAMAGED.${name}`, 'stream_damaged', () => [
      ['stream', JSON.stringify(name)],
      ['file', json(report.file)],
      ['reason', json(report.reason)],
      ['messages', JSON.stringify(report.sequences.slice(0, MAX_NAMED))],
      ['bytes', String(report.bytes)],
    ]);
  }

  /** Writes everything and ends. */
  async close(): Promise<void> {
    this.log.notice('Initiating JetStream Shutdown...');
    const accounts = [...this.accounts.values()];
    this.requests.close();
    this.slices.close();
    for (const api of this.#apis.values()) api.close();
    for (const { restores } of accounts) for (const restore of [...restores.values()]) restore.cancel();
    await this.#stop(accounts.flatMap((account) => [...account.streams.values()]));
    await new Promise<void>((resolve) => this.storage.commit.stop(() => resolve()));
    for (const account of accounts) account.client.close();
    this.log.notice('JetStream Shutdown');
  }

  async #stop(streams: readonly Stream[]): Promise<void> {
    await Promise.all(
      streams.map(
        (stream) =>
          new Promise<void>((resolve) => {
            stream.stop((error) => {
              if (error !== null) this.storeFailedAtEnd(stream, error);
              resolve();
            });
          }),
      ),
    );
  }

  storeFailedAtEnd(stream: Stream, error: Error): void {
    this.log.error(`Error stopping stream '${stream.account.name} > ${stream.name}': ${error.message}`);
  }
}

/** As officially, one service tells: that by which clients ask for their account's JetStream. */
function importsApi({ serviceImports }: BrokerAccount): boolean {
  return serviceImports?.some(({ subject }) => isSubsetOf('$JS.API.INFO', subject)) === true;
}

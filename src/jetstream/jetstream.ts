/** JetStream of one server: which accounts have it, what they use together, where their streams are kept. */
import type { Broker, BrokerAccount } from '../broker/broker.js';
import type { JetStreamAccountLimits, JetStreamOptions } from '../config/jetstream-options.js';
import { nanosecondsToTime } from '../protocol/rfc3339.js';
import type { Log } from '../runtime/log.js';
import { Nuid } from '../runtime/nuid.js';
import { RateLimitedLog } from '../runtime/rate-limited-log.js';
import { AccountJetStream } from './account-jetstream.js';
import { Api } from './api/api.js';
import { refuseRequests } from './api/not-enabled.js';
import type { Storage } from './storage.js';
import type { DamageReport, StoreError } from './store/message-store.js';
import type { Stream } from './stream.js';

export interface JetStreamParts {
  broker: Broker;
  options: JetStreamOptions;
  storage: Storage;
  /** Bytes that all accounts together may use. */
  maxMemory: number;
  maxStore: number;
}

export class JetStream {
  readonly broker: Broker;
  readonly log: Log;
  readonly storage: Storage;
  readonly maxMemory: number;
  readonly maxStore: number;
  options: JetStreamOptions;
  readonly accounts = new Map<string, AccountJetStream>();
  readonly nuid = new Nuid();
  /** Bytes in use. */
  memory = 0;
  store = 0;
  /** Batches that are under way. */
  readonly batches = { atomic: 0, fast: 0 };
  readonly #limitedLog: RateLimitedLog;
  readonly #apis = new Map<string, Api>();

  constructor({ broker, options, storage, maxMemory, maxStore }: JetStreamParts) {
    this.broker = broker;
    this.log = broker.log;
    this.#limitedLog = new RateLimitedLog(broker.log, broker.clock);
    this.options = options;
    this.storage = storage;
    this.maxMemory = maxMemory;
    this.maxStore = maxStore;
  }

  /** Gives an account JetStream, with what is stored for it. */
  enable(account: BrokerAccount, limits: JetStreamAccountLimits): AccountJetStream {
    const existing = this.accounts.get(account.name);
    if (existing !== undefined) {
      existing.limits = limits;
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

  /** Accounts without JetStream are told that they have none. */
  refuseOthers(): void {
    for (const account of this.broker.accounts.values())
      account.fallback = this.accounts.has(account.name) ? null : refuseRequests(this, account);
  }

  /** Bytes that streams with `max_bytes` may come to need. */
  reserved(inMemory: boolean): number {
    let sum = 0;
    for (const account of this.accounts.values()) sum += account.reserved(inMemory);
    return sum;
  }

  /** Nanoseconds since 1970, as far as the clock knows them. */
  nanoseconds(): bigint {
    const now = this.broker.clock.now();
    const whole = Math.floor(now);
    return BigInt(whole) * 1_000_000n + BigInt(Math.floor((now - whole) * 1_000_000));
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
    this.#limitedLog.error(
      `JetStream failed to store a msg on stream '${stream.account.name} > ${stream.name}': ${error.message}`,
    );
  }

  /** The server as a whole has more stored than it may have. */
  resourcesExceeded(inMemory: boolean): void {
    const kind = inMemory ? 'memory' : 'file';
    this.#limitedLog.error(`JetStream ${kind} resource limits exceeded for server`);
  }

  accountExceeded(account: AccountJetStream, inMemory: boolean): void {
    const kind = inMemory ? 'memory' : 'file';
    this.#limitedLog.warn(`JetStream ${kind} resource limits exceeded for account: "${account.name}"`);
  }

  /** More is published than can be written. */
  tooBusy({ account, name }: Stream): void {
    this.#limitedLog.warn(
      `Dropping messages due to excessive stream ingest rate on '${account.name}' > '${name}'`,
    );
  }

  damaged(stream: Stream, { file, reason, sequences }: DamageReport): void {
    const lost = sequences.length === 0 ? '' : `, ${sequences.length} messages are lost`;
    this.log.error(`Stream '${stream.account.name} > ${stream.name}': ${file} is damaged: ${reason}${lost}`);
  }

  /** Writes everything and ends. */
  async close(): Promise<void> {
    for (const api of this.#apis.values()) api.close();
    const streams = [...this.accounts.values()].flatMap((account) => [...account.streams.values()]);
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
    await new Promise<void>((resolve) => this.storage.commit.stop(() => resolve()));
    for (const account of this.accounts.values()) account.client.close();
  }

  storeFailedAtEnd(stream: Stream, error: Error): void {
    this.log.error(`Error stopping stream '${stream.account.name} > ${stream.name}': ${error.message}`);
  }
}

/** Where the streams of a server keep what they have. */
import type { ConsumerConfig } from './consumer-config.js';
import type { ConsumerStore, PositionSource } from './store/consumer-store.js';
import type { GroupCommit } from './store/group-commit.js';
import type { MessageStore } from './store/message-store.js';
import type { SourceEntry, Stamped } from './store/timer-files.js';
import type { StreamConfig } from './stream-config.js';

/** One consumer: its position, and its configuration as it was saved last. */
export interface ConsumerStorage {
  /** `source` is asked for the position when it is written. */
  open(source: PositionSource): ConsumerStore;
  /** Durable with the next group commit. `created` is RFC 3339 text. */
  save(config: ConsumerConfig, created: string): void;
  destroy(): void;
}

/** One stream: its messages, its configuration, its consumers. */
export interface StreamStorage {
  readonly store: MessageStore;
  /** Durable with the next group commit. */
  save(config: StreamConfig, created: string): void;
  /** How far the stream's sources were copied when that was saved last; null where it was not, or cannot be read. */
  loadSources(): Stamped<SourceEntry> | null;
  /** Saves it with the next group commit, for which `content` is asked then. */
  saveSources(content: () => Stamped<SourceEntry>): void;
  consumer(name: string, inMemory: boolean): ConsumerStorage;
  /** Consumers that were there when the stream was opened. */
  storedConsumers(): { name: string; config: ConsumerConfig; created: string; storage: ConsumerStorage }[];
  /** Everything of the stream goes; the name may be used again at once. */
  destroy(): void;
  stop(done: (error: Error | null) => void): void;
}

export interface StoredStream {
  config: StreamConfig;
  created: string;
  storage: StreamStorage;
}

export interface Storage {
  readonly commit: GroupCommit;
  /** Makes room for a new stream. Throws `StoreError`. */
  create(account: string, config: StreamConfig, created: string): StreamStorage;
  /** The streams that are stored for an account. What cannot be opened is reported by the implementation and left alone. */
  recover(account: string): StoredStream[];
  /** Accounts that have something stored. */
  accounts(): string[];
}

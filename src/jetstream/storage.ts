/** Where the streams of a server keep what they have. */
import type { ConsumerConfig } from './consumer-config.js';
import type { ConsumerPosition, ConsumerStore, PositionSource } from './store/consumer-store.js';
import type { GroupCommit } from './store/group-commit.js';
import type { MessageStore } from './store/message-store.js';
import type { SourceEntry, Stamped } from './store/timer-files.js';
import type { StreamConfig } from './stream-config.js';

/** What becomes of something that was saved. Where more was saved before it was written, that shares it. */
export interface Save {
  /** Why it is not durable; null while it is under way, and once it is. */
  readonly failure: Error | null;
}

/** One consumer: its position, and its configuration as it was saved last. */
export interface ConsumerStorage {
  /** Nothing of it outlives the server, so nobody has to wait for the disk. */
  readonly inMemory: boolean;
  /** Of the configuration, or its removal. */
  readonly lastSave: Save;
  /** `source` is asked for the position when it is written. */
  open(source: PositionSource): ConsumerStore;
  /** Durable with the next group commit. `created` is RFC 3339 text. */
  save(config: ConsumerConfig, created: string): void;
  /** Durable with the next group commit. Throws what the disk throws; then it is still there. */
  destroy(): void;
}

export interface StoredConsumer {
  name: string;
  config: ConsumerConfig;
  /** RFC 3339. */
  created: string;
  storage: ConsumerStorage;
}

/** One stream: its messages, its configuration, its consumers. */
export interface StreamStorage {
  readonly store: MessageStore;
  /** Of the configuration. */
  readonly lastSave: Save;
  /** Durable with the next group commit. */
  save(config: StreamConfig, created: string): void;
  /** How far the stream's sources were copied when that was saved last; null where it was not, or cannot be read. */
  loadSources(): Stamped<SourceEntry> | null;
  /** Saves it with the next group commit, for which `content` is asked then. */
  saveSources(content: () => Stamped<SourceEntry>): void;
  /** Makes room for a consumer. Throws what the disk throws, and an error where one of that name could not be opened. */
  consumer(name: string, inMemory: boolean): ConsumerStorage;
  /** Consumers that were there when the stream was opened. What cannot be opened is reported and left alone. */
  storedConsumers(): StoredConsumer[];
  /** A consumer of `storedConsumers` cannot be opened after all. */
  consumerFailed(name: string, error: Error): void;
  /** Consumers that are stored and could not be opened. */
  readonly unopened: ReadonlySet<string>;
  /** Takes the stream out of reach for good: the next start does not find it. Throws what the disk throws; then it is still there. */
  retire(): void;
  /** Everything of the stream goes; the name may be used again at once. */
  destroy(): void;
  stop(done: (error: Error | null) => void): void;
}

export interface StoredStream {
  config: StreamConfig;
  created: string;
  storage: StreamStorage;
}

/** A stream or a consumer that is stored and could not be opened, or only in part. */
export interface StorageProblem {
  account: string;
  stream: string;
  /** '' where it is about the stream. */
  consumer: string;
  reason: string;
  /** Whether it is not there for clients; else it was repaired. */
  unopened: boolean;
  /** The required level, or another reason in official words, where requests are answered with that. */
  offline?: string;
}

/** A stream from a backup or a snapshot, out of sight until it is complete. */
export interface StagedStream {
  /** For messages that come one by one. */
  readonly store: MessageStore;
  addConsumer(name: string, config: ConsumerConfig, created: string, position: ConsumerPosition): void;
  /** A consumer whose position is not stored, whatever the stream is kept in. */
  addMemoryConsumer(name: string, config: ConsumerConfig, created: string, position: ConsumerPosition): void;
  /** How far its sources were copied. */
  saveSources(content: Stamped<SourceEntry>): void;
  /** Makes all of it durable. Nothing of it is left when that fails. */
  complete(done: (error: Error | null) => void): void;
  /** Puts the stream in its place, once it is complete. Throws what the disk throws; then nothing of it is left. */
  place(): StoredStream;
  /** Nothing of it stays. */
  discard(): void;
}

/** The files of a stream from a backup in the older format. */
export interface StagedFiles {
  /** `path` is relative to the directory of the stream. Throws what the disk throws. */
  write(path: string, content: Uint8Array): void;
  /** The content of `meta.inf`, with its sum. */
  writeMeta(json: string): void;
  finish(done: (error: Error | null, stream: StoredStream | null) => void): void;
  discard(): void;
}

export interface Storage {
  readonly commit: GroupCommit;
  /** What was found wrong with what is stored. */
  readonly problems: StorageProblem[];
  /** Makes room for a new stream. Throws `StoreError`. */
  create(account: string, config: StreamConfig, created: string): StreamStorage;
  /** The streams that are stored for an account. What cannot be opened is reported (`problems`, the log) and left alone. */
  recover(account: string): StoredStream[];
  /** A stream of `recover` could not be used. */
  failed(account: string, stream: string, reason: string): void;
  /** Begins a stream out of sight. */
  stage(account: string, config: StreamConfig, created: string): StagedStream;
  /** The same for a stream that comes as files; null where there are none. */
  stageFiles(account: string, config: StreamConfig): StagedFiles | null;
  /** Accounts that have something stored. */
  accounts(): string[];
}

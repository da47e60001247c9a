/**
 * Streams that come from a backup. They are made out of sight, in a directory that the next start removes, and get to their place by one
 * rename when they are complete: a crash at any moment leaves the whole stream or nothing of it.
 */
import type { ConsumerConfig } from './consumer-config.js';
import type { FileConsumerStorage, WrittenConsumer } from './file-consumer-storage.js';
import type { FileStorage, OpenedStream } from './file-storage.js';
import type { FileStreamStorage } from './file-stream-storage.js';
import { MemoryConsumerStorage } from './memory-storage.js';
import type { StagedFiles, StagedStream, StoredConsumer, StoredStream } from './storage.js';
import type { ConsumerPosition } from './store/consumer-store.js';
import { CONSUMERS_DIR, MESSAGES_DIR, META_FILE, META_SUM_FILE } from './store/layout.js';
import type { MessageStore } from './store/message-store.js';
import { metaSum, streamMetaName } from './store/meta-file.js';
import type { SourceEntry, Stamped } from './store/timer-files.js';
import type { StreamConfig } from './stream-config.js';

type Finished = (error: Error | null, stream: StoredStream | null) => void;

/** A stream in files whose messages come one by one. */
export class StreamStage implements StagedStream {
  readonly store: MessageStore;
  readonly #storage: FileStorage;
  readonly #account: string;
  readonly #config: StreamConfig;
  readonly #created: string;
  readonly #directory: string;
  readonly #stream: FileStreamStorage;
  readonly #consumers: FileConsumerStorage[] = [];
  readonly #written = new Map<string, WrittenConsumer>();
  readonly #inMemory: StoredConsumer[] = [];

  /** Throws what the disk throws. */
  constructor(storage: FileStorage, account: string, config: StreamConfig, created: string) {
    this.#storage = storage;
    this.#account = account;
    this.#config = config;
    this.#created = created;
    this.#directory = storage.stageDirectory(account);
    this.#stream = storage.createIn({ account, name: config.name, directory: this.#directory }, config);
    this.store = this.#stream.store;
  }

  addConsumer(name: string, config: ConsumerConfig, created: string, position: ConsumerPosition): void {
    const consumer = this.#stream.newConsumer(name);
    consumer.save(config, created);
    consumer.writePosition(position);
    this.#consumers.push(consumer);
    this.#written.set(name, { config, created });
  }

  addMemoryConsumer(name: string, config: ConsumerConfig, created: string, position: ConsumerPosition): void {
    this.#inMemory.push({ name, config, created, storage: new MemoryConsumerStorage(position) });
  }

  saveSources(content: Stamped<SourceEntry>): void {
    this.#stream.saveSources(() => content);
  }

  complete(done: (error: Error | null) => void): void {
    this.#stream.save(this.#config, this.#created);
    const { commit } = this.#storage;
    commit.after(() =>
      this.#stream.stop((error) => commit.syncWritten((problem) => this.#completed(error ?? problem, done))),
    );
  }

  #completed(error: Error | null, done: (error: Error | null) => void): void {
    const failed = [this.#stream, ...this.#consumers].find(({ lastSave }) => lastSave.failure !== null);
    const failure = error ?? failed?.lastSave.failure ?? null;
    if (failure !== null) this.discard();
    done(failure);
  }

  place(): StoredStream {
    const stored = place(this.#storage, this.#account, this.#config.name, this.#directory);
    for (const [name, consumer] of this.#written) stored.storage.writtenConsumers.set(name, consumer);
    stored.storage.memoryConsumers.push(...this.#inMemory);
    return stored;
  }

  discard(): void {
    this.store.destroy();
    this.#storage.commit.forgetDirectory(this.#directory);
    this.#storage.options.disk.removeTree(this.#directory);
  }
}

/** A stream whose files come as they are, plain. */
export class FilesStage implements StagedFiles {
  readonly #storage: FileStorage;
  readonly #account: string;
  readonly #name: string;
  readonly #directory: string;
  readonly #made = new Set<string>();

  /** Throws what the disk throws. */
  constructor(storage: FileStorage, account: string, { name }: StreamConfig) {
    this.#storage = storage;
    this.#account = account;
    this.#name = name;
    this.#directory = storage.stageDirectory(account);
    this.#directoryOf(MESSAGES_DIR);
    this.#directoryOf(CONSUMERS_DIR);
  }

  #directoryOf(path: string): void {
    if (this.#made.has(path)) return;
    this.#storage.options.disk.makeDirectory(`${this.#directory}/${path}`);
    this.#made.add(path);
  }

  write(path: string, content: Uint8Array): void {
    const { disk } = this.#storage.options;
    if (path.includes('/')) this.#directoryOf(path.slice(0, path.lastIndexOf('/')));
    const file = disk.open(`${this.#directory}/${path}`, 'create');
    try {
      file.write(content, 0, content.length, 0);
      file.syncNow();
    } finally {
      file.close();
    }
  }

  writeMeta(json: string): void {
    const content = Buffer.from(json, 'utf8');
    this.write(META_FILE, content);
    const sum = metaSum(this.#storage.options.hash, streamMetaName(this.#name), content);
    this.write(META_SUM_FILE, Buffer.from(sum, 'latin1'));
  }

  finish(done: Finished): void {
    const { disk } = this.#storage.options;
    try {
      for (const path of this.#made) disk.syncDirectoryNow(`${this.#directory}/${path}`);
      disk.syncDirectoryNow(this.#directory);
    } catch (error) {
      this.discard();
      done(error as Error, null);
      return;
    }
    let stream: StoredStream;
    try {
      stream = place(this.#storage, this.#account, this.#name, this.#directory);
    } catch (error) {
      done(error as Error, null);
      return;
    }
    done(null, stream);
  }

  discard(): void {
    this.#storage.options.disk.removeTree(this.#directory);
  }
}

/** Puts a complete directory in its place and opens the stream. Throws where that is not possible; then nothing of it is left. */
function place(storage: FileStorage, account: string, name: string, directory: string): OpenedStream {
  const { disk } = storage.options;
  try {
    storage.adopt(account, name, directory);
  } catch (error) {
    disk.removeTree(directory);
    throw error;
  }
  const known = storage.problems.length;
  const stream = storage.open(account, name);
  if (stream !== null) return stream;
  const [problem] = storage.problems.splice(known);
  disk.removeTree(storage.streamDirectory(account, name));
  throw new Error(problem?.reason ?? 'stream cannot be opened');
}

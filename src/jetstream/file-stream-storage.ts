/** One stream in files: its directory with `meta.inf`, the messages in `msgs`, the consumers in `obs`. */
import { readKnown } from '../protocol/json-type.js';
import { finishBatch } from './batch-leftovers.js';
import { blockSizeFor } from './block-size.js';
import { DirectoryKey } from './directory-key.js';
import { DirectoryNames } from './directory-names.js';
import { type ConsumerPlace, FileConsumerStorage, type WrittenConsumer } from './file-consumer-storage.js';
import type { FileStorage } from './file-storage.js';
import { isUnsupported, unsupportedReason } from './levels.js';
import { MemoryConsumerStorage } from './memory-storage.js';
import type { MetaFiles } from './meta-files.js';
import { SourceFile } from './source-file.js';
import type { ConsumerStorage, Save, StoredConsumer, StreamStorage } from './storage.js';
import { streamContext } from './store/encryption.js';
import { FileStore, type FileStoreOptions } from './store/file-store.js';
import { StoreKeys } from './store/file-store-keys.js';
import { BATCHES_DIR, CONSUMERS_DIR, deletedStream, META_FILE } from './store/layout.js';
import { streamMetaName } from './store/meta-file.js';
import type { SourceEntry, Stamped } from './store/timer-files.js';
import { storeLimits } from './store-limits.js';
import { type StreamConfig, storedStream } from './stream-config.js';

const BATCH_BLOCK = 8 * 1024 * 1024;

export interface StreamPlace {
  account: string;
  name: string;
  directory: string;
}

/** The configuration of a stream that is there, before its messages are opened. */
export interface ReadStream {
  json: Buffer;
  config: StreamConfig;
  created: string;
  /** What a reader that knows no other fields would say; null if nothing. */
  unknown: Error | null;
  sumProblem: string | null;
  /** Whether the files are as they are to be. */
  current: boolean;
}

/** The key and the meta files of a stream's directory. */
export class StreamFiles {
  readonly place: StreamPlace;
  readonly key: DirectoryKey;
  readonly meta: MetaFiles;
  /** Of the consumers. */
  readonly names = new DirectoryNames();

  /** `stored`: it is there already. Throws what the disk throws, and errors in official words for keys that do not fit. */
  constructor(storage: FileStorage, place: StreamPlace, stored: boolean) {
    this.place = place;
    const { account, name, directory } = place;
    const { disk, encryption } = storage.options;
    this.key = DirectoryKey.open(
      { disk, encryption, account, directory, context: streamContext(name) },
      stored,
    );
    this.meta = storage.metaFiles({
      directory,
      parents: storage.parentsOf(directory),
      made: false,
      names: null,
      name: streamMetaName(name),
      key: this.key,
      foundation: null,
    });
  }

  read(): ReadStream {
    const { json, current, sumProblem } = this.meta.read();
    const { value, unknown } = readKnown(storedStream, json);
    const { Created: created, ...config } = value;
    return { json, config, created, unknown, sumProblem, current };
  }
}

export class FileStreamStorage implements StreamStorage {
  readonly store: FileStore;
  readonly unopened = new Set<string>();
  /** What a restore has just written, which need not be parsed again. */
  readonly writtenConsumers = new Map<string, WrittenConsumer>();
  /** Those of a snapshot that are not in files. */
  readonly memoryConsumers: StoredConsumer[] = [];
  readonly #storage: FileStorage;
  readonly #files: StreamFiles;
  readonly #sources: SourceFile;
  #retired: string | null = null;

  constructor(storage: FileStorage, files: StreamFiles, config: StreamConfig) {
    this.#storage = storage;
    this.#files = files;
    const { account, directory } = files.place;
    const { disk, commit, log, encryption, maxPayload, scheduleOf } = storage.options;
    this.#sources = new SourceFile(disk, commit, directory, (error) =>
      log.error(`Error writing sources of stream '${account} > ${config.name}': ${error.message}`),
    );
    this.store = this.#openStore({
      name: config.name,
      directory,
      blockSize: storage.options.blockSize ?? blockSizeFor(config, encryption !== null, maxPayload(account)),
      compress: config.compression === 's2',
      firstSequence: Math.max(1, config.first_seq),
      limits: storeLimits(config),
      foundation: files.meta,
      ...(scheduleOf === undefined ? {} : { scheduleOf }),
    });
  }

  #openStore(
    options: Pick<FileStoreOptions, 'name' | 'directory' | 'blockSize'> & Partial<FileStoreOptions>,
  ): FileStore {
    const { disk, clock, memory, commit, hash, slices, encryption } = this.#storage.options;
    const keys = encryption === null ? null : new StoreKeys(encryption, this.#files.place.account);
    return new FileStore({ disk, clock, memory, commit, hash, slices, keys, ...options });
  }

  /** What the official server has left of atomic batches is finished, and goes. */
  finishBatches(): void {
    const { disk, log, clock, commit } = this.#storage.options;
    const { account, name, directory } = this.#files.place;
    const batches = `${directory}/${BATCHES_DIR}`;
    if (disk.status(batches) === undefined) return;
    let kept: FileStore | null = null;
    const open = (batch: string): FileStore | null => {
      const path = `${batches}/${batch}`;
      if (disk.status(path) === undefined) return null;
      kept = this.#openStore({ name: batch, directory: path, blockSize: BATCH_BLOCK });
      return kept;
    };
    try {
      finishBatch({ store: this.store, path: `${account} > ${name}`, log, clock, open });
    } catch (error) {
      log.error(
        `  Failed restoring partial batch write for stream '${account} > ${name}': ${(error as Error).message}`,
      );
      return;
    }
    const { position } = this.store;
    // It is needed until the stream has all of it on disk.
    commit.after(() => {
      if (this.store.durablePosition < position || this.#retired !== null) return;
      kept?.destroy();
      disk.removeTree(batches);
    });
  }

  get lastSave(): Save {
    return this.#files.meta.lastSave;
  }

  loadSources(): Stamped<SourceEntry> | null {
    return this.#sources.read();
  }

  saveSources(content: () => Stamped<SourceEntry>): void {
    this.#sources.save(content);
  }

  save(config: StreamConfig, created: string): void {
    this.#files.meta.write(storedStream.write({ Created: created, ...config }));
  }

  consumer(name: string, inMemory: boolean): ConsumerStorage {
    if (this.unopened.has(name))
      throw new Error(
        `a consumer of that name is stored and could not be opened: ${this.#consumerDirectory(name)}`,
      );
    return inMemory ? new MemoryConsumerStorage() : this.newConsumer(name);
  }

  newConsumer(name: string): FileConsumerStorage {
    return new FileConsumerStorage(this.#storage, this.#consumerPlace(name), false, this.#files.meta);
  }

  #consumerPlace(name: string): ConsumerPlace {
    const { place, names } = this.#files;
    return {
      account: place.account,
      stream: place.name,
      name,
      directory: this.#consumerDirectory(name),
      names,
    };
  }

  #consumerDirectory(name: string): string {
    return `${this.#files.place.directory}/${CONSUMERS_DIR}/${name}`;
  }

  storedConsumers(): StoredConsumer[] {
    return [...this.#consumersInFiles(), ...this.memoryConsumers.splice(0)];
  }

  #consumersInFiles(): StoredConsumer[] {
    const { disk, log } = this.#storage.options;
    const { account, name: stream, directory } = this.#files.place;
    const parent = `${directory}/${CONSUMERS_DIR}`;
    if (disk.status(parent) === undefined) return [];
    const names = disk
      .list(parent)
      .filter((entry) => entry.directory)
      .map(({ name }) => name);
    const found: StoredConsumer[] = [];
    if (names.length > 0)
      log.notice(`  Recovering ${names.length} consumers for stream - '${account} > ${stream}'`);
    for (const name of names) {
      const consumer = this.#storedConsumer(name);
      if (consumer !== null) found.push(consumer);
    }
    this.writtenConsumers.clear();
    return found;
  }

  #storedConsumer(name: string): StoredConsumer | null {
    const { disk, log } = this.#storage.options;
    const place = this.#consumerPlace(name);
    const { account, stream, directory } = place;
    const path = `${directory}/${META_FILE}`;
    if (disk.status(path) === undefined) {
      log.warn(`    Missing consumer metafile ${JSON.stringify(path)}`);
      return null;
    }
    try {
      const storage = new FileConsumerStorage(this.#storage, place, true, this.#files.meta);
      const { config, created, unknown, sumProblem } = storage.read(this.writtenConsumers.get(name));
      if (sumProblem !== null)
        log.warn(`    Consumer metafile ${JSON.stringify(path)}: ${sumProblem}, it is written anew`);
      if (isUnsupported(config.metadata)) {
        const reason = unsupportedReason(config.metadata, unknown);
        log.warn(`  Detected unsupported consumer '${account} > ${stream} > ${name}': ${reason}`);
        this.#unopened(name, reason, reason);
        return null;
      }
      if (unknown !== null)
        log.warn(
          `    Consumer metafile ${JSON.stringify(path)}: ${unknown.message}, which is left out of account`,
        );
      return { name, config, created, storage };
    } catch (error) {
      this.consumerFailed(name, error as Error);
      return null;
    }
  }

  consumerFailed(name: string, error: Error): void {
    const { account, name: stream } = this.#files.place;
    this.#storage.options.log.warn(
      `    Error adding consumer '${account} > ${stream} > ${name}': ${error.message}`,
    );
    this.#unopened(name, error.message);
  }

  #unopened(consumer: string, reason: string, offline?: string): void {
    const { account, name: stream } = this.#files.place;
    this.unopened.add(consumer);
    this.#storage.problems.push({
      account,
      stream,
      consumer,
      reason,
      unopened: true,
      ...(offline && { offline }),
    });
  }

  /** The directory gets a name that the next start, also of the official server, removes. */
  retire(): void {
    const { commit, options } = this.#storage;
    const { disk } = options;
    const { directory, name } = this.#files.place;
    const parent = directory.slice(0, directory.lastIndexOf('/'));
    let gone = `${parent}/${deletedStream(name)}`;
    // One that was deleted before may still be on its way.
    while (disk.status(gone) !== undefined) gone += '.';
    disk.rename(directory, gone);
    try {
      if (commit.always) disk.syncDirectoryNow(parent);
      // Not before: then all that the journal has of its files would have to be on the device.
      commit.forgetDirectory(directory);
    } catch (error) {
      disk.rename(gone, directory);
      this.#files.meta.renamed();
      throw error;
    }
    this.#retired = gone;
  }

  destroy(): void {
    this.#files.meta.forget();
    this.#sources.forget();
    if (this.#retired === null) this.retire();
    this.store.destroy();
    this.#storage.removeRest(this.#retired!);
  }

  stop(done: (error: Error | null) => void): void {
    this.store.stop(done);
  }
}

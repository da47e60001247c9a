/**
 * Streams in files, in the official layout: `<account>/streams/<stream>/{meta.inf, msgs/, obs/<consumer>/}` below the store directory.
 * What cannot be opened is told in the log and left as it is.
 */

import { field, readJson, struct, text } from '../protocol/json-type.js';
import { time } from '../protocol/rfc3339.js';
import type { Clock } from '../runtime/clock.js';
import type { Disk } from '../runtime/disk.js';
import type { HighwayHash } from '../runtime/highway-hash.js';
import type { Log } from '../runtime/log.js';
import { blockSizeFor } from './block-size.js';
import { type ConsumerConfig, consumerConfig } from './consumer-config.js';
import { MemoryConsumerStorage, MemoryStreamStorage } from './memory-storage.js';
import { MetaFiles } from './meta-files.js';
import { SourceFile } from './source-file.js';
import type { ConsumerStorage, Storage, StoredStream, StreamStorage } from './storage.js';
import { type ConsumerStore, FileConsumerStore, type PositionSource } from './store/consumer-store.js';
import { consumerContext, type FileSealer, streamContext } from './store/encryption.js';
import { FileStore } from './store/file-store.js';
import { type EncryptionOptions, StoreKeys } from './store/file-store-keys.js';
import type { GroupCommit } from './store/group-commit.js';
import {
  CONSUMERS_DIR,
  deletedStream,
  isPathName,
  MESSAGES_DIR,
  META_FILE,
  META_KEY_FILE,
  SNAPSHOTS_DIR,
  STREAMS_DIR,
} from './store/layout.js';
import type { StoreMemory } from './store/message-block-cache.js';
import { consumerMetaName, streamMetaName } from './store/meta-file.js';
import type { SourceEntry, Stamped } from './store/timer-files.js';
import { type StreamConfig, streamConfig } from './stream-config.js';

/** What stands before the configuration in `meta.inf`. */
const streamMeta = struct('FileStreamInfo', { Created: field(time), ...streamConfig.fields });
const consumerMeta = struct('FileConsumerInfo', {
  Created: field(time),
  Name: field(text),
  ...consumerConfig.fields,
});

export interface FileStorageOptions {
  disk: Disk;
  clock: Clock;
  log: Log;
  commit: GroupCommit;
  memory: StoreMemory;
  hash: HighwayHash;
  /** With `/jetstream` at its end. */
  directory: string;
  /** Null where nothing is encrypted. */
  encryption: EncryptionOptions | null;
  /** Largest message of an account in bytes; 0 for none. */
  maxPayload(account: string): number;
  /** Bytes of a block, in place of what fits the stream; for tests. */
  blockSize?: number;
  /** When a schedule fires next, from the text of its headers; null where there is none. Nanoseconds. */
  scheduleOf?: (headers: string, time: bigint) => bigint | null;
}

export class FileStorage implements Storage {
  readonly commit: GroupCommit;
  readonly options: FileStorageOptions;

  constructor(options: FileStorageOptions) {
    this.options = options;
    this.commit = options.commit;
  }

  accounts(): string[] {
    const { disk, directory } = this.options;
    if (disk.status(directory) === undefined) return [];
    return disk
      .list(directory)
      .filter(({ name, directory: isDirectory }) => isDirectory && !name.startsWith('.') && name !== '_js_')
      .filter(({ name }) => disk.status(`${directory}/${name}/${STREAMS_DIR}`) !== undefined)
      .map(({ name }) => name);
  }

  create(account: string, config: StreamConfig, created: string): StreamStorage {
    const { clock, memory, disk } = this.options;
    if (config.storage === 'memory') return new MemoryStreamStorage(clock, memory, config);
    const directory = this.#streamDirectory(account, config.name);
    // What a deletion has left behind must not come to life again.
    disk.removeTree(directory);
    disk.makeDirectory(`${directory}/${MESSAGES_DIR}`);
    disk.makeDirectory(`${directory}/${CONSUMERS_DIR}`);
    const storage = new FileStreamStorage(this, account, config, directory);
    storage.save(config, created);
    return storage;
  }

  recover(account: string): StoredStream[] {
    const { disk, directory } = this.options;
    const streams = `${directory}/${account}/${STREAMS_DIR}`;
    if (!isPathName(account) || disk.status(streams) === undefined) return [];
    disk.removeTree(`${directory}/${account}/${SNAPSHOTS_DIR}`);
    const found: StoredStream[] = [];
    for (const entry of disk.list(streams)) {
      if (!entry.directory) continue;
      if (entry.name.startsWith('.')) disk.removeTree(`${streams}/${entry.name}`);
      else {
        const stream = this.#open(account, entry.name, `${streams}/${entry.name}`);
        if (stream !== null) found.push(stream);
      }
    }
    return found;
  }

  #open(account: string, name: string, directory: string): StoredStream | null {
    const { disk, log } = this.options;
    try {
      if (disk.status(`${directory}/${META_FILE}`) === undefined) {
        log.warn(`  Missing stream metafile for ${JSON.stringify(directory)}`);
        return null;
      }
      const files = this.metaFiles(
        directory,
        streamMetaName(name),
        this.sealer(account, directory, streamContext(name)),
      );
      const { json, sumMatches } = files.read();
      const { Created: created, ...config } = readJson(streamMeta, json, false);
      if (config.name !== name) throw new Error(`its configuration is that of stream '${config.name}'`);
      if (!sumMatches)
        log.warn(`  Stream metafile of '${account} > ${name}' had no valid checksum, it is written anew`);
      const storage = new FileStreamStorage(this, account, config, directory);
      if (!sumMatches) storage.save(config, created);
      return { config, created, storage };
    } catch (error) {
      log.error(`  Error recovering stream '${account} > ${name}': ${(error as Error).message}`);
      return null;
    }
  }

  #streamDirectory(account: string, stream: string): string {
    return `${this.options.directory}/${account}/${STREAMS_DIR}/${stream}`;
  }

  keys(account: string): StoreKeys | null {
    const { encryption } = this.options;
    return encryption === null ? null : new StoreKeys(encryption, account);
  }

  /** What seals the files of a folder; null where nothing is encrypted. */
  sealer(account: string, directory: string, context: string): FileSealer | null {
    const path = `${directory}/${META_KEY_FILE}`;
    const keys = this.keys(account);
    if (keys === null) {
      if (this.options.disk.status(path) !== undefined) throw new Error('encryption not enabled');
      return null;
    }
    return keys.sealer(this.options.disk, path, context).sealer;
  }

  metaFiles(directory: string, name: string, sealer: FileSealer | null): MetaFiles {
    const { disk, commit, hash, log } = this.options;
    return new MetaFiles({
      disk,
      commit,
      hash,
      directory,
      name,
      sealer,
      failed: (error) =>
        log.error(`Error writing metafile in ${JSON.stringify(directory)}: ${error.message}`),
    });
  }
}

class FileStreamStorage implements StreamStorage {
  readonly store: FileStore;
  readonly #storage: FileStorage;
  readonly #account: string;
  readonly #name: string;
  readonly #directory: string;
  readonly #meta: MetaFiles;
  readonly #sources: SourceFile;

  constructor(storage: FileStorage, account: string, config: StreamConfig, directory: string) {
    this.#storage = storage;
    this.#account = account;
    this.#name = config.name;
    this.#directory = directory;
    const { disk, clock, memory, commit, hash, maxPayload, scheduleOf } = storage.options;
    const sealer = storage.sealer(account, directory, streamContext(config.name));
    this.#meta = storage.metaFiles(directory, streamMetaName(config.name), sealer);
    const keys = storage.keys(account);
    this.#sources = new SourceFile(disk, commit, directory, (error) =>
      storage.options.log.error(
        `Error writing sources of stream '${account} > ${config.name}': ${error.message}`,
      ),
    );
    this.store = new FileStore({
      disk,
      clock,
      memory,
      commit,
      hash,
      name: config.name,
      directory,
      blockSize:
        storage.options.blockSize ?? blockSizeFor(config, keys !== null, maxPayload(account)),
      compress: config.compression === 's2',
      keys,
      firstSequence: Math.max(1, config.first_seq),
      ...(scheduleOf === undefined ? {} : { scheduleOf }),
    });
  }

  save(config: StreamConfig, created: string): void {
    this.#meta.write(streamMeta.write({ Created: created, ...config }));
  }

  loadSources(): Stamped<SourceEntry> | null {
    return this.#sources.read();
  }

  saveSources(content: () => Stamped<SourceEntry>): void {
    this.#sources.save(content);
  }

  consumer(name: string, inMemory: boolean): ConsumerStorage {
    return inMemory
      ? new MemoryConsumerStorage()
      : new FileConsumerStorage(
          this.#storage,
          this.#account,
          this.#name,
          name,
          this.#consumerDirectory(name),
        );
  }

  #consumerDirectory(name: string): string {
    return `${this.#directory}/${CONSUMERS_DIR}/${name}`;
  }

  storedConsumers(): { name: string; config: ConsumerConfig; created: string; storage: ConsumerStorage }[] {
    const { disk, log } = this.#storage.options;
    const parent = `${this.#directory}/${CONSUMERS_DIR}`;
    if (disk.status(parent) === undefined) return [];
    const found: { name: string; config: ConsumerConfig; created: string; storage: ConsumerStorage }[] = [];
    for (const entry of disk.list(parent)) {
      const directory = `${parent}/${entry.name}`;
      if (!entry.directory || disk.status(`${directory}/${META_FILE}`) === undefined) continue;
      try {
        const storage = new FileConsumerStorage(
          this.#storage,
          this.#account,
          this.#name,
          entry.name,
          directory,
        );
        found.push({ name: entry.name, storage, ...storage.read() });
      } catch (error) {
        const path = `${this.#account} > ${this.#name} > ${entry.name}`;
        log.error(`    Error recovering consumer '${path}': ${(error as Error).message}`);
      }
    }
    return found;
  }

  /** The folder gets a name that the next start removes, should this one not get to its end. */
  destroy(): void {
    const { disk } = this.#storage.options;
    this.#meta.forget();
    this.#sources.forget();
    this.store.destroy();
    const parent = this.#directory.slice(0, this.#directory.lastIndexOf('/'));
    const gone = `${parent}/${deletedStream(this.#name)}`;
    disk.removeTree(gone);
    this.#storage.commit.forgetDirectory(this.#directory);
    disk.rename(this.#directory, gone);
    disk.syncDirectoryNow(parent);
    disk.removeTree(gone);
  }

  stop(done: (error: Error | null) => void): void {
    this.store.stop(done);
  }
}

class FileConsumerStorage implements ConsumerStorage {
  readonly #storage: FileStorage;
  readonly #directory: string;
  readonly #name: string;
  readonly #sealer: FileSealer | null;
  readonly #meta: MetaFiles;

  constructor(storage: FileStorage, account: string, stream: string, name: string, directory: string) {
    this.#storage = storage;
    this.#directory = directory;
    this.#name = name;
    storage.options.disk.makeDirectory(directory);
    this.#sealer = storage.sealer(account, directory, consumerContext(stream, name));
    this.#meta = storage.metaFiles(directory, consumerMetaName(stream, name), this.#sealer);
  }

  read(): { config: ConsumerConfig; created: string } {
    const { json, sumMatches } = this.#meta.read();
    const { Created: created, Name: _name, ...config } = readJson(consumerMeta, json, false);
    if (!sumMatches) this.save(config, created);
    return { config, created };
  }

  open(source: PositionSource): ConsumerStore {
    const { disk, clock, commit } = this.#storage.options;
    return new FileConsumerStore({
      disk,
      clock,
      commit,
      directory: this.#directory,
      sealer: this.#sealer,
      source,
    });
  }

  save(config: ConsumerConfig, created: string): void {
    this.#meta.write(consumerMeta.write({ Created: created, Name: this.#name, ...config }));
  }

  destroy(): void {
    const { disk, commit } = this.#storage.options;
    this.#meta.forget();
    commit.forgetDirectory(this.#directory);
    disk.removeTree(this.#directory);
    const parent = this.#directory.slice(0, this.#directory.lastIndexOf('/'));
    if (disk.status(parent) !== undefined) disk.syncDirectoryNow(parent);
  }
}

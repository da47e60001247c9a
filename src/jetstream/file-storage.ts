/**
 * Streams in files, in the official layout: `<account>/streams/<stream>/{meta.inf, msgs/, obs/<consumer>/}` below the store directory.
 * What cannot be opened is told in the log and left as it is.
 */
import { goDuration } from '../config/go-format.js';
import type { Clock } from '../runtime/clock.js';
import type { Disk } from '../runtime/disk.js';
import type { HighwayHash } from '../runtime/highway-hash.js';
import type { Log } from '../runtime/log.js';
import { FilesStage, StreamStage } from './backup-stage.js';
import { FileStreamStorage, type ReadStream, StreamFiles } from './file-stream-storage.js';
import { isUnsupported, unsupportedReason } from './levels.js';
import { MemoryStage, MemoryStreamStorage } from './memory-storage.js';
import { MetaFiles, type MetaFilesOptions } from './meta-files.js';
import type { Slices } from './slices.js';
import type {
  StagedFiles,
  StagedStream,
  Storage,
  StorageProblem,
  StoredStream,
  StreamStorage,
} from './storage.js';
import type { EncryptionOptions } from './store/file-store-keys.js';
import type { GroupCommit } from './store/group-commit.js';
import {
  blockIndex,
  CONSUMERS_DIR,
  isPathName,
  MESSAGES_DIR,
  META_FILE,
  SNAPSHOTS_DIR,
  STREAMS_DIR,
} from './store/layout.js';
import type { StoreMemory } from './store/message-block-cache.js';
import { damageText } from './store/message-store.js';
import { removeInSteps, TreeRemoval } from './store/tree-removal.js';
import type { StreamConfig } from './stream-config.js';

export interface FileStorageOptions {
  disk: Disk;
  clock: Clock;
  log: Log;
  commit: GroupCommit;
  memory: StoreMemory;
  hash: HighwayHash;
  /** For work of the stores that takes longer than a turn of the event loop should. */
  slices?: Slices;
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

/** A stream that was there. */
export interface OpenedStream extends StoredStream {
  storage: FileStreamStorage;
}

/** Beside the directories of accounts: what the servers of a cluster have for themselves. */
const SYSTEM_DIR = '_js_';

export class FileStorage implements Storage {
  readonly commit: GroupCommit;
  readonly options: FileStorageOptions;
  readonly problems: StorageProblem[] = [];
  #stages = 0;

  constructor(options: FileStorageOptions) {
    this.options = options;
    this.commit = options.commit;
  }

  accounts(): string[] {
    const { disk, directory } = this.options;
    if (disk.status(directory) === undefined) return [];
    return disk
      .list(directory)
      .filter(
        ({ name, directory: isDirectory }) => isDirectory && !name.startsWith('.') && name !== SYSTEM_DIR,
      )
      .filter(({ name }) => disk.status(`${directory}/${name}/${STREAMS_DIR}`) !== undefined)
      .map(({ name }) => name);
  }

  purge(account: string): void {
    const { disk, directory } = this.options;
    const path = `${directory}/${account}`;
    if (!isPathName(account) || account === SYSTEM_DIR || !disk.status(path)?.directory) return;
    this.commit.forgetDirectory(path);
    disk.removeTree(path);
    if (this.commit.always) disk.syncDirectoryNow(directory);
    const others = this.problems.filter((problem) => problem.account !== account);
    this.problems.splice(0, this.problems.length, ...others);
  }

  /** Removes a directory that the next start would remove as well: in steps, as it may have thousands of files. */
  removeRest(path: string): void {
    const { disk, clock, log, slices } = this.options;
    const failed = (error: Error) => log.warn(`Error removing ${JSON.stringify(path)}: ${error.message}`);
    removeInSteps(new TreeRemoval(disk, clock, path, failed), slices);
  }

  create(account: string, config: StreamConfig, created: string): StreamStorage {
    const { disk } = this.options;
    if (config.storage === 'memory') return new MemoryStreamStorage(this.options, config);
    const directory = this.streamDirectory(account, config.name);
    this.#clear(directory);
    const storage = this.createIn({ account, name: config.name, directory }, config);
    storage.save(config, created);
    // What the disk has of it so far must not be in the way of another attempt, nor of the next start.
    if (disk.status(directory) === undefined) throw new Error(`cannot create ${JSON.stringify(directory)}`);
    return storage;
  }

  /** Makes a stream's directory, with its key and its messages, but without `meta.inf`. Throws what the disk throws. */
  createIn(place: StreamFiles['place'], config: StreamConfig): FileStreamStorage {
    const { disk } = this.options;
    const { directory } = place;
    try {
      disk.makeDirectory(`${directory}/${MESSAGES_DIR}`);
      disk.makeDirectory(`${directory}/${CONSUMERS_DIR}`);
      return new FileStreamStorage(this, new StreamFiles(this, place, false), config);
    } catch (error) {
      disk.removeTree(directory);
      throw error;
    }
  }

  /**
   * Makes room for a new stream. What an interrupted creation or deletion has left, which nobody was promised, goes. A directory that
   * holds more than that, such as a stream that no key fits, is not taken away.
   */
  #clear(directory: string): void {
    const { disk } = this.options;
    const there = disk.status(directory);
    if (there === undefined) return;
    if (!there.directory) throw new Error(`not a directory: ${directory}`);
    const messages = `${directory}/${MESSAGES_DIR}`;
    const has = (path: string) => disk.status(path) !== undefined;
    const blocks = has(messages) && disk.list(messages).some(({ name }) => blockIndex(name) >= 0);
    if (has(`${directory}/${META_FILE}`) || blocks)
      throw new Error(`a stream of that name is stored and could not be opened: ${directory}`);
    disk.removeTree(directory);
  }

  /** The directories above one of a stream, as far as this server makes them. */
  parentsOf(directory: string): string[] {
    const parents: string[] = [];
    const top = this.options.directory;
    for (let at = dirname(directory); at.length >= top.length; at = dirname(at)) parents.push(at);
    parents.push(dirname(top));
    return parents.filter((path) => path !== '');
  }

  recover(account: string): StoredStream[] {
    const { disk, directory } = this.options;
    const streams = `${directory}/${account}/${STREAMS_DIR}`;
    if (!isPathName(account)) return [];
    if (disk.status(`${directory}/${account}`) !== undefined)
      disk.removeTree(`${directory}/${account}/${SNAPSHOTS_DIR}`);
    if (disk.status(streams) === undefined) return [];
    const found: StoredStream[] = [];
    for (const entry of disk.list(streams)) {
      if (!entry.directory) continue;
      if (entry.name.startsWith('.')) disk.removeTree(`${streams}/${entry.name}`);
      else {
        const stream = this.open(account, entry.name);
        if (stream !== null) found.push(stream);
      }
    }
    return found;
  }

  /** Opens a stream that is there; null, with a line in the log, where that is not possible. */
  open(account: string, name: string): OpenedStream | null {
    const { disk, log, clock } = this.options;
    const directory = this.streamDirectory(account, name);
    const path = `${directory}/${META_FILE}`;
    const problem = (reason: string, line: string) => {
      log.warn(line);
      this.failed(account, name, reason);
      return null;
    };
    if (disk.status(path) === undefined)
      return problem('no metafile', `  Missing stream metafile for ${JSON.stringify(path)}`);
    let files: StreamFiles;
    let read: ReadStream;
    try {
      files = new StreamFiles(this, { account, name, directory }, true);
    } catch (error) {
      const { message } = error as Error;
      return problem(message, `  Error decrypting our stream metafile: ${message}`);
    }
    try {
      read = files.read();
    } catch (error) {
      const { message } = error as Error;
      return problem(message, `  Error unmarshalling stream metafile ${JSON.stringify(path)}: ${message}`);
    }
    const { config, created } = read;
    if (config.name !== name) {
      const reason = `its configuration is that of stream '${config.name}'`;
      return problem(reason, `  Stream metafile ${JSON.stringify(path)}: ${reason}`);
    }
    if (isUnsupported(config.metadata)) {
      const reason = unsupportedReason(config.metadata, read.unknown);
      log.warn(`  Detected unsupported stream '${account} > ${name}': ${reason}`);
      this.problems.push({ account, stream: name, consumer: '', reason, unopened: true, offline: reason });
      return null;
    }
    this.#complain(account, name, path, read);
    log.notice(`  Starting restore for stream '${account} > ${name}'`);
    const begin = clock.monotonic();
    if (files.key.change === 'encrypt') log.notice(`  Encrypting stream '${account} > ${name}'`);
    if (files.key.change === 'convert')
      log.notice(`  Converting to ${this.#cipherName()} for stream '${account} > ${name}'`);
    let storage: FileStreamStorage;
    try {
      storage = new FileStreamStorage(this, files, config);
      if (config.allow_atomic) storage.finishBatches();
    } catch (error) {
      const { message } = error as Error;
      return problem(message, `  Error recreating stream ${JSON.stringify(name)}: ${message}`);
    }
    for (const report of storage.store.reports) {
      const text = damageText(report);
      log.error(`  Stream '${account} > ${name}': ${text}`);
      this.problems.push({ account, stream: name, consumer: '', reason: text, unopened: false });
    }
    // As it is: fields that are not known here stay in the file.
    if (!read.current) files.meta.write(read.json);
    const count = storage.store.state.messages.toLocaleString('en-US');
    const took = goDuration(Math.round(clock.monotonic() - begin));
    log.notice(`  Restored ${count} messages for stream '${account} > ${name}' in ${took}`);
    return { config, created, storage };
  }

  failed(account: string, stream: string, reason: string): void {
    this.problems.push({ account, stream, consumer: '', reason, unopened: true });
  }

  #complain(account: string, stream: string, path: string, { unknown, sumProblem }: ReadStream): void {
    const { log } = this.options;
    if (sumProblem !== null) {
      const reason = `${sumProblem}, it is written anew`;
      log.warn(`  Stream metafile ${JSON.stringify(path)}: ${reason}`);
      this.problems.push({ account, stream, consumer: '', reason, unopened: false });
    }
    if (unknown !== null) {
      const reason = `${unknown.message}, which is left out of account`;
      log.warn(`  Stream metafile ${JSON.stringify(path)}: ${reason}`);
      this.problems.push({ account, stream, consumer: '', reason, unopened: false });
    }
  }

  #cipherName(): string {
    return this.options.encryption?.cipher === 'aes' ? 'AES-GCM' : 'ChaCha20-Poly1305';
  }

  stage(account: string, config: StreamConfig, created: string): StagedStream {
    return config.storage === 'memory'
      ? new MemoryStage(this.options, config, created)
      : new StreamStage(this, account, config, created);
  }

  stageFiles(account: string, config: StreamConfig): StagedFiles | null {
    return config.storage === 'memory' ? null : new FilesStage(this, account, config);
  }

  /** A directory for something that is not complete; the next start, also of the official server, removes it. */
  stageDirectory(account: string): string {
    return `${this.options.directory}/${account}/${SNAPSHOTS_DIR}/snap-${++this.#stages}`;
  }

  /** Puts a directory that is complete and durable in its place. Throws what the disk throws. */
  adopt(account: string, name: string, from: string): void {
    const { disk } = this.options;
    const to = this.streamDirectory(account, name);
    this.#clear(to);
    this.commit.forgetDirectory(from);
    disk.makeDirectory(dirname(to));
    disk.rename(from, to);
    for (const parent of this.parentsOf(to)) disk.syncDirectoryNow(parent);
  }

  streamDirectory(account: string, stream: string): string {
    return `${this.options.directory}/${account}/${STREAMS_DIR}/${stream}`;
  }

  metaFiles(files: Omit<MetaFilesOptions, 'disk' | 'commit' | 'hash' | 'failed'>): MetaFiles {
    const { disk, commit, hash, log } = this.options;
    const { directory } = files;
    return new MetaFiles({
      ...files,
      disk,
      commit,
      hash,
      failed: (error) =>
        log.error(`Error writing metafile in ${JSON.stringify(directory)}: ${error.message}`),
    });
  }
}

function dirname(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** One consumer in files: `meta.inf` with its configuration, `o.dat` with its position, in the directory `obs/<consumer>` of its stream. */

import { readKnown } from '../protocol/json-type.js';
import type { Disk } from '../runtime/disk.js';
import type { Log } from '../runtime/log.js';
import { type ConsumerConfig, storedConsumer } from './consumer-config.js';
import { DirectoryKey } from './directory-key.js';
import type { DirectoryNames } from './directory-names.js';
import type { FileStorage } from './file-storage.js';
import type { MetaFiles } from './meta-files.js';
import type { ConsumerStorage, Save } from './storage.js';
import { decodeConsumerState, emptyConsumerState, encodeConsumerState } from './store/consumer-state-file.js';
import {
  type ConsumerPosition,
  type ConsumerStore,
  FileConsumerStore,
  type PositionSource,
} from './store/consumer-store.js';
import { consumerContext } from './store/encryption.js';
import type { CommitCycle, CommitMember, Foundation } from './store/group-commit.js';
import { CONSUMER_STATE_FILE } from './store/layout.js';
import { consumerMetaName } from './store/meta-file.js';
import { writeWhole } from './store/replace-file.js';
import { CorruptError } from './store/store-error.js';
import { ensureDirectory } from './store/sync-files.js';

export interface ConsumerPlace {
  account: string;
  stream: string;
  name: string;
  directory: string;
  /** Of all consumers of the stream. */
  names: DirectoryNames;
}

export interface WrittenConsumer {
  config: ConsumerConfig;
  /** RFC 3339. */
  created: string;
}

export class FileConsumerStorage implements ConsumerStorage {
  readonly inMemory = false;
  readonly #storage: FileStorage;
  readonly #place: ConsumerPlace;
  readonly #key: DirectoryKey;
  readonly #meta: MetaFiles;
  readonly #stored: boolean;
  #removal: Removal | null = null;

  /** `stored`: it is there already. Throws what the disk throws, and errors in official words for keys that do not fit. */
  constructor(storage: FileStorage, place: ConsumerPlace, stored: boolean, stream: Foundation) {
    this.#storage = storage;
    this.#place = place;
    this.#stored = stored;
    const { account, name, directory, names } = place;
    const { disk, encryption } = storage.options;
    if (!stored) {
      if (disk.status(directory) !== undefined) names.removed();
      // What a deletion, or a creation that was interrupted, has left behind is not part of it.
      disk.removeTree(directory);
      // A power cut while the stream was made may have left it without, and nobody else syncs the name.
      ensureDirectory(disk, parentOf(directory));
      disk.makeDirectory(directory);
    }
    const context = consumerContext(place.stream, name);
    this.#key = DirectoryKey.open({ disk, encryption, account, directory, context }, stored);
    this.#meta = storage.metaFiles({
      directory,
      parents: [parentOf(directory)],
      // A file with its key is none that commits write.
      made: !stored && this.#key.sealer === null && names.sure,
      names,
      name: consumerMetaName(place.stream, name),
      key: this.#key,
      foundation: stream,
    });
  }

  get lastSave(): Save {
    return this.#removal ?? this.#meta.lastSave;
  }

  /** The configuration; the files are put in order on the way. `written`: what this process has just put into them. */
  read(written?: WrittenConsumer): WrittenConsumer & { unknown: Error | null; sumProblem: string | null } {
    const { json, current, sumProblem } = this.#meta.read();
    if (written !== undefined && current) return { ...written, unknown: null, sumProblem };
    // Otherwise nothing would be a consumer with nothing but defaults.
    if (json.length === 0) throw new Error('unexpected end of JSON input');
    const { value, unknown } = readKnown(storedConsumer, json);
    // Rather a bit that flipped in the name of a field than one of another server, which would have written the sum of it. Without
    // what the field says, a filter perhaps, messages would go that nobody has got.
    if (unknown !== null && sumProblem !== null) throw new Error(`${sumProblem}, and ${unknown.message}`);
    const { Created: created, Name: _name, ...config } = value;
    // As it is: fields that are not known here stay in the file.
    if (!current) this.#meta.write(json);
    this.#convertPosition();
    return { config, created, unknown, sumProblem };
  }

  /** Positions that are plain, or sealed with another cipher, are sealed as they are to be. */
  #convertPosition(): void {
    const path = `${this.#place.directory}/${CONSUMER_STATE_FILE}`;
    const { disk } = this.#storage.options;
    if (this.#key.sealer === null || disk.status(path) === undefined) return;
    const file = disk.readFile(path);
    if (file.length === 0) return;
    try {
      const { content, current } = this.#key.read(file, isPosition);
      if (!current) writeWhole(disk, path, this.#key.seal(content));
    } catch (error) {
      // It is told when it is loaded.
      if (!(error instanceof CorruptError)) throw error;
    }
  }

  open(source: PositionSource): ConsumerStore {
    const { disk, clock, commit } = this.#storage.options;
    const { directory } = this.#place;
    const options = {
      disk,
      clock,
      commit,
      directory,
      sealer: this.#key.sealer,
      source,
      foundation: this.#meta,
    };
    return this.#stored ? new RecoveredPosition(options) : new FileConsumerStore(options);
  }

  /** Writes a position at once, not synced: for a consumer that nobody uses yet. */
  writePosition(position: ConsumerPosition): void {
    const { disk, clock } = this.#storage.options;
    const file = this.#key.seal(encodeConsumerState(position, clock.now()));
    writeWhole(disk, `${this.#place.directory}/${CONSUMER_STATE_FILE}`, file);
  }

  save(config: ConsumerConfig, created: string): void {
    this.#meta.write(storedConsumer.write({ Created: created, Name: this.#place.name, ...config }));
  }

  /**
   * All of it leaves its place at once, so that no crash leaves a consumer without its position. It goes for good when that is durable;
   * until then it is where the next start, also of the official server, removes it.
   */
  destroy(): void {
    const { disk, commit, log } = this.#storage.options;
    const { account, directory, names } = this.#place;
    this.#meta.forget();
    commit.forgetDirectory(directory);
    if (disk.status(directory) === undefined) return;
    const gone = this.#storage.stageDirectory(account);
    disk.makeDirectory(parentOf(gone));
    names.removed();
    disk.rename(directory, gone);
    this.#removal = new Removal(disk, log, names, parentOf(directory), gone);
    commit.dirty(this.#removal);
  }
}

/** A directory that was moved out of its place. */
class Removal implements CommitMember, Save {
  readonly #disk: Disk;
  readonly #log: Log;
  readonly #names: DirectoryNames;
  readonly #from: string;
  readonly #directory: string;
  /** Why it may come back with the next start; null while nothing speaks for that. */
  failure: Error | null = null;

  /** `from`: the directory where its name was, among `names`. */
  constructor(disk: Disk, log: Log, names: DirectoryNames, from: string, directory: string) {
    this.#disk = disk;
    this.#log = log;
    this.#names = names;
    this.#from = from;
    this.#directory = directory;
  }

  flush(cycle: CommitCycle): number {
    cycle.syncDirectory(this.#from);
    return this.#names.mark();
  }

  durable(mark: unknown): void {
    this.#names.synced(mark as number);
    try {
      this.#disk.removeTree(this.#directory);
    } catch (error) {
      this.#log.warn(`Error removing ${JSON.stringify(this.#directory)}: ${(error as Error).message}`);
    }
  }

  failed(error: Error): void {
    this.failure = error;
    this.#log.error(`Error removing a consumer from ${JSON.stringify(this.#from)}: ${error.message}`);
  }
}

/** A consumer without a position has not begun, as officially; where it would begin today is another question. */
class RecoveredPosition extends FileConsumerStore {
  override load(): ConsumerPosition {
    return super.load() ?? emptyConsumerState();
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function isPosition(content: Uint8Array): boolean {
  try {
    decodeConsumerState(content);
    return true;
  } catch {
    return false;
  }
}

/** One consumer in files: `meta.inf` with its configuration, `o.dat` with its position, in the directory `obs/<consumer>` of its stream. */

import { readJson } from '../protocol/json-type.js';
import { type ConsumerConfig, storedConsumer } from './consumer-config.js';
import { DirectoryKey } from './directory-key.js';
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
import type { Foundation } from './store/group-commit.js';
import { CONSUMER_STATE_FILE, META_FILE } from './store/layout.js';
import { consumerMetaName } from './store/meta-file.js';
import { writeWhole } from './store/replace-file.js';
import { CorruptError } from './store/store-error.js';

export interface ConsumerPlace {
  account: string;
  stream: string;
  name: string;
  directory: string;
}

export class FileConsumerStorage implements ConsumerStorage {
  readonly #storage: FileStorage;
  readonly #place: ConsumerPlace;
  readonly #key: DirectoryKey;
  readonly #meta: MetaFiles;
  readonly #stored: boolean;

  /** `stored`: it is there already. Throws what the disk throws, and errors in official words for keys that do not fit. */
  constructor(storage: FileStorage, place: ConsumerPlace, stored: boolean, stream: Foundation) {
    this.#storage = storage;
    this.#place = place;
    this.#stored = stored;
    const { account, name, directory } = place;
    const { disk, encryption } = storage.options;
    const parent = directory.slice(0, directory.lastIndexOf('/'));
    if (!stored) {
      // What a deletion, or a creation that was interrupted, has left behind is not part of it.
      disk.removeTree(directory);
      disk.makeDirectory(directory);
    }
    const context = consumerContext(place.stream, name);
    this.#key = DirectoryKey.open({ disk, encryption, account, directory, context }, stored);
    this.#meta = storage.metaFiles(
      directory,
      [parent],
      consumerMetaName(place.stream, name),
      this.#key,
      stream,
    );
  }

  get lastSave(): Save {
    return this.#meta.lastSave;
  }

  /** The configuration; the files are put in order on the way. */
  read(): { config: ConsumerConfig; created: string; unknown: Error | null; sumProblem: string | null } {
    const { json, current, sumProblem } = this.#meta.read();
    const unknown = strictProblem(json);
    const { Created: created, Name: _name, ...config } = readJson(storedConsumer, json, false);
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

  /** Without `meta.inf` it is no consumer any more: that goes first, so that no crash leaves one without its position. */
  destroy(): void {
    const { disk, commit } = this.#storage.options;
    const { directory } = this.#place;
    this.#meta.forget();
    commit.forgetDirectory(directory);
    if (disk.status(directory) === undefined) return;
    disk.remove(`${directory}/${META_FILE}`);
    if (commit.always) disk.syncDirectoryNow(directory);
    disk.removeTree(directory);
  }
}

/** A consumer without a position has not begun, as officially; where it would begin today is another question. */
class RecoveredPosition extends FileConsumerStore {
  override load(): ConsumerPosition {
    return super.load() ?? emptyConsumerState();
  }
}

function isPosition(content: Uint8Array): boolean {
  try {
    decodeConsumerState(content);
    return true;
  } catch {
    return false;
  }
}

/** What a reader that knows no other fields would say of a configuration. */
function strictProblem(json: Uint8Array): Error | null {
  try {
    readJson(storedConsumer, json, true);
    return null;
  } catch (error) {
    return error as Error;
  }
}

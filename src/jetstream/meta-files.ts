/**
 * The configuration of a stream or a consumer on disk: `meta.inf` with its sum beside it. A crash between the two leaves a sum that does
 * not match; then the configuration is believed if it can be read, and the sum is written anew.
 */
import type { Disk } from '../runtime/disk.js';
import type { HighwayHash } from '../runtime/highway-hash.js';
import type { FileSealer } from './store/encryption.js';
import type { CommitCycle, CommitMember, GroupCommit } from './store/group-commit.js';
import { META_FILE, META_SUM_FILE } from './store/layout.js';
import { metaSum } from './store/meta-file.js';

export interface MetaFilesOptions {
  disk: Disk;
  commit: GroupCommit;
  hash: HighwayHash;
  /** The folder; it is there when the files are written. */
  directory: string;
  /** See `streamMetaName` and `consumerMetaName`. */
  name: string;
  /** Null where nothing is encrypted. */
  sealer: FileSealer | null;
  failed(error: Error): void;
}

export class MetaFiles implements CommitMember {
  readonly #options: MetaFilesOptions;
  /** What has to be written; null when the files have it. */
  #content: Buffer | null = null;
  #written: Buffer | null = null;

  constructor(options: MetaFilesOptions) {
    this.#options = options;
  }

  /** The JSON text. Throws what the disk throws, and `CorruptError` for what cannot be opened. */
  read(): { json: Buffer; sumMatches: boolean } {
    const { disk, directory, hash, name, sealer } = this.#options;
    const file = disk.readFile(`${directory}/${META_FILE}`);
    const sumPath = `${directory}/${META_SUM_FILE}`;
    const sum = disk.status(sumPath) === undefined ? '' : disk.readFile(sumPath).toString('latin1');
    const json = sealer === null ? file : sealer.open(file);
    return { json, sumMatches: sum === metaSum(hash, name, file) };
  }

  /** Durable with the next group commit. */
  write(json: string): void {
    this.#content = Buffer.from(json, 'utf8');
    this.#options.commit.dirty(this);
  }

  flush(cycle: CommitCycle): void {
    if (this.#content === null) return;
    const { directory, hash, name, sealer } = this.#options;
    const file = sealer === null ? this.#content : sealer.seal(this.#content);
    cycle.replace(`${directory}/${META_FILE}`, file);
    cycle.replace(`${directory}/${META_SUM_FILE}`, Buffer.from(metaSum(hash, name, file), 'latin1'));
    cycle.syncDirectory(directory);
    this.#written = this.#content;
  }

  durable(): void {
    if (this.#written === this.#content) this.#content = null;
    this.#written = null;
  }

  failed(error: Error): void {
    this.#written = null;
    this.#options.failed(error);
  }

  /** The files are about to go. */
  forget(): void {
    this.#content = null;
    this.#options.commit.forget(this);
  }
}

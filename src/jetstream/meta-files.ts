/**
 * The configuration of a stream or a consumer on disk: `meta.inf` with its sum beside it. Each of them is replaced as a whole, so a crash
 * between the two leaves a sum that does not match; then the configuration is believed if it can be read, and the sum is written anew.
 */
import { type Disk, readIfThere } from '../runtime/disk.js';
import type { HighwayHash } from '../runtime/highway-hash.js';
import type { DirectoryKey } from './directory-key.js';
import type { DirectoryNames } from './directory-names.js';
import type { CommitCycle, CommitMember, Foundation, GroupCommit } from './store/group-commit.js';
import { META_FILE, META_SUM_FILE } from './store/layout.js';
import { metaSum } from './store/meta-file.js';

export interface MetaFilesOptions {
  disk: Disk;
  commit: GroupCommit;
  hash: HighwayHash;
  /** The folder; it is there when the files are written. */
  directory: string;
  /** Folders above it that may be new; their names are made durable with the first write. */
  parents: readonly string[];
  /** The folder was made just now, those above it were not, and nothing will be in it but what commits write. */
  made: boolean;
  /** Of the folder above it, where its own name is; null where nobody asks. */
  names: DirectoryNames | null;
  /** See `streamMetaName` and `consumerMetaName`. */
  name: string;
  key: DirectoryKey;
  /** What has to be on the device before these files may be; null for nothing. */
  foundation: Foundation | null;
  failed(error: Error): void;
}

export interface ReadMeta {
  json: Buffer;
  /** Whether the sum is there and right, and the file sealed as files are today. */
  current: boolean;
  /** What is wrong with the sum, in the official words; null if nothing is. */
  sumProblem: string | null;
}

export class MetaFiles implements CommitMember {
  readonly #options: MetaFilesOptions;
  /** What has to be written; null when that has been handed over. */
  #content: Buffer | null = null;
  #parentsSynced: boolean;
  #made: boolean;
  /** Of the names in the folder above, when the cycle that syncs them began; null when none does. */
  #mark: number | null = null;
  /** What was found at the start, until it is known to be on the device: the last server may have been killed before. */
  #found: Buffer | null = null;
  /** Of what was to be written last, and of what was handed over last. */
  lastSave: { failure: Error | null } = { failure: null };
  #underWay = this.lastSave;

  constructor(options: MetaFilesOptions) {
    this.#options = options;
    this.#parentsSynced = options.parents.length === 0;
    this.#made = options.made;
  }

  /** Throws what the disk throws, and `CorruptError` for what cannot be opened. */
  read(): ReadMeta {
    const { disk, directory, hash, name, key } = this.#options;
    const path = `${directory}/${META_FILE}`;
    const file = disk.readFile(path);
    const sumPath = `${directory}/${META_SUM_FILE}`;
    const sum = readIfThere(disk, sumPath)?.toString('latin1') ?? null;
    const wanted = metaSum(hash, name, file);
    const { content, current } = key.read(file, (plain) => plain[0] === 0x7b);
    let sumProblem: string | null = null;
    if (sum === null) sumProblem = `checksum file is missing`;
    else if (sum !== wanted)
      sumProblem = `checksums do not match ${JSON.stringify(sum)} vs ${JSON.stringify(wanted)}`;
    this.#found = content;
    return { json: content, current: current && sumProblem === null, sumProblem };
  }

  /** Durable with the next group commit; `lastSave` tells when it is not. */
  write(json: string | Buffer): void {
    if (this.#content === null) this.lastSave = { failure: null };
    this.#content = typeof json === 'string' ? Buffer.from(json, 'utf8') : json;
    if (this.#found !== null) this.#found = this.#content;
    this.#options.commit.dirty(this);
  }

  /**
   * Puts what was found into a cycle, once: what is promised in it must not hang on names and files that a power cut takes away.
   * `confirmed` is called when the cycle was.
   */
  confirm(cycle: CommitCycle): void {
    // With an interval nothing is promised before it is over, and nothing is put in order that a cut could catch halfway.
    if (!this.#options.commit.always) return;
    if (this.#found !== null) this.#writeTo(cycle, this.#found);
    else this.#nameIn(cycle);
  }

  #nameIn(cycle: CommitCycle): void {
    const { directory, parents, foundation } = this.#options;
    if (this.#parentsSynced) return;
    foundation?.confirm(cycle);
    if (this.#made) {
      cycle.made(directory);
      return;
    }
    if (this.#options.names !== null) cycle.unnamed(directory);
    for (const each of [directory, ...parents]) cycle.syncDirectory(each);
    this.#mark = this.#options.names?.mark() ?? null;
  }

  /** The folder had another name meanwhile, which may be the one on the device: what is promised next makes its name durable. */
  renamed(): void {
    this.#parentsSynced = this.#options.parents.length === 0;
    this.#made = false;
  }

  confirmed(): void {
    this.#found = null;
    this.#parentsSynced = true;
    if (this.#mark !== null) this.#options.names?.synced(this.#mark);
    this.#mark = null;
    this.#options.foundation?.confirmed();
  }

  flush(cycle: CommitCycle): unknown {
    const content = this.#content;
    if (content === null) return null;
    this.#content = null;
    this.#underWay = this.lastSave;
    this.#writeTo(cycle, content);
    return this.#underWay;
  }

  #writeTo(cycle: CommitCycle, content: Buffer): void {
    const { directory, hash, name, key } = this.#options;
    this.#nameIn(cycle);
    const file = key.seal(content);
    cycle.replace(`${directory}/${META_FILE}`, file);
    cycle.replace(`${directory}/${META_SUM_FILE}`, Buffer.from(metaSum(hash, name, file), 'latin1'));
  }

  durable(flushed: unknown): void {
    this.confirmed();
    if (this.#underWay === flushed) this.#underWay = { failure: null };
  }

  /** It is left at that: who asked for the change is told, and says what is to be there instead. */
  failed(error: Error): void {
    this.#underWay.failure = error;
    if (this.#content !== null) {
      // A commit that could not begin has not asked for it, and does not come back to it.
      this.#content = null;
      this.lastSave.failure = error;
    }
    this.#options.failed(error);
  }

  /** The files are about to go. */
  forget(): void {
    this.#content = null;
    this.#options.commit.forget(this);
  }
}

/** Removing the files of blocks that are out of use, in an order that a power cut cannot turn against the rest. */
import type { Disk } from '../../runtime/disk.js';
import type { BatchFile } from './file-store-batch.js';
import type { FileBlock } from './file-store-block.js';
import type { GroupCommit } from './group-commit.js';
import { blockFile, blockKeyFile } from './layout.js';

export class BlockRemover {
  readonly #disk: Disk;
  readonly #commit: GroupCommit;
  /** Of the messages. */
  readonly #directory: string;
  readonly #batch: BatchFile;
  /** Files were removed since the directory was synced. */
  #unsynced = false;
  /** A power cut may bring back a file whose place another has taken: what is written to that one would be lost. */
  #doubtful = false;
  /** Blocks whose files could not be removed. */
  #leftover: FileBlock[] = [];
  /** Blocks that a failed commit left behind. */
  #refused: FileBlock[] = [];
  /** Blocks that were cut back to what is durable, of which the journal may say more. */
  readonly #cut = new Set<FileBlock>();

  constructor(disk: Disk, commit: GroupCommit, directory: string, batch: BatchFile) {
    this.#disk = disk;
    this.#commit = commit;
    this.#directory = directory;
    this.#batch = batch;
  }

  /** In the order in which they went out of use. What cannot be removed now is tried again. */
  remove(blocks: readonly FileBlock[]): void {
    const list = [...this.#leftover, ...blocks];
    try {
      this.#batch.settle();
    } catch {
      this.#leftover = list;
      return;
    }
    for (const block of list) block.close();
    this.#leftover = [];
    for (let i = 0; i < list.length; i++) {
      try {
        this.#removeFile(list[i]!);
        this.#removeKey(list[i]!);
      } catch {
        this.#leftover = list.slice(i);
        return;
      }
    }
  }

  /** Whether a file that could not be removed may hold a sequence. */
  holds(sequence: number): boolean {
    return this.#leftover.some((block) => sequence <= block.last);
  }

  /** The block was taken back: it is removed now, and `removeRefused` sees to it that it does not come back. */
  refuse(block: FileBlock): void {
    block.close();
    this.#batch.without(block);
    this.#refused.push(block);
    try {
      this.#removeFile(block);
    } catch {
      // It is tried again before anything else is written.
    }
  }

  /** The end of the block was taken back: `removeRefused` is to see that it does not come back. */
  cut(block: FileBlock): void {
    this.#cut.add(block);
  }

  /** Whether the blocks that were taken back are gone for good. */
  syncRefused(): boolean {
    if (this.#refused.length === 0) return true;
    try {
      for (const block of this.#refused) this.#removeFile(block);
      this.#disk.syncDirectoryNow(this.#directory);
      return true;
    } catch {
      return false;
    }
  }

  /** What was taken back must be gone for good before other messages are written with the same sequences. */
  removeRefused(): void {
    for (const block of this.#cut) {
      this.#commit.forgetFile(`${this.#directory}/${blockFile(block.number)}`);
      this.#cut.delete(block);
    }
    if (this.#refused.length === 0) return;
    for (const block of this.#refused) this.#removeFile(block);
    this.#disk.syncDirectoryNow(this.#directory);
    // It brings blocks back, which need their keys then.
    this.#batch.settle();
    for (const block of this.#refused) this.#removeKey(block);
    this.#refused = [];
  }

  /** What was removed does not come back: needed before tombstones go. */
  sync(): void {
    this.#batch.settle();
    this.#syncNames();
  }

  /** A file took the place of another, and comes back as little as one that was removed. */
  renamed(): void {
    this.#unsynced = this.#doubtful = true;
    this.#syncNames();
  }

  /** The same, but the sync of the directory has failed. */
  renamedInDoubt(): void {
    this.#unsynced = this.#doubtful = true;
  }

  /** Before anything is written to a file it has to have its name for good. */
  settleNames(): void {
    if (this.#doubtful) this.#syncNames();
  }

  #syncNames(): void {
    if (!this.#unsynced) return;
    this.#disk.syncDirectoryNow(this.#directory);
    this.#unsynced = this.#doubtful = false;
  }

  /** The directory is another one now. */
  reset(): void {
    this.#batch.forget();
    this.#leftover = [];
    this.#refused = [];
    this.#cut.clear();
    this.#unsynced = this.#doubtful = false;
  }

  #removeFile(block: FileBlock): void {
    if (!block.created) return;
    const path = `${this.#directory}/${blockFile(block.number)}`;
    // What its tombstones bury must not come back after it.
    if (block.tombstones > 0) this.#syncNames();
    this.#commit.forgetFile(path);
    this.#disk.remove(path);
    this.#unsynced = true;
  }

  #removeKey(block: FileBlock): void {
    if (block.cipher === null || !block.created) return;
    // A block without its key would look like a damaged one.
    this.#disk.syncDirectoryNow(this.#directory);
    this.#disk.remove(`${this.#directory}/${blockKeyFile(block.number)}`);
  }
}

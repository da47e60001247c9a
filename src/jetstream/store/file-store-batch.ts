/**
 * Atomic batches that lie in several blocks, or in more bytes than a device writes in one go: the power may leave any part of those. What such a
 * flush writes is on the device in one file before the first block is touched, `weft.batch` beside the blocks, an entry as the
 * journal has them. A start that finds it does all of it again, so the batch is there as a whole; without it there is nothing of the
 * batch. It goes when the blocks are on the device, and before anything else is written to them.
 *
 * All other batches are one write to one block. Of that the power leaves the front, which a start recognises (`Publishing.recover`) where
 * it is the end of what is there and nothing before it is missing. So what was written before is on the device first, and a batch
 * before anything behind it, also where a process before this one has written it.
 *
 * With an interval between syncs none of this is done: writes have their order, of which a mere end of the process leaves the front, too.
 */
import type { Disk, DiskFile } from '../../runtime/disk.js';
import type { HashKey, HighwayHash } from '../../runtime/highway-hash.js';
import { TOO_LARGE } from './commit-cycle.js';
import type { FileBlock } from './file-store-block.js';
import type { CommitCycle } from './group-commit.js';
import { EntryBuilder, type Operation, readEntry } from './journal-entry.js';
import { INDEX_FILE } from './layout.js';
import { replaceFile } from './replace-file.js';

export const BATCH_FILE = 'weft.batch';

interface Write {
  file: DiskFile;
  bytes: Uint8Array;
  offset: number;
  length: number;
  position: number;
}

/** A cycle that keeps the writes of a flush back until all of them are known. */
class GatheringCycle implements CommitCycle {
  readonly writes: Write[] = [];
  /** Changed otherwise, which comes before the writes. */
  readonly changed = new Set<DiskFile>();
  readonly #cycle: CommitCycle;

  constructor(cycle: CommitCycle) {
    this.#cycle = cycle;
  }

  open(path: string): DiskFile {
    return this.#cycle.open(path);
  }

  write(file: DiskFile, bytes: Uint8Array, offset: number, length: number, position: number): void {
    if (length > 0) {
      this.writes.push({ file, bytes, offset, length, position });
      return;
    }
    this.changed.add(file);
    this.#cycle.write(file, bytes, 0, 0, 0);
  }

  replace(path: string, bytes: Uint8Array): void {
    this.#cycle.replace(path, bytes);
  }

  syncDirectory(path: string): void {
    this.#cycle.syncDirectory(path);
  }

  made(path: string): void {
    this.#cycle.made(path);
  }

  unnamed(path: string): void {
    this.#cycle.unnamed(path);
  }
}

/** The last flush with a batch, until it is durable. */
interface Flush {
  blocks: FileBlock[];
  position: number;
  /** Whether there may be a file. */
  kept: boolean;
}

export interface BatchFileOptions {
  disk: Disk;
  hash: HighwayHash;
  key: HashKey;
  /** Of the messages. */
  directory: string;
}

export class BatchFile {
  readonly #options: BatchFileOptions;
  readonly #path: string;
  #flush: Flush | null = null;

  constructor(options: BatchFileOptions) {
    this.#options = options;
    this.#path = `${options.directory}/${BATCH_FILE}`;
  }

  /**
   * Flushes blocks with a batch in them. `position`: of the store; `ahead`: the flush before may not be durable yet. Throws what the
   * disk throws.
   */
  flush(
    cycle: CommitCycle,
    blocks: Iterable<FileBlock>,
    position: number,
    ahead: boolean,
    flushBlock: (block: FileBlock, cycle: CommitCycle) => void,
  ): void {
    const gathering = new GatheringCycle(cycle);
    const flush: Flush = { blocks: [...blocks], position, kept: false };
    for (const block of flush.blocks) flushBlock(block, gathering);
    const { writes, changed } = gathering;
    this.#flush = flush;
    // Of what the journal does not have any part may be left, and of several writes any of them.
    const keep = writes.length > 1 || (writes[0]?.length ?? 0) >= TOO_LARGE;
    // What a start finds then is as `isOurs` has it, and no hole before the batch, which would count as damage.
    if (ahead) for (const { file, position } of writes) if (position > 0) changed.add(file);
    if (ahead || keep) for (const file of changed) file.syncNow();
    if (keep) {
      flush.kept = true;
      this.#keep(writes);
    }
    for (const write of writes)
      cycle.write(write.file, write.bytes, write.offset, write.length, write.position);
  }

  /** Blocks may end with a batch of a process before this one that is not on the device. */
  found(blocks: FileBlock[], position: number): void {
    this.#flush = { blocks, position, kept: false };
  }

  #keep(writes: readonly Write[]): void {
    const { disk, hash, key, directory } = this.#options;
    const entry = new EntryBuilder(hash, directory);
    entry.key = key;
    for (const { file, bytes, offset, length, position } of writes)
      entry.write(file.path, bytes, offset, length, position, false);
    replaceFile(disk, this.#path, entry.seal(1, 0));
    disk.syncDirectoryNow(directory);
  }

  /**
   * Before anything else is done to files: all of the last batch is on the device, or nothing. Blocks of a flush that has failed have
   * to be cut back by now, or to be gone. Throws what the disk throws.
   */
  settle(): void {
    const flush = this.#flush;
    if (flush === null) return;
    for (const block of flush.blocks) block.syncNow();
    this.#drop(flush);
  }

  /** All up to a position is durable. */
  durable(position: number): void {
    if (this.#flush === null || this.#flush.position > position) return;
    try {
      this.#drop(this.#flush);
    } catch {
      // Before the next change.
    }
  }

  #drop(flush: Flush): void {
    const { disk, directory } = this.#options;
    if (flush.kept) {
      // What did not fit takes up the space that is left.
      disk.remove(`${this.#path}.tmp`);
      disk.remove(this.#path);
      disk.syncDirectoryNow(directory);
    }
    this.#flush = null;
  }

  /** The file of a block is about to go, because its commit has failed. */
  without(block: FileBlock): void {
    const flush = this.#flush;
    if (flush !== null) flush.blocks = flush.blocks.filter((each) => each !== block);
  }

  /** The directory is another one now. */
  forget(): void {
    this.#flush = null;
  }
}

/** Finishes the batch that was being written when the server ended. Throws what the disk throws: it is tried again then. */
export function recoverBatch({ disk, hash, key, directory }: BatchFileOptions): void {
  const path = `${directory}/${BATCH_FILE}`;
  const entry = readEntry(hash, key, disk.readFile(path), 0);
  const files = new Map<string, DiskFile>();
  if (entry?.operations.every((operation) => isOurs(disk, directory, operation))) {
    try {
      for (const { path: name, bytes, position } of entry.operations) {
        const file = files.get(name) ?? disk.open(`${directory}/${name}`, 'create');
        files.set(name, file);
        file.write(bytes, 0, bytes.length, position);
      }
      for (const file of files.values()) file.syncNow();
    } finally {
      for (const file of files.values()) file.close();
    }
    disk.syncDirectoryNow(directory);
  }
  disk.remove(path);
  disk.syncDirectoryNow(directory);
}

/**
 * Whether a file is as this server has left it: nothing is where the bytes belong, or some of them. Another server may have been there
 * in between; it does not know of this, and what it has stored since counts. Only a stop writes an index.
 */
function isOurs(disk: Disk, directory: string, { path: name, bytes, position }: Operation): boolean {
  const path = `${directory}/${name}`;
  const size = disk.status(path)?.size ?? 0;
  if (size < position || disk.status(`${directory}/${INDEX_FILE}`) !== undefined) return false;
  if (size === position) return true;
  const there = disk.readFile(path).subarray(position, position + bytes.length);
  return there.every((byte, i) => byte === 0 || byte === bytes[i]);
}

/**
 * Taking away all messages at once: a directory with one new block takes the place of the one with the messages, in the official
 * way, which a start can finish. What comes before that is done under a name that means nothing to anybody, so that a
 * purge that was refused cannot be finished later.
 */
import type { Clock } from '../../runtime/clock.js';
import type { Disk } from '../../runtime/disk.js';
import type { Slices } from '../slices.js';
import type { FileBlock } from './file-store-block.js';
import type { GroupCommit } from './group-commit.js';
import { blockFile, blockKeyFile, MESSAGES_DIR, NEW_MESSAGES_DIR, PURGED_DIR } from './layout.js';
import { removeInSteps, TreeRemoval } from './tree-removal.js';

export const STAGING_DIR = '__purge__';

export interface DirectoryPurgeOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** Of the stream. */
  readonly directory: string;
  readonly commit: Pick<GroupCommit, 'replaceNow'>;
  /** Without them what was purged is removed in one turn. */
  readonly slices?: Pick<Slices, 'add'> | undefined;
}

export class DirectoryPurge {
  /** The new directory is not yet, or not yet durably, in its place. */
  #pending = false;
  readonly #options: DirectoryPurgeOptions;

  constructor(options: DirectoryPurgeOptions) {
    this.#options = options;
  }

  /**
   * Makes the directory with the block that a purge leaves, and its key where it has one; from then on only names have to change, which is
   * for `finish`. Throws what the disk throws; then it is as before.
   */
  stage(block: FileBlock, key: Buffer | undefined): void {
    const { disk, directory, commit } = this.#options;
    const staging = `${directory}/${STAGING_DIR}`;
    // What one before has left to be put in its place would go otherwise, and what that has taken away come back.
    this.finish();
    try {
      for (const name of [STAGING_DIR, NEW_MESSAGES_DIR, PURGED_DIR]) disk.removeTree(`${directory}/${name}`);
      disk.makeDirectory(staging);
      if (key !== undefined) commit.replaceNow(`${staging}/${blockKeyFile(block.number)}`, key);
      writeFirstBlock(disk, `${staging}/${blockFile(block.number)}`, block);
      disk.syncDirectoryNow(staging);
      disk.rename(staging, `${directory}/${NEW_MESSAGES_DIR}`);
    } catch (error) {
      try {
        disk.removeTree(staging);
      } catch {
        // The next start or purge removes it.
      }
      throw error;
    }
    this.#pending = true;
  }

  /** Puts what was staged in its place. Throws what the disk throws: then it is tried again, and a start finishes it, too. */
  finish(): void {
    if (!this.#pending) return;
    const { disk, directory } = this.#options;
    const messages = `${directory}/${MESSAGES_DIR}`;
    const fresh = `${directory}/${NEW_MESSAGES_DIR}`;
    const old = `${directory}/${PURGED_DIR}`;
    if (disk.status(fresh) !== undefined) {
      if (disk.status(messages) !== undefined) disk.rename(messages, old);
      disk.rename(fresh, messages);
    }
    disk.syncDirectoryNow(directory);
    this.#pending = false;
    this.#remove(old);
  }

  /** What cannot be removed is for the next purge or start. */
  #remove(path: string): void {
    const { disk, clock, slices } = this.#options;
    removeInSteps(new TreeRemoval(disk, clock, path, () => {}), slices);
  }
}

/** Writes the block that a purge leaves; it is durable afterwards. */
function writeFirstBlock(disk: Disk, path: string, block: FileBlock): void {
  const content = Buffer.from(block.content());
  block.cipher?.apply(content, 0, content.length, 0);
  const file = disk.open(path, 'create');
  try {
    file.write(content, 0, content.length, 0);
    file.syncNow();
  } finally {
    file.close();
  }
  block.wasWritten();
}

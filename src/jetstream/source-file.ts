/** `sources.db` of one stream: how far its sources were copied. It is written as a whole, in the cycle that syncs what was copied. */
import type { Disk } from '../runtime/disk.js';
import type { CommitCycle, CommitMember, GroupCommit } from './store/group-commit.js';
import { SOURCES_FILE } from './store/layout.js';
import { CorruptError } from './store/store-error.js';
import { decodeSources, encodeSources, type SourceEntry, type Stamped } from './store/timer-files.js';

export class SourceFile implements CommitMember {
  readonly #disk: Disk;
  readonly #commit: GroupCommit;
  readonly #path: string;
  readonly #tell: (error: Error) => void;
  /** What has to be written; null when the file has it. */
  #content: (() => Stamped<SourceEntry>) | null = null;

  constructor(disk: Disk, commit: GroupCommit, directory: string, tell: (error: Error) => void) {
    this.#disk = disk;
    this.#commit = commit;
    this.#path = `${directory}/${SOURCES_FILE}`;
    this.#tell = tell;
  }

  /** Null where there is none that can be read: the messages tell the same, only more slowly. */
  read(): Stamped<SourceEntry> | null {
    try {
      if (this.#disk.status(this.#path) === undefined) return null;
      return decodeSources(this.#disk.readFile(this.#path));
    } catch (error) {
      this.#tell(error as Error);
      if (error instanceof CorruptError) return null;
      throw error;
    }
  }

  save(content: () => Stamped<SourceEntry>): void {
    this.#content = content;
    this.#commit.dirty(this);
  }

  flush(cycle: CommitCycle): void {
    if (this.#content === null) return;
    cycle.replace(this.#path, encodeSources(this.#content()));
    this.#content = null;
  }

  durable(): void {
    // Nobody waits for it.
  }

  failed(error: Error): void {
    this.#tell(error);
  }

  /** The file is about to go. */
  forget(): void {
    this.#content = null;
    this.#commit.forget(this);
  }
}

/**
 * What the stores of a server share: how much memory they may use, and whose blocks were used last.
 *
 * Contents and indexes of blocks are caches: they are made again from the file when they are needed. Those that were
 * used longest ago go first. The index of subjects is no cache; it has a limit, above which no new subjects are taken.
 */

/** Something that can be dropped and made again. */
export interface Evictable {
  /** Gives up what `StoreMemory.hold` counted for it. */
  evict(): void;
}

export interface StoreMemoryOptions {
  /** Bytes of cached contents of blocks. */
  contentsLimit?: number;
  /** Bytes of cached indexes of blocks. */
  indexesLimit?: number;
  /** Bytes for the subjects of all streams. */
  subjectsLimit?: number;
  /** Files of blocks that are kept open. */
  filesLimit?: number;
}

const MIB = 1024 * 1024;

/** One least-recently-used list with a limit in bytes. Re-inserting into the map moves an entry to its end. */
export class CacheTier {
  used = 0;
  evictions = 0;
  readonly limit: number;
  readonly #held = new Map<Evictable, number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Counts `bytes` for an entry that is used now; drops others when that is too much. */
  hold(entry: Evictable, bytes: number): void {
    const before = this.#held.get(entry);
    if (before !== undefined) {
      this.#held.delete(entry);
      this.used -= before;
    }
    this.#held.set(entry, bytes);
    this.used += bytes;
    if (this.used > this.limit) this.#makeRoom(entry);
  }

  release(entry: Evictable): void {
    const bytes = this.#held.get(entry);
    if (bytes === undefined) return;
    this.#held.delete(entry);
    this.used -= bytes;
  }

  #makeRoom(keep: Evictable): void {
    for (const [entry, bytes] of this.#held) {
      if (this.used <= this.limit) return;
      if (entry === keep) continue;
      this.#held.delete(entry);
      this.used -= bytes;
      this.evictions++;
      entry.evict();
    }
  }
}

export class StoreMemory {
  readonly contents: CacheTier;
  readonly indexes: CacheTier;
  /** Counts files, not bytes. */
  readonly files: CacheTier;
  readonly subjectsLimit: number;
  /** Bytes that the subject indexes of all streams take. */
  subjectsUsed = 0;

  constructor(options: StoreMemoryOptions = {}) {
    this.contents = new CacheTier(options.contentsLimit ?? 256 * MIB);
    this.indexes = new CacheTier(options.indexesLimit ?? 128 * MIB);
    this.files = new CacheTier(options.filesLimit ?? 512);
    this.subjectsLimit = options.subjectsLimit ?? 1024 * MIB;
  }
}

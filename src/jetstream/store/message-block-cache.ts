/**
 * What the stores of a server share: how much memory they may use, and whose blocks were used last.
 *
 * Contents and indexes of blocks are caches: they are made again from the file when they are needed. Those that were
 * used longest ago go first; contents also go when nobody has used them for some seconds, which a timer finds out by asking
 * them, so that using them takes no look at the clock. The index of subjects is no cache; it has a limit, above which no new subjects are
 * taken.
 */
import type { Clock, Timer } from '../../runtime/clock.js';

/** Something that can be dropped and made again. */
export interface Evictable {
  /** Gives up what `StoreMemory.hold` counted for it. */
  evict(): void;
  /** Whether it was not used since this was asked last. */
  isIdle?(): boolean;
}

export interface StoreMemoryOptions {
  /** Without it contents stay until there is no room. */
  clock?: Clock;
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
/** Milliseconds after which contents go that nobody has used; at most twice as long. */
const IDLE_TIME = 2500;
/** Buffers below this size are not worth keeping. */
const LEAST_SPARE = 256 * 1024;
/** Bytes of buffers that are kept to be used again. */
const SPARES_LIMIT = 32 * MIB;

/** One least-recently-used list with a limit in bytes. Re-inserting into the map moves an entry to its end. */
export class CacheTier {
  used = 0;
  evictions = 0;
  readonly limit: number;
  readonly #held = new Map<Evictable, number>();
  readonly #first: (() => void) | undefined;

  /** `first` is called when something is held where nothing was. */
  constructor(limit: number, first?: () => void) {
    this.limit = limit;
    this.#first = first;
  }

  /** Counts `bytes` for an entry that is used now; drops others when that is too much. */
  hold(entry: Evictable, bytes: number): void {
    const before = this.#held.get(entry);
    if (before !== undefined) {
      this.#held.delete(entry);
      this.used -= before;
    }
    if (this.#held.size === 0) this.#first?.();
    this.#held.set(entry, bytes);
    this.used += bytes;
    if (this.used > this.limit) this.#makeRoom(entry);
  }

  get empty(): boolean {
    return this.#held.size === 0;
  }

  /** Drops what was not used since the last call. */
  dropIdle(): void {
    for (const [entry, bytes] of this.#held) {
      if (!entry.isIdle?.()) continue;
      this.#held.delete(entry);
      this.used -= bytes;
      entry.evict();
    }
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

/**
 * Buffers of blocks that are full, for the next: memory that is new to the process costs a fault for each page, and V8 may take its time
 * to find that the old one is not used any more. Nobody may have kept what is given here.
 */
export class SpareBuffers {
  #buffers: Buffer[] = [];
  #bytes = 0;
  #used = false;

  /** At least so many bytes, with anything in them. */
  take(size: number): Buffer {
    if (size >= LEAST_SPARE) {
      const at = this.#buffers.findIndex(({ length }) => length >= size && length <= 2 * size);
      if (at >= 0) {
        const [found] = this.#buffers.splice(at, 1);
        this.#bytes -= found!.length;
        this.#used = true;
        return found!;
      }
    }
    return Buffer.allocUnsafeSlow(size);
  }

  give(buffer: Buffer): void {
    if (buffer.length < LEAST_SPARE || this.#bytes + buffer.length > SPARES_LIMIT) return;
    this.#buffers.push(buffer);
    this.#bytes += buffer.length;
  }

  get empty(): boolean {
    return this.#buffers.length === 0;
  }

  /** Gives them up if none was used since the last call. */
  dropIdle(): void {
    if (!this.#used) {
      this.#buffers = [];
      this.#bytes = 0;
    }
    this.#used = false;
  }
}

export class StoreMemory {
  readonly contents: CacheTier;
  readonly indexes: CacheTier;
  /** Counts files, not bytes. */
  readonly files: CacheTier;
  readonly spares = new SpareBuffers();
  /** Blocks that are being written anew. */
  renewals = 0;
  readonly subjectsLimit: number;
  /** Bytes that the subject indexes of all streams take. */
  subjectsUsed = 0;
  readonly #clock: Clock | undefined;
  #timer: Timer | null = null;

  constructor(options: StoreMemoryOptions = {}) {
    this.#clock = options.clock;
    this.contents = new CacheTier(options.contentsLimit ?? 256 * MIB, () => this.#arm());
    this.indexes = new CacheTier(options.indexesLimit ?? 128 * MIB);
    this.files = new CacheTier(options.filesLimit ?? 512);
    this.subjectsLimit = options.subjectsLimit ?? 1024 * MIB;
  }

  /** The timer runs while something is held. */
  #arm(): void {
    this.#timer ??=
      this.#clock?.after(IDLE_TIME, () => {
        this.#timer = null;
        this.contents.dropIdle();
        this.spares.dropIdle();
        if (!this.contents.empty || !this.spares.empty) this.#arm();
      }) ?? null;
  }
}

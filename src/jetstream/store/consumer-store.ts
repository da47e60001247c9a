/**
 * Where a consumer keeps how far it is: `o.dat` in its directory, replaced as a whole, or nothing for consumers in memory.
 *
 * Two kinds of changes: most are written a little later, many together (a crash costs redeliveries); those that were
 * confirmed to a client are written with the next group commit.
 */
import type { Clock, Timer } from '../../runtime/clock.js';
import { type Disk, readIfThere } from '../../runtime/disk.js';
import { type ConsumerFileState, decodeConsumerState, encodeConsumerState } from './consumer-state-file.js';
import type { FileSealer } from './encryption.js';
import { hasSum } from './file-sum.js';
import type { CommitCycle, CommitMember, Foundation, GroupCommit } from './group-commit.js';
import { CONSUMER_STATE_FILE } from './layout.js';
import { StoreError } from './message-store.js';
import { CorruptError } from './store-error.js';

/** How far a consumer is; delivery times are milliseconds since 1970, of which the disk keeps whole seconds. */
export type ConsumerPosition = ConsumerFileState;

export interface ConsumerStoreListener {
  /** All changes up to `position` survive a power cut. */
  durable(position: number): void;
  /** The disk refused; the changes are kept and tried again with the next one. */
  failed(error: Error): void;
}

export interface ConsumerStore {
  readonly position: number;
  readonly durablePosition: number;
  /** Whether what was loaded is certainly what was stored; the official server's files have no sum that would show it. */
  readonly proven: boolean;
  listener: ConsumerStoreListener | null;
  /** What was stored; null for a new consumer. Throws `StoreError` for a file that makes no sense, which is left there. */
  load(): ConsumerPosition | null;
  /**
   * The position has changed; it is read from the source when it is written. `confirm`: with the next group commit,
   * otherwise within `LAZY_WRITE` milliseconds. Returns what `durablePosition` has to reach.
   */
  changed(confirm: boolean): number;
  /** Writes what is left and syncs it. */
  stop(done: (error: Error | null) => void): void;
  /** Removes the file. */
  destroy(): void;
}

/** At most this long a change that nobody waits for stays in memory, as officially. Milliseconds. */
export const LAZY_WRITE = 100;

/** Asked for the current position when it is written. */
export type PositionSource = () => ConsumerPosition;

/** A consumer in memory: nothing to write, nothing to wait for. */
export class MemoryConsumerStore implements ConsumerStore {
  position = 0;
  durablePosition = 0;
  readonly proven = true;
  listener: ConsumerStoreListener | null = null;

  load(): ConsumerPosition | null {
    return null;
  }

  changed(): number {
    return (this.durablePosition = ++this.position);
  }

  stop(done: (error: Error | null) => void): void {
    done(null);
  }

  destroy(): void {}
}

export interface FileConsumerStoreOptions {
  disk: Disk;
  clock: Clock;
  commit: GroupCommit;
  /** Of the consumer; it must be there. */
  directory: string;
  /** With the key of the consumer's `meta.key`; null for a store that is not encrypted. */
  sealer: FileSealer | null;
  source: PositionSource;
  /** See `FileStoreOptions.foundation`. */
  foundation?: Foundation;
}

/** A consumer whose position is in `o.dat`. */
export class FileConsumerStore implements ConsumerStore, CommitMember {
  position = 0;
  durablePosition = 0;
  proven = true;
  listener: ConsumerStoreListener | null = null;
  readonly #options: FileConsumerStoreOptions;
  readonly #path: string;
  #timer: Timer | null = null;
  #closed = false;

  constructor(options: FileConsumerStoreOptions) {
    this.#options = options;
    this.#path = `${options.directory}/${CONSUMER_STATE_FILE}`;
  }

  load(): ConsumerPosition | null {
    const { disk, sealer } = this.#options;
    const file = readIfThere(disk, this.#path);
    // As officially, an empty file is that of a consumer that has not begun.
    if (file === null || file.length === 0) return null;
    try {
      const content = sealer === null ? file : sealer.open(file);
      const position = decodeConsumerState(content);
      this.proven = hasSum(content);
      return position;
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      const text = sealer === null ? 'corrupt state file' : error.message;
      throw new StoreError('disk', `error creating store for consumer: ${text}`, error);
    }
  }

  changed(confirm: boolean): number {
    this.position++;
    if (confirm) {
      this.#options.commit.awaited();
      this.#options.commit.dirty(this);
    } else if (this.#timer === null && !this.#closed) {
      this.#timer = this.#options.clock.after(LAZY_WRITE, () => {
        this.#timer = null;
        this.#options.commit.dirty(this);
      });
    }
    return this.position;
  }

  flush(cycle: CommitCycle): number {
    if (this.#closed || this.position === this.durablePosition) return this.durablePosition;
    this.#timer?.cancel();
    this.#timer = null;
    const { clock, sealer, source } = this.#options;
    const state = encodeConsumerState(source(), clock.now());
    this.#options.foundation?.confirm(cycle);
    cycle.replace(this.#path, sealer === null ? state : sealer.seal(state));
    return this.position;
  }

  durable(flushed: unknown): void {
    if ((flushed as number) <= this.durablePosition) return;
    this.#options.foundation?.confirmed();
    this.durablePosition = flushed as number;
    this.listener?.durable(this.durablePosition);
  }

  failed(error: Error): void {
    this.listener?.failed(error);
    // What nobody waits for is tried again with a pause.
    this.changed(false);
  }

  stop(done: (error: Error | null) => void): void {
    const { commit } = this.#options;
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#closed || this.position === this.durablePosition) {
      this.#end();
      done(null);
      return;
    }
    commit.dirty(this);
    commit.after(() => {
      const written = this.durablePosition === this.position;
      this.#end();
      done(written ? null : new Error(`${this.#path}: could not be written`));
    });
  }

  destroy(): void {
    this.#end();
    const { commit, disk } = this.#options;
    commit.forgetFile(this.#path);
    disk.remove(this.#path);
  }

  #end(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#options.commit.forget(this);
  }
}

/** What a store does for its files when there is time, one block after the other: those that are mostly dead are written anew, closed ones compressed. */
import type { Timer } from '../../runtime/clock.js';
import type { FileBlock } from './file-store-block.js';
import type { FileStoreOptions } from './file-store-options.js';
import { BlockRenewal } from './file-store-renewal.js';
import type { LiveCopy } from './file-store-rewrite.js';

/** Milliseconds between two steps. */
const TIDY_PAUSE = 50;
/** The same where the disk has refused. */
const RETRY_PAUSE = 1000;
/** Milliseconds that a block has been mostly dead for: one that dies as quickly as keys are put is gone before, and needs no copy. */
const COMPACT_AFTER = 1000;
/** As many blocks are written anew at a time for all stores together, as each holds its content and a copy of it. */
const MOST_RENEWALS = 4;

/** `settled`: it is closed, and the device has all of it. `last`: others come behind it. `never`: it is not in use. */
export type BlockState = 'settled' | 'later' | 'last' | 'never';

/** How a block gets another file. */
export interface Rewriter {
  /** Where a block is written; a start removes what is left there. */
  besideOf(block: FileBlock): string;
  stateOf(block: FileBlock): BlockState;
  /** Begins to leave out of a settled block what is dead; null where it is done with. */
  copyOf(block: FileBlock): LiveCopy | null;
  /** The same for the last block, at once; false where something of it is on its way to the disk. */
  rewriteLast(block: FileBlock): boolean;
  /** Puts the file of what was written in the place of the block's; throws while the old one is there. */
  exchange(renewal: BlockRenewal): void;
}

export interface TidiedStore {
  readonly rewriter: Rewriter;
  position(): number;
  durablePosition(): number;
  /** A block has another file; more of it may be dead by now. */
  renewed(block: FileBlock): void;
  /** A step was made. */
  tidied(): unknown;
}

export class Tidier {
  readonly #options: FileStoreOptions;
  readonly #store: TidiedStore;
  readonly #rewriter: Rewriter;
  /** With the monotonic time from which on, the earliest first. */
  readonly #toCompact = new Map<FileBlock, number>();
  readonly #toCompress = new Set<FileBlock>();
  #renewal: BlockRenewal | null = null;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: FileStoreOptions, store: TidiedStore) {
    this.#options = options;
    this.#store = store;
    this.#rewriter = store.rewriter;
  }

  /** Much of the block is dead, or some of it damaged. */
  compact(block: FileBlock): void {
    if (!this.#toCompact.has(block))
      this.#toCompact.set(block, this.#options.clock.monotonic() + COMPACT_AFTER);
  }

  /** The block was closed. */
  compress(block: FileBlock): void {
    this.#toCompress.add(block);
  }

  /** A block is out of use, or was written anew. */
  delete(block: FileBlock): void {
    this.#toCompact.delete(block);
    this.#toCompress.delete(block);
    if (this.#renewal?.block === block) this.abandon();
  }

  clear(): void {
    this.#toCompact.clear();
    this.#toCompress.clear();
    this.abandon();
  }

  /** Begins anew with what is under way: the disk has refused, so what was dead may be alive again. */
  abandon(): void {
    if (this.#renewal === null) return;
    this.#renewal.abandon();
    this.#renewal = null;
    this.#options.memory.renewals--;
  }

  stop(): void {
    this.#stopped = true;
    this.clear();
    this.#timer?.cancel();
  }

  get #busy(): boolean {
    return this.#toCompact.size > 0 || this.#toCompress.size > 0;
  }

  arm(pause = TIDY_PAUSE): void {
    if (this.#timer !== null || !this.#busy) return;
    this.#timer = this.#options.clock.after(pause, () => {
      this.#timer = null;
      this.step();
    });
  }

  /** Begins with the next block, or ends with one; `atOnce` a block whose time has not come, too. */
  step(atOnce = false): void {
    if (this.#stopped) return;
    let pause = TIDY_PAUSE;
    try {
      if (this.#renewal !== null && !this.#renewal.isCurrent) this.abandon();
      if (this.#renewal === null && this.#options.memory.renewals < MOST_RENEWALS)
        this.#renewal = this.#nextCompaction(atOnce) ?? this.#nextCompression();
      if (this.#renewal?.over) this.#end(this.#renewal);
      this.#store.tidied();
    } catch {
      // It stays as it is, which is good enough until the disk takes it.
      this.abandon();
      pause = RETRY_PAUSE;
    }
    this.arm(pause);
  }

  #nextCompaction(atOnce: boolean): BlockRenewal | null {
    const now = this.#options.clock.monotonic();
    for (const [block, from] of this.#toCompact) {
      if (from > now && !atOnce) break;
      const state = this.#rewriter.stateOf(block);
      // Others may be further.
      if (state === 'later') continue;
      if (state === 'last' && !this.#rewriter.rewriteLast(block)) continue;
      const copy = state === 'settled' ? this.#rewriter.copyOf(block) : null;
      if (copy !== null)
        return this.#begin(block, copy, block.compressed || (this.#options.compress ?? false));
      this.#toCompact.delete(block);
    }
    return null;
  }

  #nextCompression(): BlockRenewal | null {
    for (const block of this.#toCompress) {
      // It will be compressed with what is left of it.
      if (this.#toCompact.has(block)) continue;
      const state = this.#rewriter.stateOf(block);
      if (state === 'later') continue;
      if (state === 'settled' && !block.compressed && block.messages > 0)
        return this.#begin(block, null, true);
      this.#toCompress.delete(block);
    }
    return null;
  }

  #begin(block: FileBlock, copy: LiveCopy | null, compress: boolean): BlockRenewal {
    const { disk, slices } = this.#options;
    const path = this.#rewriter.besideOf(block);
    const position = this.#store.position();
    const ready = () => this.step();
    const renewal = new BlockRenewal({ disk, slices, block, path, copy, compress, position, ready });
    this.#options.memory.renewals++;
    return renewal;
  }

  #end(renewal: BlockRenewal): void {
    const { block, error, position } = renewal;
    if (error !== null) throw error;
    const state = this.#rewriter.stateOf(block);
    if (state === 'later' || position > this.#store.durablePosition()) return;
    if (state === 'settled') this.#rewriter.exchange(renewal);
    // It has its place, or is not needed.
    this.abandon();
    if (renewal.copy !== null) this.#toCompact.delete(block);
    this.#toCompress.delete(block);
    if (state === 'settled') this.#store.renewed(block);
  }
}

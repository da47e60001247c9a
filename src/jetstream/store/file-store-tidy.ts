/** What a store does for its files when there is time: blocks that are mostly dead are written anew, closed ones compressed. */
import type { Clock, Timer } from '../../runtime/clock.js';
import type { FileBlock } from './file-store-block.js';
import { BlockCompressor, type CompressorHost } from './file-store-compress.js';

/** Milliseconds between two steps. */
const TIDY_PAUSE = 50;
/** The same where the disk has refused. */
const RETRY_PAUSE = 1000;

export interface TidyHost extends Omit<CompressorHost, 'ready'> {
  readonly clock: Clock;
  /** Nothing is on its way to the disk. */
  isQuiet(): boolean;
  /** Leaves out of a block what is dead. */
  compact(block: FileBlock): void;
  /** A step was made. */
  tidied(): unknown;
}

export class Tidier {
  readonly toCompact = new Set<FileBlock>();
  readonly compressor: BlockCompressor;
  readonly #host: TidyHost;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(host: TidyHost) {
    this.#host = host;
    this.compressor = new BlockCompressor({ ...host, ready: () => this.step() });
  }

  /** A block is out of use. */
  delete(block: FileBlock): void {
    this.toCompact.delete(block);
    this.compressor.delete(block);
  }

  clear(): void {
    this.toCompact.clear();
    this.compressor.clear();
  }

  stop(): void {
    this.#stopped = true;
    this.clear();
    this.#timer?.cancel();
  }

  arm(pause = TIDY_PAUSE): void {
    if (this.#timer !== null || (this.toCompact.size === 0 && !this.compressor.busy)) return;
    this.#timer = this.#host.clock.after(pause, () => {
      this.#timer = null;
      this.step();
    });
  }

  /** Compacts a block, if there is one and it is quiet; otherwise goes on with compressing. */
  step(): void {
    if (this.#stopped) return;
    let pause = TIDY_PAUSE;
    const { value: block } = this.toCompact.values().next();
    try {
      if (block !== undefined && this.#host.isQuiet()) {
        this.#host.compact(block);
        this.toCompact.delete(block);
      } else this.compressor.work();
      this.#host.tidied();
    } catch {
      // It stays as it is, which is good enough until the disk takes it.
      pause = RETRY_PAUSE;
    }
    this.arm(pause);
  }
}

/**
 * Compressing the closed blocks of a store: one after the other, a slice in a turn of the event loop, into a file beside the block's. That
 * takes its place when it is durable, and nothing has changed in the block meanwhile.
 */
import type { Disk, DiskFile } from '../../runtime/disk.js';
import type { Slices } from '../slices.js';
import { compressBlockInSlices } from './block-file.js';
import type { FileBlock } from './file-store-block.js';

export interface CompressorHost {
  readonly disk: Disk;
  /** Without them a block is compressed in one turn. */
  readonly slices?: Pick<Slices, 'add'> | undefined;
  /** Where a block is written; a start removes what is left there. */
  besideOf(block: FileBlock): string;
  /** `settled`: it is closed, and the device has all of it. `never`: it is not in use, or the last one. */
  stateOf(block: FileBlock): 'settled' | 'later' | 'never';
  /** Puts the file at `path` in the place of the block's; throws while the old one is there. */
  exchange(block: FileBlock, path: string): void;
  /** `work` has something to do. */
  ready(): void;
}

export class BlockCompressor {
  readonly #host: CompressorHost;
  readonly #blocks = new Set<FileBlock>();
  #job: CompressionJob | null = null;

  constructor(host: CompressorHost) {
    this.#host = host;
  }

  /** Whether there is something to do. */
  get busy(): boolean {
    return this.#blocks.size > 0 || this.#job !== null;
  }

  /** The block was closed. */
  add(block: FileBlock): void {
    this.#blocks.add(block);
  }

  /** The block is out of use, or compressed. */
  delete(block: FileBlock): void {
    this.#blocks.delete(block);
    if (this.#job?.block === block) this.#abandon();
  }

  clear(): void {
    this.#blocks.clear();
    this.#abandon();
  }

  /** Begins with the next block, or ends with one. Throws what the disk throws; then it begins anew. */
  work(): void {
    if (this.#job !== null && !this.#isWanted(this.#job)) this.#abandon();
    const { value: block } = this.#blocks.values().next();
    if (this.#job === null && block !== undefined) this.#begin(block);
    const job = this.#job;
    if (job === null || !job.over) return;
    try {
      if (job.error !== null) throw job.error;
      const state = this.#host.stateOf(job.block);
      if (state === 'later') return;
      if (state === 'settled') {
        this.#job = null;
        this.#host.exchange(job.block, job.path);
      }
      this.delete(job.block);
    } catch (error) {
      this.#abandon();
      throw error;
    }
  }

  #begin(block: FileBlock): void {
    const { disk, slices } = this.#host;
    const state = this.#host.stateOf(block);
    if (state === 'settled' && !block.compressed && block.messages > 0) {
      const job = new CompressionJob(disk, block, this.#host.besideOf(block), () => this.#host.ready());
      this.#job = job;
      if (slices === undefined) job.runNow();
      else slices.add(() => job.step());
      return;
    }
    this.#blocks.delete(block);
    // Others may be further.
    if (state === 'later') this.#blocks.add(block);
  }

  #isWanted({ block, version }: CompressionJob): boolean {
    return this.#blocks.has(block) && block.version === version;
  }

  #abandon(): void {
    this.#job?.abandon();
    this.#job = null;
  }
}

class CompressionJob {
  readonly block: FileBlock;
  /** Of the block's content. */
  readonly version: number;
  readonly path: string;
  /** The file is written and durable, or there was an error. */
  over = false;
  error: Error | null = null;
  readonly #disk: Disk;
  readonly #slices: Generator<Buffer, void, void>;
  readonly #ready: () => void;
  #file: DiskFile | null = null;
  #length = 0;
  #abandoned = false;

  constructor(disk: Disk, block: FileBlock, path: string, ready: () => void) {
    this.#disk = disk;
    this.block = block;
    this.version = block.version;
    this.path = path;
    this.#slices = compressBlockInSlices(block.content());
    this.#ready = ready;
  }

  /** Writes the next slice; true when there is none. */
  step(): boolean {
    if (this.#abandoned) return true;
    try {
      if (this.block.version === this.version && this.#writeSlice()) return false;
      this.#file!.sync((error) => {
        this.#end(error);
        if (!this.#abandoned) this.#ready();
      });
    } catch (error) {
      this.#end(error as Error);
    }
    return true;
  }

  runNow(): void {
    try {
      while (this.#writeSlice());
      this.#file!.syncNow();
      this.#end(null);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  /** False when there is none. */
  #writeSlice(): boolean {
    const { value: slice } = this.#slices.next();
    if (slice === undefined) return false;
    if (this.#file === null) {
      this.#file = this.#disk.open(this.path, 'create');
      this.#file.truncate(0);
    }
    this.block.cipher?.apply(slice, 0, slice.length, this.#length);
    this.#file.write(slice, 0, slice.length, this.#length);
    this.#length += slice.length;
    return true;
  }

  #end(error: Error | null): void {
    this.over = true;
    this.error = error;
    this.#file?.close();
    this.#file = null;
  }

  abandon(): void {
    this.#abandoned = true;
    this.#end(null);
    try {
      this.#disk.remove(this.path);
    } catch {
      // The next start removes it.
    }
  }
}

/**
 * A closed block on its way to another file: compressed, or with what is alive in it alone. It is written a slice in a turn of the event loop
 * beside the block's file, whose place it takes when it is durable, and nothing that matters has changed in the block meanwhile.
 */
import type { Disk, DiskFile } from '../../runtime/disk.js';
import type { Slices } from '../slices.js';
import { compressBlockInSlices } from './block-file.js';
import type { FileBlock } from './file-store-block.js';
import { type LiveCopy, rewriteInSlices } from './file-store-rewrite.js';

export interface RenewalOptions {
  readonly disk: Disk;
  /** Without them all is done in one turn. */
  readonly slices?: Pick<Slices, 'add'> | undefined;
  readonly block: FileBlock;
  /** Where it is written; a start removes what is left there. */
  readonly path: string;
  /** What is to be left of the block; null: all of it. */
  readonly copy: LiveCopy | null;
  readonly compress: boolean;
  /** What the store had done when this began; it may only take its place when all of that is durable. */
  readonly position: number;
  /** It is over. */
  ready(): void;
}

export class BlockRenewal {
  readonly block: FileBlock;
  readonly path: string;
  readonly copy: LiveCopy | null;
  readonly compress: boolean;
  readonly position: number;
  /** The file is written and durable, or there was an error. */
  over = false;
  error: Error | null = null;
  /** Of the block's content. */
  readonly #version: number;
  readonly #size: number;
  readonly #disk: Disk;
  readonly #slices: Generator<Buffer, void, void>;
  readonly #ready: () => void;
  #file: DiskFile | null = null;
  #length = 0;
  #abandoned = false;

  constructor({ disk, slices, block, path, copy, compress, position, ready }: RenewalOptions) {
    this.#disk = disk;
    this.block = block;
    this.path = path;
    this.copy = copy;
    this.compress = compress;
    this.position = position;
    this.#version = block.version;
    this.#size = block.size;
    this.#slices = copy === null ? compressBlockInSlices(block.content()) : rewriteInSlices(copy, compress);
    this.#ready = ready;
    if (slices === undefined) this.#runNow();
    else slices.add(() => this.#step());
  }

  /** Whether it says what the block says. */
  get isCurrent(): boolean {
    return this.block.version === this.#version && this.block.size === this.#size;
  }

  /** Writes the next slice; true when there is none. */
  #step(): boolean {
    if (this.#abandoned) return true;
    try {
      if (this.isCurrent && this.#writeSlice()) return false;
      // One that is not current has perhaps no file.
      if (this.#file === null) throw new Error('the block has changed');
      this.#file.sync((error) => {
        this.#end(error);
        if (!this.#abandoned) this.#ready();
      });
    } catch (error) {
      this.#end(error as Error);
    }
    return true;
  }

  #runNow(): void {
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
    const { value, done } = this.#slices.next();
    if (done || value === undefined) {
      if (this.#file === null) this.#open();
      return false;
    }
    if (value.length === 0) return true;
    if (this.#file === null) this.#open();
    const { cipher } = this.block;
    // The bytes of a copy are not to be changed.
    const slice = cipher === null ? value : Buffer.from(value);
    cipher?.apply(slice, 0, slice.length, this.#length);
    this.#file!.write(slice, 0, slice.length, this.#length);
    this.#length += slice.length;
    return true;
  }

  #open(): void {
    this.#file = this.#disk.open(this.path, 'create');
    this.#file.truncate(0);
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

/**
 * The memory that messages pass through: one block that holds the shared read buffer, the output chunks of all connections and the
 * message heads that are kept, so that a copy from one to the other stays inside one ArrayBuffer.
 *
 * Layout: [scratch][read area][chunks][pages]. The scratch area in front of the read area takes the unfinished tail of the
 * previous read, so that a parser always sees one contiguous range.
 */
import { type CopyKernel, createKernelBlock } from './copy-kernel.js';

/** Room in front of the read area for the tail of the previous read. */
export const SCRATCH_SIZE = 64 * 1024;
/** Bytes read from a socket at most at a time: large enough for big payloads, small enough for a turn of a few milliseconds. */
export const READ_SIZE = 512 * 1024;
/** Size of an output chunk. */
export const CHUNK_SIZE = 64 * 1024;
/** Size of a page for what is kept longer. */
export const PAGE_SIZE = 4 * 1024;

/** Copies may write this many bytes too many: whoever provides the room for one leaves so much behind it. */
export const COPY_SLACK = 8;

/** Bytes with the views that copies need, all of the same memory. */
export class Memory {
  readonly bytes: Uint8Array;
  readonly words: DataView;
  readonly buffer: Buffer;
  /** Copies inside this memory; null where there is none. */
  readonly kernel: CopyKernel | null;

  constructor(size: number, block = new ArrayBuffer(size), kernel: CopyKernel | null = null) {
    this.bytes = new Uint8Array(block);
    this.words = new DataView(block);
    this.buffer = Buffer.from(block);
    this.kernel = kernel;
  }
}

/** A piece of memory; offsets are absolute in `memory`. */
export class Chunk {
  readonly memory: Memory;
  readonly start: number;
  readonly end: number;

  constructor(memory: Memory, start: number, end: number) {
    this.memory = memory;
    this.start = start;
    this.end = end;
  }
}

export interface ArenaOptions {
  /** Chunks carved from the arena; further ones get memory of their own. */
  chunks?: number;
  /** Free chunks outside the arena that are kept for later. */
  spare?: number;
  /** Pages carved from the arena. */
  pages?: number;
  /** Copy by WebAssembly. It reserves gigabytes of addresses (no memory), so only one server of a process should. */
  kernel?: boolean;
}

export class Arena {
  readonly memory: Memory;
  readonly readStart = SCRATCH_SIZE;
  /** What sockets read into: a view of the read area. */
  readonly readBuffer: Buffer;
  readonly #free: Chunk[] = [];
  readonly #spare: Chunk[] = [];
  readonly #spareLimit: number;
  readonly #pagesEnd: number;
  #nextPage: number;
  #freePages: number[] = [];
  #inUse = 0;

  constructor(options: ArenaOptions = {}) {
    const { kernel = false, chunks = kernel ? 1024 : 64, spare = 512, pages = 6144 } = options;
    this.#spareLimit = spare;
    const firstChunk = SCRATCH_SIZE + READ_SIZE;
    const firstPage = firstChunk + chunks * CHUNK_SIZE;
    this.#nextPage = firstPage;
    this.#pagesEnd = firstPage + pages * PAGE_SIZE;
    // Untouched pages of the block cost nothing, so the whole of it can be reserved at once.
    const made = kernel ? createKernelBlock(this.#pagesEnd) : null;
    this.memory = made === null ? new Memory(this.#pagesEnd) : new Memory(0, made.block, made.kernel);
    this.readBuffer = this.memory.buffer.subarray(SCRATCH_SIZE, firstChunk);
    for (let i = chunks - 1; i >= 0; i--) {
      const start = firstChunk + i * CHUNK_SIZE;
      this.#free.push(new Chunk(this.memory, start, start + CHUNK_SIZE));
    }
  }

  /** Chunks that connections hold at the moment. */
  get chunksInUse(): number {
    return this.#inUse;
  }

  take(): Chunk {
    this.#inUse++;
    return this.#free.pop() ?? this.#spare.pop() ?? new Chunk(new Memory(CHUNK_SIZE), 0, CHUNK_SIZE);
  }

  give(chunk: Chunk): void {
    this.#inUse--;
    if (chunk.memory === this.memory) this.#free.push(chunk);
    else if (this.#spare.length < this.#spareLimit) this.#spare.push(chunk);
  }

  /** A page for `size` bytes: in the arena, unless they are too many or it is used up. */
  takePage(size: number): Chunk {
    if (size <= PAGE_SIZE) {
      const start = this.#freePages.pop() ?? this.#newPage();
      if (start !== -1) return new Chunk(this.memory, start, start + PAGE_SIZE);
    }
    const own = Math.max(size, PAGE_SIZE);
    return new Chunk(new Memory(own), 0, own);
  }

  givePage(page: Chunk): void {
    if (page.memory === this.memory) this.#freePages.push(page.start);
  }

  #newPage(): number {
    const start = this.#nextPage;
    if (start + PAGE_SIZE > this.#pagesEnd) return -1;
    this.#nextPage += PAGE_SIZE;
    return start;
  }
}

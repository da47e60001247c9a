/**
 * The memory that messages pass through: one block that holds the shared read buffer, the output chunks of all connections and the
 * message heads that are kept, so that a copy from one to the other stays inside one ArrayBuffer.
 *
 * Chunks beyond those of the block come from slabs, which are given back to the system when they are no longer used.
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

/**
 * Chunks of a slab: together more than the 32 MiB from which on glibc's `malloc` gives memory back to the system when it is freed,
 * whatever was freed before. Parts that were never used take no memory.
 */
const SLAB_CHUNKS = 528;

/**
 * Pages unless told otherwise: with the other parts a little more than the 32 MiB of above, so that the system gives fresh memory, which
 * is zero and takes nothing until it is touched. A smaller block may be one that was used before, which has to be cleared: 5 ms.
 */
const PAGES = 7168;

/**
 * Chunks and pages of a block with a kernel, which is fresh memory anyway: several hundred connections that answer in one turn, in
 * less than the 64 MiB of buffers from which on V8 collects garbage, which would be in the middle of the start.
 */
const KERNEL_CHUNKS = 576;
const KERNEL_PAGES = 6144;

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
  /** What it was carved from, outside the arena. */
  readonly slab: Slab | null;

  constructor(memory: Memory, start: number, end: number, slab: Slab | null = null) {
    this.memory = memory;
    this.start = start;
    this.end = end;
    this.slab = slab;
  }
}

/** Memory for many chunks, for when those of the arena are in use. */
class Slab {
  readonly memory: Memory;
  readonly free: Chunk[] = [];
  readonly chunks: number;

  constructor(chunks: number) {
    this.chunks = chunks;
    this.memory = new Memory(chunks * CHUNK_SIZE);
    for (let i = chunks - 1; i >= 0; i--) {
      this.free.push(new Chunk(this.memory, i * CHUNK_SIZE, (i + 1) * CHUNK_SIZE, this));
    }
  }

  get unused(): boolean {
    return this.free.length === this.chunks;
  }
}

export interface ArenaOptions {
  /** Chunks carved from the arena; further ones are carved from slabs. */
  chunks?: number;
  slabChunks?: number;
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
  /** Chunks are taken from the first that has any, so that the last ones get free. */
  readonly #slabs: Slab[] = [];
  readonly #slabChunks: number;
  readonly #pagesEnd: number;
  #nextPage: number;
  #freePages: number[] = [];
  #inUse = 0;

  constructor(options: ArenaOptions = {}) {
    const { kernel = false, slabChunks = SLAB_CHUNKS } = options;
    const { chunks = kernel ? KERNEL_CHUNKS : 64, pages = kernel ? KERNEL_PAGES : PAGES } = options;
    this.#slabChunks = slabChunks;
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

  /** Slabs that hold memory of the system; one that is not in use is kept for later. */
  get slabs(): number {
    return this.#slabs.length;
  }

  take(): Chunk {
    this.#inUse++;
    return this.#free.pop() ?? this.#takeFromSlab();
  }

  give(chunk: Chunk): void {
    this.#inUse--;
    if (chunk.slab === null) {
      this.#free.push(chunk);
      return;
    }
    chunk.slab.free.push(chunk);
    if (chunk.slab.unused) this.#releaseSlab(chunk.slab);
  }

  #takeFromSlab(): Chunk {
    for (const { free } of this.#slabs) if (free.length > 0) return free.pop()!;
    const slab = new Slab(this.#slabChunks);
    this.#slabs.push(slab);
    return slab.free.pop()!;
  }

  /** Gives a slab back to the system, unless it is the only one that is not in use. */
  #releaseSlab(slab: Slab): void {
    if (!this.#slabs.some((each) => each !== slab && each.unused)) return;
    this.#slabs.splice(this.#slabs.indexOf(slab), 1);
    releaseNow(slab.memory.bytes.buffer as ArrayBuffer);
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

/**
 * Gives the memory of a buffer back without waiting for the garbage collector, which an idle server does not call for: what is
 * handed to a channel that is then closed is gone. All views of it are empty from now on.
 */
function releaseNow(block: ArrayBuffer): void {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(null, [block]);
  port1.close();
  port2.close();
}

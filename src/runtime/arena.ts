/**
 * The memory that messages pass through: one block that holds the shared read buffer and the output chunks of all
 * connections, so that a copy from one to the other stays inside one ArrayBuffer (`copyWithin`, no view per copy).
 *
 * Layout: [scratch][read area][chunk 0][chunk 1]... The scratch area in front of the read area takes the unfinished tail of
 * the previous read, so that a parser always sees one contiguous range.
 */

/** Room in front of the read area for the tail of the previous read. */
export const SCRATCH_SIZE = 64 * 1024;
/** Bytes read from a socket at most at a time: large enough for big payloads, small enough for a turn of a few milliseconds. */
export const READ_SIZE = 512 * 1024;
/** Size of an output chunk. */
export const CHUNK_SIZE = 64 * 1024;

/** Bytes with the view that copies words. Both cover the same memory. */
export class Memory {
  readonly bytes: Uint8Array;
  readonly words: DataView;
  readonly buffer: Buffer;

  constructor(size: number) {
    const block = new ArrayBuffer(size);
    this.bytes = new Uint8Array(block);
    this.words = new DataView(block);
    this.buffer = Buffer.from(block);
  }
}

/** A piece of output memory that one connection fills; offsets are absolute in `memory`. */
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
}

export class Arena {
  readonly memory: Memory;
  readonly readStart = SCRATCH_SIZE;
  /** What sockets read into: a view of the read area. */
  readonly readBuffer: Buffer;
  readonly #free: Chunk[] = [];
  readonly #spare: Chunk[] = [];
  readonly #spareLimit: number;
  #inUse = 0;

  constructor(options: ArenaOptions = {}) {
    const chunks = options.chunks ?? 64;
    this.#spareLimit = options.spare ?? 64;
    const first = SCRATCH_SIZE + READ_SIZE;
    // Untouched pages of the block cost nothing, so the whole of it can be reserved at once.
    this.memory = new Memory(first + chunks * CHUNK_SIZE);
    this.readBuffer = this.memory.buffer.subarray(SCRATCH_SIZE, first);
    for (let i = chunks - 1; i >= 0; i--) {
      const start = first + i * CHUNK_SIZE;
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
}

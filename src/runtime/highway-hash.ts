/**
 * HighwayHash-64, keyed by names: the checksum of the store's files. WebAssembly with vectors does it, on bytes that are copied into its
 * memory. A call costs more than the hash of a small message, so records are hashed many at once (`sealRecords`).
 *
 * Each call takes its key, and nothing is kept between calls, so one instance serves all files of a server.
 */
import { createHash } from 'node:crypto';
import { Memory } from './arena.js';
import { portableHighwayHash } from './highway-hash-portable.js';
import { HIGHWAY_MODULE, KEY, RESERVED } from './highway-kernel.js';

/** The bytes of a hash. */
export const HASH_SIZE = 8;

/** A key of 32 bytes as words. */
export type HashKey = Uint32Array;

/** The key of a name (as UTF-8): its SHA-256. */
export function hashKey(name: string): HashKey {
  return keyOf(createHash('sha256').update(name, 'utf8').digest());
}

/** A key from its 32 bytes. */
export function keyOf(bytes: Uint8Array): HashKey {
  const words = new Uint32Array(8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 32);
  for (let i = 0; i < 8; i++) words[i] = view.getUint32(i * 4, true);
  return words;
}

/** The module's functions; addresses are those of its memory, and results of 8 bytes go to `out`. */
interface Kernel {
  begin(): void;
  /** Whole packets of 32 bytes. */
  update(from: number, end: number): void;
  /** The rest, fewer than 32 bytes. Reads up to 32 bytes. */
  finish(from: number, length: number, out: number): void;
  /** Three pieces as if in a row: the first two together at most 64 KiB. Reads up to 32 bytes beyond any of them. */
  pieces(
    a: number,
    aLength: number,
    b: number,
    bLength: number,
    c: number,
    cLength: number,
    out: number,
  ): void;
  /** Seals records up to the last that ends before `end`; returns where that ends. */
  records(from: number, end: number): number;
}

// The part of WebAssembly's interface used here; the types of Node do not have it.
interface WebAssemblyApi {
  Memory: new (limits: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: unknown };
}

const PAGE = 65536;
/** For what lies elsewhere; a multiple of a packet. */
const TRANSFER = RESERVED;
const TRANSFER_SIZE = 65536;
/** For results. */
const RESULT = TRANSFER + TRANSFER_SIZE;
/** With as much as the kernel may read too much. */
const END = RESULT + 128;
/** Up to this length a loop is the fastest copy. */
const LOOP_LIMIT = 40;

export class HighwayHash {
  readonly #bytes: Uint8Array;
  readonly #keyWords: Uint32Array;
  readonly #kernel: Kernel;
  #key: HashKey | null = null;

  /** `portable` for the slow form. */
  constructor(portable = false) {
    const pages = Math.ceil(END / PAGE);
    const loaded = portable ? null : load(pages);
    const block = loaded?.block ?? new ArrayBuffer(pages * PAGE);
    const memory = new Memory(block.byteLength, block);
    this.#bytes = memory.bytes;
    this.#keyWords = new Uint32Array(block, KEY, 8);
    this.#kernel = loaded?.kernel ?? new PortableKernel(memory);
  }

  /** Writes the hash of `bytes` from start to end into `out` at `target`. */
  hash(key: HashKey, bytes: Uint8Array, start: number, end: number, out: Uint8Array, target: number): void {
    this.#hash(key, bytes, start, end);
    for (let i = 0; i < HASH_SIZE; i++) out[target + i] = this.#bytes[RESULT + i]!;
  }

  /** Whether the 8 bytes of `hash` at `at` are the hash of `bytes` from start to end. */
  matches(
    key: HashKey,
    bytes: Uint8Array,
    start: number,
    end: number,
    hash: Uint8Array,
    at: number,
  ): boolean {
    this.#hash(key, bytes, start, end);
    return this.#resultIs(hash, at);
  }

  /**
   * The hash of three pieces of `bytes`, each from a start to an end, rising, the first two together at most 64 KiB: written
   * into `bytes` at `target`.
   */
  seal(
    key: HashKey,
    bytes: Uint8Array,
    start: number,
    end: number,
    start2: number,
    end2: number,
    start3: number,
    end3: number,
    target: number,
  ): void {
    this.#pieces(key, bytes, start, end, start2, end2, start3, end3);
    for (let i = 0; i < HASH_SIZE; i++) bytes[target + i] = this.#bytes[RESULT + i]!;
  }

  /**
   * Gives records that lie back to back from start to end their hashes, each in its last 8 bytes. They are laid out as in message blocks
   * (jetstream/store/record.ts).
   */
  sealRecords(key: HashKey, bytes: Uint8Array, start: number, end: number): void {
    this.#select(key);
    while (start < end) {
      const length = Math.min(end - start, TRANSFER_SIZE);
      this.#copy(bytes, start, start + length, TRANSFER);
      const sealed = this.#kernel.records(TRANSFER, TRANSFER + length);
      if (sealed > TRANSFER) {
        bytes.set(this.#bytes.subarray(TRANSFER, sealed), start);
        start += sealed - TRANSFER;
      } else {
        start = this.#sealLarge(key, bytes, start);
      }
    }
  }

  /** A record that does not fit where others are sealed; returns its end. */
  #sealLarge(key: HashKey, bytes: Uint8Array, start: number): number {
    const { size, subjectStart, subjectEnd, bodyStart } = piecesOf(bytes, start);
    const hashAt = start + size - HASH_SIZE;
    this.seal(key, bytes, start + 4, start + 20, subjectStart, subjectEnd, bodyStart, hashAt, hashAt);
    return start + size;
  }

  /** Whether `bytes` have the hash of the three pieces (see `seal`) at `target`. */
  isSealed(
    key: HashKey,
    bytes: Uint8Array,
    start: number,
    end: number,
    start2: number,
    end2: number,
    start3: number,
    end3: number,
    target: number,
  ): boolean {
    this.#pieces(key, bytes, start, end, start2, end2, start3, end3);
    return this.#resultIs(bytes, target);
  }

  #hash(key: HashKey, bytes: Uint8Array, start: number, end: number): void {
    this.#select(key);
    this.#kernel.begin();
    this.#finish(this.#feed(bytes, start, end, 0));
  }

  #pieces(
    key: HashKey,
    bytes: Uint8Array,
    start: number,
    end: number,
    start2: number,
    end2: number,
    start3: number,
    end3: number,
  ): void {
    this.#select(key);
    if (end3 - start > TRANSFER_SIZE) {
      this.#kernel.begin();
      let fill = this.#feed(bytes, start, end, 0);
      fill = this.#feed(bytes, start2, end2, fill);
      this.#finish(this.#feed(bytes, start3, end3, fill));
      return;
    }
    this.#copy(bytes, start, end3, TRANSFER);
    const shift = TRANSFER - start;
    this.#kernel.pieces(
      start + shift,
      end - start,
      start2 + shift,
      end2 - start2,
      start3 + shift,
      end3 - start3,
      RESULT,
    );
  }

  /** Passes bytes through the transfer area, which holds `fill` bytes already; returns how many it holds afterwards. */
  #feed(bytes: Uint8Array, start: number, end: number, fill: number): number {
    while (start < end) {
      const length = Math.min(end - start, TRANSFER_SIZE - fill);
      this.#copy(bytes, start, start + length, TRANSFER + fill);
      start += length;
      fill += length;
      if (fill < TRANSFER_SIZE) break;
      this.#kernel.update(TRANSFER, TRANSFER + fill);
      fill = 0;
    }
    return fill;
  }

  #finish(fill: number): void {
    const whole = TRANSFER + (fill & -32);
    this.#kernel.update(TRANSFER, whole);
    this.#kernel.finish(whole, fill & 31, RESULT);
  }

  #copy(bytes: Uint8Array, start: number, end: number, target: number): void {
    if (end - start > LOOP_LIMIT) this.#bytes.set(bytes.subarray(start, end), target);
    else for (let i = start; i < end; i++) this.#bytes[target++] = bytes[i]!;
  }

  #resultIs(hash: Uint8Array, at: number): boolean {
    let difference = 0;
    for (let i = 0; i < HASH_SIZE; i++) difference |= this.#bytes[RESULT + i]! ^ hash[at + i]!;
    return difference === 0;
  }

  #select(key: HashKey): void {
    if (this.#key === key) return;
    this.#keyWords.set(key);
    this.#key = key;
  }
}

/** Where the pieces of a record lie over which its hash is taken, see jetstream/store/record.ts. */
function piecesOf(bytes: Uint8Array, start: number) {
  const u16 = (at: number) => bytes[at]! + bytes[at + 1]! * 256;
  const first = u16(start) + u16(start + 2) * 65536;
  const size = first % 0x8000_0000;
  const subjectStart = start + 22;
  const subjectEnd = subjectStart + u16(start + 20);
  return { size, subjectStart, subjectEnd, bodyStart: subjectEnd + (first === size ? 0 : 4) };
}

/** A memory with the module for it; null where there is no WebAssembly with vectors. */
function load(pages: number): { block: ArrayBuffer; kernel: Kernel } | null {
  const api = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
  if (api === undefined) return null;
  try {
    const memory = new api.Memory({ initial: pages, maximum: pages });
    const module = new api.Module(Buffer.from(HIGHWAY_MODULE, 'base64'));
    return { block: memory.buffer, kernel: new api.Instance(module, { env: { memory } }).exports as Kernel };
  } catch {
    return null;
  }
}

/** The same functions without WebAssembly: gathers all of the input, so it needs memory for it. */
class PortableKernel implements Kernel {
  readonly #memory: Memory;
  #gathered: Uint8Array[] = [];

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  begin(): void {
    this.#gathered = [];
  }

  update(from: number, end: number): void {
    if (end > from) this.#gathered.push(this.#memory.bytes.slice(from, end));
  }

  finish(from: number, length: number, out: number): void {
    this.update(from, from + length);
    const key = this.#memory.bytes.subarray(KEY, KEY + 32);
    const hash = portableHighwayHash(key, Buffer.concat(this.#gathered));
    this.#memory.words.setBigUint64(out, hash, true);
    this.#gathered = [];
  }

  pieces(
    a: number,
    aLength: number,
    b: number,
    bLength: number,
    c: number,
    cLength: number,
    out: number,
  ): void {
    this.begin();
    this.update(a, a + aLength);
    this.update(b, b + bLength);
    this.finish(c, cLength, out);
  }

  records(from: number, end: number): number {
    const { bytes } = this.#memory;
    while (from < end) {
      const { size, subjectStart, subjectEnd, bodyStart } = piecesOf(bytes, from);
      if (from + size > end) break;
      const hashAt = from + size - HASH_SIZE;
      const subjectLength = subjectEnd - subjectStart;
      this.pieces(from + 4, 16, subjectStart, subjectLength, bodyStart, hashAt - bodyStart, hashAt);
      from += size;
    }
    return from;
  }
}

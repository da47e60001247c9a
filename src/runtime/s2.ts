/**
 * Streams of S2, which hold blocks in chunks: a type, a length of 3 bytes, a body. Types are 0xff the stream's identifier, which
 * comes first, 0x00 a compressed block and 0x01 plain data, both with a checksum in front, 0x80 to 0xfe what may be skipped.
 * No content is no bytes at all, or an identifier alone.
 */
import { crc32c } from './crc32c.js';
import {
  CORRUPT,
  decodeElements,
  MAX_BLOCK_SIZE,
  maxEncodedLength,
  readBlockHeader,
  S2BlockEncoder,
  S2Error,
  SNAPPY_BLOCK_SIZE,
} from './s2-block.js';

export { decodeBlock, MAX_BLOCK_SIZE, S2BlockEncoder, S2Error } from './s2-block.js';

const COMPRESSED = 0x00;
const PLAIN = 0x01;
const FIRST_SKIPPABLE = 0x80;
const IDENTIFIER_TYPE = 0xff;
const CHUNK_HEADER = 4;
const CRC = 4;
const IDENTIFIER = Buffer.from('\xff\x06\x00\x00S2sTwO', 'latin1');
const SNAPPY_IDENTIFIER = Buffer.from('\xff\x06\x00\x00sNaPpY', 'latin1');
const IDENTIFIERS = ['S2sTwO', 'sNaPpY'];
/** What the reference puts into a block. */
const BLOCK_SIZE = 1024 * 1024;
/** A block of the largest size that does not compress, with some room for what other writers do. */
const MAX_CHUNK = MAX_BLOCK_SIZE + MAX_BLOCK_SIZE / 4 + CRC;

function maskedCrc(bytes: Uint8Array, start: number, end: number): number {
  const crc = crc32c(bytes, start, end);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function u24(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
}

/**
 * Reads a stream that comes in pieces.
 *
 * Memory: at most one chunk of input and one block of output at a time, 5 and 4 MiB. `limit` bounds the content in all.
 */
export class S2Reader {
  readonly #limit: number;
  #total = 0;
  #identified = false;
  /** Input that is not a whole chunk yet. */
  #held: Buffer = Buffer.alloc(0);
  #heldLength = 0;
  /** Bytes of a chunk that is skipped and not here yet. */
  #skip = 0;

  constructor(limit = Number.MAX_SAFE_INTEGER) {
    this.#limit = limit;
  }

  /**
   * Takes the next bytes and yields content as it comes out. All of it must be taken before the next push.
   *
   * @throws {S2Error} as soon as the stream is seen to be corrupt, or its content to be over the limit
   */
  *push(input: Uint8Array): Generator<Buffer, void, void> {
    let at = 0;
    while (at < input.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, input.length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      // A chunk that lies within the input whole is read there, others are gathered.
      const wanted = this.#heldLength === 0 ? this.#wanted(input, at, input.length) : Number.NaN;
      if (at + wanted <= input.length) {
        const content = this.#chunk(input, at, at + wanted);
        at += wanted;
        if (content !== null) yield content;
      } else {
        at = this.#gather(input, at);
        if (this.#wanted(this.#held, 0, this.#heldLength) > this.#heldLength) continue;
        const length = this.#heldLength;
        this.#heldLength = 0;
        const content = this.#chunk(this.#held, 0, length);
        if (content !== null) yield content;
      }
    }
  }

  /**
   * To be called when the input has ended.
   *
   * @throws {S2Error} in the middle of a chunk
   */
  end(): void {
    if (this.#heldLength > 0 || this.#skip > 0) throw new S2Error(CORRUPT);
  }

  /** How many bytes the chunk at `at` has that are to be together, its header if that is not there yet. */
  #wanted(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < CHUNK_HEADER) return CHUNK_HEADER;
    const type = bytes[at]!;
    const length = u24(bytes, at + 1);
    if (!this.#identified && type !== IDENTIFIER_TYPE) throw new S2Error(CORRUPT);
    if (type === IDENTIFIER_TYPE && length !== IDENTIFIER.length - CHUNK_HEADER) throw new S2Error(CORRUPT);
    if (type > PLAIN && type < FIRST_SKIPPABLE) throw new S2Error('s2: unsupported input');
    if (type >= FIRST_SKIPPABLE && type !== IDENTIFIER_TYPE) return CHUNK_HEADER;
    if (type <= PLAIN && (length < CRC || length > MAX_CHUNK)) throw new S2Error(CORRUPT);
    return CHUNK_HEADER + length;
  }

  /** Adds to what is held until that is a header or a chunk. Returns how far the input has been taken. */
  #gather(input: Uint8Array, at: number): number {
    const wanted = this.#wanted(this.#held, 0, this.#heldLength);
    const taken = Math.min(Math.max(wanted - this.#heldLength, 0), input.length - at);
    const needed = this.#heldLength + taken;
    if (this.#held.length < needed) {
      // It grows with what has come, not with what a header promises.
      const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(this.#held.length * 2, wanted)));
      this.#held.copy(larger, 0, 0, this.#heldLength);
      this.#held = larger;
    }
    this.#held.set(input.subarray(at, at + taken), this.#heldLength);
    this.#heldLength = needed;
    return at + taken;
  }

  #chunk(bytes: Uint8Array, start: number, end: number): Buffer | null {
    const type = bytes[start]!;
    const body = start + CHUNK_HEADER;
    if (type === IDENTIFIER_TYPE) {
      const text = String.fromCharCode(...bytes.subarray(body, end));
      if (!IDENTIFIERS.includes(text)) throw new S2Error(CORRUPT);
      this.#identified = true;
      return null;
    }
    if (type > PLAIN) {
      this.#skip = u24(bytes, start + 1);
      return null;
    }
    const crc = (u24(bytes, body) | (bytes[body + 3]! << 24)) >>> 0;
    const content = this.#content(type, bytes, body + CRC, end);
    if (maskedCrc(content, 0, content.length) !== crc) throw new S2Error('s2: corrupt input, crc mismatch');
    return content.length > 0 ? content : null;
  }

  #content(type: number, bytes: Uint8Array, start: number, end: number): Buffer {
    const [length, at] = type === COMPRESSED ? readBlockHeader(bytes, start, end) : [end - start, start];
    if (length > MAX_BLOCK_SIZE) throw new S2Error(CORRUPT);
    this.#total += length;
    if (this.#total > this.#limit) throw new S2Error(`s2: content of more than ${this.#limit} bytes`);
    if (type === PLAIN) return Buffer.from(bytes.subarray(start, end));
    const content = Buffer.allocUnsafe(length);
    decodeElements(bytes, at, end, content, 0, length);
    return content;
  }
}

/** Writes a stream. What does not get smaller by an eighth stays plain. */
export class S2Writer {
  readonly #encoder: S2BlockEncoder;
  readonly #identifier: Buffer;
  readonly #blockSize: number;
  #identified = false;
  readonly #block: Buffer[] = [];
  #blockLength = 0;

  /** `snappy` makes a stream that readers of Snappy understand, too. */
  constructor(blockSize = BLOCK_SIZE, snappy = false) {
    this.#encoder = new S2BlockEncoder(snappy);
    this.#identifier = snappy ? SNAPPY_IDENTIFIER : IDENTIFIER;
    if (blockSize < 1 || blockSize > MAX_BLOCK_SIZE) throw new RangeError(`block size ${blockSize}`);
    this.#blockSize = blockSize;
  }

  /** Takes content, which may be changed afterwards, and yields the chunks that are complete. */
  *push(content: Uint8Array): Generator<Buffer, void, void> {
    let at = 0;
    while (at < content.length) {
      const end = Math.min(content.length, at + this.#blockSize - this.#blockLength);
      if (this.#blockLength === 0 && end - at === this.#blockSize) {
        yield this.#chunk(content, at, end);
      } else {
        this.#block.push(Buffer.from(content.subarray(at, end)));
        this.#blockLength += end - at;
        if (this.#blockLength === this.#blockSize) yield* this.end();
      }
      at = end;
    }
  }

  /** What was not a whole block yet, as a shorter one. More may be pushed. */
  *end(): Generator<Buffer, void, void> {
    if (this.#blockLength === 0) return;
    const block = Buffer.concat(this.#block.splice(0), this.#blockLength);
    this.#blockLength = 0;
    yield this.#chunk(block, 0, block.length);
  }

  #chunk(content: Uint8Array, start: number, end: number): Buffer {
    const identifier = this.#identified ? 0 : IDENTIFIER.length;
    const body = identifier + CHUNK_HEADER;
    const out = Buffer.allocUnsafe(body + CRC + maxEncodedLength(end - start));
    if (!this.#identified) out.set(this.#identifier, 0);
    this.#identified = true;
    out.writeUInt32LE(maskedCrc(content, start, end), body);
    let outEnd = this.#encoder.encode(content, start, end, out, body + CRC);
    let type = COMPRESSED;
    if (outEnd - body - CRC > end - start - ((end - start) >> 3)) {
      type = PLAIN;
      out.set(content.subarray(start, end), body + CRC);
      outEnd = body + CRC + (end - start);
    }
    out[identifier] = type;
    out.writeUIntLE(outEnd - body, identifier + 1, 3);
    return out.subarray(0, outEnd);
  }
}

/** The stream with this content. */
export function compressStream(content: Uint8Array): Buffer {
  const writer = new S2Writer();
  return Buffer.concat([...writer.push(content), ...writer.end()]);
}

/** The stream with this content, as Snappy has it. */
export function compressSnappy(content: Uint8Array): Buffer {
  const writer = new S2Writer(SNAPPY_BLOCK_SIZE, true);
  return Buffer.concat([...writer.push(content), ...writer.end()]);
}

/**
 * The content of a whole stream.
 *
 * @throws {S2Error} it is corrupt, or its content has more than `limit` bytes
 */
export function decompressStream(stream: Uint8Array, limit: number): Buffer {
  const reader = new S2Reader(limit);
  const content = [...reader.push(stream)];
  reader.end();
  return Buffer.concat(content);
}

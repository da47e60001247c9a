/**
 * Blocks of S2, the compression that extends Snappy by repeated offsets: the length of the content as a varint, then literals and
 * copies. The lower two bits of an element's first byte tell its kind:
 *
 * - 0, literal: the upper six bits are its length - 1; 60 to 63 say that 1 to 4 bytes with it follow
 * - 1, copy of 4 to 11 bytes from up to 2047 bytes back; an offset of 0 repeats the last one, with lengths of its own
 * - 2, copy of 1 to 64 bytes from up to 65535 bytes back
 * - 3, the same with an offset of 4 bytes
 *
 * Copies may overlap what they write. Snappy's blocks are those without repeats.
 */

/** The content is no S2, or larger than allowed. */
export class S2Error extends Error {
  override readonly name = 'S2Error';
}

export const CORRUPT = 's2: corrupt input';

/** The largest content of a block. */
export const MAX_BLOCK_SIZE = 4 * 1024 * 1024;
/** Of Snappy's streams. */
export const SNAPPY_BLOCK_SIZE = 64 * 1024;

const LITERAL = 0;
const COPY_1 = 1;
const COPY_2 = 2;
const COPY_4 = 3;

/** The shortest match worth a copy. */
const MIN_MATCH = 4;
/** From here on an offset takes 4 bytes, and a match must be longer to be worth it. */
const FAR = 65536;
const MIN_FAR_MATCH = 8;
/** Blocks below this size are stored as one literal. */
const MIN_COMPRESSED = 16;
/** The longer nothing matches, the fewer positions are looked at; but never fewer than every 64th. */
const MAX_STEP = 63;
const MAX_HASH_BITS = 16;
const MIN_HASH_BITS = 8;

/** How large a block of `length` bytes can become: a copy with the literal before it may take a byte more than they are worth. */
export function maxEncodedLength(length: number): number {
  return length + Math.floor(length / 6) + 32;
}

/** The length of a block's content and where its elements start. */
export function readBlockHeader(block: Uint8Array, start: number, end: number): [length: number, at: number] {
  let length = 0;
  for (let at = start, factor = 1; at < end && factor < 2 ** 35; at++, factor *= 128) {
    const byte = block[at]!;
    length += (byte & 127) * factor;
    if (byte < 128) {
      if (length > 0xffff_ffff) break;
      return [length, at + 1];
    }
  }
  throw new S2Error(CORRUPT);
}

/**
 * The content of a block.
 *
 * @throws {S2Error} it is corrupt or has more than `limit` bytes; nothing is allocated for it then
 */
export function decodeBlock(block: Uint8Array, limit = MAX_BLOCK_SIZE): Buffer {
  const [length, at] = readBlockHeader(block, 0, block.length);
  if (length > limit) throw new S2Error('s2: decoded block is too large');
  const out = Buffer.allocUnsafe(length);
  decodeElements(block, at, block.length, out, 0, length);
  return out;
}

/** Decodes the elements of a block into exactly the bytes of `out` from `outStart` to `outEnd`. */
export function decodeElements(
  block: Uint8Array,
  at: number,
  end: number,
  out: Uint8Array,
  outStart: number,
  outEnd: number,
): void {
  let to = outStart;
  let offset = 0;
  while (at < end) {
    const tag = block[at++]!;
    let length = tag >> 2;
    const kind = tag & 3;
    if (kind === LITERAL) {
      if (length >= 60) {
        const extra = length - 59;
        if (at + extra > end) throw new S2Error(CORRUPT);
        length = littleEndian(block, at, extra);
        at += extra;
      }
      length++;
      if (length > end - at || length > outEnd - to) throw new S2Error(CORRUPT);
      copyLiteral(block, at, length, out, to);
      at += length;
      to += length;
      continue;
    }
    if (kind === COPY_1) {
      if (at >= end) throw new S2Error(CORRUPT);
      const distance = ((tag & 0xe0) << 3) | block[at++]!;
      length &= 7;
      if (distance !== 0) {
        offset = distance;
        length += 4;
      } else if (length < 5) {
        length += 4;
      } else {
        const extra = length - 4;
        if (at + extra > end) throw new S2Error(CORRUPT);
        length = littleEndian(block, at, extra) + REPEAT_BASE[extra]!;
        at += extra;
      }
    } else {
      const extra = kind === COPY_2 ? 2 : 4;
      if (at + extra > end) throw new S2Error(CORRUPT);
      offset = littleEndian(block, at, extra);
      at += extra;
      length++;
    }
    if (offset === 0 || offset > to - outStart || length > outEnd - to) throw new S2Error(CORRUPT);
    copyBack(out, to, offset, length);
    to += length;
  }
  if (to !== outEnd) throw new S2Error(CORRUPT);
}

/** What is added to the length of a repeat that has 1 to 3 bytes for it. */
const REPEAT_BASE = [0, 8, 260, 65540];

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}

function copyLiteral(from: Uint8Array, start: number, length: number, to: Uint8Array, target: number): void {
  if (length > 48) to.set(from.subarray(start, start + length), target);
  else for (let i = 0; i < length; i++) to[target + i] = from[start + i]!;
}

/** Copies from `offset` bytes before `to`, byte by byte as it were. */
function copyBack(bytes: Uint8Array, to: number, offset: number, length: number): void {
  const end = to + length;
  if (length <= 64) {
    for (; to < end; to++) bytes[to] = bytes[to - offset]!;
    return;
  }
  // What has been copied is a source as well, so the piece doubles.
  const from = to - offset;
  while (to < end) {
    const piece = Math.min(to - from, end - to);
    bytes.copyWithin(to, from, from + piece);
    to += piece;
  }
}

/** Compresses blocks; keeps its table between them. */
export class S2BlockEncoder {
  #table = new Int32Array(0);
  #out: Uint8Array = new Uint8Array(0);
  #at = 0;
  readonly #snappy: boolean;

  /** `snappy` writes what readers of Snappy understand, too; such blocks may not be larger than `SNAPPY_BLOCK_SIZE`. */
  constructor(snappy = false) {
    this.#snappy = snappy;
  }

  /**
   * Writes the block of `from`'s bytes from start to end into `out` at `at` and returns the offset behind it. There must be
   * room for `maxEncodedLength`.
   */
  encode(from: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
    const length = end - start;
    if (length > (this.#snappy ? SNAPPY_BLOCK_SIZE : MAX_BLOCK_SIZE)) {
      throw new RangeError(`S2 block of ${length} bytes`);
    }
    this.#out = out;
    this.#at = at;
    let rest = length;
    for (; rest >= 128; rest >>>= 7) out[this.#at++] = rest | 128;
    out[this.#at++] = rest;
    const emitted = length < MIN_COMPRESSED ? start : this.#compress(from, start, end);
    this.#literal(from, emitted, end);
    this.#out = from;
    return this.#at;
  }

  /** Returns up to where the input has been written. */
  #compress(from: Uint8Array, start: number, end: number): number {
    const bits = Math.min(Math.max(32 - Math.clz32((end - start) >> 1), MIN_HASH_BITS), MAX_HASH_BITS);
    const shift = 32 - bits;
    if (this.#table.length < 1 << bits) this.#table = new Int32Array(1 << bits);
    else this.#table.fill(0, 0, 1 << bits);
    const table = this.#table;
    const words = new DataView(from.buffer, from.byteOffset, from.byteLength);
    // Positions are kept from 1 on, because 0 is no position.
    const base = start - 1;
    // Words of 4 bytes are read up to here, with one to spare for the position behind.
    const limit = end - 8;
    let emitted = start;
    let last = 0;
    let at = start;
    while (at < limit) {
      const word = words.getInt32(at, true);
      const slot = hashOf(word, shift);
      let candidate = table[slot]! + base;
      table[slot] = at - base;
      if (
        last !== 0 &&
        at + 1 - last >= start &&
        words.getInt32(at + 1 - last, true) === words.getInt32(at + 1, true)
      ) {
        at++;
        candidate = at - last;
      } else if (candidate < start || words.getInt32(candidate, true) !== word) {
        at += 1 + Math.min((at - emitted) >> 6, MAX_STEP);
        continue;
      }
      const probed = at;
      while (at > emitted && candidate > start && from[at - 1] === from[candidate - 1]) {
        at--;
        candidate--;
      }
      const offset = at - candidate;
      const matchStart = at;
      at = matchEnd(from, words, candidate + MIN_MATCH, at + MIN_MATCH, end);
      if (offset >= FAR && offset !== last && at - matchStart < MIN_FAR_MATCH) {
        at = probed + 1;
        continue;
      }
      this.#literal(from, emitted, matchStart);
      if (this.#snappy) this.#snappyCopy(offset, at - matchStart);
      else if (offset === last) this.#repeat(at - matchStart);
      else this.#copy(offset, at - matchStart);
      last = offset;
      emitted = at;
      if (at >= limit) break;
      table[hashOf(words.getInt32(matchStart + 1, true), shift)] = matchStart + 1 - base;
      table[hashOf(words.getInt32(at - 2, true), shift)] = at - 2 - base;
      table[hashOf(words.getInt32(at - 1, true), shift)] = at - 1 - base;
    }
    return emitted;
  }

  #literal(from: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    const out = this.#out;
    const n = end - start - 1;
    if (n < 60) {
      out[this.#at++] = (n << 2) | LITERAL;
    } else {
      const extra = n < 0x100 ? 1 : n < 0x10000 ? 2 : 3;
      out[this.#at++] = ((59 + extra) << 2) | LITERAL;
      for (let i = 0; i < extra; i++) out[this.#at++] = n >>> (i * 8);
    }
    copyLiteral(from, start, n + 1, out, this.#at);
    this.#at += n + 1;
  }

  /** Without repeats, and with two bytes for the offset. */
  #snappyCopy(offset: number, length: number): void {
    const out = this.#out;
    for (let rest = length; rest > 0; ) {
      const part = Math.min(rest, 64);
      out[this.#at++] = COPY_2 | ((part - 1) << 2);
      out[this.#at++] = offset;
      out[this.#at++] = offset >> 8;
      rest -= part;
    }
  }

  #copy(offset: number, length: number): void {
    const out = this.#out;
    if (offset < 2048 && length < 12) {
      out[this.#at++] = COPY_1 | ((length - 4) << 2) | ((offset >> 8) << 5);
      out[this.#at++] = offset;
      return;
    }
    if (offset < 2048 && length > 64) {
      // The first part in two bytes, the rest repeats its offset.
      out[this.#at++] = COPY_1 | (4 << 2) | ((offset >> 8) << 5);
      out[this.#at++] = offset;
      this.#repeat(length - 8);
      return;
    }
    const first = length <= 64 ? length : 60;
    const wide = offset >= FAR;
    out[this.#at++] = (wide ? COPY_4 : COPY_2) | ((first - 1) << 2);
    for (let i = 0; i < (wide ? 4 : 2); i++) out[this.#at++] = offset >>> (i * 8);
    if (length > first) this.#repeat(length - first);
  }

  /** A copy of at least 4 bytes from the last offset. */
  #repeat(length: number): void {
    const out = this.#out;
    if (length <= 8) {
      out[this.#at++] = COPY_1 | ((length - 4) << 2);
      out[this.#at++] = 0;
      return;
    }
    const extra = length < 264 ? 1 : length < 65796 ? 2 : 3;
    out[this.#at++] = COPY_1 | ((extra + 4) << 2);
    out[this.#at++] = 0;
    const rest = length - REPEAT_BASE[extra]!;
    for (let i = 0; i < extra; i++) out[this.#at++] = rest >>> (i * 8);
  }
}

function hashOf(word: number, shift: number): number {
  return Math.imul(word, 0x9e3779b1) >>> shift;
}

/** Up to where the bytes at `at` are those at `candidate`. */
function matchEnd(bytes: Uint8Array, words: DataView, candidate: number, at: number, end: number): number {
  while (at + 4 <= end && words.getInt32(at, true) === words.getInt32(candidate, true)) {
    at += 4;
    candidate += 4;
  }
  while (at < end && bytes[at] === bytes[candidate]) {
    at++;
    candidate++;
  }
  return at;
}

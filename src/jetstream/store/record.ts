/**
 * The record, of which message blocks (`N.blk`) consist. Integers are little endian:
 *
 *     length u32 (all of it; bit 31: has headers) | sequence u64 (bit 63: erased or skipped; bit 62: tombstone) | time i64 ns
 *     subject length u16 | subject | [header length u32 | headers] | payload | hash of 8 bytes
 *
 * The hash is HighwayHash-64 under the key of `<stream>-<block>` over sequence, time, subject, headers and payload: not over any of
 * the lengths. Records lie back to back; there is nothing else in a block.
 *
 * Sequences are numbers here, so those from 2^53 on are refused.
 */
import { HASH_SIZE, type HashKey, type HighwayHash } from '../../runtime/highway-hash.js';
import { Stamp, u32 } from '../../runtime/stamp.js';

/** What a record takes beyond subject and payload, and beyond the headers where it has some. */
export const RECORD_OVERHEAD = 30;
export const HEADERS_OVERHEAD = 4;
/** The largest record. */
export const MAX_RECORD_SIZE = 32 * 1024 * 1024;
/** The longest subject that fits the length field. */
export const MAX_SUBJECT_SIZE = 65535;

const FIXED = 22;
/** Where in a record the subject begins. */
export const SUBJECT_AT = FIXED;
const HEADERS_BIT = 0x8000_0000;
const ERASED_BIT = 0x8000_0000;
const TOMBSTONE_BIT = 0x4000_0000;
const TWO_32 = 0x1_0000_0000;
/** The upper word of 2^53. */
const UNSAFE_HIGH = 0x20_0000;
const LOOP_LIMIT = 48;

/** The size of the record of a message; the sum of these is a stream's `bytes`. */
export function recordSize(subjectLength: number, headersLength: number, payloadLength: number): number {
  const headers = headersLength > 0 ? headersLength + HEADERS_OVERHEAD : 0;
  return RECORD_OVERHEAD + subjectLength + headers + payloadLength;
}

/** Of the subject of a record that is known to be there. */
export function subjectLength(bytes: Uint8Array, record: number): number {
  return bytes[record + SUBJECT_AT - 2]! | (bytes[record + SUBJECT_AT - 1]! << 8);
}

/** The key of a block's records. */
export function blockKeyName(stream: string, block: number): string {
  return `${stream}-${block}`;
}

/**
 * - `message`: a message
 * - `erased`: the sequence is used, its content is gone; the body is noise
 * - `skip`: an erased record without a body: the sequence is used, and nothing was ever stored
 * - `tombstone`: the message of this sequence, in this or another block, is deleted
 */
export type RecordKind = 'message' | 'erased' | 'skip' | 'tombstone';

/**
 * What is wrong with the bytes at an offset.
 *
 * - `torn`: they end before the record does
 * - `zeros`: the length is zero, as in the tail of a file that grew but was not written
 * - `length`: the lengths cannot be right, so that nobody knows where the next record begins
 * - `hash`: the lengths fit together, the content is not what was written: what follows may be read
 * - `sequence`: all is as it was written, but the sequence is 2^53 or above
 */
export type RecordDamage = 'torn' | 'zeros' | 'length' | 'hash' | 'sequence';

/** A record found by `readRecord`, for use again and again. Offsets are absolute in the bytes it was read from. */
export class RecordView {
  kind: RecordKind = 'message';
  /** Without its flags. */
  sequence = 0;
  readonly stamp = new Stamp();
  start = 0;
  /** Behind the hash: where the next record starts. */
  end = 0;
  subjectStart = 0;
  subjectEnd = 0;
  /** Where the headers start and end; the same for a record without. */
  headersStart = 0;
  headersEnd = 0;
  payloadStart = 0;
  payloadEnd = 0;

  get size(): number {
    return this.end - this.start;
  }

  /** Nanoseconds since 1970. */
  get time(): bigint {
    return this.stamp.nanoseconds;
  }
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/**
 * Takes apart the record at `at`; `end` is where the bytes end. Does not look at the hash (`isIntact` does). The view is filled
 * unless the damage is `torn`, `zeros` or `length`.
 */
export function readRecord(
  bytes: Uint8Array,
  at: number,
  end: number,
  view: RecordView,
): RecordDamage | null {
  if (end - at < 4) return 'torn';
  const first = u32(bytes, at);
  if (first === 0) return 'zeros';
  const size = first & ~HEADERS_BIT;
  if (size < RECORD_OVERHEAD || size > MAX_RECORD_SIZE) return 'length';
  if (size > end - at) return 'torn';
  const hasHeaders = first >= HEADERS_BIT;
  view.start = at;
  view.end = at + size;
  view.payloadEnd = view.end - HASH_SIZE;
  view.subjectStart = at + FIXED;
  view.subjectEnd = view.subjectStart + subjectLength(bytes, at);
  view.headersStart = view.headersEnd = view.payloadStart = view.subjectEnd;
  if (hasHeaders) {
    if (view.subjectEnd + HEADERS_OVERHEAD > view.payloadEnd) return 'length';
    view.headersStart = view.subjectEnd + HEADERS_OVERHEAD;
    view.headersEnd = view.payloadStart = view.headersStart + u32(bytes, view.subjectEnd);
  }
  if (view.payloadStart > view.payloadEnd) return 'length';
  view.stamp.read(bytes, at + 12);
  return readSequence(u32(bytes, at + 4), u32(bytes, at + 8), view);
}

function readSequence(low: number, high: number, view: RecordView): RecordDamage | null {
  view.kind = 'message';
  if (high >= ERASED_BIT) {
    const empty = view.end - view.start === RECORD_OVERHEAD;
    view.kind = empty ? 'skip' : 'erased';
    high -= ERASED_BIT;
  }
  if (high >= TOMBSTONE_BIT) {
    view.kind = 'tombstone';
    high -= TOMBSTONE_BIT;
  }
  view.sequence = high * TWO_32 + low;
  return high >= UNSAFE_HIGH ? 'sequence' : null;
}

/**
 * Whether a record that `readRecord` took apart has the hash of its content. As that says nothing of the lengths, a subject must also look
 * like one: with a blank in it, it goes on where headers or payload begin.
 */
export function isIntact(hash: HighwayHash, key: HashKey, bytes: Uint8Array, view: RecordView): boolean {
  const { start, subjectStart, subjectEnd, headersStart, payloadEnd } = view;
  if (view.kind === 'message' && hasBlank(bytes, subjectStart, subjectEnd)) return false;
  return hash.isSealed(
    key,
    bytes,
    start + 4,
    start + 20,
    subjectStart,
    subjectEnd,
    headersStart,
    payloadEnd,
    payloadEnd,
  );
}

/** What ends a subject in the protocol, so that none has it. */
function hasBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === 0x20 || byte === 0x0d || byte === 0x0a || byte === 0x09) return true;
  }
  return false;
}

/** `readRecord` with a look at the hash. */
export function readVerifiedRecord(
  hash: HighwayHash,
  key: HashKey,
  bytes: Uint8Array,
  at: number,
  end: number,
  view: RecordView,
): RecordDamage | null {
  const damage = readRecord(bytes, at, end, view);
  if (damage !== null && damage !== 'sequence') return damage;
  return isIntact(hash, key, bytes, view) ? damage : 'hash';
}

/**
 * Writes the record of a message into `to` at `at`, without its hash (see `HighwayHash.sealRecords`), and returns the offset behind
 * it. The room for it (`recordSize`) must be there, and `size` at most `MAX_RECORD_SIZE`.
 *
 * @param subject  as latin1, one character per byte, at most `MAX_SUBJECT_SIZE`
 * @param body     holds the headers (0 bytes: none) from `bodyStart` on and the payload right behind them
 */
export function writeMessage(
  to: Uint8Array,
  at: number,
  sequence: number,
  time: Stamp,
  subject: string,
  body: Uint8Array,
  bodyStart: number,
  headersLength: number,
  payloadLength: number,
): number {
  const subjectLength = subject.length;
  if (subjectLength > MAX_SUBJECT_SIZE) throw new RangeError(`subject of ${subjectLength} bytes`);
  const size = recordSize(subjectLength, headersLength, payloadLength);
  putU32(to, at, headersLength > 0 ? (size | HEADERS_BIT) >>> 0 : size);
  writeFixed(to, at, sequence, 0, time, subjectLength);
  const subjectStart = at + FIXED;
  for (let i = 0; i < subjectLength; i++) to[subjectStart + i] = subject.charCodeAt(i);
  const subjectEnd = subjectStart + subjectLength;
  let bodyAt = subjectEnd;
  if (headersLength > 0) {
    putU32(to, bodyAt, headersLength);
    bodyAt += HEADERS_OVERHEAD;
  }
  copy(body, bodyStart, headersLength + payloadLength, to, bodyAt);
  return at + size;
}

/** Writes a record of 30 bytes, a skip or a tombstone, without its hash. Returns the offset behind it. */
export function writeMarker(
  to: Uint8Array,
  at: number,
  kind: 'skip' | 'tombstone',
  sequence: number,
  time: Stamp,
): number {
  putU32(to, at, RECORD_OVERHEAD);
  writeFixed(to, at, sequence, kind === 'skip' ? ERASED_BIT : TOMBSTONE_BIT, time, 0);
  return at + RECORD_OVERHEAD;
}

/**
 * Turns the record at `view` into an erased one of the same size, with the given time (the official server writes 0) and with
 * `noise` as its body, which must be at least as long as the record.
 */
export function eraseRecord(
  hash: HighwayHash,
  key: HashKey,
  bytes: Uint8Array,
  view: RecordView,
  noise: Uint8Array,
  time: Stamp,
): void {
  const { start, end } = view;
  const bodyAt = start + FIXED;
  const hashAt = end - HASH_SIZE;
  putU32(bytes, start, end - start);
  writeFixed(bytes, start, view.sequence, ERASED_BIT, time, 0);
  copy(noise, 0, hashAt - bodyAt, bytes, bodyAt);
  hash.sealRecords(key, bytes, start, end);
}

function writeFixed(
  to: Uint8Array,
  at: number,
  sequence: number,
  flag: number,
  time: Stamp,
  subjectLength: number,
): void {
  if (!Number.isSafeInteger(sequence) || sequence < 0) throw new RangeError(`no sequence: ${sequence}`);
  putU32(to, at + 4, sequence % TWO_32);
  putU32(to, at + 8, Math.floor(sequence / TWO_32) + flag);
  putU32(to, at + 12, time.low);
  putU32(to, at + 16, time.high);
  to[at + 20] = subjectLength;
  to[at + 21] = subjectLength >>> 8;
}

function copy(from: Uint8Array, start: number, length: number, to: Uint8Array, target: number): void {
  if (length > LOOP_LIMIT) to.set(from.subarray(start, start + length), target);
  else for (let i = 0; i < length; i++) to[target + i] = from[start + i]!;
}

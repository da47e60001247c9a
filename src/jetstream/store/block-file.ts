/**
 * A whole block file: decrypted, then decompressed, then a walk over its records that goes on behind damage.
 *
 * A compressed file is `cmp`, the algorithm 1, the size of its content as a varint, an S2 stream of all but the last 8 bytes of the
 * content, and these 8 bytes as they are: so the hash of the last record can be read without the rest.
 */
import { HASH_SIZE, type HashKey, type HighwayHash } from '../../runtime/highway-hash.js';
import { S2Error, S2Reader, S2Writer } from '../../runtime/s2.js';
import { ByteReader, ByteWriter } from './binary.js';
import { RECORD_OVERHEAD, type RecordDamage, RecordView, readVerifiedRecord } from './record.js';
import { RecordSearch } from './record-search.js';
import { CorruptError } from './store-error.js';

const PREFIX = Buffer.from('cmp');
const S2 = 1;
/** The largest content of a block that is accepted: one record larger than any block size, with room. */
export const MAX_BLOCK_CONTENT = 256 * 1024 * 1024;

/** Whether a (decrypted) file is compressed, as far as its first bytes tell. */
export function isCompressedBlock(file: Uint8Array): boolean {
  return (
    file.length > PREFIX.length + HASH_SIZE && PREFIX.every((byte, i) => file[i] === byte) && file[3] === S2
  );
}

/** How much is compressed at a time: about 2 ms. */
const SLICE = 256 * 1024;

/** The file of a closed block. `content` ends with the hash of its last record. */
export function compressBlock(content: Uint8Array): Buffer {
  return Buffer.concat([...compressBlockInSlices(content)]);
}

/** The same piece by piece, for a caller that has other things to do in between. */
export function* compressBlockInSlices(content: Uint8Array): Generator<Buffer, void, void> {
  const to = new ByteWriter(64);
  to.append(PREFIX);
  to.byte(S2);
  to.varint(content.length);
  yield to.written;
  const end = Math.max(content.length - HASH_SIZE, 0);
  const writer = new S2Writer(SLICE);
  yield* writer.push(content.subarray(0, end));
  yield* writer.end();
  yield Buffer.from(content.subarray(end));
}

/** What could be got out of a compressed block. */
export interface DecompressedBlock {
  content: Buffer;
  /** The content is all of it. Otherwise it ends where the file was damaged. */
  complete: boolean;
}

/**
 * Decompresses a file that `isCompressedBlock`. Damage ends the content early, it does not make an error: what could be decompressed
 * before it is good, as each chunk has a checksum.
 *
 * @throws {CorruptError} already the size in front is wrong
 */
export function decompressBlock(file: Uint8Array): DecompressedBlock {
  const from = new ByteReader(file, PREFIX.length + 1);
  const size = from.varint();
  if (size < HASH_SIZE || size > MAX_BLOCK_CONTENT || from.left < HASH_SIZE) {
    throw new CorruptError(`compressed block of ${size} bytes`);
  }
  const end = file.length - HASH_SIZE;
  const reader = new S2Reader(size - HASH_SIZE);
  const pieces: Buffer[] = [];
  let length = 0;
  let complete = false;
  try {
    for (const piece of reader.push(file.subarray(from.at, end))) {
      pieces.push(piece);
      length += piece.length;
    }
    reader.end();
    complete = length === size - HASH_SIZE;
  } catch (error) {
    if (!(error instanceof S2Error)) throw error;
  }
  if (complete) pieces.push(Buffer.from(file.subarray(end)));
  return { content: Buffer.concat(pieces), complete };
}

/**
 * The records of a (decrypted) file, whether it is compressed or not. One that only looks compressed, because its first record has the
 * length that those four bytes stand for, is recognised by that record.
 *
 * @throws {CorruptError} nothing of a compressed block can be read
 */
export function openBlock(hash: HighwayHash, key: HashKey, file: Buffer): DecompressedBlock {
  if (!isCompressedBlock(file)) return { content: file, complete: true };
  if (readVerifiedRecord(hash, key, file, 0, file.length, new RecordView()) === null) {
    return { content: file, complete: true };
  }
  return decompressBlock(file);
}

/** The hash of the last record, from a decrypted file, compressed or not; null for a file too short to have one. */
export function lastRecordHash(file: Uint8Array): Uint8Array | null {
  return file.length < RECORD_OVERHEAD ? null : file.subarray(file.length - HASH_SIZE);
}

export interface BlockVisitor {
  /**
   * A record whose hash is right. The view is used again for the next one. `relocated` says that its length field is damaged and
   * that its length was found by its hash: it can be served, and should be written anew.
   */
  record(view: RecordView, relocated: boolean): void;
  /**
   * Bytes that are not as they were written. `sequence` is what the damaged record claims to be; -1 if it cannot be told, or if
   * it does not rise. Damage at the end of the block is not reported here, see `scanBlock`.
   */
  damaged(damage: RecordDamage, start: number, end: number, sequence: number): void;
}

export interface BlockScan {
  /** Behind the last record that is right: from here on the block can be cut off. */
  end: number;
  /** What is wrong with the bytes behind it; null if there are none. `torn` and `zeros` are what a crash leaves. */
  tail: RecordDamage | null;
}

/**
 * Walks over all records of a block, a piece at a time. Bad records are passed over by their lengths where those lead to a right one; otherwise
 * the next right record is searched for (`RecordSearch`). How much is hashed in searching is bounded by a few times the size of the block.
 */
export class BlockWalk {
  /** What is wrong with the bytes at `at`, where it ended before the end. */
  tail: RecordDamage | null = null;
  /** Behind the last record that is right. */
  at: number;
  readonly #hash: HighwayHash;
  readonly #key: HashKey;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #visitor: BlockVisitor;
  readonly #view = new RecordView();
  readonly #search: RecordSearch;
  #last = 0;

  constructor(
    hash: HighwayHash,
    key: HashKey,
    bytes: Uint8Array,
    start: number,
    end: number,
    visitor: BlockVisitor,
  ) {
    this.#hash = hash;
    this.#key = key;
    this.#bytes = bytes;
    this.#end = end;
    this.#visitor = visitor;
    this.#search = new RecordSearch(hash, key, bytes, end);
    this.at = start;
  }

  /** Goes on for so many bytes; true when nothing is left. */
  step(bytes: number): boolean {
    const view = this.#view;
    const until = Math.min(this.at + bytes, this.#end);
    while (this.at < until) {
      const damage = readVerifiedRecord(this.#hash, this.#key, this.#bytes, this.at, this.#end, view);
      if (damage !== null) {
        if (!this.#pass(damage)) return true;
        continue;
      }
      if (view.kind !== 'tombstone') this.#last = Math.max(this.#last, view.sequence);
      this.#visitor.record(view, false);
      this.at = view.end;
    }
    return this.at >= this.#end;
  }

  /** False where there is nothing behind the damage. */
  #pass(damage: RecordDamage): boolean {
    const view = this.#view;
    const { at } = this;
    if (damage === 'sequence' || (damage === 'hash' && this.#search.leadsToRecord(view.end))) {
      this.#visitor.damaged(damage, at, view.end, damage === 'hash' ? risen(view, this.#last) : -1);
      this.at = view.end;
      return true;
    }
    const found = this.#search.next(at, this.#last, damage);
    if (found === null) {
      this.tail = damage;
      return false;
    }
    if (found.relocated !== null) {
      this.#last = Math.max(this.#last, found.relocated.sequence);
      this.#visitor.record(found.relocated, true);
    } else {
      this.#visitor.damaged(damage, at, found.at, damage === 'hash' ? risen(view, this.#last) : -1);
    }
    this.at = found.at;
    return true;
  }
}

/** The whole of a `BlockWalk`. */
export function scanBlock(...walked: ConstructorParameters<typeof BlockWalk>): BlockScan {
  const walk = new BlockWalk(...walked);
  walk.step(Number.POSITIVE_INFINITY);
  return { end: walk.at, tail: walk.tail };
}

function risen(view: RecordView, last: number): number {
  return view.kind !== 'tombstone' && view.sequence > last ? view.sequence : -1;
}

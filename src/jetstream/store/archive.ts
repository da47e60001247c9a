/**
 * NATSARC1, the format of backups since 2.15: what a stream is, not how it was stored. In an S2 stream there are the magic and entries
 *
 *     name length | timestamp (signed) | sequence | header size | payload size | name | header | payload
 *
 * with varints in front. In order: `state.json`; `consumers/<name>`, both with sequence 0 and JSON as payload; the messages, named
 * by their subjects, by rising sequence; and an entry of zeros, without which the archive was cut short.
 */
import { ByteReader, ByteWriter } from './binary.js';
import { ByteQueue } from './byte-queue.js';
import { CorruptError } from './store-error.js';

export const ARCHIVE_MAGIC = 'NATSARC1';
export const ARCHIVE_STATE = 'state.json';
export const ARCHIVE_CONSUMERS = 'consumers/';

const MAX_NAME = 1 << 20;
/** The numbers in front of an entry take at most this. */
const MAX_HEAD = 50;
/** The largest content of an entry: a message fits 32 MiB, the pending messages of a large consumer need more. */
const DEFAULT_ENTRY_LIMIT = 256 * 1024 * 1024;

export interface ArchiveEntry {
  /** As latin1. */
  name: string;
  /** Nanoseconds. */
  time: bigint;
  /** 0 for what is no message. */
  sequence: number;
  headers: Uint8Array;
  payload: Uint8Array;
}

/** Whether the first 8 bytes of a (decompressed) backup are those of an archive; otherwise it is a tar. */
export function isArchive(first: Uint8Array): boolean {
  return Buffer.from(first.subarray(0, ARCHIVE_MAGIC.length)).toString('latin1') === ARCHIVE_MAGIC;
}

export function archiveStart(): Buffer {
  return Buffer.from(ARCHIVE_MAGIC, 'latin1');
}

export function archiveEntry({ name, time, sequence, headers, payload }: ArchiveEntry): Buffer {
  const to = new ByteWriter(MAX_HEAD + name.length + headers.length + payload.length);
  to.varint(name.length);
  to.signedVarint64(time);
  to.varint(sequence);
  to.varint(headers.length);
  to.varint(payload.length);
  to.latin1(name);
  to.append(headers);
  to.append(payload);
  return to.written;
}

export function archiveEnd(): Buffer {
  return Buffer.alloc(5);
}

interface Head {
  nameLength: number;
  time: bigint;
  sequence: number;
  headersLength: number;
  payloadLength: number;
}

/** Reads an archive that comes in pieces. Holds one entry at most, and no more of it than has come. */
export class ArchiveReader {
  readonly #queue = new ByteQueue();
  readonly #entryLimit: number;
  #started = false;
  #ended = false;
  #head: Head | null = null;

  constructor(entryLimit = DEFAULT_ENTRY_LIMIT) {
    this.#entryLimit = entryLimit;
  }

  /** Whether the last entry, that of zeros, was there. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Takes the next bytes, which must not be changed afterwards, and yields the entries that are complete. What comes after the end
   * of the archive is ignored.
   *
   * @throws {CorruptError}
   */
  *push(piece: Uint8Array): Generator<ArchiveEntry, void, void> {
    if (this.#ended) return;
    this.#queue.push(piece);
    for (let entry = this.#next(); entry !== null; entry = this.#next()) yield entry;
  }

  /** @throws {CorruptError} the archive is not complete */
  end(): void {
    if (!this.#ended) throw new CorruptError('EOF');
  }

  #next(): ArchiveEntry | null {
    const queue = this.#queue;
    if (!this.#started) {
      if (queue.length < ARCHIVE_MAGIC.length) return null;
      if (!isArchive(queue.take(ARCHIVE_MAGIC.length)))
        throw new CorruptError('archive: invalid archive stream');
      this.#started = true;
    }
    if (this.#ended) return null;
    this.#head ??= this.#readHead();
    const head = this.#head;
    if (head === null) return null;
    const length = head.nameLength + head.headersLength + head.payloadLength;
    if (queue.length < length) return null;
    this.#head = null;
    if (head.nameLength === 0 && head.time === 0n && head.sequence === 0 && length === 0) {
      this.#ended = true;
      return null;
    }
    const bytes = queue.take(length);
    const headersEnd = head.nameLength + head.headersLength;
    return {
      name: bytes.toString('latin1', 0, head.nameLength),
      time: head.time,
      sequence: head.sequence,
      headers: bytes.subarray(head.nameLength, headersEnd),
      payload: bytes.subarray(headersEnd),
    };
  }

  /** The numbers of the next entry; null while they are not all there. */
  #readHead(): Head | null {
    const from = new ByteReader(this.#queue.peek(MAX_HEAD));
    // Each of the five numbers ends with a byte below 128.
    let numbers = 0;
    for (let i = 0; i < from.end && numbers < 5; i++) if (from.bytes[i]! < 128) numbers++;
    if (numbers < 5 && from.end < MAX_HEAD) return null;
    const nameLength = from.varint();
    const time = from.signedVarint64();
    const sequence = from.varint();
    const headersLength = from.varint();
    const payloadLength = from.varint();
    if (nameLength > MAX_NAME) throw new CorruptError('archive: invalid archive stream');
    if (headersLength + payloadLength > this.#entryLimit) {
      throw new CorruptError(`archive: entry of ${headersLength + payloadLength} bytes`);
    }
    this.#queue.take(from.at);
    return { nameLength, time, sequence, headersLength, payloadLength };
  }
}

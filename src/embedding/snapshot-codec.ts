/**
 * The bytes of a snapshot. They are for this program to read again, in this version or a later one; who wants something for other
 * programs makes backups.
 *
 *     "WEFTSNAP" | version, 4 bytes
 *     for each stream: 1 | length, JSON of it with its consumers (`StreamHead`)
 *         for each message: 1 | sequence, time, lengths of subject, headers and payload | those, one behind the other
 *         0
 *     0 | SHA-256 of all that comes before
 *
 * Numbers are little endian: lengths of 4 bytes, sequences (floating point) and times (nanoseconds) of 8.
 */
import { createHash } from 'node:crypto';

const MAGIC = Buffer.from('WEFTSNAP', 'latin1');
const VERSION = 1;
const HASH_SIZE = 32;
const START = MAGIC.length + 4;
const MORE = 1;
const END = 0;
/** Of a message, without its texts. */
const MESSAGE_HEAD = 1 + 8 + 8 + 4 + 4 + 4;

/** A stream, but for its messages. */
export interface StreamHead {
  account: string;
  /** The JSON of its `meta.inf`. */
  meta: string;
  first: number;
  last: number;
  /** Nanoseconds since 1970; texts, as JSON knows no such numbers. */
  firstTime: string;
  lastTime: string;
  /** How far its sources were copied; null where it has none. */
  sources: { stamp: number; entries: { name: string; sequence: number; identity: string }[] } | null;
  consumers: ConsumerHead[];
}

export interface ConsumerHead {
  name: string;
  /** The JSON of its `meta.inf`. */
  meta: string;
  delivered: { consumer: number; stream: number };
  ackFloor: { consumer: number; stream: number };
  /** Stream sequence, consumer sequence, time of the delivery in milliseconds since 1970. */
  pending: [number, number, number][];
  /** Stream sequence, deliveries beyond the first one. */
  redelivered: [number, number][];
}

export interface SnapshotMessage {
  sequence: number;
  /** Nanoseconds since 1970. */
  time: bigint;
  /** As latin1. */
  subject: string;
  header: Buffer | null;
  payload: Buffer;
}

/** Bytes that no server has written, or not to their end. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

export class SnapshotWriter {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #length = 0;

  constructor() {
    this.#reserve(START);
    MAGIC.copy(this.#bytes);
    this.#bytes.writeUInt32LE(VERSION, MAGIC.length);
    this.#length = START;
  }

  stream(head: StreamHead): void {
    const json = Buffer.from(JSON.stringify(head), 'utf8');
    this.#reserve(5 + json.length);
    this.#bytes[this.#length] = MORE;
    this.#bytes.writeUInt32LE(json.length, this.#length + 1);
    json.copy(this.#bytes, this.#length + 5);
    this.#length += 5 + json.length;
  }

  message({ sequence, time, subject, header, payload }: SnapshotMessage): void {
    const headerLength = header?.length ?? 0;
    const at = this.#length;
    this.#reserve(MESSAGE_HEAD + subject.length + headerLength + payload.length);
    const bytes = this.#bytes;
    bytes[at] = MORE;
    bytes.writeDoubleLE(sequence, at + 1);
    bytes.writeBigInt64LE(time, at + 9);
    bytes.writeUInt32LE(subject.length, at + 17);
    bytes.writeUInt32LE(headerLength, at + 21);
    bytes.writeUInt32LE(payload.length, at + 25);
    let end = at + MESSAGE_HEAD;
    end += bytes.write(subject, end, 'latin1');
    if (header !== null) end += header.copy(bytes, end);
    end += payload.copy(bytes, end);
    this.#length = end;
  }

  /** Ends the messages of a stream, and once more the streams. */
  end(): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = END;
  }

  finish(): Uint8Array {
    this.end();
    this.#reserve(HASH_SIZE);
    hashOf(this.#bytes.subarray(0, this.#length)).copy(this.#bytes, this.#length);
    // A copy of its own: what is left of the buffer, and of Node's pool, does not go along when it is stored or sent.
    return new Uint8Array(this.#bytes.subarray(0, this.#length + HASH_SIZE));
  }

  #reserve(bytes: number): void {
    const wanted = this.#length + bytes;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

export class SnapshotReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at = START;

  /** Throws `SnapshotError`. */
  constructor(snapshot: Uint8Array) {
    const bytes = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength);
    if (bytes.length < START + 1 + HASH_SIZE || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
      throw new SnapshotError('this is no snapshot');
    const version = bytes.readUInt32LE(MAGIC.length);
    if (version !== VERSION)
      throw new SnapshotError(`the snapshot is of version ${version}, known is version ${VERSION}`);
    this.#bytes = bytes;
    this.#end = bytes.length - HASH_SIZE;
    if (!hashOf(bytes.subarray(0, this.#end)).equals(bytes.subarray(this.#end)))
      throw new SnapshotError('the snapshot is damaged or not complete');
  }

  /** The next stream; its messages have to be read before the one after it. */
  stream(): StreamHead | null {
    if (this.#bytes[this.#at++] === END) return null;
    const start = this.#at + 4;
    this.#at = start + this.#bytes.readUInt32LE(this.#at);
    return JSON.parse(this.#bytes.toString('utf8', start, this.#at));
  }

  /** Texts are views of the snapshot. */
  message(): SnapshotMessage | null {
    const bytes = this.#bytes;
    const at = this.#at;
    if (bytes[at] === END) {
      this.#at++;
      return null;
    }
    const subject = at + MESSAGE_HEAD;
    const header = subject + bytes.readUInt32LE(at + 17);
    const payload = header + bytes.readUInt32LE(at + 21);
    this.#at = payload + bytes.readUInt32LE(at + 25);
    return {
      sequence: bytes.readDoubleLE(at + 1),
      time: bytes.readBigInt64LE(at + 9),
      subject: bytes.toString('latin1', subject, header),
      header: header === payload ? null : bytes.subarray(header, payload),
      payload: bytes.subarray(payload, this.#at),
    };
  }
}

function hashOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

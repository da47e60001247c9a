/**
 * The files of what a stream has to do later or has to remember, each a cache of what its messages' headers say:
 *
 * - `thw.db`: when messages expire
 * - `sched.db`: when schedules fire next
 * - `sources.db`: how far each source has been copied
 *
 * They start with the version 1, the number of entries and the stamp, both u64. The stamp is the first sequence whose message had not been
 * looked at when the file was written. They end with a sum that official servers do not look at, see `file-sum.ts`.
 */
import { ByteReader, ByteWriter } from './binary.js';
import { endWithSum, expectEnd, withoutSum } from './file-sum.js';
import { CorruptError } from './store-error.js';

const VERSION = 1;

export interface Stamped<Entry> {
  stamp: number;
  entries: Entry[];
}

export interface ExpiryEntry {
  /** Nanoseconds. */
  expires: bigint;
  sequence: number;
}

export interface ScheduleEntry {
  /** As latin1. */
  subject: string;
  /** When it fires next, in nanoseconds. */
  fires: bigint;
  sequence: number;
}

export interface SourceEntry {
  /** `<stream>[:<hash of the external prefix>][:C=<hash of the consumer>] <filter or >> <destination or >>`, latin1. */
  name: string;
  sequence: number;
  /** Eight characters, or none. */
  identity: string;
}

function encode<Entry>(
  { stamp, entries }: Stamped<Entry>,
  write: (entry: Entry, to: ByteWriter) => void,
): Buffer {
  const to = new ByteWriter(64 + entries.length * 16);
  to.byte(VERSION);
  to.u64(entries.length);
  to.u64(stamp);
  for (const entry of entries) write(entry, to);
  return endWithSum(to);
}

/** `size` is the least that an entry takes. */
function decode<Entry>(bytes: Uint8Array, size: number, read: (from: ByteReader) => Entry): Stamped<Entry> {
  const from = new ByteReader(withoutSum(bytes));
  const version = from.byte();
  if (version !== VERSION) throw new CorruptError(`version ${version}`);
  const count = from.u64();
  const stamp = from.u64();
  if (count > from.left / size) throw new CorruptError('unexpected end');
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) entries.push(read(from));
  expectEnd(from);
  return { stamp, entries };
}

export function encodeExpiries(file: Stamped<ExpiryEntry>): Buffer {
  return encode(file, ({ expires, sequence }, to) => {
    to.signedVarint64(expires);
    to.varint(sequence);
  });
}

/** @throws {CorruptError} */
export function decodeExpiries(bytes: Uint8Array): Stamped<ExpiryEntry> {
  return decode(bytes, 2, (from) => ({ expires: from.signedVarint64(), sequence: from.varint() }));
}

export function encodeSchedules(file: Stamped<ScheduleEntry>): Buffer {
  return encode(file, ({ subject, fires, sequence }, to) => {
    to.u16(subject.length);
    to.latin1(subject);
    to.signedVarint64(fires);
    to.varint(sequence);
  });
}

/** @throws {CorruptError} */
export function decodeSchedules(bytes: Uint8Array): Stamped<ScheduleEntry> {
  return decode(bytes, 4, (from) => {
    const subject = from.latin1(from.u16());
    return { subject, fires: from.signedVarint64(), sequence: from.varint() };
  });
}

export function encodeSources(file: Stamped<SourceEntry>): Buffer {
  return encode(file, ({ name, sequence, identity }, to) => {
    to.varint(name.length);
    to.latin1(name);
    to.varint(sequence);
    to.varint(identity.length);
    to.latin1(identity);
  });
}

/** @throws {CorruptError} */
export function decodeSources(bytes: Uint8Array): Stamped<SourceEntry> {
  return decode(bytes, 3, (from) => {
    const name = from.latin1(from.varint());
    const sequence = from.varint();
    return { name, sequence, identity: from.latin1(from.varint()) };
  });
}

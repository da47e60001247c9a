/**
 * `msgs/index.db`: what was known of a stream when it was last written, so that a start need not read all blocks. It is a cache, and
 * to be believed only if the last record's hash of its last block is still the one noted here.
 *
 *     11 | version 4 | state | subjects | blocks | the last block and the hash of its last record | hash of all that
 *
 * Encrypted stores have a nonce and the sealed bytes in front of the hash; see `encryption.ts`.
 */
import { HASH_SIZE, type HashKey, type HighwayHash } from '../../runtime/highway-hash.js';
import { ByteReader, ByteWriter } from './binary.js';
import { SequenceSet } from './sequence-set.js';
import { CorruptError } from './store-error.js';

const MAGIC = 11;
const VERSION = 4;
/** Version from which on there is a count of ... */
const TTLS_SINCE = 2;
const SCHEDULES_SINCE = 3;
/** Version from which on the last block of a subject is always there, not only if it has several messages. */
const LAST_BLOCK_SINCE = 4;
/** Anything shorter was not written whole. */
export const MIN_INDEX_SIZE = 32;

export interface SubjectState {
  /** As latin1. */
  subject: string;
  messages: number;
  /** A block not above the one with its first message. */
  firstBlock: number;
  lastBlock: number;
}

export interface BlockState {
  index: number;
  /** Of its live messages. */
  bytes: number;
  firstSequence: number;
  /** Nanoseconds. */
  firstTime: bigint;
  /** Below the first one in a block without messages. */
  lastSequence: number;
  lastTime: bigint;
  /** Within its sequences; null for none. */
  deleted: SequenceSet | null;
  /** How many messages have a time to live, or a schedule; may be too high. */
  ttls: number;
  schedules: number;
}

export interface StreamIndex {
  messages: number;
  bytes: number;
  firstSequence: number;
  /** Nanoseconds; 0 for none. */
  firstTime: bigint;
  lastSequence: number;
  lastTime: bigint;
  subjects: SubjectState[];
  blocks: BlockState[];
  lastBlock: number;
  /** The hash of the last record in that block; zeros if it has none. */
  lastHash: Uint8Array;
}

/** The live messages of a block. */
export function blockMessages(block: BlockState): number {
  return Math.max(block.lastSequence - block.firstSequence + 1 - (block.deleted?.size ?? 0), 0);
}

/** The index without its hash: what is encrypted in an encrypted store. */
export function encodeIndexBody(index: StreamIndex): Buffer {
  const to = new ByteWriter(1024 + index.subjects.length * 48 + index.blocks.length * 64);
  to.byte(MAGIC);
  to.byte(VERSION);
  to.varint(index.messages);
  to.varint(index.bytes);
  to.varint(index.firstSequence);
  to.signedVarint64(index.firstTime);
  to.varint(index.lastSequence);
  to.signedVarint64(index.lastTime);
  to.varint(index.subjects.length);
  for (const { subject, messages, firstBlock, lastBlock } of index.subjects) {
    to.varint(subject.length);
    to.latin1(subject);
    to.varint(messages);
    to.varint(firstBlock);
    to.varint(lastBlock);
  }
  to.varint(index.blocks.length);
  for (const block of index.blocks) encodeBlock(block, index.firstTime, to);
  to.varint(index.lastBlock);
  to.append(index.lastHash.subarray(0, HASH_SIZE));
  return to.written;
}

function encodeBlock(block: BlockState, baseTime: bigint, to: ByteWriter): void {
  to.varint(block.index);
  to.varint(block.bytes);
  to.varint(block.firstSequence);
  to.signedVarint64(block.firstTime - baseTime);
  to.varint(block.lastSequence);
  to.signedVarint64(block.lastTime - baseTime);
  const deleted = block.deleted?.size ?? 0;
  to.varint(deleted);
  to.varint(block.ttls);
  to.varint(block.schedules);
  if (deleted > 0) block.deleted!.encode(to);
}

/** @throws {CorruptError} */
export function decodeIndexBody(body: Uint8Array): StreamIndex {
  const from = new ByteReader(body);
  const magic = from.byte();
  const version = from.byte();
  if (magic !== MAGIC || version < 1 || version > VERSION) {
    throw new CorruptError('Stream state magic and version mismatch');
  }
  const messages = from.varint();
  const bytes = from.varint();
  const firstSequence = from.varint();
  const firstTime = from.signedVarint64();
  const lastSequence = from.varint();
  const lastTime = from.signedVarint64();
  const subjects: SubjectState[] = [];
  for (let count = from.count(3); count > 0; count--) {
    const subject = from.latin1(from.varint());
    // The official server takes an entry without a subject for one without anything.
    if (subject === '') continue;
    const total = from.varint();
    const firstBlock = from.varint();
    const lastBlock = total > 1 || version >= LAST_BLOCK_SINCE ? from.varint() : firstBlock;
    subjects.push({ subject, messages: total, firstBlock, lastBlock });
  }
  const blocks: BlockState[] = [];
  for (let count = from.count(7); count > 0; count--) blocks.push(decodeBlock(from, version, firstTime));
  const lastBlock = from.varint();
  const lastHash = from.copy(HASH_SIZE);
  const state = { messages, bytes, firstSequence, firstTime, lastSequence, lastTime };
  return { ...state, subjects, blocks, lastBlock, lastHash };
}

function decodeBlock(from: ByteReader, version: number, baseTime: bigint): BlockState {
  const index = from.varint();
  const bytes = from.varint();
  const firstSequence = from.varint();
  const firstTime = from.signedVarint64() + baseTime;
  const lastSequence = from.varint();
  const lastTime = from.signedVarint64() + baseTime;
  const deletedCount = from.varint();
  const ttls = version >= TTLS_SINCE ? from.varint() : 0;
  const schedules = version >= SCHEDULES_SINCE ? from.varint() : 0;
  const deleted = deletedCount > 0 ? SequenceSet.decode(from) : null;
  return { index, bytes, firstSequence, firstTime, lastSequence, lastTime, deleted, ttls, schedules };
}

/** The file: the body, sealed or not, with the hash under the key of the stream's name behind it. */
export function sealIndex(hash: HighwayHash, key: HashKey, body: Uint8Array): Buffer {
  const file = Buffer.allocUnsafe(body.length + HASH_SIZE);
  file.set(body);
  hash.hash(key, file, 0, body.length, file, body.length);
  return file;
}

/**
 * What the file holds in front of its hash.
 *
 * @throws {CorruptError} with the words that the official server logs
 */
export function openIndex(hash: HighwayHash, key: HashKey, file: Uint8Array): Uint8Array {
  if (file.length < MIN_INDEX_SIZE) throw new CorruptError(`Stream state too short (${file.length} bytes)`);
  const end = file.length - HASH_SIZE;
  if (!hash.matches(key, file, 0, end, file, end)) {
    throw new CorruptError('Stream state checksum did not match');
  }
  return file.subarray(0, end);
}

/** Whether the blocks together are what is said of the stream, without which the index is not to be believed. */
export function indexIsConsistent(index: StreamIndex): boolean {
  let messages = 0;
  let bytes = 0;
  let firstSequence = 0;
  let lastSequence = 0;
  for (const block of index.blocks) {
    messages += blockMessages(block);
    bytes += block.bytes;
    if (firstSequence === 0 || (block.firstSequence < firstSequence && block.firstTime !== 0n)) {
      firstSequence = block.firstSequence;
    }
    lastSequence = Math.max(lastSequence, block.lastSequence);
  }
  return (
    messages === index.messages &&
    bytes === index.bytes &&
    lastSequence === index.lastSequence &&
    // A stream that never had a message starts at 0, its block at 1.
    (firstSequence <= 1 || firstSequence === index.firstSequence)
  );
}

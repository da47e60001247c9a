/**
 * A stored message as it goes out to those who get it under its own subject, however they asked for it: laid out once in memory that
 * is used again, without a string or an object of its own.
 */
import { copyWords, WORD_COPY_LIMIT, writeNumber } from '../protocol/bytes.js';
import { PublishOperation } from '../protocol/client-parser.js';
import { COPY_SLACK, Memory } from '../runtime/arena.js';

const KEPT_SIZE = 64 * 1024;
const SPACE = 32;

/** A payload where it lies. */
export type LyingPayload = Pick<LyingMessage, 'buffer' | 'words' | 'payloadStart' | 'payloadEnd'>;

/** A message where it lies: subject, header block (none where it has no length) and payload, the last two one behind the other. */
export interface LyingMessage {
  readonly buffer: Uint8Array;
  /** A view of the same bytes. */
  readonly words: DataView;
  readonly subjectStart: number;
  readonly subjectEnd: number;
  readonly headerStart: number;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  /** Latin1 text of the subject. */
  readonly subject: string;
}

/** Copies a part of it. May write some bytes too many behind them (`COPY_SLACK`). */
export function copyLying(
  { buffer, words }: Pick<LyingMessage, 'buffer' | 'words'>,
  start: number,
  length: number,
  to: Memory,
  at: number,
): void {
  if (length <= WORD_COPY_LIMIT && start + length + 3 <= words.byteLength)
    copyWords(words, start, length, to.words, at);
  else to.bytes.set(buffer.subarray(start, start + length), at);
}

/** Text that is written anew for each message, from the start of a memory. */
export interface Scratch {
  readonly memory: Memory;
  readonly length: number;
}

export class StoredFrame {
  #memory: Memory | null = null;
  readonly #operation = new PublishOperation();
  /** What was laid out is being delivered to somebody who may have more delivered meanwhile. */
  busy = false;

  /** The operation and its memory are used again by the next call, unless `busy` is set. */
  compose(message: LyingMessage, reply: Scratch): PublishOperation {
    const { buffer, subjectStart, subjectEnd, headerStart, payloadStart, payloadEnd } = message;
    const subjectLength = subjectEnd - subjectStart;
    const headerSize = payloadStart - headerStart;
    const size = payloadEnd - headerStart;
    const room = subjectLength + reply.length + size + 32;
    const reuse = !this.busy && room + COPY_SLACK <= KEPT_SIZE;
    const memory = reuse ? (this.#memory ??= new Memory(KEPT_SIZE)) : new Memory(room + COPY_SLACK);
    const operation = reuse ? this.#operation : new PublishOperation();
    const { bytes } = memory;
    for (let i = 0; i < subjectLength; i++) bytes[i] = buffer[subjectStart + i]!;
    let at = subjectLength;
    bytes[at++] = SPACE;
    const replyStart = at;
    for (let i = 0; i < reply.length; i++) bytes[at++] = reply.memory.bytes[i]!;
    const replyEnd = at;
    bytes[at++] = SPACE;
    if (headerSize > 0) {
      at = writeNumber(headerSize, bytes, at);
      bytes[at++] = SPACE;
    }
    at = writeNumber(size, bytes, at);
    bytes[at++] = 13;
    bytes[at++] = 10;
    operation.memory = memory;
    operation.subjectStart = 0;
    operation.subjectEnd = subjectLength;
    operation.hash = 0;
    operation.tailStart = replyStart;
    operation.replyStart = replyStart;
    operation.replyEnd = replyEnd;
    operation.headerSize = headerSize;
    operation.size = size;
    operation.payloadStart = at;
    copyLying(message, headerStart, size, memory, at);
    at += size;
    bytes[at++] = 13;
    bytes[at++] = 10;
    operation.tailEnd = at;
    return operation;
  }
}

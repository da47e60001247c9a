/** The frames that streams send most, acknowledgements and stored messages, written where they go out from. */
import { copyBytes, writeNumber, writeText } from '../protocol/bytes.js';
import type { Outbound } from './outbound.js';
import { copyLying, type LyingMessage, type LyingPayload, type Scratch } from './stored-frame.js';

const MSG = Buffer.from('MSG ');
const HMSG = Buffer.from('HMSG ');
const SPACE = 32;
const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const CLOSING_BRACE = 125;
/** Bytes of a frame beyond texts: blanks, line ends, numbers at their longest. */
const EXTRA = 48;
const LOOP_LIMIT = 40;

/**
 * Writes `MSG <subject> <sid> <size>`, then a line of `before`, the number and `}`, which are `size` bytes. False when there is no room
 * for it in one piece; then nothing was written.
 */
export function writeAnswer(
  out: Outbound,
  sid: string | number,
  subject: Uint8Array,
  subjectStart: number,
  subjectLength: number,
  before: Uint8Array,
  value: number,
  size: number,
): boolean {
  const texts = subjectLength + before.length + (typeof sid === 'number' ? 0 : sid.length);
  let at = out.reserve(texts + EXTRA);
  if (at === -1) return false;
  const { bytes } = out.memory;
  at = writeBytes(MSG, 0, MSG.length, bytes, at);
  at = writeHead(sid, subject, subjectStart, subjectLength, bytes, at);
  at = writeNumber(size, bytes, at);
  at = writeLineEnd(bytes, at);
  at = writeBytes(before, 0, before.length, bytes, at);
  at = writeNumber(value, bytes, at);
  bytes[at++] = CLOSING_BRACE;
  out.written(writeLineEnd(bytes, at));
  return true;
}

/** The same for `HMSG <subject> <sid> <header size> <size>`, a header and a payload. */
export function writeAnswerWith(
  out: Outbound,
  sid: string | number,
  subject: Uint8Array,
  subjectStart: number,
  subjectLength: number,
  header: Scratch,
  payload: LyingPayload,
): boolean {
  const { payloadStart, payloadEnd } = payload;
  const payloadLength = payloadEnd - payloadStart;
  const texts = subjectLength + (typeof sid === 'number' ? 0 : sid.length);
  const size = header.length + payloadLength;
  let at = out.reserve(texts + size + EXTRA);
  if (at === -1) return false;
  const { bytes } = out.memory;
  at = writeBytes(HMSG, 0, HMSG.length, bytes, at);
  at = writeHead(sid, subject, subjectStart, subjectLength, bytes, at);
  at = writeNumber(header.length, bytes, at);
  bytes[at++] = SPACE;
  at = writeNumber(size, bytes, at);
  at = writeLineEnd(bytes, at);
  copyBytes(header.memory, 0, header.length, out.memory, at);
  at += header.length;
  copyLying(payload, payloadStart, payloadLength, out.memory, at);
  out.written(writeLineEnd(bytes, at + payloadLength));
  return true;
}

/** The same for a stored message under its own subject, with a reply. */
export function writeStored(
  out: Outbound,
  sid: string | number,
  message: LyingMessage,
  reply: Scratch,
): boolean {
  const { buffer, subjectStart, subjectEnd, headerStart, payloadStart, payloadEnd } = message;
  const size = payloadEnd - headerStart;
  const texts = subjectEnd - subjectStart + reply.length + (typeof sid === 'number' ? 0 : sid.length);
  let at = out.reserve(texts + size + EXTRA);
  if (at === -1) return false;
  const { bytes } = out.memory;
  const headerSize = payloadStart - headerStart;
  const verb = headerSize === 0 ? MSG : HMSG;
  at = writeBytes(verb, 0, verb.length, bytes, at);
  at = writeHead(sid, buffer, subjectStart, subjectEnd - subjectStart, bytes, at);
  copyBytes(reply.memory, 0, reply.length, out.memory, at);
  at += reply.length;
  bytes[at++] = SPACE;
  if (headerSize > 0) {
    at = writeNumber(headerSize, bytes, at);
    bytes[at++] = SPACE;
  }
  at = writeNumber(size, bytes, at);
  at = writeLineEnd(bytes, at);
  copyLying(message, headerStart, size, out.memory, at);
  out.written(writeLineEnd(bytes, at + size));
  return true;
}

/** Subject and sid, each with a blank behind it. */
function writeHead(
  sid: string | number,
  subject: Uint8Array,
  start: number,
  length: number,
  bytes: Uint8Array,
  at: number,
): number {
  let next = writeBytes(subject, start, length, bytes, at);
  bytes[next++] = SPACE;
  next = typeof sid === 'number' ? writeNumber(sid, bytes, next) : writeText(sid, bytes, next);
  bytes[next++] = SPACE;
  return next;
}

function writeLineEnd(bytes: Uint8Array, at: number): number {
  bytes[at] = CARRIAGE_RETURN;
  bytes[at + 1] = LINE_FEED;
  return at + 2;
}

/** A few bytes are copied faster one by one than by a view for `set`. */
function writeBytes(from: Uint8Array, start: number, length: number, to: Uint8Array, at: number): number {
  if (length <= LOOP_LIMIT) for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
  else to.set(from.subarray(start, start + length), at);
  return at + length;
}

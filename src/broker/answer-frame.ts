/** The frame of an answer that ends in a number, as acknowledgements of streams do, written where it goes out from. */
import { writeNumber, writeText } from '../protocol/bytes.js';
import type { Outbound } from './outbound.js';

const MSG = Buffer.from('MSG ');
const SPACE = 32;
const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const CLOSING_BRACE = 125;
/** Bytes of a frame beyond texts: blanks, line ends, numbers at their longest. */
const EXTRA = 48;

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
  for (let i = 0; i < 4; i++) bytes[at++] = MSG[i]!;
  for (let i = 0; i < subjectLength; i++) bytes[at++] = subject[subjectStart + i]!;
  bytes[at++] = SPACE;
  at = typeof sid === 'number' ? writeNumber(sid, bytes, at) : writeText(sid, bytes, at);
  bytes[at++] = SPACE;
  at = writeNumber(size, bytes, at);
  bytes[at++] = CARRIAGE_RETURN;
  bytes[at++] = LINE_FEED;
  for (let i = 0; i < before.length; i++) bytes[at++] = before[i]!;
  at = writeNumber(value, bytes, at);
  bytes[at++] = CLOSING_BRACE;
  bytes[at++] = CARRIAGE_RETURN;
  bytes[at++] = LINE_FEED;
  out.written(at);
  return true;
}

/**
 * The sum of the small files to which the official format gives none: `o.dat`, `thw.db`, `sched.db`, `sources.db`. Unseen, one flipped
 * bit could say that messages are done with that nobody has had, or are due.
 *
 *     the official content | CRC-32C of it u32 | mark, 4 bytes
 *
 * It is in the file itself, so no power cut parts the two, and what another server writes afterwards has no old sum beside it. Official
 * servers read as far as the content goes and no further. An official file ends with a number or a name, so its last byte is below 128;
 * that of the mark is not. So either a file ends with the mark, and has to match its sum, or it has to end where its content does: no
 * single flipped bit and no lost end makes the one of the other.
 */
import { crc32c } from '../../runtime/crc32c.js';
import { ByteReader, type ByteWriter } from './binary.js';
import { CorruptError } from './store-error.js';

const MARK = 0xb5f7_6d73;
/** Bytes of the sum and the mark. */
export const FILE_SUM_SIZE = 8;

/** Ends a file that has been written so far, and gives all of it. */
export function endWithSum(to: ByteWriter): Buffer {
  to.u32(crc32c(to.written));
  to.u32(MARK);
  return to.written;
}

/** Whether a file that could be read is known to be as it was written. */
export function hasSum(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.at(-1)! >= 128;
}

/** The content alone. @throws {CorruptError} it is not what the sum is of */
export function withoutSum(bytes: Uint8Array): Uint8Array {
  if (!hasSum(bytes)) return bytes;
  const end = bytes.length - FILE_SUM_SIZE;
  const from = new ByteReader(bytes, Math.max(end, 0));
  if (end < 0 || from.u32() !== crc32c(bytes, 0, end) || from.u32() !== MARK)
    throw new CorruptError('checksum does not match');
  return bytes.subarray(0, end);
}

/** Nothing may follow a content. @throws {CorruptError} something does */
export function expectEnd(from: ByteReader): void {
  if (from.left > 0) throw new CorruptError('something follows behind the end');
}

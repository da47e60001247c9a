/** How large the blocks of a stream are: the official choice, so that both servers cut a stream alike. */
import { hasWildcard } from '../subjects/subject.js';
import type { StreamConfig } from './stream-config.js';

const MIB = 1024 * 1024;
const SMALLEST = 32_000;
const MIDDLE = 4 * MIB;
const LARGEST = 8 * MIB;
const ENCRYPTED = 2 * MIB;
/** Where neither stream nor account say how large a message may be. */
const DEFAULT_MESSAGE = MIB;
/** What a message takes beside its subject and its body. */
const RECORD_ESTIMATE = 30 + 4;
/** Where a stream has no literal subject. */
const SUBJECT_ESTIMATE = 256;

/** Bytes. `maxPayload` is the account's largest message, 0 where it has none. */
export function blockSizeFor(config: StreamConfig, encrypted: boolean, maxPayload: number): number {
  if (config.max_bytes > 0) return forTotal(config.max_bytes);
  if (config.max_msgs > 0) {
    const largest =
      config.max_msg_size > 0 ? config.max_msg_size : maxPayload > 0 ? maxPayload : DEFAULT_MESSAGE;
    return forTotal(config.max_msgs * (largest + subjectLength(config) + RECORD_ESTIMATE));
  }
  if (config.max_msgs_per_subject > 0) return MIDDLE;
  if (encrypted) return ENCRYPTED;
  return config.retention === 'limits' ? LARGEST : MIDDLE;
}

/** Bytes of the longest literal subject. */
function subjectLength({ subjects }: StreamConfig): number {
  const literal = (subjects ?? []).filter((subject) => !hasWildcard(subject));
  return literal.length === 0
    ? SUBJECT_ESTIMATE
    : Math.max(...literal.map((each) => Buffer.byteLength(each)));
}

/** A quarter of what the stream may hold, so that removing the oldest block frees much and not all. */
function forTotal(total: number): number {
  const quarter = Math.ceil((Math.floor(total / 4) + 1) / 100) * 100;
  if (quarter <= SMALLEST) return SMALLEST;
  return quarter >= LARGEST ? LARGEST : MIDDLE;
}

/** What the rules of streams, of their origins, and of consumers have in common. */
import { fromUtf8 } from '../protocol/bytes.js';
import { hasWildcard, isValidSubscription } from '../subjects/subject.js';
import { SubjectTransform } from '../subjects/transform.js';
import { ApiError } from './errors.js';
import type { StreamConfig } from './stream-config.js';

/** What the rules need to know of the account and the server. */
export interface StreamSurroundings {
  /** The configuration of another stream of the account. */
  stream(name: string): StreamConfig | undefined;
  /** The largest duplicate window of the server, nanoseconds; 0 is no limit. */
  readonly maxDuplicateWindow: number;
  /** Whether the account wants `max_bytes` of every stream, and how large it may be; 0 is no limit. */
  maxBytes(config: StreamConfig): { required: boolean; limit: number };
}

export function invalidConfig(err: string): ApiError {
  return new ApiError('streamInvalidConfig', { err });
}

export function pedanticError(err: string): ApiError {
  return new ApiError('pedantic', { err });
}

/** Go's check of a subject in a configuration: tokens, wildcards in place, no white space. */
export function isValidSubject(subject: string): boolean {
  return isValidSubscription(subject) && !/[ \t\n\f\r]/.test(subject);
}

/** A literal subject that a client could publish to. */
export function isValidPublishSubject(subject: string): boolean {
  return isValidSubject(subject) && !hasWildcard(subject);
}

/** What is wrong with a transform of a configuration, where an empty destination leaves subjects as they are. */
export function transformProblem(src: string, dest: string): { part: 'src' | 'dest'; err: string } | null {
  if (src !== '' && !isValidSubject(src)) return { part: 'src', err: `invalid subject ${src}` };
  if (dest === '') return null;
  try {
    SubjectTransform.create(fromUtf8(src), fromUtf8(dest));
  } catch (error) {
    return { part: 'dest', err: (error as Error).message };
  }
  return null;
}

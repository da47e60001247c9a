/**
 * `meta.inf` and `meta.sum`: the configuration of a stream or a consumer as JSON (sealed in encrypted stores), and beside it the hash of
 * that file, under the key of its name, in hexadecimal.
 *
 * The official server requires a stream's sum to match and a consumer's to exist. A crash between writing the two leaves a mismatch;
 * so whoever reads them must look into the JSON before it takes the stream for lost.
 */

import { goJson } from '../../protocol/json.js';
import { HASH_SIZE, type HighwayHash, hashKey } from '../../runtime/highway-hash.js';
import { CorruptError } from './store-error.js';

/** The name whose key the sum of a stream's meta file is taken under; see `consumerMetaName`. */
export function streamMetaName(stream: string): string {
  return stream;
}

export function consumerMetaName(stream: string, consumer: string): string {
  return `${stream}/${consumer}`;
}

/** The content of `meta.sum`: the hash of `meta.inf` as it is on disk. */
export function metaSum(hash: HighwayHash, name: string, file: Uint8Array): string {
  const sum = Buffer.alloc(HASH_SIZE);
  hash.hash(hashKey(name), file, 0, file.length, sum, 0);
  return sum.toString('hex');
}

/** The content of `meta.inf` before it is sealed: what the official server writes, its time of creation in front. */
export function encodeMeta(created: string, fields: Record<string, unknown>): Buffer {
  return Buffer.from(goJson({ Created: created, ...fields }, 0), 'utf8');
}

/**
 * The JSON object in an opened `meta.inf`. Numbers are those of JavaScript: durations in nanoseconds from 2^53 on (104 days) are exact only to
 * some 100 ns.
 *
 * @throws {CorruptError}
 */
export function decodeMeta(content: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(content).toString('utf8'));
  } catch (error) {
    throw new CorruptError(`decoding error: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CorruptError('decoding error: no object');
  }
  return value as Record<string, unknown>;
}

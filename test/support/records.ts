/** Records as they are in a file: with their hashes. */
import * as record from '../../src/jetstream/store/record.js';
import type { HashKey, HighwayHash } from '../../src/runtime/highway-hash.js';
import { Stamp } from '../../src/runtime/stamp.js';

export function writeMessage(
  hash: HighwayHash,
  key: HashKey,
  to: Uint8Array,
  at: number,
  ...message: [...Parameters<typeof record.writeMessage>] extends [Uint8Array, number, ...infer Rest]
    ? Rest
    : never
): number {
  const end = record.writeMessage(to, at, ...message);
  hash.sealRecords(key, to, at, end);
  return end;
}

export function writeMarker(
  hash: HighwayHash,
  key: HashKey,
  to: Uint8Array,
  at: number,
  ...marker: [...Parameters<typeof record.writeMarker>] extends [Uint8Array, number, ...infer Rest]
    ? Rest
    : never
): number {
  const end = record.writeMarker(to, at, ...marker);
  hash.sealRecords(key, to, at, end);
  return end;
}

/** A time in nanoseconds as records are written with it. */
export function stampOf(time: bigint): Stamp {
  const stamp = new Stamp();
  stamp.nanoseconds = time;
  return stamp;
}

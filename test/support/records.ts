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

/** The halves of a time in nanoseconds with which records are written. */
export function timeHalves(time: bigint): { timeLow: number; timeHigh: number } {
  const stamp = new Stamp();
  stamp.nanoseconds = time;
  return { timeLow: stamp.low, timeHigh: stamp.high };
}

/** What disks that are memory have in common: paths, lists of names, and bytes that are read. */
import type { DiskEntry } from './disk.js';

/** Bytes of a file, with room behind them. */
export interface Contents {
  bytes: Buffer;
  size: number;
}

export const namesOf = (path: string): string[] => path.split('/').filter((part) => part !== '');
export const dirname = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 0));
export const basename = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** In the order of their names. A directory is what has one. */
export function listed(entries: Iterable<readonly [string, object]>): DiskEntry[] {
  return [...entries]
    .map(([name, node]) => ({ name, directory: 'directory' in node }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** As `DiskFile.read`. */
export function readContents(
  { bytes, size }: Contents,
  into: Uint8Array,
  offset: number,
  length: number,
  position: number,
): number {
  const count = Math.max(0, Math.min(length, size - position));
  into.set(bytes.subarray(position, position + count), offset);
  return count;
}

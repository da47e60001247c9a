/** Syncs by name, side by side, and which files need one. What is gone by now needs none. */
import { dirname } from 'node:path';
import type { Disk, DiskFile, SyncCallback } from '../../runtime/disk.js';

/** Milliseconds after which the system has written by itself what was not synced. */
const DOUBTFUL_AGE = 300_000;

/** Those of the files of a store that the system may not have written yet: they were changed not long before the newest of them. */
export function changedLately<T>(disk: Disk, files: readonly T[], pathOf: (file: T) => string): T[] {
  const modified = files.map((file) => disk.status(pathOf(file))?.modified ?? 0);
  const newest = Math.max(0, ...modified);
  return files.filter((_, i) => modified[i]! >= newest - DOUBTFUL_AGE);
}

/** Waits until a file that is there is on the device. */
export function syncFileNow(disk: Disk, path: string): void {
  const file = disk.open(path, 'write');
  try {
    file.syncNow();
  } finally {
    file.close();
  }
}

/** Makes a directory that is missing, one level, and waits until its name is on the device. */
export function ensureDirectory(disk: Disk, path: string): void {
  if (disk.status(path) !== undefined) return;
  disk.makeDirectory(path);
  disk.syncDirectoryNow(dirname(path));
}

/** First files, then the directories that have their names; so many side by side. */
export function syncAll(
  disk: Disk,
  files: readonly string[],
  directories: Iterable<string>,
  done: SyncCallback,
  width?: number,
): void {
  eachOf(
    files,
    (path, one) => syncFile(disk, path, one),
    (error) => {
      if (error !== null) done(error);
      else eachOf([...directories], (path, one) => syncFolder(disk, path, one), done, width);
    },
    width,
  );
}

function syncFile(disk: Disk, path: string, done: SyncCallback): void {
  let file: DiskFile;
  try {
    file = disk.open(path, 'write');
  } catch (error) {
    done((error as NodeJS.ErrnoException).code === 'ENOENT' ? null : (error as Error));
    return;
  }
  try {
    file.sync(done);
  } catch (error) {
    done(error as Error);
  }
  file.close();
}

function syncFolder(disk: Disk, path: string, done: SyncCallback): void {
  try {
    disk.syncDirectory(path, done);
  } catch (error) {
    done((error as NodeJS.ErrnoException).code === 'ENOENT' ? null : (error as Error));
  }
}

/** Starts something for each of a list, so many side by side; `done` gets the first error. */
export function eachOf<T>(
  list: readonly T[],
  start: (item: T, one: (error: Error | null) => void) => void,
  done: (error: Error | null) => void,
  width = Number.POSITIVE_INFINITY,
): void {
  let next = 0;
  let left = list.length;
  let failure: Error | null = null;
  let starting = false;
  const more = () => {
    if (starting) return;
    starting = true;
    while (next < list.length && next - (list.length - left) < width) start(list[next++]!, one);
    starting = false;
    if (left === 0) done(failure);
  };
  const one = (error: Error | null) => {
    failure ??= error;
    left--;
    more();
  };
  more();
}

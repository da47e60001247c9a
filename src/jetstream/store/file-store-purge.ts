/**
 * Taking away all messages at once: a directory with one new block takes the place of the one with the messages, in the official
 * way, which a start can finish. What comes before that is done under a name that means nothing to anybody, so that a
 * purge that was refused cannot be finished later.
 */
import type { Disk } from '../../runtime/disk.js';
import { MESSAGES_DIR, NEW_MESSAGES_DIR, PURGED_DIR } from './layout.js';

export const STAGING_DIR = '__purge__';

/** Makes the directory with the new block, which `write` puts there; from then on only names have to change. */
export function stagePurge(disk: Disk, directory: string, write: (folder: string) => void): void {
  const staging = `${directory}/${STAGING_DIR}`;
  try {
    for (const name of [STAGING_DIR, NEW_MESSAGES_DIR, PURGED_DIR]) disk.removeTree(`${directory}/${name}`);
    disk.makeDirectory(staging);
    write(staging);
    disk.syncDirectoryNow(staging);
    disk.rename(staging, `${directory}/${NEW_MESSAGES_DIR}`);
  } catch (error) {
    try {
      disk.removeTree(staging);
    } catch {
      // The next start or purge removes it.
    }
    throw error;
  }
}

/** Puts it in place. After an error a start finishes it. */
export function commitPurge(disk: Disk, directory: string): void {
  const messages = `${directory}/${MESSAGES_DIR}`;
  const fresh = `${directory}/${NEW_MESSAGES_DIR}`;
  if (disk.status(fresh) !== undefined) {
    const old = `${directory}/${PURGED_DIR}`;
    if (disk.status(messages) !== undefined) disk.rename(messages, old);
    disk.rename(fresh, messages);
  }
  disk.syncDirectoryNow(directory);
}

export function removePurged(disk: Disk, directory: string): void {
  try {
    disk.removeTree(`${directory}/${PURGED_DIR}`);
  } catch {
    // The next start removes it.
  }
}

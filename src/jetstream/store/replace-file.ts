/** Files that are there as a whole or not at all: written under another name, synced, and then given theirs. */
import type { Disk } from '../../runtime/disk.js';
import { syncFileNow } from './sync-files.js';

/** The name may only change once the contents are on the device. That the name is durable takes a sync of the directory. */
export function replaceFile(disk: Disk, path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`;
  disk.writeFile(temporary, bytes);
  syncFileNow(disk, temporary);
  disk.rename(temporary, path);
}

/** The same, and waits until the name is durable, too. */
export function writeWhole(disk: Disk, path: string, bytes: Uint8Array): void {
  replaceFile(disk, path, bytes);
  disk.syncDirectoryNow(path.slice(0, path.lastIndexOf('/')));
}

/**
 * The port to the disk. Reads and writes are synchronous calls on the page cache: they cost microseconds, and keep the
 * logic above them free of waiting. Only syncs, which wait for the device, are asynchronous.
 *
 * Errors are those of Node: `code` says which (`ENOENT`, `ENOSPC`, `EIO`, ...).
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { Gate } from './gate.js';

/** What happens when a sync is over; without an error everything written before it was asked for is on the device. */
export type SyncCallback = (error: Error | null) => void;

export interface DiskFile {
  readonly path: string;
  /** Bytes read; fewer than `length` only at the end of the file. */
  read(into: Uint8Array, offset: number, length: number, position: number): number;
  /** Writes all of it or throws; a torn write may leave a part behind. */
  write(bytes: Uint8Array, offset: number, length: number, position: number): void;
  size(): number;
  truncate(size: number): void;
  /** Contents and size, not the name: that takes `syncDirectory`. */
  sync(done: SyncCallback): void;
  /** The same, and waits for it. For rare steps whose order matters. */
  syncNow(): void;
  /** A sync that is under way still ends; the file is closed after it. */
  close(): void;
}

export interface DiskEntry {
  name: string;
  directory: boolean;
}

export interface DiskStatus {
  size: number;
  directory: boolean;
  /** Milliseconds since 1970. */
  modified: number;
}

/** `read`: must be there. `write`: must be there. `create`: made when missing, kept as it is otherwise. */
export type OpenMode = 'read' | 'write' | 'create';

export interface Disk {
  open(path: string, mode: OpenMode): DiskFile;
  /** Undefined when there is nothing of that name. */
  status(path: string): DiskStatus | undefined;
  /** The whole file; throws `ENOENT` when it is not there. */
  readFile(path: string): Buffer;
  /** Replaces the contents in place: not atomic and not synced. */
  writeFile(path: string, bytes: Uint8Array): void;
  /** Replaces `to`. */
  rename(from: string, to: string): void;
  /** Removes a file; nothing happens when there is none. */
  remove(path: string): void;
  /** Removes a directory and all below it; nothing happens when there is none. */
  removeTree(path: string): void;
  /** With the parents that are missing. */
  makeDirectory(path: string): void;
  /** In the order of their names. */
  list(path: string): DiskEntry[];
  /** Makes the names in a directory durable: those that came, went or changed. */
  syncDirectory(path: string, done: SyncCallback): void;
  syncDirectoryNow(path: string): void;
  /** Another one after each start of the machine: what was written before that without a sync may be gone. '' if not known. */
  bootId(): string;
  /** Bytes that still fit in the file system of a directory, as far as that is known; Infinity otherwise. */
  available(path: string): number;
}

/** The whole file; null when it is not there. For files that mostly are: otherwise asking for the status costs less. */
export function readIfThere(disk: Disk, path: string): Buffer | null {
  try {
    return disk.readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

class NodeFile implements DiskFile {
  readonly path: string;
  readonly #gate: Gate;
  readonly #descriptor: number;
  #syncs = 0;
  #closed = false;

  constructor(path: string, mode: OpenMode, gate: Gate) {
    this.path = path;
    this.#gate = gate;
    this.#descriptor = openFile(path, mode);
  }

  read(into: Uint8Array, offset: number, length: number, position: number): number {
    let done = 0;
    while (done < length) {
      const count = readSync(this.#descriptor, into, offset + done, length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  write(bytes: Uint8Array, offset: number, length: number, position: number): void {
    let done = 0;
    while (done < length) {
      done += writeSync(this.#descriptor, bytes, offset + done, length - done, position + done);
    }
  }

  size(): number {
    return fstatSync(this.#descriptor).size;
  }

  truncate(size: number): void {
    ftruncateSync(this.#descriptor, size);
  }

  sync(done: SyncCallback): void {
    if (this.#closed && this.#syncs === 0) {
      syncByName(this.path, this.#gate, done);
      return;
    }
    this.#syncs++;
    this.#gate.pass(
      (over) => fdatasync(this.#descriptor, over),
      (error) => {
        if (--this.#syncs === 0 && this.#closed) closeSync(this.#descriptor);
        done(error);
      },
    );
  }

  syncNow(): void {
    fdatasyncSync(this.#descriptor);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#syncs === 0) closeSync(this.#descriptor);
  }
}

/** What was written by a handle that is closed by now: any handle will do. A file that is gone needs no sync. */
function syncByName(path: string, gate: Gate, done: SyncCallback): void {
  let file: NodeFile;
  try {
    file = new NodeFile(path, 'write', gate);
  } catch (error) {
    done((error as NodeJS.ErrnoException).code === 'ENOENT' ? null : (error as Error));
    return;
  }
  file.sync(done);
  file.close();
}

function openFile(path: string, mode: OpenMode): number {
  if (mode === 'read') return openSync(path, 'r');
  if (mode === 'write') return openSync(path, 'r+');
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return openSync(path, 'w+', 0o600);
  }
}

/** Directories 0700 and files 0600, as the official server makes them. */
export class NodeDisk implements Disk {
  readonly #gate: Gate;

  /** `atOnce`: operations that may be under way at a time, at least two: the loop does one of them, the others are syncs beside it. */
  constructor(atOnce = Number.POSITIVE_INFINITY) {
    this.#gate = new Gate(atOnce - 1);
  }

  open(path: string, mode: OpenMode): DiskFile {
    return new NodeFile(path, mode, this.#gate);
  }

  status(path: string): DiskStatus | undefined {
    const found = statSync(path, { throwIfNoEntry: false });
    return found && { size: found.size, directory: found.isDirectory(), modified: found.mtimeMs };
  }

  readFile(path: string): Buffer {
    const descriptor = openSync(path, 'r');
    try {
      const bytes = Buffer.allocUnsafe(fstatSync(descriptor).size);
      let done = 0;
      while (done < bytes.length) {
        const count = readSync(descriptor, bytes, done, bytes.length - done, done);
        if (count === 0) break;
        done += count;
      }
      return done === bytes.length ? bytes : bytes.subarray(0, done);
    } finally {
      closeSync(descriptor);
    }
  }

  writeFile(path: string, bytes: Uint8Array): void {
    const descriptor = openSync(path, 'w', 0o600);
    try {
      let done = 0;
      while (done < bytes.length) done += writeSync(descriptor, bytes, done, bytes.length - done, done);
    } finally {
      closeSync(descriptor);
    }
  }

  rename(from: string, to: string): void {
    renameSync(from, to);
  }

  remove(path: string): void {
    try {
      unlinkSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  removeTree(path: string): void {
    rmSync(path, { recursive: true, force: true });
  }

  makeDirectory(path: string): void {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }

  list(path: string): DiskEntry[] {
    return readdirSync(path, { withFileTypes: true })
      .map((entry) => ({ name: entry.name, directory: entry.isDirectory() }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  syncDirectory(path: string, done: SyncCallback): void {
    const descriptor = openSync(path, 'r');
    this.#gate.pass(
      (over) => fsync(descriptor, over),
      (error) => {
        closeSync(descriptor);
        done(error);
      },
    );
  }

  syncDirectoryNow(path: string): void {
    const descriptor = openSync(path, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  available(path: string): number {
    try {
      const { bavail, bsize } = statfsSync(path);
      return bavail * bsize;
    } catch {
      return Number.POSITIVE_INFINITY;
    }
  }

  bootId(): string {
    try {
      return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    } catch {
      return '';
    }
  }
}

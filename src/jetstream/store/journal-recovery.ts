/**
 * What a start does with a journal that was not closed. After a power cut the files may lack what the journal says of them, so that is done
 * again. After a mere end of the process they have all of it, which then only has to reach the device. The journal goes in both cases.
 *
 * Another server may have been at the files in between. What it has touched is left alone: files that were changed later than the
 * journal, and messages with an `index.db`, which a stop writes and a server that runs does not have.
 */
import { basename, dirname } from 'node:path';
import type { Disk, DiskFile, DiskStatus } from '../../runtime/disk.js';
import type { HashKey, HighwayHash } from '../../runtime/highway-hash.js';
import type { Log } from '../../runtime/log.js';
import { type Entry, type Operation, readEntries } from './journal-entry.js';
import { HEADERS, JOURNAL_FILE, readHeader } from './journal-file.js';
import { blockIndex, INDEX_FILE } from './layout.js';
import { replaceFile } from './replace-file.js';
import { syncFileNow } from './sync-files.js';

/** Milliseconds that a file may be younger than the journal: by then all that was said of it is settled. */
const YOUNGER = 5000;

/** Throws what the disk throws; the journal is there still then. */
export function recoverJournal(disk: Disk, hash: HighwayHash, directory: string, log: Log): void {
  const path = `${directory}/${JOURNAL_FILE}`;
  disk.remove(`${path}.tmp`);
  const status = disk.status(path);
  if (status === undefined) return;
  const file = disk.readFile(path);
  const header = readHeader(hash, file);
  if (header === null) {
    const aside = `${path}.damaged`;
    disk.rename(path, aside);
    log.error(`The journal is damaged, what it says of the last commits is lost; it is kept as ${aside}`);
    return;
  }
  const entries = unsettled(entriesOf(hash, header.key, file));
  if (entries.some(({ number }, i) => i > 0 && number !== entries[i - 1]!.number + 1))
    log.error(`The journal is damaged: an entry cannot be read, others after it can`);
  const replay = new Replay(disk, directory, entries, log, status.modified);
  if (header.boot === '' || header.boot !== disk.bootId()) {
    const { changes, files } = replay.apply();
    if (changes > 0) log.notice(`Done again after the power went: ${changes} changes in ${files} files`);
  }
  try {
    replay.sync();
  } catch (error) {
    // The next start must not hear that all is well because there is nothing left to write, see `Replay`.
    replay.apply();
    touch(disk, path, file);
    throw error;
  }
  disk.remove(path);
  disk.syncDirectoryNow(directory);
}

/** The journal is not older than the files that were written by it just now. */
function touch(disk: Disk, path: string, content: Buffer): void {
  const file = disk.open(path, 'write');
  try {
    file.write(content, 0, HEADERS, 0);
  } finally {
    file.close();
  }
}

/** What a journal says, which is given as a whole. */
export function entriesOf(hash: HighwayHash, key: HashKey, file: Buffer): Entry[] {
  const areaSize = (file.length - HEADERS) >> 1;
  return [0, 1].flatMap((area) =>
    readEntries(hash, key, file.subarray(HEADERS + area * areaSize, HEADERS + (area + 1) * areaSize)),
  );
}

/** Those that still count, in their order. */
function unsettled(entries: readonly Entry[]): Entry[] {
  let settled = 0;
  for (const entry of entries) settled = Math.max(settled, entry.settled);
  return entries.filter(({ number }) => number > settled).sort((a, b) => a.number - b.number);
}

/**
 * Does again what entries say. That is not for starts alone: a system whose sync of a file has failed may take what it should have written for
 * written, so that the next sync says yes to nothing. What was said to be durable has to be written once more before that.
 */
export class Replay {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #log: Log;
  readonly #entries: readonly Entry[];
  readonly #written: number;
  /** What replaces a path last; nothing before that counts for it. */
  readonly #replaced = new Map<string, Operation>();
  /** Files that another server has changed. */
  readonly #foreign = new Map<string, boolean>();
  /** Until which entry nothing counts for a path, or for all below it. */
  readonly #forgotten = new Map<string, number>();
  readonly #forgottenBelow = new Map<string, number>();

  /**
   * `entries` in their order; `written`: when the last of them was, in milliseconds since 1970. What was changed much later is another
   * server's.
   */
  constructor(
    disk: Disk,
    directory: string,
    entries: readonly Entry[],
    log: Log,
    written = Number.POSITIVE_INFINITY,
  ) {
    this.#disk = disk;
    this.#directory = directory;
    this.#log = log;
    this.#entries = entries;
    this.#written = written;
    for (const { number, operations } of entries) {
      for (const { kind, path } of operations) {
        if (kind === 'forget') this.#forgotten.set(path, number);
        if (kind === 'forget-below') this.#forgottenBelow.set(path, number);
      }
    }
    for (const operation of this.#remembered())
      if (operation.kind === 'replace') this.#replaced.set(operation.path, operation);
  }

  /** What was not forgotten, in its order. */
  *#remembered(): Generator<Operation> {
    for (const { number, operations } of this.#entries) {
      for (const operation of operations) {
        if (operation.kind === 'forget' || operation.kind === 'forget-below') continue;
        if (!this.#isForgotten(operation, number)) yield operation;
      }
    }
  }

  /** What counts. */
  *#operations(): Generator<Operation> {
    const begun = new Set<string>();
    for (const operation of this.#remembered()) {
      const { path } = operation;
      if ((this.#replaced.get(path) ?? operation) === operation) begun.add(path);
      if (begun.has(path)) yield operation;
    }
  }

  #isForgotten({ kind, path }: Operation, number: number): boolean {
    if (number <= (this.#forgotten.get(path) ?? 0)) return true;
    for (let at = kind === 'directory' ? path : dirname(path); at !== '.' && at !== '/'; at = dirname(at)) {
      if (number <= (this.#forgottenBelow.get(at) ?? 0)) return true;
    }
    return false;
  }

  /** Does it all again. */
  apply(): { changes: number; files: number } {
    const disk = this.#disk;
    const files = new Map<string, DiskFile | null>();
    let changes = 0;
    try {
      for (const { kind, path, position, bytes } of this.#operations()) {
        const full = `${this.#directory}/${path}`;
        if (kind === 'directory') {
          if (this.#makeDirectory(full)) changes++;
          continue;
        }
        let file = files.get(path);
        if (file === null) continue;
        if (file === undefined && !this.#isOurs(full)) {
          files.set(path, null);
          continue;
        }
        changes++;
        if (kind === 'replace') {
          file?.close();
          replaceFile(disk, full, bytes);
          file = undefined;
        }
        if (file === undefined) {
          file = disk.open(full, 'create');
          files.set(path, file);
        }
        if (kind === 'write') file.write(bytes, 0, bytes.length, position);
      }
    } finally {
      for (const file of files.values()) file?.close();
    }
    return { changes, files: files.size };
  }

  /** Not where another server may have removed it: then names above it have changed later. */
  #makeDirectory(path: string): boolean {
    const disk = this.#disk;
    const above = disk.status(dirname(path));
    if (disk.status(path) !== undefined || above === undefined || this.#isLate(above)) return false;
    disk.makeDirectory(path);
    return true;
  }

  #isLate(status: DiskStatus | undefined): boolean {
    return (status?.modified ?? 0) > this.#written + YOUNGER;
  }

  #isOurs(path: string): boolean {
    const disk = this.#disk;
    const folder = dirname(path);
    // It was about to come, or has gone since.
    if (disk.status(folder) === undefined) return false;
    const known = this.#foreign.get(path);
    if (known !== undefined) return !known;
    const foreign =
      this.#isLate(disk.status(path)) ||
      (blockIndex(basename(path)) >= 0 && disk.status(`${folder}/${INDEX_FILE}`) !== undefined);
    this.#foreign.set(path, foreign);
    if (foreign) this.#log.warn(`${path} was changed by another server, the journal does not count for it`);
    return !foreign;
  }

  /** Makes everything durable that the journal is about. */
  sync(): void {
    const disk = this.#disk;
    const folders = new Set<string>();
    const paths = new Set<string>();
    for (const { path } of this.#operations()) paths.add(`${this.#directory}/${path}`);
    for (const path of paths) {
      const status = disk.status(path);
      if (status === undefined) continue;
      if (!status.directory) syncFileNow(disk, path);
      folders.add(dirname(path));
    }
    for (const folder of folders) disk.syncDirectoryNow(folder);
  }
}

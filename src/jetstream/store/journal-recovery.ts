/**
 * What a start does with a journal that was not closed. After a power cut the files may lack what the journal says of them, so that is done
 * again. After a mere end of the process they have all of it, which then only has to reach the device. The journal goes in both cases.
 *
 * Another server may have been at the files in between. What it has touched is left alone: files that were changed later than the
 * journal, and messages with an `index.db`, which a stop writes and a server that runs does not have.
 */
import { basename, dirname } from 'node:path';
import type { Disk, DiskFile } from '../../runtime/disk.js';
import type { HighwayHash } from '../../runtime/highway-hash.js';
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
  const areaSize = (file.length - HEADERS) >> 1;
  const areas = [0, 1].map((area) =>
    readEntries(hash, header.key, file.subarray(HEADERS + area * areaSize, HEADERS + (area + 1) * areaSize)),
  );
  const replay = new Replay(disk, directory, areas.flat(), log);
  if (header.boot === '' || header.boot !== disk.bootId()) replay.apply(status.modified);
  replay.sync();
  disk.remove(path);
  disk.syncDirectoryNow(directory);
}

class Replay {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #log: Log;
  readonly #entries: Entry[];
  /** Until which entry nothing counts for a path, or for all below it. */
  readonly #forgotten = new Map<string, number>();
  readonly #forgottenBelow = new Map<string, number>();

  constructor(disk: Disk, directory: string, found: readonly Entry[], log: Log) {
    this.#disk = disk;
    this.#directory = directory;
    this.#log = log;
    let settled = 0;
    for (const entry of found) settled = Math.max(settled, entry.settled);
    this.#entries = found.filter((entry) => entry.number > settled).sort((a, b) => a.number - b.number);
    for (let i = 1; i < this.#entries.length; i++) {
      if (this.#entries[i]!.number === this.#entries[i - 1]!.number + 1) continue;
      log.error(`The journal is damaged: an entry cannot be read, others after it can`);
    }
    for (const { number, operations } of this.#entries) {
      for (const { kind, path } of operations) {
        if (kind === 'forget') this.#forgotten.set(path, number);
        if (kind === 'forget-below') this.#forgottenBelow.set(path, number);
      }
    }
  }

  /** What counts, in its order. */
  *#operations(): Generator<Operation> {
    for (const { number, operations } of this.#entries) {
      for (const operation of operations) {
        const { kind, path } = operation;
        if ((kind === 'write' || kind === 'replace') && !this.#isForgotten(path, number)) yield operation;
      }
    }
  }

  #isForgotten(path: string, number: number): boolean {
    if (number <= (this.#forgotten.get(path) ?? 0)) return true;
    for (let at = dirname(path); at !== '.' && at !== '/'; at = dirname(at)) {
      if (number <= (this.#forgottenBelow.get(at) ?? 0)) return true;
    }
    return false;
  }

  /** Does it all again. `written`: when the journal was. */
  apply(written: number): void {
    const disk = this.#disk;
    const files = new Map<string, DiskFile | null>();
    let count = 0;
    try {
      for (const { kind, path, position, bytes } of this.#operations()) {
        let file = files.get(path);
        if (file === null) continue;
        const full = `${this.#directory}/${path}`;
        if (file === undefined && !this.#isOurs(full, written)) {
          files.set(path, null);
          continue;
        }
        count++;
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
    if (count > 0)
      this.#log.notice(`Done again after the power went: ${count} changes in ${files.size} files`);
  }

  #isOurs(path: string, written: number): boolean {
    const disk = this.#disk;
    const folder = dirname(path);
    // It was about to come, or has gone since.
    if (disk.status(folder) === undefined) return false;
    const touched =
      (disk.status(path)?.modified ?? 0) > written + YOUNGER ||
      (blockIndex(basename(path)) >= 0 && disk.status(`${folder}/${INDEX_FILE}`) !== undefined);
    if (touched) this.#log.warn(`${path} was changed by another server, the journal does not count for it`);
    return !touched;
  }

  /** Makes everything durable that the journal is about. */
  sync(): void {
    const disk = this.#disk;
    const folders = new Set<string>();
    const paths = new Set<string>();
    for (const { path } of this.#operations()) paths.add(`${this.#directory}/${path}`);
    for (const path of paths) {
      if (disk.status(path) === undefined) continue;
      syncFileNow(disk, path);
      folders.add(dirname(path));
    }
    for (const folder of folders) disk.syncDirectoryNow(folder);
  }
}

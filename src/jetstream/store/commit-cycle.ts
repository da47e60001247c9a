/** One cycle of the group commit: what members wrote in it, and what has to be done until it is durable. */
import { dirname } from 'node:path';
import type { Disk, DiskFile } from '../../runtime/disk.js';
import type { Journal } from './journal.js';
import type { EntryMark } from './journal-entry.js';
import { replaceFile, writeWhole } from './replace-file.js';

/** How members write in a cycle, so that it is durable when the cycle is over. All of it throws what the disk throws. */
export interface CommitCycle {
  /** Opens a file, which may be new. */
  open(path: string): DiskFile;
  /** Writes to the page cache, behind what is there. Without bytes: what was done to the file otherwise is synced. */
  write(file: DiskFile, bytes: Uint8Array, offset: number, length: number, position: number): void;
  /** Puts a file with these contents in the place of what is there, as a whole. */
  replace(path: string, bytes: Uint8Array): void;
  /** Names in a directory: files that came, went or were renamed otherwise. */
  syncDirectory(path: string): void;
  /** A directory was made, and what is in it comes by cycles alone. */
  made(path: string): void;
  /** A directory whose name may be that of another one on the device: what is written to it in this cycle must not get into that. */
  unnamed(path: string): void;
}

/** Writes from this size on go to the device once, not twice: the journal does not have them. Bytes. */
export const TOO_LARGE = 64 * 1024;

interface Rename {
  from: string;
  to: string;
  bytes: Uint8Array;
  /** To be synced before; null where the journal has the contents. */
  file: DiskFile | null;
}

/** Where a cycle was, to go back to. */
export interface CycleMark {
  renames: number;
  entry: EntryMark | null;
}

export class Cycle implements CommitCycle {
  /** To be synced on their own. */
  readonly files = new Set<DiskFile>();
  readonly directories = new Set<string>();
  readonly #disk: Disk;
  readonly #journal: Journal | null;
  readonly #renames: Rename[] = [];
  readonly #created = new Set<string>();
  readonly #unnamed = new Set<string>();

  constructor(disk: Disk, journal: Journal | null) {
    this.#disk = disk;
    this.#journal = journal;
    journal?.entry.clear();
  }

  open(path: string): DiskFile {
    const isNew = this.#disk.status(path) === undefined;
    const file = this.#disk.open(path, 'create');
    if (isNew) this.#created.add(path);
    return file;
  }

  write(file: DiskFile, bytes: Uint8Array, offset: number, length: number, position: number): void {
    file.write(bytes, offset, length, position);
    const journal = this.#journal;
    if (journal !== null && length > 0 && this.#fits(journal, file.path, length)) {
      journal.entry.write(file.path, bytes, offset, length, position, this.#created.delete(file.path));
      return;
    }
    this.files.add(file);
    if (journal?.holdsName(file.path)) this.syncDirectory(dirname(file.path));
  }

  #fits({ entry, limit }: Journal, path: string, length: number): boolean {
    const fits = length < TOO_LARGE && entry.size + length < limit && entry.covers(path);
    return fits && !this.#unnamed.has(dirname(path));
  }

  replace(path: string, bytes: Uint8Array): void {
    const journal = this.#journal;
    // Not the name that `replaceFile` takes: it may be called until this one is renamed, and may fail halfway.
    const from = `${path}.commit.tmp`;
    if (journal !== null && this.#fits(journal, path, bytes.length)) {
      this.#disk.writeFile(from, bytes);
      journal.entry.replace(path, bytes);
      this.#renames.push({ from, to: path, bytes, file: null });
      return;
    }
    journal?.forget(path, false);
    this.#disk.writeFile(from, bytes);
    const file = this.#disk.open(from, 'write');
    this.files.add(file);
    this.#renames.push({ from, to: path, bytes, file });
    this.syncDirectory(dirname(path));
  }

  syncDirectory(path: string): void {
    for (const each of this.#journal?.namesOf(path) ?? []) this.directories.add(each);
    this.directories.add(path);
  }

  made(path: string): void {
    const journal = this.#journal;
    if (journal !== null && this.#fits(journal, path, 0)) journal.entry.directory(path);
    else this.syncDirectory(dirname(path));
  }

  unnamed(path: string): void {
    this.#unnamed.add(path);
  }

  mark(): CycleMark {
    return { renames: this.#renames.length, entry: this.#journal?.entry.mark() ?? null };
  }

  /** What was written since does not count. */
  goBack(mark: CycleMark): void {
    for (const { file } of this.#renames.splice(mark.renames)) {
      if (file === null) continue;
      this.files.delete(file);
      file.close();
    }
    if (mark.entry !== null) this.#journal!.entry.goBack(mark.entry);
  }

  /** All members have written. Names that no entry makes durable have to be synced. */
  seal(): void {
    for (const path of this.#created) this.syncDirectory(dirname(path));
  }

  /** Whether the journal has something of it to make durable. */
  get journaled(): boolean {
    return this.#journal !== null && !this.#journal.entry.empty;
  }

  /**
   * Files that get their contents when the cycle is durable get them now, if they are this one, or `below` this directory: afterwards
   * the journal does not count for them, or they are somewhere else. Throws what the disk throws.
   */
  finish(path: string, below: boolean): void {
    const disk = this.#disk;
    for (const { from, to, bytes } of this.#renames) {
      if ((below ? !to.startsWith(`${path}/`) : to !== path) || disk.status(from) === undefined) continue;
      // Not what is there: where a sync of it has failed there may be nothing left to write.
      writeWhole(disk, to, bytes);
      disk.remove(from);
    }
  }

  rename(): void {
    for (const { from, to } of this.#renames) {
      // What was forgotten has its name already.
      if (this.#disk.status(from) !== undefined) this.#disk.rename(from, to);
    }
  }

  closeTemporaries(): void {
    for (const { file } of this.#renames) file?.close();
  }
}

/** With an interval between syncs: names change at once, and everything is synced when its time has come. */
export class LazyCycle implements CommitCycle {
  readonly files = new Set<DiskFile>();
  readonly directories = new Set<string>();
  /** Files that were replaced. Only a stop syncs their contents. */
  readonly #replaced = new Set<string>();
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  get empty(): boolean {
    return this.files.size === 0 && this.directories.size === 0;
  }

  open(path: string): DiskFile {
    if (this.#disk.status(path) === undefined) this.syncDirectory(dirname(path));
    return this.#disk.open(path, 'create');
  }

  write(file: DiskFile, bytes: Uint8Array, offset: number, length: number, position: number): void {
    file.write(bytes, offset, length, position);
    this.files.add(file);
  }

  replace(path: string, bytes: Uint8Array): void {
    const from = `${path}.tmp`;
    this.#disk.writeFile(from, bytes);
    this.#disk.rename(from, path);
    this.#replaced.add(path);
    this.syncDirectory(dirname(path));
  }

  syncDirectory(path: string): void {
    this.directories.add(path);
  }

  made(path: string): void {
    this.syncDirectory(dirname(path));
  }

  unnamed(): void {}

  takeReplaced(): string[] {
    const taken = [...this.#replaced];
    this.#replaced.clear();
    return taken;
  }

  /** Hands over what is to be synced. */
  take(): { files: DiskFile[]; directories: string[] } {
    const taken = { files: [...this.files], directories: [...this.directories] };
    this.files.clear();
    this.directories.clear();
    return taken;
  }

  /** What was handed over has still to be synced. */
  putBack({ files, directories }: { files: readonly DiskFile[]; directories: readonly string[] }): void {
    for (const file of files) this.files.add(file);
    for (const path of directories) this.directories.add(path);
  }
}

/** Outside of the others, for a step that cannot wait: `finish` syncs, in this turn. */
export class CycleNow implements CommitCycle {
  readonly #disk: Disk;
  readonly #journal: Journal | null;
  readonly #forget: (path: string) => void;
  readonly #files = new Set<DiskFile>();
  readonly #directories = new Set<string>();

  /** `forget`: see `GroupCommit.forgetFile`. */
  constructor(disk: Disk, journal: Journal | null, forget: (path: string) => void) {
    this.#disk = disk;
    this.#journal = journal;
    this.#forget = forget;
  }

  open(path: string): DiskFile {
    if (this.#disk.status(path) === undefined) this.syncDirectory(dirname(path));
    return this.#disk.open(path, 'create');
  }

  write(file: DiskFile, bytes: Uint8Array, offset: number, length: number, position: number): void {
    file.write(bytes, offset, length, position);
    this.#files.add(file);
    if (this.#journal?.holdsName(file.path)) this.syncDirectory(dirname(file.path));
  }

  replace(path: string, bytes: Uint8Array): void {
    this.#forget(path);
    replaceFile(this.#disk, path, bytes);
    this.syncDirectory(dirname(path));
  }

  syncDirectory(path: string): void {
    for (const each of this.#journal?.namesOf(path) ?? []) this.#directories.add(each);
    this.#directories.add(path);
  }

  made(path: string): void {
    this.syncDirectory(dirname(path));
  }

  unnamed(): void {}

  finish(): void {
    try {
      for (const file of this.#files) file.syncNow();
      for (const path of this.#directories) this.#disk.syncDirectoryNow(path);
    } catch (error) {
      this.#journal?.doubt();
      throw error;
    }
  }
}

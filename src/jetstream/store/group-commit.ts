/**
 * Group commit: one sync makes durable all that arrived while the last one ran, for all stores of a server together.
 *
 * A cycle: every member that is dirty writes what it has buffered to the page cache, then all files that were written are
 * synced side by side, then the members are told. The next cycle is started before they are told, so that the device
 * works while acknowledgements are sent.
 */
import { dirname } from 'node:path';
import type { Clock, Timer } from '../../runtime/clock.js';
import type { Disk, DiskFile } from '../../runtime/disk.js';
import { replaceFile } from './replace-file.js';

export interface CommitMember {
  /**
   * Writes what is buffered and tells `cycle` what has to be synced for it. Throws what the disk throws; `failed` is then
   * called, and what the cycle already knows of the member does not count. What it returns is passed to `durable`: by then
   * the flush of the next cycle may have been called already.
   */
  flush(cycle: CommitCycle): unknown;
  /** What was written by the `flush` that returned `flushed` is durable. */
  durable(flushed: unknown): void;
  /** Nothing since the last `durable` must be taken as written. */
  failed(error: Error): void;
}

/** How members write in a cycle, so that it is durable when the cycle is over. All of it throws what the disk throws. */
export interface CommitCycle {
  /** Opens a file, which may be new. */
  open(path: string): DiskFile;
  /** Writes to the page cache. */
  write(file: DiskFile, bytes: Uint8Array, offset: number, length: number, position: number): void;
  /** Puts a file with these contents in the place of what is there, as a whole. */
  replace(path: string, bytes: Uint8Array): void;
  /** Names in a directory: files that came, went or were renamed otherwise. */
  syncDirectory(path: string): void;
}

/** What others build on, see `FileStoreOptions.foundation`. */
export interface Foundation {
  confirm(cycle: CommitCycle): void;
  confirmed(): void;
}

export interface GroupCommitOptions {
  /** Milliseconds between syncs; 0: always, before anything is told to be durable. */
  interval: number;
  clock: Clock;
  /** When a first cycle begins; the end of the turn of the event loop unless told otherwise. */
  defer?: (callback: () => void) => void;
}

/** Counters for monitoring. */
export interface CommitFigures {
  cycles: number;
  syncs: number;
  failures: number;
}

export class GroupCommit {
  readonly figures: CommitFigures = { cycles: 0, syncs: 0, failures: 0 };
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #defer: (callback: () => void) => void;
  #dirty = new Set<CommitMember>();
  #waiting: (() => void)[] = [];
  #scheduled = false;
  #running = false;
  /** With an interval: what was written since the last sync. */
  readonly #unsynced: Cycle;
  #timer: Timer | null = null;

  constructor(disk: Disk, options: GroupCommitOptions) {
    this.#disk = disk;
    this.#clock = options.clock;
    this.#unsynced = new Cycle(disk, false);
    this.#interval = options.interval;
    this.#defer = options.defer ?? ((callback) => void setImmediate(callback));
  }

  /** Whether nothing is told to be durable before it is. */
  get always(): boolean {
    return this.#interval === 0;
  }

  /** The member has something to flush; it takes part in the next cycle. */
  dirty(member: CommitMember): void {
    this.#dirty.add(member);
    this.#schedule();
  }

  /** Takes a member out that is going away. */
  forget(member: CommitMember): void {
    this.#dirty.delete(member);
  }

  /** Puts a file in the place of another at once; it is durable afterwards. */
  replaceNow(path: string, bytes: Uint8Array): void {
    replaceFile(this.#disk, path, bytes);
    this.#disk.syncDirectoryNow(dirname(path));
  }

  /** A cycle outside of the others, for a step that cannot wait: `finish` syncs, in this turn. */
  cycleNow(): CommitCycle & { finish(): void } {
    return new Cycle(this.#disk, false, true);
  }

  /** A file is about to be removed, cut or replaced: nothing that was written to it before may come back. */
  forgetFile(_path: string): void {}

  /** The same for all files in a directory. */
  forgetDirectory(_path: string): void {}

  /** Called once everything that is dirty now, or being synced, was made durable or failed. */
  after(callback: () => void): void {
    this.#waiting.push(callback);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#running) return;
    this.#scheduled = true;
    this.#defer(() => {
      this.#scheduled = false;
      if (!this.#running) this.#begin();
    });
  }

  #begin(): void {
    const members = this.#dirty;
    const waiting = this.#waiting;
    if (members.size === 0 && waiting.length === 0) return;
    this.#dirty = new Set();
    this.#waiting = [];
    this.#running = true;
    this.figures.cycles++;
    const cycle = new Cycle(this.#disk, this.always);
    const flushed = new Map<CommitMember, unknown>();
    for (const member of members) {
      try {
        flushed.set(member, member.flush(cycle));
      } catch (error) {
        this.figures.failures++;
        member.failed(error as Error);
      }
    }
    const end = (error: Error | null) => this.#end(flushed, waiting, error);
    if (this.always) {
      this.#syncAll(cycle, end);
    } else {
      this.#unsynced.add(cycle);
      this.#armTimer();
      end(null);
    }
  }

  #end(flushed: Map<CommitMember, unknown>, waiting: (() => void)[], error: Error | null): void {
    this.#running = false;
    if (error) {
      this.figures.failures++;
      // First go back, then write on: what is flushed next must not build on what was lost.
      for (const member of flushed.keys()) member.failed(error);
      if (this.#dirty.size > 0 || this.#waiting.length > 0) this.#schedule();
    } else {
      if (this.always && this.#dirty.size > 0) this.#begin();
      for (const [member, what] of flushed) member.durable(what);
      if (!this.#running && (this.#dirty.size > 0 || this.#waiting.length > 0)) this.#schedule();
    }
    for (const callback of waiting) callback();
  }

  /** First the contents, then the names: what is renamed must be whole by then. */
  #syncAll(cycle: Cycle, done: (error: Error | null) => void): void {
    this.figures.syncs += cycle.files.size;
    eachOf(
      [...cycle.files],
      (file, one) => file.sync(one),
      (error) => {
        try {
          if (error === null) cycle.rename();
        } catch (problem) {
          error = problem as Error;
        }
        cycle.closeTemporaries();
        if (error !== null || cycle.directories.size === 0) done(error);
        else this.#syncDirectories([...cycle.directories], done);
      },
    );
  }

  #syncDirectories(paths: string[], done: (error: Error | null) => void): void {
    this.figures.syncs += paths.length;
    const sync = (path: string, one: (error: Error | null) => void) => {
      try {
        this.#disk.syncDirectory(path, one);
      } catch (error) {
        // A directory that is gone by now needs no sync.
        one((error as NodeJS.ErrnoException).code === 'ENOENT' ? null : (error as Error));
      }
    };
    eachOf(paths, sync, done);
  }

  #armTimer(): void {
    if (this.#timer || this.#unsynced.empty) return;
    this.#timer = this.#clock.after(this.#interval, () => {
      this.#timer = null;
      this.syncWritten(() => {});
    });
  }

  /** With an interval: syncs what was written since the last time. */
  syncWritten(done: (error: Error | null) => void): void {
    const cycle = new Cycle(this.#disk, false);
    cycle.add(this.#unsynced);
    this.#unsynced.clear();
    this.#syncAll(cycle, (error) => {
      if (error) this.figures.failures++;
      done(error);
    });
  }

  /** Makes everything durable that members have, then ends. */
  stop(done: (error: Error | null) => void): void {
    this.#timer?.cancel();
    this.#timer = null;
    const failures = this.figures.failures;
    this.after(() => {
      this.syncWritten((error) => {
        done(
          error ?? (this.figures.failures > failures ? new Error('not everything could be written') : null),
        );
      });
    });
  }
}

class Cycle implements CommitCycle {
  readonly files = new Set<DiskFile>();
  readonly directories = new Set<string>();
  readonly #disk: Disk;
  /** Whether names wait for contents. */
  readonly #ordered: boolean;
  /** Nobody renames later what was synced: it is done at once. */
  readonly #now: boolean;
  readonly #renames: { from: string; to: string; file: DiskFile }[] = [];

  constructor(disk: Disk, ordered: boolean, now = false) {
    this.#disk = disk;
    this.#ordered = ordered;
    this.#now = now;
  }

  get empty(): boolean {
    return this.files.size === 0 && this.directories.size === 0;
  }

  open(path: string): DiskFile {
    const isNew = this.#disk.status(path) === undefined;
    const file = this.#disk.open(path, 'create');
    if (isNew) this.syncDirectory(dirname(path));
    return file;
  }

  write(file: DiskFile, bytes: Uint8Array, offset: number, length: number, position: number): void {
    file.write(bytes, offset, length, position);
    this.files.add(file);
  }

  replace(path: string, bytes: Uint8Array): void {
    if (this.#now) {
      replaceFile(this.#disk, path, bytes);
      this.syncDirectory(dirname(path));
      return;
    }
    const from = `${path}.tmp`;
    this.#disk.writeFile(from, bytes);
    if (this.#ordered) {
      const file = this.#disk.open(from, 'write');
      this.files.add(file);
      this.#renames.push({ from, to: path, file });
    } else {
      this.#disk.rename(from, path);
    }
    this.syncDirectory(dirname(path));
  }

  finish(): void {
    for (const file of this.files) file.syncNow();
    for (const path of this.directories) this.#disk.syncDirectoryNow(path);
  }

  rename(): void {
    for (const { from, to } of this.#renames) {
      // Who was destroyed in the meantime has taken its files along.
      if (this.#disk.status(from) !== undefined) this.#disk.rename(from, to);
    }
  }

  closeTemporaries(): void {
    for (const { file } of this.#renames) file.close();
  }

  syncDirectory(path: string): void {
    this.directories.add(path);
  }

  add(other: Cycle): void {
    for (const file of other.files) this.files.add(file);
    for (const path of other.directories) this.directories.add(path);
  }

  clear(): void {
    this.files.clear();
    this.directories.clear();
  }
}

/** Starts something for each of a list side by side; `done` gets the first error. */
function eachOf<T>(
  list: readonly T[],
  start: (item: T, one: (error: Error | null) => void) => void,
  done: (error: Error | null) => void,
): void {
  let left = list.length + 1;
  let failure: Error | null = null;
  const one = (error: Error | null) => {
    failure ??= error;
    if (--left === 0) done(failure);
  };
  for (const item of list) start(item, one);
  one(null);
}

/**
 * The journal: one file for all stores of a server, into which each commit writes what it changed in their files. When the entry is on the
 * device the commit is durable, and the files themselves are synced later, many commits at once. So a commit costs one write over zeros
 * that are there already, whatever the number of files.
 *
 * A start after a power cut does again what entries say (`journal-recovery.ts`). Whoever is about to change a file by other means than
 * appending to it or replacing it in a commit must say so before: `forget` syncs the file, and makes it durable that nothing
 * that was said of it counts any more.
 *
 * The file has two areas. When one is full the other is begun, for which all that is in there has to be settled, which means on the
 * device in its own files.
 */
import { dirname } from 'node:path';
import type { Clock, Timer } from '../../runtime/clock.js';
import type { Disk, DiskFile } from '../../runtime/disk.js';
import type { HighwayHash } from '../../runtime/highway-hash.js';
import type { Log } from '../../runtime/log.js';
import { type Entry, EntryBuilder } from './journal-entry.js';
import { HEADERS, JOURNAL_FILE, makeJournalFile } from './journal-file.js';
import { entriesOf, Replay } from './journal-recovery.js';
import { syncAll, syncFileNow } from './sync-files.js';
import { SyncPace } from './sync-pace.js';

export interface JournalOptions {
  disk: Disk;
  clock: Clock;
  hash: HighwayHash;
  /** The store directory, which all files are below. */
  directory: string;
  /** Bytes of one area; 8 MiB unless told otherwise. */
  areaSize?: number;
  defer(callback: () => void): void;
  log: Log;
}

const AREA = 8 * 1024 * 1024;
/** Kept free in an area for entries that forget. */
const RESERVE = 1 / 8;
/** Milliseconds after which changed files are synced even if there is room for more. */
const SETTLE_AFTER = 1000;
/** Milliseconds after which a journal that could not be made is tried again. */
const MAKE_PAUSE = 60_000;
/** Files that are synced side by side while others wait for commits. */
const SETTLE_WIDTH = 16;

/** A file or directory that entries speak of. */
interface Live {
  /** Numbers of the first and the last entry. */
  first: number;
  last: number;
  /** Whether its name has to be made durable. */
  named: boolean;
  isDirectory: boolean;
}

type State = 'absent' | 'making' | 'ready' | 'closed';

export class Journal {
  /** What the commit that is being made has to say. */
  readonly entry: EntryBuilder;
  readonly #options: JournalOptions;
  readonly #areaSize: number;
  readonly #pace: SyncPace;
  /** For entries that come between commits. */
  readonly #aside: EntryBuilder;
  #state: State = 'absent';
  #file: DiskFile | null = null;
  #area = 0;
  /** Where the next entry goes, from the start of the area. */
  #position = 0;
  /** Of the last entry, and of the last one in each area. */
  #number = 0;
  readonly #areaLast = [0, 0];
  /** Up to here everything is on the device in its own files, and that is written in an entry that is durable. */
  #settled = 0;
  #settledForGood = 0;
  readonly #live = new Map<string, Live>();
  /** The entry that is being synced, whose commit has still to give files their names; 0 for none. */
  #underWay = 0;
  /** An entry may or may not be on the device. */
  #broken = false;
  /** Entries of commits that failed, and what of them is to be seen for all that. */
  readonly #refused = new Map<number, 'names' | 'nothing'>();
  /** How often a sync of files has failed; after which of these times the entries were applied again; the last entry by then. */
  #doubts = 0;
  #mended = 0;
  #doubtful = 0;
  #settling = false;
  #whenSettled: (() => void)[] = [];
  #timer: Timer | null = null;
  #makeTimer: Timer | null = null;

  constructor(options: JournalOptions) {
    this.#options = options;
    const { hash, directory } = options;
    this.#areaSize = options.areaSize ?? AREA;
    this.#pace = new SyncPace(options.clock);
    this.entry = new EntryBuilder(hash, directory);
    this.#aside = new EntryBuilder(hash, directory);
  }

  get ready(): boolean {
    return this.#state === 'ready';
  }

  /** Bytes that all operations of a commit may have together. */
  get limit(): number {
    return this.#areaSize / 4;
  }

  /** Milliseconds for which a commit may wait until it has so many changes that are about to come. */
  patience(expected: number): number {
    return this.ready ? this.#pace.patience(expected) : 0;
  }

  /** Makes the file, if there is none; commits do without it until it is there. */
  make(): void {
    if (this.#state !== 'absent' || this.#makeTimer !== null) return;
    this.#state = 'making';
    const wanted = () => this.#state === 'making';
    makeJournalFile({ ...this.#options, areaSize: this.#areaSize, wanted }, (error, file, header) => {
      if (!wanted()) return;
      if (error === null) {
        this.#state = 'ready';
        this.#file = file;
        this.entry.key = this.#aside.key = header!.key;
        return;
      }
      this.#state = 'absent';
      this.#options.log.warn(`The journal cannot be made, each file is synced on its own: ${error.message}`);
      this.#makeTimer = this.#options.clock.after(MAKE_PAUSE, () => {
        this.#makeTimer = null;
      });
    });
  }

  /** Whether the name of a file is durable only by the journal. */
  holdsName(path: string): boolean {
    return this.#live.get(path)?.named ?? false;
  }

  /** Where the names are that have to be made durable for a file or directory, and for those above it. */
  namesOf(path: string): string[] {
    const folders: string[] = [];
    for (let at = path; this.#live.get(at)?.named; at = dirname(at)) folders.push(dirname(at));
    return folders;
  }

  /** Has to be called before anything of a commit is synced. Throws what the disk throws: then nothing of it counts. */
  prepare(): void {
    if (this.#broken) this.#settleNow();
  }

  /**
   * Writes the entry; `done` is called when it is durable, in this call if it `may` be and the device is quick. `ended` has to be
   * called after that.
   */
  commit(may: boolean, done: (error: Error | null) => void): void {
    const { entry } = this;
    let carried: number;
    const failed = (error: unknown) => {
      this.#broken = true;
      done(error as Error);
    };
    try {
      if (this.#position + entry.size > this.#areaSize * (1 - RESERVE)) this.#otherArea();
      try {
        carried = this.#append(entry);
      } finally {
        this.#underWay = this.#number;
      }
      if (may && this.#pace.allowsInline(entry.size)) {
        this.#pace.inline(() => this.#file!.syncNow());
        this.#durable(carried);
      } else {
        this.#pace.started();
        this.#file!.sync((error) => {
          this.#pace.ended();
          if (error !== null) {
            failed(error);
            return;
          }
          this.#durable(carried);
          done(null);
        });
        return;
      }
    } catch (error) {
      failed(error);
      return;
    }
    done(null);
  }

  /** The commit is over: `kept`, or it has failed, when it had given files their `names` or before. */
  ended(result: 'kept' | 'names' | 'nothing'): void {
    if (result !== 'kept' && this.#underWay > 0) this.#refused.set(this.#underWay, result);
    this.#underWay = 0;
  }

  /**
   * A sync has failed of a file that entries may speak of. The system may take for written what it should have written, and the next sync
   * would say yes to nothing: what entries say is written once more, before anything counts as settled.
   */
  doubt(): void {
    this.#doubts++;
    this.#doubtful = this.#number;
    try {
      // At once, so that the next process has it to sync if this one ends.
      this.#mend();
    } catch {
      // Before the next sync.
    }
  }

  #mend(): void {
    if (this.#doubts === this.#mended || this.#file === null) return;
    const { disk, hash, directory, log } = this.#options;
    const made = this.#made;
    const content = Buffer.allocUnsafe(HEADERS + 2 * this.#areaSize);
    this.#file.read(content, 0, content.length, 0);
    const entries = entriesOf(hash, this.entry.key!, content)
      .filter(({ number }) => number > this.#settled && number <= made)
      .map((entry) => this.#counted(entry))
      .sort((a, b) => a.number - b.number);
    new Replay(disk, directory, entries, log).apply();
    if (made >= this.#doubtful) this.#mended = this.#doubts;
  }

  /** What is to be seen of an entry: of a commit that failed, files that have got its names, which must not be half there. */
  #counted(entry: Entry): Entry {
    const refused = this.#refused.get(entry.number);
    if (refused === undefined) return entry;
    const { operations } = entry;
    return {
      ...entry,
      operations:
        refused === 'names'
          ? operations.filter(({ kind }) => kind === 'replace' || kind === 'directory')
          : [],
    };
  }

  /**
   * A file, or all files `below` a directory, are about to be changed by other means. They are on the device as they are now, and no
   * entry counts for them, when this returns. Throws what the disk throws.
   */
  forget(path: string, below: boolean): void {
    if (this.#live.size === 0) return;
    const hit = below
      ? [...this.#live.keys()].filter((each) => each === path || each.startsWith(`${path}/`))
      : this.#live.has(path)
        ? [path]
        : [];
    if (hit.length === 0) return;
    this.prepare();
    this.#syncNow(hit);
    this.#aside.clear();
    this.#aside.forget(path, below);
    if (this.#position + this.#aside.size > this.#areaSize) this.#settleNow();
    try {
      const carried = this.#append(this.#aside);
      this.#file!.syncNow();
      this.#durable(carried);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
    for (const each of hit) this.#live.delete(each);
  }

  /** Settles everything and removes the file. */
  close(done: (error: Error | null) => void): void {
    const state = this.#state;
    this.#state = 'closed';
    this.#makeTimer?.cancel();
    const end = () => {
      this.#timer?.cancel();
      this.#timer = null;
      let failure: Error | null = null;
      try {
        if (this.#live.size > 0) this.#syncNow([...this.#live.keys()]);
        this.#live.clear();
        this.#file?.close();
        const { disk, directory } = this.#options;
        disk.remove(`${directory}/${JOURNAL_FILE}`);
        disk.syncDirectoryNow(directory);
      } catch (error) {
        // It stays there, and the next start does it again.
        failure = error as Error;
      }
      done(failure);
    };
    if (state !== 'ready') done(null);
    else if (this.#settling) this.#whenSettled.push(end);
    else end();
  }

  /** Returns what the entry says is settled. */
  #append(entry: EntryBuilder): number {
    const carried = this.#settled;
    const bytes = entry.seal(++this.#number, carried);
    this.#areaLast[this.#area] = this.#number;
    const number = this.#number;
    for (const { path, named, isDirectory } of entry.paths) {
      const live = this.#live.get(path);
      if (live === undefined) this.#live.set(path, { first: number, last: number, named, isDirectory });
      else {
        live.last = number;
        live.named ||= named;
      }
    }
    const at = HEADERS + this.#area * this.#areaSize + this.#position;
    this.#position += bytes.length;
    this.#file!.write(bytes, 0, bytes.length, at);
    this.#armTimer();
    return carried;
  }

  #durable(carried: number): void {
    if (carried <= this.#settledForGood) return;
    this.#settledForGood = carried;
    for (const [path, { last }] of this.#live) if (last <= carried) this.#live.delete(path);
  }

  #otherArea(): void {
    const other = 1 - this.#area;
    if (this.#areaLast[other]! > this.#settled) {
      this.#settleNow();
      return;
    }
    this.#area = other;
    this.#position = 0;
    this.#settle();
  }

  #armTimer(): void {
    if (this.#timer !== null || this.#state !== 'ready') return;
    this.#timer = this.#options.clock.after(SETTLE_AFTER, () => {
      this.#timer = null;
      this.#settle();
    });
  }

  /** The last entry all of whose changes have been made. */
  get #made(): number {
    return this.#underWay === 0 ? this.#number : this.#underWay - 1;
  }

  /** Syncs the files that entries speak of, without holding anybody up. */
  #settle(): void {
    const upTo = this.#made;
    if (this.#settling || upTo <= this.#settled || this.#broken) return;
    this.#settling = true;
    const due = [...this.#live].filter(([, { first }]) => first <= upTo);
    const folders = new Set(due.filter(([, { named }]) => named).map(([path]) => dirname(path)));
    const files = due.filter(([, { isDirectory }]) => !isDirectory);
    const { disk } = this.#options;
    const doubts = this.#doubts;
    const end = (error: Error | null) => {
      this.#settling = false;
      if (error !== null) {
        this.doubt();
        this.#options.log.error(`Files of the store cannot be synced: ${error.message}`);
      } else if (this.#doubts === doubts) this.#settledThrough(upTo);
      for (const callback of this.#whenSettled.splice(0)) callback();
      if (this.#live.size > 0 && (error !== null || this.#number > this.#settled)) this.#armTimer();
    };
    try {
      this.#mend();
    } catch (error) {
      end(error as Error);
      return;
    }
    syncAll(
      disk,
      files.map(([path]) => path),
      folders,
      end,
      SETTLE_WIDTH,
    );
  }

  #settledThrough(number: number): void {
    this.#settled = Math.max(this.#settled, number);
    for (const each of this.#refused.keys()) if (each <= number) this.#refused.delete(each);
  }

  /** The same in this turn, and begins the other area with an entry that says so. */
  #settleNow(): void {
    this.#broken = true;
    const upTo = this.#made;
    this.#syncNow([...this.#live.keys()]);
    this.#settledThrough(upTo);
    const other = 1 - this.#area;
    if (this.#areaLast[other]! > this.#settled) throw new Error('the journal is full');
    this.#area = other;
    this.#position = 0;
    this.#aside.clear();
    const carried = this.#append(this.#aside);
    this.#file!.syncNow();
    this.#broken = false;
    this.#durable(carried);
  }

  #syncNow(paths: readonly string[]): void {
    const { disk } = this.#options;
    const folders = new Set<string>();
    this.#mend();
    try {
      for (const path of paths) {
        if (!this.#live.get(path)?.isDirectory) ifThere(() => syncFileNow(disk, path));
        for (const each of this.namesOf(path)) folders.add(each);
      }
      for (const path of folders) ifThere(() => disk.syncDirectoryNow(path));
    } catch (error) {
      this.doubt();
      throw error;
    }
  }
}

/** What is gone by now needs no sync. */
function ifThere(step: () => void): void {
  try {
    step();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

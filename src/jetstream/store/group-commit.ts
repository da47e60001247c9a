/**
 * Group commit: one sync makes durable all that arrived while the last one ran, for all stores of a server together.
 *
 * A cycle: every member that is dirty writes what it has buffered to the page cache, then the journal is synced, which has all of it
 * once more, and where that is not possible the files themselves, side by side; then the members are told. The next cycle is
 * started before they are told, so that the device works while acknowledgements are sent.
 */
import { dirname } from 'node:path';
import type { Clock, Timer } from '../../runtime/clock.js';
import type { Disk } from '../../runtime/disk.js';
import type { HighwayHash } from '../../runtime/highway-hash.js';
import type { Log } from '../../runtime/log.js';
import { type CommitCycle, Cycle, CycleNow, LazyCycle } from './commit-cycle.js';
import { Journal } from './journal.js';
import { recoverJournal } from './journal-recovery.js';
import { replaceFile } from './replace-file.js';
import { eachOf, syncAll } from './sync-files.js';

export type { CommitCycle } from './commit-cycle.js';

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
  /** From so many changes on that are likely to come a cycle begins with half of them. */
  halvedFrom?: number;
  /** Without it each file is synced on its own. */
  journal?: CommitJournalOptions;
}

export interface CommitJournalOptions {
  hash: HighwayHash;
  /** The store directory, which exists. What a journal there says is put in order before anything else. */
  directory: string;
  log: Log;
  /** Bytes of one of its two areas. */
  areaSize?: number;
  /** Cycles after which it is made: a server that stores hardly anything needs none. */
  after?: number;
}

/** It takes some time to make a journal. */
const JOURNAL_AFTER = 50;
/** Turns of the event loop for which a commit waits for others at most. */
const GATHER_TURNS = 256;
/**
 * Where so many changes are likely to come, a cycle begins with half of them: they are synced while the others are read, and answered
 * while those are synced. With less it is not worth the syncs, with more enough comes while one runs.
 */
const HALVED_LEAST = 128;
const HALVED_MOST = 1024;

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
  readonly #halvedFrom: number;
  readonly #defer: (callback: () => void) => void;
  readonly #journal: Journal | null;
  readonly #journalAfter: number;
  #dirty = new Set<CommitMember>();
  /** The last of them, which is likely to come again at once. */
  #newest: CommitMember | null = null;
  #waiting: (() => void)[] = [];
  #scheduled = false;
  #running = false;
  /** The cycle that is being synced. */
  #underWay: Cycle | null = null;
  /** Changes that clients wait for: since the last cycle began, and in that. */
  #promises = 0;
  #lastPromises = 0;
  /** So many are likely to come: those who were answered come again. */
  #expected = 0;
  /** Half of them, where a cycle is to begin with these; Infinity otherwise. */
  #half = Number.POSITIVE_INFINITY;
  /** With an interval: what was written since the last sync. */
  readonly #unsynced: LazyCycle;
  /** The last of these syncs has failed, which is logged. */
  #syncFailed = false;
  readonly #log: Log | null;
  #timer: Timer | null = null;
  #stopping = false;

  /** Throws what the disk throws where there is a journal of another server that ended without a stop. */
  constructor(disk: Disk, options: GroupCommitOptions) {
    this.#disk = disk;
    this.#clock = options.clock;
    this.#unsynced = new LazyCycle(disk);
    this.#interval = options.interval;
    this.#halvedFrom = options.halvedFrom ?? HALVED_LEAST;
    this.#defer = options.defer ?? ((callback) => void setImmediate(callback));
    const { journal, clock } = options;
    this.#log = journal?.log ?? null;
    this.#journalAfter = journal?.after ?? JOURNAL_AFTER;
    if (journal !== undefined) recoverJournal(disk, journal.hash, journal.directory, journal.log);
    this.#journal =
      journal === undefined || !this.always
        ? null
        : new Journal({ ...journal, disk, clock, defer: this.#defer });
  }

  /** Whether nothing is told to be durable before it is. */
  get always(): boolean {
    return this.#interval === 0;
  }

  /** The member has something to flush; it takes part in the next cycle. */
  dirty(member: CommitMember): void {
    if (member === this.#newest) return;
    this.#newest = member;
    this.#dirty.add(member);
    this.#schedule();
  }

  /** A client waits for a change that was made just now. */
  awaited(): void {
    this.#promises++;
  }

  /** Between two messages of one read: begins a cycle where that should not wait for the end of the turn. */
  between(): void {
    if (this.#promises < this.#half || this.#running || !this.#journal?.ready) return;
    this.#begin(true);
  }

  /** Takes a member out that is going away. */
  forget(member: CommitMember): void {
    this.#newest = null;
    this.#dirty.delete(member);
  }

  /** Puts a file in the place of another at once; it is durable afterwards. */
  replaceNow(path: string, bytes: Uint8Array): void {
    this.forgetFile(path);
    replaceFile(this.#disk, path, bytes);
    const folder = dirname(path);
    for (const each of [folder, ...(this.#journal?.namesOf(folder) ?? [])]) this.#disk.syncDirectoryNow(each);
  }

  /** A cycle outside of the others, for a step that cannot wait: `finish` syncs, in this turn. */
  cycleNow(): CommitCycle & { finish(): void } {
    return new CycleNow(this.#disk, this.#journal, (path) => this.forgetFile(path));
  }

  /**
   * A file is about to be removed, cut or replaced: nothing that was written to it before may come back. All of that is on the device
   * when this returns. Throws what the disk throws.
   */
  forgetFile(path: string): void {
    this.#forget(path, false);
  }

  /** The same for all files in a directory and below it. */
  forgetDirectory(path: string): void {
    this.#forget(path, true);
  }

  #forget(path: string, below: boolean): void {
    try {
      this.#underWay?.finish(path, below);
    } catch (error) {
      this.#journal?.doubt();
      throw error;
    }
    this.#journal?.forget(path, below);
  }

  /** Called once everything that is dirty now, or being synced, was made durable or failed. */
  after(callback: () => void): void {
    this.#waiting.push(callback);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#running) return;
    this.#scheduled = true;
    this.#defer(() => this.#gather(this.#clock.monotonic(), GATHER_TURNS));
  }

  /**
   * Begins, once all are there who are likely to come, or it is not worth waiting for them. Without this a part of the clients
   * would have a sync of its own each time, and go on like that.
   */
  #gather(since: number, turns: number): void {
    const patience = this.#journal?.patience(this.#expected) ?? 0;
    if (
      this.#promises < Math.min(this.#expected, this.#half) &&
      turns > 0 &&
      this.#waiting.length === 0 &&
      !this.#running &&
      this.#clock.monotonic() - since < patience
    ) {
      this.#defer(() => this.#gather(since, turns - 1));
      return;
    }
    this.#scheduled = false;
    if (!this.#running) this.#begin();
  }

  /** `ahead`: of what members are still to be told of the cycle before, so it must not be over in this call. */
  #begin(ahead = false): void {
    const members = this.#dirty;
    const waiting = this.#waiting;
    if (members.size === 0 && waiting.length === 0) return;
    this.#dirty = new Set();
    this.#newest = null;
    this.#waiting = [];
    this.#running = true;
    this.#lastPromises = this.#promises;
    this.#promises = 0;
    this.figures.cycles++;
    const flushed = new Map<CommitMember, unknown>();
    const end = (error: Error | null) => this.#end(flushed, waiting, error);
    if (!this.always) {
      this.#flush(members, flushed, this.#unsynced);
      this.#armTimer();
      end(null);
      return;
    }
    const journal = this.#journal;
    if (journal !== null && this.figures.cycles > this.#journalAfter) journal.make();
    const cycle = new Cycle(this.#disk, journal?.ready ? journal : null);
    this.#flush(members, flushed, cycle, cycle);
    cycle.seal();
    this.#syncAll(cycle, ahead, end);
  }

  #flush(
    members: Iterable<CommitMember>,
    flushed: Map<CommitMember, unknown>,
    into: CommitCycle,
    cycle: Cycle | null = null,
  ): void {
    for (const member of members) {
      const mark = cycle?.mark();
      try {
        flushed.set(member, member.flush(into));
      } catch (error) {
        if (mark !== undefined) cycle!.goBack(mark);
        this.figures.failures++;
        member.failed(error as Error);
      }
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
      this.#expect(this.#lastPromises + this.#promises);
      if (this.always && this.#dirty.size > 0 && !this.#journal?.ready) this.#begin(true);
      for (const [member, what] of flushed) member.durable(what);
      if (!this.#running && (this.#dirty.size > 0 || this.#waiting.length > 0)) this.#schedule();
    }
    for (const callback of waiting) callback();
  }

  #expect(changes: number): void {
    this.#expected = changes;
    const halved = changes >= this.#halvedFrom && changes <= HALVED_MOST;
    this.#half = halved ? changes >>> 1 : Number.POSITIVE_INFINITY;
  }

  /** First the contents, then the names: what is renamed must be whole by then. */
  #syncAll(cycle: Cycle, ahead: boolean, done: (error: Error | null) => void): void {
    const journal = this.#journal;
    const journaled = cycle.journaled;
    this.#underWay = cycle;
    const alone = cycle.files.size === 0 && cycle.directories.size === 0;
    this.figures.syncs += cycle.files.size + (journaled ? 1 : 0);
    let named = false;
    const over = (error: Error | null) => {
      if (journaled) journal!.ended(error === null ? 'kept' : named ? 'names' : 'nothing');
      if (error !== null) journal?.doubt();
      done(error);
    };
    const end = (error: Error | null) => {
      this.#underWay = null;
      if (error === null) {
        try {
          cycle.rename();
          named = true;
        } catch (problem) {
          error = problem as Error;
        }
      }
      cycle.closeTemporaries();
      if (error !== null) over(error);
      else this.#syncRest([], cycle.directories, over);
    };
    try {
      journal?.prepare();
    } catch (error) {
      end(error as Error);
      return;
    }
    if (journaled && alone) {
      journal!.commit(!ahead, end);
      return;
    }
    eachOf(
      [...cycle.files, ...(journaled ? [journal!] : [])],
      (what, one) => {
        if (what instanceof Journal) what.commit(false, one);
        else what.sync(one);
      },
      end,
    );
  }

  /** `paths`: files to be synced by their names. */
  #syncRest(paths: readonly string[], names: Iterable<string>, done: (error: Error | null) => void): void {
    const directories = new Set([...names, ...paths.map(dirname)]);
    if (directories.size === 0) {
      done(null);
      return;
    }
    this.figures.syncs += paths.length + directories.size;
    syncAll(this.#disk, paths, directories, done);
  }

  #armTimer(): void {
    if (this.#timer || this.#stopping || this.#unsynced.empty) return;
    this.#timer = this.#clock.after(this.#interval, () => {
      this.#timer = null;
      this.syncWritten(() => {});
    });
  }

  /** With an interval: syncs what was written since the last time. What fails is tried again when the next time has come. */
  syncWritten(done: (error: Error | null) => void): void {
    const taken = this.#unsynced.take();
    const { files, directories } = taken;
    this.figures.syncs += files.length;
    eachOf(
      files,
      (file, one) => file.sync(one),
      (error) => {
        const end = (problem: Error | null) => {
          if (problem) {
            this.figures.failures++;
            this.#unsynced.putBack(taken);
            this.#armTimer();
            if (!this.#syncFailed)
              this.#log?.error(`Files of the store cannot be synced, it is tried again: ${problem.message}`);
          }
          this.#syncFailed = problem !== null;
          done(problem);
        };
        if (error !== null) end(error);
        else this.#syncRest([], directories, end);
      },
    );
  }

  /** Makes everything durable that members have, then ends. */
  stop(done: (error: Error | null) => void): void {
    this.#stopping = true;
    this.#timer?.cancel();
    this.#timer = null;
    const failures = this.figures.failures;
    const end = (error: Error | null) => {
      const failed = this.figures.failures > failures;
      done(error ?? (failed ? new Error('not everything could be written') : null));
    };
    this.after(() => {
      if (this.#journal !== null) {
        this.#journal.close(end);
        return;
      }
      this.syncWritten((error) => {
        if (error !== null) end(error);
        else this.#syncRest(this.#unsynced.takeReplaced(), [], end);
      });
    });
  }
}

/** Removing a directory that nobody needs any more, without holding anybody up: thousands of files, or large ones, take seconds. */
import type { Clock } from '../../runtime/clock.js';
import type { Disk, DiskEntry } from '../../runtime/disk.js';
import type { Slices, SteppedWork } from '../slices.js';

/** Milliseconds of a step. */
const STEP_TIME = 4;

interface Folder {
  path: string;
  /** Those that are left; null before they were looked up. */
  entries: DiskEntry[] | null;
}

/** Begins with what is deepest. What somebody else removes meanwhile counts as removed. */
export class TreeRemoval implements SteppedWork {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #folders: Folder[];
  readonly #failed: (error: Error) => void;

  /** `failed` hears of the first thing that cannot be removed; the rest stays, too. */
  constructor(disk: Disk, clock: Clock, path: string, failed: (error: Error) => void) {
    this.#disk = disk;
    this.#clock = clock;
    this.#folders = [{ path, entries: null }];
    this.#failed = failed;
  }

  /** Goes on for some milliseconds; true when nothing is left to do. */
  step(): boolean {
    const until = this.#clock.monotonic() + STEP_TIME;
    try {
      do {
        if (this.#folders.length === 0) return true;
        this.#removeOne(this.#folders.at(-1)!);
      } while (this.#clock.monotonic() < until);
      return false;
    } catch (error) {
      this.#failed(error as Error);
      return true;
    }
  }

  #removeOne(folder: Folder): void {
    const disk = this.#disk;
    folder.entries ??= disk.status(folder.path) === undefined ? [] : disk.list(folder.path);
    const entry = folder.entries.pop();
    if (entry === undefined) {
      disk.removeTree(folder.path);
      this.#folders.pop();
      return;
    }
    const path = `${folder.path}/${entry.name}`;
    if (entry.directory) this.#folders.push({ path, entries: null });
    else disk.remove(path);
  }
}

/** The first step in this turn, the rest in others; all of it in this one without `slices`. */
export function removeInSteps(removal: TreeRemoval, slices: Pick<Slices, 'add'> | undefined): void {
  if (removal.step()) return;
  if (slices !== undefined) slices.add(() => removal.step());
  else while (!removal.step());
}

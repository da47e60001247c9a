/**
 * The subjects of a store in order, so that a pattern with a literal beginning looks only at the subjects that begin so.
 *
 * Ids lie in sorted runs, and the newest in a short unsorted tail. A run that is not twice as long as the one behind it is merged with that,
 * a few ids with each that is added, so that no addition takes long; a look-up is two binary searches per run. Four bytes per subject, no
 * objects.
 */

/** As long as the tail gets before it is sorted. */
const TAIL = 256;
/** So many ids are merged with each that is added: more than there are merges that an id takes part in. */
const MERGED_AT_ONCE = 48;

/** So many ids are looked at at once where some are to be forgotten. */
const FORGOTTEN_AT_ONCE = 1024;

/** So many that are not wanted are passed at once. */
const PASSED_AT_ONCE = 4096;
/** What a walk says where it has not found the next one yet. */
export const NOT_YET = -2;

const NO_IDS = new Uint32Array(0);

export interface Names {
  /** Negative, zero or positive, byte by byte. */
  compare(a: number, b: number): number;
  /** The same against bytes: how the beginning of the name of `id` compares with all of `prefix`. */
  comparePrefix(id: number, prefix: Uint8Array): number;
}

/** Two runs side by side on their way to one. */
interface Merge {
  /** Where the first of them is among the runs. */
  readonly at: number;
  readonly a: Uint32Array;
  readonly b: Uint32Array;
  readonly merged: Uint32Array;
  i: number;
  j: number;
}

/** Ids that are on their way out of the runs, one run after the other. */
interface Forgetting {
  /** A 1 for each. */
  readonly gone: Uint8Array;
  /** The run that is looked at, where in it, and what stays of what lies before that. */
  run: number;
  at: number;
  kept: Uint32Array;
  length: number;
  readonly done: () => void;
}

export class SubjectOrder {
  readonly #names: Names;
  #runs: Uint32Array[] = [];
  #tail: number[] = [];
  #merge: Merge | null = null;
  #forgetting: Forgetting | null = null;

  constructor(names: Names) {
    this.#names = names;
  }

  add(id: number): void {
    this.#tail.push(id);
    if (this.#tail.length >= TAIL) this.#settle();
    this.work();
  }

  /** Goes on with what is under way, as each addition does. */
  work(): void {
    if (this.#forgetting !== null) this.#forgetSome(this.#forgetting);
    else if (this.#merge !== null) this.#mergeSome(this.#merge);
  }

  /** How many ids there are, released ones included. */
  get size(): number {
    return this.#runs.reduce((sum, { length }) => sum + length, this.#tail.length);
  }

  /** How many of them have a name that begins with `prefix`. */
  countPrefix(prefix: Uint8Array): number {
    let count = 0;
    for (const run of this.#runs) count += this.#bound(run, prefix, 0) - this.#bound(run, prefix, -1);
    for (const id of this.#tail) if (this.#names.comparePrefix(id, prefix) === 0) count++;
    return count;
  }

  /** Calls `visit` for all ids whose name begins with `prefix`, released ones included, until it returns false. */
  visitPrefix(prefix: Uint8Array, visit: (id: number) => boolean): void {
    if (prefix.length > 0 && this.#tail.length > TAIL / 8) this.#settle();
    for (const run of this.#runs) {
      const end = this.#bound(run, prefix, 0);
      for (let i = this.#bound(run, prefix, -1); i < end; i++) if (!visit(run[i]!)) return;
    }
    for (const id of this.#tail) {
      if (this.#names.comparePrefix(id, prefix) === 0 && !visit(id)) return;
    }
  }

  /**
   * Goes through the ids that `isWanted` says (null: all, released ones included), of those whose name begins with `prefix`, in the order
   * of their names. It does not meet those that come later, and is of no use any more once `forget` is done.
   */
  walk(prefix: Uint8Array, isWanted: ((id: number) => boolean) | null): OrderWalk {
    if (this.#tail.length > 0) this.#settle();
    const runs = this.#runs.map((run) =>
      run.subarray(this.#bound(run, prefix, -1), this.#bound(run, prefix, 0)),
    );
    return new OrderWalk(this.#names, runs, isWanted);
  }

  /**
   * Forgets the ids that are marked by a 1, some with each piece of work; `done` is called when they can be given out again. Until then
   * this is not called once more.
   */
  forget(gone: Uint8Array, done: () => void): void {
    // It would bring them back.
    this.#merge = null;
    this.#tail = this.#tail.filter((id) => gone[id] !== 1);
    this.#forgetting = { gone, run: 0, at: 0, kept: NO_IDS, length: 0, done };
  }

  clear(): void {
    this.#runs = [];
    this.#tail = [];
    this.#merge = null;
    this.#forgetting = null;
  }

  #forgetSome(forgetting: Forgetting): void {
    const { gone } = forgetting;
    const run = this.#runs[forgetting.run];
    if (run === undefined) {
      this.#forgetting = null;
      this.#nextMerge();
      forgetting.done();
      return;
    }
    if (forgetting.at === 0) forgetting.kept = new Uint32Array(run.length);
    const until = Math.min(forgetting.at + FORGOTTEN_AT_ONCE, run.length);
    for (; forgetting.at < until; forgetting.at++) {
      const id = run[forgetting.at]!;
      if (gone[id] !== 1) forgetting.kept[forgetting.length++] = id;
    }
    if (until < run.length) return;
    const { kept, length } = forgetting;
    const left = length === run.length ? [run] : length === 0 ? [] : [kept.slice(0, length)];
    this.#runs.splice(forgetting.run, 1, ...left);
    forgetting.run += left.length;
    forgetting.at = forgetting.length = 0;
  }

  #settle(): void {
    const names = this.#names;
    this.#runs.push(Uint32Array.from(this.#tail).sort((a, b) => names.compare(a, b)));
    this.#tail = [];
    if (this.#merge === null && this.#forgetting === null) this.#nextMerge();
  }

  /** Begins with the last two runs of which the first is too short. */
  #nextMerge(): void {
    const runs = this.#runs;
    let at = runs.length - 2;
    while (at >= 0 && runs[at]!.length >= runs[at + 1]!.length * 2) at--;
    if (at < 0) return;
    const [a, b] = [runs[at]!, runs[at + 1]!];
    this.#merge = { at, a, b, merged: new Uint32Array(a.length + b.length), i: 0, j: 0 };
  }

  /** True when all are merged. */
  #mergeIds(merge: Merge, count: number): boolean {
    const { a, b, merged } = merge;
    let { i, j } = merge;
    const until = Math.min(i + j + count, merged.length);
    for (let at = i + j; at < until; at++) {
      const fromA = j === b.length || (i < a.length && this.#names.compare(a[i]!, b[j]!) <= 0);
      merged[at] = fromA ? a[i++]! : b[j++]!;
    }
    merge.i = i;
    merge.j = j;
    return until === merged.length;
  }

  #mergeSome(merge: Merge): void {
    if (!this.#mergeIds(merge, MERGED_AT_ONCE)) return;
    this.#runs.splice(merge.at, 2, merge.merged);
    this.#merge = null;
    this.#nextMerge();
  }

  /** The first place in a run whose name compares with `prefix` higher than `side`: -1 for where those with it begin, 0 for where they end. */
  #bound(run: Uint32Array, prefix: Uint8Array, side: number): number {
    let low = 0;
    let high = run.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#names.comparePrefix(run[middle]!, prefix) <= side) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

interface Head {
  readonly run: Uint32Array;
  at: number;
}

/** Several runs as one. */
export class OrderWalk {
  readonly #names: Names;
  readonly #isWanted: ((id: number) => boolean) | null;
  /** What is left of them, that with the first name first. */
  readonly #heads: Head[] = [];
  /** Those of which it is not known yet what is wanted next. */
  readonly #seeking: Head[];

  constructor(names: Names, runs: readonly Uint32Array[], isWanted: ((id: number) => boolean) | null) {
    this.#names = names;
    this.#isWanted = isWanted;
    this.#seeking = runs.map((run) => ({ run, at: 0 }));
  }

  /** `NOT_YET` after very many that are not wanted; -1 at the end. */
  next(): number {
    const seeking = this.#seeking;
    for (let head = seeking.at(-1); head !== undefined; head = seeking.at(-1)) {
      if (!this.#seek(head)) return NOT_YET;
      seeking.pop();
      if (head.at < head.run.length) this.#insert(head);
    }
    const head = this.#heads.shift();
    if (head === undefined) return -1;
    seeking.push(head);
    return head.run[head.at++]!;
  }

  /** Passes what is not wanted; false where there is more of that than one call should look at. */
  #seek(head: Head): boolean {
    const isWanted = this.#isWanted;
    if (isWanted === null) return true;
    const until = Math.min(head.at + PASSED_AT_ONCE, head.run.length);
    for (; head.at < until; head.at++) if (isWanted(head.run[head.at]!)) return true;
    return head.at === head.run.length;
  }

  #insert(head: Head): void {
    const heads = this.#heads;
    const id = head.run[head.at]!;
    let place = 0;
    while (place < heads.length) {
      const other = heads[place]!;
      if (this.#names.compare(id, other.run[other.at]!) < 0) break;
      place++;
    }
    heads.splice(place, 0, head);
  }
}

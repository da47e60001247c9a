/**
 * The subjects of a store in order, so that a pattern with a literal beginning looks only at the subjects that begin so.
 *
 * Ids lie in sorted runs, each at least twice as long as the one behind it, and the newest in a short unsorted tail. Adding costs
 * a share of a merge now and then; a look-up is one binary search per run. Four bytes per subject, no objects.
 */

/** As long as the tail gets before it is sorted. */
const TAIL = 256;

export interface Names {
  /** Negative, zero or positive, byte by byte. */
  compare(a: number, b: number): number;
  /** The same against bytes: how the beginning of the name of `id` compares with all of `prefix`. */
  comparePrefix(id: number, prefix: Uint8Array): number;
}

export class SubjectOrder {
  readonly #names: Names;
  #runs: Uint32Array[] = [];
  #tail: number[] = [];

  constructor(names: Names) {
    this.#names = names;
  }

  add(id: number): void {
    this.#tail.push(id);
    if (this.#tail.length >= TAIL) this.#settle();
  }

  /** Calls `visit` for all ids whose name begins with `prefix`, released ones included, until it returns false. */
  visitPrefix(prefix: Uint8Array, visit: (id: number) => boolean): void {
    if (prefix.length > 0 && this.#tail.length > TAIL / 8) this.#settle();
    for (const run of this.#runs) {
      for (let i = this.#lowerBound(run, prefix); i < run.length; i++) {
        const id = run[i]!;
        if (this.#names.comparePrefix(id, prefix) !== 0) break;
        if (!visit(id)) return;
      }
    }
    for (const id of this.#tail) {
      if (this.#names.comparePrefix(id, prefix) === 0 && !visit(id)) return;
    }
  }

  /** Keeps only the ids that `keep` says, before others are given out again. */
  retain(keep: (id: number) => boolean): void {
    this.#runs = this.#runs.map((run) => run.filter(keep)).filter((run) => run.length > 0);
    this.#tail = this.#tail.filter(keep);
  }

  #settle(): void {
    const names = this.#names;
    let run = Uint32Array.from(this.#tail).sort((a, b) => names.compare(a, b));
    this.#tail = [];
    for (let last = this.#runs.at(-1); last !== undefined && last.length < run.length * 2; ) {
      run = this.#merge(last, run);
      this.#runs.pop();
      last = this.#runs.at(-1);
    }
    this.#runs.push(run);
  }

  #merge(a: Uint32Array, b: Uint32Array): Uint32Array<ArrayBuffer> {
    const merged = new Uint32Array(a.length + b.length);
    let i = 0;
    let j = 0;
    for (let at = 0; at < merged.length; at++) {
      const fromA = j === b.length || (i < a.length && this.#names.compare(a[i]!, b[j]!) <= 0);
      merged[at] = fromA ? a[i++]! : b[j++]!;
    }
    return merged;
  }

  /** The first place in a run whose name does not come before `prefix`. */
  #lowerBound(run: Uint32Array, prefix: Uint8Array): number {
    let low = 0;
    let high = run.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#names.comparePrefix(run[middle]!, prefix) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

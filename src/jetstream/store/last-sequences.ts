/**
 * The newest message of every subject that matches, at or below some sequence. Of most subjects it is known; the others are looked for from
 * that sequence down, which may take a look at all blocks: so it is done a step in a turn of the event loop where that is asked for.
 */
import type { SteppedWork } from '../slices.js';
import { BackwardScan, type StoreParts } from './backward-scan.js';
import type { MessageBlock } from './message-block.js';
import type { StoreFilter } from './subject-index-pattern.js';

/** With more sequences than so many to one that is looked for, or as few as that, bits for all of them are not worth it. */
const SPARSE = 64;
const FEW = 16;

export class LastSequences<B extends MessageBlock = MessageBlock> implements SteppedWork {
  /** When `step` has said so: rising; null when they are more than the limit. */
  sequences: Float64Array | null = null;
  readonly #store: StoreParts<B>;
  readonly #filter: StoreFilter | null;
  readonly #upTo: number;
  readonly #limit: number;
  /** It is not known yet which subjects match. */
  #comparing: SteppedWork | null;
  #found = new Float64Array(0);
  #count = 0;
  /** What is looked for in the blocks, and as long as this is `#epochNow`. */
  #scan: BackwardScan<B> | null = null;
  #epoch = '';

  constructor(store: StoreParts<B>, filter: StoreFilter | null, upTo: number, limit: number) {
    this.#store = store;
    this.#filter = filter?.matchesAll ? null : filter;
    this.#upTo = upTo;
    this.#limit = limit;
    this.#comparing = this.#filter?.steps() ?? null;
  }

  /** True when nothing is left to do. Throws what the disk throws. */
  step(): boolean {
    if (this.#comparing !== null) {
      if (this.#comparing.step()) this.#comparing = null;
      return false;
    }
    // At first, and when messages came back, or ids stand for other subjects.
    if (this.#epoch !== this.#epochNow) return this.#collect();
    if (this.#scan !== null && !this.#scan.step()) return false;
    this.#end();
    return true;
  }

  /** All of it. */
  finish(): Float64Array | null {
    this.#comparing = null;
    while (!this.step());
    return this.sequences;
  }

  get #epochNow(): string {
    return `${this.#store.epoch()} ${this.#store.subjects.epoch}`;
  }

  /** Takes what is known, and begins to look for the rest. */
  #collect(): boolean {
    const { subjects } = this.#store;
    const { firsts, lasts } = subjects;
    const [upTo, limit] = [this.#upTo, this.#limit];
    this.#epoch = this.#epochNow;
    this.#found = new Float64Array(Math.min(subjects.size, limit));
    this.#count = 0;
    /** A 1 by the id of each that is looked for; how many these are, of how many it is certain that there is one, and where the last may be. */
    let open: Uint8Array | null = null;
    let left = 0;
    let certain = 0;
    let high = 0;
    for (const id of this.#filter === null ? subjects.ids() : this.#filter.ids()) {
      const last = lasts[id]!;
      if (last > 0 && last <= upTo) {
        if (this.#count < limit) this.#found[this.#count] = last;
        this.#count++;
      } else if (Math.abs(firsts[id]!) <= upTo) {
        open ??= new Uint8Array(lasts.length);
        open[id] = 1;
        left++;
        if (firsts[id]! > 0) certain++;
        high = Math.max(high, Math.min(Math.abs(last), upTo));
      }
      if (this.#count + certain > limit) break;
    }
    if (left === 0 || this.#count + certain > limit) {
      this.#count += certain;
      this.#end();
      return true;
    }
    const wanted = open!;
    this.#scan = new BackwardScan(this.#store, this.#filter, high + 1, (id, sequence) => {
      if (wanted[id] !== 1) return true;
      wanted[id] = 0;
      // Nobody needs to look for it again.
      if (subjects.lasts[id]! < 0 && -subjects.lasts[id]! <= high) subjects.lasts[id] = sequence;
      if (this.#count < limit) this.#found[this.#count] = sequence;
      this.#count++;
      return --left > 0 && this.#count <= limit;
    });
    return false;
  }

  #end(): void {
    const found = this.#found.subarray(0, this.#count);
    this.sequences = this.#count > this.#limit ? null : sorted(found);
  }
}

/** Sequences that are all different, rising. Where they lie close together each has a bit, which takes a tenth of the time of comparing. */
function sorted(sequences: Float64Array): Float64Array {
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (let i = 0; i < sequences.length; i++) {
    const sequence = sequences[i]!;
    if (sequence < low) low = sequence;
    if (sequence > high) high = sequence;
  }
  if (sequences.length < FEW || high - low > sequences.length * SPARSE) {
    return sequences.sort();
  }
  const bits = new Uint32Array(((high - low) >>> 5) + 1);
  for (let i = 0; i < sequences.length; i++) {
    const offset = sequences[i]! - low;
    bits[offset >>> 5]! |= 1 << (offset & 31);
  }
  const rising = new Float64Array(sequences.length);
  let at = 0;
  for (let word = 0; word < bits.length; word++) {
    for (let left = bits[word]!; left !== 0; left &= left - 1) {
      rising[at++] = low + word * 32 + (31 - Math.clz32(left & -left));
    }
  }
  return rising;
}

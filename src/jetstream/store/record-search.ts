/**
 * Finds right records behind damage in a block.
 *
 * A message may contain what looks like records, hashes included, for the key of a block is no secret. So what is found counts only if
 * it cannot come from within the damaged record:
 *
 * - The damaged record may turn out to be right up to what was found: hashes do not cover lengths, but they cover the time of
 *   storing, which the author of a message does not know beforehand. Then nothing is lost.
 * - Otherwise records that lie back to back are one run. A forged run cannot reach up to the next real record, because the hash of
 *   the damaged one is in between; and what follows that directly has the next sequence. So a run counts only if sequences rise from
 *   it to the next one.
 */
import type { HashKey, HighwayHash } from '../../runtime/highway-hash.js';
import {
  isIntact,
  MAX_RECORD_SIZE,
  RECORD_OVERHEAD,
  type RecordDamage,
  RecordView,
  readRecord,
  readVerifiedRecord,
} from './record.js';

/** How many times the bytes of a block may be hashed in searching, for all damage in it together. */
const EFFORT = 4;
/** How many right records are considered. */
const MAX_CANDIDATES = 64;
/** How many bad records in a row may be passed over by their lengths. */
const MAX_PASSED = 16;

/** Right records back to back. */
interface Run {
  start: number;
  end: number;
  /** Of those that are no tombstones; 0 for none. */
  firstSequence: number;
  lastSequence: number;
  rises: boolean;
}

export interface Found {
  at: number;
  /** The record in front of it, if that is right up to there but for its length. */
  relocated: RecordView | null;
}

export class RecordSearch {
  readonly #hash: HighwayHash;
  readonly #key: HashKey;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #view = new RecordView();
  #budget: number;

  constructor(hash: HighwayHash, key: HashKey, bytes: Uint8Array, end: number) {
    this.#hash = hash;
    this.#key = key;
    this.#bytes = bytes;
    this.#end = end;
    this.#budget = (bytes.length + 4096) * EFFORT;
  }

  /** Whether lengths lead from `at` to a right record, maybe over some whose content is bad. */
  leadsToRecord(at: number): boolean {
    for (let i = 0; i < MAX_PASSED && at < this.#end; i++) {
      const damage = readVerifiedRecord(this.#hash, this.#key, this.#bytes, at, this.#end, this.#view);
      if (damage === null) return true;
      if (damage !== 'hash') return false;
      at = this.#view.end;
    }
    return false;
  }

  /**
   * The next right record behind the damage at `at`, or the end of the block if the record at `at` is right up to there; null if there is
   * none to be believed. `last` is the last sequence in front of it.
   */
  next(at: number, last: number, damage: RecordDamage): Found | null {
    const runs: Run[] = [];
    let candidates = 0;
    for (let next = at + RECORD_OVERHEAD; next <= this.#end && this.#budget > 0; next++) {
      this.#budget--;
      if (next < this.#end && !this.#isRecord(next)) continue;
      const relocated = this.#relocated(at, next);
      if (relocated !== null && relocated.sequence > last) return { at: next, relocated };
      if (next === this.#end || candidates++ === MAX_CANDIDATES) break;
      this.#addTo(runs);
      next = this.#view.end - 1;
    }
    const run = this.#choose(runs, this.#floor(at, last), damage);
    return run === undefined ? null : { at: run.start, relocated: null };
  }

  #isRecord(at: number): boolean {
    if (readRecord(this.#bytes, at, this.#end, this.#view) !== null) return false;
    this.#budget -= this.#view.size;
    return isIntact(this.#hash, this.#key, this.#bytes, this.#view);
  }

  #addTo(runs: Run[]): void {
    const { kind, sequence, start, end } = this.#view;
    let run = runs.at(-1);
    if (run?.end !== start) {
      run = { start, end, firstSequence: 0, lastSequence: 0, rises: true };
      runs.push(run);
    }
    run.end = end;
    if (kind === 'tombstone') return;
    if (run.firstSequence === 0) run.firstSequence = sequence;
    else if (sequence <= run.lastSequence) run.rises = false;
    run.lastSequence = sequence;
  }

  /** The sequence that the damaged record has, if that is to be believed because it is the next one; otherwise the one before. */
  #floor(at: number, last: number): number {
    if (at + 12 > this.#end) return last;
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at + 4, 8);
    return view.getBigUint64(0, true) === BigInt(last + 1) ? last + 1 : last;
  }

  #choose(runs: Run[], floor: number, damage: RecordDamage): Run | undefined {
    return runs.find((run, i) => {
      const follower = runs.slice(i + 1).find(({ firstSequence }) => firstSequence > 0);
      if (!run.rises) return false;
      if (run.firstSequence > 0 && run.firstSequence <= floor) return false;
      if (follower !== undefined) return run.firstSequence > 0 && run.lastSequence < follower.firstSequence;
      // Behind what a crash may have left, all up to the end must be right.
      return run.end === this.#end || damage === 'length' || damage === 'hash';
    });
  }

  /** The record at `at` as it would be if it ended at `end`; null if its hash says that it does not. */
  #relocated(at: number, end: number): RecordView | null {
    const size = end - at;
    if (size < RECORD_OVERHEAD || size > MAX_RECORD_SIZE || this.#budget <= 0) return null;
    this.#budget -= size;
    const copy = Buffer.from(this.#bytes.subarray(at, end));
    const view = new RecordView();
    for (const headers of [0, 0x8000_0000]) {
      copy.writeUInt32LE(headers + size, 0);
      if (readVerifiedRecord(this.#hash, this.#key, copy, 0, size, view) === null) return moved(view, at);
    }
    return null;
  }
}

/** The view with its offsets further on. */
function moved(view: RecordView, by: number): RecordView {
  view.start += by;
  view.end += by;
  view.subjectStart += by;
  view.subjectEnd += by;
  view.headersStart += by;
  view.headersEnd += by;
  view.payloadStart += by;
  view.payloadEnd += by;
  return view;
}

/**
 * Where the messages of one block are: for each record, in the order of sequences, its sequence, its offset, its subject and, where
 * known, how far away the next message of that subject is. Typed arrays, 12 bytes per record (20 where sequences have gaps); a
 * block of a file store can drop it and make it anew by reading the block.
 */

const FIRST_CAPACITY = 16;

export class BlockIndex {
  length = 0;
  offsets = new Uint32Array(FIRST_CAPACITY);
  /** Ids of the store's `SubjectIndex`. */
  subjects = new Uint32Array(FIRST_CAPACITY);
  /** Sequences from here to the next message of the subject; 0: not known. */
  nexts = new Uint32Array(FIRST_CAPACITY);
  /** There may be `UNREAD_SUBJECT` among the subjects. */
  hasUnread = false;
  /** Sequence of the first record. */
  #base = 0;
  /** Null while every sequence is there: then the place of a record is its sequence minus the base. */
  #sequences: Float64Array | null = null;

  /** Bytes it takes. */
  get memory(): number {
    return this.offsets.length * (this.#sequences === null ? 12 : 20);
  }

  push(sequence: number, offset: number, subject: number): void {
    const at = this.length;
    if (at === this.offsets.length) this.#grow();
    if (at === 0) this.#base = sequence;
    if (this.#sequences !== null) this.#sequences[at] = sequence;
    else if (sequence !== this.#base + at) this.#openGap(sequence);
    this.offsets[at] = offset;
    this.subjects[at] = subject;
    this.nexts[at] = 0;
    this.length = at + 1;
  }

  sequenceAt(at: number): number {
    return this.#sequences === null ? this.#base + at : this.#sequences[at]!;
  }

  /** The place of a sequence; -1 when it is not there. */
  find(sequence: number): number {
    const at = this.lowerBound(sequence);
    return at < this.length && this.sequenceAt(at) === sequence ? at : -1;
  }

  /** The first place with this or a higher sequence; `length` without. */
  lowerBound(sequence: number): number {
    if (this.length === 0) return 0;
    if (this.#sequences === null) return Math.min(Math.max(sequence - this.#base, 0), this.length);
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sequences[middle]! < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Forgets the records from this place on. */
  truncate(length: number): void {
    this.length = Math.min(this.length, length);
  }

  /** Takes what another index knows of the same messages: the one at place `i` is at `places[i]` there. */
  takeSubjects(from: BlockIndex | null, places: readonly number[]): void {
    this.hasUnread = from === null || from.hasUnread;
    for (let at = 0; at < this.length && from !== null; at++) {
      this.subjects[at] = from.subjects[places[at]!]!;
      this.nexts[at] = from.nexts[places[at]!]!;
    }
  }

  #openGap(sequence: number): void {
    this.#sequences = new Float64Array(this.offsets.length);
    for (let i = 0; i < this.length; i++) this.#sequences[i] = this.#base + i;
    this.#sequences[this.length] = sequence;
  }

  #grow(): void {
    const capacity = Math.ceil(this.offsets.length * 1.5);
    const grown = (from: Uint32Array) => {
      const to = new Uint32Array(capacity);
      to.set(from);
      return to;
    };
    this.offsets = grown(this.offsets);
    this.subjects = grown(this.subjects);
    this.nexts = grown(this.nexts);
    if (this.#sequences !== null) {
      const sequences = new Float64Array(capacity);
      sequences.set(this.#sequences);
      this.#sequences = sequences;
    }
  }
}

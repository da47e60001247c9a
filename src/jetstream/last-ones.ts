/**
 * The newest messages of all subjects, which a consumer with `last_per_subject` delivers first: rising sequences, of which there may be
 * millions. They go from the front, or anywhere when a message is removed.
 */
export class LastOnes {
  /** Those that are gone are negative. */
  readonly #sequences: Float64Array;
  /** What is left lies between these places; both ends are there. */
  #start = 0;
  #end: number;
  #length: number;

  /** At least one; rising. They are its own from now on. */
  constructor(sequences: Float64Array) {
    this.#sequences = sequences;
    this.#end = this.#length = sequences.length;
  }

  get length(): number {
    return this.#length;
  }

  /** The lowest one; undefined without any. */
  get first(): number | undefined {
    return this.#length === 0 ? undefined : this.#sequences[this.#start];
  }

  /** The highest one; undefined without any. */
  get last(): number | undefined {
    return this.#length === 0 ? undefined : this.#sequences[this.#end - 1];
  }

  /** Takes one out; false when it is not among them. */
  delete(sequence: number): boolean {
    const sequences = this.#sequences;
    let low = this.#start;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Math.abs(sequences[middle]!) < sequence) low = middle + 1;
      else high = middle;
    }
    if (low === this.#end || sequences[low] !== sequence) return false;
    sequences[low] = -sequence;
    this.#length--;
    while (this.#start < this.#end && sequences[this.#start]! < 0) this.#start++;
    while (this.#end > this.#start && sequences[this.#end - 1]! < 0) this.#end--;
    return true;
  }

  /** Takes those out that are not to stay. */
  retain(stays: (sequence: number) => boolean): void {
    for (let at = this.#start; at < this.#end; at++) {
      const sequence = this.#sequences[at]!;
      if (sequence > 0 && !stays(sequence)) this.delete(sequence);
    }
  }
}

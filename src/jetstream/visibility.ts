/** What is stored and not durable yet: nothing of it is shown. Positions and sequences rise, so it is a queue of numbers. */

export class Visibility {
  #positions: number[] = [];
  #sequences: number[] = [];
  #sizes: number[] = [];
  #head = 0;
  /** Bytes of the messages that wait. */
  bytes = 0;

  /** Messages that wait. */
  get count(): number {
    return this.#positions.length - this.#head;
  }

  add(position: number, sequence: number, bytes: number): void {
    this.#positions.push(position);
    this.#sequences.push(sequence);
    this.#sizes.push(bytes);
    this.bytes += bytes;
  }

  /** The last sequence that is durable now; 0 when none became so. */
  durable(position: number): number {
    let last = 0;
    while (this.#head < this.#positions.length && this.#positions[this.#head]! <= position) {
      last = this.#sequences[this.#head]!;
      this.bytes -= this.#sizes[this.#head]!;
      this.#head++;
    }
    if (this.#head === this.#positions.length) this.clear();
    else if (this.#head > 4096) this.#trim();
    return last;
  }

  #trim(): void {
    this.#positions = this.#positions.slice(this.#head);
    this.#sequences = this.#sequences.slice(this.#head);
    this.#sizes = this.#sizes.slice(this.#head);
    this.#head = 0;
  }

  clear(): void {
    if (this.#positions.length > 0) {
      this.#positions = [];
      this.#sequences = [];
      this.#sizes = [];
    }
    this.#head = 0;
    this.bytes = 0;
  }
}

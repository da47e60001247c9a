/** The port to chance. */
export interface Random {
  /** An unsigned 32-bit integer. */
  next(): number;
}

/** A small fast generator (xorshift32). Not for secrets: those come from `node:crypto`. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 0x9e3779b9;
  }

  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }
}

/** Lets so many operations be under way at a time; the others wait for their turn, in their order. */

type Callback = (error: Error | null) => void;

export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Begins an operation, which calls what it is given once it is over; `done` is called after that. */
  pass(operation: (over: Callback) => void, done: Callback): void {
    if (this.#free === 0) {
      this.#waiting.push(() => this.pass(operation, done));
      return;
    }
    this.#free--;
    operation((error) => {
      this.#free++;
      this.#waiting.shift()?.();
      done(error);
    });
  }
}

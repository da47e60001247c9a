/**
 * Work that would hold the event loop too long: it is done in steps of a few milliseconds, one in each turn for the whole server, and those
 * who have some take turns.
 */

/** Work that can be done a few milliseconds at a time. */
export interface SteppedWork {
  /** True when nothing is left to do. */
  step(): boolean;
}

/** Does a step; true when nothing is left, as also after one that throws: nobody catches that. */
export type Step = () => boolean;

export class Slices {
  #waiting: Step[] = [];
  #scheduled: NodeJS.Immediate | null = null;
  #closed = false;

  /** Does all steps in turns of their own. */
  add(step: Step): void {
    if (this.#closed) return;
    this.#waiting.push(step);
    this.#schedule();
  }

  /** What is left is not done any more. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
  }

  #schedule(): void {
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = null;
      const step = this.#waiting.shift();
      if (step === undefined) return;
      let over = true;
      try {
        over = step();
      } finally {
        if (!over) this.add(step);
        else if (this.#waiting.length > 0) this.#schedule();
      }
    });
  }
}

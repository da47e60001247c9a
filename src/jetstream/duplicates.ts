/**
 * Message ids of the duplicate window: what was published under an id that is known is not stored again. Entries lie in the order
 * they came, so that forgetting the old ones is a walk from the front.
 */

interface Entry {
  sequence: number;
  /** Nanoseconds since 1970. */
  time: bigint;
}

export class DuplicateWindow {
  readonly #entries = new Map<string, Entry>();
  /** Nanoseconds; 0 remembers nothing. */
  #window: bigint;

  constructor(window: number) {
    this.#window = BigInt(Math.round(window));
  }

  set window(window: number) {
    this.#window = BigInt(Math.round(window));
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The sequence that an id was stored under, or undefined. */
  find(id: string, now: bigint): number | undefined {
    this.#forget(now);
    return this.#entries.get(id)?.sequence;
  }

  remember(id: string, sequence: number, time: bigint): void {
    if (this.#window === 0n) return;
    this.#forget(time);
    // A known id comes last again: entries are in the order of their times.
    this.#entries.delete(id);
    this.#entries.set(id, { sequence, time });
  }

  /** What lies above the sequence was not stored after all. */
  dropAbove(sequence: number): void {
    for (const [id, entry] of this.#entries) if (entry.sequence > sequence) this.#entries.delete(id);
  }

  clear(): void {
    this.#entries.clear();
  }

  #forget(now: bigint): void {
    for (const [id, { time }] of this.#entries) {
      if (now - time < this.#window) return;
      this.#entries.delete(id);
    }
  }
}

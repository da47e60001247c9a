/**
 * Counts of messages that requests wait for, as they take more than one turn of the event loop. What goes meanwhile is told to them, so
 * that nobody is answered with more than there is.
 */
import type { Counting, SubjectFilter } from './store/message-store.js';

export interface OpenCount {
  readonly counting: Counting;
  readonly filter: SubjectFilter | null;
  /** Many messages went at once, or came back: it has to begin anew. */
  stale: boolean;
}

/** Those of one stream. */
export class OpenCounts {
  readonly #open = new Set<OpenCount>();

  /** Null of `filter` matches everything. */
  add(counting: Counting, filter: SubjectFilter | null): OpenCount {
    const count = { counting, filter, stale: false };
    this.#open.add(count);
    return count;
  }

  end(count: OpenCount): void {
    this.#open.delete(count);
  }

  /** A message is gone. */
  removed(sequence: number, subject: string): void {
    if (this.#open.size === 0) return;
    for (const { counting, filter } of this.#open)
      if (sequence <= counting.through && (filter === null || filter.matches(subject)))
        counting.removed(sequence);
  }

  /** What is there is not what was counted. */
  outdate(): void {
    for (const count of this.#open) count.stale = true;
  }
}

/**
 * Plans for subjects that are used once, such as the reply subjects of requests: not kept in a cache, where they would only take the
 * place of others, and with memory that is used again by the next one.
 */
import type { MappedSubject } from '../accounts/mappings.js';
import { hashText } from '../protocol/bytes.js';
import { type Arena, type Chunk, COPY_SLACK, Memory, PAGE_SIZE } from '../runtime/arena.js';
import type { Allocation } from '../subjects/subject-cache.js';
import { DeliveryPlan } from './delivery-plan.js';
import type { Subscription } from './subscription.js';

/** How many of the inboxes seen last are remembered, to find those that are used again. */
const REMEMBERED = 1024;

/** Client libraries make a new subject under this prefix for each answer that they wait for; some also for a whole stream. */
export function isInbox(subject: string): boolean {
  return subject.startsWith('_INBOX.');
}

export class OneTimePlans {
  readonly #page: Chunk;
  #used = 0;
  readonly #seen = new Int32Array(REMEMBERED);

  constructor(arena: Arena) {
    this.#page = arena.takePage(PAGE_SIZE);
  }

  /** Whether the subject has not been seen lately. */
  isNew(subject: string): boolean {
    const hash = hashText(subject);
    const place = (hash ^ (hash >>> 10) ^ (hash >>> 20)) & (REMEMBERED - 1);
    if (this.#seen[place] === hash) return false;
    this.#seen[place] = hash;
    return true;
  }

  /** What is in use now; give it to `release` when the plans made since are done with. */
  mark(): number {
    return this.#used;
  }

  release(mark: number): void {
    this.#used = mark;
  }

  plan(
    subject: string,
    found: Subscription[],
    reserved: boolean,
    mapping: MappedSubject<DeliveryPlan> | null,
  ): DeliveryPlan {
    return new DeliveryPlan(subject, found, reserved, mapping, this.#allocate);
  }

  readonly #allocate = (size: number): Allocation => {
    const { memory, start, end } = this.#page;
    const at = start + this.#used;
    if (at + size + COPY_SLACK > end) return { memory: new Memory(size + COPY_SLACK), start: 0 };
    this.#used += size;
    return { memory, start: at };
  };
}

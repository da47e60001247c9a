/**
 * The reading half of a store over blocks: looking up messages and counting them. What changes them is in `BlockStore`.
 */
import type { Clock } from '../../runtime/clock.js';
import { Stamp } from '../../runtime/stamp.js';
import type { SteppedWork } from '../slices.js';
import type { StoreParts } from './backward-scan.js';
import { ForwardRead } from './forward-read.js';
import { LastSequences } from './last-sequences.js';
import type { MessageBlock } from './message-block.js';
import { BlockSearch } from './message-block-search.js';
import { type Pending, StoredMessage, type StoreState, type SubjectFilter } from './message-store.js';
import { PendingCount } from './pending-count.js';
import { NO_SUBJECT, SubjectIndex } from './subject-index.js';
import { StoreFilter } from './subject-index-pattern.js';
import { SubjectPageSteps } from './subject-page.js';

/** Above so many unknown positions all of them are looked for in one pass. */
const MANY_UNKNOWN = 16;

export abstract class BlockReader<B extends MessageBlock> {
  readonly state: StoreState;
  readonly subjects = new SubjectIndex();
  protected readonly blocks: B[] = [];
  protected readonly search: BlockSearch<B>;
  protected messages = 0;
  protected bytes = 0;
  protected last = 0;
  protected readonly lastStamp = new Stamp();
  protected lostSequences: number[] = [];
  protected lostBytes = 0;
  /** Counts up when messages are taken back or come back, or all are counted anew. */
  protected epoch = 0;
  protected readonly clock: Clock;
  /** Under way; they see messages before these go. */
  protected readonly reading = new Set<ForwardRead>();
  /** For work in steps. */
  protected readonly parts: StoreParts<B>;

  constructor(clock: Clock) {
    const { blocks, subjects } = this;
    this.clock = clock;
    this.search = new BlockSearch(blocks, subjects);
    this.state = new LiveState(this);
    this.parts = { clock, blocks, subjects, search: this.search, state: this.state, epoch: () => this.epoch };
  }

  /** A message cannot be read: it is not served and not counted, and reported. */
  protected abstract setAside(block: B, place: number, reason: string): void;

  load(sequence: number, into?: StoredMessage): StoredMessage | null {
    return this.search.find(sequence) ? this.#fill(into) : null;
  }

  loadLast(subject: string, into?: StoredMessage): StoredMessage | null {
    for (;;) {
      const sequence = this.lastSequenceOf(subject);
      if (sequence === 0) return null;
      const message = this.load(sequence, into);
      if (message !== null) return message;
    }
  }

  loadNext(filter: SubjectFilter | null, start: number, into?: StoredMessage): StoredMessage | null {
    while (this.search.next(filter as StoreFilter | null, start)) {
      const message = this.#fill(into);
      if (message !== null) return message;
    }
    return null;
  }

  loadPrevious(filter: SubjectFilter | null, start: number, into?: StoredMessage): StoredMessage | null {
    while (this.search.previous(filter as StoreFilter | null, start)) {
      const message = this.#fill(into);
      if (message !== null) return message;
    }
    return null;
  }

  readSteps(first: number, show: (message: StoredMessage) => void): SteppedWork {
    const { clock, reading } = this;
    const store = { clock, load: (from: number, into: StoredMessage) => this.loadNext(null, from, into) };
    const read = new ForwardRead(store, { first, last: this.last }, show, () => void reading.delete(read));
    reading.add(read);
    return read;
  }

  /** The message that was found, or null after it was set aside as damaged. */
  #fill(into = new StoredMessage()): StoredMessage | null {
    const { block, place } = this.search;
    if (block.fill(place, into.reset())) return into;
    this.setAside(block, place, 'checksum of the record does not match');
    return null;
  }

  lastSequenceOf(subject: string): number {
    const id = this.subjects.find(subject);
    return id === NO_SUBJECT ? 0 : this.search.lastOf(id);
  }

  lastSequences(filter: SubjectFilter | null, upTo: number, limit: number): Float64Array | null {
    return this.lastSequencesSteps(filter, upTo, limit).finish();
  }

  lastSequencesSteps(filter: SubjectFilter | null, upTo: number, limit: number): LastSequences<B> {
    return new LastSequences(this.parts, filter as StoreFilter | null, upTo, limit);
  }

  sequenceAt(time: bigint): number {
    for (const block of this.blocks) {
      if (block.messages === 0 || block.lastTime < time) continue;
      const { index } = block;
      let low = block.nextLive(0);
      let high = index.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (block.timeOf(middle) < time) low = middle + 1;
        else high = middle;
      }
      const place = block.nextLive(low);
      if (place < index.length) return index.sequenceAt(place);
    }
    return this.last + 1;
  }

  deletedSequences(limit = Number.POSITIVE_INFINITY): number[] {
    const deleted: number[] = [];
    if (this.state.deleted === 0) return deleted;
    let next = this.state.firstSequence;
    for (const block of this.blocks) {
      if (block.messages === 0) continue;
      const { index } = block;
      for (let place = block.nextLive(0); place < index.length; place = block.nextLive(place + 1)) {
        for (const sequence = index.sequenceAt(place); next < sequence; next++) {
          if (deleted.length >= limit) return deleted;
          deleted.push(next);
        }
        next++;
      }
    }
    for (; next <= this.last && deleted.length < limit; next++) deleted.push(next);
    return deleted;
  }

  filter(patterns: readonly string[]): SubjectFilter | null {
    if (patterns.length === 0 || patterns.includes('>')) return null;
    const { compared } = this.subjects;
    return compared?.hasPatterns(patterns) ? compared : new StoreFilter(this.subjects, patterns);
  }

  subjectTotals(filter: SubjectFilter | null, visit: (subject: string, messages: number) => void): void {
    this.#visit(filter, (id) => {
      visit(this.subjects.name(id), this.subjects.counts[id]!);
      return true;
    });
  }

  subjectPage(
    pattern: string,
    range: { offset: number; limit: number },
    show: (subject: string, messages: number) => string,
  ): SubjectPageSteps {
    return new SubjectPageSteps(this.parts, this.filter([pattern]) as StoreFilter | null, range, show);
  }

  #visit(filter: SubjectFilter | null, visit: (id: number) => boolean): void {
    if (filter === null) this.subjects.visit(null, visit);
    else (filter as StoreFilter).visit(visit);
  }

  /** Messages that match, below a sequence near the end. */
  protected countBelow(filter: StoreFilter, end: number): number {
    const { search } = this;
    let count = 0;
    for (const id of filter.ids()) count += this.subjects.counts[id]!;
    for (let next = end; next <= this.last && search.next(filter, next); count--) {
      next = search.block.index.sequenceAt(search.place) + 1;
    }
    return count;
  }

  pending(filter: SubjectFilter | null, from: number, lastPerSubject = false): Pending {
    const through = this.last;
    if (lastPerSubject) return { count: this.#pendingSubjects(filter, from), through };
    const counting = this.countPending(filter, from);
    while (!counting.step());
    return { count: counting.count, through };
  }

  countPending(filter: SubjectFilter | null, from: number): PendingCount<B> {
    return new PendingCount(this.parts, filter as StoreFilter | null, from);
  }

  #pendingSubjects(filter: SubjectFilter | null, from: number): number {
    const { lasts } = this.subjects;
    let unknown = 0;
    this.#visit(filter, (id) => {
      if (lasts[id]! < 0) unknown++;
      return unknown <= MANY_UNKNOWN;
    });
    if (unknown > MANY_UNKNOWN) this.search.resolveLasts(filter as StoreFilter | null);
    let count = 0;
    this.#visit(filter, (id) => {
      if (this.search.lastOf(id) >= from) count++;
      return true;
    });
    return count;
  }

  get lastTime(): bigint {
    return this.lastStamp.nanoseconds;
  }

  protected set lastTime(time: bigint) {
    this.lastStamp.nanoseconds = time;
  }

  /** For `LiveState`. */
  figures(): { messages: number; bytes: number; last: number; subjects: number } {
    return {
      messages: this.messages,
      bytes: this.bytes,
      last: this.last,
      subjects: this.subjects.size,
    };
  }

  firstBlock(): B | undefined {
    const { blocks } = this;
    for (let i = 0; i < blocks.length; i++) if (blocks[i]!.messages > 0) return blocks[i];
    return undefined;
  }

  lost(): StoreState['lost'] {
    return this.lostSequences.length === 0 && this.lostBytes === 0
      ? null
      : { sequences: this.lostSequences, bytes: this.lostBytes };
  }
}

/** `StoreState` of a store, computed when it is asked for. */
class LiveState implements StoreState {
  readonly #store: BlockReader<MessageBlock>;

  constructor(store: BlockReader<MessageBlock>) {
    this.#store = store;
  }

  get messages(): number {
    return this.#store.figures().messages;
  }

  get bytes(): number {
    return this.#store.figures().bytes;
  }

  get firstSequence(): number {
    const first = this.#store.firstBlock()?.first;
    if (first !== undefined) return first;
    const { last } = this.#store.figures();
    return last === 0 ? 0 : last + 1;
  }

  get firstTime(): bigint {
    const block = this.#store.firstBlock();
    return block === undefined ? 0n : block.timeOf(block.nextLive(0));
  }

  get lastSequence(): number {
    return this.#store.figures().last;
  }

  get lastTime(): bigint {
    return this.#store.lastTime;
  }

  get subjects(): number {
    return this.#store.figures().subjects;
  }

  get deleted(): number {
    const { messages, last } = this.#store.figures();
    const first = this.firstSequence;
    return messages === 0 || first === 0 ? 0 : last - first + 1 - messages;
  }

  get lost(): StoreState['lost'] {
    return this.#store.lost();
  }
}

/** A store and a naive one that get the same random operations, and are compared. */
import assert from 'node:assert/strict';
import { type MessageStore, NO_LIMITS } from '../../../src/jetstream/store/message-store.js';
import type { SeededRandom } from '../../../src/runtime/random.js';
import { type NaiveMessage, NaiveStore } from './naive-store.js';

const SUBJECTS = [
  'a',
  'a.b',
  'a.c',
  'a.b.c',
  'a.b.d',
  'b',
  'b.x.1',
  'b.x.2',
  'b.y.1',
  'c.long.subject.of.many.tokens',
];
const PATTERNS = ['>', 'a', 'a.*', 'a.>', '*.x.*', 'b.x.1', '*', 'none.>', 'b.*.1', 'a.b.>', 'c.>'];

export class StoreModel {
  readonly naive: NaiveStore;
  readonly trace: string[] = [];
  time = 1_700_000_000_000_000_000n;
  #count = 0;

  constructor(
    public store: MessageStore,
    readonly random: SeededRandom,
    readonly payloadLimit = 300,
    readonly withLimits = true,
  ) {
    this.naive = new NaiveStore(({ subject, header, payload }) =>
      this.store.sizeOf(subject, Buffer.from(header), Buffer.from(payload)),
    );
  }

  below(limit: number): number {
    return this.random.next() % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** One random change, made to both. */
  step(): void {
    const choice = this.below(100);
    if (choice < 62) this.append();
    else if (choice < 72) this.#remove();
    else if (choice < 75) this.#skip();
    else if (choice < 80) this.#purge();
    else if (choice < 82) {
      if (this.withLimits) this.#limits();
    } else if (choice < 83) {
      if (this.withLimits) this.#truncate();
    } else this.probe();
  }

  append(): void {
    const subject = this.below(4) === 0 ? `u.${this.#count}` : this.pick(SUBJECTS);
    const header = this.below(3) === 0 ? `NATS/1.0\r\nA: ${this.#count}\r\n\r\n` : '';
    const payload = `${this.#count++}:`.padEnd(this.below(this.payloadLimit), 'x');
    this.time += BigInt(this.below(3) * 1_000_003);
    this.trace.push(`append ${subject} ${payload.length}`);
    const sequence = this.store.append(
      subject,
      header ? Buffer.from(header) : null,
      Buffer.from(payload),
      this.time,
    );
    this.naive.append(subject, header, payload, this.time);
    assert.equal(sequence, this.naive.last);
  }

  #someSequence(): number {
    const { first, last } = this.naive;
    return first + this.below(last - first + 3);
  }

  #remove(): void {
    const sequence = this.#someSequence();
    const erase = this.below(3) === 0;
    this.trace.push(`${erase ? 'erase' : 'remove'} ${sequence}`);
    const removed = erase ? this.store.erase(sequence) : this.store.remove(sequence);
    assert.equal(removed, this.naive.remove(sequence));
  }

  #skip(): void {
    const sequence = this.naive.last + this.below(5);
    this.trace.push(`skip ${sequence}`);
    this.store.skipTo(sequence, this.time);
    this.naive.skipTo(sequence);
  }

  #purge(): void {
    const pattern = this.pick(PATTERNS);
    const filter = this.store.filter([pattern]);
    const patterns = filter === null ? [] : [pattern];
    const kind = this.below(4);
    const before = kind === 1 ? this.#someSequence() + this.below(2) * 3 : 0;
    const keep = kind === 2 ? 1 + this.below(5) : 0;
    if (kind === 0 && filter === null && this.below(3) > 0) return;
    this.trace.push(`purge ${pattern} before ${before} keep ${keep}`);
    assert.equal(this.store.purge({ filter, before, keep }), this.naive.purge(patterns, before, keep));
  }

  #limits(): void {
    const maxMessages = this.below(2) ? -1 : 5 + this.below(60);
    const maxBytes = this.below(2) ? -1 : 2000 + this.below(20000);
    const maxMessagesPerSubject = this.below(2) ? -1 : 1 + this.below(8);
    this.trace.push(`limits ${maxMessages} ${maxBytes} ${maxMessagesPerSubject}`);
    this.store.setLimits({ ...NO_LIMITS, maxMessages, maxBytes, maxMessagesPerSubject });
    const { naive } = this;
    naive.limits = { maxMessages, maxBytes, maxMessagesPerSubject };
    for (const subject of new Set(naive.messages.map((message) => message.subject))) {
      const same = naive.matching([subject]);
      const over = maxMessagesPerSubject > 0 ? Math.max(0, same.length - maxMessagesPerSubject) : 0;
      for (const old of same.slice(0, over)) naive.remove(old.sequence);
    }
    while (
      (maxMessages > 0 && naive.messages.length > maxMessages) ||
      (maxBytes > 0 && naive.bytes > maxBytes)
    ) {
      naive.messages.shift();
    }
  }

  #truncate(): void {
    const sequence = Math.max(this.naive.first, this.naive.last - this.below(6));
    if (sequence === 0) return;
    this.trace.push(`truncate ${sequence}`);
    this.store.truncate(sequence);
    this.naive.truncate(sequence);
  }

  /** Questions about a random place. */
  probe(): void {
    const { naive, store } = this;
    const sequence = this.#someSequence();
    this.#same(store.load(sequence), naive.load(sequence));
    const subject = this.pick(SUBJECTS);
    this.#same(store.loadLast(subject), naive.matching([subject]).at(-1));
    const patterns = [this.pick(PATTERNS), this.pick(PATTERNS)].slice(0, 1 + this.below(2));
    const filter = store.filter(patterns);
    const matching = naive.matching(filter === null ? [] : patterns);
    this.#same(
      store.loadNext(filter, sequence),
      matching.find((message) => message.sequence >= sequence),
    );
    this.#same(
      store.loadPrevious(filter, sequence),
      matching.filter((message) => message.sequence <= sequence).at(-1),
    );
    const pending = store.pending(filter, sequence);
    assert.equal(
      pending.count,
      matching.filter((message) => message.sequence >= sequence).length,
      `pending ${patterns} ${sequence}`,
    );
    const newest = new Map(matching.map((message) => [message.subject, message.sequence]));
    const pendingLast = [...newest.values()].filter((each) => each >= sequence).length;
    assert.equal(store.pending(filter, sequence, true).count, pendingLast, 'pending last per subject');
    const upTo = new Map<string, number>();
    for (const message of matching)
      if (message.sequence <= sequence) upTo.set(message.subject, message.sequence);
    assert.deepEqual(
      [...(store.lastSequences(filter, sequence, 1e9) ?? [])],
      [...upTo.values()].sort((a, b) => a - b),
    );
    const time = this.time - BigInt(this.below(30) * 1_000_003);
    const from = naive.messages.find((message) => message.time >= time);
    assert.equal(store.sequenceAt(time), from?.sequence ?? naive.last + 1, 'sequenceAt');
  }

  /** A count in steps, with messages that come and go in between. */
  countMeanwhile(): void {
    const { naive, store } = this;
    const from = this.#someSequence();
    const patterns = [this.pick(PATTERNS), this.pick(PATTERNS)].slice(0, 1 + this.below(2));
    const filter = store.filter(patterns);
    const wanted = filter === null ? [] : patterns;
    const counting = store.countPending(filter, from);
    const { through } = counting;
    assert.equal(through, naive.last);
    for (let turns = 0; !counting.step(1 + this.below(4)); turns++) {
      assert.ok(turns < 10_000, 'it ends');
      if (this.below(3) === 0) this.append();
      if (this.below(3) > 0) continue;
      const gone = this.#someSequence();
      const known = naive.matching(wanted).some(({ sequence }) => sequence === gone);
      this.trace.push(`remove ${gone} while counting ${patterns} from ${from}`);
      assert.equal(store.remove(gone), naive.remove(gone));
      if (known && gone <= through) counting.removed(gone);
    }
    const left = naive.matching(wanted).filter(({ sequence }) => sequence >= from && sequence <= through);
    assert.equal(counting.count, left.length, `counted ${patterns} from ${from} in steps`);
  }

  #same(message: ReturnType<MessageStore['load']>, expected: NaiveMessage | undefined): void {
    if (expected === undefined || message === null) {
      assert.equal(message, null);
      assert.equal(expected, undefined);
      return;
    }
    const { sequence, subject, header, payload, time } = message;
    assert.deepEqual(
      { sequence, subject, header: header?.toString() ?? '', payload: payload.toString(), time },
      {
        sequence: expected.sequence,
        subject: expected.subject,
        header: expected.header,
        payload: expected.payload,
        time: expected.time,
      },
    );
  }

  /** Everything. */
  check(): void {
    const { naive, store } = this;
    const { state } = store;
    assert.equal(state.messages, naive.messages.length, 'messages');
    assert.equal(state.bytes, naive.bytes, 'bytes');
    assert.equal(state.lastSequence, naive.last, 'last');
    assert.equal(state.firstSequence, naive.first, 'first');
    assert.equal(state.firstTime, naive.messages[0]?.time ?? 0n, 'first time');
    const totals = new Map<string, number>();
    for (const { subject } of naive.messages) totals.set(subject, (totals.get(subject) ?? 0) + 1);
    assert.equal(state.subjects, totals.size, 'subjects');
    const found = new Map<string, number>();
    store.subjectTotals(null, (subject, messages) => void found.set(subject, messages));
    assert.deepEqual([...found].sort(), [...totals].sort());
    const live = new Set(naive.messages.map((message) => message.sequence));
    const deleted: number[] = [];
    if (naive.messages.length > 0) {
      for (let sequence = naive.first; sequence <= naive.last; sequence++) {
        if (!live.has(sequence)) deleted.push(sequence);
      }
    }
    assert.deepEqual(store.deletedSequences(), deleted);
    assert.equal(state.deleted, deleted.length);
    let at = 0;
    for (
      let message = store.loadNext(null, 0);
      message;
      message = store.loadNext(null, message.sequence + 1)
    ) {
      this.#same(message, naive.messages[at++]);
    }
    assert.equal(at, naive.messages.length);
    for (let i = 0; i < 10; i++) this.probe();
  }
}

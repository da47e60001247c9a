/** Questions about very many subjects are answered in steps, while messages come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '../../../src/jetstream/store/memory-store.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';

/** More than one step compares. */
const SUBJECTS = 150_000;

class Bench {
  readonly store: MemoryStore;
  readonly random: SeededRandom;
  /** Subjects by sequence. */
  readonly messages = new Map<number, string>();

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    const clock = new SimulatedClock();
    this.store = new MemoryStore(clock, new StoreMemory());
    for (let i = 0; i < SUBJECTS; i++) this.append(i);
    for (let i = 0; i < 20_000; i++) this.append(this.below(SUBJECTS));
    // Each step that looks at the clock ends with that.
    let time = 0;
    clock.monotonic = () => (time += 10);
  }

  below(limit: number): number {
    return this.random.next() % limit;
  }

  append(i: number): number {
    const subject = `${i % 7}.${i}.${i % 3 === 0 ? 'x' : 'y'}`;
    const sequence = this.store.append(subject, null, Buffer.from('.'), 1n);
    this.messages.set(sequence, subject);
    return sequence;
  }

  remove(): number {
    const sequence = 1 + this.below(this.store.state.lastSequence);
    assert.equal(this.store.remove(sequence), this.messages.has(sequence));
    return sequence;
  }

  /** Sequences of messages whose subject ends in `.x`. */
  *found(from: number, to: number): Iterable<[sequence: number, subject: string]> {
    for (const [sequence, subject] of this.messages)
      if (sequence >= from && sequence <= to && subject.endsWith('.x')) yield [sequence, subject];
  }

  lasts(upTo: number): number[] {
    const lasts = new Map<string, number>();
    for (const [sequence, subject] of this.found(0, upTo))
      lasts.set(subject, Math.max(sequence, lasts.get(subject) ?? 0));
    return [...lasts.values()].sort((a, b) => a - b);
  }
}

for (const from of [1, 50_000, 120_000, SUBJECTS + 10_000]) {
  test(`what is pending from ${from} on, while subjects are compared`, () => {
    for (let seed = 1; seed <= 4; seed++) {
      const bench = new Bench(seed);
      const { store } = bench;
      const filter = store.filter(['*.*.x']);
      const counting = store.countPending(filter, from);
      let steps = 1;
      for (; !counting.step(1000); steps++) {
        for (let i = bench.below(200); i > 0; i--) {
          if (bench.below(2) === 0) bench.append(bench.below(SUBJECTS * 2));
          else {
            const sequence = bench.remove();
            const isMeant = bench.messages.get(sequence)?.endsWith('.x') && sequence <= counting.through;
            bench.messages.delete(sequence);
            if (isMeant) counting.removed(sequence);
          }
        }
      }
      assert.ok(steps > 1, `${steps} steps`);
      assert.ok(store.state.lastSequence > counting.through);
      assert.equal(counting.count, [...bench.found(from, counting.through)].length, `seed ${seed}`);
    }
  });
}

for (const [upTo, limit] of [
  [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  [SUBJECTS / 2, Number.POSITIVE_INFINITY],
  [SUBJECTS, 100_000],
] as const) {
  test(`the newest messages up to ${upTo} of very many subjects`, () => {
    for (let seed = 1; seed <= 4; seed++) {
      const bench = new Bench(seed);
      const { store } = bench;
      const most = Math.min(upTo, store.state.lastSequence);
      const work = store.lastSequencesSteps(store.filter(['*.*.x']), most, limit);
      let steps = 1;
      for (; !work.step(); steps++) {
        for (let i = bench.below(100); i > 0; i--) {
          if (bench.below(2) === 0) bench.append(bench.below(SUBJECTS * 2));
          // What has been found stays.
          else if (steps < 2) bench.messages.delete(bench.remove());
        }
      }
      assert.ok(steps > 1, `${steps} steps`);
      assert.deepEqual([...work.sequences!], bench.lasts(most), `seed ${seed}`);
      // Nothing that was noted on the way is wrong.
      for (const [, subject] of bench.found(0, 2000)) {
        const last = Math.max(
          ...[...bench.messages].filter(([, each]) => each === subject).map(([at]) => at),
        );
        assert.equal(store.lastSequenceOf(subject), last);
        break;
      }
      const { lastSequence } = store.state;
      const all = store.lastSequences(store.filter(['*.*.x']), lastSequence, Number.POSITIVE_INFINITY);
      assert.deepEqual([...all!], bench.lasts(lastSequence));
      assert.equal(store.lastSequences(store.filter(['*.*.x']), lastSequence, 1024), null);
    }
  });
}

test('more subjects than the limit are known to be too many, wherever their messages lie', () => {
  const { store } = new Bench(1);
  assert.equal(store.lastSequences(store.filter(['*.*.x']), 40_000, 1024), null);
  assert.equal(store.lastSequences(store.filter(['*.*.x']), 2000, 1024)!.length, Math.ceil(2000 / 3));
});

test('a purge that keeps the newest compares subjects first, and knows what came meanwhile', () => {
  const bench = new Bench(1);
  const { store } = bench;
  const end = store.state.lastSequence;
  const work = store.purgeSteps({ filter: store.filter(['*.*.x']), keep: 500 });
  let steps = 1;
  for (; !work.step(); steps++) {
    for (let i = 0; i < 3; i++) bench.append(bench.below(SUBJECTS));
    // That one may have gone already.
    const sequence = 1 + bench.below(end);
    store.remove(sequence);
    bench.messages.delete(sequence);
  }
  assert.ok(steps > 1, `${steps} steps`);
  const left = (from: number, to: number) =>
    [...bench.found(from, to)].filter(([at]) => store.load(at)).length;
  assert.equal(left(0, end), 500);
  assert.equal(
    left(end + 1, store.state.lastSequence),
    [...bench.found(end + 1, Number.POSITIVE_INFINITY)].length,
  );
});

test('a message is found backwards by its subject, where few match', () => {
  const bench = new Bench(1);
  const { store } = bench;
  const filter = store.filter(['*.4711.*']);
  const [last] = [...bench.messages].filter(([, subject]) => subject.includes('.4711.')).at(-1)!;
  assert.equal(store.loadPrevious(filter, store.state.lastSequence)?.sequence, last);
  assert.equal(store.loadPrevious(filter, 4711), null);
  assert.equal(store.loadPrevious(filter, 4712)?.sequence, 4712);
  assert.equal(store.loadPrevious(store.filter(['*.none.*']), store.state.lastSequence), null);
});

test('a page of subjects is found in steps', () => {
  const bench = new Bench(1);
  const { store } = bench;
  let shown = 0;
  const show = (subject: string, messages: number) => {
    shown++;
    return `${subject} ${messages}`;
  };
  const page = store.subjectPage('*.*.x', { offset: 10_000, limit: 20_000 }, show);
  let steps = 1;
  let most = 0;
  for (let before = 0; !page.step(); steps++) {
    most = Math.max(most, shown - before);
    before = shown;
    if (steps === 100) {
      // So many go that ids are used again: it begins anew.
      for (let sequence = 1; sequence <= 60_000; sequence++) {
        store.remove(sequence);
        bench.messages.delete(sequence);
      }
    }
    // Before the page, and of it.
    if (steps === 1000) bench.append(3 * SUBJECTS);
    for (let i = 0; i < 2; i++) bench.append(3 * bench.below(SUBJECTS / 3));
  }
  assert.ok(steps > 150 && most <= 128, `${steps} steps, ${most} subjects in one`);
  const counts = new Map<string, number>();
  for (const [, subject] of bench.found(0, Number.POSITIVE_INFINITY))
    counts.set(subject, 1 + (counts.get(subject) ?? 0));
  assert.equal(page.total, counts.size);
  const found = page.text.split(',').map((each) => each.split(' '));
  const names = found.map(([name]) => name!);
  assert.equal(names.length, 20_000);
  assert.deepEqual(names, [...new Set(names)].sort());
  const later = found.filter(([name, messages]) => counts.get(name!) !== Number(messages));
  assert.ok(later.length < steps * 2, `${later.length} have got more since they were found`);
});

test('a page of the few subjects that match among very many is found in steps', () => {
  const { store } = new Bench(3);
  for (const [pattern, found] of [
    ['*.*.z', ''],
    ['*.4711.*', '0.4711.y'],
  ] as const) {
    const page = store.subjectPage(pattern, { offset: 0, limit: 10 }, (subject) => subject);
    let steps = 1;
    for (; !page.step(); steps++);
    // Those that compare are three.
    assert.ok(steps > 30, `${steps} steps`);
    assert.deepEqual([page.total, page.text], [found === '' ? 0 : 1, found]);
  }
});

test('pages of subjects follow each other without a gap', () => {
  const { store } = new Bench(2);
  const expected = new Set<string>();
  store.subjectTotals(store.filter(['3.>']), (subject) => expected.add(subject));
  const names: string[] = [];
  for (let offset = 0; offset < expected.size; offset += 7000) {
    const page = store.subjectPage('3.>', { offset, limit: 7000 }, (subject) => subject).finish();
    names.push(...page.text.split(','));
    assert.equal(page.total, expected.size);
  }
  assert.deepEqual(names, [...expected].sort());
  const literal = store.subjectPage('3.3.x', { offset: 0, limit: 10 }, (subject) => subject).finish();
  assert.equal(literal.total, 1);
  assert.equal(literal.text, '3.3.x');
});

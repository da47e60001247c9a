/** The subjects of a store beside a plain map, while many come and go; and how much is done at once for each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_SUBJECT, SubjectIndex } from '../../../src/jetstream/store/subject-index.js';
import { NOT_YET, SubjectOrder } from '../../../src/jetstream/store/subject-index-order.js';
import { StoreFilter } from '../../../src/jetstream/store/subject-index-pattern.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { subjectMatches } from '../../../src/subjects/subject.js';

const PATTERNS = ['a.>', 'a.*', 'a.*.x', '*.1.>', 'b.>', '>', 'a.1*.>', 'c.5', '*.*', 'a.77.x'];

/** In order. */
function* namesOf(index: SubjectIndex, filter: StoreFilter): Iterable<string> {
  const { literal, prefix } = filter.compiled[0]!;
  const start = literal === null ? prefix : Buffer.from(literal);
  const walk = index.walk(start, (id) => index.counts[id]! > 0 && filter.matchesId(id));
  for (let id = walk.next(); id !== -1; id = walk.next()) if (id !== NOT_YET) yield index.name(id);
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`subjects that come and go, seed ${seed}`, () => {
    const random = new SeededRandom(seed);
    const below = (limit: number) => random.next() % limit;
    const index = new SubjectIndex();
    const known = new Map<string, number>();
    const filters = PATTERNS.map((pattern) => new StoreFilter(index, [pattern]));
    const only = seed % 2 === 0;
    for (let i = 0; i < 60_000; i++) {
      const letter = only ? 'a' : 'abc'[below(3)]!;
      const name = `${letter}.${below(9000)}${below(3) === 0 ? '.x' : ''}`;
      const id = known.get(name);
      // In waves, so that most of them go now and then.
      const growing = Math.floor(i / 15_000) % 2 === 0;
      if (id === undefined && (growing || below(8) === 0)) {
        const added = index.add(name);
        index.counts[added] = 1;
        known.set(name, added);
      } else if (id !== undefined && (!growing || below(8) === 0)) {
        index.release(id);
        known.delete(name);
      }
      if (i % 3000 !== 2999) continue;
      assert.equal(index.size, known.size);
      const wrong = [...known].filter(
        ([subject, at]) => index.find(subject) !== at || index.name(at) !== subject,
      );
      assert.deepEqual(wrong, []);
      for (const [at, filter] of filters.entries()) {
        const found: string[] = [];
        filter.visit((each) => found.push(index.name(each)) > 0);
        const expected = [...known.keys()].filter((subject) => subjectMatches(subject, PATTERNS[at]!)).sort();
        assert.equal(found.sort().join(' '), expected.join(' '), PATTERNS[at]);
        assert.equal([...namesOf(index, filter)].join(' '), expected.join(' '), PATTERNS[at]);
        if (filter.matchesAll) assert.equal(found.length, known.size);
      }
    }
  });
}

test('a pattern that begins like all subjects matches them all, until there is another', () => {
  const index = new SubjectIndex();
  for (let i = 0; i < 1000; i++) index.counts[index.add(`a.b.${i}`)] = 1;
  assert.equal(new StoreFilter(index, ['a.>']).matchesAll, true);
  assert.equal(new StoreFilter(index, ['a.b.>']).matchesAll, true);
  assert.equal(new StoreFilter(index, ['a.b.*']).matchesAll, false);
  assert.equal(new StoreFilter(index, ['a.b.1']).matchesAll, false);
  index.counts[index.add('a.c')] = 1;
  assert.equal(new StoreFilter(index, ['a.b.>']).matchesAll, false);
  assert.equal(new StoreFilter(index, ['x', 'a.>']).matchesAll, true);
});

test('no addition takes more than a few comparisons, however many ids there are', () => {
  const value = (id: number) => Math.imul(id, 0x9e37_79b1) >>> 0;
  let compared = 0;
  const order = new SubjectOrder({
    compare: (a, b) => {
      compared++;
      return value(a) - value(b);
    },
    comparePrefix: () => 0,
  });
  let most = 0;
  for (let id = 0; id < 300_000; id++) {
    const before = compared;
    order.add(id);
    most = Math.max(most, compared - before);
  }
  // Sorting the newest 256, and a piece of a merge.
  assert.ok(most < 256 * 10, `${most} comparisons`);
  assert.equal(order.countPrefix(new Uint8Array(0)), 300_000);
  const seen = new Set<number>();
  order.visitPrefix(new Uint8Array(0), (id) => seen.add(id).size > 0);
  assert.equal(seen.size, 300_000);
});

test('ids are forgotten in pieces, while others come', () => {
  const order = new SubjectOrder({ compare: (a, b) => a - b, comparePrefix: () => 0 });
  const count = 200_000;
  for (let id = 0; id < count; id++) order.add(id);
  const gone = new Uint8Array(count).map((_, id) => (id % 3 === 0 ? 1 : 0));
  let isDone = false;
  order.forget(gone, () => (isDone = true));
  let pieces = 0;
  for (; !isDone; pieces++) {
    if (pieces % 2 === 0) order.work();
    else order.add(count + pieces);
  }
  assert.ok(pieces > count / 1024 / 2, `${pieces} pieces`);
  const seen = new Set<number>();
  order.visitPrefix(new Uint8Array(0), (id) => seen.add(id).size > 0);
  assert.equal(seen.size, count - Math.ceil(count / 3) + Math.floor(pieces / 2));
  for (const id of seen) assert.ok(gone[id] !== 1);
});

test('a table that was outgrown stays until its entries have moved, a few with each subject', () => {
  const index = new SubjectIndex();
  // Up to the table's limit of three quarters.
  const limit = (1 << 17) * 0.75;
  const name = (i: number) => `s.${i}`;
  for (let i = 0; i < limit; i++) index.counts[index.add(name(i))] = 1;
  const before = index.memory;
  index.counts[index.add(name(limit))] = 1;
  const both = index.memory;
  assert.ok(both - before >= (1 << 18) * 4, 'both tables');
  // Some that have moved, some that have not, some that come in the new one and go.
  for (let i = 0; i < 300; i++) index.release(index.find(name(i * 300)));
  for (let i = 1; i <= 300; i++) index.counts[index.add(name(limit + i))] = 1;
  for (let i = 1; i <= 300; i += 2) index.release(index.find(name(limit + i)));
  assert.ok(index.memory >= both, 'not all have moved');
  for (let i = 301; i <= 1000; i++) index.counts[index.add(name(limit + i))] = 1;
  assert.ok(index.memory <= both - (1 << 17) * 4, 'all have moved');
  for (let i = 0; i <= limit + 1000; i++) {
    const isGone = i < limit ? i % 300 === 0 && i < 90_000 : i > limit && i <= limit + 300 && i % 2 === 1;
    const id = index.find(name(i));
    assert.equal(id === NO_SUBJECT, isGone, name(i));
    if (!isGone) assert.equal(index.name(id), name(i));
  }
});

test('a filter keeps what it knows of ids that go on standing for the same subjects', () => {
  const index = new SubjectIndex();
  const filter = new StoreFilter(index, ['*.a']);
  const ids = Array.from({ length: 8000 }, (_, i) => index.add(`${i}.${i % 2 === 0 ? 'a' : 'b'}`));
  for (const id of ids) index.counts[id] = 1;
  for (const [i, id] of ids.entries()) assert.equal(filter.matchesId(id), i % 2 === 0);
  const { epoch } = index;
  for (const id of ids.slice(0, 4000)) index.release(id);
  while (index.epoch === epoch) index.release(index.add('x'));
  // They get ids of others.
  for (let i = 0; i < 4000; i++) {
    const id = index.add(`n${i}.${i % 3 === 0 ? 'a' : 'b'}`);
    index.counts[id] = 1;
    assert.equal(filter.matchesId(id), i % 3 === 0);
  }
  for (const [i, id] of ids.slice(4000).entries()) assert.equal(filter.matchesId(id), i % 2 === 0);
});

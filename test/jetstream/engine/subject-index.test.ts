/** The subjects of a store beside a plain map, while many come and go; and how much is done at once for each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SubjectIndex } from '../../../src/jetstream/store/subject-index.js';
import { SubjectOrder } from '../../../src/jetstream/store/subject-index-order.js';
import { StoreFilter, SubjectPattern } from '../../../src/jetstream/store/subject-index-pattern.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { subjectMatches } from '../../../src/subjects/subject.js';

const PATTERNS = ['a.>', 'a.*', 'a.*.x', '*.1.>', 'b.>', '>', 'a.1*.>', 'c.5', '*.*', 'a.77.x'];

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
      if (i % 1000 !== 999) continue;
      assert.equal(index.size, known.size);
      for (const [subject, at] of known) {
        assert.equal(index.find(subject), at);
        assert.equal(index.name(at), subject);
      }
      for (const [at, filter] of filters.entries()) {
        const found = new Set<string>();
        filter.visit((each) => {
          assert.ok(!found.has(index.name(each)), 'once');
          found.add(index.name(each));
          return true;
        });
        const expected = [...known.keys()].filter((subject) => subjectMatches(subject, PATTERNS[at]!));
        assert.deepEqual([...found].sort(), expected.sort(), PATTERNS[at]);
        const sorted = [...index.sorted(new SubjectPattern(PATTERNS[at]!))].map((each) => index.name(each));
        assert.deepEqual(sorted, expected, PATTERNS[at]);
        if (filter.matchesAll) assert.equal(found.size, known.size);
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

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AccountMappings } from '../../src/accounts/mappings.js';
import { mappingProblem } from '../../src/config/mappings.js';
import type { MappingDestination } from '../../src/config/options.js';
import { SeededRandom } from '../../src/runtime/random.js';

const chance = (value: number) => ({ next: () => value });

/** How many of the 100 possible rolls lead to each subject. */
function shares(mappings: AccountMappings, subject: string): Record<string, number> {
  const counts: Record<string, number> = {};
  const mapped = mappings.find(subject)!;
  for (let roll = 0; roll < 100; roll++) {
    const next = mapped.next(chance(roll)).subject;
    counts[next] = (counts[next] ?? 0) + 1;
  }
  return counts;
}

const weighted = (subject: string, destinations: MappingDestination[], cluster?: string) =>
  new AccountMappings([{ subject, destinations }], cluster);

describe('mappings of an account', () => {
  test('canary: the rest stays on the source', () => {
    const canary = weighted('a.*', [{ subject: 'b.$1', weight: 20 }]);
    assert.deepEqual(shares(canary, 'a.x'), { 'b.x': 20, 'a.x': 80 });
    assert.equal(canary.find('b.x'), null);
    assert.equal(canary.find('a.x.y'), null);
  });

  test('loss: a source that is named itself gets its share only', () => {
    const lossy = weighted('a', [
      { subject: 'a', weight: 70 },
      { subject: 'b', weight: 5 },
    ]);
    assert.deepEqual(shares(lossy, 'a'), { a: 70, b: 5, '': 25 });
  });

  test('clusters', () => {
    const destinations = [
      { subject: 'b', weight: 100 },
      { subject: 'east', weight: 60, cluster: 'east' },
      { subject: 'a', weight: 10, cluster: 'west' },
    ];
    assert.deepEqual(shares(weighted('a', destinations), 'a'), { b: 100 });
    assert.deepEqual(shares(weighted('a', destinations, 'north'), 'a'), { b: 100 });
    // The source is named, if only for another cluster: the rest is lost (official behaviour).
    assert.deepEqual(shares(weighted('a', destinations, 'east'), 'a'), { east: 60, '': 40 });
    assert.deepEqual(shares(weighted('a', destinations, 'west'), 'a'), { a: 10, '': 90 });
    assert.deepEqual(shares(weighted('a', destinations.slice(1, 2)), 'a'), { a: 100 });
  });

  test('the first one that applies, and the last one of the same source', () => {
    const to = (subject: string) => [{ subject, weight: 100 }];
    const mappings = new AccountMappings([
      { subject: 'a.*', destinations: to('first') },
      { subject: 'a.b', destinations: to('second') },
      { subject: 'c', destinations: to('third') },
      { subject: 'c', destinations: to('fourth') },
    ]);
    assert.equal(mappings.find('a.b')!.next(chance(0)).subject, 'first');
    assert.equal(mappings.find('c')!.next(chance(0)).subject, 'fourth');
  });

  test('a random token is drawn for each message', () => {
    const mapped = weighted('a', [{ subject: 'b.{{random(2)}}', weight: 100 }]).find('a')!;
    const random = new SeededRandom(3);
    const seen = new Set(Array.from({ length: 50 }, () => mapped.next(random).subject));
    assert.deepEqual([...seen].sort(), ['b.0', 'b.1']);
  });

  test('every percent goes somewhere, as the weights say', () => {
    const destination = fc.record({
      subject: fc.constantFrom('a', 'b', 'c', 'd'),
      weight: fc.integer({ min: 0, max: 100 }),
      cluster: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(destination, { maxLength: 4 }), fc.constantFrom('', 'x', 'y'), (all, cluster) => {
        const destinations: MappingDestination[] = all.map(({ cluster, ...rest }) =>
          cluster === undefined ? rest : { ...rest, cluster },
        );
        fc.pre(mappingProblem('a', destinations) === null);
        const got = shares(weighted('a', destinations, cluster), 'a');
        const own = destinations.filter((each) => each.cluster === cluster);
        const chosen = own.length > 0 ? own : destinations.filter((each) => each.cluster === undefined);
        let rest = 100;
        for (const { subject, weight } of chosen) {
          assert.equal(got[subject] ?? 0, weight);
          rest -= weight;
        }
        const named = destinations.some(({ subject }) => subject === 'a');
        if (rest > 0) assert.equal(got[named ? '' : 'a'], rest);
      }),
    );
  });
});

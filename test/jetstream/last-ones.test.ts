import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LastOnes } from '../../src/jetstream/last-ones.js';

const sequences = fc
  .uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 60 })
  .map((list) => list.sort((a, b) => a - b));
/** One that is taken out, from the front, or all that are odd or even. */
const operation = fc.oneof(
  fc.integer({ min: 1, max: 200 }),
  fc.constant('first' as const),
  fc.constant('odd' as const),
);

test('what is left is what a list would have left', () => {
  fc.assert(
    fc.property(sequences, fc.array(operation, { maxLength: 40 }), (list, operations) => {
      const ones = new LastOnes(Float64Array.from(list));
      let left = list;
      for (const each of operations) {
        if (each === 'odd') {
          ones.retain((sequence) => sequence % 2 === 1);
          left = left.filter((sequence) => sequence % 2 === 1);
        } else {
          const sequence = each === 'first' ? (left[0] ?? 1) : each;
          assert.equal(ones.delete(sequence), left.includes(sequence));
          left = left.filter((other) => other !== sequence);
        }
        assert.deepEqual([ones.length, ones.first, ones.last], [left.length, left[0], left.at(-1)]);
      }
    }),
  );
});

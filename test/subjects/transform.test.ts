import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fromUtf8, toUtf8 } from '../../src/protocol/bytes.js';
import { SeededRandom } from '../../src/runtime/random.js';
import { isValidLiteral, subjectMatches } from '../../src/subjects/subject.js';
import {
  placeholdersToWildcards,
  SubjectTransform,
  TransformError,
  validateDestination,
  wildcardsToPlaceholders,
} from '../../src/subjects/transform.js';
import { transformCases } from './transform-cases.js';

/** The text of the error, or null when there is none. */
function errorOf(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    assert.ok(error instanceof TransformError);
    return error.message;
  }
}

describe('subject transforms', () => {
  for (const { source, destination, strict = false, results, error, mappingError } of transformCases) {
    const name = `${source || 'nothing'} -> ${destination}${strict ? ', strict' : ''}`;
    const create = () => SubjectTransform.create(fromUtf8(source), fromUtf8(destination), { strict });
    test(name, () => {
      assert.equal(errorOf(create), error ?? null);
      for (const [subject, expected] of results ?? []) {
        const got = create().match(fromUtf8(subject));
        assert.equal(got === null ? null : toUtf8(got), expected, subject);
      }
      if (strict) return;
      const invalid = errorOf(() => validateDestination(fromUtf8(source), fromUtf8(destination)));
      assert.equal(invalid, mappingError ?? error ?? null);
    });
  }

  test('a random token is below its bound, and every number comes', () => {
    const transform = SubjectTransform.create('a.*', 'b.{{random(3)}}.$1');
    const random = new SeededRandom(7);
    const seen = new Set(Array.from({ length: 100 }, () => transform.transform('a.x', random)));
    assert.deepEqual([...seen].sort(), ['b.0.x', 'b.1.x', 'b.2.x']);
    assert.equal(transform.isRandom, true);
    assert.equal(SubjectTransform.create('a.*', 'b.{{partition(3,1)}}').isRandom, false);
  });

  test('wildcards of a subject pass through', () => {
    const transform = SubjectTransform.create('a.*.*.>', 'b.$2.c.$1.>');
    assert.equal(transform.transform('a.*.x.>'), 'b.x.c.*.>');
    assert.equal(transform.transformTokens(['a', '1', '*', 'y']), 'b.*.c.1.y');
  });

  test('placeholders and wildcards', () => {
    assert.equal(wildcardsToPlaceholders('foo.*.bar.*.>'), 'foo.$1.bar.$2.>');
    assert.deepEqual(placeholdersToWildcards('foo.$2.{{ Wildcard(1) }}.$x.$0'), {
      pattern: 'foo.*.*.$x.$0',
      placeholders: ['$2', '{{ Wildcard(1) }}'],
    });
    assert.deepEqual(placeholdersToWildcards('foo.{{wildcard()}}.{{wildcard(1,2)}}.{{partition(1)}}'), {
      pattern: 'foo.{{wildcard()}}.{{wildcard(1,2)}}.{{partition(1)}}',
      placeholders: [],
    });
  });

  test('reverse', () => {
    const reversed = (source: string, destination: string) => {
      const back = SubjectTransform.create(source, destination).reverse();
      return back === null ? null : [back.source, back.destination];
    };
    assert.deepEqual(reversed('foo', 'bar'), ['bar', 'foo']);
    assert.deepEqual(reversed('foo.*.*', 'bar.$2.x.$1'), ['bar.*.x.*', 'foo.$2.$1']);
    assert.deepEqual(reversed('foo.*.*.>', 'bar.{{wildcard(2)}}.$1.>'), [
      'bar.*.*.>',
      'foo.{{wildcard(2)}}.$1.>',
    ]);
    assert.equal(reversed('foo.*.*', 'bar.$1'), null);
  });

  test('back and forth is where it began', () => {
    const literal = fc.constantFrom('a', 'b', '$x', 'long-token', 'c*');
    const shape = fc
      .record({
        source: fc.array(fc.option(literal, { nil: '*' }), { minLength: 1, maxLength: 6 }),
        rest: fc.boolean(),
      })
      .chain(({ source, rest }) => {
        const wildcards = source.filter((token) => token === '*').length;
        const order = fc.shuffledSubarray(
          Array.from({ length: wildcards }, (_, i) => i + 1),
          { minLength: wildcards },
        );
        const values = fc.array(fc.constantFrom('1', 'two', 'z'), {
          minLength: wildcards + 2,
          maxLength: wildcards + 2,
        });
        return fc.record({
          source: fc.constant(source),
          rest: fc.constant(rest),
          order,
          values,
          between: literal,
        });
      });
    fc.assert(
      fc.property(shape, ({ source, rest, order, values, between }) => {
        const pattern = [...source, ...(rest ? ['>'] : [])].join('.');
        const destination = [between, ...order.map((index) => `$${index}`), ...(rest ? ['>'] : [])].join('.');
        const transform = SubjectTransform.create(pattern, destination, { strict: true });
        const [next, ...more] = [values[0]!, ...values.slice(1)];
        const left = [...more];
        const subject = [
          ...source.map((token) => (token === '*' ? left.pop()! : token)),
          ...(rest ? [next, 'q'] : []),
        ].join('.');
        const there = transform.match(subject)!;
        const back = transform.reverse()!;
        assert.ok(isValidLiteral(there));
        assert.ok(subjectMatches(there, back.source));
        // Placeholders come back in the order in which they stand, so only an order that is its own reverse is undone.
        if (order.every((index, at) => order[index - 1] === at + 1)) assert.equal(back.match(there), subject);
      }),
    );
  });
});

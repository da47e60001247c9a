import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { InterestGraph } from '../../src/subjects/interest-graph.js';
import {
  hasEmptyToken,
  hasWildcard,
  isValidLiteral,
  isValidSubscription,
  subjectMatches,
} from '../../src/subjects/subject.js';

interface Sub {
  subject: string;
  queue: string | null;
}

/** The rule itself, token by token. */
function falls(literal: string, pattern: string): boolean {
  const have = literal.split('.');
  const want = pattern.split('.');
  if (have.includes('')) return false;
  if (want.at(-1) === '>') {
    if (have.length < want.length) return false;
    want.pop();
    have.length = want.length;
  }
  return have.length === want.length && want.every((token, i) => token === '*' || token === have[i]);
}

const tokens = (unit: string[]) =>
  fc.array(fc.constantFrom(...unit), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('.'));
const literals = tokens(['a', 'b', 'ab', 'a*', '*a', '>a', '']);
const patterns = tokens(['a', 'b', 'ab', '*', '>', 'a*', '**', '']);

describe('subjects', () => {
  test('valid subscriptions have no empty token and nothing behind >', () => {
    fc.assert(
      fc.property(patterns, (subject) => {
        const parts = subject.split('.');
        assert.equal(isValidSubscription(subject), !parts.includes('') && !parts.slice(0, -1).includes('>'));
        assert.equal(hasWildcard(subject), parts.includes('*') || parts.includes('>'));
        assert.equal(hasEmptyToken(subject), parts.includes(''));
        const literal = !parts.some((part) => part === '' || part === '*' || part === '>');
        assert.equal(isValidLiteral(subject), literal);
      }),
    );
  });

  test('subjectMatches follows the rule', () => {
    fc.assert(
      fc.property(literals, patterns, (literal, pattern) => {
        fc.pre(!hasEmptyToken(literal) && isValidSubscription(pattern));
        assert.equal(subjectMatches(literal, pattern), falls(literal, pattern));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('interest graph', () => {
  test('finds what a search through all subscriptions finds, whatever came and went', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), subject: patterns }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), index: fc.nat() }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('match' as const), subject: fc.oneof(literals, patterns) }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const graph = new InterestGraph<Sub>();
        let model: Sub[] = [];
        for (const each of steps) {
          if (each.kind === 'add') {
            const sub = { subject: each.subject, queue: null };
            assert.equal(graph.insert(sub), isValidSubscription(each.subject));
            if (isValidSubscription(each.subject)) model.push(sub);
          } else if (each.kind === 'remove' && model.length > 0) {
            const sub = model[each.index % model.length]!;
            model = model.filter((other) => other !== sub);
            graph.remove(sub);
          } else if (each.kind === 'match') {
            const found = graph.match(each.subject);
            assert.equal(new Set(found).size, found.length, 'a subscription twice');
            assert.deepEqual(
              new Set(found),
              new Set(model.filter((sub) => falls(each.subject, sub.subject))),
            );
          }
          assert.equal(graph.count, model.length);
        }
        assert.deepEqual(new Set(graph.all()), new Set(model));
        for (const sub of model) graph.remove(sub);
        assert.equal([...graph.all()].length, 0);
        assert.equal(graph.inserts - graph.removes, 0);
      }),
      { numRuns: 500 },
    );
  });

  test('subjects as long as a line of 64 KB', () => {
    const graph = new InterestGraph<Sub>();
    for (const token of ['*', 'a']) {
      const sub = { subject: `*.${Array(32_000).fill(token).join('.')}`, queue: null };
      assert.ok(graph.insert(sub));
      assert.deepEqual(graph.match(sub.subject.replaceAll('*', 'a')), [sub]);
      assert.deepEqual([...graph.all()], [sub]);
      graph.remove(sub);
      assert.equal(graph.count, 0);
    }
  });
});

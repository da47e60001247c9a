import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SubjectSet } from '../../src/security/subject-set.js';
import { hasWildcard, isSubsetOf, isValidPattern, patternsOverlap } from '../../src/subjects/subject.js';
import { ALL_LITERALS, literal, naiveMatches, pattern } from './subject-generators.js';

describe('subject set', () => {
  it('matches like a list of regular expressions', () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 6 }), literal, (patterns, subject) => {
        const expected = patterns.some((entry) => naiveMatches(subject, entry));
        assert.equal(new SubjectSet(patterns).matches(subject), expected);
      }),
      { numRuns: 500 },
    );
  });

  it('overlap and subset agree with trying all subjects', () => {
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        const inA = ALL_LITERALS.filter((subject) => naiveMatches(subject, a));
        assert.equal(
          patternsOverlap(a, b),
          inA.some((subject) => naiveMatches(subject, b)),
        );
        if (isSubsetOf(a, b)) assert.ok(inA.every((subject) => naiveMatches(subject, b)));
        assert.equal(new SubjectSet([b]).covers(a).plain, isSubsetOf(a, b));
      }),
      { numRuns: 300 },
    );
  });

  it('collects the queue groups of all entries that match', () => {
    const set = new SubjectSet();
    set.add('foo.*', 'v1');
    set.add('foo.>', 'v2');
    set.add('foo.bar', 'v1');
    set.add('bar');
    assert.deepEqual(set.match('foo.bar'), { plain: false, queues: ['v2', 'v1'] });
    assert.deepEqual(set.match('bar'), { plain: true, queues: [] });
    assert.deepEqual(set.match('foo'), { plain: false, queues: [] });
  });

  it('takes wildcards in a message subject as they are', () => {
    assert.equal(new SubjectSet(['foo.*']).matches('foo.>'), true);
    assert.equal(new SubjectSet(['foo.*']).covers('foo.>').plain, false);
    assert.equal(new SubjectSet(['foo.>']).covers('foo.*.>').plain, true);
    assert.equal(new SubjectSet(['foo*']).matches('foo*'), true);
    assert.equal(new SubjectSet(['foo*']).matches('foox'), false);
  });

  it('matches nothing with an empty token', () => {
    const set = new SubjectSet(['>', '*', 'a.*.b']);
    for (const subject of ['', '.', 'a.', '.a', 'a..b']) assert.equal(set.matches(subject), false, subject);
  });

  it('validates patterns', () => {
    for (const good of ['a', '*', '>', 'a.*.>', 'foo*', 'a>.b', '$SYS.x'])
      assert.ok(isValidPattern(good), good);
    for (const bad of ['', '.', 'a..b', 'a.', '>.a', 'a b', 'a.\t']) {
      assert.equal(isValidPattern(bad), false, bad);
      assert.throws(() => new SubjectSet([bad]), /is not a valid subject/);
    }
    assert.deepEqual(['a.b', 'a.*', '>', 'a*.b>'].map(hasWildcard), [false, true, true, false]);
  });
});

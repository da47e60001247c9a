import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hashText } from '../../src/protocol/bytes.js';
import { Arena } from '../../src/runtime/arena.js';
import { hasWildcard, subjectMatches } from '../../src/subjects/subject.js';
import { SubjectCache } from '../../src/subjects/subject-cache.js';

const cache = (limit?: number) => new SubjectCache<{ name: string }>(new Arena({ chunks: 1 }), limit);

/** Looks a subject up as it lies in a read buffer. */
function find(held: SubjectCache<{ name: string }>, subject: string): { name: string } | null {
  const bytes = Buffer.from(`--${subject}--`, 'latin1');
  return held.find(bytes, 2, 2 + subject.length, hashText(subject));
}

/** Makes room first, as the publisher does. */
function keep(
  held: SubjectCache<{ name: string }>,
  subject: string,
  fill: Parameters<typeof held.keep>[1],
): { name: string } {
  if (held.full) held.clear();
  return held.keep(subject, fill);
}

describe('subject cache', () => {
  test('a place that was given out tells whether it still holds', () => {
    const held = cache();
    assert.equal(held.entry('a'), null);
    const first = keep(held, 'a', () => ({ name: 'first' }));
    const entry = held.entry('a')!;
    assert.equal(held.current(entry), first);
    held.invalidate('a', false);
    assert.equal(held.current(entry), null);
    const second = keep(held, 'a', () => ({ name: 'second' }));
    assert.equal(held.current(entry), second);
    assert.equal(held.findText('a'), second);
    held.clear();
    assert.equal(held.current(entry), null);
    keep(held, 'a', () => ({ name: 'third' }));
    assert.equal(held.current(entry), null);
  });

  test('holds what a map would hold', () => {
    const subjects = fc
      .array(fc.constantFrom('a', 'b', 'c\xff'), { minLength: 1, maxLength: 3 })
      .map((all) => all.join('.'));
    const patterns = fc.oneof(subjects, fc.constantFrom('>', '*', 'a.*', 'a.>', '*.b', '*.*.*'));
    const steps = fc.array(
      fc.record({
        kind: fc.constantFrom('keep', 'find', 'invalidate'),
        subject: subjects,
        pattern: patterns,
      }),
    );
    fc.assert(
      fc.property(steps, (all) => {
        const held = cache();
        const model = new Map<string, { name: string }>();
        for (const { kind, subject, pattern } of all) {
          if (kind === 'keep') {
            const value = keep(held, subject, () => ({ name: subject }));
            model.set(subject, value);
          } else if (kind === 'invalidate') {
            held.invalidate(pattern, hasWildcard(pattern));
            for (const known of model.keys()) if (subjectMatches(known, pattern)) model.delete(known);
          }
          assert.equal(find(held, subject), model.get(subject) ?? null);
        }
      }),
    );
  });

  test('stays within its bounds, and what it finds is right', () => {
    const held = cache(1000);
    for (let i = 0; i < 5000; i++) {
      const subject = `orders.${i}`;
      keep(held, subject, (allocate) => {
        const { memory, start } = allocate(40);
        memory.bytes.fill(255, start, start + 40);
        return { name: subject };
      });
      assert.equal(find(held, subject)?.name, subject);
      assert.ok(held.size <= 1000);
    }
    for (let i = 0; i < 5000; i++) {
      const value = find(held, `orders.${i}`);
      assert.ok(value === null || value.name === `orders.${i}`);
    }
  });

  test('a wildcard subscription reaches every one of many subjects', () => {
    const held = cache();
    for (let i = 0; i < 2000; i++) keep(held, `s.${i}`, () => ({ name: '' }));
    held.invalidate('s.*', true);
    for (let i = 0; i < 2000; i++) assert.equal(find(held, `s.${i}`), null);
  });

  test('memory is bounded also where few subjects change all the time', () => {
    const held = cache();
    for (let i = 0; i < 3000; i++) {
      keep(held, 'one', (allocate) => {
        allocate(30_000);
        return { name: '' };
      });
      assert.ok(held.pageBytes <= 49 * 1024 * 1024);
    }
  });

  test('subjects of the same hash do not make it slow', () => {
    // "Aa" and "BB" have the same hash, and so have all words made of as many of them.
    const held = cache();
    const word = (n: number) =>
      [...n.toString(2).padStart(14, '0')].map((bit) => (bit === '0' ? 'Aa' : 'BB')).join('');
    assert.equal(hashText(word(1)), hashText(word(9999)));
    const started = performance.now();
    for (let i = 0; i < 1 << 14; i++) {
      keep(held, word(i), () => ({ name: word(i) }));
      assert.equal(find(held, word(i))?.name, word(i));
    }
    assert.ok(held.size < 1000, 'it kept them all, so that each look-up passes thousands');
    assert.ok(performance.now() - started < 5000);
  });
});

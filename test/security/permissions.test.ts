import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Clock, Timer } from '../../src/runtime/clock.js';
import { Permissions, permissionsProblem } from '../../src/security/permissions.js';
import { ResponseTracker } from '../../src/security/response-tracker.js';
import { ALL_LITERALS, naiveMatches, pattern } from './subject-generators.js';

class ManualClock implements Clock {
  time = 0;
  now(): number {
    return this.time;
  }
  monotonic(): number {
    return this.time;
  }
  after(): Timer {
    throw new Error('no timers here');
  }
}

const list = fc.option(fc.array(pattern, { maxLength: 4 }), { nil: undefined });

describe('permissions', () => {
  it('publish: agrees with a naive model', () => {
    fc.assert(
      fc.property(list, list, fc.constantFrom(...ALL_LITERALS), (allow, deny, subject) => {
        const matchesAny = (entries: string[]) => entries.some((entry) => naiveMatches(subject, entry));
        const expected = (allow === undefined || matchesAny(allow)) && !matchesAny(deny ?? []);
        assert.equal(new Permissions({ publish: { allow, deny } }).mayPublish(subject), expected);
      }),
      { numRuns: 500 },
    );
  });

  it('subscribe: what gets through a subscription is exactly what is allowed', () => {
    fc.assert(
      fc.property(list, list, pattern, (allow, deny, subject) => {
        const permissions = new Permissions({ subscribe: { allow, deny } });
        if (!permissions.maySubscribe(subject)) return;
        const filter = permissions.deliveryFilter(subject);
        for (const literal of ALL_LITERALS.filter((candidate) => naiveMatches(candidate, subject))) {
          const allowed = !allow?.length || allow.some((entry) => naiveMatches(literal, entry));
          assert.ok(allowed, `${literal} is not allowed`);
          const denied = (deny ?? []).some((entry) => naiveMatches(literal, entry));
          assert.equal(filter?.denies(literal) ?? false, denied, literal);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('subscribe: a literal is refused exactly when it is not allowed', () => {
    fc.assert(
      fc.property(list, list, fc.constantFrom(...ALL_LITERALS), (allow, deny, subject) => {
        const matchesAny = (entries: string[]) => entries.some((entry) => naiveMatches(subject, entry));
        const expected = (!allow?.length || matchesAny(allow)) && !matchesAny(deny ?? []);
        const permissions = new Permissions({ subscribe: { allow, deny } });
        assert.equal(permissions.maySubscribe(subject), expected);
        assert.equal(permissions.deliveryFilter(subject), null);
      }),
    );
  });

  it('an empty allow list forbids all publishing, but no subscribing', () => {
    const permissions = new Permissions({ publish: { allow: [] }, subscribe: { allow: [] } });
    assert.equal(permissions.mayPublish('a'), false);
    assert.equal(permissions.maySubscribe('a'), true);
    assert.equal(permissions.restrictsPublish, true);
    assert.equal(permissions.restrictsSubscribe, false);
  });

  /** Seen on the wire against the official server 2.15.2, except where it says otherwise. */
  const cases: [allow: string[], deny: string[], subject: string, queue: string, expected: boolean][] = [
    [['foo'], [], 'foo', '', true],
    [['foo'], [], 'foo', 'v1', true],
    [['foo v1'], [], 'foo', '', false],
    [['foo v1'], [], 'foo', 'v1', true],
    [['foo v1'], [], 'foo', 'v2', false],
    [['foo', 'foo v1'], [], 'foo', 'v2', false],
    [['foo', 'foo v1'], [], 'foo', '', true],
    [['foo v1.*'], [], 'foo', 'v1.x', true],
    [['foo v1.*'], [], 'foo', 'v1.x.y', false],
    [['foo v1.*'], [], 'foo', 'v1.*', true],
    [['foo *'], [], 'foo', 'any', true],
    [['foo.*'], [], 'foo.*', '', true],
    [['foo.*'], [], '>', '', false],
    // The official server lets this one through.
    [['foo.*'], [], 'foo.>', '', false],
    [['a.*.* v1', '>'], [], 'a.*.>', 'v2', false],
    [['a.*.* v1', '>'], [], 'a.*.>', '', true],
    [[], ['foo'], 'foo', '', false],
    [[], ['foo'], 'foo', 'q', false],
    [[], ['foo'], '*', '', true],
    [[], ['foo v1'], 'foo', '', true],
    [[], ['foo v1'], 'foo', 'v1', false],
    [[], ['foo v1'], 'foo', 'v2', true],
    [[], ['foo.*'], 'foo.>', '', false],
    [[], ['foo.*'], '*.*', '', true],
    [['>'], ['foo.>'], 'foo.bar', '', false],
  ];
  for (const [allow, deny, subject, queue, expected] of cases) {
    const name = `${expected ? 'allows' : 'refuses'} ${subject} ${queue} with allow [${allow}] deny [${deny}]`;
    it(name, () => {
      assert.equal(new Permissions({ subscribe: { allow, deny } }).maySubscribe(subject, queue), expected);
    });
  }

  it('filters for the queue group too', () => {
    const permissions = new Permissions({ subscribe: { deny: ['foo.secret v1', 'bar'] } });
    assert.equal(permissions.deliveryFilter('foo.*', 'v1')?.denies('foo.secret'), true);
    assert.equal(permissions.deliveryFilter('foo.*', 'v1')?.denies('foo.open'), false);
    assert.equal(permissions.deliveryFilter('foo.*', 'v2')?.denies('foo.secret'), false);
    assert.equal(permissions.deliveryFilter('other.*'), null);
    assert.equal(permissions.deliveryFilter('bar'), null);
  });

  it('keeps its filter cache within bounds and right', () => {
    const filter = new Permissions({ subscribe: { deny: ['a.7.*'] } }).deliveryFilter('a.>')!;
    for (let i = 0; i < 2000; i++) assert.equal(filter.denies(`a.${i % 10}.${i}`), i % 10 === 7);
  });

  it('responses: turn off publishing where nothing is allowed explicitly, with defaults for zero', () => {
    const permissions = new Permissions({ responses: { maxMsgs: 0, expires: 0 } });
    assert.equal(permissions.mayPublish('a'), false);
    assert.deepEqual(permissions.responses, { maxMsgs: 1, expires: 120_000 });
    assert.deepEqual(permissions.options.publish?.allow, []);
    const listed = new Permissions({ publish: { allow: ['a'] }, responses: { maxMsgs: -1, expires: -1 } });
    assert.equal(listed.mayPublish('a'), true);
    assert.deepEqual(listed.responses, { maxMsgs: -1, expires: -1 });
  });

  it('says what is wrong with an entry', () => {
    const problem = (options: object) => permissionsProblem(options);
    assert.equal(
      problem({ publish: { allow: ['a..b'] } }),
      'publish allow: subject "a..b" is not a valid subject',
    );
    assert.equal(
      problem({ publish: { deny: ['a q'] } }),
      'publish deny: subject "a q" is not a valid subject',
    );
    assert.equal(
      problem({ subscribe: { allow: ['a. q'] } }),
      'subscribe allow: subject "a." is not a valid subject',
    );
    assert.equal(
      problem({ subscribe: { deny: ['a q.'] } }),
      'subscribe deny: queue "q." is not a valid queue',
    );
    assert.equal(problem({ subscribe: { deny: ['a q', ' a\tq '] } }), null);
    assert.throws(() => new Permissions({ publish: { allow: [''] } }), /publish allow/);
  });
});

describe('response tracker', () => {
  it('grants the number of messages, once each', () => {
    const tracker = new ResponseTracker({ maxMsgs: 2, expires: -1 }, new ManualClock());
    assert.equal(tracker.allow('r'), false);
    tracker.track('r');
    assert.deepEqual(
      [1, 2, 3].map(() => tracker.allow('r')),
      [true, true, false],
    );
    assert.equal(tracker.size, 0);
  });

  it('grants anew when the reply subject comes again', () => {
    const tracker = new ResponseTracker({ maxMsgs: 1, expires: -1 }, new ManualClock());
    tracker.track('r');
    tracker.track('r');
    assert.equal(tracker.allow('r'), true);
    assert.equal(tracker.allow('r'), false);
    tracker.track('r');
    assert.equal(tracker.allow('r'), true);
  });

  it('forgets expired subjects by itself', () => {
    const clock = new ManualClock();
    const tracker = new ResponseTracker({ maxMsgs: -1, expires: 100 }, clock);
    tracker.track('a');
    clock.time = 60;
    tracker.track('b');
    clock.time = 100;
    assert.equal(tracker.allow('a'), true);
    clock.time = 101;
    assert.equal(tracker.allow('a'), false);
    assert.equal(tracker.allow('b'), true);
    clock.time = 161;
    tracker.track('c');
    assert.equal(tracker.size, 1);
  });

  it('never holds more than its limit', () => {
    const tracker = new ResponseTracker({ maxMsgs: 1, expires: -1 }, new ManualClock(), 3);
    for (const reply of ['a', 'b', 'a', 'c', 'd']) tracker.track(reply);
    assert.equal(tracker.size, 3);
    assert.equal(tracker.allow('b'), false);
    assert.equal(tracker.allow('a'), true);
  });
});

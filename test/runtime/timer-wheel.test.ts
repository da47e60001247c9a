/** The timer wheel against a list of timers that is searched from end to end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TimerWheel } from '../../src/runtime/timer-wheel.js';
import { SimulatedClock } from '../../src/sim/clock.js';

const granularity = 50;

test('fires at the first tick after the delay, never early', () => {
  const clock = new SimulatedClock();
  clock.advance(10);
  const wheel = new TimerWheel(clock, granularity);
  const fired: number[] = [];
  const timer = wheel.timer(() => fired.push(clock.monotonic()));
  timer.arm(100);
  assert.equal(timer.armed, true);
  clock.advance(139);
  assert.deepEqual(fired, [], '110 ms is no tick');
  clock.advance(1);
  assert.deepEqual(fired, [150]);
  assert.equal(timer.armed, false);
});

test('keeps one clock timer for all, none when empty', () => {
  const clock = new SimulatedClock();
  const wheel = new TimerWheel(clock, granularity);
  const timers = Array.from({ length: 1000 }, () => wheel.timer(() => {}));
  for (const [index, timer] of timers.entries()) timer.arm(index * 37);
  assert.equal(clock.pending, 1);
  assert.equal(wheel.size, 1000);
  for (const timer of timers) timer.cancel();
  assert.equal(clock.pending, 0);
  assert.equal(wheel.size, 0);
});

test('arming again moves a timer, and a callback may arm its own', () => {
  const clock = new SimulatedClock();
  const wheel = new TimerWheel(clock, granularity);
  const fired: number[] = [];
  const timer = wheel.timer(() => {
    fired.push(clock.monotonic());
    if (fired.length < 3) timer.arm(200);
  });
  timer.arm(100);
  clock.advance(60);
  timer.arm(100);
  clock.advance(1000);
  assert.deepEqual(fired, [200, 400, 600]);
  assert.equal(clock.pending, 0);
});

test('a callback that throws does not cost the others their turn', () => {
  const clock = new SimulatedClock();
  const wheel = new TimerWheel(clock, granularity);
  const fired: string[] = [];
  wheel
    .timer(() => {
      throw new Error('first');
    })
    .arm(10);
  wheel.timer(() => fired.push('second')).arm(10);
  wheel.timer(() => fired.push('later')).arm(300);
  assert.throws(() => clock.advance(100), /first/);
  clock.advance(100);
  assert.deepEqual(fired, ['second']);
  clock.advance(200);
  assert.deepEqual(fired, ['second', 'later']);
});

test('a callback may cancel its neighbours of the same tick', () => {
  const clock = new SimulatedClock();
  const wheel = new TimerWheel(clock, granularity);
  const second = wheel.timer(() => assert.fail('was cancelled'));
  wheel.timer(() => second.cancel()).arm(10);
  second.arm(10);
  clock.advance(1000);
  assert.equal(wheel.size, 0);
});

test('close releases everything and arming afterwards has no effect', () => {
  const clock = new SimulatedClock();
  const wheel = new TimerWheel(clock, granularity);
  const timer = wheel.timer(() => assert.fail('closed'));
  timer.arm(100);
  wheel.close();
  assert.equal(clock.pending, 0);
  assert.equal(timer.armed, false);
  timer.arm(100);
  assert.equal(wheel.size, 0);
  clock.advance(1000);
});

interface ModelTimer {
  id: number;
  tick: number;
  order: number;
}

/** What ought to fire up to `now`, taken out of `model`: by tick, then by order of arming. */
function takeDue(model: Map<number, ModelTimer>, now: number): ModelTimer[] {
  const due = [...model.values()].filter((timer) => timer.tick * granularity <= now);
  for (const timer of due) model.delete(timer.id);
  return due.sort((a, b) => a.tick - b.tick || a.order - b.order);
}

test('behaves like a plain list of timers', () => {
  const id = fc.nat(7);
  const step = fc.oneof(
    fc.record({ kind: fc.constant('arm' as const), id, delay: fc.nat(2000) }),
    fc.record({ kind: fc.constant('cancel' as const), id, delay: fc.constant(0) }),
    fc.record({ kind: fc.constant('advance' as const), id: fc.constant(0), delay: fc.nat(900) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new SimulatedClock();
      // Few slots, so that most delays take several revolutions.
      const wheel = new TimerWheel(clock, granularity, 8);
      const fired: [number, number][] = [];
      const timers = Array.from({ length: 8 }, (_, id) =>
        wheel.timer(() => fired.push([id, clock.monotonic()])),
      );
      const model = new Map<number, ModelTimer>();
      let order = 0;
      for (const { kind, id, delay } of [...steps, { kind: 'advance' as const, id: 0, delay: 5000 }]) {
        const now = clock.monotonic();
        if (kind === 'arm') {
          timers[id]!.arm(delay);
          const tick = Math.max(Math.ceil((now + delay) / granularity), Math.floor(now / granularity) + 1);
          model.set(id, { id, tick, order: order++ });
        } else if (kind === 'cancel') {
          timers[id]!.cancel();
          model.delete(id);
        } else {
          clock.advance(delay);
          const expected = takeDue(model, clock.monotonic());
          assert.deepEqual(
            fired.splice(0),
            expected.map((timer) => [timer.id, timer.tick * granularity]),
          );
        }
        assert.equal(wheel.size, model.size);
        assert.equal(clock.pending, model.size === 0 ? 0 : 1);
      }
    }),
    { numRuns: 500 },
  );
});

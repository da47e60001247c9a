/** The simulated clock: order, its two kinds of time, and what may happen between timers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/sim/clock.js';

test('fires in order of time, then of arming, each at its own time', () => {
  const clock = new SimulatedClock(1000);
  const seen: string[] = [];
  const note = (name: string) => () => seen.push(`${name}@${clock.now()}`);
  clock.after(20, note('c'));
  clock.after(10, note('a'));
  clock.after(10, note('b'));
  clock.after(5, note('gone')).cancel();
  clock.advance(19);
  assert.deepEqual(seen, ['a@1010', 'b@1010']);
  assert.equal(clock.untilNext, 1);
  clock.advance(1);
  assert.deepEqual(seen.slice(2), ['c@1020']);
  assert.equal(clock.pending, 0);
  assert.equal(clock.untilNext, undefined);
});

test('timers armed by timers fire within the same step; a timer that arms itself does not hang it', () => {
  const clock = new SimulatedClock();
  let count = 0;
  const again = () => {
    count++;
    clock.after(0, again);
  };
  clock.after(0, again);
  clock.advance(10);
  assert.equal(count, 10);
  assert.equal(clock.monotonic(), 10);
});

test('setting the wall clock moves no timer', () => {
  const clock = new SimulatedClock(5000);
  let fired = false;
  clock.after(10, () => {
    fired = true;
  });
  clock.set(1_000_000);
  assert.equal(clock.now(), 1_000_000);
  assert.equal(clock.monotonic(), 0);
  assert.equal(fired, false);
  clock.advance(10);
  assert.equal(fired, true);
  assert.equal(clock.now(), 1_000_010);
});

test('advanceAsync lets promises and immediates run between timers', async () => {
  const clock = new SimulatedClock();
  const seen: string[] = [];
  clock.after(1, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push('after the first');
    clock.after(1, () => seen.push('third'));
  });
  clock.after(2, () => seen.push('second'));
  await clock.advanceAsync(3);
  assert.deepEqual(seen, ['after the first', 'second', 'third']);
});

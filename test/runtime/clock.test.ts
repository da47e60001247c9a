import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { NodeClock } from '../../src/runtime/clock.js';

const DAY = 86_400_000;

test('a delay longer than Node can take', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const clock = new NodeClock();
    const fired: string[] = [];
    clock.after(60 * DAY, () => fired.push('in 60 days'));
    clock.after(1000, () => fired.push('in a second'));
    const cancelled = clock.after(60 * DAY, () => fired.push('cancelled'));
    mock.timers.tick(1000);
    assert.deepEqual(fired, ['in a second']);
    for (let day = 0; day < 59; day++) mock.timers.tick(DAY);
    assert.deepEqual(fired, ['in a second']);
    cancelled.cancel();
    // A mocked timer that is set while time moves counts from the end of the step.
    for (let day = 0; day < 3; day++) mock.timers.tick(DAY);
    assert.deepEqual(fired, ['in a second', 'in 60 days']);
    mock.timers.tick(100 * DAY);
    assert.equal(fired.length, 2);
  } finally {
    mock.timers.reset();
  }
});

test('fractions of a millisecond are those of the machine', () => {
  const clock = new NodeClock();
  // Where other processes have the machine it may take a few looks.
  for (let looks = 0; looks < 5; looks++) {
    wait(clock, 110);
    clock.now();
  }
  // A process that is stopped between two readings shows more than there is.
  const off = Array.from({ length: 50 }, () => {
    const before = Date.now();
    let wall = before;
    while (wall === before) wall = Date.now();
    return Math.abs(clock.now() - wall);
  });
  assert.ok(Math.min(...off) < 0.05, `${Math.min(...off)} ms`);
});

test('a clock that somebody sets', () => {
  const real = Date.now;
  let set = 0;
  mock.method(Date, 'now', () => real() + set);
  try {
    const clock = new NodeClock();
    for (const to of [0, 3_600_000, -3_600_000, -3_599_995, 0]) {
      set = to;
      wait(clock, 150);
      clock.now();
      // A process that is stopped in between sees what is wrong once.
      const off = Array.from({ length: 5 }, () => {
        const before = Date.now();
        const now = clock.now();
        const after = Date.now() + 1;
        wait(clock, 110);
        return Math.max(before - now, now - after, 0);
      });
      assert.ok(Math.min(...off) < 0.1, `${to}: ${off}`);
    }
  } finally {
    mock.reset();
  }
});

test('a date that stands still holds nobody up', () => {
  mock.method(Date, 'now', () => 1_000_000);
  try {
    const clock = new NodeClock();
    // A process that is stopped while it asks sees more.
    const off = Array.from({ length: 5 }, () => {
      wait(clock, 110);
      return Math.abs(clock.now() - 1_000_000);
    });
    assert.ok(Math.min(...off) <= 3, `${off}`);
  } finally {
    mock.reset();
  }
});

function wait(clock: NodeClock, milliseconds: number): void {
  const until = clock.monotonic() + milliseconds;
  while (clock.monotonic() < until);
}

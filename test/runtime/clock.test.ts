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

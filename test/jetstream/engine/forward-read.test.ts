/** Reading a store in steps shows each message once, also those that go meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '../../../src/jetstream/store/memory-store.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import { NO_LIMITS } from '../../../src/jetstream/store/message-store.js';
import type { Clock } from '../../../src/runtime/clock.js';
import { SimulatedClock } from '../../../src/sim/clock.js';

const MANY = 5000;

/** A clock by which every look takes so long that a step ends. */
function slowClock(): Clock {
  const clock = new SimulatedClock();
  let looks = 0;
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic() + 10 * looks++,
    after: (delay, callback) => clock.after(delay, callback),
  } as Clock;
}

function reading(first: number) {
  const store = new MemoryStore(slowClock(), new StoreMemory(), 1);
  for (let i = 1; i <= MANY; i++) store.append(`s.${i % 3}`, null, Buffer.from(`${i}`), 1n);
  const shown: number[] = [];
  const work = store.readSteps(first, (message) => {
    assert.equal(message.payload.toString(), `${message.sequence}`);
    shown.push(message.sequence);
  });
  return { store, shown, work };
}

test('messages are shown in their order, a few at a time', () => {
  const { store, shown, work } = reading(100);
  let steps = 1;
  for (; !work.step(); steps++) store.append('later', null, Buffer.from('not meant'), 2n);
  assert.ok(steps > 10, `${steps} steps`);
  assert.deepEqual(
    shown,
    Array.from({ length: MANY - 99 }, (_, i) => 100 + i),
  );
});

test('what goes meanwhile is shown before it does', () => {
  const { store, shown, work } = reading(100);
  assert.equal(work.step(), false);
  // Shown already, not shown yet, not meant.
  for (const sequence of [100, 4000, 50]) assert.ok(store.remove(sequence));
  store.purge({ filter: store.filter(['s.1']), before: 3000 });
  work.step();
  store.setLimits({ ...NO_LIMITS, maxMessages: 1000 });
  work.step();
  assert.ok(shown.length < MANY - 99);
  store.purge();
  assert.ok(work.step());
  assert.deepEqual(
    shown.sort((a, b) => a - b),
    Array.from({ length: MANY - 99 }, (_, i) => 100 + i),
  );
});

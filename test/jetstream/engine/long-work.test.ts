/** Purges and expiry of very many messages go in steps, while messages come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '../../../src/jetstream/store/memory-store.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import { NO_LIMITS } from '../../../src/jetstream/store/message-store.js';
import { SimulatedClock } from '../../../src/sim/clock.js';

const MANY = 40_000;

function filled(steps: (() => boolean)[] = []) {
  const clock = new SimulatedClock();
  const slices = { add: (step: () => boolean) => void steps.push(step) };
  const store = new MemoryStore(clock, new StoreMemory(), 1, slices);
  const time = BigInt(Math.floor(clock.now())) * 1_000_000n;
  for (let i = 1; i <= MANY; i++)
    store.append(`${i % 2 === 0 ? 'a' : 'b'}.${i % 10}`, null, Buffer.from('x'), time);
  return { clock, store, steps, time };
}

function sequencesOf(store: MemoryStore, pattern: string): number[] {
  const found: number[] = [];
  const filter = store.filter([pattern]);
  for (let next = store.loadNext(filter, 0); next; next = store.loadNext(filter, next.sequence + 1))
    found.push(next.sequence);
  return found;
}

test('a purge that keeps the newest goes in steps, and keeps the newest of what is left', () => {
  const { store, time } = filled();
  const work = store.purgeSteps({ filter: store.filter(['a.*']), keep: 100 });
  assert.equal(work.step(), false);
  store.append('a.0', null, Buffer.from('later'), time);
  // One that would have gone, two that would have stayed, one that is not meant.
  for (const each of [MANY - 1000, MANY, MANY - 20, MANY - 1]) assert.ok(store.remove(each));
  let steps = 1;
  while (!work.step()) steps++;
  assert.ok(steps > 1, `${steps} steps`);
  const left = sequencesOf(store, 'a.*');
  assert.equal(left.pop(), MANY + 1);
  assert.equal(left.length, 100);
  assert.equal(left.at(-1), MANY - 2);
  assert.equal(left[0], MANY - 2 - 2 * 100);
  assert.equal(sequencesOf(store, 'b.*').length, MANY / 2 - 1);
  assert.equal(work.count, MANY / 2 - 100 - 3);
});

test('two purges at once that keep some', () => {
  const { store } = filled();
  const all = store.purgeSteps({ filter: store.filter(['*.>']), keep: 50 });
  const some = store.purgeSteps({ filter: store.filter(['a.>']), keep: 10 });
  for (let over = false; !over; ) {
    const [first, second] = [all.step(), some.step()];
    over = first && second;
  }
  assert.ok(store.state.messages >= 25 && store.state.messages <= 50, `${store.state.messages} left`);
  assert.equal(sequencesOf(store, 'a.>').length, 10);
});

test('what is too old goes in steps, without a pause between them', () => {
  const { store, clock, steps, time } = filled();
  store.setLimits({ ...NO_LIMITS, maxAge: 1000 });
  clock.advance(2000);
  assert.equal(steps.length, 1, 'more than one turn has room for');
  assert.ok(store.state.messages > MANY / 2);
  store.append('a.0', null, Buffer.from('new'), time + 2_000_000_000n);
  let turns = 0;
  for (; steps.length > 0; turns++) {
    const step = steps.shift()!;
    if (!step()) steps.push(step);
  }
  assert.ok(turns > 2, `${turns} turns`);
  assert.equal(store.state.messages, 1);
  // The timer is set for what came meanwhile.
  clock.advance(2000);
  assert.equal(store.state.messages, 0);
});

test('of what is too old, a large block goes in a step', () => {
  const { clock } = filled();
  const steps: (() => boolean)[] = [];
  const slices = { add: (step: () => boolean) => void steps.push(step) };
  const store = new MemoryStore(clock, new StoreMemory(), 1, slices);
  store.setLimits({ ...NO_LIMITS, maxAge: 1000 });
  const time = BigInt(Math.floor(clock.now())) * 1_000_000n;
  for (let i = 0; i < 5; i++) store.append('large', null, Buffer.alloc(3 << 20), time);
  // They lie in a block of their own.
  for (let i = 0; i < 100; i++) store.append('small', null, Buffer.from('x'), time);
  clock.advance(2000);
  const left = [store.state.messages];
  while (steps.length > 0) {
    const step = steps.shift()!;
    if (!step()) steps.push(step);
    left.push(store.state.messages);
  }
  assert.deepEqual(left, [104, 103, 102, 101, 100, 0]);
});

test('messages that never expire do not keep others from it', () => {
  const { clock, steps } = filled();
  const slices = { add: (step: () => boolean) => void steps.push(step) };
  const store = new MemoryStore(clock, new StoreMemory(), 1, slices);
  store.setLimits({ ...NO_LIMITS, maxAge: 1000, allowTtl: true });
  const time = BigInt(Math.floor(clock.now())) * 1_000_000n;
  for (let i = 1; i <= MANY; i++) store.append('s', null, Buffer.from('x'), time, -1);
  for (let i = 1; i <= 10; i++) store.append('s', null, Buffer.from('x'), time);
  clock.advance(1500);
  while (steps.length > 0) {
    const step = steps.shift()!;
    if (!step()) steps.push(step);
  }
  assert.equal(store.state.messages, MANY);
});

/** Runs steps to the end, `between` them; gives how many these were, and the most messages that one took. */
function runSteps(store: MemoryStore, steps: (() => boolean)[], between = () => {}): [number, number] {
  let [turns, most] = [0, 0];
  for (; steps.length > 0; turns++) {
    const before = store.state.messages;
    const step = steps.shift()!;
    if (!step()) steps.push(step);
    most = Math.max(most, before - store.state.messages);
    between();
  }
  return [turns, most];
}

test('a smaller limit takes messages in steps, while others come', () => {
  const { store, steps, time } = filled();
  let published = 0;
  store.setLimits({ ...NO_LIMITS, maxMessages: 500 });
  assert.ok(store.trimming && store.state.messages > MANY / 2);
  const [turns, most] = runSteps(store, steps, () => {
    const before = store.state.messages;
    for (let i = 0; i < 50; i++) store.append('a.0', null, Buffer.from('x'), time);
    published += 50;
    // It goes on getting less, and no publisher has to wait for all of it.
    assert.ok(store.state.messages <= before && store.state.messages >= before - 50);
  });
  assert.ok(turns > 3 && most <= 8192, `${turns} turns, ${most} messages in one`);
  assert.equal(store.trimming, false);
  assert.equal(store.state.messages, 500);
  assert.equal(store.state.firstSequence, MANY + published - 500 + 1);
});

test('a smaller limit per subject takes messages in steps', () => {
  const { store, steps, time } = filled();
  for (let i = 0; i < MANY; i++) store.append('alone', null, Buffer.from('x'), time);
  store.setLimits({ ...NO_LIMITS, maxMessagesPerSubject: 3 });
  assert.ok(store.trimming);
  // Another limit on the way, and messages of subjects that were dealt with, and that were not.
  store.setLimits({ ...NO_LIMITS, maxMessagesPerSubject: 2 });
  const [turns, most] = runSteps(store, steps, () => {
    for (const subject of ['a.0', 'b.9', 'alone', `new.${store.state.lastSequence}`])
      store.append(subject, null, Buffer.from('x'), time);
  });
  assert.ok(turns > 5 && most <= 8192 + 128, `${turns} turns, ${most} messages in one`);
  store.subjectTotals(null, (subject, messages) =>
    assert.equal(messages, subject.startsWith('new') ? 1 : 2, subject),
  );
  assert.equal(sequencesOf(store, 'alone').at(-1), store.state.lastSequence - 1);
});

test('a large message takes the place of very many small ones in steps', () => {
  const { store, steps, time } = filled();
  const { bytes } = store.state;
  store.setLimits({ ...NO_LIMITS, maxBytes: bytes });
  assert.equal(steps.length, 0);
  store.append('a.0', null, Buffer.alloc(bytes - 1000), time);
  assert.ok(store.trimming);
  runSteps(store, steps);
  assert.ok(store.state.bytes <= bytes && store.state.messages <= 51);
});

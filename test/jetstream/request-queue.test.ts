// The queue of API requests: what a turn takes, what waits and in which order, and what is dropped.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { RequestQueue } from '../../src/jetstream/api/request-queue.js';
import { SimulatedClock } from '../../src/sim/clock.js';

/** As `request-queue.ts` has them. */
const MOST_PER_TURN = 128;
const MOST_UNWRITTEN = 2048;

function make(limits = { changes: 10_000, infos: 10_000 }) {
  const clock = new SimulatedClock();
  const drops: [string, number][] = [];
  const handled: string[] = [];
  const queue = new RequestQueue({
    clock,
    limits: () => limits,
    dropped: (kind, count) => drops.push([kind, count]),
  });
  const add = (name: string, kind: 'changes' | 'infos' = 'changes', work = () => {}) =>
    queue.add(
      {
        handle() {
          handled.push(name);
          work();
        },
      },
      kind,
    );
  return { clock, queue, drops, handled, add };
}

describe('queue of API requests', () => {
  test('few requests are handled at once', () => {
    const { queue, handled, add } = make();
    add('a');
    add('b', 'infos');
    assert.deepEqual(handled, ['a', 'b']);
    assert.equal(queue.inflight, 0);
    queue.close();
  });

  test('a turn takes a bounded number of them, the others come with later turns', async () => {
    const { queue, handled, add } = make();
    for (let i = 0; i < MOST_PER_TURN * 2 + 10; i++) add(`${i}`);
    assert.equal(handled.length, MOST_PER_TURN);
    assert.equal(queue.pending, MOST_PER_TURN + 10);
    assert.equal(queue.inflight, MOST_PER_TURN + 10);
    await turn();
    assert.equal(handled.length, MOST_PER_TURN * 2);
    await turn();
    assert.deepEqual(
      handled,
      Array.from({ length: MOST_PER_TURN * 2 + 10 }, (_, i) => `${i}`),
    );
    assert.equal(queue.inflight, 0);
  });

  test('and for a bounded time', async () => {
    const { clock, queue, handled, add } = make();
    const slowly = () => clock.advance(3);
    for (let i = 0; i < 5; i++) add(`${i}`, 'changes', slowly);
    assert.equal(handled.length, 2);
    await turn();
    assert.equal(handled.length, 4);
    assert.equal(queue.pending, 1);
    await turn();
    assert.equal(handled.length, 5);
  });

  test('nothing overtakes those that wait, but changes overtake those that ask, except for one a turn', async () => {
    const { clock, handled, add } = make();
    add('work', 'changes', () => clock.advance(10));
    for (const name of ['i1', 'i2', 'i3']) add(name, 'infos');
    for (const name of ['c1', 'c2']) add(name, 'changes');
    assert.deepEqual(handled, ['work']);
    await turn();
    assert.deepEqual(handled, ['work', 'i1', 'c1', 'c2', 'i2', 'i3']);
  });

  test('a queue that reaches its limit is dropped, the other stays', async () => {
    const { clock, queue, handled, drops, add } = make({ changes: 3, infos: 2 });
    add('work', 'changes', () => clock.advance(10));
    add('i1', 'infos');
    add('c1');
    add('c2');
    assert.deepEqual(drops, []);
    add('c3');
    assert.deepEqual(drops, [['changes', 3]]);
    assert.equal(queue.dropped, 3);
    assert.equal(queue.inflight, 1);
    add('i2', 'infos');
    assert.deepEqual(drops, [
      ['changes', 3],
      ['infos', 2],
    ]);
    add('c4');
    await turn();
    assert.deepEqual(handled, ['work', 'c4']);
  });

  test('requests wait while too many answers wait for the disk', async () => {
    const { queue, handled, add } = make();
    for (let i = 0; i < MOST_UNWRITTEN; i++) queue.awaitDisk();
    assert.equal(queue.inflight, MOST_UNWRITTEN);
    add('later');
    await turn();
    await turn();
    assert.deepEqual(handled, []);
    queue.answered();
    await turn();
    assert.deepEqual(handled, ['later']);
    assert.equal(queue.inflight, MOST_UNWRITTEN - 1);
  });

  test('after its end nothing is handled', async () => {
    const { clock, queue, handled, add } = make();
    add('work', 'changes', () => clock.advance(10));
    add('a');
    queue.close();
    add('b');
    await turn();
    assert.deepEqual(handled, ['work']);
    assert.equal(queue.pending, 0);
  });
});

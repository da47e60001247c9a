/** Contents of blocks go when nobody has used them for some seconds, and buffers are used again that nobody can have kept. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileStore } from '../../../src/jetstream/store/file-store.js';
import { GroupCommit } from '../../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import { NO_LIMITS, type StoredMessage } from '../../../src/jetstream/store/message-store.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { MemoryDisk } from '../../../src/runtime/memory-disk.js';
import { SimulatedClock } from '../../../src/sim/clock.js';

const MIB = 1024 * 1024;
const hash = new HighwayHash();

function bench() {
  const disk = new MemoryDisk();
  const clock = new SimulatedClock();
  const memory = new StoreMemory({ clock });
  disk.makeDirectory('/s');
  const turns: (() => void)[] = [];
  const commit = new GroupCommit(disk, { interval: 0, clock, defer: (turn) => void turns.push(turn) });
  const place = { name: 'S', directory: '/s', blockSize: MIB };
  const store = new FileStore({ disk, clock, commit, hash, memory, ...place });
  const turn = async () => {
    for (const each of turns.splice(0)) each();
    await new Promise((resolve) => setImmediate(resolve));
  };
  const append = (letter: string) =>
    store.append('s', null, Buffer.alloc(10_000, letter), BigInt(Math.round(clock.now())) * 1_000_000n);
  return { clock, memory, store, turn, append };
}

/** Those that blocks get from now on. */
function largeBuffers(memory: StoreMemory): Set<Buffer> {
  const buffers = new Set<Buffer>();
  const { take } = memory.spares;
  memory.spares.take = (size) => {
    const taken = take.call(memory.spares, size);
    if (taken.length >= MIB) buffers.add(taken);
    return taken;
  };
  return buffers;
}

test('what was written and what was read goes when it is not used any more', async () => {
  const { clock, memory, store, turn, append } = bench();
  append('a');
  await turn();
  assert.ok(memory.contents.used > 0);
  clock.advance(10_000);
  assert.equal(memory.contents.used, 0, 'nobody has read it');
  assert.equal(store.load(1)?.payload[0], 97);
  for (let i = 0; i < 20; i++) append('b');
  await turn();
  for (let i = 0; i < 10; i++) {
    assert.equal(store.load(5)?.payload[0], 98);
    clock.advance(2000);
  }
  assert.ok(memory.contents.used > 0, 'it is read again and again');
  clock.advance(6000);
  assert.equal(memory.contents.used, 0);
  append('c');
  await turn();
  assert.equal(store.load(22)?.payload[0], 99);
  assert.equal(store.load(5)?.payload[0], 98);
});

test('a block that is written fast stays, one that is written slowly is not kept whole', async () => {
  const { clock, memory, turn, append } = bench();
  for (let second = 0; second < 20; second++) {
    for (let i = 0; i < 20; i++) append('a');
    await turn();
    clock.advance(1000);
    assert.ok(memory.contents.used > 0, `second ${second}`);
  }
  let most = 0;
  for (let second = 0; second < 60; second++) {
    append('b');
    await turn();
    clock.advance(1000);
    if (second > 10) most = Math.max(most, memory.contents.used);
  }
  assert.ok(most < 200_000, `${most} bytes`);
});

test('what is not durable stays', async () => {
  const { clock, store, turn, append } = bench();
  append('a');
  clock.advance(60_000);
  assert.equal(store.load(1)?.payload[0], 97);
  append('b');
  await turn();
  clock.advance(60_000);
  assert.deepEqual([store.load(1)?.payload[0], store.load(2)?.payload[0]], [97, 98]);
});

test('full blocks that nobody reads do not gather in memory, and their buffers are used again', async () => {
  const { memory, store, turn, append } = bench();
  const buffers = largeBuffers(memory);
  for (let i = 0; i < 2000; i++) {
    append('a');
    if (i % 10 === 0) await turn();
  }
  await turn();
  assert.ok(memory.contents.used < 3 * MIB, `${memory.contents.used} bytes`);
  assert.ok(buffers.size < 5, `${buffers.size} buffers`);
  for (const sequence of [1, 700, 2000]) assert.equal(store.load(sequence)?.payload[0], 97);
});

test('the same for blocks whose messages are replaced by newer ones', async () => {
  const { memory, store, turn, append } = bench();
  store.setLimits({ ...NO_LIMITS, maxMessagesPerSubject: 150 });
  const buffers = largeBuffers(memory);
  for (let i = 0; i < 2000; i++) {
    const sequence = append('a');
    // Each block has tombstones that are looked for when it goes.
    if (i % 30 === 29) store.remove(sequence - 20);
    if (i % 10 === 0) await turn();
  }
  await turn();
  assert.ok(buffers.size < 5, `${buffers.size} buffers`);
  assert.equal(store.load(2000)?.payload[0], 97);
});

test('who has kept a message never sees other bytes in it', async () => {
  const { clock, store, turn, append } = bench();
  const kept: { message: StoredMessage; letter: number }[] = [];
  for (let i = 0; i < 2000; i++) {
    const letter = String.fromCharCode(97 + (i % 23));
    const sequence = append(letter);
    // In some blocks the newest, in some an older one, in some none.
    const block = Math.floor(i / 105) % 4;
    if (i % 35 === 20 && block < 3) {
      const wanted = block === 2 ? Math.max(1, sequence - 300) : sequence;
      const message = store.load(wanted)!;
      kept.push({ message, letter: 97 + ((wanted - 1) % 23) });
    }
    if (i % 10 === 0) await turn();
    if (i % 400 === 0) clock.advance(3000);
  }
  assert.ok(kept.length > 30);
  for (const { message, letter } of kept) {
    assert.ok(message.payload.every((byte) => byte === letter));
    assert.equal(message.subject, 's');
  }
});

test('the timer ends when nothing is held', async () => {
  const { clock, turn, append } = bench();
  append('a');
  await turn();
  assert.ok(clock.pending > 0);
  clock.advance(60_000);
  assert.equal(clock.pending, 0);
  append('b');
  await turn();
  assert.ok(clock.pending > 0, 'and begins again');
});

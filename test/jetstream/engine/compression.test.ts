/** Closed blocks are compressed a slice at a time, and what happens to them meanwhile counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCompressedBlock } from '../../../src/jetstream/store/block-file.js';
import type { FileStore } from '../../../src/jetstream/store/file-store.js';
import { StoreBench } from './store-bench.js';

class Bench extends StoreBench {
  constructor() {
    super(true);
  }

  /** A block of a mebibyte, and one with a message. */
  async fill(): Promise<void> {
    const payload = Buffer.alloc(10_000, 'abcdefghij');
    for (let i = 0; i < 105; i++) this.store.append(`s.${i}`, null, payload, BigInt(i + 1));
    await this.turn();
    this.begin();
  }

  get isCompressed(): boolean {
    return this.names.includes('1.blk') && isCompressedBlock(this.disk.readFile('/s/msgs/1.blk'));
  }

  /** What a start finds in the files, as they are now. */
  reopened(): number[] {
    const store = this.open();
    assert.deepEqual(store.reports, []);
    const found: number[] = [];
    for (let next = store.loadNext(null, 1); next !== null; next = store.loadNext(null, next.sequence + 1)) {
      assert.equal(next.subject, `s.${next.sequence - 1}`);
      found.push(next.sequence);
    }
    return found;
  }
}

test('a block is compressed in slices, and takes its place when it is whole', async () => {
  const bench = new Bench();
  await bench.fill();
  let steps = 1;
  for (; bench.step(); steps++) assert.equal(bench.isCompressed, false);
  assert.ok(steps > 4, `${steps} steps`);
  await bench.finish();
  assert.equal(bench.isCompressed, true);
  assert.ok(!bench.names.includes('1.new'));
  assert.equal(bench.store.load(50)?.subject, 's.49');
  assert.equal(bench.reopened().length, 105);
});

const meanwhile: Record<string, { act(store: FileStore): void; left: number; compressed?: boolean }> = {
  read: { act: (store) => assert.equal(store.load(7)?.subject, 's.6'), left: 105, compressed: true },
  'a message removed': { act: (store) => store.remove(7), left: 104, compressed: true },
  'a message erased': { act: (store) => store.erase(7), left: 104 },
  'cut in the middle': { act: (store) => store.truncate(50), left: 50 },
  'all purged': { act: (store) => store.purge(), left: 0 },
  'purged one by one': { act: (store) => store.purge({ before: 105 }), left: 1 },
  'mostly purged': { act: (store) => store.purge({ before: 90 }), left: 16 },
};

for (const [name, { act, left, compressed }] of Object.entries(meanwhile)) {
  test(`between two slices: ${name}`, async () => {
    for (let before = 1; before < 8; before++) {
      const bench = new Bench();
      await bench.fill();
      for (let i = 0; i < before; i++) bench.step();
      act(bench.store);
      await bench.finish();
      assert.ok(!bench.names.includes('1.new'), `after ${before} steps: ${bench.names}`);
      if (compressed) assert.equal(bench.isCompressed, true);
      assert.equal(bench.store.state.messages, left);
      assert.equal(bench.reopened().length, left);
    }
  });
}

test('what is erased while its block is compressed is in no file', async () => {
  const bench = new Bench();
  await bench.fill();
  const secret = Buffer.from('a secret that nobody may find');
  bench.store.append('s.105', null, secret, 1n);
  for (let i = 106; i < 210; i++) bench.store.append(`s.${i}`, null, Buffer.alloc(10_000, 'x'), 1n);
  await bench.finish(false);
  assert.equal(bench.steps.length, 1, 'the next block');
  bench.step();
  bench.step();
  bench.store.erase(106);
  await bench.finish();
  for (const name of bench.names)
    assert.ok(!bench.disk.readFile(`/s/msgs/${name}`).includes(secret), `in ${name}`);
  assert.equal(bench.store.load(107)?.subject, 's.106');
});

test('nothing is left behind when the store ends, or goes', async () => {
  for (const end of ['stop', 'destroy'] as const) {
    const bench = new Bench();
    await bench.fill();
    for (let i = 0; i < 3; i++) bench.step();
    assert.ok(bench.names.includes('1.new'));
    if (end === 'destroy') bench.store.destroy();
    else bench.store.stop((error) => assert.equal(error, null));
    await bench.finish();
    if (end === 'stop') assert.ok(!bench.names.includes('1.new'));
    else assert.equal(bench.disk.status('/s/msgs'), undefined);
    if (end === 'stop') assert.equal(bench.reopened().length, 105);
  }
});

test('a start removes what a process left that ended in the middle', async () => {
  const bench = new Bench();
  await bench.fill();
  for (let i = 0; i < 3; i++) bench.step();
  assert.ok(bench.names.includes('1.new'));
  assert.equal(bench.reopened().length, 105);
  assert.ok(!bench.names.includes('1.new'));
});

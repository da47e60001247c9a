/** Blocks that are mostly dead are written anew a slice at a time, and what happens to them meanwhile counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCompressedBlock } from '../../../src/jetstream/store/block-file.js';
import type { FileStore } from '../../../src/jetstream/store/file-store.js';
import { DUE, StoreBench } from './store-bench.js';

/** Messages of the first block, and those of them that stay. */
const FILLED = 104;
const STAYS = (sequence: number) => sequence % 3 === 0;

class Bench extends StoreBench {
  constructor(compress = false) {
    super(compress);
  }

  /** A block that is mostly dead, and one behind it; writing it anew has begun. */
  async fill(): Promise<void> {
    const payload = Buffer.alloc(10_000, 'abcdefghij');
    for (let i = 1; i <= FILLED + 1; i++) this.store.append(`s.${i}`, null, payload, BigInt(i));
    await this.turn();
    for (let i = 1; i <= FILLED; i++) if (!STAYS(i)) this.store.remove(i);
    await this.turn();
    this.begin();
  }

  get size(): number {
    return this.disk.status('/s/msgs/1.blk')?.size ?? 0;
  }

  sequences(): number[] {
    const { store } = this;
    const found: number[] = [];
    for (let next = store.loadNext(null, 1); next !== null; next = store.loadNext(null, next.sequence + 1)) {
      assert.equal(next.subject, `s.${next.sequence}`);
      found.push(next.sequence);
    }
    assert.equal(found.length, store.state.messages);
    return found;
  }

  /** What a start finds in the files, as they are now. */
  reopened(): number[] {
    this.store = this.open();
    assert.deepEqual(this.store.reports, []);
    return this.sequences();
  }
}

const rest = Array.from({ length: FILLED + 1 }, (_, i) => i + 1).filter(
  (each) => STAYS(each) || each > FILLED,
);

for (const compress of [false, true]) {
  test(`a block is written anew in slices${compress ? ', and compressed' : ''}`, async () => {
    const bench = new Bench(compress);
    await bench.fill();
    const before = bench.size;
    let steps = 1;
    for (; bench.step(); steps++) assert.equal(bench.size, before);
    assert.ok(steps > 8, `${steps} steps`);
    await bench.finish();
    assert.ok(bench.size < before / 2, `${bench.size} bytes`);
    assert.ok(bench.names.every((name) => !name.endsWith('.new')));
    assert.equal(isCompressedBlock(bench.disk.readFile('/s/msgs/1.blk')), compress);
    assert.deepEqual(bench.sequences(), rest);
    assert.deepEqual(bench.reopened(), rest);
  });
}

test('a block whose messages all go soon is not written anew before', async () => {
  const bench = new Bench();
  const payload = Buffer.alloc(10_000, 'abcdefghij');
  for (let i = 1; i <= FILLED + 1; i++) bench.store.append(`s.${i}`, null, payload, BigInt(i));
  await bench.turn();
  for (let i = 1; i <= FILLED; i++) {
    bench.store.remove(i);
    await bench.turn();
    bench.clock.advance(DUE / FILLED / 2);
    assert.deepEqual(bench.steps, []);
  }
  await bench.finish();
  assert.ok(!bench.names.includes('1.blk'), `${bench.names}`);
  assert.deepEqual(bench.sequences(), [FILLED + 1]);
});

const none = () => false;
const meanwhile: Record<string, { act(store: FileStore): void; gone(sequence: number): boolean }> = {
  read: { act: (store) => assert.equal(store.load(9)?.subject, 's.9'), gone: none },
  'a message removed': { act: (store) => store.remove(9), gone: (each) => each === 9 },
  'the first one removed': { act: (store) => store.remove(3), gone: (each) => each === 3 },
  'all but one removed': {
    act: (store) => {
      for (const each of rest) if (each !== 51) store.remove(each);
    },
    gone: (each) => each !== 51,
  },
  'a message erased': { act: (store) => store.erase(9), gone: (each) => each === 9 },
  'cut in the middle': { act: (store) => store.truncate(50), gone: (each) => each > 50 },
  'cut behind it': { act: (store) => store.truncate(FILLED), gone: (each) => each > FILLED },
  'all purged': { act: (store) => store.purge(), gone: () => true },
  'the block purged': { act: (store) => store.purge({ before: FILLED }), gone: (each) => each < FILLED },
  'a subject purged': {
    act: (store) => store.purge({ filter: store.filter(['s.9']) }),
    gone: (each) => each === 9,
  },
};

for (const [name, { act, gone }] of Object.entries(meanwhile)) {
  test(`between two slices: ${name}`, async () => {
    const left = rest.filter((each) => !gone(each));
    for (let before = 0; before < 15; before++) {
      const bench = new Bench(before % 2 === 0);
      await bench.fill();
      for (let i = 0; i < before; i++) bench.step();
      act(bench.store);
      assert.deepEqual(bench.sequences(), left, `after ${before} steps`);
      await bench.finish();
      assert.ok(!bench.names.includes('1.new'), `after ${before} steps: ${bench.names}`);
      assert.deepEqual(bench.sequences(), left, `after ${before} steps, in the end`);
      bench.store.append(`s.${bench.store.state.lastSequence + 1}`, null, Buffer.from('more'), 1n);
      await bench.finish();
      assert.equal(bench.reopened().length, left.length + 1);
    }
  });
}

test('a record that is found to be damaged while it is copied is told of, and not counted', async () => {
  const bench = new Bench();
  const payload = Buffer.alloc(10_000, 'abcdefghij');
  for (let i = 1; i <= FILLED + 1; i++) bench.store.append(`s.${i}`, null, payload, BigInt(i));
  await bench.turn();
  for (let i = 1; i <= FILLED; i++) if (!STAYS(i)) bench.store.remove(i);
  await bench.turn();
  const file = bench.disk.readFile('/s/msgs/1.blk');
  const at = file.indexOf('s.51') + 100;
  bench.disk.writeFile(
    '/s/msgs/1.blk',
    Buffer.concat([file.subarray(0, at), Buffer.from([1]), file.subarray(at + 1)]),
  );
  // What is in memory is as it was.
  for (let i = 0; i < 2; i++) bench.memory.contents.dropIdle();
  bench.clock.advance(DUE);
  await bench.finish();
  assert.equal(bench.store.reports.length, 1);
  const left = rest.filter((each) => each !== 51);
  assert.deepEqual(bench.sequences(), left);
  assert.deepEqual(bench.reopened(), left);
});

test('a commit that fails brings back what was removed while a block was copied', async () => {
  for (let before = 0; before < 15; before++) {
    const bench = new Bench();
    await bench.fill();
    for (let i = 0; i < before; i++) bench.step();
    bench.store.remove(9);
    bench.store.failed(new Error('refused'));
    await bench.finish();
    assert.deepEqual(bench.sequences(), rest, `after ${before} steps`);
    assert.deepEqual(bench.reopened(), rest);
  }
});

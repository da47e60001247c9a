/** Tombstones of a block that goes out of use move to the last block; so many of them that they fill that one, too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileStore } from '../../../src/jetstream/store/file-store.js';
import { GroupCommit } from '../../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';
import { SimulatedDisk } from '../../../src/sim/disk.js';

const hash = new HighwayHash();
const MESSAGES = 60;

function begin(disk: SimulatedDisk): { store: FileStore; settle: () => void } {
  const clock = new SimulatedClock();
  const turns: (() => void)[] = [];
  const commit = new GroupCommit(disk, { interval: 0, clock, defer: (turn) => void turns.push(turn) });
  const common = { disk, clock, commit, hash, memory: new StoreMemory() };
  const store = new FileStore({ ...common, name: 'S', directory: '/s', blockSize: 300 });
  const settle = () => {
    for (let i = 0; i < 5; i++) {
      for (const turn of turns.splice(0)) turn();
      disk.settle();
    }
  };
  return { store, settle };
}

function sequencesOf(store: FileStore): number[] {
  const found: number[] = [];
  for (let message = store.loadNext(null, 0); message; message = store.loadNext(null, message.sequence + 1)) {
    found.push(message.sequence);
  }
  return found;
}

/** One message in each block stays, so that all tombstones are needed. */
function doomed(): number[] {
  return Array.from({ length: MESSAGES }, (_, i) => i + 1).filter((sequence) => sequence % 6 !== 1);
}

for (const ending of ['stop', 'kill']) {
  test(`what is appended behind any number of tombstones is there after a ${ending}`, () => {
    for (let removals = 1; removals <= doomed().length; removals++) {
      const disk = new SimulatedDisk(new SeededRandom(removals), false);
      disk.makeDirectory('/s');
      const { store, settle } = begin(disk);
      const append = () => store.append('s', null, Buffer.from('0123456789'), 1_000_000_000n);
      for (let i = 0; i < MESSAGES; i++) append();
      settle();
      for (const sequence of doomed().slice(0, removals)) store.remove(sequence);
      append();
      settle();
      // The next commit takes files of blocks away that are out of use.
      append();
      settle();
      const expected = sequencesOf(store);
      assert.equal(expected.length, MESSAGES + 2 - removals);
      if (ending === 'stop') store.stop(() => {});
      settle();
      disk.crash();
      const again = begin(disk).store;
      assert.deepEqual(again.reports, []);
      assert.deepEqual(sequencesOf(again), expected, `after ${removals} removals`);
      assert.equal(again.state.lastSequence, MESSAGES + 2);
    }
  });
}

test('a tombstone that a truncation writes again does not bury what lies below it', () => {
  const disk = new SimulatedDisk(new SeededRandom(1), false);
  disk.makeDirectory('/s');
  const { store, settle } = begin(disk);
  const append = () => store.append('s', null, Buffer.from('1'), 1_000_000_000n);
  for (let i = 0; i < 3; i++) append();
  store.remove(2);
  append();
  append();
  settle();
  store.truncate(4);
  settle();
  disk.crash();
  assert.deepEqual(sequencesOf(begin(disk).store), [1, 3, 4]);
});

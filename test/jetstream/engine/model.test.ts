/** Random operations on a real store and on the naive one must give the same answers. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Slices } from '../../../src/jetstream/slices.js';
import { FileStore } from '../../../src/jetstream/store/file-store.js';
import { StoreKeys } from '../../../src/jetstream/store/file-store-keys.js';
import type { FileStoreOptions } from '../../../src/jetstream/store/file-store-options.js';
import { GroupCommit } from '../../../src/jetstream/store/group-commit.js';
import { MemoryStore } from '../../../src/jetstream/store/memory-store.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import type { MessageStore } from '../../../src/jetstream/store/message-store.js';
import { NodeDisk } from '../../../src/runtime/disk.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';
import { StoreModel } from './store-model.js';

test('a memory store agrees with the naive one', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const store = new MemoryStore(new SimulatedClock(), new StoreMemory());
    const model = new StoreModel(store, new SeededRandom(seed * 7919));
    try {
      for (let step = 0; step < 300; step++) model.step();
      model.check();
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}\n${model.trace.slice(-30).join('\n')}`, { cause: error });
    }
    assert.equal(store.durablePosition, store.position);
  }
});

function fileStore(directory: string, clock: SimulatedClock, options: Partial<FileStoreOptions> = {}) {
  const disk = new NodeDisk();
  const commit = new GroupCommit(disk, { interval: 0, clock });
  const memory = new StoreMemory();
  const hash = new HighwayHash();
  return new FileStore({
    disk,
    clock,
    memory,
    commit,
    hash,
    name: 'S',
    directory,
    blockSize: 4000,
    ...options,
  });
}

const durable = (store: FileStore) => new Promise<void>((resolve) => store.options.commit.after(resolve));
const stopped = (store: FileStore) =>
  new Promise<void>((resolve, reject) => store.stop((error) => (error ? reject(error) : resolve())));

const variants: Record<string, () => Partial<FileStoreOptions>> = {
  plain: () => ({}),
  compressed: () => ({ compress: true }),
  'compressed in slices': () => ({ compress: true, slices: new Slices() }),
  chacha: () => ({ keys: new StoreKeys({ cipher: 'chacha', key: 'secret' }, 'A') }),
  'aes, compressed': () => ({ keys: new StoreKeys({ cipher: 'aes', key: 'secret' }, 'A'), compress: true }),
  'by its index': () => ({ readBelow: 0 }),
  'without caches': () => ({ memory: new StoreMemory({ contentsLimit: 0, indexesLimit: 0, filesLimit: 1 }) }),
};

const withMemory: Record<string, (() => Partial<FileStoreOptions>) | null> = {
  ...variants,
  'in memory': null,
};

for (const [name, variant] of Object.entries(withMemory)) {
  test(`what is pending is counted in steps while messages come and go: ${name}`, async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const directory = mkdtempSync(join(tmpdir(), 'weft-store-'));
      const clock = new SimulatedClock();
      const options = { readBelow: 0, memory: new StoreMemory({ indexesLimit: 2000 }), ...variant?.() };
      let store: MessageStore =
        variant === null ? new MemoryStore(clock, new StoreMemory()) : fileStore(directory, clock, options);
      const model = new StoreModel(store, new SeededRandom(seed * 7919), 300, false);
      try {
        for (let round = 0; round < 3; round++) {
          for (let step = 0; step < 150; step++) model.step();
          // Then none of its blocks is in memory.
          if (store instanceof FileStore) {
            await stopped(store);
            store = model.store = fileStore(directory, clock, options);
          }
          for (let count = 0; count < 30; count++) model.countMeanwhile();
          model.check();
        }
      } catch (error) {
        throw new Error(`seed ${seed}: ${error}\n${model.trace.slice(-30).join('\n')}`, { cause: error });
      }
      if (store instanceof FileStore) await stopped(store);
      rmSync(directory, { recursive: true });
    }
  });
}

for (const [name, variant] of Object.entries(variants)) {
  test(`a file store agrees with the naive one, also after it was closed and opened: ${name}`, async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const directory = mkdtempSync(join(tmpdir(), 'weft-store-'));
      const clock = new SimulatedClock();
      let store = fileStore(directory, clock, variant());
      const model = new StoreModel(store, new SeededRandom(seed * 104729));
      try {
        for (let round = 0; round < 4; round++) {
          for (let step = 0; step < 80; step++) {
            model.step();
            if (model.below(10) === 0) await durable(store);
            if (model.below(20) === 0) store.tidy();
          }
          model.check();
          const limits = store.limits;
          if (model.below(2) === 0) {
            model.trace.push('stop');
            await stopped(store);
          } else {
            model.trace.push('crash');
            await durable(store);
          }
          if (model.below(3) === 0) rmSync(join(directory, 'msgs', 'index.db'), { force: true });
          store = fileStore(directory, clock, { ...variant(), limits });
          model.store = store;
          assert.deepEqual(store.reports, []);
          model.check();
        }
        await stopped(store);
      } catch (error) {
        const reports = JSON.stringify(store.reports);
        throw new Error(`seed ${seed}: ${error}\n${reports}\n${model.trace.slice(-30).join('\n')}`, {
          cause: error,
        });
      }
      rmSync(directory, { recursive: true });
    }
  });
}

/** Random operations on a real store and on the naive one must give the same answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '../../../src/jetstream/store/memory-store.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';
import { StoreModel } from './store-model.js';

test('a memory store agrees with the naive one', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const store = new MemoryStore(new SimulatedClock(), new StoreMemory());
    const model = new StoreModel(store, new SeededRandom(seed * 7919));
    try {
      for (let step = 0; step < 300; step++) model.step();
      model.check();
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}\n${model.trace.slice(-12).join('\n')}`, { cause: error });
    }
    assert.equal(store.durablePosition, store.position);
  }
});

/** The last messages of many subjects are found out in steps, while messages come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileStore } from '../../../src/jetstream/store/file-store.js';
import { GroupCommit } from '../../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { MemoryDisk } from '../../../src/runtime/memory-disk.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';

const hash = new HighwayHash();
const SUBJECTS = 2000;

class Bench {
  readonly random: SeededRandom;
  readonly disk = new MemoryDisk();
  readonly clock = new SimulatedClock();
  /** Subjects by sequence. */
  readonly messages = new Map<number, string>();
  store: FileStore;

  constructor(seed: number) {
    this.random = new SeededRandom(seed * 7919);
    this.disk.makeDirectory('/s');
    this.store = this.#open();
    // Each step ends at its first look at the clock.
    let time = 0;
    this.clock.monotonic = () => (time += 10);
  }

  #open(): FileStore {
    const { disk, clock } = this;
    const commit = new GroupCommit(disk, { interval: 0, clock });
    const memory = new StoreMemory();
    const place = { name: 'S', directory: '/s', blockSize: 16_000, readBelow: 0 };
    return new FileStore({ disk, clock, commit, hash, memory, ...place });
  }

  below(limit: number): number {
    return this.random.next() % limit;
  }

  append(): void {
    const subject = `${this.below(2) === 0 ? 'a' : 'b'}.${this.below(SUBJECTS)}`;
    const sequence = this.store.append(subject, null, Buffer.from('x'), 1n);
    this.messages.set(sequence, subject);
  }

  remove(): void {
    const { firstSequence, lastSequence } = this.store.state;
    const sequence = firstSequence + this.below(lastSequence - firstSequence + 1);
    assert.equal(this.store.remove(sequence), this.messages.delete(sequence));
  }

  async reopen(): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      this.store.stop((error) => (error === null ? resolve() : reject(error))),
    );
    this.store = this.#open();
  }

  lasts(prefix: string): number[] {
    const lasts = new Map<string, number>();
    for (const [sequence, subject] of this.messages)
      if (subject.startsWith(prefix)) lasts.set(subject, Math.max(sequence, lasts.get(subject) ?? 0));
    return [...lasts.values()].sort((a, b) => a - b);
  }
}

for (const pattern of [null, 'a.*']) {
  test(`the last messages of ${pattern ?? 'all'} subjects are those that they are`, async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const bench = new Bench(seed);
      for (let i = 0; i < 8000; i++) bench.append();
      for (let i = 0; i < 500; i++) bench.remove();
      await bench.reopen();
      const { store } = bench;
      const filter = pattern === null ? null : store.filter([pattern]);
      const steps = store.lastsSteps(filter);
      assert.ok(steps !== null);
      let count = 1;
      for (; !steps.step(); count++) {
        for (let i = bench.below(12); i > 0; i--) {
          if (bench.below(2) === 0) bench.append();
          else bench.remove();
        }
      }
      assert.ok(count > 10, `${count} steps`);
      const { lastSequence } = store.state;
      const found = store.lastSequences(filter, lastSequence, Number.POSITIVE_INFINITY);
      assert.deepEqual([...found!], bench.lasts(pattern === null ? '' : 'a.'), `seed ${seed}`);
      assert.equal(store.lastsSteps(filter), null, 'nothing is left to do');
      assert.equal(store.lastSequences(filter, lastSequence, 10), null);
    }
  });
}

test('what is rolled back or purged meanwhile ends the search', async () => {
  const bench = new Bench(1);
  for (let i = 0; i < 8000; i++) bench.append();
  await bench.reopen();
  const steps = bench.store.lastsSteps(null)!;
  assert.equal(steps.step(), false);
  bench.store.truncate(7000);
  for (const sequence of bench.messages.keys()) if (sequence > 7000) bench.messages.delete(sequence);
  assert.equal(steps.step(), true);
  const found = bench.store.lastSequences(null, 7000, Number.POSITIVE_INFINITY);
  assert.deepEqual([...found!], bench.lasts(''));
});

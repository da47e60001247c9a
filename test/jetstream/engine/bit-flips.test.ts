/** A bit of a block flips: nothing wrong is served, nothing else is lost, and it is reported once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileStore } from '../../../src/jetstream/store/file-store.js';
import { StoreKeys } from '../../../src/jetstream/store/file-store-keys.js';
import type { FileStoreOptions } from '../../../src/jetstream/store/file-store-options.js';
import { GroupCommit } from '../../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';
import { SimulatedDisk } from '../../../src/sim/disk.js';

const hash = new HighwayHash();
const MESSAGES = 120;

class World {
  readonly disk: SimulatedDisk;
  readonly clock = new SimulatedClock();
  readonly options: Partial<FileStoreOptions>;
  #turns: (() => void)[] = [];

  constructor(seed: number, options: Partial<FileStoreOptions>) {
    this.disk = new SimulatedDisk(new SeededRandom(seed), false);
    this.disk.makeDirectory('/s');
    this.options = options;
  }

  open(): FileStore {
    const { disk, clock } = this;
    const commit = new GroupCommit(disk, {
      interval: 0,
      clock,
      defer: (turn) => void this.#turns.push(turn),
    });
    const memory = new StoreMemory();
    const common = { disk, clock, memory, commit, hash, name: 'S', directory: '/s', blockSize: 3000 };
    return new FileStore({ ...common, ...this.options });
  }

  stop(store: FileStore): void {
    let over = false;
    store.stop(() => (over = true));
    for (let i = 0; i < 20 && !over; i++) {
      for (const turn of this.#turns.splice(0)) turn();
      this.disk.settle();
    }
    assert.ok(over);
  }
}

const payloadOf = (sequence: number) => `${sequence}:`.padEnd(20 + ((sequence * 37) % 150), 'abc');

/** How many messages are there; all of them must be as they were stored. */
function served(store: FileStore): number {
  let count = 0;
  for (let message = store.loadNext(null, 0); message; message = store.loadNext(null, message.sequence + 1)) {
    assert.equal(message.payload.toString(), payloadOf(message.sequence));
    assert.equal(message.subject, `s.${message.sequence % 7}`);
    count++;
  }
  assert.equal(store.state.messages, count);
  return count;
}

const variants: Record<string, () => Partial<FileStoreOptions>> = {
  plain: () => ({}),
  'believed by its index': () => ({ readBelow: 0 }),
  compressed: () => ({ compress: true }),
  encrypted: () => ({ keys: new StoreKeys({ cipher: 'aes', key: 'k' }, 'A') }),
};

for (const [name, variant] of Object.entries(variants)) {
  test(`a flipped bit: ${name}`, () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed * 7919);
      const world = new World(seed, variant());
      const written = world.open();
      for (let sequence = 1; sequence <= MESSAGES; sequence++) {
        written.append(
          `s.${sequence % 7}`,
          null,
          Buffer.from(payloadOf(sequence)),
          BigInt(sequence) * 1_000_000n,
        );
      }
      world.clock.advance(1000);
      for (let i = 0; i < 20; i++) written.tidy();
      world.stop(written);
      const blocks = world.disk.list('/s/msgs').filter((entry) => entry.name.endsWith('.blk'));
      const victim = `/s/msgs/${blocks[random.next() % blocks.length]!.name}`;
      const size = world.disk.status(victim)!.size;
      world.disk.flipBit(victim, random.next() % size, random.next() % 8);
      const where = `seed ${seed}, ${victim}`;
      const store = world.open();
      // What the index said of a block is put right in the turn after it was read.
      for (let at = store.loadNext(null, 0); at; at = store.loadNext(null, at.sequence + 1));
      world.clock.advance(1);
      const count = served(store);
      const lost = MESSAGES - count;
      // A compressed block is lost from the chunk on that the bit is in; otherwise one record is, or two that cannot be told apart.
      assert.ok(lost <= (name === 'compressed' ? 30 : 2), `${where}: ${lost} lost`);
      if (lost > 0) assert.ok(store.reports.length > 0, `${where}: not reported`);
      assert.equal(store.state.lastSequence, MESSAGES, `${where}, last, ${JSON.stringify(store.reports)}`);
      world.stop(store);
      const again = world.open();
      assert.equal(served(again), count, `${where}, again`);
    }
  });
}

// A damaged block is written anew in one turn, and its directory cannot be synced: what is confirmed after that must not depend on a
// name that a power cut takes away.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FileStore } from '../../../src/jetstream/store/file-store.js';
import { GroupCommit } from '../../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';
import { DiskError, SimulatedDisk } from '../../../src/sim/disk.js';

const BLOCK_SIZE = 64 * 1024;
const BLOCK = '/s/msgs/1.blk';
const FILLED = 40;
const DAMAGED = 5;
/** Bytes of each message. */
const RECORD = 1031;
const SEEDS = 40;
const hash = new HighwayHash();

class FailingDisk extends SimulatedDisk {
  failDirectories = false;
  failures = 0;

  override syncDirectoryNow(path: string): void {
    if (!this.failDirectories) {
      super.syncDirectoryNow(path);
      return;
    }
    this.failures++;
    throw new DiskError('EIO', path);
  }
}

class Bench {
  readonly disk: FailingDisk;
  readonly clock = new SimulatedClock();
  #turns: (() => void)[] = [];
  store: FileStore;

  constructor(seed: number) {
    this.disk = new FailingDisk(new SeededRandom(seed));
    this.disk.makeDirectory('/s');
    this.store = this.open();
  }

  open(): FileStore {
    this.#turns = [];
    const { disk, clock } = this;
    const defer = (turn: () => void) => void this.#turns.push(turn);
    const commit = new GroupCommit(disk, { interval: 0, clock, defer });
    const place = {
      name: 'S',
      directory: '/s',
      blockSize: BLOCK_SIZE,
      memory: new StoreMemory({ contentsLimit: 0 }),
    };
    const slices = { add: (step: () => boolean) => void step() };
    return new FileStore({ disk, clock, commit, hash, slices, ...place });
  }

  async commit(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      for (const turn of this.#turns.splice(0)) turn();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** A block with a damaged record, which has been written anew while directories cannot be synced. */
  async rewritten(): Promise<void> {
    const payload = Buffer.alloc(1000, 'x');
    for (let i = 1; i <= FILLED; i++) this.store.append('s', null, payload, BigInt(i));
    await this.commit();
    this.disk.crash();
    this.disk.flipBit(BLOCK, (DAMAGED - 1) * RECORD + 200, 3);
    const before = this.disk.readFile(BLOCK).length;
    this.disk.failDirectories = true;
    this.store = this.open();
    assert.equal(this.disk.readFile(BLOCK).length, before - RECORD, 'it was written anew');
    assert.ok(this.disk.failures > 0);
  }

  confirmed(): boolean {
    const { durablePosition, position } = this.store;
    return durablePosition >= position;
  }

  sequences(): number[] {
    const found: number[] = [];
    for (let at = this.store.loadNext(null, 0); at !== null; at = this.store.loadNext(null, at.sequence + 1))
      found.push(at.sequence);
    return found;
  }
}

describe('a block with damage, written anew while its directory cannot be synced', () => {
  const left = Array.from({ length: FILLED }, (_, i) => i + 1).filter((each) => each !== DAMAGED);

  test('keeps what is confirmed afterwards through a power cut', async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const bench = new Bench(seed);
      await bench.rewritten();
      bench.disk.failDirectories = false;
      for (let i = 1; i <= 3; i++) bench.store.append('s', null, Buffer.from(`new ${i}`), BigInt(1000 + i));
      await bench.commit();
      assert.ok(bench.confirmed(), `seed ${seed}`);
      bench.disk.powerCut();
      bench.store = bench.open();
      assert.deepEqual(bench.sequences(), [...left, 41, 42, 43], `seed ${seed}`);
    }
  });

  test('confirms nothing while that stays so', async () => {
    const bench = new Bench(1);
    await bench.rewritten();
    bench.store.append('s', null, Buffer.from('new'), 1001n);
    const { position } = bench.store;
    await bench.commit();
    assert.ok(bench.store.durablePosition < position);
    bench.disk.failDirectories = false;
    bench.clock.advance(60_000);
    await bench.commit();
    bench.store.append('s', null, Buffer.from('later'), 1002n);
    await bench.commit();
    assert.ok(bench.confirmed());
    bench.disk.powerCut();
    bench.store = bench.open();
    assert.deepEqual(bench.sequences(), [...left, 41]);
  });
});

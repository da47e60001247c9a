/** Where consumers are: durable when they say so, whatever happens to the disk. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ConsumerPosition,
  FileConsumerStore,
  LAZY_WRITE,
} from '../../../src/jetstream/store/consumer-store.js';
import { GroupCommit } from '../../../src/jetstream/store/group-commit.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { silentLog } from '../../../src/runtime/log.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';
import { SimulatedDisk } from '../../../src/sim/disk.js';

class World {
  readonly clock = new SimulatedClock();
  readonly disk: SimulatedDisk;
  readonly durable: number[] = [];
  readonly failed: string[] = [];
  position: ConsumerPosition = {
    delivered: { consumer: 0, stream: 0 },
    ackFloor: { consumer: 0, stream: 0 },
    pending: new Map(),
    redelivered: new Map(),
  };
  store!: FileConsumerStore;
  #turns: (() => void)[] = [];

  constructor(seed = 1) {
    this.disk = new SimulatedDisk(new SeededRandom(seed), false);
    this.disk.makeDirectory('/c');
    this.open();
  }

  open(): ConsumerPosition | null {
    const { disk, clock } = this;
    this.#turns = [];
    const commit = new GroupCommit(disk, {
      interval: 0,
      clock,
      defer: (turn) => void this.#turns.push(turn),
      journal: { hash: new HighwayHash(), directory: '', areaSize: 16 * 1024, after: 1, log: silentLog },
    });
    this.store = new FileConsumerStore({
      disk,
      clock,
      commit,
      directory: '/c',
      sealer: null,
      source: () => this.position,
    });
    this.store.listener = {
      durable: (position) => void this.durable.push(position),
      failed: (error) => void this.failed.push(error.message),
    };
    return this.store.load();
  }

  acknowledge(sequence: number, confirm: boolean): number {
    this.position = { ...this.position, ackFloor: { consumer: sequence, stream: sequence } };
    this.position.delivered = { consumer: sequence, stream: sequence };
    return this.store.changed(confirm);
  }

  turn(): void {
    for (const turn of this.#turns.splice(0)) turn();
    for (let i = 0; i < 4; i++) this.disk.settle();
  }
}

test('a new consumer has nothing stored', () => {
  assert.equal(new World().store.load(), null);
});

test('a confirmed position is written with the next commit, another one a little later', () => {
  const world = new World();
  world.acknowledge(1, true);
  world.turn();
  assert.deepEqual(world.durable, [1]);
  world.acknowledge(2, false);
  world.turn();
  assert.deepEqual(world.durable, [1]);
  world.clock.advance(LAZY_WRITE);
  world.turn();
  assert.deepEqual(world.durable, [1, 2]);
});

test('what was confirmed survives power cuts', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const world = new World(seed);
    const random = new SeededRandom(seed);
    let confirmed = 0;
    for (let sequence = 1; sequence <= 20; sequence++) {
      const position = world.acknowledge(sequence, true);
      if (random.next() % 3 > 0) world.turn();
      if (world.durable.at(-1) === position) confirmed = sequence;
    }
    world.disk.powerCut();
    const found = world.open();
    assert.ok(
      (found?.ackFloor.stream ?? 0) >= confirmed,
      `seed ${seed}: ${found?.ackFloor.stream} of ${confirmed}`,
    );
  }
});

test('a disk that refuses is told of, and asked again', () => {
  const world = new World();
  world.disk.failSyncs = true;
  world.acknowledge(1, true);
  world.turn();
  assert.equal(world.failed.length, 1);
  assert.deepEqual(world.durable, []);
  world.disk.failSyncs = false;
  world.clock.advance(LAZY_WRITE);
  world.turn();
  assert.equal(world.durable.length, 1);
});

test('a file that makes no sense is refused and left there', () => {
  const world = new World();
  world.disk.writeFile('/c/o.dat', Buffer.from('nonsense'));
  assert.throws(() => world.open(), /corrupt state file/);
  assert.equal(world.disk.readFile('/c/o.dat').toString(), 'nonsense');
});

/**
 * A store whose key, cipher or both are others than when it was written, or that had none: it is converted when it is opened.
 * The power goes after any number of steps of that, with any of what was not synced by then; the next start has everything.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileStore } from '../../../src/jetstream/store/file-store.js';
import { type EncryptionOptions, StoreKeys } from '../../../src/jetstream/store/file-store-keys.js';
import { GroupCommit } from '../../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import type { OpenMode } from '../../../src/runtime/disk.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';
import { SimulatedDisk } from '../../../src/sim/disk.js';

const hash = new HighwayHash();
const SEEDS = Number(process.env.WEFT_SEEDS ?? 150);

class PowerCut extends Error {}

/** Loses its power before a step that changes something. */
class FailingDisk extends SimulatedDisk {
  stepsLeft = Number.POSITIVE_INFINITY;
  steps = 0;

  #step(): void {
    this.steps++;
    if (--this.stepsLeft < 0) throw new PowerCut();
  }

  override open(path: string, mode: OpenMode) {
    this.#step();
    const file = super.open(path, mode);
    const syncNow = file.syncNow.bind(file);
    const write = file.write.bind(file);
    file.syncNow = () => {
      this.#step();
      syncNow();
    };
    file.write = (...args) => {
      this.#step();
      write(...args);
    };
    return file;
  }

  override rename(from: string, to: string): void {
    this.#step();
    super.rename(from, to);
  }

  override remove(path: string): void {
    this.#step();
    super.remove(path);
  }

  override syncDirectoryNow(path: string): void {
    this.#step();
    super.syncDirectoryNow(path);
  }
}

interface Change {
  from: EncryptionOptions | null;
  to: EncryptionOptions;
}

const CHANGES: Readonly<Record<string, Change>> = {
  'plain to chacha': { from: null, to: { cipher: 'chacha', key: 'k' } },
  'plain to aes': { from: null, to: { cipher: 'aes', key: 'k' } },
  'chacha to aes': { from: { cipher: 'chacha', key: 'k' }, to: { cipher: 'aes', key: 'k' } },
  'aes to chacha': { from: { cipher: 'aes', key: 'k' }, to: { cipher: 'chacha', key: 'k' } },
  'a previous key': {
    from: { cipher: 'chacha', key: 'old' },
    to: { cipher: 'chacha', key: 'new', previousKey: 'old' },
  },
  'a previous key and cipher': {
    from: { cipher: 'aes', key: 'old' },
    to: { cipher: 'chacha', key: 'new', previousKey: 'old' },
  },
};

class World {
  readonly random: SeededRandom;
  readonly disk: FailingDisk;
  readonly compress: boolean;
  #turns: (() => void)[] = [];

  constructor(seed: number) {
    this.random = new SeededRandom(seed * 6_700_417 + 1);
    this.disk = new FailingDisk(this.random, false);
    this.disk.makeDirectory('/s');
    this.compress = this.below(2) === 0;
  }

  below(limit: number): number {
    return this.random.next() % limit;
  }

  open(encryption: EncryptionOptions | null): FileStore {
    const clock = new SimulatedClock();
    const { disk, compress } = this;
    this.#turns = [];
    const commit = new GroupCommit(disk, {
      interval: 0,
      clock,
      defer: (turn) => void this.#turns.push(turn),
    });
    const bytes = (size: number) => Buffer.from(Array.from({ length: size }, () => this.below(256)));
    const keys = encryption && new StoreKeys(encryption, 'A', bytes);
    const common = { disk, clock, commit, hash, keys, compress, memory: new StoreMemory() };
    const readBelow = this.below(2) * 1e6;
    return new FileStore({ ...common, name: 'S', directory: '/s', blockSize: 700, readBelow });
  }

  settle(): void {
    for (let i = 0; i < 10; i++) {
      for (const turn of this.#turns.splice(0)) turn();
      this.disk.settle();
    }
  }

  /** Some blocks with holes in them, in order or as a crash leaves them. */
  fill(encryption: EncryptionOptions | null): string[] {
    const store = this.open(encryption);
    const count = 5 + this.below(40);
    for (let i = 1; i <= count; i++) {
      const payload = Buffer.from(`${i}`.padEnd(this.below(200), this.compress ? 'x' : 'y'));
      store.append(`s.${this.below(4)}`, null, payload, BigInt(i) * 1_000_000_000n);
      if (this.below(4) === 0) store.remove(1 + this.below(i));
      if (this.below(6) === 0) this.settle();
    }
    this.settle();
    for (let i = 0; i < 10; i++) {
      store.tidy();
      this.settle();
    }
    const content = contentOf(store);
    if (this.below(3) > 0) this.stop(store);
    this.disk.crash();
    return content;
  }

  stop(store: FileStore): void {
    let over = false;
    store.stop((error) => {
      assert.equal(error, null);
      over = true;
    });
    this.settle();
    assert.ok(over, 'stopped');
  }
}

function contentOf(store: FileStore): string[] {
  const all: string[] = [`last ${store.state.lastSequence}`];
  for (let message = store.loadNext(null, 0); message; message = store.loadNext(null, message.sequence + 1)) {
    all.push(`${message.sequence} ${message.subject} ${message.payload}`);
  }
  return all;
}

/** Opens with today's keys, and the power goes on the way, up to three times. */
function convert(world: World, to: EncryptionOptions, expected: string[], steps: number): number {
  const { disk } = world;
  let cuts = 0;
  for (; cuts < 3; cuts++) {
    disk.stepsLeft = cuts === 0 ? steps : world.below(60);
    try {
      const store = world.open(to);
      assert.deepEqual(contentOf(store), expected);
      world.settle();
      disk.stepsLeft = Number.POSITIVE_INFINITY;
      disk.powerCut();
      break;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      disk.stepsLeft = Number.POSITIVE_INFINITY;
      disk.powerCut();
    }
  }
  return cuts;
}

for (const [name, { from, to }] of Object.entries(CHANGES)) {
  test(`${name}: nothing is lost, whenever the power goes`, () => {
    let cuts = 0;
    const only = Number(process.env.WEFT_SEED ?? 0);
    for (let seed = only || 1; seed <= (only || SEEDS); seed++) {
      try {
        const world = new World(seed);
        const expected = world.fill(from);
        cuts += convert(world, to, expected, world.below(120));
        const store = world.open(to);
        const reports = store.reports.filter(({ file }) => file !== 'msgs/index.db');
        assert.deepEqual(reports, []);
        assert.deepEqual(contentOf(store), expected);
        world.stop(store);
        world.disk.crash();
        const keys = new StoreKeys({ cipher: to.cipher, key: to.key }, 'A');
        const files = [...world.disk.snapshot()].map(([path, file]) => ({ path, file }));
        for (const { path, file } of files) {
          const number = /msgs\/(\d+)\.blk$/.exec(path)?.[1];
          if (number === undefined) continue;
          const key = files.find((each) => each.path === path.replace('.blk', '.key'))?.file;
          assert.ok(key && !keys.find(keys.blockContext('S', Number(number)), key).outdated, path);
          assert.ok(file);
        }
        assert.deepEqual(contentOf(world.open(to)), expected);
      } catch (error) {
        throw new Error(`WEFT_SEED=${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
    if (only === 0) assert.ok(cuts > SEEDS / 4, `${cuts} power cuts on the way`);
  });
}

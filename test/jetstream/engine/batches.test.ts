/** An atomic batch in several blocks is there as a whole or not at all, wherever the power goes or the process ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileStore } from '../../../src/jetstream/store/file-store.js';
import { StoreKeys } from '../../../src/jetstream/store/file-store-keys.js';
import { GroupCommit } from '../../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import type { Disk } from '../../../src/runtime/disk.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { silentLog } from '../../../src/runtime/log.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';
import { SimulatedDisk } from '../../../src/sim/disk.js';
import { CuttingDisk } from '../../simulation/cutting-disk.js';

const hash = new HighwayHash();
const MESSAGES = '/s/msgs';
const FILE = `${MESSAGES}/weft.batch`;
const BATCH = 6;
const BATCH_HEADER = Buffer.from('NATS/1.0\r\nNats-Batch-Id: b\r\n\r\n');

/** The process ends where the power would go. */
class KillingDisk extends CuttingDisk {
  override cut(): void {
    this.kill();
  }
}

interface Setting {
  /** Milliseconds between syncs. */
  interval?: number;
  journal: boolean;
  encrypted: boolean;
  /** Bytes of each message of the batch. */
  size: number;
  blockSize: number;
}

/** One life of a store. */
class Life {
  readonly store: FileStore;
  readonly clock = new SimulatedClock();
  readonly #device: SimulatedDisk;
  readonly #commit: GroupCommit;
  #turns: (() => void)[] = [];
  durable = 0;
  failures = 0;

  constructor(device: SimulatedDisk, disk: Disk, { interval = 0, journal, encrypted, blockSize }: Setting) {
    const { clock } = this;
    this.#device = device;
    this.#commit = new GroupCommit(disk, {
      interval,
      clock,
      defer: (turn) => void this.#turns.push(turn),
      ...(journal && { journal: { hash, directory: '', areaSize: 64 * 1024, after: 0, log: silentLog } }),
    });
    this.store = new FileStore({
      disk,
      clock,
      memory: new StoreMemory(),
      commit: this.#commit,
      hash,
      name: 'S',
      directory: '/s',
      blockSize,
      keys: encrypted ? new StoreKeys({ cipher: 'chacha', key: 'k' }, 'A') : null,
    });
    this.store.listener = {
      durable: (position) => {
        this.durable = position;
      },
      failed: () => this.failures++,
      removed: () => {},
      purged: () => {},
      expiring: () => false,
      damaged: () => {},
    };
  }

  append(subject: string, size: number): void {
    const header = subject === 'batch' ? BATCH_HEADER : null;
    this.store.append(subject, header, Buffer.alloc(size, subject), 1n);
  }

  batch(size: number): void {
    this.store.holdLimits();
    for (let i = 0; i < BATCH; i++) this.append('batch', size);
    this.store.releaseLimits(['batch']);
  }

  /** Until syncs are under way. */
  turn(): void {
    for (const turn of this.#turns.splice(0)) turn();
  }

  rest(): void {
    for (let i = 0; i < 12; i++) {
      this.turn();
      this.#device.settle();
    }
  }

  stop(): void {
    let over = false;
    this.store.stop(() => {
      over = true;
    });
    this.rest();
    assert.ok(over);
  }

  get subjects(): string[] {
    const { store } = this;
    const found: string[] = [];
    for (let each = store.loadNext(null, 0); each; each = store.loadNext(null, each.sequence + 1))
      found.push(each.subject);
    return found;
  }

  /** The batch is there, or nothing, or what a start recognises as the front of one. */
  assertWhole(what: string): void {
    const { subjects } = this;
    const count = subjects.filter((subject) => subject === 'batch').length;
    if (count === 0 || count === BATCH) return;
    assert.equal(subjects.at(-1), 'batch', `${what}: ${count} of ${BATCH}, with something behind`);
    assert.deepEqual(this.store.reports, [], `${what}: ${count} of ${BATCH}`);
  }

  /** How many of the batch are there; the others have to be. */
  get ofBatch(): number {
    const found = this.subjects;
    assert.deepEqual(
      found.filter((subject) => subject !== 'batch'),
      ['a', 'b', 'c'],
    );
    return found.filter((subject) => subject === 'batch').length;
  }
}

/** A disk with three messages on it. */
function begun(seed: number, setting: Setting): SimulatedDisk {
  const device = new SimulatedDisk(new SeededRandom(seed * 7_368_787), false);
  device.makeDirectory('/s');
  const life = new Life(device, device, setting);
  for (const subject of ['a', 'b', 'c']) life.append(subject, 10);
  life.rest();
  assert.equal(life.durable, life.store.position);
  device.crash();
  return device;
}

const settings: Setting[] = [];
for (const journal of [false, true]) {
  settings.push({ journal, encrypted: false, size: 100, blockSize: 300 });
  settings.push({ journal, encrypted: true, size: 100, blockSize: 300 });
  settings.push({ journal, encrypted: false, size: 30_000, blockSize: 100_000 });
}

for (const setting of settings) {
  const { journal, encrypted, size } = setting;
  const title = `${journal ? 'with' : 'without'} a journal${encrypted ? ', encrypted' : ''}, ${size} bytes`;

  for (const trouble of ['', 'syncs fail', 'the disk is full'] as const) {
    test(`whole or not at all, ${title}${trouble && `, ${trouble}`}`, () => {
      const outcomes = new Set<number>();
      for (const kill of [false, true]) {
        for (let fuse = 1; fuse < 45; fuse++) {
          for (let seed = 1; seed <= (kill ? 1 : 6); seed++) {
            const device = begun(seed, setting);
            const disk = new (kill ? KillingDisk : CuttingDisk)(device);
            const life = new Life(device, disk, setting);
            life.rest();
            try {
              disk.fuse = fuse;
              device.dropsUnsynced = seed % 2 === 0;
              device.failSyncs = trouble === 'syncs fail' && fuse % 3 > 0;
              if (trouble === 'the disk is full') device.capacity = used(device) + size * (4 + (fuse % 20));
              life.batch(size);
              life.rest();
              device.failSyncs = false;
              device.capacity = Number.POSITIVE_INFINITY;
              if (trouble === 'the disk is full' && !disk.off)
                assert.equal(device.status(`${FILE}.tmp`), undefined, 'it takes no space');
              life.clock.advance(1500);
              life.rest();
              if (!disk.off) disk.cut();
            } catch (error) {
              if (!disk.off) throw error;
            }
            device.failSyncs = false;
            device.capacity = Number.POSITIVE_INFINITY;
            const there = new Life(device, device, setting);
            const what = `seed ${seed}, fuse ${fuse}, ${kill ? 'killed' : 'power cut'}`;
            assert.ok([0, BATCH].includes(there.ofBatch), `${what}: ${there.ofBatch} of ${BATCH}`);
            outcomes.add(there.ofBatch);
            if (life.durable >= 6 && trouble === '') assert.equal(there.ofBatch, BATCH, what);
            assert.equal(device.status(FILE), undefined);
            there.rest();
            device.powerCut();
            assert.equal(new Life(device, device, setting).ofBatch, there.ofBatch, `${what}, once more`);
          }
        }
      }
      assert.equal(outcomes.size, 2, 'both come about');
    });
  }
}

for (const trouble of ['', 'the disk is full'] as const) {
  test(`with an interval the end of the process leaves the front${trouble && `, ${trouble}`}`, () => {
    const setting = { interval: 1000, journal: false, encrypted: false, size: 100, blockSize: 300 };
    const outcomes = new Set<number>();
    for (let fuse = 1; fuse < 30; fuse++) {
      const device = begun(1, setting);
      const disk = new KillingDisk(device);
      const life = new Life(device, disk, setting);
      life.rest();
      try {
        disk.fuse = fuse;
        if (trouble !== '') device.capacity = used(device) + 350;
        life.batch(setting.size);
        life.rest();
        disk.cut();
      } catch (error) {
        if (!disk.off) throw error;
      }
      device.capacity = Number.POSITIVE_INFINITY;
      const { store, ofBatch } = new Life(device, device, setting);
      outcomes.add(ofBatch);
      for (let i = 0; i < BATCH; i++) assert.equal(store.load(4 + i) !== null, i < ofBatch, `fuse ${fuse}`);
    }
    assert.ok(outcomes.size > 2);
    assert.equal(outcomes.has(BATCH), trouble === '');
  });
}

/** A disk whose server was killed when it had said what it is about to write, and before it had written all of it. */
function interrupted(setting: Setting): SimulatedDisk {
  for (let fuse = 1; fuse < 45; fuse++) {
    const device = begun(1, setting);
    const disk = new KillingDisk(device);
    const life = new Life(device, disk, setting);
    life.rest();
    disk.fuse = fuse;
    try {
      life.batch(setting.size);
      life.rest();
    } catch {
      // The power.
    }
    if (device.status(FILE) !== undefined && device.status(`${MESSAGES}/4.blk`)?.size === 0) return device;
  }
  throw new Error('never');
}

test('what another server has done in between counts', () => {
  const [setting] = settings;
  const appended = interrupted(setting!);
  const before = appended.readFile(`${MESSAGES}/1.blk`);
  const other = new Life(appended, appended, setting!);
  assert.equal(other.ofBatch, BATCH, 'it can be finished');

  // Another message where the first of the batch belongs.
  const changed = interrupted(setting!);
  const file = changed.open(`${MESSAGES}/1.blk`, 'write');
  const whole = other.store.load(4)!;
  assert.equal(whole.subject, 'batch');
  file.write(Buffer.alloc(40, 7), 0, 40, before.length);
  file.close();
  assert.equal(new Life(changed, changed, setting!).ofBatch, 0);
  assert.equal(changed.status(FILE), undefined);

  // All blocks are gone.
  const purged = interrupted(setting!);
  for (const { name } of purged.list(MESSAGES))
    if (name.endsWith('.blk')) purged.remove(`${MESSAGES}/${name}`);
  assert.deepEqual(new Life(purged, purged, setting!).subjects, []);

  // It was stopped.
  const stopped = interrupted(setting!);
  const kept = stopped.readFile(FILE);
  stopped.remove(FILE);
  const life = new Life(stopped, stopped, setting!);
  const { ofBatch } = life;
  life.stop();
  stopped.writeFile(FILE, kept);
  assert.equal(new Life(stopped, stopped, setting!).ofBatch, ofBatch);
  assert.ok(ofBatch < BATCH);
});

test('a damaged file of a batch stops nobody', () => {
  const [setting] = settings;
  const { length } = interrupted(setting!).readFile(FILE);
  for (const at of [0, 5, 20, 40, 200]) {
    const device = interrupted(setting!);
    device.flipBit(FILE, at, 3);
    assert.ok(new Life(device, device, setting!).ofBatch < BATCH);
    assert.equal(device.status(FILE), undefined);
  }
  for (const size of [0, 3, 20, length - 1]) {
    const device = interrupted(setting!);
    const file = device.open(FILE, 'write');
    file.truncate(size);
    file.close();
    const { ofBatch } = new Life(device, device, setting!);
    assert.ok(ofBatch === BATCH ? size === length - 1 : ofBatch < BATCH);
  }
});

test('nothing but a batch in several blocks costs a file', () => {
  const setting = { ...settings[0]!, blockSize: 2000 };
  const named: string[] = [];
  class Watched extends CuttingDisk {
    override writeFile(path: string, bytes: Uint8Array): void {
      named.push(path);
      super.writeFile(path, bytes);
    }
  }
  const device = begun(1, setting);
  const disk = new Watched(device);
  const life = new Life(device, disk, setting);
  life.rest();
  const syncs = device.syncs;
  life.batch(100);
  life.rest();
  assert.equal(device.syncs - syncs, 1, 'one block');
  for (let i = 0; i < 40; i++) life.append('d', 100);
  life.rest();
  assert.equal(life.durable, life.store.position);
  assert.deepEqual(named, []);
  life.batch(300);
  life.rest();
  assert.equal(life.durable, life.store.position);
  assert.deepEqual(named, [`${FILE}.tmp`]);
  assert.equal(device.status(FILE), undefined);
});

/** What happens to a batch in one block, or to what is around it, while one of the two is not on the device. */
const around: Readonly<Record<string, (life: Life, device: SimulatedDisk) => void>> = {
  'one of a process before, something is written behind it at once': (life) => {
    life.append('d', 10);
    life.rest();
  },
  'one of a process before, something is written behind it while it is synced': (life) => {
    life.turn();
    life.store.erase(1);
    life.rest();
  },
  'one of a process before, something is written behind it when a sync has failed': (life, device) => {
    device.failSyncs = true;
    life.rest();
    device.failSyncs = false;
    life.append('d', 10);
    life.turn();
    life.store.erase(1);
    life.rest();
  },
  'behind something that is being synced': (life) => {
    life.rest();
    life.append('d', 2000);
    life.turn();
    life.batch(300);
    life.store.erase(1);
    life.rest();
  },
  'the front of one is cut off': (life) => {
    life.rest();
    for (let i = 1; i < BATCH; i++) life.append('batch', 300);
    life.rest();
    life.store.truncate(life.store.state.lastSequence - BATCH + 1);
    life.append('d', 10);
    life.rest();
  },
};

for (const [title, work] of Object.entries(around)) {
  // A journal brings back what was written to it, and not the end of a file.
  for (const journal of title.includes('cut off') ? [false, true] : [false]) {
    test(`in one block, ${title}, ${journal ? 'with' : 'without'} a journal`, () => {
      const setting = { journal, encrypted: false, size: 300, blockSize: 100_000 };
      for (let fuse = 1; fuse < (journal ? 60 : 18); fuse++) {
        for (let seed = 201; seed <= (journal ? 210 : 350); seed++) {
          const device = begun(seed, setting);
          if (title.includes('process before')) {
            const before = new Life(device, device, setting);
            before.rest();
            before.batch(setting.size);
            before.turn();
            device.crash();
          }
          device.dropsUnsynced = seed % 2 === 0;
          const disk = new CuttingDisk(device);
          try {
            disk.fuse = fuse;
            work(new Life(device, disk, setting), device);
            disk.cut();
          } catch (error) {
            if (!disk.off) throw error;
          }
          device.failSyncs = false;
          new Life(device, device, setting).assertWhole(`seed ${seed}, fuse ${fuse}`);
        }
      }
    });
  }
}

function used(device: SimulatedDisk): number {
  let bytes = 0;
  for (const content of device.snapshot().values()) bytes += content?.length ?? 0;
  return bytes;
}

test('a batch that was refused is cut at its front when its end has gone for good, not before', () => {
  const device = new SimulatedDisk(new SeededRandom(1), false);
  device.makeDirectory('/s');
  let refuses = false;
  const disk = new Proxy(device, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]) => {
        if (refuses && name === 'syncDirectoryNow') throw Object.assign(new Error('EIO'), { code: 'EIO' });
        return value.apply(target, given);
      };
    },
  });
  const setting = { journal: false, encrypted: false, size: 100, blockSize: 400 };
  const life = new Life(device, disk, setting);
  life.append('a', 10);
  life.rest();
  life.batch(setting.size);
  life.turn();
  const first = `${MESSAGES}/1.blk`;
  const { size } = device.status(first)!;
  assert.ok(size > 200, 'the front of the batch');
  assert.ok(device.status(`${MESSAGES}/2.blk`) !== undefined, 'its end');
  refuses = true;
  life.store.failed(new Error('refused'));
  assert.equal(device.status(first)!.size, size);
  assert.deepEqual(life.subjects, ['a']);
  refuses = false;
  life.append('b', 10);
  life.append('c', 10);
  life.rest();
  assert.deepEqual(life.subjects, ['a', 'b', 'c']);
  device.crash();
  assert.equal(new Life(device, device, setting).ofBatch, 0);
});

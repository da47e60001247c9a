// Power cuts between any two steps of creating, changing and deleting streams and consumers, on a simulated disk.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consumerConfig } from '../../../src/jetstream/consumer-config.js';
import { FileStorage } from '../../../src/jetstream/file-storage.js';
import type { ConsumerStorage, StoredStream, StreamStorage } from '../../../src/jetstream/storage.js';
import { GroupCommit } from '../../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import { streamConfig } from '../../../src/jetstream/stream-config.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { silentLog } from '../../../src/runtime/log.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';
import { SimulatedDisk } from '../../../src/sim/disk.js';

const SEEDS = Number(process.env.WEFT_SEEDS ?? 150);
const CREATED = '2026-01-01T00:00:00Z';
const DIRECTORY = '/store/jetstream';

class PowerCut extends Error {}

/** Calls of a disk are counted, and the power goes before one of them. */
function cutBefore(disk: SimulatedDisk, left: { steps: number }): SimulatedDisk {
  const changing = new Set([
    'writeFile',
    'rename',
    'remove',
    'removeTree',
    'makeDirectory',
    'syncDirectory',
    'syncDirectoryNow',
    'open',
  ]);
  return new Proxy(disk, {
    get(target, property) {
      const value = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]) => {
        if (changing.has(String(property)) && left.steps-- <= 0) throw new PowerCut('power');
        return value.apply(target, given);
      };
    },
  });
}

function storageOn(disk: SimulatedDisk, key: string): FileStorage {
  const clock = new SimulatedClock();
  const hash = new HighwayHash();
  return new FileStorage({
    disk,
    clock,
    log: silentLog,
    commit: new GroupCommit(disk, {
      clock,
      interval: 0,
      defer: (callback) => void setImmediate(callback),
      journal: { hash, directory: DIRECTORY, areaSize: 32 * 1024, after: 1, log: silentLog },
    }),
    memory: new StoreMemory(),
    hash,
    directory: DIRECTORY,
    encryption: key === '' ? null : { key, cipher: 'chacha' },
    maxPayload: () => 0,
  });
}

function stream(name: string, maxMessages: number) {
  return { ...streamConfig.zero(), name, subjects: [name], max_msgs: maxMessages, num_replicas: 1 };
}

function consumer(name: string, description: string) {
  return { ...consumerConfig.zero(), name, durable_name: name, description };
}

/** What was promised; a change that nobody was told of may be there or not. */
interface Model {
  streams: Map<string, { max: number; consumers: Map<string, string> }>;
}

const copy = ({ streams }: Model): Model => ({
  streams: new Map(
    [...streams].map(([name, { max, consumers }]) => [name, { max, consumers: new Map(consumers) }]),
  ),
});

function found(storage: FileStorage): {
  model: Model;
  opened: StoredStream[];
  parts: Map<string, ConsumerStorage>;
} {
  const opened = storage.recover('$G');
  const parts = new Map<string, ConsumerStorage>();
  const streams = new Map<string, { max: number; consumers: Map<string, string> }>();
  for (const { config, storage: files } of opened) {
    const consumers = new Map<string, string>();
    for (const each of files.storedConsumers()) {
      consumers.set(each.name, each.config.description);
      parts.set(`${config.name}.${each.name}`, each.storage);
    }
    streams.set(config.name, { max: config.max_msgs, consumers });
  }
  return { model: { streams }, opened, parts };
}

const shown = ({ streams }: Model) =>
  JSON.stringify([...streams].sort().map(([name, { max, consumers }]) => [name, max, [...consumers].sort()]));

/** One seed: changes, with a power cut at some step; afterwards there is what was promised, or that and the change under way. */
async function run(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk(random);
  disk.makeDirectory(DIRECTORY);
  disk.losesDirectories = true;
  const key = random.next() % 3 === 0 ? 'secret' : '';
  let promised: Model = { streams: new Map() };
  for (let life = 0; life < 4; life++) {
    const left = { steps: 5 + (random.next() % 120) };
    const cutting = cutBefore(disk, left);
    let next = copy(promised);
    try {
      disk.makeDirectory(DIRECTORY);
      const storage = storageOn(cutting, key);
      const { opened, parts: consumers } = found(storage);
      const live = new Map<string, StreamStorage>(
        opened.map(({ config, storage: files }) => [config.name, files]),
      );
      for (let step = 0; step < 30; step++) {
        next = copy(promised);
        const failed = change(storage, next, live, consumers, random);
        await new Promise<void>((resolve, reject) => {
          storage.commit.after(resolve);
          setTimeout(() => reject(new PowerCut('the commit did not end')), 200).unref();
        });
        if (failed()) throw new PowerCut('told');
        promised = next;
      }
    } catch (error) {
      if (!(error instanceof PowerCut) && !(error as Error).message.includes('power')) throw error;
    }
    if (random.next() % 4 === 0) disk.crash();
    else disk.powerCut();
    disk.makeDirectory(DIRECTORY);
    const storage = storageOn(disk, key);
    const { model } = found(storage);
    const unopened = storage.problems.filter(
      (problem) => problem.unopened && problem.reason !== 'no metafile',
    );
    assert.deepEqual(unopened, [], `seed ${seed}`);
    const seen = shown(model);
    assert.ok(
      [shown(promised), shown(next)].includes(seen),
      `seed ${seed}, life ${life}: ${seen} is neither ${shown(promised)} nor ${shown(next)}`,
    );
    promised = model;
    // Until the next cut the system has written everything back by itself.
    disk.restore(disk.snapshot());
  }
}

/** Makes one change; the result tells whether the disk refused it. */
function change(
  storage: FileStorage,
  { streams }: Model,
  live: Map<string, StreamStorage>,
  consumers: Map<string, ConsumerStorage>,
  random: SeededRandom,
): () => boolean {
  const name = `S${random.next() % 3}`;
  const known = streams.get(name);
  const max = 1 + (random.next() % 1000);
  const files = live.get(name);
  if (known === undefined || files === undefined) {
    streams.set(name, { max, consumers: new Map() });
    const made = storage.create('$G', stream(name, max), CREATED);
    live.set(name, made);
    const { lastSave } = made;
    return () => lastSave.failure !== null;
  }
  const what = random.next() % 6;
  if (what === 0) {
    streams.delete(name);
    live.delete(name);
    for (const path of [...consumers.keys()]) if (path.startsWith(`${name}.`)) consumers.delete(path);
    files.destroy();
    return () => false;
  }
  if (what === 1) {
    known.max = max;
    files.save(stream(name, max), CREATED);
    const { lastSave } = files;
    return () => lastSave.failure !== null;
  }
  const own = `c${random.next() % 3}`;
  const path = `${name}.${own}`;
  if (!known.consumers.has(own) || !consumers.has(path)) {
    known.consumers.set(own, `${max}`);
    const made = files.consumer(own, false);
    consumers.set(path, made);
    made.save(consumer(own, `${max}`), CREATED);
    const { lastSave } = made;
    return () => lastSave.failure !== null;
  }
  const existing = consumers.get(path)!;
  if (what === 2) {
    known.consumers.delete(own);
    consumers.delete(path);
    existing.destroy();
    return () => existing.lastSave.failure !== null;
  }
  known.consumers.set(own, `${max}`);
  existing.save(consumer(own, `${max}`), CREATED);
  const { lastSave } = existing;
  return () => lastSave.failure !== null;
}

test(`${SEEDS} seeds of changes with power cuts`, { timeout: 300_000 }, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) await run(seed);
});

test('what a killed server had not synced is made durable by the first promise that builds on it', async () => {
  for (let seed = 1; seed <= 40; seed++) await killedThenCut(seed);
});

async function killedThenCut(seed: number): Promise<void> {
  const disk = new SimulatedDisk(new SeededRandom(seed), false);
  disk.makeDirectory(DIRECTORY);
  disk.losesDirectories = true;
  const turns = async (settled: boolean) => {
    for (let turn = 0; turn < 12; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (settled) disk.settle();
    }
  };
  disk.makeDirectory(DIRECTORY);
  const first = storageOn(disk, '');
  first.create('$G', stream('S', 10), CREATED);
  // The files have their names, but nothing has made the names durable.
  await turns(false);
  disk.settle();
  await turns(false);
  disk.crash();
  const second = storageOn(disk, '');
  const [found] = second.recover('$G');
  assert.equal(found?.config.name, 'S');
  const { store } = found.storage;
  store.append('S', null, Buffer.from('kept'), 1n);
  await turns(true);
  assert.equal(store.durablePosition, store.position);
  disk.powerCut();
  const third = storageOn(disk, '').recover('$G');
  assert.equal(third[0]?.config.name, 'S', `seed ${seed}`);
  assert.equal(third[0].storage.store.load(1)?.payload.toString(), 'kept');
}

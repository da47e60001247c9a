// Snapshots of a whole server's JetStream: what is in them, where they can be brought back, and that they can be taken at any time.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ServerConfig, SnapshotError, WeftServer } from '../../src/index.js';
import { SeededRandom } from '../../src/runtime/random.js';
import { MemoryDisk, SimulatedClock, SimulatedDisk } from '../../src/sim/index.js';
import { JetStreamUser, type Json } from './jetstream-support.js';

const local = { listen: false };
const memory = { jetstream: true };

const durable = (name: string, more: object = {}) => ({
  name,
  durable_name: name,
  ack_policy: 'explicit',
  ...more,
});

/** Information about a stream, without what is different at each moment. */
async function describe(user: JetStreamUser, stream: string): Promise<Json> {
  const { ts: _ts, ...info } = await user.api(`STREAM.INFO.${stream}`, { deleted_details: true });
  const { consumers } = await user.api(`CONSUMER.LIST.${stream}`);
  // A stream that was never written to begins when it is made.
  if (info.state.messages === 0) delete info.state.last_ts;
  consumers.sort((a: Json, b: Json) => (a.name < b.name ? -1 : 1));
  for (const each of consumers) {
    delete each.ts;
    delete each.num_waiting;
    // What is on a disk has whole seconds.
    delete each.delivered.last_active;
    delete each.ack_floor.last_active;
  }
  return { info, consumers };
}

/** Streams of all kinds, with consumers in the middle of their work. */
async function furnish(user: JetStreamUser): Promise<void> {
  for (const storage of ['file', 'memory']) {
    const name = storage.toUpperCase();
    await user.create({ name, subjects: [`${storage}.>`], storage, allow_msg_ttl: true });
    for (let i = 1; i <= 9; i++)
      await user.publish(`${storage}.${i % 3}`, `${i}`, { 'Nats-Msg-Id': `id${i}` });
    await user.api(`STREAM.MSG.DELETE.${name}`, { seq: 1 });
    await user.api(`STREAM.MSG.DELETE.${name}`, { seq: 5 });
    await user.api(`STREAM.MSG.DELETE.${name}`, { seq: 9 });
    await user.consumer(name, durable('all'));
    await user.consumer(name, durable('some', { filter_subject: `${storage}.1`, mem_storage: true }));
    await user.consumer(name, { name: 'passing', ack_policy: 'none', inactive_threshold: 60e9 });
    assert.deepEqual(await user.fetch(name, 'all', 2), ['2', '3']);
    assert.deepEqual(await user.fetch(name, 'all', 1, ''), ['4']);
    assert.deepEqual(await user.fetch(name, 'some', 1), ['4']);
  }
  await user.create({ name: 'QUEUE', subjects: ['queue'], retention: 'workqueue', compression: 's2' });
  await user.consumer('QUEUE', durable('worker', { ack_wait: 60e9 }));
  for (const text of ['a', 'b', 'c']) await user.publish('queue', text);
  assert.deepEqual(await user.fetch('QUEUE', 'worker', 1), ['a']);
  await user.create({ name: 'EMPTY', subjects: ['empty'], first_seq: 100 });
}

const NAMES = ['FILE', 'MEMORY', 'QUEUE', 'EMPTY'];

async function checkGoesOn(user: JetStreamUser): Promise<void> {
  for (const storage of ['file', 'memory']) {
    const name = storage.toUpperCase();
    // 4 is with somebody who has not answered.
    assert.deepEqual(await user.fetch(name, 'all', 10), ['6', '7', '8']);
    assert.deepEqual(await user.fetch(name, 'some', 10), ['7']);
    assert.equal(await user.publish(`${storage}.9`, 'next'), 10);
    const again = JSON.parse(
      (await user.client.request(`${storage}.1`, '', { headers: { 'Nats-Msg-Id': 'id8' } })).text(),
    );
    assert.deepEqual([again.seq, again.duplicate], [8, true]);
  }
  assert.deepEqual(await user.fetch('QUEUE', 'worker', 10), ['b', 'c']);
  assert.equal((await user.api('STREAM.INFO.QUEUE')).state.messages, 0);
  assert.equal(await user.publish('empty'), 100);
}

test('a server that begins with a snapshot goes on where the other one was', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-snapshot-'));
  const onDisk: ServerConfig = { jetstream: { store_dir: folder } };
  const sealed: ServerConfig = { jetstream: { store_dir: join(folder, 'sealed'), key: 'secret' } };
  const lazy: ServerConfig = { jetstream: { store_dir: join(folder, 'lazy'), sync_interval: '1m' } };
  try {
    await using server = await WeftServer.create(memory, local);
    const user = new JetStreamUser(server);
    await furnish(user);
    const snapshot = await server.snapshot();
    const before = await Promise.all(NAMES.map((name) => describe(user, name)));
    for (const config of [memory, onDisk, sealed, lazy]) {
      await using other = await WeftServer.create(
        { ...config, server_name: server.info.name },
        { ...local, snapshot },
      );
      const guest = new JetStreamUser(other);
      assert.deepEqual(await Promise.all(NAMES.map((name) => describe(guest, name))), before);
      // From the disk, and after a restart, it is the same.
      const second = await other.snapshot();
      await checkGoesOn(guest);
      await other.restore(second);
      await checkGoesOn(guest);
    }
    await using again = await WeftServer.create(onDisk, local);
    const inFiles = NAMES.filter((name) => name !== 'MEMORY').sort();
    assert.deepEqual((await new JetStreamUser(again).api('STREAM.NAMES')).streams, inFiles);
    assert.equal((await new JetStreamUser(again).api('STREAM.INFO.FILE')).state.last_seq, 10);
    await checkGoesOn(user);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('restore replaces what is there, as often as one likes', async () => {
  await using server = await WeftServer.create(memory, local);
  const user = new JetStreamUser(server);
  const empty = await server.snapshot();
  await furnish(user);
  const fixture = await server.snapshot();
  for (let i = 0; i < 3; i++) {
    await user.api('STREAM.DELETE.QUEUE');
    await user.api('STREAM.PURGE.FILE');
    await user.create({ name: 'OTHER', subjects: ['queue'] });
    await server.restore(fixture);
    assert.deepEqual((await user.api('STREAM.NAMES')).streams, [...NAMES].sort());
    await checkGoesOn(user);
  }
  await server.restore(empty);
  assert.equal((await user.api('STREAM.NAMES')).total, 0);
  await furnish(user);
});

test('what was acknowledged before the call is in it, while publishers and workers go on', async () => {
  for (const storage of ['file', 'memory']) {
    await using server = await WeftServer.create(memory, local);
    const user = new JetStreamUser(server);
    await user.create({ name: 'S', subjects: ['s.*'], storage, retention: 'workqueue' });
    await user.consumer('S', durable('c'));
    let acknowledged = 0;
    let consumed = 0;
    let running = true;
    const publisher = async (id: number): Promise<void> => {
      while (running) acknowledged = Math.max(acknowledged, await user.publish(`s.${id}`, 'x'));
    };
    const worker = async (): Promise<void> => {
      while (running) {
        consumed += (await user.fetch('S', 'c', 5)).length;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const work = [publisher(1), publisher(2), publisher(3), worker()];
    for (let round = 0; round < 5; round++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      const [acks, done] = [acknowledged, consumed];
      const snapshot = await server.snapshot();
      const sent = consumed;
      await using other = await WeftServer.create(memory, { ...local, snapshot });
      const guest = new JetStreamUser(other);
      const { state } = await guest.api('STREAM.INFO.S');
      const { ack_floor: floor, num_ack_pending: pending } = await guest.api('CONSUMER.INFO.S.c');
      assert.ok(state.last_seq >= acks, `${state.last_seq} messages, ${acks} acknowledged`);
      assert.ok(floor.stream_seq >= done, `${floor.stream_seq} consumed, ${done} confirmed`);
      // Streams and consumers fit each other: what is not acknowledged is there, all else is gone.
      assert.equal(state.messages, state.last_seq - floor.stream_seq, `${pending} pending, ${sent} sent`);
    }
    running = false;
    await Promise.all(work);
    assert.ok(consumed > 0);
  }
});

test('all accounts, and only where they have JetStream', async () => {
  const config = (names: string[]): ServerConfig => ({
    jetstream: true,
    accounts: Object.fromEntries(names.map((name) => [name, { jetstream: 'enabled' as const }])),
  });
  await using server = await WeftServer.create(config(['A', 'B']), local);
  for (const name of ['A', 'B'])
    await new JetStreamUser(server, name).create({ name: `IN_${name}`, subjects: ['x'] });
  const snapshot = await server.snapshot();
  await using other = await WeftServer.create(config(['A', 'B', 'C']), { ...local, snapshot });
  for (const name of ['A', 'B'])
    assert.deepEqual((await new JetStreamUser(other, name).api('STREAM.NAMES')).streams, [`IN_${name}`]);

  await using third = await WeftServer.create(config(['A']), local);
  const user = new JetStreamUser(third, 'A');
  await user.create({ name: 'OWN', subjects: ['own'] });
  await assert.rejects(third.restore(snapshot), (error: Error) => {
    assert.ok(error instanceof SnapshotError);
    assert.match(error.message, /account "B", which has no JetStream here/);
    return true;
  });
  assert.deepEqual((await user.api('STREAM.NAMES')).streams, ['OWN']);
});

test('mirrors and sources go on with what they do not have yet', async () => {
  await using server = await WeftServer.create(memory, local);
  const user = new JetStreamUser(server);
  const until = async (who: JetStreamUser, stream: string, last: number): Promise<void> => {
    for (let i = 0; i < 500; i++) {
      if ((await who.api(`STREAM.INFO.${stream}`)).state.last_seq >= last) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.fail(`${stream} never came to ${last}`);
  };
  await user.create({ name: 'ORIGIN', subjects: ['o'] });
  await user.create({ name: 'MIRROR', mirror: { name: 'ORIGIN' } });
  // What is consumed is gone: how far it was copied is not to be seen by its messages.
  for (const storage of ['file', 'memory']) {
    const name = `WORK_${storage}`;
    await user.create({ name, storage, retention: 'workqueue', sources: [{ name: 'ORIGIN' }] });
    await user.consumer(name, durable('w'));
  }
  for (const text of ['1', '2', '3']) await user.publish('o', text);
  for (const name of ['MIRROR', 'WORK_file', 'WORK_memory']) await until(user, name, 3);
  for (const storage of ['file', 'memory'])
    assert.deepEqual(await user.fetch(`WORK_${storage}`, 'w', 3), ['1', '2', '3']);
  await using other = await WeftServer.create(memory, { ...local, snapshot: await server.snapshot() });
  const guest = new JetStreamUser(other);
  await guest.publish('o', '4');
  for (const name of ['MIRROR', 'WORK_file', 'WORK_memory']) await until(guest, name, 4);
  for (const storage of ['file', 'memory'])
    assert.deepEqual(await guest.fetch(`WORK_${storage}`, 'w', 10), ['4']);
});

test('times are those of the clock, and ages go on', async () => {
  const clock = new SimulatedClock();
  await using server = await WeftServer.create(memory, { ...local, clock });
  const user = new JetStreamUser(server);
  await user.create({ name: 'S', subjects: ['s'], max_age: 60e9 });
  await user.publish('s');
  const snapshot = await server.snapshot();
  await clock.advanceAsync(40_000);
  const later = new SimulatedClock(clock.now());
  await using other = await WeftServer.create(memory, { ...local, clock: later, snapshot });
  const guest = new JetStreamUser(other);
  assert.equal((await guest.api('STREAM.INFO.S')).state.messages, 1);
  await later.advanceAsync(21_000);
  assert.equal((await guest.api('STREAM.INFO.S')).state.messages, 0);
});

test('bytes that are no snapshot change nothing', async () => {
  await using server = await WeftServer.create(memory, local);
  const user = new JetStreamUser(server);
  await user.create({ name: 'S', subjects: ['s'] });
  await user.publish('s', 'here');
  const snapshot = await server.snapshot();
  const flipped = Uint8Array.from(snapshot);
  flipped[snapshot.length >> 1]! ^= 1;
  const newer = Uint8Array.from(snapshot);
  newer[8] = 9;
  const bad: [Uint8Array, RegExp][] = [
    [new Uint8Array(0), /this is no snapshot/],
    [
      Buffer.from('something else that is long enough to be looked at, and more than that'),
      /this is no snapshot/,
    ],
    [snapshot.subarray(0, -1), /damaged or not complete/],
    [flipped, /damaged or not complete/],
    [newer, /of version 9, known is version 1/],
  ];
  for (const [bytes, reason] of bad) {
    await assert.rejects(server.restore(bytes), reason);
    await assert.rejects(WeftServer.create(memory, { ...local, snapshot: bytes }), reason);
  }
  assert.equal((await user.api('STREAM.INFO.S')).state.messages, 1);
  // A part of a larger buffer will do.
  const wrapped = new Uint8Array(snapshot.length + 10);
  wrapped.set(snapshot, 7);
  await server.restore(wrapped.subarray(7, 7 + snapshot.length));
  assert.equal((await user.api('STREAM.INFO.S')).state.messages, 1);
});

test('closing waits for what is under way', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-snapshot-'));
  const config: ServerConfig = { jetstream: { store_dir: folder } };
  try {
    const server = await WeftServer.create(config, local);
    const user = new JetStreamUser(server);
    await user.create({ name: 'S', subjects: ['s'] });
    for (let i = 0; i < 5; i++) await user.publish('s', `${i}`);
    const snapshot = await server.snapshot();
    await user.api('STREAM.DELETE.S');
    const restored = server.restore(snapshot);
    const second = server.snapshot();
    const closed = server.close();
    await Promise.all([restored, second, closed]);
    assert.deepEqual(await second, snapshot);
    await assert.rejects(server.snapshot(), /the server is closed/);
    await using again = await WeftServer.create(config, local);
    assert.equal((await new JetStreamUser(again).api('STREAM.INFO.S')).state.messages, 5);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('where there is no JetStream, or there are streams already', async () => {
  await using server = await WeftServer.create(memory, local);
  const snapshot = await server.snapshot();
  await using without = await WeftServer.create({}, local);
  await assert.rejects(without.snapshot(), /JetStream is not enabled/);
  await assert.rejects(without.restore(snapshot), /JetStream is not enabled/);
  await assert.rejects(WeftServer.create({}, { ...local, snapshot }), /JetStream is not enabled/);
  const disk = new MemoryDisk();
  {
    await using first = await WeftServer.create(memory, { ...local, disk });
    await new JetStreamUser(first).create({ name: 'S', subjects: ['s'] });
  }
  await assert.rejects(WeftServer.create(memory, { ...local, disk, snapshot }), /restore\(\) replaces them/);
  await server.close();
  await assert.rejects(server.snapshot(), /the server is closed/);
});

test('a disk that refuses leaves everything as it was', async () => {
  const disk = new SimulatedDisk(new SeededRandom(3));
  await using server = await WeftServer.create(memory, { ...local, disk });
  const user = new JetStreamUser(server);
  await furnish(user);
  const snapshot = await server.snapshot();
  await user.api('STREAM.PURGE.FILE');
  await user.api('STREAM.DELETE.EMPTY');
  const names = (await user.api('STREAM.NAMES')).streams;
  for (const fails of ['failWrites', 'failSyncs'] as const) {
    disk[fails] = true;
    await assert.rejects(server.restore(snapshot));
    disk[fails] = false;
    assert.deepEqual((await user.api('STREAM.NAMES')).streams, names);
    assert.equal((await user.api('STREAM.INFO.FILE')).state.messages, 0);
    assert.ok((await user.publish('file.1', 'still here')) > 9);
    await user.api('STREAM.PURGE.FILE');
  }
  await server.restore(snapshot);
  await checkGoesOn(user);
  // What is restored is on the disk, and nothing of what was given up.
  disk.powerCut();
  await server.close();
  await using again = await WeftServer.create(memory, { ...local, disk });
  const inFiles = NAMES.filter((name) => name !== 'MEMORY').sort();
  assert.deepEqual((await new JetStreamUser(again).api('STREAM.NAMES')).streams, inFiles);
  const stages = [...disk.snapshot().keys()].filter((path) => path.includes('/snap-'));
  assert.deepEqual(stages, []);
});

test('streams that are used while they are replaced', async () => {
  await using server = await WeftServer.create(memory, local);
  const user = new JetStreamUser(server);
  await user.create({ name: 'S', subjects: ['s'] });
  await user.consumer('S', durable('c'));
  for (let i = 0; i < 10; i++) await user.publish('s', `${i}`);
  const snapshot = await server.snapshot();
  let running = true;
  const publisher = async (): Promise<void> => {
    while (running) {
      // In the change-over the stream is never missing: each publish is answered.
      await user.publish('s', 'x');
      await user.api('STREAM.INFO.S');
      await user.api('CONSUMER.INFO.S.c');
    }
  };
  const work = [publisher(), publisher()];
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await server.restore(snapshot);
  }
  running = false;
  await Promise.all(work);
  await server.restore(snapshot);
  assert.equal((await user.api('STREAM.INFO.S')).state.messages, 10);
  assert.equal((await user.fetch('S', 'c', 20)).length, 10);
});

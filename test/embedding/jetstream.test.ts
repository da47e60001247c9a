// JetStream in a program's own server: in memory, in a folder, on a disk of the program, by a clock that a test moves.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { WeftServer } from '../../src/index.js';
import { SeededRandom } from '../../src/runtime/random.js';
import { MemoryDisk, SimulatedClock, SimulatedDisk } from '../../src/sim/index.js';
import { JetStreamUser, type Json } from './jetstream-support.js';

const local = { listen: false };
const HOUR = 3_600_000;

test('jetstream: true keeps files in memory, and servers do not share them', async () => {
  await using server = await WeftServer.create({ jetstream: true }, local);
  await using other = await WeftServer.create({ jetstream: true }, local);
  const user = new JetStreamUser(server);
  const info = await user.create({ name: 'S', subjects: ['s.>'], storage: 'file' });
  assert.equal(info.config.storage, 'file');
  assert.equal(await user.publish('s.1', 'one'), 1);
  assert.deepEqual((await user.api('STREAM.NAMES')).streams, ['S']);
  assert.equal((await new JetStreamUser(other).api('STREAM.NAMES')).total, 0);
});

test('store_dir means the disk, and disk: memory wins over it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-embedded-'));
  try {
    const config = { jetstream: { store_dir: folder } };
    {
      await using server = await WeftServer.create(config, { ...local, disk: 'memory' });
      await new JetStreamUser(server).create({ name: 'M', subjects: ['m'] });
      assert.deepEqual(readdirSync(folder), []);
    }
    {
      await using server = await WeftServer.create(config, local);
      const user = new JetStreamUser(server);
      await user.create({ name: 'F', subjects: ['f'] });
      await user.publish('f', 'kept');
    }
    assert.ok(existsSync(join(folder, 'jetstream', '$G', 'streams', 'F', 'meta.inf')));
    await using server = await WeftServer.create(config, local);
    const user = new JetStreamUser(server);
    assert.deepEqual((await user.api('STREAM.NAMES')).streams, ['F']);
    const { message } = await user.api('STREAM.MSG.GET.F', { seq: 1 });
    assert.equal(Buffer.from(message.data, 'base64').toString(), 'kept');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('text of a configuration file means the machine, as to the command line; disk: memory as well', async () => {
  const text = { config: 'port: -1, jetstream { max_file_store: 1M }' };
  const lines: string[] = [];
  const quiet = () => {};
  const notice = (line: string) => void lines.push(line);
  const log = {
    ...{ notice, warn: notice, error: notice, fatal: notice, debug: quiet, trace: quiet },
    ...{ debugEnabled: false, traceEnabled: false },
  };
  await using server = await WeftServer.create(text, { ...local, log, disk: 'memory' });
  assert.ok(lines.some((line) => line.includes('Store Directory: "/jetstream"')));
  assert.ok(!lines.some((line) => line.includes('Temporary storage')));
  await new JetStreamUser(server).create({ name: 'S', subjects: ['s'], max_bytes: 1000 });
});

test('a disk of the program outlives its servers', async () => {
  for (const disk of [new MemoryDisk(), new SimulatedDisk(new SeededRandom(1))]) {
    const create = () => WeftServer.create({ jetstream: true }, { ...local, disk });
    {
      await using server = await create();
      const user = new JetStreamUser(server);
      await user.create({ name: 'S', subjects: ['s'] });
      await user.consumer('S', { name: 'c', durable_name: 'c', ack_policy: 'explicit' });
      for (const text of ['1', '2', '3']) await user.publish('s', text);
      assert.deepEqual(await user.fetch('S', 'c', 2), ['1', '2']);
    }
    await using server = await create();
    assert.deepEqual(await new JetStreamUser(server).fetch('S', 'c', 2), ['3']);
  }
});

test('what was acknowledged is there after the power of a simulated disk was cut', async () => {
  const disk = new SimulatedDisk(new SeededRandom(7));
  const create = () => WeftServer.create({ jetstream: true }, { ...local, disk });
  const server = await create();
  const user = new JetStreamUser(server);
  await user.create({ name: 'S', subjects: ['s'] });
  for (let i = 1; i <= 20; i++) await user.publish('s', `${i}`);
  disk.powerCut();
  await server.close();
  await using again = await create();
  assert.equal((await new JetStreamUser(again).api('STREAM.INFO.S')).state.messages, 20);
});

test('a clock that is moved drives ages, TTLs, ack waits and schedules', async () => {
  const clock = new SimulatedClock();
  await using server = await WeftServer.create({ jetstream: true }, { ...local, clock });
  const user = new JetStreamUser(server);
  const messages = async (stream: string): Promise<number> =>
    (await user.api(`STREAM.INFO.${stream}`)).state.messages;

  for (const storage of ['file', 'memory']) {
    await user.create({ name: `AGE_${storage}`, subjects: [`age.${storage}`], storage, max_age: HOUR * 1e6 });
    await user.create({ name: `TTL_${storage}`, subjects: [`ttl.${storage}`], storage, allow_msg_ttl: true });
    await user.publish(`age.${storage}`);
    await user.publish(`ttl.${storage}`, '', { 'Nats-TTL': '90m' });
    await user.publish(`ttl.${storage}`);
  }
  await clock.advanceAsync(HOUR - 1000);
  for (const storage of ['file', 'memory']) assert.equal(await messages(`AGE_${storage}`), 1);
  await clock.advanceAsync(2000);
  for (const storage of ['file', 'memory']) assert.equal(await messages(`AGE_${storage}`), 0);
  for (const storage of ['file', 'memory']) assert.equal(await messages(`TTL_${storage}`), 2);
  await clock.advanceAsync(HOUR);
  for (const storage of ['file', 'memory']) assert.equal(await messages(`TTL_${storage}`), 1);

  await user.create({ name: 'WORK', subjects: ['work'], retention: 'workqueue' });
  await user.consumer('WORK', { name: 'w', durable_name: 'w', ack_policy: 'explicit', ack_wait: HOUR * 1e6 });
  await user.publish('work', 'job');
  assert.deepEqual(await user.fetch('WORK', 'w', 1, ''), ['job']);
  await clock.advanceAsync(HOUR - 1000);
  assert.deepEqual(await user.fetch('WORK', 'w', 1, ''), []);
  await clock.advanceAsync(2000);
  assert.deepEqual(await user.fetch('WORK', 'w', 1), ['job x2']);

  await user.create({ name: 'PLAN', subjects: ['plan.>', 'done'], allow_msg_schedules: true });
  const schedule = { 'Nats-Schedule': '@every 10m', 'Nats-Schedule-Target': 'done' };
  await user.publish('plan.a', 'tick', schedule);
  await clock.advanceAsync(HOUR + 1000);
  const { state }: Json = await user.api('STREAM.INFO.PLAN', { subjects_filter: 'done' });
  assert.equal(state.subjects.done, 6);
});

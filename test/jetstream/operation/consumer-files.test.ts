// What consumers cost the disk, and what is left of those that are deleted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Json, Lab } from '../lab.js';

const ACCOUNT = '/store/jetstream/$G';
const CONSUMERS = `${ACCOUNT}/streams/S/obs`;

async function labWithStream(): Promise<Lab> {
  const lab = new Lab();
  await lab.create({ name: 'S', subjects: ['s'] });
  return lab;
}

function create(lab: Lab, name: string, config: Record<string, unknown> = {}): Promise<Json> {
  const whole = { name, durable_name: name, ack_policy: 'explicit', ...config };
  return lab.api(`CONSUMER.CREATE.S.${name}`, { stream_name: 'S', config: whole });
}

/** Syncs until something is answered. */
async function syncsOf(lab: Lab, step: () => Promise<unknown>): Promise<number> {
  const before = lab.disk.syncs;
  await step();
  return lab.disk.syncs - before;
}

const names = (lab: Lab, directory: string) =>
  lab.disk.status(directory) === undefined ? [] : lab.disk.list(directory).map(({ name }) => name);

test('a consumer that begins at the first message has no position to write, and begins there after a start, too', async () => {
  const lab = await labWithStream();
  // Configuration, its sum, the consumer's directory, the one above it.
  assert.equal(await syncsOf(lab, () => create(lab, 'all')), 4);
  assert.deepEqual(names(lab, `${CONSUMERS}/all`), ['meta.inf', 'meta.sum']);
  assert.equal(await syncsOf(lab, () => create(lab, 'new', { deliver_policy: 'new' })), 5);
  assert.deepEqual(names(lab, `${CONSUMERS}/new`), ['meta.inf', 'meta.sum', 'o.dat']);
  await lab.publish('s', 'first');
  lab.die('cut');
  for (const name of ['all', 'new']) {
    const info = await lab.api(`CONSUMER.INFO.S.${name}`);
    assert.deepEqual(info.delivered, { consumer_seq: 0, stream_seq: 0 });
    assert.equal(info.num_pending, 1);
  }
  await lab.close();
});

test('a consumer that begins later has its position before it is confirmed', async () => {
  const lab = await labWithStream();
  for (const text of ['one', 'two', 'three']) await lab.publish('s', text);
  await lab.api('STREAM.PURGE.S', { seq: 3 });
  await create(lab, 'all');
  lab.die('cut');
  const info = await lab.api('CONSUMER.INFO.S.all');
  assert.deepEqual([info.delivered.stream_seq, info.num_pending], [2, 1]);
  await lab.close();
});

test('a consumer in memory does not wait for the disk', async () => {
  const lab = await labWithStream();
  const { figures } = lab.jetstream.storage.commit;
  const before = figures.cycles;
  const config = { name: 'm', ack_policy: 'none', mem_storage: true, inactive_threshold: 60e9 };
  const answer = await lab.api('CONSUMER.CREATE.S.m', { stream_name: 'S', config });
  assert.equal(answer.config.mem_storage, true);
  assert.equal(figures.cycles, before);
  await lab.close();
});

test('a deletion costs one sync, and leaves nothing behind', async () => {
  const lab = await labWithStream();
  await create(lab, 'c');
  assert.equal(await syncsOf(lab, () => lab.api('CONSUMER.DELETE.S.c')), 1);
  assert.deepEqual(names(lab, CONSUMERS), []);
  assert.deepEqual(names(lab, `${ACCOUNT}/__snapshots__`), []);
  lab.die('cut');
  assert.equal((await lab.api('CONSUMER.NAMES.S')).total, 0);
  await lab.close();
});

test('a deletion that a kill interrupts is finished by the next start', async () => {
  const lab = await labWithStream();
  await create(lab, 'c');
  lab.stream('S').consumers.delete(lab.stream('S').consumers.get('c')!);
  assert.equal(names(lab, `${ACCOUNT}/__snapshots__`).length, 1);
  lab.die('crash');
  assert.equal((await lab.api('CONSUMER.NAMES.S')).total, 0);
  assert.deepEqual(names(lab, `${ACCOUNT}/__snapshots__`), []);
  await lab.close();
});

test('a deletion that the disk refuses is not confirmed', async () => {
  const lab = await labWithStream();
  await create(lab, 'c');
  lab.disk.failSyncs = true;
  const answer = await lab.api('CONSUMER.DELETE.S.c');
  assert.equal(answer.error?.err_code, 10051);
  lab.disk.failSyncs = false;
  assert.equal(lab.errors.length, 1);
  assert.match(lab.errors[0]!, /^Error removing a consumer from ".*\/streams\/S\/obs": /);
  await lab.close();
});

test('a consumer whose configuration is empty is not opened', async () => {
  const lab = await labWithStream();
  await create(lab, 'c');
  await lab.jetstream.close();
  lab.disk.writeFile(`${CONSUMERS}/c/meta.inf`, Buffer.alloc(0));
  lab.start();
  assert.equal((await lab.api('CONSUMER.NAMES.S')).total, 0);
  assert.match(lab.warnings.join(), /Error adding consumer '\$G > S > c': unexpected end of JSON input/);
  await lab.close();
});

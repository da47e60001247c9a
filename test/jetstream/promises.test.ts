// What clients are told and shown by a server whose disk refuses, or that was killed: nothing that a power cut takes back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type Json, Lab } from './lab.js';

const STREAM = { name: 'S', subjects: ['s.>'], storage: 'file' };

test('a message that a killed server left is delivered when it is on the device, not before', async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const lab = new Lab(seed);
    await lab.create(STREAM);
    const config = { durable_name: 'c', deliver_subject: 'd', ack_policy: 'explicit' };
    await lab.api('CONSUMER.DURABLE.CREATE.S.c', { stream_name: 'S', config });
    lab.client.publish('s.1', 'written');
    // Its file is written, and the sync has not ended.
    await turn();
    lab.die('crash');
    assert.deepEqual(lab.payloads('S'), ['written']);
    let delivered = false;
    lab.client.subscribe('d', () => {
      if (!delivered) lab.disk.powerCut();
      delivered = true;
    });
    for (let i = 0; i < 100 && !delivered; i++) await turn();
    assert.ok(delivered, 'it is delivered');
    lab.die('crash');
    assert.deepEqual(lab.payloads('S'), ['written']);
    await lab.close();
  }
});

test('what a killed server left is shown once a disk that refused takes it', async () => {
  const lab = new Lab();
  await lab.create(STREAM);
  lab.client.publish('s.1', 'written');
  await turn();
  lab.disk.failSyncs = true;
  lab.die('crash');
  await lab.pass(100);
  const stream = lab.stream('S');
  assert.notEqual(stream.writeError, null);
  assert.equal(stream.visibleSequence, 0);
  lab.disk.failSyncs = false;
  await lab.until('it is visible', () => stream.visibleSequence === 1, 5);
  await lab.close();
});

test('a removal that was taken back with what came before it is not confirmed by what comes after it', async () => {
  for (const [request, body] of [
    ['STREAM.MSG.DELETE.S', { seq: 1, no_erase: true }],
    ['STREAM.PURGE.S', { filter: 's.1' }],
  ] as const) {
    const lab = new Lab();
    await lab.create(STREAM);
    await lab.publish('s.1', 'first');
    const stream = lab.stream('S');
    lab.disk.failSyncs = true;
    lab.client.publish('s.2', 'refused');
    await turn();
    // It waits for the next cycle, while the one that will fail runs.
    const answer: Promise<Json> = lab.api(request, body);
    assert.deepEqual(lab.payloads('S'), ['refused']);
    for (let i = 0; i < 100 && stream.writeError === null; i++) await turn();
    lab.disk.failSyncs = false;
    assert.deepEqual(lab.payloads('S'), ['first']);
    assert.match((await answer).error.description, /error writing to disk/);
    assert.deepEqual(lab.payloads('S'), ['first']);
    await lab.close();
  }
});

test('a stream is not confirmed where the commit that was to carry it could not begin', async () => {
  const lab = new Lab();
  await lab.create(STREAM);
  // By then there is a journal.
  for (let i = 0; i < 10; i++) await lab.publish('s.1', 'kept');
  lab.disk.failSyncs = true;
  await assert.rejects(lab.publish('s.1', 'refused'), /error writing to disk/);
  const other = { name: 'T', subjects: ['t.>'], storage: 'file' };
  assert.match((await lab.api('STREAM.CREATE.T', other)).error.description, /EIO/);
  lab.disk.failSyncs = false;
  assert.equal((await lab.api('STREAM.CREATE.T', other)).error, undefined);
  lab.die('cut');
  assert.equal((await lab.info('T')).config.name, 'T');
  await lab.close();
});

test('a stream whose deletion was refused is there after what was confirmed since', async () => {
  for (let seed = 1; seed <= 16; seed++) {
    const lab = new Lab(seed * 7_368_787);
    await lab.create(STREAM);
    lab.disk.failSyncs = true;
    assert.match((await lab.api('STREAM.DELETE.S')).error.description, /EIO/);
    lab.disk.failSyncs = false;
    await lab.publish('s.1', 'confirmed');
    lab.die('cut');
    assert.deepEqual(lab.payloads('S'), ['confirmed']);
    await lab.close();
  }
});

test('a consumer that was ahead of its stream after a power cut gets what comes then, also after another start', async () => {
  const lab = new Lab();
  await lab.create(STREAM);
  const config = { durable_name: 'c', deliver_subject: 'd', ack_policy: 'explicit' };
  await lab.api('CONSUMER.DURABLE.CREATE.S.c', { stream_name: 'S', config });
  await lab.restart();
  const empty = lab.disk.snapshot();
  lab.client.subscribe('d', () => {});
  await lab.publish('s.1', 'lost');
  await lab.pass(1000);
  await lab.restart();
  const position = [...lab.disk.snapshot()].filter(([path]) => path.endsWith('/o.dat'));
  assert.equal(position.length, 1);
  // What a power cut may leave of changes that nobody was promised.
  lab.disk.restore(new Map([...empty, ...position]));
  lab.die('crash');
  await lab.publish('s.1', 'first');
  lab.die('cut');
  assert.equal(lab.stream('S').consumers.get('c')!.acks.next, 1);
  await lab.close();
});

test('a consumer that began behind a message that the disk refused gets the one in its place', async () => {
  const lab = new Lab();
  await lab.create(STREAM);
  const stream = lab.stream('S');
  lab.disk.failSyncs = true;
  lab.client.publish('s.1', 'refused');
  await turn();
  const config = { durable_name: 'c', deliver_policy: 'new', ack_policy: 'explicit' };
  const answer: Promise<Json> = lab.api('CONSUMER.DURABLE.CREATE.S.c', { stream_name: 'S', config });
  for (let i = 0; i < 100 && stream.writeError === null; i++) await turn();
  lab.disk.failSyncs = false;
  assert.equal((await answer).error, undefined);
  assert.equal(await lab.publish('s.1', 'first'), 1);
  assert.equal(stream.consumers.get('c')!.acks.next, 1);
  await lab.restart();
  assert.equal(lab.stream('S').consumers.get('c')!.acks.next, 1);
  await lab.close();
});

test('a configuration that waits for its name is not spoilt by a write beside it that fails', async () => {
  const lab = new Lab();
  await lab.create(STREAM);
  await lab.publish('s.1', 'kept');
  lab.die('crash');
  // The first commit after a kill takes the configuration along; it is under way.
  lab.client.publish('s.1', 'more');
  await turn();
  lab.disk.failWrites = true;
  const answer: Promise<Json> = lab.api('STREAM.MSG.DELETE.S', { seq: 1 });
  lab.disk.failWrites = false;
  assert.match((await answer).error.description, /error writing to disk/);
  lab.die('crash');
  assert.equal((await lab.info('S')).error, undefined);
  await lab.close();
});

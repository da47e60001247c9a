// A fixture that is built once and restored for each test: a snapshot of all streams, messages and consumers of a server.
//
//   node --test examples/fixture.test.mjs
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { WeftServer } from 'weft-server';

let server;
let client;
let fixture;

async function api(subject, body) {
  const answer = (await client.request(`$JS.API.${subject}`, JSON.stringify(body ?? {}))).json();
  if (answer.error) throw new Error(answer.error.description);
  return answer;
}

/** The next job of the worker, acknowledged; undefined when there is none. */
async function work() {
  const request = '{"batch":1,"no_wait":true}';
  const message = await client.request('$JS.API.CONSUMER.MSG.NEXT.JOBS.worker', request);
  if (message.status !== 0) return undefined;
  await client.request(message.reply, '+ACK');
  return message.text();
}

before(async () => {
  server = await WeftServer.create({ jetstream: true }, { listen: false });
  client = server.client();
  await api('STREAM.CREATE.JOBS', { name: 'JOBS', subjects: ['jobs'], retention: 'workqueue' });
  await api('CONSUMER.CREATE.JOBS.worker', {
    stream_name: 'JOBS',
    config: { durable_name: 'worker', ack_policy: 'explicit' },
  });
  for (let i = 1; i <= 100; i++) await client.request('jobs', `job ${i}`);
  assert.equal(await work(), 'job 1');
  // Bytes: they could be written to a file, too, and be `WeftServer.create(config, { snapshot })` somewhere else.
  fixture = await server.snapshot();
});

beforeEach(() => server.restore(fixture));
after(() => server.close());

test('the worker goes on where it was', async () => {
  assert.equal(await work(), 'job 2');
  assert.equal(await work(), 'job 3');
});

test('what the test before has done is not there', async () => {
  assert.equal(await work(), 'job 2');
});

test('nor what this one does', async () => {
  await api('STREAM.PURGE.JOBS');
  assert.equal(await work(), undefined);
  await api('STREAM.DELETE.JOBS');
});

test('not even a stream that was deleted', async () => {
  assert.equal((await api('STREAM.INFO.JOBS')).state.messages, 99);
});

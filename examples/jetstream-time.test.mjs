// Hours of JetStream in milliseconds: ages, TTLs, ack waits and schedules go by a clock that the test moves. Nothing touches the disk.
//
//   node --test examples/jetstream-time.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeftServer } from 'weft-server';
import { SimulatedClock } from 'weft-server/sim';

const MINUTE = 60_000;
/** The API counts durations in nanoseconds. */
const nanoseconds = (milliseconds) => milliseconds * 1e6;

/** A server with everything in memory, and a client of it for requests to JetStream's API. */
async function start() {
  const clock = new SimulatedClock();
  const server = await WeftServer.create({ jetstream: true }, { listen: false, clock });
  const client = server.client();
  const api = async (subject, body) => {
    const answer = (await client.request(`$JS.API.${subject}`, JSON.stringify(body ?? {}))).json();
    if (answer.error) throw new Error(answer.error.description);
    return answer;
  };
  const messages = async (stream) => (await api(`STREAM.INFO.${stream}`)).state.messages;
  return { clock, server, client, api, messages };
}

test('orders are forgotten after an hour, and a hint after ten minutes', async () => {
  const { clock, server, client, api, messages } = await start();
  await api('STREAM.CREATE.ORDERS', {
    name: 'ORDERS',
    subjects: ['orders.>'],
    max_age: nanoseconds(60 * MINUTE),
    allow_msg_ttl: true,
  });
  await client.request('orders.1', 'tea');
  await client.request('orders.hint', 'we close at six', { headers: { 'Nats-TTL': '10m' } });

  await clock.advanceAsync(9 * MINUTE);
  assert.equal(await messages('ORDERS'), 2);
  await clock.advanceAsync(2 * MINUTE);
  assert.equal(await messages('ORDERS'), 1);
  await clock.advanceAsync(50 * MINUTE);
  assert.equal(await messages('ORDERS'), 0);
  await server.close();
});

test('a job that nobody finishes comes again', async () => {
  const { clock, server, client, api } = await start();
  await api('STREAM.CREATE.JOBS', { name: 'JOBS', subjects: ['jobs'], retention: 'workqueue' });
  await api('CONSUMER.CREATE.JOBS.worker', {
    stream_name: 'JOBS',
    config: { durable_name: 'worker', ack_policy: 'explicit', ack_wait: nanoseconds(5 * MINUTE) },
  });
  await client.request('jobs', 'paint the fence');

  const next = () => client.request('$JS.API.CONSUMER.MSG.NEXT.JOBS.worker', '{"batch":1,"no_wait":true}');
  assert.equal((await next()).text(), 'paint the fence');
  assert.equal((await next()).status, 404); // somebody has it
  await clock.advanceAsync(5 * MINUTE + 1000);
  const again = await next();
  assert.equal(again.text(), 'paint the fence');
  await client.request(again.reply, '+ACK'); // resolves when the ack is stored
  await server.close();
});

test('a schedule fires at its times', async () => {
  const { clock, server, client, api } = await start();
  await api('STREAM.CREATE.PLAN', {
    name: 'PLAN',
    subjects: ['plan.>', 'wake'],
    allow_msg_schedules: true,
    republish: { src: 'wake', dest: 'heard' },
  });
  const calls = [];
  client.subscribe('heard', (message) => calls.push(message.headers.get('Nats-Time-Stamp')[0].slice(0, 16)));
  // The simulated clock begins with the year 2026, at midnight: seven o'clock of three days.
  await client.request('plan.morning', 'get up', {
    headers: { 'Nats-Schedule': '0 0 7 * * *', 'Nats-Schedule-Target': 'wake' },
  });
  await clock.advanceAsync(3 * 24 * 60 * MINUTE);
  assert.deepEqual(calls, ['2026-01-01T07:00', '2026-01-02T07:00', '2026-01-03T07:00']);
  await server.close();
});

// A test file: a fresh server for each test, and time that moves when the test says so.
//
//   node --test examples/with-a-clock.test.mjs
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WeftServer } from 'weft-server';
import { SimulatedClock } from 'weft-server/sim';

test('a client that is silent for six minutes is cut off', async () => {
  const clock = new SimulatedClock();
  const server = await WeftServer.create({ ping_interval: '2m', ping_max: 2 }, { listen: false, clock });

  // A client at the level of bytes, which reads everything and answers no PING.
  const connection = server.connection();
  let received = '';
  connection.on('data', (data) => {
    received += data;
  });
  connection.write('CONNECT {"verbose":false}\r\n');
  await once(server, 'connect');

  const ended = once(server, 'disconnect');
  const hungUp = once(connection, 'close');
  await clock.advanceAsync(6 * 60_000 + 10_000);
  const [{ reason }] = await ended;
  await hungUp;

  assert.equal(reason, 'Stale Connection');
  assert.match(received, /-ERR 'Stale Connection'/);
  await server.close();
});

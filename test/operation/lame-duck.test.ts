/** Lame duck mode by a clock that a test moves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultOptions } from '../../src/config/options.js';
import { type Log, silentLog } from '../../src/runtime/log.js';
import { SeededRandom } from '../../src/runtime/random.js';
import { Server } from '../../src/server.js';
import { SimulatedClock } from '../../src/sim/clock.js';
import { WireClient } from '../support/wire-client.js';
import { client } from './process.js';

async function setUp(clients: number) {
  const clock = new SimulatedClock();
  const notices: string[] = [];
  const log: Log = { ...silentLog, notice: (text) => void notices.push(text) };
  const options = { ...defaultOptions(), host: '127.0.0.1', port: -1, pingInterval: 3_600_000 };
  const server = new Server(options, { clock, log, random: new SeededRandom(1) });
  await server.start();
  notices.length = 0;
  const wires: WireClient[] = [];
  for (let i = 0; i < clients; i++) wires.push(await client(server.port));
  return { server, clock, notices, wires };
}

test('grace period, then one connection after the other within the duration', async () => {
  const { server, clock, notices, wires } = await setUp(10);
  const { port } = server;
  let ended = false;
  void server.lameDuck().then(() => (ended = true));
  assert.ok(server.lameDuckMode && !server.listening);
  await assert.rejects(WireClient.connect(port));
  for (const wire of wires) assert.ok(await wire.until(() => wire.received.includes('"ldm":true')));
  await clock.advanceAsync(9_999);
  assert.equal(server.broker.connections.size, 10);
  await clock.advanceAsync(1);
  assert.equal(server.broker.connections.size, 9);
  // Pauses are between half a second and one.
  await clock.advanceAsync(499);
  assert.equal(server.broker.connections.size, 9);
  await clock.advanceAsync(502);
  assert.ok([7, 8].includes(server.broker.connections.size));
  for (let i = 0; i < 9; i++) await clock.advanceAsync(1000);
  assert.equal(server.broker.connections.size, 0);
  await server.shutdown();
  // Sockets close in the machine's own time.
  for (let i = 0; i < 100 && !ended; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(ended);
  assert.deepEqual(notices, [
    'Entering lame duck mode, stop accepting new clients',
    'Closing existing clients',
    'Initiating Shutdown...',
    'Server Exiting..',
  ]);
  const reasons = server.broker.closedConnections.list().map(({ reason }) => reason);
  assert.deepEqual(new Set(reasons), new Set(['Server Shutdown']));
});

test('without clients it ends at once, and a shutdown ends the waiting', async () => {
  const empty = await setUp(0);
  await empty.server.lameDuck();
  assert.ok(empty.server.shuttingDown);
  const busy = await setUp(1);
  const done = busy.server.lameDuck();
  await busy.server.shutdown();
  await done;
  assert.deepEqual(busy.notices, [
    'Entering lame duck mode, stop accepting new clients',
    'Initiating Shutdown...',
    'Server Exiting..',
  ]);
  for (const wire of [...empty.wires, ...busy.wires]) wire.destroy();
});

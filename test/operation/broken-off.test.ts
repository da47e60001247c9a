/** How a connection ends that sent a message above `max_payload`: clients tell a reset from an end, and have tests of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { officialBinary, WITHOUT_OFFICIAL, weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';

const MAX_PAYLOAD = 300;

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'data');
  socket.write('CONNECT {"verbose":false}\r\nPING\r\n');
  await once(socket, 'data');
  return socket;
}

const message = (size: number) => `PUB foo ${size}\r\n${'x'.repeat(size)}\r\n`;

/** What a client gets before its connection is over. */
async function answer(port: number, size: number): Promise<string> {
  const socket = await open(port);
  let received = '';
  socket.on('data', (bytes) => {
    received += bytes.toString('latin1');
  });
  socket.on('error', () => {});
  socket.write(message(size));
  await new Promise((resolve) => socket.once('close', resolve));
  return received;
}

/** Whether a client that does not look at what it gets can write no more. */
async function isReset(port: number, size: number): Promise<boolean> {
  const socket = await open(port);
  let failed = false;
  socket.on('error', () => {
    failed = true;
  });
  socket.pause();
  socket.write(message(size));
  await sleep(150);
  if (!failed) await new Promise((resolve) => socket.write('PING\r\n', resolve));
  await sleep(1);
  socket.destroy();
  return failed;
}

for (const [name, binary] of [
  ['weft', weftBinary()],
  ['official', officialBinary()],
] as const) {
  const skip = binary === undefined && WITHOUT_OFFICIAL;
  test(`a message that is too large: ${name}`, { skip }, async () => {
    const conf = `max_payload: ${MAX_PAYLOAD}`;
    await using server = await ServerProcess.start({ binary: binary!, conf, http: false });
    for (const [size, reset] of [
      [MAX_PAYLOAD + 100, false],
      [1001, true],
      [100_000, true],
    ] as const) {
      assert.equal(await isReset(server.port, size), reset, `${size} bytes`);
      assert.equal(await answer(server.port, size), "-ERR 'Maximum Payload Violation'\r\n");
    }
  });
}

/** How fast a server starts, and what it does when it runs out of file descriptors. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { weftBinary } from '../support/official.js';
import { WireClient } from '../support/wire-client.js';
import { lines } from './process.js';

async function launch(command: string[]) {
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  const server = { child, log: '', port: 0 };
  child.stderr.setEncoding('utf8');
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error(server.log)));
    child.stderr.on('data', (text: string) => {
      server.log += text;
      server.port = Number(/client connections on .*:(\d+)/.exec(server.log)?.[1] ?? 0);
      if (server.log.includes('Server is ready')) resolve();
    });
  });
  return server;
}

async function end(child: { exitCode: number | null; kill(signal: 'SIGTERM'): boolean }): Promise<void> {
  child.kill('SIGTERM');
  for (let i = 0; child.exitCode === null && i < 500; i++) await sleep(10);
  assert.equal(child.exitCode, 0);
}

const server = [weftBinary(), '-a', '127.0.0.1', '-p', '-1', '-T=false'];

test('from the start of the process to the first INFO', async (context) => {
  const times: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < 5; round++) {
    const before = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    const began = performance.now();
    bare.push(began - before);
    const { child, port } = await launch([process.execPath, ...server]);
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'data');
    times.push(performance.now() - began);
    socket.destroy();
    await end(child);
  }
  const [fastest, , median] = times.sort((a, b) => a - b) as [number, number, number];
  context.diagnostic(`of 5 starts: fastest ${fastest.toFixed(0)} ms, median ${median.toFixed(0)} ms`);
  // On an idle machine below 150 ms. How much of that is Node's own start depends on what else the machine is doing.
  const limit = 100 + 2 * Math.min(...bare);
  assert.ok(fastest < limit, `${fastest} ms of ${limit}`);
});

test('without free descriptors clients are turned away, and let in again later', {
  skip: process.platform !== 'linux' && 'the limit is read where Linux shows it',
}, async () => {
  const command = ['sh', '-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, ...server];
  const running = await launch(command);
  const { child, port } = running;
  const clients: WireClient[] = [];
  let refused = 0;
  try {
    for (let i = 0; i < 60; i++) {
      const wire = await WireClient.connect(port, { info: false });
      await wire.until(() => wire.closed || wire.received.includes('INFO'));
      if (wire.closed) refused++;
      else clients.push(wire);
    }
    assert.ok(refused > 0 && clients.length > 10, `${clients.length} in, ${refused} refused`);
    assert.ok(await clients[0]!.sync());
    const errors = lines(running.log).filter((line) => line.startsWith('[ERR]'));
    assert.equal(
      errors[0],
      `[ERR] Temporary Client Accept Error(accept tcp 127.0.0.1:${port}: accept4: too many open files), connection refused`,
    );
    assert.ok(errors.length < 10, `${errors.length} lines`);
    for (const wire of clients) wire.destroy();
    await sleep(100);
    const next = await WireClient.connect(port);
    assert.ok(await next.sync());
    next.destroy();
  } finally {
    await end(child);
  }
});

// The real process under loads that hurt: crowds, readers that do not read, clients that die, descriptors that run out.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';
import { CAN_LOOK, crowd, descriptorsOf, eventually, join, memoryOf } from './crowd.js';

const skip = CAN_LOOK ? false : 'looks at processes through /proc';
const MB = 1024 * 1024;
const HELLO = 'CONNECT {"verbose":false,"pedantic":false}\r\n';

const start = (conf = '', binary = weftBinary()) => ServerProcess.start({ binary, conf, http: false });

/** The server answers a new client and delivers. */
async function answers(port: number): Promise<void> {
  const socket = await join(
    port,
    `${HELLO}SUB check 1\r\nPUB check 2\r\nok\r\nPING\r\n`,
    'MSG check 1 2\r\nok\r\nPONG\r\n',
  );
  socket.destroy();
}

test('10,000 connections come and go', { skip, timeout: 60_000 }, async (t) => {
  await using server = await start();
  const descriptors = descriptorsOf(server.pid);
  const memory: number[] = [memoryOf(server.pid)];
  let highest = 0;
  for (let wave = 0; wave < 4; wave++) {
    const sockets = await crowd(
      server.port,
      2500,
      (i) => `${HELLO}SUB s.${i % 100} 1\r\nSUB t.* 2\r\nPING\r\n`,
    );
    highest = Math.max(highest, descriptorsOf(server.pid));
    // Half of them go politely, half are torn away.
    for (const [i, socket] of sockets.entries()) {
      if (i % 2 === 0) socket.end();
      else socket.resetAndDestroy();
    }
    const gone = await eventually(() => descriptorsOf(server.pid) <= descriptors, 5000);
    assert.ok(gone, `${descriptorsOf(server.pid)} descriptors, ${descriptors} before`);
    for (const socket of sockets) socket.destroy();
    await answers(server.port);
    memory.push(memoryOf(server.pid));
  }
  assert.ok(highest > 2500);
  t.diagnostic(`memory after each wave: ${memory.map((bytes) => Math.round(bytes / MB)).join(', ')} MB`);
  // The records of 10,000 closed connections, which /connz shows, are all that remains.
  assert.ok(memory.at(-1)! - memory[0]! < 160 * MB, 'memory does not come back');
});

test('1,000 readers that do not read, under full load', { skip, timeout: 60_000 }, async (t) => {
  await using server = await start('write_deadline: "3s"');
  const atStart = memoryOf(server.pid);
  const readers = await crowd(server.port, 1000, () => `${HELLO}SUB flood 1\r\nPING\r\n`);
  for (const reader of readers) reader.pause();
  const publisher = await join(server.port, `${HELLO}PING\r\n`);
  let pongs = 0;
  publisher.on('data', (data) => {
    pongs += data.toString('latin1').split('PONG').length - 1;
  });
  const batch = Buffer.from(`${`PUB flood 1000\r\n${'x'.repeat(1000)}\r\n`.repeat(60)}PING\r\n`);
  let peak = 0;
  let sent = 0;
  const slow = () => server.log.split('Slow Consumer Detected').length - 1;
  // The kernel takes some megabytes for each of them before any is slow.
  const until = performance.now() + 14_000;
  while (performance.now() < until && slow() < 1000) {
    sent++;
    if (!publisher.write(batch)) await drained(publisher);
    peak = Math.max(peak, memoryOf(server.pid));
  }
  assert.ok(await eventually(() => slow() === 1000, 5000), `${slow()} of 1000 readers were cut off`);
  assert.match(
    server.log,
    /Slow Consumer Detected: WriteDeadline of 3s exceeded with \d+ chunks of \d+ total bytes\./,
  );
  assert.ok(
    await eventually(() => pongs > 0 && pongs >= sent - 5, 5000),
    `${pongs} of ${sent} batches answered`,
  );
  await answers(server.port);
  for (const socket of readers) socket.destroy();
  const left = memoryOf(server.pid);
  t.diagnostic(
    `${sent} batches of 60 KB to 1000 readers; memory ${mb(atStart)}, peak ${mb(peak)}, in the end ${mb(left)} MB`,
  );
  // The limit on all waiting bytes is 1 GB at most; kernel buffers come on top, but are not the process's.
  assert.ok(peak < 1500 * MB);
  publisher.destroy();
});

test('clients that die in the middle of what they say', { skip, timeout: 30_000 }, async () => {
  await using server = await start();
  const descriptors = descriptorsOf(server.pid);
  const halves = [
    'PUB foo 1000\r\nhalf',
    'PUB foo 500000\r\nhalf',
    'PUB fo',
    'HPUB foo 12 20\r\nNATS/1.0',
    'SUB foo',
    'CONNECT {"verb',
    'P',
    'PUB foo 2\r\nok\r',
  ];
  const listener = await join(server.port, `${HELLO}SUB foo 1\r\nPING\r\n`);
  let heard = '';
  listener.on('data', (data) => {
    heard += data.toString('latin1');
  });
  for (let wave = 0; wave < 5; wave++) {
    const sockets = await crowd(server.port, 200, (i) => `${HELLO}SUB x.${i} 1\r\nPING\r\n`);
    sockets.forEach((socket, i) => {
      socket.write(halves[i % halves.length]!, () =>
        i % 3 === 0 ? socket.destroy() : socket.resetAndDestroy(),
      );
    });
    assert.ok(await eventually(() => descriptorsOf(server.pid) <= descriptors + 1, 5000));
  }
  await answers(server.port);
  assert.equal(heard, '', 'half a message was delivered');
  assert.ok(!server.log.includes('Error'), server.log);
  listener.destroy();
});

test('a port that is taken', { timeout: 20_000 }, async () => {
  await using server = await start();
  const command = [weftBinary(), '-a', '127.0.0.1', '-p', String(server.port)];
  const second = spawnSync(process.execPath, command, { encoding: 'utf8', timeout: 10_000 });
  assert.equal(second.status, 1);
  assert.match(second.stderr, /listen tcp 127\.0\.0\.1:\d+: (bind: )?address already in use/);
  await answers(server.port);
});

test('descriptors run out and come back', { skip, timeout: 30_000 }, async () => {
  const folder = mkdtempSync(joinPath(tmpdir(), 'weft-test-'));
  const limited = joinPath(folder, 'limited');
  writeFileSync(limited, `#!/bin/sh\nulimit -n 80\nexec '${process.execPath}' '${weftBinary()}' "$@"\n`);
  chmodSync(limited, 0o755);
  const sockets: Socket[] = [];
  try {
    await using server = await start('', limited);
    const tries = Array.from({ length: 150 }, () => join(server.port, `${HELLO}PING\r\n`, 'PONG\r\n', 1500));
    for (const each of await Promise.allSettled(tries))
      if (each.status === 'fulfilled') sockets.push(each.value);
    assert.ok(sockets.length > 20 && sockets.length < 80, `${sockets.length} connections`);
    assert.ok(server.log.length < 100_000, 'the log is flooded');
    for (const socket of sockets) socket.destroy();
    assert.ok(await eventually(() => descriptorsOf(server.pid) < 60, 3000));
    const back = await eventually(
      () =>
        answers(server.port).then(
          () => true,
          () => false,
        ),
      5000,
    );
    assert.ok(back, 'the server does not accept again');
  } finally {
    for (const socket of sockets) socket.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a reader that is too slow is cut off, others are served', { skip, timeout: 30_000 }, async () => {
  await using server = await start('max_pending: 4MB, write_deadline: "20s"');
  const slow = await join(server.port, `${HELLO}SUB flood 1\r\nPING\r\n`);
  slow.pause();
  const good = await join(server.port, `${HELLO}SUB flood 1\r\nPING\r\n`);
  let bytes = 0;
  good.on('data', (data) => {
    bytes += data.length;
  });
  const publisher = await join(server.port, `${HELLO}PING\r\n`);
  const message = Buffer.from(`PUB flood 500000\r\n${'x'.repeat(500_000)}\r\n`);
  let sent = 0;
  for (; sent < 200 && !server.log.includes('Slow Consumer'); sent++) {
    if (!publisher.write(message)) await drained(publisher);
    await sleep(2);
  }
  assert.match(server.log, /Slow Consumer Detected: MaxPending of 4194304 Exceeded/);
  const expected = sent * (message.length - 'PUB'.length + 'MSG'.length + ' 1'.length);
  assert.ok(await eventually(() => bytes === expected, 5000), `${bytes} of ${expected} bytes`);
  for (const socket of [slow, good, publisher]) socket.destroy();
});

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('drain', resolve));
}

function mb(bytes: number): number {
  return Math.round(bytes / MB);
}

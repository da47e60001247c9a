// TLS sockets under loads that hurt: crowds, clients that vanish at any point, readers that do not read.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { issueCertificates } from '../support/certificates.js';
import { weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';
import { CAN_LOOK, descriptorsOf, eventually, joinTls, memoryOf } from './crowd.js';

const skip = CAN_LOOK ? false : 'looks at processes through /proc';
const MB = 1024 * 1024;
const HELLO = 'CONNECT {"verbose":false,"pedantic":false}\r\n';
const { server: own } = issueCertificates();

function start(conf = ''): Promise<ServerProcess> {
  return ServerProcess.start({
    binary: weftBinary(),
    conf: `tls { cert_file: "$DIR/server.pem", key_file: "$DIR/server.key", timeout: 20 }\n${conf}`,
    files: { 'server.pem': own.cert, 'server.key': own.key },
    http: false,
  });
}

async function crowd(port: number, count: number, greeting: string): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = [];
  for (let from = 0; from < count; from += 50)
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => joinTls(port, greeting)))));
  return sockets;
}

/** The server answers a new client and delivers. */
async function answers(port: number): Promise<void> {
  const socket = await joinTls(port, `${HELLO}SUB check 1\r\nPING\r\n`);
  const delivered = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
  socket.write('PUB check 2\r\nok\r\n');
  assert.equal(await delivered, 'MSG check 1 2\r\nok\r\n');
  socket.destroy();
}

test('800 TLS connections come and go', { skip, timeout: 60_000 }, async (t) => {
  await using server = await start();
  const descriptors = descriptorsOf(server.pid);
  const memory: number[] = [];
  for (let wave = 0; wave < 2; wave++) {
    const sockets = await crowd(server.port, 400, `${HELLO}SUB s 1\r\nPING\r\n`);
    for (const [i, socket] of sockets.entries()) {
      if (i % 2 === 0) socket.end();
      else socket.destroy();
    }
    const gone = await eventually(() => descriptorsOf(server.pid) <= descriptors, 5000);
    assert.ok(gone, `${descriptorsOf(server.pid)} descriptors, ${descriptors} before`);
    await answers(server.port);
    memory.push(Math.round(memoryOf(server.pid) / MB));
  }
  t.diagnostic(`memory after each wave: ${memory.join(', ')} MB`);
  assert.ok(!server.log.includes('[ERR]'), server.log);
});

test('clients that vanish at any point of the handshake and after it', {
  skip,
  timeout: 60_000,
}, async () => {
  await using server = await start();
  const descriptors = descriptorsOf(server.pid);
  const hello = await clientHello();
  const beginnings = [1, 5, 6, 50, hello.length - 1, hello.length];
  await Promise.all(
    Array.from({ length: 120 }, async (_, i) => {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => {});
      await new Promise((resolve) => socket.once('data', resolve));
      const bytes = hello.subarray(0, beginnings[i % beginnings.length]);
      await new Promise((resolve) => socket.write(bytes, resolve));
      if (i % 4 === 0) socket.end(Buffer.from('garbage'));
      else if (i % 4 === 1) socket.resetAndDestroy();
      else socket.destroy();
    }),
  );
  for (const half of ['PUB foo 1000\r\nhalf', 'SUB fo', 'PUB foo 500000\r\nhalf']) {
    const socket = await joinTls(server.port, `${HELLO}SUB x 1\r\nPING\r\n`);
    await new Promise((resolve) => socket.write(half, resolve));
    socket.destroy();
  }
  const gone = await eventually(() => descriptorsOf(server.pid) <= descriptors, 10_000);
  assert.ok(gone, `${descriptorsOf(server.pid)} descriptors, ${descriptors} before`);
  await answers(server.port);
});

test('TLS readers that do not read are cut off, others are served', { skip, timeout: 60_000 }, async () => {
  await using server = await start('max_pending: 4MB, write_deadline: "20s"');
  const stalled = await crowd(server.port, 50, `${HELLO}SUB flood 1\r\nPING\r\n`);
  for (const socket of stalled) socket.pause();
  const good = await joinTls(server.port, `${HELLO}SUB flood 1\r\nPING\r\n`);
  let bytes = 0;
  good.on('data', (data) => {
    bytes += data.length;
  });
  const publisher = await joinTls(server.port, `${HELLO}PING\r\n`);
  const message = Buffer.from(`PUB flood 100000\r\n${'x'.repeat(100_000)}\r\n`);
  const slow = () => server.log.split('Slow Consumer Detected').length - 1;
  let sent = 0;
  for (; sent < 1000 && slow() < stalled.length; sent++) {
    if (!publisher.write(message)) await new Promise((resolve) => publisher.once('drain', resolve));
    if (sent % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(await eventually(() => slow() === stalled.length, 5000), `${slow()} were cut off`);
  const expected = sent * (message.length + ' 1'.length);
  assert.ok(await eventually(() => bytes === expected, 10_000), `${bytes} of ${expected} bytes`);
  for (const socket of [...stalled, good, publisher]) socket.destroy();
  await answers(server.port);
  assert.ok(memoryOf(server.pid) < 700 * MB);
});

/** The first bytes of a TLS client. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const pipe = new Duplex({ read() {}, write: (data: Buffer) => resolve(data) });
    connectTls({ socket: pipe, rejectUnauthorized: false }).on('error', () => {});
  });
}

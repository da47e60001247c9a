import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectSocket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConfigError, type Log, WeftServer } from '../../src/index.js';
import { distributionBuilt, Reader, runNode } from './support.js';

test('without configuration: a free port of the loopback address', async () => {
  await using server = await WeftServer.create();
  assert.match(server.url, /^nats:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(server.url, `nats://127.0.0.1:${server.port}`);
  const socket = new Reader(connectSocket(server.port, '127.0.0.1'));
  const info = JSON.parse((await socket.until(/\r\n/)).slice(5));
  assert.equal(info.server_id, server.info.id);
  assert.equal(info.port, server.port);
  assert.equal(server.info.connections, 1);
  assert.equal(server.monitoringUrl, null);
});

test('an object with the keys of a configuration file', async () => {
  await using server = await WeftServer.create({ server_name: 'one', max_payload: 1000, port: 0 });
  assert.equal(server.info.name, 'one');
  assert.equal(server.info.maxPayload, 1000);
  assert.notEqual(server.port, 0);
  assert.notEqual(server.port, 4222);
});

test('`listen` of the object decides', async () => {
  await using server = await WeftServer.create({ listen: 'localhost:-1' });
  assert.equal(server.info.host, 'localhost');
});

test('the text and the path of a configuration file, with port and host on top', async () => {
  const text = 'server_name: from-text\nport: 4222\nhost: 0.0.0.0\n';
  {
    await using server = await WeftServer.create({ config: text }, { port: 0, host: '127.0.0.1' });
    assert.equal(server.info.name, 'from-text');
    assert.equal(server.info.host, '127.0.0.1');
    assert.notEqual(server.port, 4222);
  }
  const folder = mkdtempSync(join(tmpdir(), 'weft-'));
  try {
    const path = join(folder, 'server.conf');
    writeFileSync(path, text.replace('4222', '-1').replace('from-text', 'from-file'));
    await using server = await WeftServer.create({ configFile: path });
    assert.equal(server.info.name, 'from-file');
    // Listening everywhere is no address to connect to.
    assert.equal(server.url, `nats://127.0.0.1:${server.port}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what is wrong with a configuration is said in the official words', async () => {
  const wrong = { max_payload: 'much' } as unknown as Parameters<typeof WeftServer.create>[0];
  await assert.rejects(WeftServer.create(wrong), (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.name, 'ConfigError');
    assert.match(error.message, /max_payload/);
    assert.equal(error.errors.length, 1);
    return true;
  });
  const unknown = { no_such_key: 1 } as Parameters<typeof WeftServer.create>[0];
  await assert.rejects(WeftServer.create(unknown), /unknown field "no_such_key"/);
  await assert.rejects(WeftServer.create({ config: 'port: {' }), ConfigError);
  await assert.rejects(WeftServer.create({ configFile: '/no/such/file.conf' }), /no such file or directory/);
  await assert.rejects(
    WeftServer.create({ config: 'port: -1', port: 3 } as { config: string }),
    /"config" goes alone, not with "port"/,
  );
  await assert.rejects(WeftServer.create({ no_auth_user: 'nobody' }), /no_auth_user: "nobody"/);
});

test('a port that is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  await assert.rejects(
    WeftServer.create({ port }),
    new RegExp(`listen tcp 127\\.0\\.0\\.1:${port}: bind: address already in use`),
  );
  other.close();
});

test('without a port', async () => {
  await using server = await WeftServer.create({}, { listen: false });
  assert.equal(server.port, 0);
  assert.throws(() => server.url, /does not listen/);
});

test('closing', async () => {
  const server = await WeftServer.create();
  const { port } = server;
  const client = new Reader(server.connection());
  await client.until(/^INFO /);
  let closes = 0;
  server.on('close', () => closes++);
  assert.equal(server.closed, false);
  assert.equal(server.close(), server.close());
  await server.close();
  assert.equal(closes, 1);
  assert.equal(server.closed, true);
  await client.untilClosed();
  assert.throws(() => server.connection(), /the server is closed/);
  assert.throws(() => server.client(), /the server is closed/);
  assert.throws(() => server.url, /the server is closed/);
  const socket = connectSocket(port, '127.0.0.1');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
});

test('the log', async () => {
  const lines: string[] = [];
  const log: Log = {
    debugEnabled: true,
    traceEnabled: false,
    notice: (text) => lines.push(`INF ${text}`),
    warn: (text) => lines.push(`WRN ${text}`),
    error: (text) => lines.push(`ERR ${text}`),
    fatal: (text) => lines.push(`FTL ${text}`),
    debug: (text) => lines.push(`DBG ${text}`),
    trace: (text) => lines.push(`TRC ${text}`),
  };
  const server = await WeftServer.create({}, { log, listen: false });
  server.connection();
  await server.close();
  assert.ok(lines.includes('INF Server is ready'));
  assert.ok(lines.includes('DBG pipe - cid:5 - Client connection created'));
});

test('`log_file` is written unless told otherwise', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-'));
  try {
    const path = join(folder, 'server.log');
    const server = await WeftServer.create({ log_file: path }, { listen: false });
    await server.close();
    assert.match(readFileSync(path, 'utf8'), /\[INF\] Server is ready/);
    const silent = join(folder, 'silent.log');
    await (await WeftServer.create({ log_file: silent }, { listen: false, log: 'silent' })).close();
    assert.throws(() => readFileSync(silent), /ENOENT/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

async function timeToInfo(overTcp: boolean): Promise<number> {
  const start = performance.now();
  const server = await WeftServer.create();
  const client = overTcp ? connectSocket(server.port, '127.0.0.1') : server.connection();
  await once(client, 'data');
  const time = performance.now() - start;
  client.destroy();
  await server.close();
  return time;
}

test('from the call to the first INFO', async (t) => {
  for (const overTcp of [false, true]) {
    const times: number[] = [];
    for (let i = 0; i < 15; i++) times.push(await timeToInfo(overTcp));
    const first = times[0]!;
    times.sort((a, b) => a - b);
    const [fastest, median] = [times[0]!, times[7]!];
    const kind = overTcp ? 'TCP' : 'in the process';
    t.diagnostic(
      `${kind}: fastest ${fastest.toFixed(2)} ms, median ${median.toFixed(2)} ms, first ${first.toFixed(2)} ms`,
    );
    // The others tell more of what else the machine is doing.
    assert.ok(fastest < 15, `fastest ${fastest} ms`);
  }
});

test('a hundred servers in one process', async () => {
  const servers = await Promise.all(Array.from({ length: 100 }, () => WeftServer.create()));
  assert.equal(new Set(servers.map(({ port }) => port)).size, 100);
  assert.equal(new Set(servers.map(({ info }) => info.id)).size, 100);
  const [one, other] = [servers[0]!.client(), servers[1]!.client()];
  let strays = 0;
  other.subscribe('>', () => strays++);
  assert.equal(one.publish('x'), false);
  await Promise.all(servers.map((server) => server.close()));
  assert.equal(strays, 0);
});

test('nothing is left after close', async () => {
  // What the servers of the tests before held goes away a moment after they closed.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = process.getActiveResourcesInfo().sort();
  const listeners = process.eventNames().map((name) => process.listenerCount(name));
  const server = await WeftServer.create({ ping_interval: '1m' });
  const clients = [server.connection(), connectSocket(server.port, '127.0.0.1')];
  await Promise.all(clients.map((client) => once(client, 'data')));
  const local = server.client();
  local.subscribe('a', () => {});
  const pending = local.request('a', '', { timeout: 60_000 });
  const gone = assert.rejects(pending, { code: 'CLOSED' });
  const closed = clients.map((client) => once(client.resume(), 'close'));
  await server.close();
  await Promise.all([gone, ...closed]);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(process.getActiveResourcesInfo().sort(), before);
  assert.deepEqual(
    process.eventNames().map((name) => process.listenerCount(name)),
    listeners,
  );
});

test('loading the package leaves nothing behind', { skip: !distributionBuilt }, async () => {
  const program = `
    await import('weft-server');
    await new Promise((resolve) => setImmediate(resolve));
    console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap')));`;
  const done = await runNode(['--input-type=module', '-e', program]);
  assert.deepEqual(done, { code: 0, stdout: '[]\n', stderr: '' });
});

test('a program that closes its server ends', { skip: !distributionBuilt }, async () => {
  const program = `
    import { connect } from 'node:net';
    import { once } from 'node:events';
    import { WeftServer } from 'weft-server';
    const server = await WeftServer.create();
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'data');
    const stream = server.connection();
    await once(stream, 'data');
    server.client().subscribe('a', () => {});
    const closed = once(socket.resume(), 'close');
    await server.close();
    await closed;
    await new Promise((resolve) => setTimeout(resolve, 20));
    console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap')));`;
  const done = await runNode(['--input-type=module', '-e', program]);
  assert.deepEqual(done, { code: 0, stdout: '[]\n', stderr: '' });
});

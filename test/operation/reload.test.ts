/** What a reload does to a running server and its clients. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as secure } from 'node:tls';
import { issueCertificates } from '../support/certificates.js';
import { officialBinary } from '../support/official.js';
import { WireClient } from '../support/wire-client.js';
import { client, reload, rewrite, start, tail } from './process.js';

const DONE = '[INF] Reloaded server configuration (DIGEST)';
const ALWAYS = ['[INF] Reloaded: authorization users', '[INF] Reloaded: accounts'];

test('nothing changed, nothing valid, nothing allowed', async () => {
  await using server = await start('max_payload: 1000');
  assert.deepEqual(await reload(server, 'max_payload: 1000'), [...ALWAYS, DONE]);
  const [failure] = await reload(server, 'max_payload: 2000\nserver_name: x');
  assert.equal(
    failure,
    '[ERR] Failed to reload server configuration: config reload not supported for ServerName: old=, new=x',
  );
  assert.match((await reload(server, 'max_payload: x'))[0]!, /Failed to reload .*server\.conf:2:1: /);
  const log = await reload(server, 'max_payload: 2000\nlog_file: "/nonexistent/l"');
  assert.match(log[0]!, /Failed to reload .*: error opening file: open \/nonexistent\/l: no such file/);
  assert.equal((await client(server.port)).info.max_payload, 1000);
});

test('without a configuration file there is nothing to read', async () => {
  const { Server } = await import('../../src/server.js');
  const { defaultOptions } = await import('../../src/config/options.js');
  await assert.rejects(new Server(defaultOptions()).reload(), {
    message: 'can only reload config when a file is provided using -c or --config',
  });
});

test('users: gone, with another password, with other permissions', async () => {
  const user = (name: string, rest = '') => `{ user: ${name}, password: p ${rest} }`;
  await using server = await start(`authorization { users: [${user('a')}, ${user('b')}, ${user('c')}] }`);
  const connect = (name: string) =>
    client(server.port, { user: name, pass: 'p' }, 'SUB foo 1\r\nSUB bar 2\r\n');
  const [a, b, c] = [await connect('a'), await connect('b'), await connect('c')];
  const log = await reload(
    server,
    `authorization { users: [${user('a', ', permissions: { subscribe: bar }')}, { user: c, password: q }] }`,
  );
  assert.deepEqual(log, [
    ...ALWAYS,
    '[INF] Removed sub "foo" (sid "1") for User "a" - not authorized',
    '[ERR] CLIENT - cid:7 - "v9:js" - "$G/user:c" - authentication error - User "c"',
    DONE,
  ]);
  assert.ok((await c.until(() => c.closed)) && (await b.until(() => b.closed)));
  await a.until(() => tail(a) !== '');
  assert.equal(tail(a), `-ERR 'Permissions Violation for Subscription to "foo" (sid "1")'\r\n`);
  assert.equal(tail(b), '');
  assert.equal(tail(c), "-ERR 'Authorization Violation'\r\n");
  await a.sync('PUB foo 1\r\nx\r\nPUB bar 1\r\ny\r\n');
  assert.ok(a.received.includes('MSG bar 2 1\r\ny\r\n') && !a.received.includes('MSG foo'));
});

test('bcrypt: who has shown the password stays without showing it again', async () => {
  const hash = '$2a$04$g1cMBO/UP0a7oVW7IX7wJe/fEqBKPqmp5zK0tJfh0M7zBaqbkOPXK';
  await using server = await start('authorization { user: a, password: p }');
  const one = await client(server.port, { user: 'a', pass: 'p' });
  const log = await reload(server, `authorization { user: a, password: "${hash}" }`);
  assert.ok(log.includes('[INF] Reloaded: authorization password') && log.at(-1) === DONE);
  assert.ok(await one.until(() => one.closed));
  assert.equal(tail(one), "-ERR 'Authorization Violation'\r\n");
});

test('a client in another account has to come back', async () => {
  await using server = await start('accounts { A { users: [{ user: a, password: p }] }, B {} }');
  const a = await client(server.port, { user: 'a', pass: 'p' });
  await reload(server, 'accounts { A {}, B { users: [{ user: a, password: p }] } }');
  assert.ok(await a.until(() => a.closed));
  assert.equal(tail(a), '');
  assert.ok(!(await client(server.port, { user: 'a', pass: 'p' })).closed);
});

test('an account with a lower limit keeps its oldest connections', async () => {
  const accounts = (max: number) =>
    `accounts { A { users: [{ user: a, password: p }], limits { max_conn: ${max} } } }`;
  await using server = await start(accounts(3));
  const connect = () => client(server.port, { user: 'a', pass: 'p' });
  const [first, second] = [await connect(), await connect()];
  await reload(server, accounts(1));
  assert.ok(await second.until(() => second.closed));
  assert.equal(tail(second), "-ERR 'maximum account active connections exceeded'\r\n");
  assert.ok(await first.sync());
});

test('TLS switched on, and a certificate that was replaced', async () => {
  await using server = await start();
  const plain = await client(server.port);
  const [cert, key] = [join(server.folder, 'cert.pem'), join(server.folder, 'key.pem')];
  const issue = () => {
    const { server } = issueCertificates({});
    writeFileSync(cert, server.cert);
    writeFileSync(key, server.key);
  };
  const served = async () => {
    const wire = connect({ port: server.port, host: '127.0.0.1' });
    const [info] = await once(wire, 'data');
    assert.equal(JSON.parse(String(info).slice(5)).tls_required, true);
    const secured = secure({ socket: wire, rejectUnauthorized: false });
    await once(secured, 'secureConnect');
    secured.write('CONNECT {}\r\nPING\r\n');
    await once(secured, 'data');
    const { fingerprint256 } = secured.getPeerCertificate();
    secured.destroy();
    return fingerprint256;
  };
  issue();
  const conf = `tls { cert_file: "${cert}", key_file: "${key}" }`;
  assert.deepEqual(await reload(server, conf), [
    ...ALWAYS,
    // A client with TLS has longer for its CONNECT.
    '[INF] Reloaded: authorization timeout = 3',
    '[INF] Reloaded: tls = enabled',
    DONE,
  ]);
  assert.ok(await plain.sync(), 'connections that are there stay as they are');
  const before = await served();
  assert.deepEqual(await reload(server, conf), [...ALWAYS, DONE]);
  issue();
  assert.deepEqual(await reload(server, conf), [...ALWAYS, '[INF] Reloaded: tls = enabled', DONE]);
  assert.notEqual(await served(), before);
  writeFileSync(key, 'rubbish');
  assert.match(
    (await reload(server, conf))[0]!,
    /Failed to reload server configuration: .*error parsing X509/,
  );
  assert.equal((await reload(server, '')).at(-2), '[INF] Reloaded: tls = disabled');
  assert.ok(await (await client(server.port)).sync());
});

test('authentication switched on and off', async () => {
  await using server = await start();
  const before = await client(server.port);
  await reload(server, 'authorization { token: t }');
  assert.ok(await before.until(() => before.closed));
  assert.equal(tail(before), "-ERR 'Authorization Violation'\r\n");
  const between = await client(server.port, { auth_token: 't' });
  assert.equal(between.info.auth_required, true);
  await reload(server, '');
  assert.ok(await between.sync());
  assert.equal((await client(server.port)).info.auth_required, undefined);
});

test('limits: connections, control line, payload', async () => {
  await using server = await start();
  const clients = [await client(server.port), await client(server.port), await client(server.port)];
  const log = await reload(server, 'max_connections: 1\nmax_control_line: 300\nmax_payload: 20');
  assert.match(log[0]!, /^\[ERR\] CLIENT - cid:\d - "v9:js" - maximum connections exceeded - Account:\$G$/);
  assert.deepEqual(log.slice(1), [
    '[INF] Closed 2 connections to fall within max_connections',
    '[INF] Reloaded: max_connections = 1',
    ...ALWAYS,
    '[INF] Reloaded: max_control_line = 300',
    '[INF] Reloaded: max_payload = 20',
    DONE,
  ]);
  const closed = () => clients.filter((each) => each.closed);
  for (const each of clients) await each.until(() => closed().length === 2, 500);
  assert.equal(closed().length, 2);
  for (const each of closed()) assert.equal(tail(each), "-ERR 'maximum connections exceeded'\r\n");
  const left = clients.find((each) => !each.closed)!;
  await left.write(`PUB foo 21\r\n`);
  assert.ok(await left.until(() => left.closed));
  assert.equal(tail(left), "-ERR 'Maximum Payload Violation'\r\n");
  const next = await client(server.port);
  assert.equal(next.info.max_payload, 20);
  await next.write(`SUB ${'x'.repeat(301)} 1\r\n`);
  assert.ok(await next.until(() => next.closed));
  assert.equal(tail(next), "-ERR 'maximum control line exceeded'\r\n");
});

test('log settings and traces of connections that are there', async () => {
  await using server = await start();
  const one = await client(server.port, { name: 'n' });
  await reload(server, 'debug: true\ntrace: true');
  await one.sync();
  await server.waitForLog('cid:5 - "v9:js:n" - ->> [PONG]');
  await reload(server, '');
  const from = server.log.length;
  await one.sync();
  assert.equal(server.log.slice(from), '');
});

test('files, advertised address and all the rest', async () => {
  await using server = await start('pid_file: "$DIR/one"\nserver_tags: a');
  const two = join(server.folder, 'two');
  const log = await reload(
    server,
    `pid_file: "${two}"\nports_file_dir: "${server.folder}"\nserver_tags: b\nserver_metadata { a: b }
    ping_interval: 300ms\nping_max: 1\nwrite_deadline: 3s\nno_fast_producer_stall: true\nclient_advertise: "a.b:99"
    connect_error_reports: 4\nmax_traced_msg_len: 5\nlogtime_utc: true`,
  );
  assert.deepEqual(log, [
    '[INF] Reload: client_advertise = a.b:99',
    '[INF] Reloaded: logtime_utc = true',
    ...ALWAYS,
    '[INF] Reloaded: ping_interval = 300ms',
    '[INF] Reloaded: ping_max = 1',
    '[INF] Reloaded: fast producers will not be stalled',
    `[INF] Reloaded: pid_file = ${two}`,
    `[INF] Reloaded: ports_file_dir = ${server.folder}`,
    '[INF] Reloaded: write_deadline = 3s',
    '[INF] Reloaded: max_traced_msg_len = 5',
    '[INF] Reloaded: connect_error_reports = 4',
    '[INF] Reloaded: tags',
    '[INF] Reloaded: metadata',
    DONE,
  ]);
  assert.equal(readFileSync(two, 'utf8'), String(server.pid));
  assert.ok(existsSync(join(server.folder, `weft-server_${server.pid}.ports`)));
  const silent = await WireClient.connect(server.port);
  assert.deepEqual([silent.info.host, silent.info.port], ['a.b', 99]);
  assert.ok(await silent.until(() => silent.closed));
  assert.ok(silent.received.endsWith("PING\r\n-ERR 'Stale Connection'\r\n"), silent.received);
});

test('the log lines are those of the official server', { skip: officialBinary() === undefined }, async () => {
  const steps = [
    'debug: true\nping_max: 3',
    'max_connections: 7\nlame_duck_duration: 40s',
    'authorization { user: u, password: p, timeout: 3 }',
    'authorization { users: [{ user: u, password: p }] }\nmax_control_line: 100',
    'accounts { A { users: [{ user: u, password: p }] } }\nno_auth_user: u',
    'bogus: 1',
  ];
  const logs = [];
  for (const binary of [officialBinary()!, undefined]) {
    await using server = await start('', [], binary);
    const log = [];
    for (const step of steps)
      log.push((await reload(server, step)).join('\n').replaceAll(server.folder, 'DIR'));
    logs.push(log);
    rewrite(server, '');
  }
  assert.deepEqual(logs[1], logs[0]);
});

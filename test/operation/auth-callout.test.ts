/** A server whose clients are decided about by a service: limits, expiry, reload, many clients at once, and no service at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, CalloutService, fixedCurve, fixedKey } from '../support/auth-callout-service.js';
import type { ServerProcess } from '../support/server-process.js';
import { WireClient } from '../support/wire-client.js';
import { client, lines, reload, start, tail } from './process.js';

const issuer = fixedKey('account', 1);
const curve = fixedCurve(2);

const conf = (more = '', users = '{user: auth, password: auth}', accounts = 'APP {}') => `
accounts { AUTH { users [${users}] }, ${accounts} }
authorization { timeout: 1, auth_callout {
  issuer: ${issuer.publicKey}, account: AUTH, auth_users: [auth], ${more}
} }`;

const serve = (server: ServerProcess, answer: () => Answer, more = {}) =>
  CalloutService.start({ ...{ port: server.port, user: 'auth', pass: 'auth', issuer }, answer, ...more });

test('limits of the token', async () => {
  await using server = await start(conf());
  await using _ = await serve(server, () => ({ nats: { subs: 1, payload: 10, data: -1 } }));
  const a = await client(server.port, { user: 'a' });
  assert.match(a.received, /"max_payload":10,/);
  await a.sync('SUB a 1\r\nSUB b 2\r\n');
  assert.match(a.received, /-ERR 'maximum subscriptions exceeded'/);
  await a.write(`PUB a 11\r\n${'x'.repeat(11)}\r\n`);
  assert.ok(await a.until(() => a.received.includes("-ERR 'Maximum Payload Violation'")));
});

test('the account may not be fuller than it may be', async () => {
  await using server = await start(conf('', undefined, 'APP { limits { max_connections: 1 } }'));
  await using _ = await serve(server, () => ({}));
  const first = await client(server.port, { user: 'a' });
  const second = await client(server.port, { user: 'b' });
  assert.ok(await second.until(() => second.closed));
  assert.match(second.received, /-ERR 'maximum account active connections exceeded'/);
  assert.ok(!first.closed);
});

test('a reload leaves clients as the service has let them in', async () => {
  await using server = await start(conf());
  const service = await serve(server, () => ({ user: { name: 'Alice' } }));
  const a = await client(server.port, { user: 'a' }, 'SUB a 1\r\n');
  const own = await client(server.port, { user: 'auth', pass: 'auth' });
  const users = '{user: auth, password: auth}, {user: new, password: new}';
  const log = await reload(server, conf('', users));
  assert.deepEqual(log, [
    '[INF] Reloaded: authorization users',
    '[INF] Reloaded: accounts',
    '[INF] Reloaded server configuration (DIGEST)',
  ]);
  await a.sync('PUB a 1\r\nx\r\n');
  assert.match(a.received, /MSG a 1 1\r\nx\r\n/);
  await own.sync('PUB $SYS.REQ.USER.AUTH 1\r\nx\r\n');
  assert.match(own.received, /Permissions Violation for Publish to "\$SYS.REQ.USER.AUTH"/);
  assert.equal(service.requests.length, 1);
  // The account of the client goes away.
  await reload(server, conf('', users, 'OTHER {}'));
  assert.ok(await a.until(() => a.closed));
  assert.ok(!own.closed);
  // The service's own user goes away: nobody can be asked about it.
  const gone = await reload(server, conf('', '{user: new, password: new}', 'OTHER {}'));
  assert.ok(gone.includes('[ERR] Authorization callout user "auth" not valid: <nil>'));
  assert.ok(await own.until(() => own.closed));
  assert.match((await reload(server, ''))[0]!, /config reload not supported for AuthCallout: old=&\{A/);
});

test('many clients at once, encrypted', async () => {
  await using server = await start(
    conf(`xkey: ${curve.getPublicKey()}`).replace('timeout: 1', 'timeout: 20'),
  );
  await using service = await serve(server, () => ({ seal: true }), { curve });
  const names = Array.from({ length: 50 }, (_, i) => `c${i}`);
  const clients = await Promise.all(names.map((user) => client(server.port, { user }, 'SUB all 1\r\n')));
  await clients[0]!.sync('PUB all 2\r\nhi\r\n');
  for (const each of clients) assert.ok(await each.until(() => each.received.includes('MSG all 1 2\r\nhi')));
  assert.equal(new Set(service.requests.map(({ nats }) => nats.user_nkey)).size, names.length);
  for (const each of clients) each.destroy();
});

test('one that leaves while the service thinks', async () => {
  await using server = await start(conf());
  let answered = 0;
  await using _ = await CalloutService.start({
    ...{ port: server.port, user: 'auth', pass: 'auth', issuer },
    answer: async ({ nats }) => {
      if (nats.connect_opts.user === 'slow') await new Promise((resolve) => setTimeout(resolve, 300));
      answered++;
      return {};
    },
  });
  const slow = await WireClient.connect(server.port);
  await slow.write('CONNECT {"user":"slow"}\r\nSUB a 1\r\nPING\r\n');
  slow.destroy();
  const other = await client(server.port, { user: 'quick' });
  assert.equal(answered, 1);
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(answered, 2);
  await other.sync('PUB a 1\r\nx\r\n');
  assert.equal(tail(other), '');
});

test('a wrong configuration is told of', async () => {
  const text = conf().replace('account: AUTH', 'account: NOWHERE').replace('[auth]', '[nobody]');
  await using server = await start(text);
  assert.deepEqual(
    lines(server.log).filter((line) => line.startsWith('[ERR]')),
    [
      '[ERR] Authorization callout account "NOWHERE" not valid',
      '[ERR] Authorization callout user "nobody" not valid: account missing',
    ],
  );
  const a = await client(server.port, { user: 'auth', pass: 'auth' });
  assert.ok(a.closed);
  assert.match(server.log, /\[WRN\] No valid account "NOWHERE" for auth callout request: account missing/);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { nkeyAuthenticator, nkeys, wsconnect } from '@nats-io/nats-core';
import { type AuthenticateHook, type EndedConnectionInfo, WeftServer } from '../../src/index.js';
import { Reader } from './support.js';

const withHook = (authenticate: AuthenticateHook) =>
  WeftServer.create(
    { authorization: { users: [{ user: 'conf', pass: 'conf' }] }, accounts: { A: {} } },
    { listen: false, authenticate },
  );

test('true, false, a grant, or as configured; at once or later', async () => {
  for (const later of [false, true]) {
    await using server = await withHook((request) => {
      const decide = () => {
        if (request.user === 'yes') return true;
        if (request.user === 'no') return false;
        if (request.user === 'grant') return { name: 'granted', account: 'A' };
        return undefined;
      };
      return later ? new Promise((done) => setTimeout(() => done(decide()), 5)) : decide();
    });
    const seen: string[] = [];
    server.on('connect', ({ user, account }) => seen.push(`${user} ${account}`));
    for (const user of ['yes', 'grant', 'conf']) {
      const nc = await wsconnect(server.inProcess({ user, pass: 'conf' }));
      await nc.flush();
      await nc.close();
    }
    for (const [user, pass] of [
      ['no', 'conf'],
      ['conf', 'wrong'],
    ]) {
      await assert.rejects(wsconnect(server.inProcess({ user, pass })), /Authorization Violation/);
    }
    assert.deepEqual(seen, ['yes $G', 'granted A', 'conf $G']);
  }
});

test('a signature by an nkey', async () => {
  await using server = await withHook((request) => request.provesNkey());
  const user = nkeys.createUser();
  const nc = await wsconnect(server.inProcess({ authenticator: nkeyAuthenticator(user.getSeed()) }));
  await nc.close();
  const client = new Reader(server.connection());
  const nkey = user.getPublicKey();
  client.send(`CONNECT ${JSON.stringify({ nkey, sig: Buffer.alloc(64).toString('base64url') })}\r\n`);
  assert.match(await client.untilClosed(), /Authorization Violation/);
});

test('a grant may expire', async () => {
  const expires = () => new Date(Date.now() + 100);
  for (const hooks of [
    { authenticate: () => ({ expires: expires() }) },
    { authenticate: () => true, authorize: () => ({ expires: expires() }) },
  ]) {
    // The listener keeps the process running: timers of the server do not.
    await using server = await WeftServer.create({}, hooks);
    const client = new Reader(server.connection());
    client.send('CONNECT {}\r\nPING\r\n');
    assert.match(await client.untilClosed(), /PONG[\s\S]*-ERR 'User Authentication Expired'/);
  }
});

test('nothing goes before CONNECT where a hook decides', async () => {
  await using server = await withHook(() => true);
  const client = new Reader(server.connection());
  assert.match(await client.until(/INFO .*\r\n/), /"auth_required":true/);
  client.send('PING\r\n');
  assert.match(await client.untilClosed(), /Authorization Violation/);
});

test('a hook that fails turns the client away and is reported', async () => {
  const hooks: AuthenticateHook[] = [
    () => {
      throw new Error('broken');
    },
    async () => {
      throw new Error('broken');
    },
    () => ({ permissions: { publish: 'a..b' } }),
  ];
  for (const [index, hook] of hooks.entries()) {
    await using server = await withHook(hook);
    const failed = once(server, 'error');
    await assert.rejects(wsconnect(server.inProcess()), /Authorization Violation/);
    assert.match((await failed)[0].message, index < 2 ? /^broken$/ : /^invalid permissions: .*a\.\.b/);
  }
});

test('authorize: permissions and account of configured users', async () => {
  await using server = await WeftServer.create(
    { authorization: { users: [{ user: 'u', pass: 'p' }] }, accounts: { A: {} } },
    {
      listen: false,
      authorize: async (user, request) => {
        assert.deepEqual(user, { name: 'u', account: '$G' });
        if (request.name === 'out') return false;
        return { account: 'A', permissions: { publish: { deny: 'secret' } } };
      },
    },
  );
  const got: string[] = [];
  server.client('A').subscribe('>', (message) => got.push(message.subject));
  const nc = await wsconnect(server.inProcess({ user: 'u', pass: 'p' }));
  nc.publish('open');
  nc.publish('secret');
  await nc.flush();
  await nc.close();
  assert.deepEqual(got, ['open']);
  const refused = once(server, 'authError') as Promise<[EndedConnectionInfo]>;
  await assert.rejects(wsconnect(server.inProcess({ user: 'u', pass: 'p', name: 'out' })), /Authorization/);
  assert.equal((await refused)[0].name, 'out');
});

test('authorize is asked for clients without credentials, too', async () => {
  await using server = await WeftServer.create(
    {},
    { listen: false, authorize: () => ({ permissions: { subscribe: { deny: '>' } } }) },
  );
  const client = new Reader(server.connection());
  client.send('CONNECT {"verbose":false}\r\nSUB a 1\r\nPING\r\n');
  assert.match(await client.until(/PONG/), /Permissions Violation for Subscription to "a"/);
});

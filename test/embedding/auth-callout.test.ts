// How the hooks of a program and an auth callout service go together, and a service within the program itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wsconnect } from '@nats-io/nats-core';
import { WeftServer } from '../../src/index.js';
import { answerTo, fixedKey, readRequest } from '../support/auth-callout-service.js';

const issuer = fixedKey('account', 1);

test('the hook first, then the service, then the authorize hook', async () => {
  const asked: string[] = [];
  await using server = await WeftServer.create(
    {
      accounts: { AUTH: { users: [{ user: 'auth', pass: 'auth' }] }, APP: {}, LAB: {} },
      authorization: {
        auth_callout: { issuer: issuer.publicKey, account: 'AUTH', auth_users: ['auth'] },
      },
    },
    {
      listen: false,
      authenticate: ({ user }) => {
        if (user === 'hooked') return { account: 'LAB' };
        return user === 'barred' ? false : undefined;
      },
      authorize: ({ name }) => (name === 'moved' ? { account: 'LAB' } : undefined),
    },
  );
  const service = server.client('AUTH');
  service.subscribe('$SYS.REQ.USER.AUTH', (message) => {
    const request = readRequest(message.data);
    const { user = '' } = request.nats.connect_opts;
    asked.push(user);
    const error = user === 'bad' ? { responseNats: { error: 'no' } } : {};
    message.respond(
      answerTo(request, { ...error, user: { exp: Math.floor(Date.now() / 1000) + 2 } }, issuer),
    );
  });
  const seen: string[] = [];
  server.on('connect', ({ user, account }) => seen.push(`${user} ${account}`));
  for (const user of ['hooked', 'asked', 'moved']) {
    const nc = await wsconnect(server.inProcess({ user, pass: 'x' }));
    await nc.flush();
    if (user !== 'moved') await nc.close();
    else await nc.closed();
  }
  for (const user of ['barred', 'bad']) {
    await assert.rejects(wsconnect(server.inProcess({ user, pass: 'x' })), /Authorization Violation/);
  }
  assert.deepEqual(seen, ['hooked LAB', 'asked APP', 'moved LAB']);
  assert.deepEqual(asked, ['asked', 'moved', 'bad']);
});

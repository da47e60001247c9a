// The program decides who may connect and what they may do.
//
//   node examples/auth-hook.mjs
import { wsconnect } from '@nats-io/nats-core';
import { WeftServer } from 'weft-server';

// In real life a database, or a service that checks tokens.
const sessions = new Map([
  ['t-123', { name: 'alice', role: 'writer' }],
  ['t-456', { name: 'bob', role: 'reader' }],
]);

// Shared by all who have the role, so that the server compiles them once.
const permissions = {
  writer: {},
  reader: { publish: { deny: '>' }, subscribe: { allow: ['news.>', '_INBOX.>'] } },
};

const server = await WeftServer.create(
  {},
  {
    listen: false,
    // `false` turns a client away, `undefined` would leave it to the configuration.
    authenticate: async ({ token }) => {
      const session = sessions.get(token);
      return session !== undefined && { name: session.name, permissions: permissions[session.role] };
    },
  },
);
server.on('authError', ({ reason }) => console.log(`turned away: ${reason}`));
server.on('connect', ({ user }) => console.log(`welcome ${user}`));

const alice = await wsconnect(server.inProcess({ token: 't-123' }));
const bob = await wsconnect(server.inProcess({ token: 't-456' }));
await wsconnect(server.inProcess({ token: 'guess' })).catch((error) => console.log(error.message));

const news = bob.subscribe('news.>', { max: 1 });
await bob.flush();
alice.publish('news.today', 'all is well');
for await (const message of news) console.log(`bob read: ${message.string()}`);

const secrets = bob.subscribe('secrets.>', { callback: (error) => error && console.log(error.message) });
await bob.flush();
await secrets.closed;

await server.close();

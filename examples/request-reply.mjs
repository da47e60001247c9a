// Requests over TCP, with the client library that programs on other machines would use.
//
//   node examples/request-reply.mjs
import { connect } from '@nats-io/transport-node';
import { WeftServer } from 'weft-server';

// The keys are those of a configuration file. Without `port` the server picks a free one.
const server = await WeftServer.create({
  server_name: 'calculator',
  max_payload: 64 * 1024,
});

// A service inside the server's own process needs no connection: a local client is a direct line to the broker.
const local = server.client();
local.subscribe(
  'add',
  (message) => {
    const { a, b } = message.json();
    message.respond(JSON.stringify({ sum: a + b }));
  },
  { queue: 'calculators' },
);

const nc = await connect({ servers: server.url });
const answer = await nc.request('add', JSON.stringify({ a: 2, b: 3 }), { timeout: 1000 });
console.log(`${nc.info.server_name} says ${answer.string()}`);

await nc.close();
await server.close();

// What the server tells the program it lives in.
//
//   node examples/events.mjs
import { once } from 'node:events';
import { WeftServer } from 'weft-server';

const server = await WeftServer.create({ max_pending: 1024 * 1024 }, { listen: false });

server.on('connect', ({ id, name, account }) => console.log(`${id} connected: "${name}" in ${account}`));
server.on('slowConsumer', ({ id, reason }) => console.log(`${id} is too slow: ${reason}`));
server.on('disconnect', ({ id, reason }) => console.log(`${id} left: ${reason}`));
server.on('error', (error) => console.log(`our own code failed: ${error.message}`));
server.on('close', () => console.log('closed'));

// A client that subscribes to everything and then never reads.
const sleepy = server.connection();
sleepy.on('error', () => {});
sleepy.write('CONNECT {"verbose":false,"name":"sleepy"}\r\nSUB > 1\r\n');
await once(server, 'connect');

const client = server.client();
client.subscribe('broken', () => {
  throw new Error('a bug in a handler');
});
client.publish('broken');
await once(server, 'error');

const cutOff = once(server, 'disconnect');
const payload = Buffer.alloc(64 * 1024);
for (let i = 0; i < 64; i++) {
  client.publish('data', payload);
  // The server does its work between turns of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
}
await cutOff;
await server.close();

// Publish and subscribe without a socket: the server and its clients live in this process.
//
//   node examples/hello.mjs
import { wsconnect } from '@nats-io/nats-core';
import { WeftServer } from 'weft-server';

// No TCP port at all. Leave `listen` out to get a free port on 127.0.0.1 as well.
const server = await WeftServer.create({}, { listen: false });

// `inProcess()` makes the options that let nats-core's `wsconnect` talk to the server directly. Any other option of a
// connection can go along: inProcess({ name: 'hello', user: '...', pass: '...' }).
const nc = await wsconnect(server.inProcess({ name: 'hello' }));

const greetings = nc.subscribe('greet.*', { max: 2 });
nc.publish('greet.joe', 'hello joe');
nc.publish('greet.sue', 'hello sue');
for await (const message of greetings) console.log(`${message.subject}: ${message.string()}`);

await nc.close();
// Nothing keeps the process alive after this.
await server.close();

/**
 * The first server of a process pays for much that later ones find done: Node loads parts of itself when they are first asked for,
 * chunks of ours are read, V8 compiles a function when it is first called, and the first key of a kind takes OpenSSL a while. All
 * of that together is several times what a server costs. So the package does it once while it is being loaded, and
 * `WeftServer.create` takes about the same time each time. No door is opened, and nothing is left. The command line does not load
 * this: it would gain nothing.
 */
import { createServer, isIP } from 'node:net';
import { WeftServer } from './weft-server.js';

const INPUT =
  'CONNECT {"verbose":false}\r\nPING\r\nSUB warm.* 1\r\nPUB warm.up 2\r\nhi\r\nUNSUB 1\r\nPING\r\n';
/** The second one finds what the first has loaded, and runs what comes after. More make the loading longer, and gain nothing. */
const ROUNDS = 2;

/** Starts servers without a door, lets a client do a bit of everything, and gives it all back. */
export async function warmUp(): Promise<void> {
  // What V8 would compile when the first port is opened.
  createServer();
  isIP('127.0.0.1');
  for (let round = 0; round < ROUNDS; round++) {
    const server = await WeftServer.create({}, { listen: false });
    const client = server.connection();
    const ended = new Promise<void>((resolve) => {
      client.on('data', () => {});
      client.once('close', resolve);
    });
    client.end(INPUT);
    await ended;
    await server.close();
  }
}

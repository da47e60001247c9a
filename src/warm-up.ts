/**
 * The first server of a process pays for much that later ones find done: Node loads parts of itself when they are first asked for,
 * chunks of ours are read, V8 compiles a function when it is first called, and the first key of a kind takes OpenSSL a while. All
 * of that together is several times what a server costs. So the package does it once while it is being loaded, and
 * `WeftServer.create` takes about the same time each time. No door is opened, and nothing is left. The command line does not load
 * this: it would gain nothing.
 */
import type { Transport } from './broker/transport.js';
import { readSource } from './embedding/load.js';
import { silentLog } from './runtime/log.js';
import { Server } from './server.js';

/** A client that takes whatever it is sent. */
class NoTransport implements Transport {
  readonly backlog = 0;
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 0;
  onWritten = null;

  write(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

/** Starts a server without a door, lets a client do a bit of everything, and gives it all back. */
export async function warmUp(): Promise<void> {
  // What Node itself loads when a port is opened for the first time. A bundler would drop imports for their effects.
  await Promise.all([import('node:cluster'), import('node:dns'), import('node:perf_hooks')]);
  const { options } = readSource({}, {});
  const server = new Server(options, { log: silentLog, noListen: true });
  await server.start();
  const connection = server.broker.accept(new NoTransport(), { type: 'STANDARD', sendInfo: true });
  connection?.begin();
  const input = 'CONNECT {"verbose":false}\r\nPING\r\nSUB warm.* 1\r\nPUB warm.up 2\r\nhi\r\nUNSUB 1\r\n';
  connection?.onData(Buffer.from(input));
  connection?.flush();
  await server.shutdown();
}

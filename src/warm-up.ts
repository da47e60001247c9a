/**
 * The first server of a process pays for much that later ones find done: Node loads parts of itself when they are first asked for,
 * V8 compiles a function when it is first called, and the first key of a kind takes OpenSSL a while. All of that together is
 * several times what a server costs. So the package does it once while it is being loaded, and `WeftServer.create` takes about the
 * same time each time. Nothing is opened, and nothing is left. The command line does not load this: it would gain nothing.
 */
import 'node:cluster';
import 'node:dns';
import 'node:perf_hooks';
import type { Transport } from './broker/transport.js';
import { readSource } from './embedding/load.js';
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

/** Sets up a server without a door, lets a client do a bit of everything, and gives it all back. */
export function warmUp(): void {
  const { options } = readSource({}, {});
  const { broker } = new Server(options);
  const connection = broker.accept(new NoTransport(), { type: 'STANDARD', sendInfo: true });
  connection?.begin();
  const input = 'CONNECT {"verbose":false}\r\nPING\r\nSUB warm.* 1\r\nPUB warm.up 2\r\nhi\r\nUNSUB 1\r\n';
  connection?.onData(Buffer.from(input));
  connection?.flush();
  broker.close();
}

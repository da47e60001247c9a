// A broker without sockets: connections whose other end is in the test, and a clock that the test moves.
import { setImmediate as turn } from 'node:timers/promises';
import { Broker } from '../../src/broker/broker.js';
import type { ClientConnection } from '../../src/broker/connection.js';
import type { Transport } from '../../src/broker/transport.js';
import { defaultOptions, type ServerOptions } from '../../src/config/options.js';
import { type Log, silentLog } from '../../src/runtime/log.js';
import { SeededRandom } from '../../src/runtime/random.js';
import type { Authenticator } from '../../src/security/authenticator.js';
import { BcryptWorker } from '../../src/security/bcrypt-worker.js';
import { ConfigAuthenticator } from '../../src/security/config-authenticator.js';
import { createServerIdentity } from '../../src/security/nkeys.js';
import { SimulatedClock } from '../../src/sim/clock.js';

/** A transport whose other end takes bytes when the test says so, or at once. */
export class FakeTransport implements Transport {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 4;
  onWritten: (() => void) | null = null;
  /** Takes everything at once, like a socket whose kernel buffer has room. */
  open: boolean;
  paused = false;
  ended = false;
  destroyed = false;
  writes = 0;
  /** What the other end took. Buffers are read when they are taken, so that memory given back too early shows. */
  readonly #taken: Buffer[] = [];
  readonly #queue: Buffer[] = [];
  #backlog = 0;

  constructor(open = true) {
    this.open = open;
  }

  get backlog(): number {
    return this.#backlog;
  }

  get taken(): string {
    return Buffer.concat(this.#taken).toString('latin1');
  }

  forget(): void {
    this.#taken.length = 0;
  }

  write(pieces: Buffer[]): void {
    this.writes++;
    if (this.destroyed) return;
    for (const piece of pieces) {
      if (this.open && this.#backlog === 0) {
        this.#taken.push(Buffer.from(piece));
      } else {
        this.#queue.push(piece);
        this.#backlog += piece.length;
      }
    }
  }

  /** The other end takes up to `count` bytes. */
  take(count = Number.POSITIVE_INFINITY): void {
    while (count > 0 && this.#queue.length > 0) {
      const piece = this.#queue[0]!;
      const part = piece.subarray(0, count);
      this.#taken.push(Buffer.from(part));
      this.#backlog -= part.length;
      count -= part.length;
      if (part.length === piece.length) this.#queue.shift();
      else this.#queue[0] = piece.subarray(part.length);
      this.onWritten?.();
    }
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
  }

  /** As a socket does it: what was not written is given up, and the writer is told. */
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#queue.length = 0;
    this.#backlog = 0;
    queueMicrotask(() => this.onWritten?.());
  }
}

export interface World {
  readonly broker: Broker;
  readonly clock: SimulatedClock;
}

export interface WorldParts {
  log?: Log;
  seed?: number;
  authenticator?: Authenticator;
}

export function createWorld(changes: Partial<ServerOptions> = {}, parts: WorldParts = {}): World {
  const options: ServerOptions = { ...defaultOptions(), maxClosedClients: 16, ...changes };
  const clock = new SimulatedClock();
  const broker = new Broker({
    copyKernel: true,
    options,
    identity: createServerIdentity(),
    authenticator:
      parts.authenticator ??
      new ConfigAuthenticator(options, { bcrypt: new BcryptWorker(), implicitUser: null }),
    clock,
    random: new SeededRandom(parts.seed ?? 1),
    log: parts.log ?? silentLog,
  });
  return { broker, clock };
}

/** One client of a world. */
export class Peer {
  readonly transport: FakeTransport;
  readonly connection: ClientConnection;

  constructor(
    readonly world: World,
    open = true,
  ) {
    this.transport = new FakeTransport(open);
    const connection = world.broker.accept(this.transport, { type: 'STANDARD', sendInfo: true });
    if (connection === null) throw new Error('turned away');
    this.connection = connection;
    connection.begin();
  }

  /** A client that has said CONNECT with these fields and was sent nothing yet. */
  static connected(world: World, fields: Record<string, unknown> = {}): Peer {
    const peer = new Peer(world);
    peer.send(`CONNECT ${JSON.stringify({ verbose: false, pedantic: false, ...fields })}\r\n`);
    peer.transport.forget();
    return peer;
  }

  /** Bytes from the client. */
  send(text: string): void {
    this.connection.onData(Buffer.from(text, 'latin1'));
  }

  /** What the client got since the last time, INFO lines shortened; lets the server's turn end first. */
  async heard(): Promise<string> {
    await turn();
    const text = this.transport.taken;
    this.transport.forget();
    return text.replace(/^INFO \{.*\} \r\n/gm, 'INFO\r\n');
  }

  /** The client goes away. */
  leave(): void {
    this.transport.destroy();
    this.connection.onTransportClosed();
  }
}

export { turn };

/**
 * The door for TCP clients: accepts sockets, sets up TLS where it is asked for, and hands the broker a transport.
 *
 * Plain sockets are made here, around the handles that Node accepts, and read into the server's shared buffer (Node's `onread`),
 * which skips the stream machinery; TLS and sockets whose first bytes must be looked at go the ordinary way.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server as NetServer, Socket } from 'node:net';
import { hostPort } from '../runtime/address.js';
import { READ_SIZE } from '../runtime/arena.js';
import { listen } from '../runtime/listen.js';
import { RateLimitedLog } from '../runtime/rate-limited-log.js';
import { systemErrorReason } from '../runtime/system-error.js';
import type { Broker } from './broker.js';
import type { ClientConnection } from './connection.js';
import type { Door } from './door.js';
import { RawWrites } from './raw-writes.js';
import { feed, plainAddress, SocketTransport, watch } from './socket-transport.js';

/** Milliseconds that closing waits for bytes on their way, by the machine's own time. */
const CLOSE_PATIENCE = 250;
/** Descriptors kept free of clients, for log files, configuration and whatever else has to be opened. */
const RESERVED_DESCRIPTORS = 16;

/** So many descriptors no process lacks: the limit is asked for beyond them. */
const SOME_DESCRIPTORS = 32;

/** Node's `TCP`. */
interface ClientHandle {
  fd?: number;
}

interface WithHandle {
  _handle?: ClientHandle | null;
}

interface ServerHandle {
  onconnection?: (this: ServerHandle, status: number, client?: ClientHandle) => void;
}

export class ClientListener {
  readonly #broker: Broker;
  /** Replaced when the TLS configuration is. */
  door: Door;
  readonly #server: NetServer;
  readonly #sockets = new Set<Socket>();
  readonly #rawWrites = new RawWrites();
  readonly #acceptErrors: RateLimitedLog;
  /** Descriptors from this one on are too many; looked up when there are some. */
  #lastDescriptor = SOME_DESCRIPTORS;
  #address = '';

  constructor(broker: Broker, door: Door) {
    this.#broker = broker;
    this.door = door;
    this.#acceptErrors = new RateLimitedLog(broker.log, broker.clock);
    this.#server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: false });
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  /** Begins to accept; resolves with the port. Rejects with the official server's text when it cannot. */
  async listen(host: string, port: number): Promise<number> {
    const bound = await listen(this.#server, host, port === -1 ? 0 : port);
    this.#server.on('error', (error) => this.#onError(error));
    this.#address = hostPort(host, bound);
    this.#takeHandles();
    return bound;
  }

  get listening(): boolean {
    return this.#server.listening;
  }

  /** Accepts no more; connections that are there stay. */
  stop(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Lets the sockets finish what they were given to send, for a short while, and takes away what is left then. */
  async close(): Promise<void> {
    this.stop();
    const deadline = performance.now() + CLOSE_PATIENCE;
    while (this.#sockets.size > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  #onError(error: NodeJS.ErrnoException): void {
    this.#logAcceptError(systemErrorReason(error));
  }

  /**
   * Without free descriptors the event loop accepts and closes connections, and says nothing of it. So the server stops short
   * of that: the client is turned away and can try again, and the log tells why.
   */
  #logAcceptError(reason: string): void {
    this.#acceptErrors.error(
      `Temporary Client Accept Error(accept tcp ${this.#address}: accept4: ${reason}), connection refused`,
    );
  }

  /** Takes what is accepted before Node makes a socket of it that would only be thrown away. */
  #takeHandles(): void {
    const { _handle: server } = this.#server as unknown as { _handle?: ServerHandle | null };
    const ordinary = server?.onconnection;
    if (!server || typeof ordinary !== 'function') return;
    server.onconnection = (status, client) => {
      if (status === 0 && client && this.door.plain) this.#serveHandle(client);
      else ordinary.call(server, status, client);
    };
  }

  #accept(accepted: Socket): void {
    if (accepted.remoteAddress === undefined) {
      accepted.destroy();
      return;
    }
    const { _handle: handle } = accepted as WithHandle;
    if (this.door.plain && handle) {
      this.#serveHandle(handle);
      return;
    }
    if (this.#tooMany(handle)) {
      accepted.destroy();
      return;
    }
    this.#track(accepted);
    if (this.door.plain) this.#serve(accepted);
    else this.door.enter(accepted);
  }

  #tooMany(handle: ClientHandle | null | undefined): boolean {
    const descriptor = handle?.fd ?? 0;
    if (descriptor < this.#lastDescriptor) return false;
    if (this.#lastDescriptor === SOME_DESCRIPTORS) {
      this.#lastDescriptor = descriptorLimit() - RESERVED_DESCRIPTORS;
      if (descriptor < this.#lastDescriptor) return false;
    }
    this.#logAcceptError('too many open files');
    return true;
  }

  /** A socket around the handle that reads into the shared buffer. */
  #serveHandle(handle: ClientHandle): void {
    let connection: ClientConnection | null = null;
    const { arena } = this.#broker;
    const socket = new Socket({
      handle,
      onread: {
        buffer: arena.readBuffer,
        callback: (length: number) => {
          connection?.onRead(length);
          if (length < READ_SIZE) return true;
          // The event loop would go on reading from a socket that fills the buffer, up to 32 times: the others come first.
          setImmediate(() => {
            if (connection?.closed || !connection?.suspended) socket.resume();
          });
          return false;
        },
      },
    } as ConstructorParameters<typeof Socket>[0]);
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || this.#tooMany(handle)) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    this.#track(socket);
    const transport = new SocketTransport(socket, plainAddress(remoteAddress), remotePort, this.#rawWrites);
    if (!this.#rawWrites.known) this.#rawWrites.learnFrom(handle);
    connection = this.#broker.accept(transport, { type: 'STANDARD', sendInfo: true });
    if (connection === null) return;
    watch(socket, connection);
    connection.begin();
  }

  #serve(socket: Socket): void {
    const transport = new SocketTransport(socket, plainAddress(socket.remoteAddress), socket.remotePort);
    const connection = this.#broker.accept(transport, { type: 'STANDARD', sendInfo: true });
    if (connection === null) return;
    watch(socket, connection);
    connection.begin();
    feed(socket, connection);
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', ignore);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

/** How many files the process may have open; Infinity where that cannot be found out cheaply. */
function descriptorLimit(): number {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return found === null ? Number.POSITIVE_INFINITY : Number(found[1]);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function ignore(): void {}

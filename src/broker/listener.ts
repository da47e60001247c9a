/**
 * The door for TCP clients: accepts sockets, sets up TLS where it is asked for, and hands the broker a transport.
 *
 * Plain sockets read into the server's shared buffer (Node's `onread`), which skips the stream machinery; TLS and sockets whose
 * first bytes must be looked at go the ordinary way.
 */
import { createServer, type Server as NetServer, Socket } from 'node:net';
import { fileErrorText } from '../runtime/system-error.js';
import type { Broker } from './broker.js';
import type { ClientConnection } from './connection.js';
import type { Door } from './door.js';
import { plainAddress, SocketTransport, watch } from './socket-transport.js';

/** Accepted sockets that the kernel keeps waiting. */
const BACKLOG = 4096;

interface WithHandle {
  _handle?: unknown;
}

export class ClientListener {
  readonly #broker: Broker;
  /** Replaced when the TLS configuration is. */
  door: Door;
  readonly #server: NetServer;
  readonly #sockets = new Set<Socket>();

  constructor(broker: Broker, door: Door) {
    this.#broker = broker;
    this.door = door;
    this.#server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: false });
    this.#server.on('connection', (socket) => this.#accept(socket));
    this.#server.on('error', (error) => this.#onError(error));
  }

  /** Begins to accept; resolves with the port. Rejects with the official server's text when it cannot. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const server = this.#server;
      const failed = (error: NodeJS.ErrnoException): void => {
        const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
        reject(new Error(fileErrorText('listen tcp', address, error)));
      };
      server.once('error', failed);
      const listenPort = port === -1 ? 0 : port;
      // The wildcard address takes IPv6 and IPv4 alike, as in Go.
      const options = host === '0.0.0.0' || host === '' ? { port: listenPort } : { host, port: listenPort };
      server.listen({ ...options, backlog: BACKLOG }, () => {
        server.off('error', failed);
        const bound = server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
      });
    });
  }

  /** Accepts no more; connections that are there stay. */
  stop(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Ends what is left of sockets that never became connections, too. */
  close(): void {
    this.stop();
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  #onError(error: NodeJS.ErrnoException): void {
    this.#broker.log.error(`Error accepting a client connection: ${error.message}`);
  }

  #accept(accepted: Socket): void {
    const { remoteAddress, remotePort } = accepted;
    if (remoteAddress === undefined) {
      accepted.destroy();
      return;
    }
    if (!this.door.plain) {
      this.#track(accepted);
      this.door.enter(accepted);
      return;
    }
    const handle = (accepted as WithHandle)._handle;
    if (handle === undefined || handle === null) {
      this.#track(accepted);
      this.#serve(accepted);
      return;
    }
    let connection: ClientConnection | null = null;
    const { arena } = this.#broker;
    // The accepted socket only carried the handle; a new one around it reads into the shared buffer.
    const socket = new Socket({
      handle,
      onread: {
        buffer: arena.readBuffer,
        callback: (length: number) => {
          connection?.onRead(length);
          return true;
        },
      },
    } as ConstructorParameters<typeof Socket>[0]);
    this.#track(socket);
    connection = this.#broker.accept(new SocketTransport(socket, plainAddress(remoteAddress), remotePort), {
      type: 'STANDARD',
      sendInfo: true,
    });
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
    socket.on('data', (data: Buffer) => connection.onData(data));
    socket.resume();
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', ignore);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

function ignore(): void {}

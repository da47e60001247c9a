/** A transport over a Node socket, plain or TLS. */
import type { Socket } from 'node:net';
import type { ClientConnection } from './connection.js';
import type { Transport } from './transport.js';

/** Milliseconds, of the machine's own time, that a closed connection waits for the other side to close too. */
const LINGER = 500;

export class SocketTransport implements Transport {
  /** Null when it is closed: what is remembered of closed connections must not hold sockets. */
  #socket: Socket | null = null;
  remoteAddress: string;
  remotePort: number;
  onWritten: (() => void) | null = null;
  readonly #written = (): void => this.onWritten?.();

  constructor(socket: Socket, remoteAddress: string, remotePort: number | undefined) {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort ?? 0;
    this.upgrade(socket);
  }

  get backlog(): number {
    return this.#socket?.writableLength ?? 0;
  }

  get unsent(): number {
    const handle = (this.#socket as { _handle?: { writeQueueSize?: number } | null } | null)?._handle;
    return handle?.writeQueueSize ?? this.backlog;
  }

  /** From now on the bytes go through this socket. */
  upgrade(socket: Socket): void {
    this.#socket = socket;
    socket.once('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#written();
    });
  }

  write(pieces: Buffer[]): void {
    const socket = this.#socket;
    if (socket === null) return;
    if (pieces.length === 1) {
      socket.write(pieces[0]!, this.#written);
      return;
    }
    socket.cork();
    for (const piece of pieces) socket.write(piece, this.#written);
    socket.uncork();
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  end(linger: boolean): void {
    const socket = this.#socket;
    if (socket === null) return;
    if (!linger) {
      socket.destroySoon();
      return;
    }
    // When the other side has ended as well, the socket goes by itself.
    socket.once('finish', () => {
      const timer = setTimeout(() => socket.destroy(), LINGER);
      timer.unref();
      socket.once('close', () => clearTimeout(timer));
    });
    socket.end();
    socket.resume();
  }

  destroy(): void {
    this.#socket?.destroy();
  }
}

/** Tells a connection what becomes of its socket. */
export function watch(socket: Socket, connection: ClientConnection): void {
  socket.on('error', (error) => connection.onTransportError(error));
  socket.on('end', () => connection.onTransportEnd());
  socket.on('close', () => connection.onTransportClosed());
}

/** IPv4 addresses that arrive on an IPv6 socket are shown as IPv4. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

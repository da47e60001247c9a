/** A transport over a Node socket, plain or TLS. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';
import { READ_SIZE } from '../runtime/arena.js';
import type { ClientConnection } from './connection.js';
import type { RawWrites, WriteHandle } from './raw-writes.js';
import type { Ending, Transport } from './transport.js';

interface WithHandle {
  _handle?: (WriteHandle & { writeQueueSize?: number }) | null;
}

/** Milliseconds, of the machine's own time, that a closed connection waits for the other side to close too. */
const LINGER = 500;

export class SocketTransport implements Transport {
  /** Null when it is closed: what is remembered of closed connections must not hold sockets. */
  #socket: Socket | null = null;
  remoteAddress: string;
  remotePort: number;
  onWritten: (() => void) | null = null;
  /** Null where every write goes through the stream. */
  readonly #raw: RawWrites | null;
  /** Bytes written past the stream that the kernel has not taken yet. */
  #rawBacklog = 0;
  readonly #written = (): void => this.onWritten?.();

  /** `raw` is for plain sockets only. A socket is written to in one way all its life, or else bytes could overtake others. */
  constructor(
    socket: Socket,
    remoteAddress: string,
    remotePort: number | undefined,
    raw: RawWrites | null = null,
  ) {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort ?? 0;
    this.#raw = raw?.known ? raw : null;
    this.upgrade(socket);
  }

  get backlog(): number {
    return this.#raw === null ? (this.#socket?.writableLength ?? 0) : this.#rawBacklog;
  }

  get unsent(): number {
    return (this.#socket as WithHandle | null)?._handle?.writeQueueSize ?? this.backlog;
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
    if (this.#raw !== null) {
      this.#writeRaw(this.#raw, socket, pieces);
      return;
    }
    if (pieces.length === 1) {
      socket.write(pieces[0]!, this.#written);
      return;
    }
    socket.cork();
    for (const piece of pieces) socket.write(piece, this.#written);
    socket.uncork();
  }

  #writeRaw(raw: RawWrites, socket: Socket, pieces: Buffer[]): void {
    // Gone as soon as the socket is destroyed.
    const handle = (socket as unknown as WithHandle)._handle;
    if (handle === undefined || handle === null) return;
    const result = raw.write(handle, pieces);
    if (result === 0) return;
    if (typeof result === 'number') {
      socket.destroy(writeError(result));
      return;
    }
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.#rawBacklog += size;
    result.oncomplete = (status) => {
      this.#rawBacklog -= size;
      if (status < 0 && !socket.destroyed) socket.destroy(writeError(status));
      this.#written();
    };
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  end(how: Ending): void {
    const socket = this.#socket;
    if (socket === null) return;
    if (how === 'now') {
      socket.destroySoon();
      return;
    }
    // A reset would take back what has not been sent.
    if (how === 'reset' && this.backlog === 0 && !(socket as TLSSocket).encrypted) {
      socket.resetAndDestroy();
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

/**
 * Gives a connection what comes out of the socket's stream. One that has more than a full read in a turn of the event loop goes on
 * in the next: the others come first.
 */
export function feed(socket: Socket, connection: ClientConnection): void {
  let taken = 0;
  const nextTurn = (): void => {
    const paused = taken >= READ_SIZE;
    taken = 0;
    if (paused && (connection.closed || !connection.suspended)) socket.resume();
  };
  socket.on('data', (data: Buffer) => {
    if (taken === 0) setImmediate(nextTurn);
    taken += data.length;
    connection.onData(data);
    if (taken >= READ_SIZE) socket.pause();
  });
  socket.resume();
}

/** What a stream reports when a write fails. */
function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { errno: status, code, syscall: 'write' });
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

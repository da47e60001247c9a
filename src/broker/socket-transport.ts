/** A transport over a Node socket, plain or TLS. */
import type { Socket } from 'node:net';
import type { Transport } from './transport.js';

export class SocketTransport implements Transport {
  readonly #socket: Socket;
  readonly remoteAddress: string;
  readonly remotePort: number;
  onWritten: (() => void) | null = null;
  readonly #written = (): void => this.onWritten?.();

  constructor(socket: Socket, remoteAddress = plainAddress(socket.remoteAddress), remotePort = socket.remotePort ?? 0) {
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  get backlog(): number {
    return this.#socket.writableLength;
  }

  write(pieces: Buffer[]): void {
    const socket = this.#socket;
    if (pieces.length === 1) {
      socket.write(pieces[0]!, this.#written);
      return;
    }
    socket.cork();
    for (const piece of pieces) socket.write(piece, this.#written);
    socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** IPv4 addresses that arrive on an IPv6 socket are shown as IPv4. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

/**
 * A transport without a socket, for clients in the same process. Like a pair of sockets it has a buffer of limited size on
 * the way to the client, keeps the order, and tells each side when the other one is slow.
 *
 * Bytes change sides in a turn of the event loop of their own, never inside the call that hands them over: the client's code
 * may run while the broker is handling input and the other way round, and neither may be entered twice.
 */
import { type Arena, READ_SIZE } from '../runtime/arena.js';
import type { ClientConnection } from './connection.js';
import type { Transport } from './transport.js';

/** Bytes on the way to the client that are copied at once; behind them the server's own memory has to wait. */
const BUFFER_SIZE = 256 * 1024;
/** Bytes given to a client per turn, so that others get theirs. */
const TURN_SIZE = 1024 * 1024;

/** The client's side. */
export interface InProcessPeer {
  /** Takes bytes, which are its own in a block of their own. False: no more until it calls `proceed`. */
  receive(data: Buffer): boolean;
  /** Nothing more will come. */
  ended(): void;
}

interface Incoming {
  data: Uint8Array;
  /** Called once the server has used up the bytes, or will never look at them. */
  done: (() => void) | null;
}

export class InProcessTransport implements Transport {
  readonly remoteAddress = '';
  readonly remotePort = 0;
  onWritten: (() => void) | null = null;
  readonly #arena: Arena;
  #peer: InProcessPeer | null;
  #connection: ClientConnection | null = null;
  #scheduled = false;

  // To the client.
  #outgoing: Buffer[] = [];
  #outgoingSize = 0;
  #held: Buffer[] = [];
  #heldSize = 0;
  #peerReady = false;
  #ended = false;

  // To the server.
  #incoming: Incoming[] = [];
  #paused = false;
  #finished = false;

  constructor(arena: Arena, peer: InProcessPeer) {
    this.#arena = arena;
    this.#peer = peer;
  }

  // --- The server's side --------------------------------------------------------------------------------------------

  get backlog(): number {
    return this.#heldSize;
  }

  /** From now on the connection gets what the client sends. */
  attach(connection: ClientConnection): void {
    this.#connection = connection;
    this.#schedule();
  }

  write(pieces: Buffer[]): void {
    if (this.#ended || this.#peer === null) return;
    let size = 0;
    for (const piece of pieces) size += piece.length;
    if (this.#heldSize === 0 && this.#outgoingSize + size <= BUFFER_SIZE) {
      this.#pushOut(joined(pieces, size));
    } else {
      this.#held.push(...pieces);
      this.#heldSize += size;
    }
    this.#schedule();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    // The server gets its memory back now; how long the client takes to read is its own affair.
    if (this.#heldSize > 0) this.#pushOut(joined(this.#held, this.#heldSize));
    this.#dropHeld();
    this.#schedule();
  }

  destroy(): void {
    this.#ended = true;
    this.#outgoing = [];
    this.#outgoingSize = 0;
    this.#dropHeld();
    this.#schedule();
  }

  // --- The client's side --------------------------------------------------------------------------------------------

  /** Hands bytes to the server, which leaves them alone after `done`. */
  send(data: Uint8Array, done: (() => void) | null = null): void {
    this.#incoming.push({ data, done });
    this.#schedule();
  }

  /** The client can take bytes. */
  proceed(): void {
    if (this.#peerReady) return;
    this.#peerReady = true;
    this.#schedule();
  }

  /** The client sends nothing more. What it sent before still arrives. */
  finish(): void {
    this.#finished = true;
    this.#schedule();
  }

  /** The client is gone: it sends nothing more, and nothing reaches it. */
  abandon(): void {
    this.#peer = null;
    this.#outgoing = [];
    this.#outgoingSize = 0;
    this.#dropHeld();
    this.finish();
  }

  // --- Turns --------------------------------------------------------------------------------------------------------

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    try {
      this.#toServer();
      this.#toClient();
    } finally {
      // Also when the client's code threw.
      if (this.#moreToDo()) this.#schedule();
    }
  }

  #moreToDo(): boolean {
    if (this.#incoming.length > 0 && (this.#ended || !this.#paused) && this.#connection !== null) return true;
    if (this.#peer === null) return false;
    return this.#endDue() || (this.#peerReady && (this.#outgoing.length > 0 || this.#held.length > 0));
  }

  #toServer(): void {
    const connection = this.#connection;
    if (connection === null && !this.#ended) return;
    if (connection === null || connection.closed) {
      const dropped = this.#incoming;
      this.#incoming = [];
      for (const { done } of dropped) done?.();
      return;
    }
    if (this.#paused) return;
    const used: Incoming[] = [];
    const length = this.#fill(used);
    if (length > 0) connection.onRead(length);
    for (const { done } of used) done?.();
    if (this.#finished && this.#incoming.length === 0 && !this.#paused) connection.onTransportClosed();
  }

  /** Fills the shared read area, as a socket would; returns how many bytes. */
  #fill(used: Incoming[]): number {
    const area = this.#arena.readBuffer;
    let length = 0;
    let taken = 0;
    while (taken < this.#incoming.length && length < READ_SIZE) {
      const first = this.#incoming[taken]!;
      const room = READ_SIZE - length;
      if (first.data.length > room) {
        area.set(first.data.subarray(0, room), length);
        first.data = first.data.subarray(room);
        length += room;
        break;
      }
      area.set(first.data, length);
      length += first.data.length;
      used.push(first);
      taken++;
    }
    this.#incoming.splice(0, taken);
    return length;
  }

  #toClient(): void {
    let budget = TURN_SIZE;
    while (budget > 0 && this.#peerReady && this.#peer !== null) {
      if (this.#outgoing.length === 0 && !this.#takeHeld()) break;
      const data = this.#outgoing.shift()!;
      this.#outgoingSize -= data.length;
      budget -= data.length;
      this.#give(this.#peer, data);
    }
    const peer = this.#peer;
    if (peer === null || !this.#endDue()) return;
    this.#peer = null;
    peer.ended();
  }

  #give(peer: InProcessPeer, data: Buffer): void {
    // It may call `proceed` before it returns.
    this.#peerReady = false;
    let ready = true;
    try {
      ready = peer.receive(data);
    } finally {
      if (ready) this.#peerReady = true;
    }
  }

  #endDue(): boolean {
    return this.#ended && this.#outgoing.length === 0 && this.#held.length === 0;
  }

  /** Copies what waits in the server's memory, as far as there is room; false when nothing waits. */
  #takeHeld(): boolean {
    if (this.#held.length === 0) return false;
    while (this.#held.length > 0 && this.#outgoingSize < BUFFER_SIZE) {
      const piece = this.#held.shift()!;
      this.#pushOut(joined([piece], piece.length));
      this.#heldSize -= piece.length;
    }
    if (this.#held.length === 0) this.onWritten?.();
    return this.#outgoing.length > 0;
  }

  #pushOut(data: Buffer): void {
    this.#outgoing.push(data);
    this.#outgoingSize += data.length;
  }

  #dropHeld(): void {
    if (this.#heldSize === 0) return;
    this.#held = [];
    this.#heldSize = 0;
    this.onWritten?.();
  }
}

/** A copy in a block of its own, because clients keep parts of what they get. */
function joined(pieces: Buffer[], size: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

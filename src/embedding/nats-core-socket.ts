/**
 * The client's end of a connection within the process in the shape that `wsconnect` of `@nats-io/nats-core` drives: as much of
 * the W3C WebSocket interface as that uses, with the bytes of the NATS protocol in its messages and no network below.
 */
import { type InProcessPeer, InProcessTransport } from '../broker/in-process-transport.js';
import type { Arena } from '../runtime/arena.js';

type Handler<E> = ((event: E) => void) | null;

export class NatsCoreSocket implements InProcessPeer {
  readonly transport: InProcessTransport;
  binaryType = 'arraybuffer';
  onopen: Handler<object> = null;
  onclose: Handler<{ wasClean: boolean; reason: string }> = null;
  onerror: Handler<{ message: string }> = null;
  /** Nothing is ever lost on the way, so that a client that closes need not wait. */
  readonly bufferedAmount = 0;
  #onmessage: Handler<{ data: ArrayBuffer }> = null;
  #closed = false;

  constructor(arena: Arena) {
    this.transport = new InProcessTransport(arena, this);
  }

  get onmessage(): Handler<{ data: ArrayBuffer }> {
    return this.#onmessage;
  }

  /** Messages wait until somebody wants them. */
  set onmessage(handler: Handler<{ data: ArrayBuffer }>) {
    this.#onmessage = handler;
    if (handler !== null) this.transport.proceed();
  }

  send(data: ArrayBuffer | Uint8Array): void {
    if (!this.#closed) this.transport.send(data instanceof Uint8Array ? data : new Uint8Array(data));
  }

  close(): void {
    if (this.#closed) return;
    this.transport.abandon();
    // Handlers are never called from within a call of the client's.
    setImmediate(() => this.ended());
  }

  /** There is no server behind it any more. */
  fail(message: string): void {
    setImmediate(() => {
      if (this.#closed) return;
      this.#closed = true;
      this.onerror?.({ message });
    });
  }

  receive(data: Buffer): boolean {
    // The block holds these bytes and nothing else.
    this.#onmessage?.({ data: data.buffer as ArrayBuffer });
    return true;
  }

  ended(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onclose?.({ wasClean: true, reason: '' });
  }
}

/** The client's end of a connection within the process, as a stream: bytes of the NATS protocol in both directions. */
import { Duplex } from 'node:stream';
import { type InProcessPeer, InProcessTransport } from '../broker/in-process-transport.js';
import type { Arena } from '../runtime/arena.js';

/** Bytes that wait on each side of the stream before it says so. */
const HIGH_WATER_MARK = 64 * 1024;

interface QueuedWrite {
  chunk: Buffer;
}

/**
 * Behaves like a connected `net.Socket`: the first bytes to read are the INFO line, `end()` hangs up after what was written,
 * `destroy()` at once, and when the server hangs up the stream ends and closes. Who stops reading becomes a slow consumer
 * when more than `max_pending` bytes wait, or after `write_deadline`.
 */
export class InProcessConnection extends Duplex implements InProcessPeer {
  /** @internal */
  readonly transport: InProcessTransport;

  /** @internal */
  constructor(arena: Arena) {
    super({ allowHalfOpen: false, highWaterMark: HIGH_WATER_MARK });
    this.transport = new InProcessTransport(arena, this);
  }

  /** @internal */
  receive(data: Buffer): boolean {
    return this.push(data);
  }

  /** @internal */
  ended(): void {
    this.push(null);
  }

  /** @internal */
  override _read(): void {
    this.transport.proceed();
  }

  /** @internal */
  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.transport.send(chunk, callback);
  }

  /** @internal */
  override _writev(chunks: QueuedWrite[], callback: () => void): void {
    const last = chunks.length - 1;
    chunks.forEach(({ chunk }, index) => {
      this.transport.send(chunk, index === last ? callback : null);
    });
  }

  /** @internal */
  override _final(callback: () => void): void {
    this.transport.finish();
    callback();
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.transport.abandon();
    callback(error);
  }
}

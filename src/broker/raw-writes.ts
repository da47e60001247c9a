/**
 * Writing to a socket's handle without the stream around it, which costs a third of what the write itself does. Node keeps the
 * type of the requests that a handle wants to itself, so it is learnt from the first write that Node does on its own; where its
 * internals are not what is expected here, nothing is learnt and everything goes through the stream.
 *
 * What holds for writes of a handle (libuv): a write that the kernel takes at once leaves the request untouched, so one request
 * serves all of them. Any other is in a queue in front of later writes and of `shutdown`, and its request is told once when it is
 * through, with an error, or because the handle was closed: until then the memory has to stay.
 */

/** As long as the request has never waited. */
const UNUSED = -1;

/** Node's `WriteWrap`. */
export interface WriteRequest {
  /** -1 until the request is under way. */
  getAsyncId(): number;
  oncomplete?(status: number): void;
  /** Keeps the memory alive, as Node's own property of that name does. */
  buffer?: Uint8Array[];
}

/** As much of Node's `TCP` as is used. The methods return 0 or a negative error number. */
export interface WriteHandle {
  writeBuffer(request: WriteRequest, data: Uint8Array): number;
  writev(request: WriteRequest, pieces: Uint8Array[], allBuffers: true): number;
}

type RequestType = new () => WriteRequest;

/** What the sockets of one listener know together. */
export class RawWrites {
  #type: RequestType | null = null;
  #spare: WriteRequest | null = null;

  /** Whether `write` may be called. */
  get known(): boolean {
    return this.#type !== null;
  }

  /** Looks on at the next write that Node does on this handle. */
  learnFrom(handle: unknown): void {
    const { writeBuffer, writev } = handle as Partial<WriteHandle>;
    if (typeof writeBuffer !== 'function' || typeof writev !== 'function') return;
    const watched = handle as Partial<WriteHandle>;
    watched.writeBuffer = (request, data) => {
      delete watched.writeBuffer;
      const status = writeBuffer.call(handle as WriteHandle, request, data);
      this.#learn(request);
      return status;
    };
  }

  /**
   * Hands over bytes. Returns 0 when the kernel has taken all of them, a negative error number, or the request that waits: the
   * memory stays untouched until its `oncomplete` is called, with 0 or an error number.
   */
  write(handle: WriteHandle, pieces: Uint8Array[]): number | WriteRequest {
    const request = this.#spare ?? new this.#type!();
    this.#spare = request;
    const status =
      pieces.length === 1 ? handle.writeBuffer(request, pieces[0]!) : handle.writev(request, pieces, true);
    if (request.getAsyncId() === UNUSED) return status;
    this.#spare = null;
    if (status !== 0) return status;
    request.buffer = pieces;
    return request;
  }

  #learn(request: WriteRequest): void {
    const type = request.constructor as RequestType;
    if (this.known || typeof request.getAsyncId !== 'function') return;
    const probe = new type();
    if (probe.getAsyncId() !== UNUSED) return;
    this.#type = type;
    this.#spare = probe;
  }
}

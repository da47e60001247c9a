/**
 * The bytes on their way to one connection: collected in chunks while input is handled, handed to the transport once per turn.
 * While the transport is busy, further bytes wait here; how many may wait is limited.
 */
import { copyBytes } from '../protocol/bytes.js';
import { type Arena, type Chunk, COPY_SLACK, type Memory } from '../runtime/arena.js';
import type { Transport } from './transport.js';

/** Full chunks that are handed over without waiting for the end of the turn. */
const EAGER_CHUNKS = 4;
/** For which the end of a chunk may be left free. Bytes. */
const RESERVED_MOST = 4096;

/** A chunk that is full, or as full as it gets. */
interface Filled {
  chunk: Chunk;
  end: number;
}

/** What the connection is told. */
export interface OutboundEvents {
  /** More bytes wait than are allowed. */
  onPendingExceeded(): void;
  /** The transport did not take everything at once, or now has. */
  onBlocked(blocked: boolean): void;
  /** One more chunk is filled while the transport is busy. */
  onBacklog(): void;
}

export class Outbound {
  readonly #arena: Arena;
  readonly #transport: Transport;
  readonly #events: OutboundEvents;
  readonly #maxPending: number;
  #chunk: Chunk | null = null;
  #memory: Memory;
  #position = 0;
  #limit = 0;
  #filled: Filled[] = [];
  #filledBytes = 0;
  #inFlight: Filled[] | null = null;
  #inFlightBytes = 0;
  #closed = false;

  constructor(arena: Arena, transport: Transport, maxPending: number, events: OutboundEvents) {
    this.#arena = arena;
    this.#memory = arena.memory;
    this.#transport = transport;
    this.#maxPending = maxPending;
    this.#events = events;
    transport.onWritten = () => this.#onWritten();
  }

  /** Bytes that the transport has not got rid of. */
  get pending(): number {
    const current = this.#chunk === null ? 0 : this.#position - this.#chunk.start;
    return current + this.#filledBytes + this.#inFlightBytes;
  }

  /** Of the write that the transport is busy with. */
  get inFlight(): { chunks: number; bytes: number } {
    return { chunks: this.#inFlight?.length ?? 0, bytes: this.#inFlightBytes };
  }

  get blocked(): boolean {
    return this.#inFlight !== null;
  }

  /** Adds the two parts of a message. */
  append(
    head: Memory,
    headStart: number,
    headLength: number,
    tail: Memory,
    tailStart: number,
    tailLength: number,
  ): void {
    const position = this.#position;
    if (position + headLength + tailLength <= this.#limit) {
      const memory = this.#memory;
      if (head === memory && tail === memory && memory.kernel !== null) {
        memory.kernel.join(position, headStart, headLength, tailStart, tailLength);
      } else {
        copyBytes(head, headStart, headLength, memory, position);
        copyBytes(tail, tailStart, tailLength, memory, position + headLength);
      }
      this.#position = position + headLength + tailLength;
      return;
    }
    this.#appendPart(head, headStart, headLength);
    this.#appendPart(tail, tailStart, tailLength);
  }

  /** Adds latin1 text. */
  text(text: string): void {
    let at = 0;
    while (at < text.length) {
      const room = this.#room();
      if (room === 0) return;
      const count = Math.min(room, text.length - at);
      this.#memory.buffer.write(
        at === 0 && count === text.length ? text : text.slice(at, at + count),
        this.#position,
        'latin1',
      );
      this.#position += count;
      at += count;
    }
  }

  /**
   * Room for so many bytes in one piece, which begins there in `memory` and is to be filled at once, see `written`; -1 where there is none.
   */
  reserve(size: number): number {
    if (this.#position + size <= this.#limit) return this.#position;
    // What is left of the chunk stays free.
    if (size <= RESERVED_MOST) this.#limit = this.#position;
    return this.#room() >= size ? this.#position : -1;
  }

  /** Where `reserve` gave room. */
  get memory(): Memory {
    return this.#memory;
  }

  /** The reserved room was filled up to here. */
  written(end: number): void {
    this.#position = end;
  }

  /** Hands everything to the transport, unless it is still busy with what it got before. */
  flush(): void {
    if (this.#inFlight !== null || this.#closed) return;
    const chunk = this.#chunk;
    if (chunk !== null && this.#filled.length === 0 && this.#position > chunk.start) {
      this.#flushOne(chunk);
      return;
    }
    this.#finishChunk();
    const filled = this.#filled;
    if (filled.length === 0) return;
    this.#transport.write(filled.map(({ chunk, end }) => chunk.memory.buffer.subarray(chunk.start, end)));
    const bytes = this.#filledBytes;
    this.#filledBytes = 0;
    if (this.#transport.backlog === 0) {
      for (const { chunk } of filled) this.#arena.give(chunk);
      filled.length = 0;
      return;
    }
    this.#filled = [];
    this.#block(filled, bytes);
  }

  /** The usual case, without lists. */
  #flushOne(chunk: Chunk): void {
    const end = this.#position;
    this.#chunk = null;
    this.#position = 0;
    this.#limit = 0;
    this.#transport.write([chunk.memory.buffer.subarray(chunk.start, end)]);
    if (this.#transport.backlog === 0) this.#arena.give(chunk);
    else this.#block([{ chunk, end }], end - chunk.start);
  }

  #block(filled: Filled[], bytes: number): void {
    this.#inFlight = filled;
    this.#inFlightBytes = bytes;
    this.#events.onBlocked(true);
  }

  /** Takes no more; what waits goes to the transport, behind what is still on its way. */
  finish(): void {
    if (this.#closed) return;
    this.#finishChunk();
    const filled = this.#filled;
    if (filled.length > 0) {
      this.#transport.write(filled.map(({ chunk, end }) => chunk.memory.buffer.subarray(chunk.start, end)));
      if (this.#inFlight === null) this.#inFlight = filled;
      else this.#inFlight.push(...filled);
      this.#inFlightBytes += this.#filledBytes;
      this.#filled = [];
      this.#filledBytes = 0;
    }
    this.#closed = true;
    if (this.#transport.backlog === 0) this.#releaseInFlight();
  }

  /** Takes no more and forgets what waits. What the transport still reads from comes back when it is done with it. */
  discard(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#finishChunk();
    for (const { chunk } of this.#filled) this.#arena.give(chunk);
    this.#filled = [];
    this.#filledBytes = 0;
    if (this.#transport.backlog === 0) this.#releaseInFlight();
  }

  #releaseInFlight(): void {
    for (const { chunk } of this.#inFlight ?? []) this.#arena.give(chunk);
    this.#inFlight = null;
    this.#inFlightBytes = 0;
  }

  #onWritten(): void {
    if (this.#inFlight === null || this.#transport.backlog !== 0) return;
    this.#releaseInFlight();
    this.flush();
    if (this.#inFlight === null) this.#events.onBlocked(false);
  }

  #appendPart(from: Memory, start: number, length: number): void {
    while (length > 0) {
      const room = this.#room();
      if (room === 0) return;
      const count = Math.min(room, length);
      copyBytes(from, start, count, this.#memory, this.#position);
      this.#position += count;
      start += count;
      length -= count;
    }
  }

  /** Bytes that fit into the current chunk, after taking a new one if need be; 0 when the connection is closed. */
  #room(): number {
    if (this.#position === this.#limit) {
      if (this.#closed) return 0;
      this.#finishChunk();
      if (this.#inFlight !== null) {
        if (this.#filledBytes + this.#inFlightBytes > this.#maxPending) {
          this.#events.onPendingExceeded();
          return 0;
        }
        this.#events.onBacklog();
      } else if (this.#filled.length >= EAGER_CHUNKS) {
        this.flush();
      }
      if (this.#closed) return 0;
      const chunk = this.#arena.take();
      this.#chunk = chunk;
      this.#memory = chunk.memory;
      this.#position = chunk.start;
      this.#limit = chunk.end - COPY_SLACK;
    }
    return this.#limit - this.#position;
  }

  #finishChunk(): void {
    const chunk = this.#chunk;
    if (chunk === null) return;
    this.#chunk = null;
    const used = this.#position - chunk.start;
    if (used === 0) this.#arena.give(chunk);
    else this.#filled.push({ chunk, end: this.#position });
    this.#filledBytes += used;
    this.#position = 0;
    this.#limit = 0;
  }
}

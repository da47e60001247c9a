/**
 * The bytes that came from one connection and could not be handled yet: the unfinished tail of a read, a large payload on its
 * way, or everything while the connection is on hold.
 */
import type { ClientParser } from '../protocol/client-parser.js';
import { type Arena, Memory, READ_SIZE, SCRATCH_SIZE } from '../runtime/arena.js';
import type { ClientConnection } from './connection.js';

/** Copies of messages may read this many bytes too many. */
const SLACK = 4;
/** Operations larger than this are collected in memory of their own, so that their parts are not copied again and again. */
const ASSEMBLY_SIZE = 8 * 1024;
/** Memory taken for one at once. Beyond it, memory follows what came, not what was announced. */
const ASSEMBLY_START = 2 * 1024 * 1024;

export class Inbound {
  readonly #arena: Arena;
  readonly #parser: ClientParser;
  readonly #connection: ClientConnection;
  /** The tail of the last read, to be put in front of the next. */
  #tail: Buffer | null = null;
  /** A large operation that is not all there; `#assembled` bytes are. */
  #assembly: Memory | null = null;
  #assemblySize = 0;
  #assembled = 0;
  /** Input that waits while the connection is suspended. */
  #held: Buffer | null = null;

  constructor(arena: Arena, parser: ClientParser, connection: ClientConnection) {
    this.#arena = arena;
    this.#parser = parser;
    this.#connection = connection;
  }

  /** Handles `length` bytes that lie at the beginning of the arena's read area. */
  received(length: number): void {
    const start = this.#arena.readStart;
    if (this.#connection.suspended) {
      this.#hold(this.#arena.memory, start, start + length);
      return;
    }
    this.#take(this.#arena.memory, start, start + length);
  }

  /** Handles bytes that lie elsewhere. */
  receivedElsewhere(data: Uint8Array): void {
    for (let at = 0; at < data.length; at += READ_SIZE) {
      if (this.#connection.suspended) {
        const rest = data.subarray(at);
        this.#held = this.#held === null ? Buffer.from(rest) : Buffer.concat([this.#held, rest]);
        return;
      }
      const piece = data.subarray(at, at + READ_SIZE);
      this.#arena.readBuffer.set(piece);
      this.received(piece.length);
      if (this.#connection.closed) return;
    }
  }

  /** Goes on with the input that waited. */
  resume(): void {
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.receivedElsewhere(held);
  }

  close(): void {
    this.#tail = null;
    this.#assembly = null;
    this.#held = null;
  }

  #take(memory: Memory, start: number, end: number): void {
    if (this.#assembly !== null) {
      start = this.#assemble(memory, start, end);
      if (this.#connection.closed || start === end) return;
      if (this.#connection.suspended) {
        this.#hold(memory, start, end);
        return;
      }
    }
    const tail = this.#tail;
    if (tail !== null) {
      this.#tail = null;
      if (tail.length > SCRATCH_SIZE) {
        const joined = new Memory(tail.length + end - start);
        joined.bytes.set(tail);
        joined.bytes.set(memory.bytes.subarray(start, end), tail.length);
        memory = joined;
        end = joined.bytes.length;
        start = 0;
      } else {
        // Whatever came before `start` in the arena is used up, and there is room in front of the read area.
        start -= tail.length;
        memory.bytes.set(tail, start);
      }
    }
    this.#parse(memory, start, end);
  }

  #parse(memory: Memory, start: number, end: number): void {
    const connection = this.#connection;
    const next = this.#parser.parse(connection, memory, start, end);
    if (next === end || connection.closed) return;
    if (connection.suspended) {
      this.#hold(memory, next, end);
      return;
    }
    const { needed, keep } = this.#parser;
    if (needed > ASSEMBLY_SIZE) {
      this.#assembly = new Memory(Math.min(needed, Math.max(ASSEMBLY_START, end - next)) + SLACK);
      this.#assemblySize = needed;
      this.#assembled = end - next;
      this.#assembly.bytes.set(memory.bytes.subarray(next, end));
      return;
    }
    this.#tail = copy(memory, next, keep > 0 ? next + keep : end);
  }

  /** Adds to the operation under way; returns where the bytes behind it start. */
  #assemble(memory: Memory, start: number, end: number): number {
    const missing = this.#assemblySize - this.#assembled;
    const count = Math.min(missing, end - start);
    const assembly = this.#assemblyFor(this.#assembled + count);
    assembly.bytes.set(memory.bytes.subarray(start, start + count), this.#assembled);
    this.#assembled += count;
    const complete = count === missing;
    if (complete) this.#assembly = null;
    // An incomplete one is looked at only near its end, where a wrong terminator can show.
    if (complete || missing - count < 2) {
      this.#parser.parse(this.#connection, assembly, 0, this.#assembled);
    }
    return start + count;
  }

  /** The assembly's memory with room for at least `size` bytes. */
  #assemblyFor(size: number): Memory {
    const assembly = this.#assembly!;
    const capacity = assembly.bytes.length - SLACK;
    if (size <= capacity) return assembly;
    const larger = new Memory(Math.min(this.#assemblySize, Math.max(size, capacity * 2)) + SLACK);
    larger.bytes.set(assembly.bytes.subarray(0, this.#assembled));
    this.#assembly = larger;
    return larger;
  }

  #hold(memory: Memory, start: number, end: number): void {
    const bytes = copy(memory, start, end);
    this.#held = this.#held === null ? bytes : Buffer.concat([this.#held, bytes]);
  }
}

function copy(memory: Memory, start: number, end: number): Buffer {
  return Buffer.from(memory.bytes.subarray(start, end));
}

/**
 * A message as another account gets it: with a reply subject of its own, and with a header that says who asks. Its subject is no
 * part of it, as that is known to the plan by which it is delivered.
 */
import { copyBytes, readText } from '../protocol/bytes.js';
import { PublishOperation } from '../protocol/client-parser.js';
import { type Arena, type Chunk, COPY_SLACK, Memory, PAGE_SIZE } from '../runtime/arena.js';
import { type RequestInfo, withRequestInfo } from './request-info.js';

/** Larger memory is not kept for the next message. */
const KEPT_MEMORY = 64 * 1024;

/** Used for one message after the other. */
export class CrossingMessage extends PublishOperation {
  readonly #page: Chunk;
  /** For what does not fit into the page. */
  #large: Memory | null = null;

  constructor(arena: Arena) {
    super();
    this.#page = arena.takePage(PAGE_SIZE);
    this.memory = this.#page.memory;
  }

  /** Becomes a copy of the message with another reply subject (empty for none) and what is to be added to its header. */
  layOut(original: PublishOperation, reply: string, requestor: RequestInfo | null): void {
    const header = headerOf(original, requestor);
    const headerSize = header?.length ?? original.headerSize;
    // A header that stays as it is is copied along with the payload.
    const copyStart = original.payloadStart + (header === null ? 0 : original.headerSize);
    const copyLength = original.payloadStart + original.size - copyStart;
    const size = copyLength + (header?.length ?? 0);
    const sizes = headerSize > 0 ? `${headerSize} ${size}\r\n` : `${size}\r\n`;
    const line = reply === '' ? sizes : `${reply} ${sizes}`;
    const start = this.#reserve(line.length + size + 2);
    const { memory } = this;
    const text = header === null ? line : line + header;
    memory.buffer.write(text, start, 'latin1');
    let at = start + text.length;
    copyBytes(original.memory, copyStart, copyLength, memory, at);
    at += copyLength;
    memory.bytes[at] = 13;
    memory.bytes[at + 1] = 10;
    this.tailStart = start;
    this.tailEnd = at + 2;
    this.payloadStart = start + line.length;
    this.headerSize = headerSize;
    this.size = size;
    this.replyStart = reply === '' ? 0 : start;
    this.replyEnd = reply === '' ? 0 : start + reply.length;
  }

  /** Becomes the same message with its reply subject, without a copy of its bytes. */
  borrow(original: PublishOperation): void {
    this.memory = original.memory;
    this.tailStart = original.tailStart;
    this.tailEnd = original.tailEnd;
    this.payloadStart = original.payloadStart;
    this.headerSize = original.headerSize;
    this.size = original.size;
    this.replyStart = original.replyStart;
    this.replyEnd = original.replyEnd;
  }

  /** The message is delivered. */
  release(): void {
    this.crossing = null;
    this.memory = this.#page.memory;
    if (this.#large !== null && this.#large.bytes.length > KEPT_MEMORY) this.#large = null;
  }

  /** Makes room and returns where it begins; never 0, which stands for "none" in offsets. */
  #reserve(length: number): number {
    const { start, end, memory } = this.#page;
    if (start > 0 && start + length + COPY_SLACK <= end) {
      this.memory = memory;
      return start;
    }
    const needed = 1 + length + COPY_SLACK;
    if (this.#large === null || this.#large.bytes.length < needed) {
      this.#large = new Memory(Math.max(needed, KEPT_MEMORY));
    }
    this.memory = this.#large;
    return 1;
  }
}

/** The header as it becomes; null when it stays as it is. */
function headerOf(original: PublishOperation, requestor: RequestInfo | null): string | null {
  if (requestor === null) return null;
  const { memory, payloadStart, headerSize } = original;
  if (headerSize <= 2) return requestor.block;
  return withRequestInfo(readText(memory.bytes, payloadStart, payloadStart + headerSize), requestor);
}

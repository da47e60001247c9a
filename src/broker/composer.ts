/** Lays out messages of rooms inside the server as clients send them, in memory that is used again. */
import { hashText } from '../protocol/bytes.js';
import { PublishOperation } from '../protocol/client-parser.js';
import { COPY_SLACK, Memory } from '../runtime/arena.js';

const KEPT_SIZE = 64 * 1024;

export class Composer {
  /** Made when it is first used: many servers never do. */
  #memory: Memory | null = null;
  readonly #operation = new PublishOperation();

  /**
   * The operation and its memory are used again by the next call, unless `fresh`: while a message is being delivered, another
   * one may be published by whoever gets it. All texts are latin1.
   */
  compose(
    subject: string,
    reply: string,
    header: Uint8Array | null,
    payload: Uint8Array | string,
    fresh: boolean,
  ): PublishOperation {
    const headerSize = header?.length ?? 0;
    const payloadSize = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
    const size = headerSize + payloadSize;
    const sizes = headerSize > 0 ? `${headerSize} ${size}` : `${size}`;
    const line = `${subject} ${reply === '' ? '' : `${reply} `}${sizes}\r\n`;
    const total = line.length + size + 2;
    const reuse = !fresh && total + COPY_SLACK <= KEPT_SIZE;
    const memory = reuse ? (this.#memory ??= new Memory(KEPT_SIZE)) : new Memory(total + COPY_SLACK);
    const { buffer } = memory;
    buffer.write(line, 0, 'latin1');
    let at = line.length;
    if (header !== null) {
      memory.bytes.set(header, at);
      at += headerSize;
    }
    if (typeof payload === 'string') buffer.write(payload, at, 'utf8');
    else memory.bytes.set(payload, at);
    at += payloadSize;
    buffer[at] = 13;
    buffer[at + 1] = 10;
    const operation = reuse ? this.#operation : new PublishOperation();
    operation.memory = memory;
    operation.subjectStart = 0;
    operation.subjectEnd = subject.length;
    operation.hash = hashText(subject);
    operation.tailStart = subject.length + 1;
    operation.replyStart = reply === '' ? 0 : operation.tailStart;
    operation.replyEnd = reply === '' ? 0 : operation.tailStart + reply.length;
    operation.headerSize = headerSize;
    operation.size = size;
    operation.payloadStart = line.length;
    operation.tailEnd = total;
    return operation;
  }
}

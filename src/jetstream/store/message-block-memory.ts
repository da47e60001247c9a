/**
 * A block of a memory store: one buffer that grows up to the size of a block, with records of
 *
 *     time i64 | subject length u16 | unused u16 | header length u32 | payload length u32 | subject | header | payload
 */
import type { Stamp } from '../../runtime/stamp.js';
import { MessageBlock } from './message-block.js';
import { BlockIndex } from './message-block-index.js';
import type { StoredMessage } from './message-store.js';

export const RECORD_HEAD = 20;
const FIRST_SIZE = 1024;

export class MemoryBlock extends MessageBlock {
  index = new BlockIndex();
  readonly hasIndex = true;
  #buffer = Buffer.allocUnsafeSlow(FIRST_SIZE);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Bytes it takes. */
  get memory(): number {
    return this.#buffer.length + this.index.memory;
  }

  append(
    _sequence: number,
    time: Stamp,
    subject: string,
    body: Uint8Array,
    start: number,
    headerLength: number,
    payloadLength: number,
  ): number {
    const at = this.#size;
    const bodyAt = at + RECORD_HEAD + subject.length;
    const end = bodyAt + headerLength + payloadLength;
    if (end > this.#buffer.length) this.#grow(end);
    const buffer = this.#buffer;
    buffer.writeUInt32LE(time.low, at);
    buffer.writeUInt32LE(time.high, at + 4);
    buffer.writeUInt16LE(subject.length, at + 8);
    buffer.writeUInt32LE(headerLength, at + 12);
    buffer.writeUInt32LE(payloadLength, at + 16);
    for (let i = 0; i < subject.length; i++) buffer[at + RECORD_HEAD + i] = subject.charCodeAt(i);
    buffer.set(body.subarray(start, start + headerLength + payloadLength), bodyAt);
    this.#size = end;
    return at;
  }

  fill(place: number, into: StoredMessage): boolean {
    const at = this.index.offsets[place]!;
    const buffer = this.#buffer;
    into.sequence = this.index.sequenceAt(place);
    into.stamp.read(buffer, at);
    this.fillSubject(place, into);
    into.headerStart = into.subjectEnd;
    into.payloadStart = into.headerStart + buffer.readUInt32LE(at + 12);
    into.payloadEnd = into.payloadStart + buffer.readUInt32LE(at + 16);
    return true;
  }

  fillSubject(place: number, into: StoredMessage): void {
    const at = this.index.offsets[place]!;
    into.buffer = this.#buffer;
    into.subjectStart = at + RECORD_HEAD;
    into.subjectEnd = into.subjectStart + this.#buffer.readUInt16LE(at + 8);
  }

  stampOf(place: number, into: Stamp): Stamp {
    into.read(this.#buffer, this.index.offsets[place]!);
    return into;
  }

  /** As officially: subject, headers and payload, and 16 bytes for sequence and time. */
  sizeOf(place: number): number {
    return this.#recordLength(place) - RECORD_HEAD + 16;
  }

  /** Overwrites what a message was. */
  erase(place: number): void {
    const at = this.index.offsets[place]!;
    this.#buffer.fill(0, at + RECORD_HEAD, at + this.#recordLength(place));
  }

  /** Takes the records above a sequence away. */
  cut(sequence: number, time: bigint): void {
    const place = this.index.lowerBound(sequence + 1);
    if (place < this.index.length) this.#size = this.index.offsets[place]!;
    this.index.truncate(place);
    this.forgetFrom(place);
    this.last = sequence;
    this.lastTime = time;
    if (this.messages === 0) this.first = sequence + 1;
  }

  /** Leaves out the records that are dead; messages that were read before keep the old buffer. */
  compact(): void {
    const old = this.#buffer;
    const from = this.index;
    const to = new BlockIndex();
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(this.bytes + this.messages * 4, FIRST_SIZE));
    this.#size = 0;
    for (let place = this.nextLive(0); place < from.length; place = this.nextLive(place + 1)) {
      const at = from.offsets[place]!;
      const length =
        RECORD_HEAD + old.readUInt16LE(at + 8) + old.readUInt32LE(at + 12) + old.readUInt32LE(at + 16);
      old.copy(this.#buffer, this.#size, at, at + length);
      to.push(from.sequenceAt(place), this.#size, from.subjects[place]!);
      to.nexts[to.length - 1] = from.nexts[place]!;
      this.#size += length;
    }
    this.index = to;
    this.allLive();
  }

  #recordLength(place: number): number {
    const at = this.index.offsets[place]!;
    const buffer = this.#buffer;
    return (
      RECORD_HEAD + buffer.readUInt16LE(at + 8) + buffer.readUInt32LE(at + 12) + buffer.readUInt32LE(at + 16)
    );
  }

  /** Messages that were read keep the old buffer, so growing must not move bytes under them: it copies. */
  #grow(need: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(need, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#size);
    this.#buffer = grown;
  }
}

/** The store of a stream that keeps its messages in memory: gone at a restart, and durable at once in all that it promises. */
import type { Clock } from '../../runtime/clock.js';
import type { Slices } from '../slices.js';
import type { StoreMemory } from './message-block-cache.js';
import { MemoryBlock, RECORD_HEAD } from './message-block-memory.js';
import { BlockStore } from './message-block-store.js';

const BLOCK_SIZE = 1024 * 1024;
/** Blocks smaller than this are not worth to be compacted. */
const COMPACT_FROM = 16 * 1024;
/** As many records a block may have, however small they are. */
const BLOCK_RECORDS = 65536;

export class MemoryStore extends BlockStore<MemoryBlock> {
  readonly reports = [];
  readonly kind = 'memory';
  protected readonly maxMessage = 0x7fff_ffff;

  constructor(clock: Clock, memory: StoreMemory, firstSequence = 1, slices?: Pick<Slices, 'add'>) {
    super(clock, memory, slices);
    this.last = Math.max(firstSequence, 1) - 1;
  }

  get durablePosition(): number {
    return this.position;
  }

  sizeOfMessage(subjectLength: number, headerLength: number, payloadLength: number): number {
    return subjectLength + headerLength + payloadLength + 16;
  }

  protected blockFor(bytes: number): MemoryBlock {
    const block = this.blocks.at(-1);
    const room = block !== undefined && block.size + bytes + RECORD_HEAD <= BLOCK_SIZE;
    if (block !== undefined && block.index.length < BLOCK_RECORDS && (room || block.size === 0)) return block;
    return this.#addBlock();
  }

  #addBlock(): MemoryBlock {
    const before = this.blocks.at(-1);
    const block = new MemoryBlock((before?.number ?? 0) + 1, this.last + 1);
    block.lastStamp.copy(this.lastStamp);
    this.blocks.push(block);
    if (before?.messages === 0) this.#drop(before);
    return block;
  }

  protected changed(): void {}

  protected removing(): void {}

  protected emptied(block: MemoryBlock): void {
    if (block !== this.blocks.at(-1)) this.#drop(block);
  }

  #drop(block: MemoryBlock): void {
    this.blocks.splice(this.blocks.indexOf(block), 1);
  }

  protected removeAll(): void {
    this.blocks.length = 0;
  }

  protected writeSkip(sequence: number, time: bigint): void {
    (this.blocks.at(-1) ?? this.#addBlock()).skipped(sequence, time);
  }

  protected cutAbove(sequence: number): void {
    while (this.blocks.length > 1 && this.blocks.at(-2)!.last >= sequence) this.blocks.pop();
    const block = this.blocks.at(-1);
    if (block === undefined) return;
    const place = block.index.lowerBound(sequence + 1) - 1;
    block.cut(sequence, place >= 0 ? block.timeOf(place) : block.lastTime);
  }

  protected eraseRecord(block: MemoryBlock, place: number): null {
    block.erase(place);
    return null;
  }

  /** A block of which most is dead is rewritten. */
  protected thinned(block: MemoryBlock): void {
    if (block.size > COMPACT_FROM && block.bytes * 2 < block.size) block.compact();
  }

  stop(done: (error: Error | null) => void): void {
    this.close();
    done(null);
  }

  destroy(): void {
    this.removeAll();
    this.close();
  }
}

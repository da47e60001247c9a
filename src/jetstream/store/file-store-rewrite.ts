/** Writing a block anew: what is alive in it, under the same name. */
import { createHash, randomBytes } from 'node:crypto';
import type { Disk } from '../../runtime/disk.js';
import type { HighwayHash } from '../../runtime/highway-hash.js';
import { BlockWalk, compressBlock, compressBlockInSlices } from './block-file.js';
import type { BlockCipher } from './encryption.js';
import type { FileBlock } from './file-store-block.js';
import { blockFile } from './layout.js';
import { BlockIndex } from './message-block-index.js';
import { eraseRecord, RECORD_OVERHEAD, RecordView, readRecord } from './record.js';
import { replaceFile } from './replace-file.js';
import { UNREAD_SUBJECT } from './subject-index.js';

const NOTHING = Buffer.alloc(0);

/** So many bytes of a block are looked at in a step, about 2 ms, or an eighth of a full one. */
const STEP = 256 * 1024;
const STEP_PART = 8;

/**
 * A copy of what was alive in a block when it was begun, and of the tombstones that `isNeeded` wants, made a piece at a time. In the last
 * block of a store what was used last is kept, too, because nothing else tells of it.
 *
 * Messages may go while it is made. They are in the copy, since a commit that fails brings them back; `FileBlock.rewritten` takes over what
 * is dead by then.
 */
export class LiveCopy {
  /** Where the messages lie in it. Their subjects are left open. */
  readonly index = new BlockIndex();
  /** Their places in the block. */
  readonly places: number[] = [];
  tombstones = 0;
  /** Bytes. */
  readonly stepSize: number;
  readonly #block: FileBlock;
  readonly #from: BlockIndex;
  readonly #content: Buffer;
  readonly #isNeeded: (sequence: number) => boolean;
  readonly #wasLive: (place: number) => boolean;
  readonly #messages: number;
  readonly #walk: BlockWalk;
  #to: Buffer;
  #length = 0;
  /** What is kept and not copied yet: from here to there. */
  #start = 0;
  #end = 0;
  #last = 0;
  readonly #kept = new Set<number>();
  #buried = 0;
  #buriedEnd = 0;
  #keptLast = false;

  constructor(
    block: FileBlock,
    hash: HighwayHash,
    blockSize: number,
    isNeeded: (sequence: number) => boolean,
  ) {
    this.stepSize = Math.min(STEP, Math.ceil(blockSize / STEP_PART));
    this.#block = block;
    this.#from = block.index;
    this.#content = block.content();
    this.#isNeeded = isNeeded;
    this.#wasLive = block.liveness();
    this.#messages = block.messages;
    this.#to = Buffer.allocUnsafeSlow(block.bytes + (block.tombstones + 1) * RECORD_OVERHEAD);
    this.#walk = new BlockWalk(hash, block.hashKey, this.#content, 0, this.#content.length, {
      record: (view) => this.#record(view),
      damaged() {},
    });
  }

  get content(): Buffer {
    return this.#to.subarray(0, this.#length);
  }

  /** True when it is complete. */
  step(bytes = this.stepSize): boolean {
    if (!this.#walk.step(bytes)) return false;
    this.#copy();
    return true;
  }

  /** All of it at once, for a block that may be the last one of its store. */
  finish(isLast: boolean): this {
    this.step(Number.POSITIVE_INFINITY);
    if (isLast && this.#last < this.#block.last) {
      this.#reserve(RECORD_OVERHEAD);
      this.#block.writeSkipInto(this.#to.subarray(this.#length, this.#length + RECORD_OVERHEAD));
      this.#length += RECORD_OVERHEAD;
    }
    return this;
  }

  /** Places of messages that are still alive, but are not in the copy, as their records are damaged. */
  missing(): number[] {
    if (this.places.length === this.#messages) return [];
    const copied = new Set(this.places);
    const missing: number[] = [];
    for (let place = 0; place < this.#from.length; place++)
      if (this.#wasLive(place) && this.#block.isLive(place) && !copied.has(place)) missing.push(place);
    return missing;
  }

  #record(view: RecordView): void {
    if (view.kind === 'tombstone') this.#tombstone(view);
    if (view.kind !== 'message') return;
    const place = this.#from.find(view.sequence);
    if (place < 0 || this.#from.offsets[place] !== view.start || !this.#wasLive(place)) return;
    this.#last = view.sequence;
    this.index.push(view.sequence, this.#keep(view.start, view.end), UNREAD_SUBJECT);
    this.places.push(place);
  }

  #tombstone({ sequence, start, end }: RecordView): void {
    // Twice in a row: all below is gone, which is always kept.
    const again = sequence === this.#buried && this.#buriedEnd === start;
    if (again && !this.#keptLast) {
      this.tombstones++;
      this.#keep(start - RECORD_OVERHEAD, start);
    }
    this.#buried = sequence;
    this.#buriedEnd = end;
    // Nor may two come to lie in a row that did not before.
    this.#keptLast = again || (!this.#kept.has(sequence) && this.#isNeeded(sequence));
    if (!this.#keptLast) return;
    this.#kept.add(sequence);
    this.tombstones++;
    this.#keep(start, end);
  }

  /** Gives the offset in the copy. What lies side by side is copied in one go. */
  #keep(start: number, end: number): number {
    if (start !== this.#end) {
      this.#copy();
      this.#start = start;
    }
    this.#end = end;
    return this.#length + start - this.#start;
  }

  #copy(): void {
    const length = this.#end - this.#start;
    this.#reserve(length);
    this.#content.copy(this.#to, this.#length, this.#start, this.#end);
    this.#length += length;
    this.#start = this.#end;
  }

  /** There may be more tombstones than the block knows of. */
  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#to.length) return;
    const grown = Buffer.allocUnsafeSlow(this.#length * 2 + bytes);
    this.#to.copy(grown, 0, 0, this.#length);
    this.#to = grown;
  }
}

/** The file of a block with a copy as its content, piece by piece; what is empty is for nothing but the time it took. */
export function* rewriteInSlices(copy: LiveCopy, compress: boolean): Generator<Buffer, void, void> {
  while (!copy.step()) yield NOTHING;
  const { content, stepSize } = copy;
  if (compress) yield* compressBlockInSlices(content);
  // A file is there even if nothing is in it.
  else
    for (let at = 0; at === 0 || at < content.length; at += stepSize)
      yield content.subarray(at, at + stepSize);
}

/** The content of a block with the record at a dead place overwritten; null if there is none. */
export function erasedContent(block: FileBlock, place: number, hash: HighwayHash): Buffer | null {
  const content = Buffer.from(block.content());
  const view = new RecordView();
  if (readRecord(content, block.index.offsets[place]!, content.length, view) !== null) return null;
  eraseRecord(hash, block.hashKey, content, view, randomBytes(view.size), view.stamp);
  return content;
}

interface FoundTombstone {
  sequence: number;
  time: bigint;
  /** Offset in the block. */
  start: number;
}

/**
 * Whether two tombstones, one behind the other, say that everything up to theirs is gone: nothing lies between them. The same may have been
 * written again later, behind messages, for which it says no more than the first.
 */
export function isFloor(first: Omit<FoundTombstone, 'time'>, second: Omit<FoundTombstone, 'time'>): boolean {
  return first.sequence === second.sequence && first.start + RECORD_OVERHEAD === second.start;
}

/** The tombstones in a block, in their order. */
export function tombstonesOf(block: FileBlock): FoundTombstone[] {
  const found: FoundTombstone[] = [];
  if (block.tombstones === 0 && block.seen) return found;
  const content = block.content(false);
  const view = new RecordView();
  for (
    let at = 0;
    at < content.length && readRecord(content, at, content.length, view) === null;
    at = view.end
  ) {
    if (view.kind === 'tombstone') found.push({ sequence: view.sequence, time: view.time, start: at });
  }
  return found;
}

/**
 * Replaces the file of a block; either the old or the new one is there, whatever happens. Throws while the old one is in place; an
 * error that comes back means that the new one is, but that a power cut may bring the old one back.
 */
export function writeBlockFile(
  disk: Disk,
  path: string,
  content: Buffer,
  compress: boolean,
  cipher: BlockCipher | null,
): Error | null {
  let bytes: Buffer = compress ? compressBlock(content) : content;
  if (cipher !== null) {
    bytes = Buffer.from(bytes);
    cipher.apply(bytes, 0, bytes.length, 0);
  }
  replaceFile(disk, path, bytes);
  try {
    disk.syncDirectoryNow(path.slice(0, path.lastIndexOf('/')));
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** Keeps the file of a damaged block as it is, beside the messages. */
export function copyAside(disk: Disk, directory: string, path: string, number: number): void {
  const aside = `${directory}/damaged`;
  disk.makeDirectory(aside);
  const file = disk.readFile(path);
  const name = createHash('sha256').update(file).digest('hex').slice(0, 8);
  disk.writeFile(`${aside}/${blockFile(number)}.${name}`, file);
}

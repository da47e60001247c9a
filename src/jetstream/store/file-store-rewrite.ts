/** Writing a block anew: what is alive in it, under the same name. */
import { createHash } from 'node:crypto';
import type { Disk } from '../../runtime/disk.js';
import type { HighwayHash } from '../../runtime/highway-hash.js';
import { compressBlock, scanBlock } from './block-file.js';
import type { BlockCipher } from './encryption.js';
import type { FileBlock } from './file-store-block.js';
import { blockFile } from './layout.js';
import { BlockIndex } from './message-block-index.js';
import { RECORD_OVERHEAD, RecordView, readRecord } from './record.js';
import { replaceFile } from './replace-file.js';

export interface BlockCopy {
  content: Buffer;
  index: BlockIndex;
  tombstones: number;
}

/**
 * Copies the live messages of a block and the tombstones that `isNeeded` wants. In the last block of a store what was used
 * last is kept, too, because nothing else tells of it.
 */
export function copyLive(
  block: FileBlock,
  hash: HighwayHash,
  isLast: boolean,
  isNeeded: (sequence: number) => boolean,
): BlockCopy {
  const from = block.index;
  const content = block.content();
  const pieces: Buffer[] = [];
  const copy: BlockCopy = { content: Buffer.alloc(0), index: new BlockIndex(), tombstones: 0 };
  let length = 0;
  let last = 0;
  copy.index.hasUnread = from.hasUnread;
  const kept = new Set<number>();
  let buried = 0;
  let buriedEnd = 0;
  let keptLast = false;
  const keep = (start: number, end: number) => {
    pieces.push(content.subarray(start, end));
    length += end - start;
  };
  scanBlock(hash, block.hashKey, content, 0, content.length, {
    record(view) {
      if (view.kind === 'tombstone') {
        // Twice in a row: all below is gone, which is always kept.
        const again = view.sequence === buried && buriedEnd === view.start;
        if (again && !keptLast) {
          copy.tombstones++;
          keep(view.start - RECORD_OVERHEAD, view.start);
        }
        buried = view.sequence;
        buriedEnd = view.end;
        // Nor may two come to lie in a row that did not before.
        keptLast = again || (!kept.has(view.sequence) && isNeeded(view.sequence));
        if (!keptLast) return;
        kept.add(view.sequence);
        copy.tombstones++;
        keep(view.start, view.end);
        return;
      }
      if (view.kind !== 'message') return;
      const place = from.find(view.sequence);
      if (place < 0 || from.offsets[place] !== view.start || !block.isLive(place)) return;
      last = view.sequence;
      copy.index.push(last, length, from.subjects[place]!);
      copy.index.nexts[copy.index.length - 1] = from.nexts[place]!;
      keep(view.start, view.end);
    },
    damaged() {},
  });
  if (isLast && last < block.last) {
    const marker = Buffer.alloc(RECORD_OVERHEAD);
    block.writeSkipInto(marker);
    pieces.push(marker);
    length += marker.length;
  }
  copy.content = Buffer.concat(pieces, length);
  return copy;
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
  const content = block.content();
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

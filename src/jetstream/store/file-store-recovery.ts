/**
 * Opening a directory of messages: finishing what a crash interrupted, and finding out what is there. The blocks are the truth; an
 * index is believed where reading them would take long, and even then only about blocks that are as it says.
 */
import { type Disk, type DiskEntry, readIfThere } from '../../runtime/disk.js';
import type { HashKey, HighwayHash } from '../../runtime/highway-hash.js';
import { ByteReader } from './binary.js';
import { plainContent } from './block-content.js';
import { isCompressedBlock, scanBlock } from './block-file.js';
import type { BlockCipher, FileSealer } from './encryption.js';
import { STAGING_DIR } from './file-store-purge.js';
import {
  blockFile,
  blockIndex,
  blockKeyFile,
  INDEX_FILE,
  MESSAGES_DIR,
  NEW_MESSAGES_DIR,
  OBSOLETE_SUFFIXES,
  PURGED_DIR,
} from './layout.js';
import { BlockIndex } from './message-block-index.js';
import type { DamageReport } from './message-store.js';
import type { RecordDamage, RecordView } from './record.js';
import { CorruptError } from './store-error.js';
import { decodeIndexBody, indexIsConsistent, openIndex, type StreamIndex } from './stream-index.js';
import type { SubjectIndex } from './subject-index.js';
import { ensureDirectory } from './sync-files.js';

/**
 * Finishes a purge that was interrupted, and makes the directory of messages where it is missing.
 *
 * @param isMeant whether the block that was made for a purge that has not begun to move anything is still meant: not if
 *                messages were stored since
 */
export function finishPurge(disk: Disk, directory: string, isMeant: (number: number) => boolean): void {
  const messages = `${directory}/${MESSAGES_DIR}`;
  const fresh = `${directory}/${NEW_MESSAGES_DIR}`;
  const old = `${directory}/${PURGED_DIR}`;
  if (disk.status(fresh) !== undefined) {
    const names = disk.list(fresh).map((entry) => entry.name);
    const staged = names.map((name) => blockIndex(name)).find((number) => number >= 0);
    if (staged !== undefined && disk.status(messages) !== undefined && !isMeant(staged)) {
      disk.removeTree(fresh);
    } else if (staged !== undefined) {
      disk.removeTree(messages);
      disk.rename(fresh, messages);
    } else {
      // Not yet under way: the block that was meant to be the new one is not to stay.
      for (const name of names) {
        const number = blockIndex(name, '.key');
        if (number >= 0) disk.remove(`${messages}/${blockFile(number)}`);
      }
      disk.removeTree(fresh);
    }
    disk.syncDirectoryNow(directory);
  }
  // Cut between its two renames, by a file system that keeps their effects in another order.
  if (disk.status(messages) === undefined && disk.status(old) !== undefined) disk.rename(old, messages);
  for (const path of [old, `${directory}/${STAGING_DIR}`]) {
    if (disk.status(path) !== undefined) disk.removeTree(path);
  }
  ensureDirectory(disk, messages);
}

/** The numbers of the blocks, rising, and whether any has a key. What earlier versions or interrupted rewrites left is removed. */
export function listBlocks(
  disk: Disk,
  messages: string,
  entries: readonly DiskEntry[],
): { numbers: number[]; hasKeys: boolean } {
  const numbers: number[] = [];
  let hasKeys = false;
  for (const { name, directory } of entries) {
    const number = blockIndex(name);
    if (directory) continue;
    if (number >= 0) numbers.push(number);
    else if (blockIndex(name, '.key') >= 0) hasKeys = true;
    else if (
      /^(\d+\.(new|blk\.tmp|blk\.tmp\.tmp|key\.tmp)|weft\.batch\.tmp)$/.test(name) ||
      OBSOLETE_SUFFIXES.some((end) => name.endsWith(end))
    ) {
      disk.remove(`${messages}/${name}`);
    }
  }
  return { numbers: numbers.sort((a, b) => a - b), hasKeys };
}

/** The index, if there is one that can be read; `report` hears why it cannot. */
export function readIndex(
  disk: Disk,
  messages: string,
  hash: HighwayHash,
  key: HashKey,
  sealer: FileSealer | null,
  report: (damage: DamageReport) => void,
): StreamIndex | null {
  const path = `${messages}/${INDEX_FILE}`;
  try {
    const file = readIfThere(disk, path);
    if (file === null) return null;
    const body = openIndex(hash, key, file);
    return decodeIndexBody(sealer === null ? body : sealer.open(body));
  } catch (error) {
    const reason = error instanceof CorruptError ? error.message : `cannot be read: ${String(error)}`;
    report({ file: `${MESSAGES_DIR}/${INDEX_FILE}`, reason, sequences: [], bytes: 0 });
    return null;
  }
}

/** Whether an index fits the files: the same blocks, and the last record it knows of is the last one there. */
export function indexFits(index: StreamIndex, numbers: readonly number[], lastFile: Buffer): boolean {
  const listed = index.blocks.map((block) => block.index).sort((a, b) => a - b);
  return (
    indexIsConsistent(index) &&
    listed.length === numbers.length &&
    listed.every((number, i) => number === numbers[i]) &&
    index.lastBlock === numbers.at(-1) &&
    lastFile.length >= 8 &&
    lastFile.subarray(-8).equals(index.lastHash)
  );
}

/** How large the content of a block is, without reading all of it; -1 if that is not known. */
export function contentSize(
  disk: Disk,
  path: string,
  cipher: BlockCipher | null,
): { size: number; compressed: boolean } {
  const size = disk.status(path)?.size ?? 0;
  const head = Buffer.alloc(Math.min(32, size));
  const file = disk.open(path, 'read');
  try {
    file.read(head, 0, head.length, 0);
  } finally {
    file.close();
  }
  cipher?.apply(head, 0, head.length, 0);
  if (!isCompressedBlock(head)) return { size, compressed: false };
  try {
    return { size: new ByteReader(head, 4).varint(), compressed: true };
  } catch {
    return { size: -1, compressed: true };
  }
}

/** Everything that was found in one block. */
export interface ScannedBlock {
  content: Buffer;
  index: BlockIndex;
  compressed: boolean;
  messages: number;
  bytes: number;
  /** The last sequence that is used in it; 0 without. */
  last: number;
  lastTime: bigint;
  /** `start`: its offset. */
  tombstones: { sequence: number; time: bigint; start: number }[];
  /** Sequences of bad records, as far as they are known, and their bytes. */
  lost: number[];
  lostBytes: number;
  /** Why it has to be written anew: null for a block in order. */
  damage: string | null;
  /** The file is longer than the content: the end of a write that a crash interrupted. */
  torn: boolean;
}

const DAMAGE_TEXT: Readonly<Record<RecordDamage, string>> = {
  torn: 'record ends too early',
  zeros: 'zeros instead of a record',
  length: 'impossible length of a record',
  hash: 'checksum of a record does not match',
  sequence: 'impossible sequence of a record',
};

/** Reads a block and counts its messages for their subjects. */
export function scan(
  file: Buffer,
  cipher: BlockCipher | null,
  hash: HighwayHash,
  key: HashKey,
  subjects: SubjectIndex,
  onMessage: (content: Buffer, view: RecordView, subject: number) => void,
): ScannedBlock {
  const fileLength = file.length;
  const content = plainContent(file, cipher);
  const compressed = content !== file;
  const index = new BlockIndex();
  const found: ScannedBlock = {
    content,
    index,
    compressed,
    messages: 0,
    bytes: 0,
    last: 0,
    lastTime: 0n,
    tombstones: [],
    lost: [],
    lostBytes: 0,
    damage: compressed && content.length < compressedSize(file) ? 'compressed data is damaged' : null,
    torn: false,
  };
  const result = scanBlock(hash, key, content, 0, content.length, {
    record(view, relocated) {
      if (view.kind === 'tombstone') {
        found.tombstones.push({ sequence: view.sequence, time: view.time, start: view.start });
        return;
      }
      if (view.sequence === 0 || view.sequence <= found.last) return;
      found.last = view.sequence;
      const { time } = view;
      // The official server erases with a time of 0.
      if (time !== 0n) found.lastTime = time;
      if (view.kind !== 'message') return;
      if (relocated) {
        const hasHeaders = view.headersEnd > view.subjectEnd;
        content.writeUInt32LE((view.size | (hasHeaders ? 0x8000_0000 : 0)) >>> 0, view.start);
        found.damage ??= 'length of a record was damaged';
      }
      const subject = subjects.addBytes(content, view.subjectStart, view.subjectEnd);
      index.push(view.sequence, view.start, subject);
      found.messages++;
      found.bytes += view.size;
      onMessage(content, view, subject);
    },
    damaged(damage, start, end, sequence) {
      found.damage ??= DAMAGE_TEXT[damage];
      found.lostBytes += end - start;
      if (sequence > 0) found.lost.push(sequence);
    },
  });
  const tail = result.tail !== null && hasHole(content, result.end, cipher) ? 'zeros' : result.tail;
  settleTail(found, result.end, tail, fileLength);
  return found;
}

/** Zeros of which a device that lost power has not got the contents, as they are in the file. */
const HOLE = 32;

/** Whether there is a hole in the file behind an offset: then what is there was never synced. */
function hasHole(content: Buffer, from: number, cipher: BlockCipher | null): boolean {
  let raw = content.subarray(from);
  if (cipher !== null) {
    raw = Buffer.from(raw);
    cipher.apply(raw, 0, raw.length, from);
  }
  return raw.includes(Buffer.alloc(HOLE));
}

/** What a crash leaves at the end is cut off; what else is wrong there is damage. */
function settleTail(found: ScannedBlock, end: number, tail: RecordDamage | null, fileLength: number): void {
  if (tail !== null) {
    const crash = tail === 'torn' || tail === 'zeros';
    if (!crash) {
      found.damage ??= DAMAGE_TEXT[tail];
      found.lostBytes += found.content.length - end;
    }
    found.content = found.content.subarray(0, end);
    if (found.compressed) found.damage ??= DAMAGE_TEXT[tail];
  }
  found.torn = !found.compressed && found.content.length < fileLength;
  if (found.last === 0 && found.tombstones.length > 0) {
    for (const { sequence, time } of found.tombstones) {
      if (sequence < found.last) continue;
      found.last = sequence;
      found.lastTime = time;
    }
  }
}

function compressedSize(file: Buffer): number {
  try {
    return new ByteReader(file, 4).varint();
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Whether a block is encrypted under a key that was lost or is not given: nothing in it makes sense. */
export function isUnreadable(found: ScannedBlock, file: Buffer): boolean {
  return file.length > 0 && found.index.length === 0 && found.last === 0 && found.tombstones.length === 0;
}

export function keyFilePath(messages: string, number: number): string {
  return `${messages}/${blockKeyFile(number)}`;
}

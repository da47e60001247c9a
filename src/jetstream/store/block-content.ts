/** The content of a block file, and an index of the messages in it. */
import type { HashKey, HighwayHash } from '../../runtime/highway-hash.js';
import { decompressBlock, isCompressedBlock, scanBlock } from './block-file.js';
import type { BlockCipher } from './encryption.js';
import type { FileBlock } from './file-store-block.js';
import type { BlockIndex } from './message-block-index.js';
import { isIntact, RecordView, readRecord } from './record.js';
import { UNREAD_SUBJECT } from './subject-index.js';

const NOTHING = Buffer.alloc(0);

/** What is in a block file, decrypted and decompressed, as far as it can be read. */
export function plainContent(file: Buffer, cipher: BlockCipher | null): Buffer {
  if (cipher !== null) cipher.apply(file, 0, file.length, 0);
  if (!isCompressedBlock(file)) return file;
  try {
    return decompressBlock(file).content;
  } catch {
    return NOTHING;
  }
}

/**
 * Enters all message records of a content up to the highest sequence that can be. Their subjects are left open: looking up each
 * takes longer than all the rest, and many are never asked for.
 */
export function indexRecords(
  content: Buffer,
  context: { readonly hash: HighwayHash },
  key: HashKey,
  index: BlockIndex,
  highest: number,
): { tombstones: number } {
  const view = new RecordView();
  let tombstones = 0;
  let last = 0;
  index.hasUnread = true;
  const enter = (record: RecordView) => {
    if (record.kind === 'tombstone') {
      tombstones++;
      return;
    }
    if (record.sequence <= last) return;
    last = record.sequence;
    if (record.kind !== 'message') return;
    index.push(record.sequence, record.start, UNREAD_SUBJECT);
  };
  // Only lengths are believed without a look at the hash; what else would do harm is looked at.
  const plausible = () =>
    view.kind === 'message'
      ? view.sequence > last && view.sequence <= highest
      : isIntact(context.hash, key, content, view);
  let at = 0;
  while (at < content.length && readRecord(content, at, content.length, view) === null && plausible()) {
    enter(view);
    at = view.end;
  }
  if (at === content.length) return { tombstones };
  // Lengths do not lead to the end: only what has the right hash counts.
  index.truncate(0);
  tombstones = last = 0;
  scanBlock(context.hash, key, content, 0, content.length, {
    record: (record) => enter(record),
    damaged: () => {},
  });
  return { tombstones };
}

/** Whether what is alive in a block by an index is what was counted. */
export function countsFit(block: FileBlock, index: BlockIndex): boolean {
  const content = block.content();
  let messages = 0;
  let bytes = 0;
  for (let place = block.nextLive(0); place < index.length; place = block.nextLive(place + 1)) {
    messages++;
    bytes += content.readUInt32LE(index.offsets[place]!) & 0x7fff_ffff;
  }
  return messages === block.messages && bytes === block.bytes;
}

/** What was deleted, taken out of the blocks that were found when a store is opened. */
import type { FileBlock } from './file-store-block.js';
import type { Found, Tombstone } from './file-store-open.js';
import type { BlockSearch } from './message-block-search.js';

type Forget = (block: FileBlock, place: number) => void;

/** `forget`: takes out a message that is alive. */
export function applyDeletions(
  blocks: readonly FileBlock[],
  search: BlockSearch<FileBlock>,
  { isDeleted, tombstones, floor }: Found,
  forget: Forget,
): void {
  const bury = (sequence: number, by: Tombstone | null) => {
    const block = blocks[search.blockAt(sequence)];
    if (block !== undefined) buryIn(block, sequence, by, forget);
  };
  for (const tombstone of tombstones) bury(tombstone.sequence, tombstone);
  buryRepeated(blocks, forget);
  if (isDeleted === null && floor.sequence === 0) return;
  for (const block of blocks) {
    if (!block.seen) continue;
    const { index } = block;
    for (let place = 0; place < index.length; place++) {
      const sequence = index.sequenceAt(place);
      if (sequence <= floor.sequence) bury(sequence, floor);
      if (isDeleted?.(sequence)) bury(sequence, null);
    }
  }
}

/** A sequence counts where it is first: what comes later was taken back, or is from elsewhere. */
function buryRepeated(blocks: readonly FileBlock[], forget: Forget): void {
  let last = 0;
  for (const block of blocks) {
    const before = last;
    last = Math.max(last, block.last);
    if (!block.seen || block.messages === 0 || block.first > before) continue;
    for (let place = block.nextLive(0); place < block.index.length; place = block.nextLive(place + 1)) {
      if (block.index.sequenceAt(place) > before) break;
      forget(block, place);
    }
  }
}

/** Takes a message out that was found in a block although it is deleted. */
function buryIn(block: FileBlock, sequence: number, by: Tombstone | null, forget: Forget): void {
  if (sequence < block.first || block.messages === 0) return;
  const place = block.index.find(sequence);
  if (place < 0 || !block.isLive(place)) return;
  // A tombstone before it is for another message, which a crash took and whose sequence was used again.
  const behind =
    by !== null &&
    (by.block < block.number || (by.block === block.number && by.start < block.index.offsets[place]!));
  if (!behind) forget(block, place);
}

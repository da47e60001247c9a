/** What a file store is told when it is opened, and what it remembers of a commit. */
import type { Clock } from '../../runtime/clock.js';
import type { Disk } from '../../runtime/disk.js';
import type { HighwayHash } from '../../runtime/highway-hash.js';
import type { Slices } from '../slices.js';
import type { FileBlock, Mark } from './file-store-block.js';
import type { StoreKeys } from './file-store-keys.js';
import type { Foundation, GroupCommit } from './group-commit.js';
import type { StoreMemory } from './message-block-cache.js';
import type { StoreLimits } from './message-store.js';

export interface FileStoreOptions {
  disk: Disk;
  clock: Clock;
  memory: StoreMemory;
  commit: GroupCommit;
  hash: HighwayHash;
  /** Of the stream. */
  name: string;
  /** Of the stream; the messages are in `msgs` below it. */
  directory: string;
  /** Bytes of content that a block has before the next one is begun. */
  blockSize: number;
  compress?: boolean;
  /** With the account of the stream; null for a store that is not encrypted. */
  keys?: StoreKeys | null;
  limits?: Readonly<StoreLimits>;
  /** Asked with every cycle: what has to be on the device before anything of the store may be. */
  foundation?: Foundation;
  /** The sequence that a new stream begins with. */
  firstSequence?: number;
  /** When a schedule fires next, from the text of its headers; null where there is none. Nanoseconds. */
  scheduleOf?: (headers: string, time: bigint) => bigint | null;
  /** Compresses blocks a piece at a time; without them each is compressed in one turn. */
  slices?: Pick<Slices, 'add'> | undefined;
  /** Up to so many bytes of blocks are read rather than believed to be what an index says. */
  readBelow?: number;
}

/** How far a store was when it wrote what it had. */
export interface Flushed {
  /** Flushes that belong to a state that was left by other means do not count. */
  epoch: number;
  position: number;
  /** How many removals, and blocks out of use, there had been in all. */
  undo: number;
  garbage: number;
  blocks: { block: FileBlock; mark: Mark }[];
  last: number;
  lastTime: bigint;
  number: number;
}

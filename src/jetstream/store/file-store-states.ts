/** The caches that a store leaves behind when it is stopped: `index.db`, `thw.db`, `sched.db`, and reading the last two. */
import type { Disk } from '../../runtime/disk.js';
import type { HashKey, HighwayHash } from '../../runtime/highway-hash.js';
import { headerText } from '../headers.js';
import type { FileSealer } from './encryption.js';
import type { FileBlock } from './file-store-block.js';
import { EXPIRIES_FILE, INDEX_FILE, SCHEDULES_FILE } from './layout.js';
import type { ExpiryHeap, Schedules } from './message-block-expiry.js';
import { ttlOf } from './message-block-store.js';
import type { MessageStore, StoreLimits } from './message-store.js';
import { SequenceSet } from './sequence-set.js';
import { CorruptError } from './store-error.js';
import {
  type BlockState,
  encodeIndexBody,
  type StreamIndex,
  type SubjectState,
  sealIndex,
} from './stream-index.js';
import type { SubjectIndex } from './subject-index.js';
import { decodeExpiries, decodeSchedules, encodeExpiries, encodeSchedules } from './timer-files.js';

export interface States {
  disk: Disk;
  hash: HighwayHash;
  key: HashKey;
  sealer: FileSealer | null;
  /** Of the messages. */
  directory: string;
  state: Pick<
    StreamIndex,
    'messages' | 'bytes' | 'firstSequence' | 'firstTime' | 'lastSequence' | 'lastTime'
  >;
  blocks: readonly FileBlock[];
  subjects: SubjectIndex;
  /** The number of the block that a sequence is in. */
  blockOf(sequence: number): number;
  /** Null where the stream has none. */
  expiry: ExpiryHeap | null;
  schedules: Schedules | null;
}

/** With more deleted messages between others the index would be larger than what it saves. */
const MAX_HOLES = 10_000_000;

export function writeStates(states: States): void {
  const { disk, directory, blocks, expiry, schedules } = states;
  const last = blocks.at(-1);
  if (last === undefined || holes(blocks) > MAX_HOLES) return;
  const body = encodeIndexBody({
    ...states.state,
    subjects: subjectStates(states),
    blocks: blocks.map((block) => blockState(block, expiry !== null, schedules !== null)),
    lastBlock: last.number,
    lastHash: last.lastHash(),
  });
  const sealed = states.sealer === null ? body : states.sealer.seal(body);
  disk.writeFile(`${directory}/${INDEX_FILE}`, sealIndex(states.hash, states.key, sealed));
  const stamp = states.state.lastSequence + 1;
  if (expiry !== null) {
    const entries: { expires: bigint; sequence: number }[] = [];
    expiry.visit((time, sequence) => {
      entries.push({ expires: BigInt(Math.round(time * 1000)) * 1000n, sequence });
    });
    replace(disk, `${directory}/${EXPIRIES_FILE}`, encodeExpiries({ stamp, entries }));
  }
  if (schedules !== null) {
    const entries = [...schedules].map(({ subject, sequence, at }) => ({ subject, sequence, fires: at }));
    replace(disk, `${directory}/${SCHEDULES_FILE}`, encodeSchedules({ stamp, entries }));
  }
}

function holes(blocks: readonly FileBlock[]): number {
  let count = 0;
  for (const { first, last, messages } of blocks) count += messages === 0 ? 0 : last - first + 1 - messages;
  return count;
}

function replace(disk: Disk, path: string, bytes: Buffer): void {
  disk.writeFile(`${path}.tmp`, bytes);
  disk.rename(`${path}.tmp`, path);
}

function subjectStates({ subjects, blockOf }: States): SubjectState[] {
  const list: SubjectState[] = [];
  subjects.visit(null, (id) => {
    list.push({
      subject: subjects.name(id),
      messages: subjects.counts[id]!,
      firstBlock: blockOf(Math.abs(subjects.firsts[id]!)),
      lastBlock: blockOf(Math.abs(subjects.lasts[id]!)),
    });
    return true;
  });
  return list;
}

function blockState(block: FileBlock, hasTtls: boolean, hasSchedules: boolean): BlockState {
  const { messages } = block;
  const common = {
    index: block.number,
    bytes: block.bytes,
    lastSequence: block.last,
    lastTime: block.lastTime,
  };
  const ttls = hasTtls ? messages : 0;
  const schedules = hasSchedules ? messages : 0;
  if (messages === 0) {
    return { ...common, firstSequence: block.last + 1, firstTime: 0n, deleted: null, ttls, schedules };
  }
  const { firstTime } = block;
  const holes = block.last - block.first + 1 - messages;
  const deleted = holes > 0 ? deletedOf(block) : null;
  return { ...common, firstSequence: block.first, firstTime, deleted, ttls, schedules };
}

function deletedOf(block: FileBlock): SequenceSet {
  const deleted = new SequenceSet();
  const { index } = block;
  let next = block.first;
  for (let place = block.nextLive(0); place < index.length; place = block.nextLive(place + 1)) {
    for (const sequence = index.sequenceAt(place); next < sequence; next++) deleted.add(next);
    next++;
  }
  for (; next <= block.last; next++) deleted.add(next);
  return deleted;
}

/** What the stream has to do later. */
export interface Times {
  /** `due` in milliseconds since 1970. */
  expiries: { sequence: number; due: number }[];
  schedules: { subject: string; sequence: number; at: bigint }[];
}

/** From the files, where those cover all messages up to `last`; null where they do not. */
export function readTimes(
  disk: Disk,
  directory: string,
  last: number,
  limits: Pick<StoreLimits, 'allowTtl' | 'allowSchedules'>,
): Times | null {
  const times: Times = { expiries: [], schedules: [] };
  try {
    if (limits.allowTtl) {
      const file = decodeExpiries(disk.readFile(`${directory}/${EXPIRIES_FILE}`));
      if (file.stamp <= last) return null;
      for (const { expires, sequence } of file.entries) {
        times.expiries.push({ sequence, due: Number(expires / 1000n) / 1000 });
      }
    }
    if (limits.allowSchedules) {
      const file = decodeSchedules(disk.readFile(`${directory}/${SCHEDULES_FILE}`));
      if (file.stamp <= last) return null;
      for (const { subject, sequence, fires } of file.entries) {
        times.schedules.push({ subject, sequence, at: fires });
      }
    }
    return times;
  } catch (error) {
    if (error instanceof CorruptError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The same by looking at the headers of all messages. */
export function timesOf(
  store: MessageStore,
  scheduleOf?: (headers: string, time: bigint) => bigint | null,
): Times {
  const times: Times = { expiries: [], schedules: [] };
  const { allowTtl, allowSchedules } = store.limits;
  for (let message = store.loadNext(null, 0); message; message = store.loadNext(null, message.sequence + 1)) {
    const { header, sequence, time } = message;
    if (header === null) continue;
    const ttl = allowTtl ? ttlOf(header) : 0;
    if (ttl > 0) times.expiries.push({ sequence, due: Number(time / 1000n) / 1000 + ttl * 1000 });
    const at = allowSchedules ? (scheduleOf?.(headerText(header), time) ?? null) : null;
    if (at !== null) times.schedules.push({ subject: message.subject, sequence, at });
  }
  return times;
}

/** Opens the messages of a stream: makes its blocks from the files, and collects what has to be done about them. */
import type { Disk, DiskEntry } from '../../runtime/disk.js';
import { type HashKey, type HighwayHash, hashKey } from '../../runtime/highway-hash.js';
import { headerText } from '../headers.js';
import { isCompressedBlock } from './block-file.js';
import { BlockCipher, type FileSealer } from './encryption.js';
import { BATCH_FILE, recoverBatch } from './file-store-batch.js';
import { type BlockContext, FileBlock } from './file-store-block.js';
import type { StoreKeys } from './file-store-keys.js';
import {
  contentSize,
  finishPurge,
  indexFits,
  isUnreadable,
  keyFilePath,
  listBlocks,
  readIndex,
  type ScannedBlock,
  scan,
} from './file-store-recovery.js';
import { isFloor, writeBlockFile } from './file-store-rewrite.js';
import type { Times } from './file-store-states.js';
import { blockFile, blockIndex, MESSAGES_DIR, NEW_MESSAGES_DIR } from './layout.js';
import { ttlOf } from './message-block-store.js';
import { type DamageReport, StoreError, type StoreLimits } from './message-store.js';
import { blockKeyName, type RecordView, readVerifiedRecord, RecordView as View } from './record.js';
import { type BlockState, blockMessages, type StreamIndex } from './stream-index.js';
import { SubjectIndex } from './subject-index.js';

/** Up to so many bytes of blocks are read rather than believed to be what an index says. */
const READ_BELOW = 4 * 1024 * 1024;
/** As many sequences of a missing block are named. */
const MAX_LOST = 100_000;

export interface OpenOptions {
  disk: Disk;
  hash: HighwayHash;
  name: string;
  directory: string;
  keys?: StoreKeys | null;
  limits?: Readonly<StoreLimits>;
  scheduleOf?: (headers: string, time: bigint) => bigint | null;
  /** Up to so many bytes of blocks are read rather than believed to be what an index says. */
  readBelow?: number;
}

export interface Tombstone {
  sequence: number;
  block: number;
  start: number;
}

export interface Found {
  blocks: FileBlock[];
  /** Of all blocks that were ever there, as far as that is known. */
  highestNumber: number;
  /** Whether index.db can stay as it is. */
  indexIsTrue: boolean;
  /** With the number of their block and their offset: they bury what lies before them. */
  tombstones: Tombstone[];
  /** Everything up to this sequence is gone, see `FileStore`. */
  floor: Tombstone;
  /** What an index remembers to be deleted; null without one. */
  isDeleted: ((sequence: number) => boolean) | null;
  /** Blocks with bad records in them. */
  damaged: FileBlock[];
  lost: number[];
  lostBytes: number;
  /** The last sequence that an index knows of; 0 without. */
  rememberLast: number;
  rememberTime: bigint;
  /** Some of the messages that were looked at belong to batches. */
  hasBatches: boolean;
  /** Null where not all messages were looked at. */
  times: Times | null;
}

export class FileStoreOpener {
  readonly #options: OpenOptions;
  readonly #context: BlockContext;
  readonly #key: HashKey;
  readonly #report: (damage: DamageReport) => void;
  readonly #messages: string;
  /** Blocks whose damage was reported. */
  readonly #told = new Set<number>();
  /** Of all blocks, in bytes; whether any of them has a key; and the one that was looked at to see whether the index fits. */
  #sizes = 0;
  #hasKeys = false;
  #read: { number: number; file: Buffer } | null = null;
  readonly #found: Found = {
    blocks: [],
    highestNumber: 0,
    indexIsTrue: false,
    tombstones: [],
    floor: { sequence: 0, block: 0, start: 0 },
    isDeleted: null,
    damaged: [],
    lost: [],
    lostBytes: 0,
    rememberLast: 0,
    rememberTime: 0n,
    hasBatches: false,
    times: { expiries: [], schedules: [] },
  };

  constructor(
    options: OpenOptions,
    context: BlockContext,
    key: HashKey,
    report: (damage: DamageReport) => void,
  ) {
    this.#options = options;
    this.#context = context;
    this.#key = key;
    this.#report = report;
    this.#messages = `${options.directory}/${MESSAGES_DIR}`;
  }

  open(): Found {
    const { disk, directory, hash } = this.#options;
    const found = this.#found;
    finishPurge(disk, directory, (number) => this.#isPurgeMeant(number));
    const { numbers: all, hasKeys } = listBlocks(disk, this.#messages, this.#finishOthers());
    this.#hasKeys = hasKeys;
    found.highestNumber = all.at(-1) ?? 0;
    const numbers = all.filter((number) => !this.#removeEmpty(number));
    const index = readIndex(disk, this.#messages, hash, this.#key, this.#sealer(), this.#report);
    if (index !== null && this.#believe(index, numbers)) {
      found.indexIsTrue = true;
      if (this.#sizes > (this.#options.readBelow ?? READ_BELOW)) {
        this.#adoptIndex(index);
        return found;
      }
    }
    for (const number of numbers) this.#readBlock(number);
    if (index !== null) this.#remember(index, numbers);
    if (found.damaged.length > 0 || found.lost.length > 0) found.indexIsTrue = false;
    return found;
  }

  #sealer(): FileSealer | null {
    const { keys, disk, directory, name } = this.#options;
    const path = `${directory}/meta.key`;
    return keys && disk.status(path) !== undefined ? keys.sealer(disk, path, name).sealer : null;
  }

  #isPurgeMeant(staged: number): boolean {
    const { disk, directory } = this.#options;
    const purged = this.#lastOf(`${directory}/${NEW_MESSAGES_DIR}`, staged);
    if (purged === 0) return false;
    const numbers = disk.list(this.#messages).map(({ name }) => blockIndex(name));
    for (const number of numbers.filter((each) => each >= 0).sort((a, b) => b - a)) {
      const last = this.#lastOf(this.#messages, number);
      if (last > 0) return last <= purged;
    }
    return true;
  }

  /** The last sequence that a block tells of; 0 for one that cannot be read. */
  #lastOf(folder: string, number: number): number {
    const { disk, hash, keys, name } = this.#options;
    try {
      const file = disk.readFile(`${folder}/${blockFile(number)}`);
      const keyPath = keyFilePath(folder, number);
      const key =
        keys && disk.status(keyPath)
          ? keys.find(keys.blockContext(name, number), disk.readFile(keyPath))
          : null;
      const cipher = key && new BlockCipher(key.key);
      const result = scan(
        file,
        cipher,
        hash,
        hashKey(blockKeyName(name, number)),
        new SubjectIndex(),
        () => {},
      );
      return result.last;
    } catch {
      return 0;
    }
  }

  #removeEmpty(number: number): boolean {
    const { disk } = this.#options;
    const size = disk.status(this.#path(number))?.size;
    this.#sizes += size ?? 0;
    if (size !== 0) return false;
    disk.remove(this.#path(number));
    disk.remove(keyFilePath(this.#messages, number));
    return true;
  }

  #path(number: number): string {
    return `${this.#messages}/${blockFile(number)}`;
  }

  // By the index

  #believe(index: StreamIndex, numbers: readonly number[]): boolean {
    const last = numbers.at(-1);
    if (last === undefined || numbers.some((number) => this.#isOutdated(number))) return false;
    const cipher = this.#cipher(last, false);
    const file = this.#options.disk.readFile(this.#path(last));
    if (cipher === null) this.#read = { number: last, file };
    cipher?.apply(file, 0, file.length, 0);
    return indexFits(index, numbers, file);
  }

  #adoptIndex(index: StreamIndex): void {
    const { subjects } = this.#context;
    const found = this.#found;
    const byNumber = new Map<number, BlockState>();
    for (const state of [...index.blocks].sort((a, b) => a.index - b.index)) {
      byNumber.set(state.index, state);
      const cipher = this.#cipher(state.index, false);
      const { size, compressed } = contentSize(this.#options.disk, this.#path(state.index), cipher);
      const block = this.#newBlock(state.index, state.firstSequence, cipher);
      block.last = Math.max(state.lastSequence, 0);
      block.lastTime = state.lastTime;
      block.messages = blockMessages(state);
      block.bytes = state.bytes;
      block.adoptUnseen(Math.max(size, 0), state.deleted, compressed);
      found.blocks.push(block);
    }
    for (const { subject, messages, firstBlock, lastBlock } of index.subjects) {
      if (messages === 0) continue;
      const id = subjects.add(subject);
      subjects.counts[id] = messages;
      subjects.firsts[id] = -Math.max(byNumber.get(firstBlock)?.firstSequence ?? index.firstSequence, 1);
      subjects.lasts[id] = -Math.max(byNumber.get(lastBlock)?.lastSequence ?? index.lastSequence, 1);
    }
    found.rememberLast = index.lastSequence;
    found.rememberTime = index.lastTime;
    found.times = null;
  }

  /** What an index that is not believed still knows: numbers that were used, and what had been deleted. */
  #remember(index: StreamIndex, numbers: readonly number[]): void {
    const found = this.#found;
    found.rememberLast = index.lastSequence;
    found.rememberTime = index.lastTime;
    const states = [...index.blocks].sort((a, b) => a.firstSequence - b.firstSequence);
    found.isDeleted = (sequence) => {
      if (sequence < index.firstSequence) return true;
      const state = states.find((each) => sequence <= each.lastSequence && sequence >= each.firstSequence);
      return state?.deleted?.has(sequence) ?? false;
    };
    for (const state of states) found.highestNumber = Math.max(found.highestNumber, state.index);
    this.#missing(index, numbers);
  }

  /** What should be there according to an index that is not older than the blocks: whole blocks, and the ends of others. */
  #missing(index: StreamIndex, numbers: readonly number[]): void {
    const found = this.#found;
    const listed = index.blocks.map((block) => block.index);
    const isOld = numbers.some((number) => number > Math.max(...listed, 0));
    const last = found.blocks.find((block) => block.number === index.lastBlock);
    if (isOld || (last !== undefined && last.last > index.lastSequence)) return;
    const removed = new Set(found.tombstones.map(({ sequence }) => sequence));
    for (const state of index.blocks) {
      if (blockMessages(state) === 0 || this.#told.has(state.index)) continue;
      const block = found.blocks.find(({ number }) => number === state.index);
      const from = Math.max(state.firstSequence, found.floor.sequence + 1, (block?.last ?? 0) + 1);
      const sequences: number[] = [];
      for (let each = from; each <= state.lastSequence && sequences.length < MAX_LOST; each++) {
        if (!state.deleted?.has(each) && !removed.has(each)) sequences.push(each);
      }
      if (sequences.length === 0) continue;
      const reason = numbers.includes(state.index) ? 'its end is missing' : 'block is missing';
      this.#lose(state.index, reason, sequences, Math.max(0, state.bytes - (block?.bytes ?? 0)));
    }
  }

  #lose(number: number, reason: string, sequences: number[], bytes: number): void {
    this.#told.add(number);
    for (const sequence of sequences) this.#found.lost.push(sequence);
    this.#found.lostBytes += bytes;
    this.#report({ file: `${MESSAGES_DIR}/${blockFile(number)}`, reason, sequences, bytes });
  }

  // By the blocks

  #readBlock(number: number): void {
    const { disk, hash, name } = this.#options;
    let cipher: BlockCipher | null;
    let file: Buffer;
    try {
      cipher = this.#cipher(number, true);
      file = this.#read?.number === number ? this.#read.file : disk.readFile(this.#path(number));
    } catch (error) {
      // A block without its key, or one that the disk does not give: it stays where it is.
      const known = error instanceof StoreError && error.message === ENCRYPTED ? null : error;
      if (known === null) throw error;
      this.#lose(number, `block cannot be read: ${(error as Error).message}`, [], 0);
      return;
    }
    // Not a reason to go on without the block: if the disk refuses now, all of it is still there for the next start.
    if (cipher !== null && this.#hasKey(number) && this.#isOutdated(number)) {
      cipher.apply(file, 0, file.length, 0);
      cipher = this.#encrypt(number, file);
      file = disk.readFile(this.#path(number));
    }
    const key = hashKey(blockKeyName(name, number));
    const plainAllowed = cipher !== null && this.#isPlain(file, key);
    const onMessage = (content: Buffer, view: RecordView, subject: number) =>
      this.#onMessage(content, view, subject);
    const result = scan(file, plainAllowed ? null : cipher, hash, key, this.#context.subjects, onMessage);
    if (isUnreadable(result, file)) {
      const keyless = cipher !== null && disk.status(keyFilePath(this.#messages, number)) === undefined;
      if (result.damage !== null || !result.torn || keyless) {
        this.#lose(number, result.damage ?? 'nothing in it can be read', [], file.length);
      }
      this.#moveAside(number);
      return;
    }
    const block = this.#adopt(number, result, cipher);
    if (plainAllowed) this.#convert(block, result);
  }

  #adopt(number: number, result: ScannedBlock, cipher: BlockCipher | null): FileBlock {
    const found = this.#found;
    const { index, content } = result;
    // One with nothing but tombstones is for sequences of blocks before it.
    const last = Math.max(result.last, found.blocks.at(-1)?.last ?? 0);
    const first = index.length > 0 ? index.sequenceAt(0) : last + 1;
    const block = this.#newBlock(number, first, cipher);
    block.last = last;
    block.lastTime = result.lastTime;
    block.messages = result.messages;
    block.bytes = result.bytes;
    block.tombstones = result.tombstones.length;
    block.adopt(index, content, result.compressed);
    found.blocks.push(block);
    for (const [i, tombstone] of result.tombstones.entries()) {
      // The last one counts: a truncation may have taken it back.
      const { sequence, start } = tombstone;
      if (i > 0 && isFloor(result.tombstones[i - 1]!, tombstone))
        found.floor = { sequence, block: number, start };
      found.tombstones.push({ sequence, block: number, start });
    }
    if (result.damage !== null) {
      found.damaged.push(block);
      this.#lose(number, result.damage, result.lost, result.lostBytes);
    } else if (result.torn) {
      this.#cut(number, content.length);
    }
    return block;
  }

  /** A block without anything that can be read must not stand in the way of those to come. */
  #moveAside(number: number): void {
    const { disk, directory } = this.#options;
    disk.makeDirectory(`${directory}/damaged`);
    disk.rename(this.#path(number), `${directory}/damaged/${blockFile(number)}`);
    const key = keyFilePath(this.#messages, number);
    if (disk.status(key) !== undefined) disk.rename(key, `${directory}/damaged/${number}.key`);
  }

  /** The end of a write that was interrupted goes, so that others can be appended. */
  #cut(number: number, size: number): void {
    const file = this.#options.disk.open(this.#path(number), 'write');
    try {
      file.truncate(size);
      file.syncNow();
    } finally {
      file.close();
    }
  }

  #onMessage(content: Buffer, view: RecordView, id: number): void {
    const { counts, firsts, lasts } = this.#context.subjects;
    const { sequence } = view;
    if (++counts[id]! === 1) firsts[id] = sequence;
    else if (lasts[id]! > 0) this.#link(lasts[id]!, sequence);
    lasts[id] = sequence;
    const { limits, scheduleOf } = this.#options;
    if (view.headersEnd === view.headersStart) return;
    const header = content.subarray(view.headersStart, view.headersEnd);
    this.#found.hasBatches ||= header.includes('Nats-Batch-Id');
    if (!limits) return;
    const { time } = view;
    const ttl = limits.allowTtl ? ttlOf(header) : 0;
    const times = this.#found.times!;
    if (ttl > 0) times.expiries.push({ sequence, due: Number(time / 1000n) / 1000 + ttl * 1000 });
    const at = limits.allowSchedules ? (scheduleOf?.(headerText(header), time) ?? null) : null;
    if (at !== null) {
      const subject = content.toString('latin1', view.subjectStart, view.subjectEnd);
      times.schedules.push({ subject, sequence, at });
    }
  }

  #link(previous: number, sequence: number): void {
    const block = this.#found.blocks.at(-1);
    const place = block?.hasIndex && block.last >= previous ? block.index.find(previous) : -1;
    if (place >= 0) block!.index.nexts[place] = sequence - previous;
  }

  #newBlock(number: number, first: number, cipher: BlockCipher | null): FileBlock {
    const key = hashKey(blockKeyName(this.#options.name, number));
    return new FileBlock(this.#context, number, Math.max(first, 1), key, cipher);
  }

  // Encryption

  /** Whether a block is not encrypted with today's key and cipher. */
  #isOutdated(number: number): boolean {
    const { disk, keys, name } = this.#options;
    if (!keys) return false;
    const path = keyFilePath(this.#messages, number);
    if (disk.status(path) === undefined) return true;
    try {
      return keys.find(keys.blockContext(name, number), disk.readFile(path)).outdated;
    } catch {
      return true;
    }
  }

  #hasKey(number: number): boolean {
    return this.#options.disk.status(keyFilePath(this.#messages, number)) !== undefined;
  }

  /** The keystream of a block; with `always` a new one for a block that may have to get one. */
  #cipher(number: number, always: boolean): BlockCipher | null {
    const { disk, keys, name } = this.#options;
    const path = keyFilePath(this.#messages, number);
    if (!keys && !this.#hasKeys) return null;
    const hasKey = disk.status(path) !== undefined;
    if (!keys) {
      if (hasKey) throw new StoreError('disk', ENCRYPTED);
      return null;
    }
    const context = keys.blockContext(name, number);
    if (!hasKey) return always ? new BlockCipher(keys.create(context)) : null;
    return new BlockCipher(keys.find(context, disk.readFile(path)).key);
  }

  /** Whether a block is there as it was before encryption was switched on. */
  #isPlain(file: Buffer, key: HashKey): boolean {
    return (
      isCompressedBlock(file) ||
      readVerifiedRecord(this.#options.hash, key, file, 0, file.length, new View()) === null
    );
  }

  #convert(block: FileBlock, { content, compressed }: ScannedBlock): void {
    const plain = content;
    const cipher = this.#encrypt(block.number, this.#options.disk.readFile(this.#path(block.number)));
    block.useCipher(cipher);
    block.replaced(plain, compressed);
  }

  /** Encrypts what a file holds with a new key. The new file is there before the key changes, see `#finishConversions`. */
  #encrypt(number: number, bytes: Buffer): BlockCipher {
    const { disk, keys, name } = this.#options;
    const created = keys!.create(keys!.blockContext(name, number));
    const cipher = new BlockCipher(created);
    const path = this.#path(number);
    const staged = `${path}.tmp`;
    const failure = writeBlockFile(disk, staged, bytes, false, cipher);
    if (failure !== null) throw failure;
    const keyPath = keyFilePath(this.#messages, number);
    disk.writeFile(`${keyPath}.tmp`, created.file);
    const file = disk.open(`${keyPath}.tmp`, 'write');
    file.syncNow();
    file.close();
    disk.rename(`${keyPath}.tmp`, keyPath);
    disk.syncDirectoryNow(this.#messages);
    this.#place(number, staged);
    return new BlockCipher(created);
  }

  /** Puts a copy of a staged block in place: the old one cannot be read any more, so the staged one goes when the copy is durable. */
  #place(number: number, staged: string): void {
    const { disk } = this.#options;
    const copy = `${this.#messages}/${number}.new`;
    disk.writeFile(copy, disk.readFile(staged));
    const file = disk.open(copy, 'write');
    try {
      file.syncNow();
    } finally {
      file.close();
    }
    disk.rename(copy, this.#path(number));
    disk.syncDirectoryNow(this.#messages);
    disk.remove(staged);
  }

  /** Finishes what a server has left in the middle, first a batch, then conversions. Gives what there is then. */
  #finishOthers(): DiskEntry[] {
    const { disk, hash } = this.#options;
    let entries = disk.list(this.#messages);
    if (entries.some(({ name }) => name === BATCH_FILE)) {
      recoverBatch({ disk, hash, key: this.#key, directory: this.#messages });
      entries = disk.list(this.#messages);
    }
    if (!entries.some(({ name }) => name.endsWith('.blk.tmp'))) return entries;
    this.#finishConversions(entries);
    return disk.list(this.#messages);
  }

  /** A conversion that was interrupted after the key had changed: the block that goes with it is still beside. */
  #finishConversions(entries: readonly DiskEntry[]): void {
    const { disk, keys, name } = this.#options;
    if (!keys) return;
    for (const { name: entry } of entries) {
      const match = /^(\d+)\.blk\.tmp$/.exec(entry);
      if (match === null) continue;
      const number = Number(match[1]);
      const keyPath = keyFilePath(this.#messages, number);
      if (disk.status(keyPath) === undefined) continue;
      const cipher = new BlockCipher(keys.find(keys.blockContext(name, number), disk.readFile(keyPath)).key);
      const staged = `${this.#messages}/${entry}`;
      const makesSense = (path: string) => {
        if (disk.status(path) === undefined) return false;
        const file = disk.readFile(path);
        cipher.apply(file, 0, file.length, 0);
        return this.#isPlain(file, hashKey(blockKeyName(name, number)));
      };
      if (!makesSense(this.#path(number)) && makesSense(staged)) this.#place(number, staged);
    }
  }
}

const ENCRYPTED = 'encryption not enabled';

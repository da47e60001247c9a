/**
 * A block of a file store: `N.blk` with its records. What is appended is gathered in memory, written with the next group commit,
 * and stays there as a cache; what was dropped is read again, a piece or all of it, as it is used.
 *
 * Offsets are those in the plain content. A file that is encrypted or compressed is only read as a whole.
 */
import type { DiskFile } from '../../runtime/disk.js';
import { HASH_SIZE, type HashKey, type HighwayHash } from '../../runtime/highway-hash.js';
import { Stamp } from '../../runtime/stamp.js';
import { indexRecords, plainContent } from './block-content.js';
import type { BlockCipher } from './encryption.js';
import type { LiveCopy } from './file-store-rewrite.js';
import type { CommitCycle } from './group-commit.js';
import { MessageBlock } from './message-block.js';
import type { StoreMemory } from './message-block-cache.js';
import { BlockIndex } from './message-block-index.js';
import type { StoredMessage } from './message-store.js';
import {
  isIntact,
  RECORD_OVERHEAD,
  RecordView,
  readRecord,
  recordSize,
  SUBJECT_AT,
  subjectLength,
  writeMarker,
  writeMessage,
} from './record.js';
import type { SequenceSet } from './sequence-set.js';
import type { SubjectIndex } from './subject-index.js';
import type { StoreFilter } from './subject-index-pattern.js';

/** What the blocks of a store have in common. */
export interface BlockContext {
  readonly memory: StoreMemory;
  readonly subjects: SubjectIndex;
  readonly hash: HighwayHash;
  openBlockFile(number: number): DiskFile;
  readBlockFile(number: number): Buffer;
  /**
   * A block was read of which only `index.db` had told, or in
   * which there are not as many records as before.
   */
  indexRead(block: FileBlock, index: BlockIndex, asBefore: boolean): void;
}

/** Read at once when a single record is wanted. */
const WINDOW = 4096;
const FIRST_BUFFER = 4096;
const NOTHING = Buffer.alloc(0);
const NONE = new Uint8Array(0);
/** What grows by less than such a part of its buffer is not kept for being written. */
const IDLE_SHARE = 4;
/** Milliseconds. */
const FILLED_SOON = 5000;
const FULL_TIME = 8;

/** How far a block is, to be able to go back. */
export interface Mark {
  size: number;
  records: number;
  last: number;
  lastTime: bigint;
  tombstones: number;
}

export class FileBlock extends MessageBlock {
  cipher: BlockCipher | null;
  /** Whether the file has to be read as a whole. */
  compressed = false;
  /** Tombstones in it. */
  tombstones = 0;
  /** Message records in it, dead ones included. */
  records = 0;
  /** Known from `index.db`, not yet seen in the block: what is deleted in it. */
  unseen: { deleted: SequenceSet | null } | null = null;
  /** Whether there is a file. */
  created: boolean;
  /** Another one when the content that was there is another. */
  version = 0;
  readonly #context: BlockContext;
  readonly #key: HashKey;
  readonly #view = new RecordView();
  #index: BlockIndex | null = null;
  #indexHeld = 0;
  /** Where the first live message was when the index was dropped. */
  #first = { sequence: -1, offset: 0 };
  readonly #indexEntry = { evict: () => this.#dropIndex() };
  readonly #fileEntry = { evict: () => this.#closeUnlessSyncing() };
  /** The content from `#base` to `#size`; null when nothing of it is in memory. */
  #buffer: Buffer | null = null;
  #base = 0;
  #held = false;
  /** Somebody may still look at the bytes of the buffer when it is dropped. */
  #lent = false;
  /** Since the store was last asked for what nobody uses: whether it was read, and the size it had then. */
  #wasRead = false;
  #sizeBefore = 0;
  /** Bytes of the first buffer. */
  #reserve = FIRST_BUFFER;
  #begun = Number.NEGATIVE_INFINITY;
  /** Below this, the buffer was read from the file, and records are checked before they are served. */
  #checkBelow = 0;
  /** Those that have been, a bit for each place. */
  #checked = NONE;
  #size = 0;
  #written = 0;
  /** Records below have their hashes. The others get them when they are written, all at once. */
  #sealed = 0;
  /** There may be bytes in the file behind `#written`, of a write that failed. */
  #dirtyTail = false;
  /** The file was cut, or is not known to be on the device, and has to be synced. */
  #cut = false;
  /** A sync of it has failed: it has to be written once more before, as the next sync would have nothing to write. */
  #rewrite = false;
  #file: DiskFile | null = null;
  /** Cycles that are not over, in which the file was written. */
  #syncing = 0;
  #closeLater = false;
  /** A piece of the file, for single records. */
  #window = NOTHING;
  #windowStart = 0;
  #windowReads = 0;
  /** The tombstone that was written last, and where it ends. */
  #buried = { sequence: 0, end: -1 };
  #durable: Mark;

  constructor(
    context: BlockContext,
    number: number,
    first: number,
    key: HashKey,
    cipher: BlockCipher | null,
  ) {
    super(number, first);
    this.#context = context;
    this.#key = key;
    this.cipher = cipher;
    this.created = false;
    this.#durable = this.#mark();
  }

  get size(): number {
    return this.#size;
  }

  get hashKey(): HashKey {
    return this.#key;
  }

  /** Whether something has to be written. */
  get pending(): boolean {
    return this.#written < this.#size;
  }

  get hasIndex(): boolean {
    return this.#index !== null;
  }

  get index(): BlockIndex {
    if (this.#index === null) this.#readIndex();
    return this.#index!;
  }

  /** Begins a new block at a monotonic time. Where the one before was filled soon, this need not be copied to larger and larger buffers. */
  follow(before: FileBlock | undefined, now: number, blockSize: number): void {
    this.#begun = now;
    if (before !== undefined && now - before.#begun < FILLED_SOON)
      this.#reserve = Math.max(before.size, blockSize);
  }

  /** Nothing is appended any more: unless it was read not long ago, its content goes when it is durable. */
  filled(): void {
    if (this.#buffer === null || this.#wasRead) return;
    this.#context.memory.contents.release(this.#contentEntry);
    this.#held = false;
    this.#dropUnlessHeld();
  }

  /** Takes what was found in the file when the store was opened. */
  adopt(index: BlockIndex, content: Buffer, compressed: boolean): void {
    this.#index = index;
    this.records = index.length;
    this.#size = this.#written = this.#sealed = content.length;
    this.compressed = compressed;
    this.created = true;
    this.#setContent(content);
    this.#holdIndex();
    this.settled();
  }

  /** The same where only `index.db` was read. */
  adoptUnseen(size: number, deleted: SequenceSet | null, compressed: boolean): void {
    this.#size = this.#written = this.#sealed = size;
    this.unseen = { deleted };
    this.compressed = compressed;
    this.created = true;
    this.settled();
  }

  // Writing

  append(
    sequence: number,
    time: Stamp,
    subject: string,
    body: Uint8Array,
    start: number,
    headerLength: number,
    payloadLength: number,
  ): number {
    const size = recordSize(subject.length, headerLength, payloadLength);
    const buffer = this.#room(size);
    const offset = this.#size;
    const at = offset - this.#base;
    writeMessage(buffer, at, sequence, time, subject, body, start, headerLength, payloadLength);
    this.#size += size;
    this.records++;
    // The index that the record is entered into must be there before the record is.
    return offset;
  }

  marker(kind: 'skip' | 'tombstone', sequence: number, time: Stamp): void {
    const buffer = this.#room(RECORD_OVERHEAD);
    writeMarker(buffer, this.#size - this.#base, kind, sequence, time);
    this.#size += RECORD_OVERHEAD;
    if (kind === 'skip') return;
    this.tombstones++;
    this.#buried = { sequence, end: this.#size };
  }

  /** What the record at the end buries; 0 if that is no tombstone. */
  get buriedLast(): number {
    if (this.#buried.end !== this.#size) this.#buried = { sequence: this.#buriedAtEnd(), end: this.#size };
    return this.#buried.sequence;
  }

  #buriedAtEnd(): number {
    if (this.#size < RECORD_OVERHEAD) return 0;
    const { bytes, at } = this.#bytes(this.#size - RECORD_OVERHEAD, RECORD_OVERHEAD);
    const view = this.#view;
    const end = at + RECORD_OVERHEAD;
    const found = readRecord(bytes, at, end, view) === null && view.kind === 'tombstone' && view.end === end;
    this.#seal();
    return found && isIntact(this.#context.hash, this.#key, bytes, view) ? view.sequence : 0;
  }

  /** The buffer, with room for so many bytes behind the content. Bytes that are there never move under who reads them. */
  #room(bytes: number): Buffer {
    // Without this a record would be appended to a block whose index is then read with it.
    if (this.#index === null) this.#readIndex();
    if (this.#buffer === null) {
      this.#base = this.#size;
      this.#buffer = this.#context.memory.spares.take(Math.max(this.#reserve, bytes));
      this.#hold();
    }
    const used = this.#size - this.#base;
    if (used + bytes > this.#buffer.length) {
      const { spares } = this.#context.memory;
      const grown = spares.take(Math.max(this.#buffer.length * 2, used + bytes));
      this.#buffer.copy(grown, 0, 0, used);
      if (!this.#lent && this.#syncing === 0) spares.give(this.#buffer);
      this.#buffer = grown;
      this.#lent = false;
      this.#hold();
    }
    return this.#buffer;
  }

  #seal(): void {
    if (this.#sealed === this.#size) return;
    const { hash } = this.#context;
    hash.sealRecords(this.#key, this.#buffer!, this.#sealed - this.#base, this.#size - this.#base);
    this.#sealed = this.#size;
  }

  /** Writes what was gathered. The key file, where there is one, must be there. */
  flush(cycle: CommitCycle, path: string): Mark {
    if (this.#written < this.#size || !this.created) {
      if (this.#file === null) this.#useFile(cycle.open(path));
      this.created = true;
      if (this.#written < this.#size) {
        this.#seal();
        const length = this.#size - this.#written;
        let bytes: Buffer = this.#buffer!;
        let offset = this.#written - this.#base;
        if (this.cipher !== null) {
          bytes = Buffer.from(bytes.subarray(offset, offset + length));
          offset = 0;
          this.cipher.apply(bytes, 0, length, this.#written);
        }
        if (this.#dirtyTail) {
          this.#file!.truncate(this.#written);
          // Before anything takes its place: what is left of the one must not be found behind the other.
          this.#file!.syncNow();
          cycle.write(this.#file!, NOTHING, 0, 0, 0);
        }
        this.#dirtyTail = true;
        cycle.write(this.#file!, bytes, offset, length, this.#written);
        this.#dirtyTail = false;
        this.#written = this.#size;
        this.#window = NOTHING;
      }
      if (this.#index !== null && this.#index.memory !== this.#indexHeld) this.#holdIndex();
    }
    if (this.#cut) {
      if (this.#dirtyTail) this.#openFile().truncate(this.#written);
      this.#dirtyTail = false;
      cycle.write(this.#openFile(), NOTHING, 0, 0, 0);
      if (this.#rewrite) {
        const bytes = this.#context.readBlockFile(this.number);
        cycle.write(this.#openFile(), bytes, 0, bytes.length, 0);
      }
      this.#cut = this.#rewrite = false;
    }
    this.#syncing++;
    return this.#mark();
  }

  /** What cycles have written that are not over is synced by this one, too. */
  syncWith(cycle: CommitCycle): void {
    if (this.#syncing > 0) cycle.write(this.#openFile(), NOTHING, 0, 0, 0);
  }

  /** What was written by the `flush` that returned this mark is durable. */
  confirmed(mark: Mark): void {
    this.#durable = mark;
    if (this.#syncing > 0) this.#syncing--;
    if (this.#syncing > 0) return;
    if (this.#closeLater) this.closeFile();
    this.#dropUnlessHeld();
  }

  /** The file is on the device as far as it was written, and ends there, when this returns. */
  syncNow(): void {
    if (!this.created) return;
    const file = this.#openFile();
    if (this.#dirtyTail) file.truncate(this.#written);
    this.#dirtyTail = false;
    if (this.#rewrite) {
      const bytes = this.#context.readBlockFile(this.number);
      file.write(bytes, 0, bytes.length, 0);
    }
    file.syncNow();
  }

  /** Everything that is there is durable. */
  settled(): void {
    this.#durable = this.#mark();
    this.#syncing = 0;
    this.#dropUnlessHeld();
  }

  #mark(): Mark {
    const { records, last, lastTime, tombstones } = this;
    return { size: this.#size, records, last, lastTime, tombstones };
  }

  /** Goes back to what is durable. The file is cut `now`, and what it throws then comes from here, or before anything is written to it. */
  goBack(now: boolean): void {
    this.#syncing = 0;
    this.#cut = this.created;
    this.cutTo(this.#durable, now);
    // Once more before it is written to: the journal may put back what a commit said that is not counted any more.
    this.#dirtyTail = this.created && !this.compressed;
  }

  /** What is in the file may not be on the device: the next `flush` sees to it. `again`: the last one tried, and its sync failed. */
  distrust(again: boolean): void {
    this.#cut = this.created;
    this.#rewrite = this.created && again;
  }

  /** Whether the device has all of it, and a sync that is under way or failed would add nothing. */
  get isDurable(): boolean {
    return this.#size === this.#durable.size && !this.pending && this.#syncing === 0;
  }

  /** Whether nothing behind a mark was written to the file. */
  isUnwrittenBehind({ size }: Mark): boolean {
    return this.#written <= size && !this.#dirtyTail;
  }

  /** Takes everything behind a mark away. */
  cutTo(mark: Mark, now = true): void {
    this.version++;
    if (this.#index !== null) this.#index.truncate(mark.records);
    this.forgetFrom(mark.records);
    this.records = mark.records;
    this.last = mark.last;
    this.lastTime = mark.lastTime;
    this.tombstones = mark.tombstones;
    if (this.messages === 0) this.first = this.last + 1;
    if (this.#buffer !== null && this.#base > mark.size) this.#releaseContent();
    // Who has read from the buffer keeps the old one.
    if (this.#buffer !== null) this.#buffer = Buffer.from(this.#buffer);
    this.#size = mark.size;
    this.#sealed = Math.min(this.#sealed, mark.size);
    this.#checkBelow = Math.min(this.#checkBelow, mark.size);
    this.#buried = { sequence: 0, end: -1 };
    this.#window = NOTHING;
    if (this.#written > mark.size || this.#dirtyTail) {
      this.#written = Math.min(this.#written, mark.size);
      this.#dirtyTail = true;
      if (!now) return;
      if (this.created) this.#openFile().truncate(mark.size);
      this.#dirtyTail = false;
    }
  }

  /** The mark behind the last record up to a sequence. */
  markAt(sequence: number): Mark {
    const { index } = this;
    const records = index.lowerBound(sequence + 1);
    const size = records > 0 ? index.offsets[records - 1]! + this.sizeOf(records - 1) : 0;
    const lastTime = records > 0 ? this.timeOf(records - 1) : this.lastTime;
    return { size, records, last: Math.min(this.last, sequence), lastTime, tombstones: this.tombstones };
  }

  // Reading

  fill(place: number, into: StoredMessage): boolean {
    const offset = this.index.offsets[place]!;
    const record = this.#record(offset);
    const view = this.#view;
    const buffer = record.bytes;
    const intact =
      readRecord(buffer, record.at, record.end, view) === null &&
      view.kind === 'message' &&
      view.sequence === this.#index!.sequenceAt(place) &&
      (offset >= this.#checkBelow || this.#isIntact(place, buffer));
    if (!intact) return false;
    into.sequence = view.sequence;
    into.buffer = buffer;
    this.#lent = true;
    into.stamp.read(buffer, record.at + 12);
    into.subjectStart = view.subjectStart;
    into.subjectEnd = view.subjectEnd;
    into.headerStart = view.headersStart;
    into.payloadStart = view.payloadStart;
    into.payloadEnd = view.payloadEnd;
    return true;
  }

  /** Whether the record that was looked at has its hash. Once is enough as long as the content stays in memory. */
  #isIntact(place: number, bytes: Buffer): boolean {
    const stays = bytes === this.#buffer;
    const bit = 1 << (place & 7);
    if (stays && (this.#checked[place >> 3]! & bit) !== 0) return true;
    if (!isIntact(this.#context.hash, this.#key, bytes, this.#view)) return false;
    if (!stays) return true;
    if (this.#checked.length === 0) this.#checked = new Uint8Array((this.index.length >> 3) + 1);
    this.#checked[place >> 3]! |= bit;
    return true;
  }

  fillSubject(place: number, into: StoredMessage): void {
    const record = this.#record(this.index.offsets[place]!);
    readRecord(record.bytes, record.at, record.end, this.#view);
    into.buffer = record.bytes;
    this.#lent = true;
    into.subjectStart = this.#view.subjectStart;
    into.subjectEnd = this.#view.subjectEnd;
  }

  protected override readSubject(place: number): number {
    const offset = this.index.offsets[place]!;
    const { bytes, at } =
      this.#buffer !== null && offset >= this.#base
        ? { bytes: this.#buffer, at: offset - this.#base }
        : this.#record(offset);
    const length = subjectLength(bytes, at);
    const id = this.#context.subjects.findBytes(bytes, at + SUBJECT_AT, at + SUBJECT_AT + length);
    this.#index!.subjects[place] = id;
    return id;
  }

  override countUnread(start: number, stop: number, filter: StoreFilter): number {
    const { offsets } = this.index;
    const bytes = this.content();
    let count = 0;
    for (let place = start; place < stop; place++) {
      const at = offsets[place]!;
      const subject = at + SUBJECT_AT;
      if (filter.matchesBytes(bytes, subject, subject + subjectLength(bytes, at)) && this.isLive(place)) {
        count++;
      }
    }
    return count;
  }

  stampOf(place: number, into: Stamp): Stamp {
    return this.#stampAt(this.index.offsets[place]!, into);
  }

  #stampAt(offset: number, into: Stamp): Stamp {
    const { bytes, at } = this.#bytes(offset, 12 + FULL_TIME);
    if (at + 20 <= bytes.length) into.read(bytes, at + 12);
    else into.low = into.high = 0;
    return into;
  }

  sizeOf(place: number): number {
    const { bytes, at } = this.#bytes(this.index.offsets[place]!, 4);
    return at + 4 <= bytes.length ? bytes.readUInt32LE(at) & 0x7fff_ffff : 0;
  }

  /** All of the content. Not to be changed; `kept`: it may still be looked at in another turn. */
  content(kept = true): Buffer {
    if (this.#buffer === null || this.#base > 0) this.#load();
    this.#seal();
    this.#lent ||= kept;
    this.#wasRead = true;
    return this.#buffer!.subarray(0, this.#size);
  }

  #record(offset: number): { bytes: Buffer; at: number; end: number } {
    const head = this.#bytes(offset, 4);
    if (head.at + 4 > head.bytes.length) return { bytes: NOTHING, at: 0, end: 0 };
    const length = Math.min(head.bytes.readUInt32LE(head.at) & 0x7fff_ffff, this.#size - offset);
    const { bytes, at } = this.#bytes(offset, length);
    return { bytes, at, end: Math.min(at + length, bytes.length) };
  }

  /** Where some bytes of the content are in memory, after they were read if they were not. */
  #bytes(offset: number, length: number): { bytes: Buffer; at: number } {
    if (this.#buffer !== null && offset >= this.#base) {
      this.#wasRead = true;
      return { bytes: this.#buffer, at: offset - this.#base };
    }
    const windowEnd = this.#windowStart + this.#window.length;
    if (offset >= this.#windowStart && offset + length <= windowEnd) {
      return { bytes: this.#window, at: offset - this.#windowStart };
    }
    // One after the other, or many: then all of it.
    const inRow = offset >= this.#windowStart && offset <= windowEnd && this.#window.length > 0;
    const many = ++this.#windowReads > this.#written / WINDOW / 8;
    if (inRow || many || this.compressed || this.cipher !== null) {
      this.#load();
      return { bytes: this.#buffer!, at: offset };
    }
    const wanted = Math.min(Math.max(length, WINDOW), this.#written - offset);
    const window = Buffer.allocUnsafeSlow(wanted);
    const count = this.#openFile().read(window, 0, wanted, offset);
    this.#window = window.subarray(0, count);
    this.#windowStart = offset;
    this.#checkBelow = Math.max(this.#checkBelow, this.#written);
    return { bytes: this.#window, at: 0 };
  }

  /** Reads the file, and keeps what was not written yet behind it. */
  #load(): void {
    const file = this.#context.readBlockFile(this.number);
    const content = plainContent(file, this.cipher);
    if (this.#written === this.#size && content.length === this.#size) {
      this.#setContent(content);
      this.#checkBelow = this.#written;
      return;
    }
    const from = Math.min(content.length, this.#written);
    const bytes = Buffer.allocUnsafeSlow(this.#size);
    content.copy(bytes, 0, 0, from);
    // What the file lacks is not taken for records.
    if (from < this.#written) bytes.fill(0, from, this.#written);
    if (this.#buffer !== null && this.#written < this.#size) {
      this.#buffer.copy(bytes, this.#written, this.#written - this.#base, this.#size - this.#base);
    }
    this.#setContent(bytes);
    this.#checkBelow = this.#written;
  }

  #setContent(content: Buffer): void {
    this.#buffer = content;
    this.#checked = NONE;
    this.#lent = true;
    this.#base = 0;
    this.#window = NOTHING;
    this.#windowReads = 0;
    this.#hold();
  }

  #readIndex(): void {
    const index = new BlockIndex();
    if (this.#size > 0) {
      const content = this.content();
      const scan = indexRecords(content, this.#context, this.#key, index, this.last);
      if (this.unseen !== null) this.tombstones = scan.tombstones;
    }
    const unseen = this.unseen;
    this.unseen = null;
    this.#checked = NONE;
    this.#index = index;
    this.#holdIndex();
    if (unseen !== null) {
      this.records = index.length;
      this.#durable = { ...this.#durable, records: index.length };
      this.markDeleted(
        index,
        (sequence) => sequence < this.first || (unseen.deleted?.has(sequence) ?? false),
      );
      this.#context.indexRead(this, index, true);
    } else if (index.length !== this.records) {
      this.records = index.length;
      this.#context.indexRead(this, index, false);
    }
  }

  /** Whether the block can say what is in it without having been read. */
  get seen(): boolean {
    return this.unseen === null;
  }

  // What is kept

  #hold(): void {
    this.#held = true;
    this.#context.memory.contents.hold(this.#contentEntry, this.#buffer!.length);
  }

  readonly #contentEntry = {
    evict: () => {
      this.#held = false;
      this.#dropUnlessHeld();
    },
    isIdle: () => {
      const grown = this.#size - this.#sizeBefore;
      const idle = !this.#wasRead && grown * IDLE_SHARE <= (this.#buffer?.length ?? 0);
      this.#wasRead = false;
      this.#sizeBefore = this.#size;
      return idle;
    },
  };

  #dropUnlessHeld(): void {
    if (!this.#held && this.#written === this.#size && this.#syncing === 0) this.#dropContent();
  }

  #dropContent(): void {
    if (this.#buffer !== null && !this.#lent) this.#context.memory.spares.give(this.#buffer);
    this.#buffer = null;
    this.#checked = NONE;
    this.#lent = false;
    this.#reserve = FIRST_BUFFER;
    this.#base = 0;
    this.#windowReads = 0;
  }

  #releaseContent(): void {
    this.#context.memory.contents.release(this.#contentEntry);
    this.#held = false;
    this.#dropContent();
  }

  #holdIndex(): void {
    this.#indexHeld = this.#index!.memory;
    this.#context.memory.indexes.hold(this.#indexEntry, this.#indexHeld);
  }

  /** The time of the first live message, without reading the index if that is not in memory. */
  get firstTime(): bigint {
    if (this.#index === null && this.#first.sequence === this.first) {
      return this.#stampAt(this.#first.offset, new Stamp()).nanoseconds;
    }
    return this.timeOf(this.nextLive(0));
  }

  #dropIndex(): void {
    if (this.#index !== null && this.messages > 0) {
      this.#first = { sequence: this.first, offset: this.#index.offsets[this.nextLive(0)]! };
    }
    this.#indexHeld = 0;
    this.#index = null;
  }

  #useFile(file: DiskFile): void {
    this.#file = file;
    this.#context.memory.files.hold(this.#fileEntry, 1);
  }

  #openFile(): DiskFile {
    if (this.#file === null) this.#useFile(this.#context.openBlockFile(this.number));
    return this.#file!;
  }

  #closeUnlessSyncing(): void {
    if (this.#syncing > 0) this.#closeLater = true;
    else this.closeFile();
  }

  closeFile(): void {
    this.#closeLater = false;
    this.#file?.close();
    this.#file = null;
    this.#context.memory.files.release(this.#fileEntry);
  }

  /** Gives up everything in memory: the block is not used any more. */
  close(): void {
    this.closeFile();
    this.#releaseContent();
    this.#context.memory.indexes.release(this.#indexEntry);
    this.#dropIndex();
  }

  /** Whether the messages of a copy have the places that it says. Those of an index that is read anew are the same, unless it is damaged. */
  isOf({ index, places }: LiveCopy): boolean {
    const from = this.#index;
    return from === null || places.every((place, at) => from.sequenceAt(place) === index.sequenceAt(at));
  }

  /** The file was written anew, with what a copy has. What has gone since that was begun stays dead. */
  rewritten(copy: LiveCopy, compressed: boolean): void {
    const { content, index, places } = copy;
    const from = this.#index;
    this.version++;
    this.closeFile();
    this.#releaseContent();
    this.#first = { sequence: -1, offset: 0 };
    this.movePlaces(places);
    index.takeSubjects(from, places);
    this.#index = index;
    this.records = index.length;
    this.tombstones = copy.tombstones;
    this.compressed = compressed;
    this.#size = this.#written = this.#sealed = content.length;
    this.#checkBelow = this.#size;
    this.#setContent(content);
    this.#holdIndex();
    this.settled();
  }

  /** The file is encrypted from now on. */
  useCipher(cipher: BlockCipher): void {
    this.cipher = cipher;
  }

  /** The file was written anew with what `erasedContent` gave. */
  erased(content: Buffer, place: number, compressed: boolean): void {
    const from = this.index;
    const index = new BlockIndex();
    for (let at = 0; at < from.length; at++) {
      if (at === place) continue;
      index.push(from.sequenceAt(at), from.offsets[at]!, from.subjects[at]!);
      index.nexts[index.length - 1] = from.nexts[at]!;
    }
    index.hasUnread = from.hasUnread;
    this.#index = index;
    this.records = index.length;
    this.removeDead(place, index.length);
    this.#holdIndex();
    this.replaced(content, compressed);
    this.settled();
  }

  /** A record that says that the last sequence was used. */
  writeSkipInto(bytes: Buffer): void {
    writeMarker(bytes, 0, 'skip', this.last, this.lastStamp);
    this.#context.hash.sealRecords(this.#key, bytes, 0, RECORD_OVERHEAD);
  }

  /** The hash of the last record; zeros without one. */
  lastHash(): Buffer {
    if (this.#size < HASH_SIZE) return Buffer.alloc(HASH_SIZE);
    this.#seal();
    const { bytes, at } = this.#bytes(this.#size - HASH_SIZE, HASH_SIZE);
    return Buffer.from(bytes.subarray(at, at + HASH_SIZE));
  }

  /** All of the content was written to the file, and synced. */
  wasWritten(): void {
    this.#written = this.#size;
    this.created = true;
    this.settled();
  }

  /** The file has the same content compressed. */
  wasCompressed(): void {
    this.compressed = true;
    this.#window = NOTHING;
  }

  /** The file was written anew with the same records in the same places. */
  replaced(content: Buffer, compressed: boolean): void {
    this.version++;
    this.closeFile();
    this.#releaseContent();
    this.compressed = compressed;
    this.#setContent(content);
    this.#checkBelow = this.#size;
  }
}

/**
 * The store of a stream in files, in the official format. What is appended goes into the last block and is written and synced with
 * the next group commit; removals are remembered by tombstones, as officially.
 *
 * Files are only removed or rewritten once nothing depends on them any more: after the commit that made the reason for it durable.
 */
import type { DiskFile } from '../../runtime/disk.js';
import { type HashKey, type HighwayHash, hashKey } from '../../runtime/highway-hash.js';
import { Stamp } from '../../runtime/stamp.js';
import { countsFit } from './block-content.js';
import { BlockCipher } from './encryption.js';
import { BatchFile } from './file-store-batch.js';
import { type BlockContext, FileBlock } from './file-store-block.js';
import { applyDeletions } from './file-store-deletions.js';
import { FileStoreOpener, type Found } from './file-store-open.js';
import type { FileStoreOptions, Flushed } from './file-store-options.js';
import { DirectoryPurge } from './file-store-purge.js';
import { BlockRemover } from './file-store-removal.js';
import { copyAside, erasedContent, isFloor, tombstonesOf } from './file-store-rewrite.js';
import { BlockRewriter } from './file-store-rewriter.js';
import { readTimes, timesOf, writeStates } from './file-store-states.js';
import { Tidier } from './file-store-tidy.js';
import type { CommitCycle, CommitMember } from './group-commit.js';
import { blockFile, INDEX_FILE, MESSAGES_DIR } from './layout.js';
import type { BlockIndex } from './message-block-index.js';
import { BlockStore } from './message-block-store.js';
import { type DamageReport, diskError, NO_LIMITS, type RemovalReason, StoreError } from './message-store.js';
import { blockKeyName, MAX_RECORD_SIZE, RECORD_OVERHEAD, recordSize } from './record.js';
import { changedLately } from './sync-files.js';

/** A block that is mostly dead is rewritten from this size on, or from a quarter of a full one on. */
const COMPACT_FROM = 32 * 1024;
const COMPACT_PART = 4;
/** An empty last block is given up from this size on. */
const DROP_FROM = 1024 * 1024;
/** Milliseconds after which a disk that refused is asked again, without anything new to write. */
const RETRY_PAUSE = 1000;

export class FileStore extends BlockStore<FileBlock> implements CommitMember, BlockContext {
  readonly kind = 'file';
  /** Damage met so far, the newest last; at most 100. */
  readonly reports: DamageReport[] = [];
  readonly hash: HighwayHash;
  protected readonly maxMessage = MAX_RECORD_SIZE;
  readonly options: FileStoreOptions;
  readonly messagesDirectory: string;
  readonly #streamKey: HashKey;
  readonly #batch: BatchFile;
  readonly #remover: BlockRemover;
  /** Used again and again. */
  readonly #stamp = new Stamp();
  readonly #touched = new Set<FileBlock>();
  /** Blocks that are out of use; their files go once what emptied them is durable. */
  #garbage: FileBlock[] = [];
  /** Key files of blocks that are not written yet. */
  readonly #newKeys = new Map<FileBlock, Buffer>();
  readonly #rewriter: BlockRewriter;
  readonly #tidier: Tidier;
  readonly #compactFrom: number;
  /** Blocks with nothing in them but many tombstones. */
  readonly #graves = new Set<FileBlock>();
  #durablePosition = 0;
  /** The same for what was made durable outside of the group commit, which is told with the next one. */
  #settledPosition = 0;
  #durable: Pick<Flushed, 'last' | 'lastTime' | 'number'>;
  #epoch = 0;
  /** Removals that are durable, and blocks out of use whose files are gone: those before the first of `undo` and `#garbage`. */
  #undone = 0;
  #collected = 0;
  /** Flushes from before this one were taken back. */
  #failedEpoch = 0;
  #retry: { cancel(): void } | null = null;
  /** Flushes that are not durable yet. */
  #inFlight = 0;
  /** The last block when the store was opened, 0 once that is durable; and whether it is on its way to the device. */
  #openedLast = 0;
  #distrusted = false;
  /** There were batches in the blocks that were read. */
  readonly #foundBatches: boolean;
  /** Whether there may be an index.db, which must be gone before anything changes. */
  #hasIndex = true;
  /** Whether index.db is as it should be. */
  #indexIsTrue = false;
  /** Limits have taken something from the front since that was written down last. */
  #floorMoved = false;
  #rollingBack = false;
  /** What is to be written has to be there as a whole or not at all. */
  #hasBatch = false;
  readonly #purge: DirectoryPurge;
  #rebuildDue = false;
  /** The highest number that a block has had. */
  #number = 0;

  /** Opens what is there, or begins a new store. Throws `StoreError` and the disk's errors. */
  constructor(options: FileStoreOptions) {
    super(options.clock, options.memory, options.slices);
    this.options = options;
    this.hash = options.hash;
    this.messagesDirectory = `${options.directory}/${MESSAGES_DIR}`;
    this.#streamKey = hashKey(options.name);
    const { disk, hash, commit, blockSize } = options;
    this.#compactFrom = Math.min(COMPACT_FROM, Math.floor(blockSize / COMPACT_PART));
    this.#batch = new BatchFile({ disk, hash, key: this.#streamKey, directory: this.messagesDirectory });
    this.#remover = new BlockRemover(disk, commit, this.messagesDirectory, this.#batch);
    this.#purge = new DirectoryPurge(options);
    this.#rewriter = this.#makeRewriter();
    this.#tidier = this.#makeTidier();
    const found = new FileStoreOpener(options, this, this.#streamKey, (damage) =>
      this.reportDamage(damage),
    ).open();
    for (const block of found.blocks) this.blocks.push(block);
    this.#number = found.highestNumber;
    this.#foundBatches = found.hasBatches;
    this.#openedLast = this.blocks.at(-1)?.number ?? 0;
    this.#indexIsTrue = found.indexIsTrue;
    this.lostSequences = found.lost;
    this.lostBytes = found.lostBytes;
    for (const block of this.blocks) {
      this.messages += block.messages;
      this.bytes += block.bytes;
      if (block.last >= this.last) {
        this.last = block.last;
        if (block.lastTime !== 0n) this.lastTime = block.lastTime;
      }
    }
    applyDeletions(this.blocks, this.search, found, (block, place) => this.forgetMessage(block, place));
    for (const block of found.damaged) this.#setAsideFile(block);
    this.#durable = { last: this.last, lastTime: this.lastTime, number: this.#number };
    if (found.rememberLast > this.last) this.#rememberLast(found.rememberLast, found.rememberTime);
    this.setLimits(options.limits ?? NO_LIMITS, true);
    this.#enterTimes(found);
    this.keepUndo = true;
    for (const block of this.blocks) this.thinned(block);
    if (found.indexIsTrue || this.blocks.length === 0) {
      this.#distrusted = true;
    } else {
      // It was not stopped in order: what is there may still have to reach the device.
      this.position++;
      this.changed();
    }
    const first = options.firstSequence ?? 1;
    if (this.last === 0 && this.blocks.length === 0 && first > 1) this.skipTo(first - 1, 0n);
  }

  get durablePosition(): number {
    return this.#durablePosition;
  }

  #stampOf(time: bigint): Stamp {
    this.#stamp.nanoseconds = time;
    return this.#stamp;
  }

  // Opening

  /** TTLs and schedules: as they were found in the blocks, from their files, or by looking at all headers. */
  #enterTimes(found: Found): void {
    const { allowTtl, allowSchedules } = this.limits;
    if (!allowTtl && !allowSchedules) return;
    const { disk, scheduleOf } = this.options;
    const read = () => readTimes(disk, this.messagesDirectory, this.last, this.limits);
    const times = found.times ?? read() ?? timesOf(this, scheduleOf);
    for (const { sequence, due } of times.expiries) this.enterExpiry(sequence, due);
    for (const { subject, sequence, at } of times.schedules) {
      if (allowSchedules && this.search.find(sequence)) this.schedules.set(subject, sequence, at);
    }
  }

  /** Keeps the file of a damaged block aside, and writes what is good of it anew. */
  #setAsideFile(block: FileBlock): void {
    const { disk, directory } = this.options;
    try {
      copyAside(disk, directory, this.#path(block.number), block.number);
      this.#rewriter.rewrite(block);
      this.#tidier.delete(block);
    } catch (error) {
      const reason = `cannot be repaired: ${error}`;
      this.reportDamage({ file: blockFile(block.number), reason, sequences: [], bytes: 0 });
    }
  }

  /** The blocks end before what is known to have been used: no sequence is given out twice. */
  #rememberLast(last: number, time: bigint): void {
    this.#addBlock();
    const block = this.blocks.at(-1)!;
    block.marker('tombstone', last, this.#stampOf(time));
    block.skipped(last, time);
    this.last = last;
    if (time !== 0n) this.lastTime = time;
    this.position++;
    this.changed();
  }

  protected override reportDamage(damage: DamageReport): void {
    this.reports.push(damage);
    if (this.reports.length > 100) this.reports.shift();
    super.reportDamage(damage);
  }

  protected override setAside(block: FileBlock, place: number, reason: string): void {
    this.#tidier.compact(block);
    super.setAside(block, place, reason);
  }

  openBlockFile(number: number): DiskFile {
    return this.options.disk.open(this.#path(number), 'write');
  }

  readBlockFile(number: number): Buffer {
    return this.options.disk.readFile(this.#path(number));
  }

  /** What index.db said of a block is compared with the block; a difference means that nothing of the index is to be believed. */
  indexRead(block: FileBlock, index: BlockIndex, asBefore: boolean): void {
    if (asBefore && countsFit(block, index)) return;
    const reason = 'messages differ from what the index says';
    this.reportDamage({ file: blockFile(block.number), reason, sequences: [], bytes: 0 });
    if (this.#rebuildDue) return;
    this.#rebuildDue = true;
    this.clock.after(0, () => this.#rebuild());
  }

  /** Counts everything anew from the blocks. */
  #rebuild(): void {
    this.#rebuildDue = false;
    if (this.closed) return;
    this.recount();
    this.listener?.purged(this.state.firstSequence);
  }

  #path(number: number): string {
    return `${this.messagesDirectory}/${blockFile(number)}`;
  }

  // Blocks

  sizeOfMessage(subjectLength: number, headerLength: number, payloadLength: number): number {
    return recordSize(subjectLength, headerLength, payloadLength);
  }

  protected blockFor(bytes: number): FileBlock {
    const block = this.blocks.at(-1);
    const full = block === undefined || (block.size > 0 && block.size + bytes > this.options.blockSize);
    if (full || block.compressed) this.#addBlock();
    const writable = this.blocks.at(-1)!;
    this.#touched.add(writable);
    return writable;
  }

  /** A new block; the last one is another yet if tombstones of the one before have filled it. */
  #addBlock(): void {
    const before = this.blocks.at(-1);
    const number = ++this.#number;
    const { keys, name } = this.options;
    let cipher: BlockCipher | null = null;
    let keyFile: Buffer | null = null;
    if (keys) {
      const key = keys.create(keys.blockContext(name, number));
      cipher = new BlockCipher(key);
      keyFile = key.file;
    }
    const block = new FileBlock(this, number, this.last + 1, hashKey(blockKeyName(name, number)), cipher);
    block.lastStamp.copy(this.lastStamp);
    if (keyFile !== null) this.#newKeys.set(block, keyFile);
    block.follow(before, this.clock.monotonic(), this.options.blockSize);
    this.blocks.push(block);
    this.#touched.add(block);
    if (before !== undefined) this.#closed(before);
  }

  /** A block is not the last one any more. */
  #closed(block: FileBlock): void {
    if (!this.options.compress) block.filled();
    else if (!block.compressed) this.#tidier.compress(block);
    if (block.messages === 0) this.#retire(block);
    else this.thinned(block);
  }

  protected writeSkip(sequence: number, time: bigint): void {
    const block = this.blockFor(RECORD_OVERHEAD);
    block.marker('skip', sequence, this.#stampOf(time));
    block.skipped(sequence, time);
  }

  protected removing(block: FileBlock, place: number, reason: RemovalReason): void {
    if (reason === 'truncate') return;
    const sequence = block.index.sequenceAt(place);
    // What limits take from the front is remembered by one mark for all, see `#writeFloor`.
    if ((reason === 'limit' || reason === 'age') && sequence === this.state.firstSequence) {
      this.#floorMoved = true;
      return;
    }
    this.#writeTombstone(sequence, block.stampOf(place, this.#stamp));
  }

  /** Never the same twice in a row, which would be a floor. */
  #writeTombstone(sequence: number, time: Stamp): void {
    const block = this.blockFor(RECORD_OVERHEAD);
    if (block.buriedLast !== sequence) block.marker('tombstone', sequence, time);
  }

  /**
   * Remembers that everything below the first message is gone: by a tombstone written twice in a row, which for the official
   * server is one tombstone. It derives such removals again from the limits, which goes wrong when these have changed, or
   * when other messages were deleted since.
   */
  #writeFloor(): void {
    this.#floorMoved = false;
    const floor = this.messages === 0 ? this.last : this.state.firstSequence - 1;
    if (floor <= 0) return;
    const block = this.blockFor(2 * RECORD_OVERHEAD);
    block.marker('tombstone', floor, this.lastStamp);
    block.marker('tombstone', floor, this.lastStamp);
  }

  protected thinned(block: FileBlock): void {
    const { size } = block;
    if (block.bytes * 2 >= size || size < this.#compactFrom) return;
    if (block !== this.blocks.at(-1)) {
      this.#tidier.compact(block);
    }
  }

  protected emptied(block: FileBlock): void {
    if (this.#rollingBack || !this.blocks.includes(block)) return;
    if (block !== this.blocks.at(-1)) this.#retire(block);
    else if (block.size >= DROP_FROM) {
      this.#addBlock();
      const fresh = this.blocks.at(-1)!;
      fresh.marker('tombstone', this.last, this.lastStamp);
      fresh.skipped(this.last, this.lastTime);
    }
  }

  /**
   * Takes an empty block out of use; its tombstones go where new ones go, if there is something for them to bury. Where these
   * are many it stays instead: moved on from block to block, they would fill each.
   */
  #retire(block: FileBlock): void {
    const found = tombstonesOf(block);
    const needed = found.filter(({ sequence }) => this.isBuriedElsewhere(block, sequence));
    if (needed.length * RECORD_OVERHEAD * 2 > this.options.blockSize) {
      this.#graves.add(block);
      return;
    }
    if (found.some((each, i) => i > 0 && isFloor(found[i - 1]!, each))) this.#floorMoved = true;
    for (const { sequence, time } of needed) this.#writeTombstone(sequence, this.#stampOf(time));
    // Nothing else tells what was used last.
    if (block.last >= this.last && this.last > 0 && !this.search.find(this.last))
      this.#writeTombstone(this.last, this.lastStamp);
    this.blocks.splice(this.blocks.indexOf(block), 1);
    for (const set of [this.#tidier, this.#graves]) set.delete(block);
    // One that has a file is still flushed: if a power cut brings the file back, it is to say itself that all in it is dead.
    if (!block.created) for (const set of [this.#touched, this.#newKeys]) set.delete(block);
    this.#garbage.push(block);
    // There may be less for the others to bury.
    for (const grave of this.#graves) this.#tidier.compact(grave);
  }

  /** Whether the record of a deleted message may lie in another block than this one. */
  isBuriedElsewhere(block: FileBlock, sequence: number): boolean {
    if (this.search.find(sequence)) return false;
    // A file that is out of use is there until it is removed.
    if (this.#garbage.some((each) => sequence <= each.last) || this.#remover.holds(sequence)) return true;
    const other = this.blocks[this.search.blockAt(sequence)];
    if (other === undefined || other === block) return false;
    return !other.hasIndex || other.index.find(sequence) >= 0;
  }

  // Committing

  override holdLimits(): void {
    super.holdLimits();
    this.#hasBatch = this.options.commit.always;
  }

  protected changed(): void {
    this.options.commit.dirty(this);
  }

  flush(cycle: CommitCycle): Flushed {
    this.#clearTheWay();
    this.options.foundation?.confirm(cycle);
    if (!this.#distrusted) this.#distrust(cycle);
    if (this.#hasIndex) this.#dropIndex(cycle);
    if (this.#floorMoved) this.#writeFloor();
    const blocks: Flushed['blocks'] = [];
    if (this.#hasBatch)
      this.#batch.flush(cycle, this.#touched, this.position, this.#inFlight > 0, (block, into) =>
        blocks.push(this.#flushBlock(block, into)),
      );
    else for (const block of this.#touched) blocks.push(this.#flushBlock(block, cycle));
    this.#touched.clear();
    this.#hasBatch = false;
    this.#inFlight++;
    return {
      epoch: this.#epoch,
      position: this.position,
      undo: this.#undone + this.undo.length,
      garbage: this.#collected + this.#garbage.length,
      blocks,
      last: this.last,
      lastTime: this.lastTime,
      number: this.#number,
    };
  }

  #flushBlock(block: FileBlock, cycle: CommitCycle): Flushed['blocks'][number] {
    const key = this.#newKeys.get(block);
    if (key !== undefined)
      this.options.commit.replaceNow(`${this.messagesDirectory}/${block.number}.key`, key);
    this.#newKeys.delete(block);
    return { block, mark: block.flush(cycle, this.#path(block.number)) };
  }

  /** What a process before this one wrote, or took back, and did not sync, must not be what a power cut leaves. */
  #distrust(cycle: CommitCycle): void {
    this.#distrusted = true;
    cycle.syncDirectory(this.messagesDirectory);
    const opened = this.blocks.filter((block) => block.number <= this.#openedLast);
    const doubtful = changedLately(this.options.disk, opened, ({ number }) => this.#path(number));
    for (const block of doubtful) block.distrust(this.#failedEpoch > 0);
    if (this.#foundBatches && this.options.commit.always) {
      this.#batch.found(doubtful, this.position);
      if (this.#touched.size > 0 || this.#floorMoved) this.#batch.settle();
    }
    for (const block of doubtful) this.#touched.add(block);
  }

  #dropIndex(cycle: CommitCycle): void {
    const path = `${this.messagesDirectory}/${INDEX_FILE}`;
    if (this.options.disk.status(path) !== undefined) {
      this.options.disk.remove(path);
      cycle.syncDirectory(this.messagesDirectory);
    }
    this.#hasIndex = this.#indexIsTrue = false;
  }

  durable(what: unknown): void {
    const flushed = what as Flushed;
    if (flushed.epoch < this.#failedEpoch) return;
    this.options.foundation?.confirmed();
    if (this.#inFlight > 0) this.#inFlight--;
    this.#durablePosition = Math.max(this.#durablePosition, flushed.position);
    this.#openedLast = 0;
    if (flushed.epoch === this.#epoch) {
      for (const { block, mark } of flushed.blocks) block.confirmed(mark);
      this.#durable = flushed;
      this.#batch.durable(flushed.position);
      this.undo.splice(0, flushed.undo - this.#undone);
      this.#undone = flushed.undo;
      this.#remover.remove(this.#garbage.splice(0, flushed.garbage - this.#collected));
      this.#collected = flushed.garbage;
    }
    this.listener?.durable(this.#durablePosition);
    this.#tidier.arm();
  }

  /** Goes back to what is durable. */
  failed(error: Error): void {
    if (this.closed) return;
    const position = Math.max(this.#durablePosition, this.#settledPosition);
    this.#failedEpoch = ++this.#epoch;
    this.#inFlight = 0;
    this.#distrusted = false; // Nor is the directory known to be on the device.
    const removals = this.undo;
    this.undo = [];
    this.#tidier.abandon();
    this.keepUndo = false;
    this.#rollingBack = true;
    // Blocks that were given up since come back, with what is durable of them.
    for (const block of this.#garbage.splice(0)) this.#takeBack(block);
    this.rollBack(this.#durable.last, removals);
    this.lastTime = this.#durable.lastTime;
    this.#rollingBack = false;
    this.keepUndo = true;
    this.#durablePosition = position;
    this.position++;
    this.#retry ??= this.clock.after(RETRY_PAUSE, () => {
      this.#retry = null;
      if (!this.closed) this.changed();
    });
    this.listener?.failed(diskError(error), position);
  }

  #takeBack(block: FileBlock): void {
    const at = this.blocks.findIndex((each) => each.number > block.number);
    this.blocks.splice(at === -1 ? this.blocks.length : at, 0, block);
  }

  protected cutAbove(sequence: number): void {
    if (this.#rollingBack) this.#cutToDurable();
    else if (!this.#forgetUnwritten(sequence)) this.#truncateFiles(sequence);
  }

  /** What no file has yet is taken away without one: a disk that is full has no say in that. False where files have some of it. */
  #forgetUnwritten(sequence: number): boolean {
    const behind = this.blocks.filter(({ last }) => last > sequence);
    const isUnwritten = (block: FileBlock) => block.isUnwrittenBehind(block.markAt(sequence));
    if (!behind.every(isUnwritten)) return false;
    const keep = new Map<number, bigint>();
    for (const block of behind) {
      for (const each of tombstonesOf(block))
        if (each.sequence <= sequence) keep.set(each.sequence, each.time);
      const mark = block.markAt(sequence);
      if (mark.size > 0 || block.created || block === this.blocks[0]) {
        block.cutTo(mark);
        continue;
      }
      this.blocks.splice(this.blocks.indexOf(block), 1);
      for (const set of [this.#touched, this.#newKeys, this.#tidier, this.#graves]) set.delete(block);
      block.close();
    }
    this.last = sequence;
    for (const [each, time] of keep) this.#writeTombstone(each, this.#stampOf(time));
    this.#floorMoved = true;
    if (this.blocks.at(-1)?.last !== sequence) this.writeSkip(sequence, this.lastTime);
    return true;
  }

  #cutToDurable(): void {
    // The last one first: what the end of the process leaves is a front part of what was written.
    let behindIsGone: boolean | null = null;
    for (const block of [...this.blocks].reverse()) {
      if (block.number > this.#durable.number) {
        this.blocks.splice(this.blocks.indexOf(block), 1);
        this.#newKeys.delete(block);
        for (const set of [this.#touched, this.#graves]) set.delete(block);
        this.#remover.refuse(block);
        continue;
      }
      if (block.isDurable) continue;
      this.#touched.add(block);
      this.#remover.cut(block);
      // The power may leave the front of a batch, but not its end.
      behindIsGone ??= this.#remover.syncRefused();
      try {
        block.goBack(behindIsGone);
      } catch {
        // It is cut before it is written to again.
      }
    }
    try {
      this.#remover.removeRefused();
      this.#batch.settle();
    } catch {
      // Tried again before anything else is written.
    }
  }

  /** For a truncation that was asked for: at once, and durable when it is over. */
  #truncateFiles(sequence: number): void {
    this.#flushNow();
    const keep = new Map<number, bigint>();
    const gone: FileBlock[] = [];
    for (const block of [...this.blocks]) {
      if (block.last <= sequence) continue;
      const mark = block.markAt(sequence);
      const whole = mark.size === 0 && block !== this.blocks[0];
      for (const tombstone of tombstonesOf(block)) {
        if (tombstone.sequence <= sequence) keep.set(tombstone.sequence, tombstone.time);
      }
      if (whole) {
        this.blocks.splice(this.blocks.indexOf(block), 1);
        gone.push(block);
        continue;
      }
      this.options.commit.forgetFile(this.#path(block.number));
      block.cutTo(mark);
      // Before anything takes its place, of which only a part may be left with what is behind that.
      block.syncNow();
      block.settled();
    }
    this.#remover.remove([...this.#garbage.splice(0), ...gone].sort((a, b) => b.number - a.number));
    this.last = sequence;
    for (const [each, time] of keep) this.#writeTombstone(each, this.#stampOf(time));
    this.#floorMoved = true;
    if (this.blocks.at(-1)?.last !== sequence) this.writeSkip(sequence, this.lastTime);
    this.#flushNow();
  }

  /** Writes and syncs in this turn, outside of the group commit. */
  #flushNow(): void {
    const { commit } = this.options;
    const cycle = commit.cycleNow();
    cycle.syncDirectory(this.messagesDirectory);
    const flushed = this.flush(cycle);
    // Also what a cycle that is not over has written.
    for (const block of this.blocks) block.syncWith(cycle);
    cycle.finish();
    this.#batch.settle();
    this.#inFlight--;
    this.#epoch++;
    this.#settledPosition = this.position;
    for (const block of this.blocks) block.settled();
    this.#durable = flushed;
    this.undo = [];
    this.#remover.remove(this.#garbage.splice(0));
  }

  /** What has to be out of the way before anything is written. */
  #clearTheWay(): void {
    this.#purge.finish();
    this.#remover.removeRefused();
    this.#remover.settleNames();
    this.#batch.settle();
  }

  // Rewriting

  /** A step of what is else done when there is time. */
  tidy(): void {
    this.#tidier.step(true);
  }

  #makeRewriter(): BlockRewriter {
    return new BlockRewriter({
      options: this.options,
      messagesDirectory: this.messagesDirectory,
      blocks: this.blocks,
      remover: this.#remover,
      isQuiet: () => this.undo.length === 0 && this.#touched.size === 0 && this.#inFlight === 0,
      // What goes by its age or by limits from the front on is soon gone altogether.
      isLeftAlone: (block) => !this.expiring && !this.trimming && !this.#touched.has(block),
      isBuriedElsewhere: (block, sequence) => this.isBuriedElsewhere(block, sequence),
      retire: (block) => this.#retire(block),
      setAside: (block, place) => this.setAside(block, place, 'checksum of the record does not match'),
      changing: () => {
        this.#indexIsTrue = false;
      },
    });
  }

  #makeTidier(): Tidier {
    return new Tidier(this.options, {
      rewriter: this.#rewriter,
      position: () => this.position,
      durablePosition: () => Math.max(this.#durablePosition, this.#settledPosition),
      renewed: (block) => this.thinned(block),
      tidied: () => this.#garbage.length > 0 && this.changed(),
    });
  }

  protected eraseRecord(block: FileBlock, place: number): StoreError | null {
    // The same keystream for other bytes would tell what was there; the tombstone has to do, as officially.
    if (block.cipher !== null) return null;
    try {
      this.#flushNow();
    } catch (error) {
      this.failed(error as Error);
      throw diskError(error);
    }
    // The floor may have needed a new block, and the file of this one gone with all that was in it.
    const content = this.blocks.includes(block) ? erasedContent(block, place, this.hash) : null;
    if (content === null) return null;
    const text = 'message was removed, but may not be overwritten';
    try {
      const failure = this.#rewriter.replace(block, content, block.compressed);
      block.erased(content, place, block.compressed);
      return failure && new StoreError('disk', text, failure);
    } catch (error) {
      return new StoreError('disk', text, error);
    }
  }

  // Everything

  protected removeAll(last: number): void {
    const before = this.blocks.splice(0);
    const touched = [...this.#touched];
    const previousLast = this.last;
    this.last = last;
    this.#addBlock();
    const block = this.blocks[0]!;
    try {
      this.options.commit.forgetDirectory(this.messagesDirectory);
      block.marker('tombstone', last, this.lastStamp);
      block.skipped(last, this.lastTime);
      this.#purge.stage(block, this.#newKeys.get(block));
    } catch (error) {
      block.close();
      this.blocks.splice(0, 1, ...before);
      this.#touched.clear();
      for (const each of touched) this.#touched.add(each);
      this.last = previousLast;
      throw diskError(error);
    }
    for (const each of [...before, ...this.#garbage]) each.close();
    this.#afterPurge(block, last);
    try {
      this.#purge.finish();
      // The position of the purge, which is counted right after this.
      this.#settledPosition = this.position + 1;
    } catch {
      // Nothing is written before it is done, so nothing after it is confirmed.
    }
  }

  #afterPurge(block: FileBlock, last: number): void {
    this.#touched.clear();
    this.#newKeys.clear();
    this.#tidier.clear();
    this.#graves.clear();
    this.#garbage = [];
    this.#remover.reset();
    this.undo = [];
    this.#epoch++;
    this.#durable = { last, lastTime: this.lastTime, number: block.number };
    this.#hasIndex = this.#indexIsTrue = false;
    this.#distrusted = true;
  }

  // Ending

  stop(done: (error: Error | null) => void): void {
    if (this.closed) {
      done(null);
      return;
    }
    const { commit } = this.options;
    commit.dirty(this);
    commit.after(() => {
      if (this.closed) {
        done(null);
        return;
      }
      let failure: Error | null = null;
      try {
        if (!this.#indexIsTrue) {
          // Who finds an index finds all that it speaks of in the blocks.
          commit.forgetDirectory(this.messagesDirectory);
          writeStates(this.#statesOf());
          this.#hasIndex = this.#indexIsTrue = true;
        }
      } catch (error) {
        failure = error as Error;
      }
      this.#shut();
      done(failure);
    });
  }

  #statesOf() {
    this.search.resolveLasts();
    const { disk, name, directory, keys } = this.options;
    const { messages, bytes, last, lastTime, blocks, subjects, expiry, schedules, limits } = this;
    const { firstSequence, firstTime } = this.state;
    return {
      disk,
      hash: this.hash,
      key: this.#streamKey,
      sealer: keys ? keys.sealer(disk, `${directory}/meta.key`, name).sealer : null,
      directory: this.messagesDirectory,
      state: { messages, bytes, firstSequence, firstTime, lastSequence: last, lastTime },
      blocks,
      subjects,
      blockOf: (sequence: number) =>
        this.blocks[Math.min(this.search.blockAt(sequence), this.blocks.length - 1)]!.number,
      expiry: limits.allowTtl ? expiry : null,
      schedules: limits.allowSchedules ? schedules : null,
    };
  }

  #shut(): void {
    this.close();
    this.#tidier.stop();
    this.options.commit.forget(this);
    this.#retry?.cancel();
    for (const block of [...this.blocks, ...this.#garbage]) block.close();
  }

  destroy(): void {
    if (!this.closed) this.#shut();
    this.options.commit.forgetDirectory(this.messagesDirectory);
    this.options.disk.removeTree(this.messagesDirectory);
  }
}

export type { FileStoreOptions };

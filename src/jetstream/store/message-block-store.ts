/**
 * The store of a stream over blocks: what is common to those in memory and those in files. Keeps the state, the subjects and the
 * limits; what a block is, and what has to be written for a change, is for those who extend it.
 */
import type { Clock, Timer } from '../../runtime/clock.js';
import { Stamp } from '../../runtime/stamp.js';
import { headerText, headerValue } from '../headers.js';
import { parseTtl } from '../message-ttl.js';
import type { Slices, SteppedWork } from '../slices.js';
import type { MessageBlock } from './message-block.js';
import type { StoreMemory } from './message-block-cache.js';
import { ExpiryHeap, ExpiryPace, Schedules } from './message-block-expiry.js';
import { BlockReader } from './message-block-reader.js';
import {
  type DamageReport,
  LAST_SEQUENCE,
  type MessageStore,
  NO_LIMITS,
  type PurgeRequest,
  type RemovalReason,
  StoredMessage,
  StoreError,
  type StoreLimits,
  type StoreListener,
  type SubjectFilter,
} from './message-store.js';
import { type PurgeLimit, PurgeSteps } from './purge-steps.js';
import { ResolveLasts } from './resolve-lasts.js';
import { NO_SUBJECT } from './subject-index.js';
import type { StoreFilter } from './subject-index-pattern.js';

/** As many messages age, TTLs or limits take in one turn of the event loop, and so many before it is asked how long that has taken. */
const TURN_MESSAGES = 8192;
const LOOK_EVERY = 128;
/** Milliseconds that they take in one turn. */
const TURN_TIME = 5;
/** As many messages at most go at once for one that is stored. */
const ENFORCED_AT_ONCE = 1024;
/** Expiring begins at the earliest after this, and the clock is looked at at least every so often. Milliseconds. */
const EXPIRE_PAUSE = 20;
const EXPIRE_LOOK = 3_600_000;

/** Messages that went and come back if the disk refuses, see `BlockStore.keepUndo`. */
interface Undo {
  sequence: number;
  reason: RemovalReason;
}

export abstract class BlockStore<B extends MessageBlock> extends BlockReader<B> implements MessageStore {
  abstract readonly reports: readonly DamageReport[];
  abstract readonly kind: 'file' | 'memory';
  listener: StoreListener | null = null;
  readonly schedules = new Schedules();
  /** Limits take nothing away for the moment. */
  #held = false;
  position = 0;
  abstract get durablePosition(): number;

  readonly memory: StoreMemory;
  protected readonly expiry = new ExpiryHeap();
  /** Sequences that no age takes (`Nats-TTL: never`). */
  protected readonly ageless = new Set<number>();
  protected closed = false;
  /** Removals since the last durable position, where those are kept. */
  protected undo: Undo[] = [];
  protected keepUndo = false;
  #limits: Readonly<StoreLimits> = NO_LIMITS;
  #subjectMemory = 0;
  /** Purges under way that are to leave so many messages. */
  readonly #keeping = new Set<PurgeSteps<B>>();
  #timer: Timer | null = null;
  #timerDue = Number.POSITIVE_INFINITY;
  readonly #slices: Pick<Slices, 'add'> | undefined;
  /** There are more messages to expire, in turns that follow. */
  protected expiring = false;
  readonly #scratch = new StoredMessage();
  readonly #given = new Stamp();
  readonly #due = new Stamp();
  /** The limits ask for more to go than one turn has taken. */
  trimming = false;
  /** Of the subjects with ids below this none has too many messages. */
  #trimmed = Number.POSITIVE_INFINITY;
  /** What was looked at since expiring has begun lies before. */
  #expireFrom = 0;
  readonly #pace = new ExpiryPace();

  /** Without `slices`, what takes long is gone on with after a pause. */
  constructor(clock: Clock, memory: StoreMemory, slices?: Pick<Slices, 'add'>) {
    super(clock);
    this.memory = memory;
    this.#slices = slices;
  }

  /** The block for a record of so many bytes: the last one, or a new one. */
  protected abstract blockFor(bytes: number): B;
  abstract sizeOfMessage(subjectLength: number, headerLength: number, payloadLength: number): number;
  /** What `sizeOfMessage` takes at most. */
  protected abstract readonly maxMessage: number;
  /** Something was changed: it has to become durable. */
  protected abstract changed(): void;
  /** A message is about to go for this reason: writes down what has to be. */
  protected abstract removing(block: B, place: number, reason: RemovalReason): void;
  /** A block has one message less: places in it may change. */
  protected abstract thinned(block: B): void;
  /** No message is left in a block. */
  protected abstract emptied(block: B): void;
  /** Everything goes, and the last sequence becomes `last`. */
  protected abstract removeAll(last: number): void;
  /** Writes down that sequences up to this one are used. */
  protected abstract writeSkip(sequence: number, time: bigint): void;
  /** Takes the records above a sequence out of the blocks. */
  protected abstract cutAbove(sequence: number): void;
  /** Overwrites the bytes of a message that was removed; the error if it stays removed only. Throws if it is not even that. */
  protected abstract eraseRecord(block: B, place: number): StoreError | null;

  get limits(): Readonly<StoreLimits> {
    return this.#limits;
  }

  // Adding

  append(
    subject: string,
    header: Uint8Array | null,
    payload: Uint8Array,
    time: bigint,
    ttl?: number,
  ): number {
    this.#given.nanoseconds = time;
    if (header === null || header.length === 0) {
      return this.appendBody(subject, payload, 0, 0, payload.length, this.#given, ttl);
    }
    const body = Buffer.concat([header, payload]);
    return this.appendBody(subject, body, 0, header.length, payload.length, this.#given, ttl);
  }

  appendAt(
    sequence: number,
    subject: string,
    header: Uint8Array | null,
    payload: Uint8Array,
    time: bigint,
    ttl = 0,
  ): void {
    if (sequence <= this.last) {
      throw new StoreError('sequence', `sequence ${sequence} is not above ${this.last}`);
    }
    const body = header === null || header.length === 0 ? payload : Buffer.concat([header, payload]);
    const headerLength = body.length - payload.length;
    this.#given.nanoseconds = time;
    this.#add(sequence, subject, body, 0, headerLength, payload.length, this.#given, ttl);
  }

  appendBody(
    subject: string,
    body: Uint8Array,
    start: number,
    headerLength: number,
    payloadLength: number,
    time: Stamp,
    ttl = 0,
  ): number {
    return this.#add(this.last + 1, subject, body, start, headerLength, payloadLength, time, ttl);
  }

  #add(
    sequence: number,
    subject: string,
    body: Uint8Array,
    start: number,
    headerLength: number,
    payloadLength: number,
    time: Stamp,
    ttl: number,
  ): number {
    if (this.closed) throw new StoreError('closed', 'store is closed');
    const bytes = this.sizeOfMessage(subject.length, headerLength, payloadLength);
    if (bytes > this.maxMessage || subject.length > 0xffff) {
      throw new StoreError('too-large', 'message too large');
    }
    const { subjects } = this;
    let id = subjects.find(subject);
    if (id === NO_SUBJECT) this.#checkSubjectMemory();
    const block = this.blockFor(bytes);
    const offset = block.append(sequence, time, subject, body, start, headerLength, payloadLength);
    if (id === NO_SUBJECT) id = subjects.add(subject);
    const count = ++subjects.counts[id]!;
    block.index.push(sequence, offset, id);
    block.born(sequence, bytes, time);
    if (count === 1) subjects.firsts[id] = sequence;
    else if (subjects.lasts[id]! > 0) this.search.link(subjects.lasts[id]!, sequence);
    subjects.lasts[id] = sequence;
    this.messages++;
    this.bytes += bytes;
    this.last = sequence;
    this.lastStamp.copy(time);
    if (ttl !== 0) this.noteTtl(sequence, time.nanoseconds, ttl);
    this.position++;
    this.#enforce(id, subject);
    if (this.#limits.maxAge > 0 && this.#isDueBeforeTimer(time, ttl)) this.#arm();
    this.changed();
    return sequence;
  }

  skipTo(sequence: number, time: bigint): void {
    if (sequence <= this.last) return;
    if (this.closed) throw new StoreError('closed', 'store is closed');
    checkJump(sequence);
    this.writeSkip(sequence, time);
    this.last = sequence;
    this.lastTime = time;
    this.position++;
    this.changed();
  }

  sizeOf(subject: string, header: Uint8Array | null, payload: Uint8Array): number {
    return this.sizeOfMessage(subject.length, header?.length ?? 0, payload.length);
  }

  protected noteTtl(sequence: number, time: bigint, ttl: number): void {
    if (!this.#limits.allowTtl) return;
    if (ttl < 0) {
      this.ageless.add(sequence);
      return;
    }
    this.enterExpiry(sequence, Number(time / 1000n) / 1000 + ttl * 1000);
  }

  /** `due` in milliseconds since 1970. */
  protected enterExpiry(sequence: number, due: number): void {
    this.expiry.add(due, sequence);
    if (this.expiry.size > 2 * this.messages + 1024) this.expiry.retain((each) => this.search.find(each));
    if (due < this.#timerDue) this.#armAt(due);
  }

  /** Whether a new message grows too old before the timer fires, which may be set for a TTL alone. */
  #isDueBeforeTimer(time: Stamp, ttl: number): boolean {
    if (ttl < 0 && this.#limits.allowTtl) return false;
    if (this.#timer === null) return true;
    return this.expiry.size > 0 && ttl >= 0 && time.milliseconds + this.#limits.maxAge < this.#timerDue;
  }

  #checkSubjectMemory(): void {
    if (this.memory.subjectsUsed > this.memory.subjectsLimit) {
      throw new StoreError('index-full', 'memory for subjects is used up');
    }
    this.countSubjectMemory(this.subjects.memory);
  }

  protected countSubjectMemory(bytes: number): void {
    this.memory.subjectsUsed += bytes - this.#subjectMemory;
    this.#subjectMemory = bytes;
  }

  // Limits

  /** `atOnce`: what they take goes in this turn. */
  setLimits(limits: Readonly<StoreLimits>, atOnce = false): void {
    const perSubject = limits.maxMessagesPerSubject;
    const before = this.#limits.maxMessagesPerSubject;
    this.#limits = limits;
    if (perSubject > 0 && (before <= 0 || perSubject < before)) this.#trimmed = 0;
    if (atOnce) while (!this.#trimSome());
    else this.#trim();
    if (limits.maxAge > 0 || this.expiry.size > 0) this.#arm();
  }

  /** Takes away what is beyond the limits: for some milliseconds, and where others can come between, in steps from then on. */
  #trim(): void {
    if (this.trimming || this.#trimSome() || this.closed) return;
    this.trimming = true;
    this.#goOn(
      this.#slices!,
      () => this.#trimSome(),
      () => {
        this.trimming = false;
      },
    );
  }

  /** True when nothing is left to do. */
  #trimSome(): boolean {
    const until = this.#slices === undefined ? Number.POSITIVE_INFINITY : this.clock.monotonic() + TURN_TIME;
    for (let gone = 0; gone < TURN_MESSAGES || this.#slices === undefined; gone += LOOK_EVERY) {
      if (this.#trimSubjects() && this.#enforceTotals(LOOK_EVERY)) return true;
      if (this.clock.monotonic() >= until) return false;
    }
    return false;
  }

  /** The same for some subjects and messages. */
  #trimSubjects(): boolean {
    const { subjects } = this;
    const most = this.#limits.maxMessagesPerSubject;
    for (let looked = 0; looked < LOOK_EVERY; looked++) {
      if (most <= 0 || this.#trimmed >= subjects.end) {
        this.#trimmed = Number.POSITIVE_INFINITY;
        return true;
      }
      const id = this.#trimmed;
      if (subjects.counts[id]! > most && !this.#enforceSubject(id, subjects.name(id), LOOK_EVERY))
        return false;
      this.#trimmed++;
    }
    return false;
  }

  holdLimits(): void {
    this.#held = true;
  }

  releaseLimits(subjects: Iterable<string>): void {
    this.#held = false;
    for (const subject of subjects) {
      const id = this.subjects.find(subject);
      if (id !== NO_SUBJECT) this.#enforce(id, subject);
    }
  }

  /** After an append to the subject `id`. */
  #enforce(id: number, subject: string): void {
    if (this.#held) return;
    const limits = this.#limits;
    const perSubject = limits.maxMessagesPerSubject;
    // Where more than a few have to go, the steps do that.
    const most = this.trimming ? 2 : ENFORCED_AT_ONCE;
    let isOver = false;
    if (perSubject > 0 && this.subjects.counts[id]! > perSubject) {
      isOver = !this.#enforceSubject(id, subject, most);
      if (isOver) this.#trimmed = Math.min(this.#trimmed, id);
    }
    if ((limits.maxMessages > 0 || limits.maxBytes > 0) && !this.#enforceTotals(most)) isOver = true;
    if (isOver) this.#trim();
  }

  /** False when it has taken as many away as it may, and there may be more. */
  #enforceSubject(id: number, subject: string, limit: number): boolean {
    const { subjects, search } = this;
    for (; subjects.counts[id]! > this.#limits.maxMessagesPerSubject; limit--) {
      if (limit === 0) return false;
      const first = search.firstOf(id);
      if (first === 0 || !search.find(first)) return true;
      this.removePlace(search.block, search.place, 'limit', false, subject);
    }
    return true;
  }

  /** The same for all messages. */
  #enforceTotals(limit: number): boolean {
    const { maxMessages, maxBytes } = this.#limits;
    for (
      ;
      (maxMessages > 0 && this.messages > maxMessages) ||
      (maxBytes > 0 && this.bytes > maxBytes && this.messages > 0);
      limit--
    ) {
      if (limit === 0) return false;
      if (!this.search.next(null, 0)) return true;
      this.removePlace(this.search.block, this.search.place, 'limit');
    }
    return true;
  }

  // Removing

  remove(sequence: number): boolean {
    if (!this.search.find(sequence)) return false;
    this.removePlace(this.search.block, this.search.place, 'remove');
    return true;
  }

  erase(sequence: number): boolean {
    if (!this.search.find(sequence)) return false;
    this.removePlace(this.search.block, this.search.place, 'remove', true);
    return true;
  }

  /** Takes one live message away. `known`: its subject, if that is known. */
  protected removePlace(block: B, place: number, reason: RemovalReason, erase = false, known = ''): void {
    if (this.closed) throw new StoreError('closed', 'store is closed');
    const index = block.index;
    const sequence = index.sequenceAt(place);
    const id = block.subjectAt(place);
    const bytes = block.sizeOf(place);
    const { listener } = this;
    const unused = known !== '' || (listener === null && this.schedules.size === 0);
    const subject = unused ? known : this.subjects.name(id);
    if (this.#keeping.size > 0) for (const steps of this.#keeping) steps.removing(sequence, id);
    if (this.reading.size > 0) for (const read of this.reading) read.removing(block, place, sequence);
    this.removing(block, place, reason);
    block.kill(place, bytes);
    this.messages--;
    this.bytes -= bytes;
    this.#leaveSubject(id, sequence, block, place);
    this.ageless.delete(sequence);
    if (this.schedules.size > 0) this.schedules.messageRemoved(subject, sequence);
    if (this.keepUndo) this.undo.push({ sequence, reason });
    this.position++;
    const failure = erase ? this.eraseRecord(block, place) : null;
    if (block.messages === 0) this.emptied(block);
    else this.thinned(block);
    this.changed();
    listener?.removed(sequence, subject, bytes, reason);
    if (failure !== null) throw failure;
  }

  #leaveSubject(id: number, sequence: number, block: B, place: number): void {
    const { counts, firsts, lasts } = this.subjects;
    const count = --counts[id]!;
    if (count === 0) {
      this.subjects.release(id);
      return;
    }
    if (firsts[id] === sequence) {
      const next = block.index.nexts[place]!;
      // What was truncated may have left a link to a sequence that another subject has now.
      const linked = next > 0 && this.search.find(sequence + next) && this.search.subject === id;
      firsts[id] = linked ? sequence + next : -(sequence + 1);
    }
    if (lasts[id] === sequence) lasts[id] = -(sequence - 1);
    if (count === 1) {
      if (firsts[id]! > 0) lasts[id] = firsts[id]!;
      else if (lasts[id]! > 0) firsts[id] = lasts[id]!;
    }
  }

  /** Takes back a removal whose record is still there. */
  protected revive(sequence: number): void {
    const block = this.blocks[this.search.blockAt(sequence)];
    const place = block?.index.find(sequence) ?? -1;
    if (block === undefined || place < 0 || block.isLive(place)) return;
    const message = this.#scratch;
    block.fillSubject(place, message);
    const id = this.subjects.addBytes(message.buffer, message.subjectStart, message.subjectEnd);
    const bytes = block.sizeOf(place);
    block.index.subjects[place] = id;
    block.revive(place, bytes);
    this.enterSubject(id, sequence);
    this.messages++;
    this.bytes += bytes;
    if (this.#limits.allowTtl && block.fill(place, message.reset()) && message.header !== null) {
      const ttl = ttlOf(message.header);
      if (ttl !== 0) this.noteTtl(sequence, message.time, ttl);
    }
  }

  /** Takes a message out while the store is opened: nobody is told, and nothing written. */
  protected forgetMessage(block: B, place: number): void {
    const bytes = block.sizeOf(place);
    const id = block.subjectAt(place);
    const sequence = block.index.sequenceAt(place);
    block.kill(place, bytes);
    this.messages--;
    this.bytes -= bytes;
    this.#leaveSubject(id, sequence, block, place);
  }

  /** Counts everything anew, from what the blocks say is alive. */
  protected recount(): void {
    const message = this.#scratch;
    this.epoch++;
    this.subjects.clear();
    if (this.#trimmed !== Number.POSITIVE_INFINITY) this.#trimmed = 0;
    this.messages = this.bytes = 0;
    for (const block of this.blocks) {
      const { index } = block;
      let bytes = 0;
      let messages = 0;
      for (let place = block.nextLive(0); place < index.length; place = block.nextLive(place + 1)) {
        block.fillSubject(place, message);
        const id = this.subjects.addBytes(message.buffer, message.subjectStart, message.subjectEnd);
        index.subjects[place] = id;
        this.enterSubject(id, index.sequenceAt(place));
        bytes += block.sizeOf(place);
        messages++;
      }
      block.recounted(messages, bytes);
      this.messages += messages;
      this.bytes += bytes;
    }
  }

  /** Counts a message for its subject, in any order of sequences. */
  protected enterSubject(id: number, sequence: number): void {
    const { counts, firsts, lasts } = this.subjects;
    if (++counts[id]! === 1) {
      firsts[id] = lasts[id] = sequence;
      return;
    }
    if (sequence < Math.abs(firsts[id]!)) firsts[id] = sequence;
    if (sequence > Math.abs(lasts[id]!)) lasts[id] = sequence;
  }

  purge(request: PurgeRequest = {}): number {
    return this.purgeSteps(request).finish();
  }

  purgeSteps(request: PurgeRequest = {}): PurgeSteps<B> {
    const filter = (request.filter ?? null) as StoreFilter | null;
    const { before = 0, keep = 0 } = request;
    if (filter === null) {
      if (before > 0) return this.#purgeBefore(before);
      return this.#purgeBefore(keep > 0 ? this.#keepFrom(keep) : this.last + 1, keep === 0);
    }
    // What comes later than this is not meant.
    const end = before > 0 ? before : this.last + 1;
    if (keep <= 0) return this.#stepsTo(filter, end);
    const over = () => void this.#keeping.delete(steps);
    const steps = this.#stepsTo(filter, end, { keep, over });
    this.#keeping.add(steps);
    return steps;
  }

  #stepsTo(filter: StoreFilter | null, end: number, limit?: PurgeLimit): PurgeSteps<B> {
    const remove = (block: B, place: number) => this.removePlace(block, place, 'purge');
    const { clock, search } = this;
    const count = (of: StoreFilter, before: number) => this.countBelow(of, before);
    return new PurgeSteps({ clock, search, remove, count, epoch: () => this.epoch }, filter, end, limit);
  }

  compact(sequence: number): number {
    return this.#purgeBefore(sequence).finish();
  }

  /** The sequence from which on the newest `keep` messages are. */
  #keepFrom(keep: number): number {
    if (keep >= this.messages) return this.state.firstSequence;
    let left = keep;
    for (let i = this.blocks.length - 1; i >= 0; i--) {
      const block = this.blocks[i]!;
      if (block.messages < left) {
        left -= block.messages;
        continue;
      }
      let place = block.previousLive(block.index.length - 1);
      while (--left > 0) place = block.previousLive(place - 1);
      return block.index.sequenceAt(place);
    }
    return this.state.firstSequence;
  }

  /** `all`: everything there is. */
  #purgeBefore(sequence: number, all = sequence > this.last): PurgeSteps<B> {
    checkJump(sequence);
    const steps = this.#stepsTo(null, all ? 0 : sequence);
    if (!all) return steps;
    steps.count = this.messages;
    this.#clear(Math.max(this.last, sequence - 1));
    return steps;
  }

  #clear(last: number): void {
    if (this.closed) throw new StoreError('closed', 'store is closed');
    if (this.messages === 0 && last === this.last) return;
    for (const read of this.reading) read.finish();
    this.removeAll(last);
    this.epoch++;
    this.last = last;
    this.messages = this.bytes = 0;
    this.subjects.clear();
    this.expiry.clear();
    this.ageless.clear();
    this.schedules.clear();
    this.position++;
    this.changed();
    this.listener?.purged(last + 1);
  }

  truncate(sequence: number): void {
    if (sequence >= this.last) return;
    this.epoch++;
    while (this.search.next(null, sequence + 1)) {
      this.removePlace(this.search.block, this.search.place, 'truncate');
    }
    this.cutAbove(sequence);
    this.#goBackTo(sequence);
    this.position++;
    this.changed();
  }

  /** Forgets messages above `sequence` and takes back removals: what the disk refused was never there. */
  protected rollBack(sequence: number, removals: readonly Undo[]): void {
    this.epoch++;
    for (let more = this.search.next(null, sequence + 1); more; more = this.search.next(null, sequence + 1)) {
      const { block, place } = this.search;
      const bytes = block.sizeOf(place);
      const id = block.subjectAt(place);
      const gone = block.index.sequenceAt(place);
      block.kill(place, bytes);
      this.messages--;
      this.bytes -= bytes;
      this.#leaveSubject(id, gone, block, place);
    }
    this.cutAbove(sequence);
    this.#goBackTo(sequence);
    for (let i = removals.length - 1; i >= 0; i--) {
      if (removals[i]!.sequence <= sequence) this.revive(removals[i]!.sequence);
    }
  }

  #goBackTo(sequence: number): void {
    this.last = sequence;
    this.expiry.retain((each) => each <= sequence);
    for (const each of this.ageless) if (each > sequence) this.ageless.delete(each);
    for (const { subject, sequence: each } of [...this.schedules]) {
      if (each > sequence) this.schedules.remove(subject);
    }
    this.lastTime = this.blocks.at(-1)?.lastTime ?? this.lastTime;
  }

  // Damage

  protected setAside(block: B, place: number, reason: string): void {
    const sequence = block.index.sequenceAt(place);
    const bytes = block.sizeOf(place);
    const id = block.subjectAt(place);
    block.kill(place, bytes);
    this.messages--;
    this.bytes -= bytes;
    this.#leaveSubject(id, sequence, block, place);
    this.lostSequences.push(sequence);
    this.lostBytes += bytes;
    this.position++;
    if (block.messages === 0) this.emptied(block);
    this.changed();
    this.reportDamage({ file: `${block.number}.blk`, reason, sequences: [sequence], bytes });
  }

  protected reportDamage(report: DamageReport): void {
    this.listener?.damaged(report);
  }

  /** What `lastSequences` would have to look for, where that is much; null where it is not. */
  lastsSteps(filter: SubjectFilter | null): SteppedWork | null {
    const steps = new ResolveLasts(this.parts, filter as StoreFilter | null);
    return steps.isWorthwhile ? steps : null;
  }

  // Time

  expire(): void {
    if (this.closed || this.expiring || this.#expireSome()) return;
    if (this.#slices === undefined) {
      this.#armAt(this.clock.now());
      return;
    }
    this.expiring = true;
    this.#goOn(
      this.#slices,
      () => this.#expireSome(),
      () => {
        this.expiring = false;
      },
    );
  }

  /** Does some in later turns, until nothing is left to do, the store is closed, or it fails. */
  #goOn(slices: Pick<Slices, 'add'>, some: () => boolean, end: () => void): void {
    slices.add(() => {
      let over = true;
      try {
        over = this.closed || some();
        return over;
      } finally {
        if (over) end();
      }
    });
  }

  /** True when nothing is left that is due, and the timer set for what follows. */
  #expireSome(): boolean {
    const { clock } = this;
    const now = clock.now();
    const until = clock.monotonic() + TURN_TIME;
    this.#pace.begin();
    for (let gone = 0; gone < TURN_MESSAGES; gone += LOOK_EVERY) {
      const byAge = this.#expireByAge(now);
      if (this.#expireByTtl(now) && byAge) {
        this.expiring = false;
        this.#expireFrom = 0;
        this.#pace.end();
        this.#arm();
        return true;
      }
      if (this.#pace.isOver || clock.monotonic() >= until) return false;
    }
    return false;
  }

  /** True when no other is too old. */
  #expireByAge(now: number): boolean {
    const { maxAge, deleteMarkers, allowTtl } = this.#limits;
    if (maxAge <= 0) return true;
    const mayStay = allowTtl || this.ageless.size > 0;
    for (let looked = 0; looked < LOOK_EVERY && !this.#pace.isOver; looked++) {
      if (!this.search.next(null, this.#expireFrom)) return true;
      const { block, place } = this.search;
      if (this.#slices !== undefined && !this.#pace.allows(block)) return false;
      const sequence = block.index.sequenceAt(place);
      if (block.stampOf(place, this.#due).milliseconds + maxAge > now) return true;
      this.#expireFrom = sequence + 1;
      if (mayStay && (this.ageless.has(sequence) || this.#isAgeless(sequence))) continue;
      if (!deleteMarkers && !mayStay) this.removePlace(block, place, 'age');
      else if (!deleteMarkers || !this.#offer(sequence)) this.#expireOne(sequence, 'age');
    }
    return false;
  }

  /** True when no other is due. */
  #expireByTtl(now: number): boolean {
    for (let gone = 0; gone < LOOK_EVERY; gone++) {
      if (this.expiry.next > now) return true;
      const sequence = this.expiry.pop();
      if (!this.#limits.deleteMarkers || !this.#offer(sequence)) this.#expireOne(sequence, 'ttl');
    }
    return false;
  }

  /** Whether the headers of a message say that it never expires. */
  #isAgeless(sequence: number): boolean {
    if (!this.#limits.allowTtl) return false;
    const header = this.load(sequence, this.#scratch)?.header ?? null;
    if (header === null || ttlOf(header) !== -1) return false;
    this.ageless.add(sequence);
    return true;
  }

  #expireOne(sequence: number, reason: RemovalReason): void {
    if (this.search.find(sequence)) this.removePlace(this.search.block, this.search.place, reason);
  }

  /** Whether the listener deals with a message that is due. */
  #offer(sequence: number): boolean {
    const message = this.load(sequence);
    if (message === null || this.listener === null) return false;
    const id = this.subjects.findBytes(message.buffer, message.subjectStart, message.subjectEnd);
    return this.listener.expiring(message, this.subjects.counts[id] === 1);
  }

  /** Sets the timer to when the next message is due. */
  #arm(): void {
    if (this.expiring) return;
    let due = this.expiry.next;
    const { maxAge } = this.#limits;
    if (maxAge > 0) {
      for (let from = 0; this.search.next(null, from); ) {
        const { block, place } = this.search;
        from = block.index.sequenceAt(place) + 1;
        if (this.ageless.has(from - 1)) continue;
        due = Math.min(due, toMilliseconds(block.timeOf(place)) + maxAge);
        break;
      }
    }
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerDue = Number.POSITIVE_INFINITY;
    if (due < Number.POSITIVE_INFINITY) this.#armAt(due);
  }

  #armAt(due: number): void {
    if (this.expiring) return;
    this.#timer?.cancel();
    this.#timerDue = due;
    const delay = Math.min(Math.max(due - this.clock.now(), EXPIRE_PAUSE), EXPIRE_LOOK);
    this.#timer = this.clock.after(delay, () => {
      this.#timer = null;
      this.#timerDue = Number.POSITIVE_INFINITY;
      this.expire();
    });
  }

  /** No more changes. */
  protected close(): void {
    this.closed = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.countSubjectMemory(0);
  }

  abstract stop(done: (error: Error | null) => void): void;
  abstract destroy(): void;
}

/** Seconds, -1 for ever, 0 without. */
export function ttlOf(header: Uint8Array): number {
  const value = headerValue(headerText(header), 'Nats-TTL');
  return value === undefined ? 0 : (parseTtl(value) ?? 0);
}

export function toMilliseconds(time: bigint): number {
  return Number(time) / 1e6;
}

function checkJump(sequence: number): void {
  if (sequence > LAST_SEQUENCE) throw new StoreError('sequence', `sequences end at ${LAST_SEQUENCE}`);
}

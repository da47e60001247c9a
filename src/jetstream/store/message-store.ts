/**
 * What a stream asks of its store, whether that keeps its messages in memory or in files. All of it is synchronous:
 * a change is visible at once, and durable once `durablePosition` has reached the `position` it got.
 *
 * Times are nanoseconds since 1970 as `bigint`, as they are stored and shown. Subjects are latin1 strings, one char per
 * byte. Sequences are numbers: 2^53 messages are enough for a stream.
 */

import { Stamp } from '../../runtime/stamp.js';
import { systemErrorReason } from '../../runtime/system-error.js';
import type { SteppedWork } from '../slices.js';

/** What a stream may hold. -1 means no limit. */
export interface StoreLimits {
  maxMessages: number;
  /** Of `StoreState.bytes`. */
  maxBytes: number;
  maxMessagesPerSubject: number;
  /** Milliseconds; 0 for none. */
  maxAge: number;
  /** Whether `Nats-TTL` counts. */
  allowTtl: boolean;
  /** Whether `StoreListener.expiring` is asked before an age or a TTL takes a message away. */
  deleteMarkers: boolean;
  /** Whether the store keeps schedules (`MessageStore.schedules`). */
  allowSchedules: boolean;
}

export const NO_LIMITS: Readonly<StoreLimits> = {
  maxMessages: -1,
  maxBytes: -1,
  maxMessagesPerSubject: -1,
  maxAge: 0,
  allowTtl: false,
  deleteMarkers: false,
  allowSchedules: false,
};

/** A live view: it changes with the store. */
export interface StoreState {
  readonly messages: number;
  readonly bytes: number;
  /** Last sequence plus one without messages; 0 in a store that never had any and begins at 1. */
  readonly firstSequence: number;
  /** 0 without messages. */
  readonly firstTime: bigint;
  readonly lastSequence: number;
  /** 0 when there never was one. */
  readonly lastTime: bigint;
  readonly subjects: number;
  /** Sequences between first and last that are gone. */
  readonly deleted: number;
  /** What damage took: bytes, and sequences as far as they are known. Null without damage. */
  readonly lost: { readonly sequences: readonly number[]; readonly bytes: number } | null;
}

/** Why a message went. `remove` and `purge` were asked for, the others are limits. */
export type RemovalReason = 'remove' | 'purge' | 'limit' | 'age' | 'ttl' | 'truncate';

/** Told while the change happens: it must not change the store, but for `expiring`. */
export interface StoreListener {
  /** Everything up to `position` survives a power cut. In rising order. */
  durable(position: number): void;
  /**
   * The disk refused what came after `position`; the store has gone back to what it was then. Sequences above
   * `StoreState.lastSequence` are not taken; reads go on, and the next append tries again.
   */
  failed(error: StoreError, position: number): void;
  /** One message went; `bytes` is its part of `StoreState.bytes`. Not called for `purge` of everything and `compact`. */
  removed(sequence: number, subject: string, bytes: number, reason: RemovalReason): void;
  /** All messages below `firstSequence` went at once. */
  purged(firstSequence: number): void;
  /**
   * Asked when `deleteMarkers` is on, before an age or TTL takes `message`; `last` when it is the only one left of its
   * subject. True: the listener has dealt with it (a marker that rolls the subject up), and it is not to be removed.
   */
  expiring(message: StoredMessage, last: boolean): boolean;
  /** A damaged record, block or file was met and set aside. */
  damaged(report: DamageReport): void;
}

export interface DamageReport {
  /** The file, relative to the directory of the store. */
  file: string;
  /** What is wrong with it, for the log. */
  reason: string;
  /** Messages known to be gone by it, and how many bytes. */
  sequences: readonly number[];
  bytes: number;
}

/** For the log and for `/healthz`. */
export function damageText({ file, reason, sequences }: DamageReport): string {
  const lost = sequences.length === 0 ? '' : `, ${sequences.length} messages are lost`;
  return `${file} is damaged: ${reason}${lost}`;
}

/** Numbers are exact up to twice this; what is left are as many messages again. */
export const LAST_SEQUENCE = 2 ** 52;

export type StoreErrorCode =
  /** A record above 32 MiB. */
  | 'too-large'
  /** `appendAt` with a sequence that is not above the last one, or a jump beyond `LAST_SEQUENCE`. */
  | 'sequence'
  /** The memory for subjects (`StoreMemory.indexLimit`) is used up. */
  | 'index-full'
  /** The disk refused; `cause` has its `code`. */
  | 'disk'
  | 'closed';

export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StoreError';
    this.code = code;
  }

  /** The code of the disk's error (`ENOSPC`, ...), '' for others. */
  get diskCode(): string {
    return (this.cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  }
}

/** The disk has refused to take something. */
export function diskError(error: unknown): StoreError {
  return new StoreError('disk', `error writing to disk: ${systemErrorReason(error)}`, error);
}

/**
 * A message as it lies in the store's memory. Those bytes are never changed, so it may be kept, but it keeps the block it
 * lies in alive: copy what is to stay for long. Reuse the object by passing it to the next `load`.
 */
export class StoredMessage {
  sequence = 0;
  /** What it lies in. */
  buffer: Buffer = EMPTY;
  subjectStart = 0;
  subjectEnd = 0;
  /** Equal to `payloadStart` without headers. */
  headerStart = 0;
  payloadStart = 0;
  payloadEnd = 0;
  readonly stamp = new Stamp();
  #subject: string | null = null;
  #words: DataView = NO_WORDS;
  /** What `#words` is a view of. */
  #viewed: Buffer = EMPTY;

  /** Called by stores: the object now stands for another message. */
  reset(): this {
    this.#subject = null;
    return this;
  }

  /** Nanoseconds since 1970. */
  get time(): bigint {
    return this.stamp.nanoseconds;
  }

  /** A view of `buffer`, made once for many messages that lie in the same. */
  get words(): DataView {
    const { buffer } = this;
    if (buffer !== this.#viewed) {
      this.#viewed = buffer;
      this.#words = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    }
    return this.#words;
  }

  get subject(): string {
    return (this.#subject ??= this.buffer.toString('latin1', this.subjectStart, this.subjectEnd));
  }

  /** `NATS/1.0\r\n...\r\n\r\n`, or null. */
  get header(): Buffer | null {
    return this.headerStart === this.payloadStart
      ? null
      : this.buffer.subarray(this.headerStart, this.payloadStart);
  }

  get payload(): Buffer {
    return this.buffer.subarray(this.payloadStart, this.payloadEnd);
  }

  /** Bytes of header and payload. */
  get length(): number {
    return this.payloadEnd - this.headerStart;
  }
}

const EMPTY = Buffer.alloc(0);
const NO_WORDS = new DataView(EMPTY.buffer, 0, 0);

/** Patterns to look for, made once by `MessageStore.filter` and kept: it remembers which subjects match. */
export interface SubjectFilter {
  readonly patterns: readonly string[];
  matches(subject: string): boolean;
}

export interface PurgeRequest {
  /** Only messages whose subject matches. */
  filter?: SubjectFilter | null;
  /** Only messages below this sequence. */
  before?: number;
  /** Leave the newest n of those that match. Not together with `before`. */
  keep?: number;
}

export interface PurgeWork extends SteppedWork {
  /** Messages that went so far. */
  readonly count: number;
}

export interface LastSequencesWork extends SteppedWork {
  /** When `step` has said so. */
  readonly sequences: Float64Array | null;
}

export interface Pending {
  count: number;
  /** The last sequence that was looked at. */
  through: number;
}

/** A count that is under way. Its owner tells it of removals; after a purge or a `failed` it has to begin anew. */
export interface Counting {
  /** The last sequence that counts. */
  readonly through: number;
  /** When `step` has said so. */
  readonly count: number;
  /** Counts for some milliseconds, or so many records; true when it is done. */
  step(records?: number): boolean;
  /** A message that matches, at or before `through`, is gone. */
  removed(sequence: number): void;
}

export interface SubjectPage extends SteppedWork {
  /** How many subjects match. */
  readonly total: number;
  /** Those of the page, by their names, as `show` had them, with commas between. */
  readonly text: string;
}

export interface MessageStore {
  readonly kind: 'file' | 'memory';
  readonly state: StoreState;
  readonly limits: Readonly<StoreLimits>;
  listener: StoreListener | null;
  /** Counts changes: after a call, what it did is durable when `durablePosition` is at least this. */
  readonly position: number;
  readonly durablePosition: number;
  readonly schedules: ScheduleTable;
  /** Damage met so far, the newest last. */
  readonly reports: readonly DamageReport[];

  /** Limits ask for more to go than one turn of the event loop should take: it goes in turns that follow. */
  readonly trimming: boolean;

  /** New limits count at once; see `trimming`. */
  setLimits(limits: Readonly<StoreLimits>): void;

  /**
   * Stores a message and takes away what the limits displace. `ttl` in seconds as in `Nats-TTL`: 0 none, -1 never expires.
   * Returns its sequence. Throws `StoreError`; nothing has changed then.
   */
  append(subject: string, header: Uint8Array | null, payload: Uint8Array, time: bigint, ttl?: number): number;
  /** The same for headers (0 bytes: none) and payload that lie one behind the other, as in what a client sent. */
  appendBody(
    subject: string,
    body: Uint8Array,
    start: number,
    headerLength: number,
    payloadLength: number,
    time: Stamp,
    ttl?: number,
  ): number;
  /** `append` at a given sequence above the last one, for mirrors and restores; those between are skipped. */
  appendAt(
    sequence: number,
    subject: string,
    header: Uint8Array | null,
    payload: Uint8Array,
    time: bigint,
    ttl?: number,
  ): void;
  /** From now on appends take nothing away, so that several can be stored together or not at all, until `releaseLimits`. */
  holdLimits(): void;
  /** Does what the limits ask for after appends to these subjects. */
  releaseLimits(subjects: Iterable<string>): void;
  /** Uses up all sequences up to this one. */
  skipTo(sequence: number, time: bigint): void;
  /** What a message of such lengths, in bytes, would add to `state.bytes`. */
  sizeOfMessage(subjectLength: number, headerLength: number, payloadLength: number): number;
  /** What a message would add to `state.bytes`. */
  sizeOf(subject: string, header: Uint8Array | null, payload: Uint8Array): number;

  /** Null when there is none (any more) or it is damaged. `into` is filled and returned. */
  load(sequence: number, into?: StoredMessage): StoredMessage | null;
  /** The newest message of one literal subject. */
  loadLast(subject: string, into?: StoredMessage): StoredMessage | null;
  /** The first message at or after `start`; a null filter takes all. */
  loadNext(filter: SubjectFilter | null, start: number, into?: StoredMessage): StoredMessage | null;
  /**
   * Shows all messages that there are at or after `first`, a few milliseconds at a time until a step is true; those that go meanwhile are
   * shown before they do, out of their order. `show` gets the same object each time.
   */
  readSteps(first: number, show: (message: StoredMessage) => void): SteppedWork;
  /** The last message at or before `start`. */
  loadPrevious(filter: SubjectFilter | null, start: number, into?: StoredMessage): StoredMessage | null;
  /** The sequence of the newest message of a literal subject; 0 without. */
  lastSequenceOf(subject: string): number;
  /** The newest sequence of every subject that matches, at or below `upTo`, rising; null when more than `limit`. */
  lastSequences(filter: SubjectFilter | null, upTo: number, limit: number): Float64Array | null;
  /**
   * Finds out beforehand, a few milliseconds at a time until a step is true, what `lastSequences` would have to look for in all blocks;
   * null where that is not much.
   */
  lastsSteps(filter: SubjectFilter | null): SteppedWork | null;
  /** `lastSequences`, all of it in steps. */
  lastSequencesSteps(filter: SubjectFilter | null, upTo: number, limit: number): LastSequencesWork;
  /** The first sequence with a time at or after `time`; last plus one without. */
  sequenceAt(time: bigint): number;
  /** Sequences between first and last that are gone, rising, at most `limit`. */
  deletedSequences(limit?: number): number[];
  /** All patterns together; [] and ['>'] give null: everything. */
  filter(patterns: readonly string[]): SubjectFilter | null;
  /** Calls `visit` for every subject that matches with the number of its messages. */
  subjectTotals(filter: SubjectFilter | null, visit: (subject: string, messages: number) => void): void;
  /** How many subjects match a pattern, and some of them; `show` is called for these as they are found. */
  subjectPage(
    pattern: string,
    range: { offset: number; limit: number },
    show: (subject: string, messages: number) => string,
  ): SubjectPage;
  /** Messages at or after `from` that match; with `lastPerSubject` only the newest of each subject. */
  pending(filter: SubjectFilter | null, from: number, lastPerSubject?: boolean): Pending;
  /** The same in steps, where it may take longer than one turn of the event loop should. */
  countPending(filter: SubjectFilter | null, from: number): Counting;

  /** False when there is none. */
  remove(sequence: number): boolean;
  /** The same, and its bytes are overwritten where the store can. */
  erase(sequence: number): boolean;
  /** How many went. */
  purge(request?: PurgeRequest): number;
  /** The same in steps; what takes no time is done when it returns. */
  purgeSteps(request?: PurgeRequest): PurgeWork;
  /** Takes away everything below `sequence`, which becomes the first (and last plus one) even if none is left. */
  compact(sequence: number): number;
  /** Takes away everything above `sequence`. */
  truncate(sequence: number): void;

  /** Does what age and TTLs ask for at this time; the store's own timer does the same. */
  expire(): void;
  /** Ends it in good order: everything written, synced, and the caches that make the next start fast. */
  stop(done: (error: Error | null) => void): void;
  /** Removes all that is stored. */
  destroy(): void;
}

/** Schedules by subject. The stream says when they fire; the store keeps them with the messages. */
export interface ScheduleTable {
  /** `at` in nanoseconds since 1970. A subject has one schedule. */
  set(subject: string, sequence: number, at: bigint): void;
  remove(subject: string): void;
  /** When the next one fires; null without any. */
  readonly next: bigint | null;
  /** Those that fire at or before `now`, by time; they stay until set anew or removed. */
  due(now: bigint): { subject: string; sequence: number; at: bigint }[];
  readonly size: number;
}

/**
 * Direct get: messages of a stream as plain messages with a few headers, without the JSON of the API. One message, a batch of them, or
 * the newest of several subjects. What is not durable yet is not shown: such a request is answered after the next sync.
 */
import type { InternalMessage } from '../broker/internal-client.js';
import type { LyingPayload, Scratch } from '../broker/stored-frame.js';
import { fromUtf8, toUtf8, writeNumber, writeText } from '../protocol/bytes.js';
import type { PublishOperation } from '../protocol/client-parser.js';
import { readOneJson } from '../protocol/json-type.js';
import { timeToNanoseconds } from '../protocol/rfc3339.js';
import { Memory } from '../runtime/arena.js';
import { needsHigherLevel } from './levels.js';
import { type MessageGetRequest, messageGetRequest } from './message-get.js';
import type { SteppedWork } from './slices.js';
import {
  type Counting,
  type LastSequencesWork,
  type MessageStore,
  StoredMessage,
  type SubjectFilter,
} from './store/message-store.js';
import type { Stream } from './stream.js';

const NO_PAYLOAD: LyingPayload = {
  buffer: Buffer.alloc(0),
  words: new DataView(new ArrayBuffer(0)),
  payloadStart: 0,
  payloadEnd: 0,
};
/** Bytes. */
const FIRST_HEADER = 512;
/** What lines take beyond the texts that they show. */
const LINES = 160;

/** As many subjects `multi_last` may find, as officially. */
const MAX_SUBJECTS = 1024;

const NOTHING: MessageGetRequest = messageGetRequest.zero();

/**
 * Answers what most requests ask for, without making text or objects of it: the newest message of a literal subject (latin1), asked for
 * by nothing but the subject of the request. False where more has to be looked at; then nothing was done.
 */
export function directGetLast(
  stream: Stream,
  subject: string,
  { memory, replyStart, replyEnd }: PublishOperation,
  header: DirectHeader,
): boolean {
  if (stream.closed || subject === '' || hasWildcard(subject)) return false;
  const message = stream.store.loadLast(subject, header.message);
  if (message === null || message.sequence > stream.visibleSequence) return false;
  header.compose(stream, message, '');
  stream.account.client.answerWith(memory.bytes, replyStart, replyEnd, header, message);
  return true;
}

/** Answers a request on `$JS.API.DIRECT.GET.<stream>`, or with `.<subject>` behind it, which is latin1 here. */
export function directGet(
  stream: Stream,
  message: InternalMessage,
  subject: string | null,
  header: DirectHeader,
): void {
  if (message.reply === '') return;
  const answer = new Answer(stream, message.reply, header);
  if (message.payload.length === 0 && message.header === null && subject) {
    answer.run({ ...NOTHING, last_by_subj: toUtf8(subject) });
    return;
  }
  const request = readRequest(message, subject);
  if (typeof request === 'string') answer.status(request);
  else answer.run(request);
}

/** What is asked for, or the status that refuses it. */
function readRequest(
  { header, payload }: InternalMessage,
  subject: string | null,
): MessageGetRequest | string {
  if (needsHigherLevel(header)) return '412 Required Api Level';
  if (payload.length === 0 && subject === null) return '408 Empty Request';
  let request: MessageGetRequest;
  try {
    request = payload.length === 0 ? messageGetRequest.zero() : readOneJson(messageGetRequest, payload);
  } catch {
    return '408 Malformed Request';
  }
  if (subject !== null) {
    if (subject === '' || !isEmpty(request) || request.batch !== 0) return '408 Bad Request';
    return { ...request, last_by_subj: toUtf8(subject) };
  }
  if (isEmpty({ ...request, up_to_seq: 0, up_to_time: undefined })) return '408 Empty Request';
  return contradicts(request) ? '408 Bad Request' : request;
}

/** Whether a request names no message at all. */
function isEmpty(request: MessageGetRequest): boolean {
  const { seq, last_by_subj: last, next_by_subj: next, start_time: start, multi_last: multi } = request;
  const { up_to_seq: upToSeq, up_to_time: upToTime } = request;
  const none = seq === 0 && last === '' && next === '' && start === undefined && !multi?.length;
  return none && upToSeq === 0 && upToTime === undefined;
}

function contradicts(request: MessageGetRequest): boolean {
  const { seq, last_by_subj: last, next_by_subj: next, start_time: start, batch } = request;
  const multi = (request.multi_last?.length ?? 0) > 0;
  if (seq > 0 && (last !== '' || start !== undefined)) return true;
  if (last !== '' && (start !== undefined || next !== '' || batch > 0 || multi)) return true;
  return (next !== '' && multi) || (request.up_to_seq > 0 && request.up_to_time !== undefined);
}

/** One request on its way to its answer. */
class Answer {
  readonly #stream: Stream;
  readonly #store: MessageStore;
  readonly #reply: Buffer;
  readonly #header: DirectHeader;
  /** Sequence of the last message that was sent. */
  #last = 0;
  #bytes = 0;
  #waited = false;

  constructor(stream: Stream, reply: string, header: DirectHeader) {
    this.#stream = stream;
    this.#store = stream.store;
    this.#reply = Buffer.from(reply, 'latin1');
    this.#header = header;
  }

  /** Sends a status, maybe with lines of headers behind it. */
  status(status: string): void {
    this.#header.set(`NATS/1.0 ${status}\r\n\r\n`);
    this.#send(NO_PAYLOAD);
  }

  run(request: MessageGetRequest): void {
    if (this.#stream.closed) return;
    const status = this.#answer(request);
    if (status !== null) this.status(status);
  }

  /** The status that the answer ends with, if any. */
  #answer(request: MessageGetRequest): string | null {
    if (request.multi_last?.length) return this.#multi(request);
    // A negative number is officially a batch of none.
    return request.batch !== 0 ? this.#batch(request) : this.#one(request);
  }

  /** What `#header` has, and a payload. */
  #send(payload: LyingPayload): void {
    const { client } = this.#stream.account;
    client.answerWith(this.#reply, 0, this.#reply.length, this.#header, payload);
  }

  #sendMessage(message: StoredMessage, more: string, bare: boolean): void {
    if (bare) {
      this.#stream.account.client.publish(toUtf8(this.#reply.toString('latin1')), message.payload);
      return;
    }
    this.#header.compose(this.#stream, message, more);
    this.#send(message);
  }

  /** Whether the request has to wait since messages up to this sequence are not durable yet. */
  #waits(through: number, request: MessageGetRequest): boolean {
    if (through <= this.#stream.visibleSequence || this.#waited) return false;
    this.#waited = true;
    this.#stream.account.jetstream.storage.commit.after(() => this.run(request));
    return true;
  }

  #one(request: MessageGetRequest): string | null {
    const message = this.#find(request);
    if (message === null) return '404 Message Not Found';
    if (this.#waits(message.sequence, request)) return null;
    this.#sendMessage(message, '', request.no_hdr);
    return null;
  }

  #find({ seq, last_by_subj: last, next_by_subj: next, start_time: start }: MessageGetRequest) {
    const from = start === undefined ? seq : this.#store.sequenceAt(timeToNanoseconds(start));
    if (next !== '') return this.#store.loadNext(this.#store.filter([fromUtf8(next)]), from);
    return from > 0 ? this.#store.load(from) : loadLast(this.#store, fromUtf8(last));
  }

  #batch(request: MessageGetRequest): string | null {
    const store = this.#store;
    const { lastSequence } = store.state;
    if (this.#waits(lastSequence, request)) return null;
    const { seq, next_by_subj: next, start_time: start } = request;
    const from = start === undefined ? seq : store.sequenceAt(timeToNanoseconds(start));
    const filter = next === '' ? null : store.filter([fromUtf8(next)]);
    const counting = store.countPending(filter, from);
    const { counts } = this.#stream;
    const open = counts.add(counting, filter);
    const step = (): boolean => {
      try {
        return open.stale || counting.step();
      } catch (error) {
        counts.end(open);
        throw error;
      }
    };
    return this.#after({ step }, () => {
      counts.end(open);
      return open.stale ? this.#runAnew(request) : this.#sendBatch(request, filter, from, counting);
    });
  }

  /**
   * Gives the status that the answer ends with, or sends it where the work that comes before takes longer than this turn. Null where
   * somebody else does.
   */
  #after(work: SteppedWork, send: () => string | null): string | null {
    if (work.step()) return send();
    const { account, name } = this.#stream;
    account.jetstream.slices.add(() => {
      if (this.#stream.closed) return true;
      try {
        if (!work.step()) return false;
        const status = send();
        if (status !== null) this.status(status);
      } catch (error) {
        // Like a request that was lost.
        const reason = (error as Error).message;
        account.jetstream.log.error(`Batch of stream '${account.name} > ${name}' cannot be read: ${reason}`);
      }
      return true;
    });
    return null;
  }

  /** What was counted is not what is there by now, which may not be durable yet. */
  #runAnew(request: MessageGetRequest): null {
    this.#waited = false;
    this.run(request);
    return null;
  }

  /** Gives the status that the batch ends with. */
  #sendBatch(
    request: MessageGetRequest,
    filter: SubjectFilter | null,
    start: number,
    { count, through }: Counting,
  ): string {
    const store = this.#store;
    const { batch, no_hdr: bare } = request;
    let from = start;
    let pending = count;
    const most = this.#maxBytes(request);
    const message = new StoredMessage();
    for (let sent = 0; sent < batch && this.#bytes < most; sent++) {
      // What came while they were counted may not be durable yet.
      if (store.loadNext(filter, from, message) === null || message.sequence > through) {
        // As officially, a batch of one that finds nothing says so as well.
        if (sent === 0) return '404 Message Not Found';
        break;
      }
      from = message.sequence + 1;
      pending = Math.max(0, pending - 1);
      this.#sendOf(message, pending, bare);
    }
    return `204 EOB\r\nNats-Num-Pending: ${pending}\r\nNats-Last-Sequence: ${this.#last}`;
  }

  #multi(request: MessageGetRequest): string | null {
    const store = this.#store;
    const { firstSequence, lastSequence } = store.state;
    if (this.#waits(lastSequence, request)) return null;
    const { up_to_time: upToTime, multi_last: subjects = [] } = request;
    let upTo = request.up_to_seq;
    if (upToTime !== undefined) {
      upTo = store.sequenceAt(timeToNanoseconds(upToTime));
      if (upTo <= firstSequence) return '404 No Results';
      upTo--;
    }
    if (upTo === 0) upTo = lastSequence;
    const filter = store.filter(subjects.map(fromUtf8));
    const work = store.lastSequencesSteps(filter, upTo, MAX_SUBJECTS);
    return this.#after(work, () => this.#sendLasts(request, upTo, work));
  }

  /** Gives the status that the answer ends with. */
  #sendLasts(request: MessageGetRequest, upTo: number, { sequences }: LastSequencesWork): string {
    const store = this.#store;
    const { batch } = request;
    if (sequences === null) return '413 Too Many Results';
    if (sequences.length === 0) return '404 No Results';
    const most = this.#maxBytes(request);
    const message = new StoredMessage();
    let pending = sequences.length;
    let sent = 0;
    for (const sequence of sequences) {
      pending--;
      if (sequence < request.seq) continue;
      if (store.load(sequence, message) === null) return '404 Message Not Found';
      this.#sendOf(message, pending, false);
      if (this.#bytes >= most || ++sent === batch) break;
    }
    return `204 EOB\r\nNats-Num-Pending: ${pending}\r\nNats-Last-Sequence: ${this.#last}\r\nNats-UpTo-Sequence: ${upTo}`;
  }

  #maxBytes(request: MessageGetRequest): number {
    return request.max_bytes || this.#stream.account.jetstream.broker.options.maxPending;
  }

  #sendOf(message: StoredMessage, pending: number, bare: boolean): void {
    const more = `Nats-Num-Pending: ${pending}\r\nNats-Last-Sequence: ${this.#last}\r\n`;
    this.#sendMessage(message, more, bare);
    this.#last = message.sequence;
    this.#bytes += message.subjectEnd - message.subjectStart + message.length;
  }
}

function hasWildcard(subject: string): boolean {
  return subject.includes('*') || subject.includes('>');
}

/** The newest message under a subject, which may have wildcards. */
function loadLast(store: MessageStore, subject: string): StoredMessage | null {
  if (!hasWildcard(subject)) return store.loadLast(subject);
  return store.loadPrevious(store.filter([subject]), store.state.lastSequence);
}

/** The headers that a message has been stored with, and where it lies in the stream; written for one message after the other. */
export class DirectHeader implements Scratch {
  memory = new Memory(FIRST_HEADER);
  length = 0;
  /** To be filled again and again by who uses this. */
  readonly message = new StoredMessage();

  /** `more`: lines behind the others. */
  compose({ name, account }: Stream, message: StoredMessage, more: string): void {
    const { buffer, headerStart, payloadStart, subjectStart, subjectEnd, sequence, stamp } = message;
    const own = payloadStart - headerStart;
    const stream = fromUtf8(name);
    const room = own + stream.length + (subjectEnd - subjectStart) + more.length + LINES;
    this.#room(room);
    const { bytes } = this.memory;
    let at = 0;
    if (own === 0) at = writeText('NATS/1.0\r\n', bytes, 0);
    else {
      bytes.set(buffer.subarray(headerStart, payloadStart), 0);
      at = own - 2;
    }
    at = writeText('Nats-Stream: ', bytes, at);
    at = writeText(stream, bytes, at);
    at = writeText('\r\nNats-Subject: ', bytes, at);
    for (let i = subjectStart; i < subjectEnd; i++) bytes[at++] = buffer[i]!;
    at = writeText('\r\nNats-Sequence: ', bytes, at);
    at = writeNumber(sequence, bytes, at);
    at = writeText('\r\nNats-Time-Stamp: ', bytes, at);
    at = account.jetstream.times.write(stamp, bytes, at);
    at = writeText('\r\n', bytes, at);
    at = writeText(more, bytes, at);
    this.length = writeText('\r\n', bytes, at);
  }

  /** A block that has been written elsewhere; latin1. */
  set(text: string): void {
    this.#room(text.length);
    this.length = writeText(text, this.memory.bytes, 0);
  }

  #room(bytes: number): void {
    if (bytes > this.memory.bytes.length) this.memory = new Memory(2 * bytes);
  }
}

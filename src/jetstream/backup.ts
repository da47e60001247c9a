/**
 * A backup of one stream on its way to a client, while the stream is in use: everything up to what was durable when it began. It goes out in
 * chunks; so many of them may be on their way as fit the window, each is answered by the client.
 */
import type { Subscription } from '../broker/subscription.js';
import { fromUtf8 } from '../protocol/bytes.js';
import type { Timer } from '../runtime/clock.js';
import { S2Writer } from '../runtime/s2.js';
import { consumerJson } from './backup-codec.js';
import { stateJson } from './info.js';
import { ARCHIVE_CONSUMERS, ARCHIVE_STATE, archiveEnd, archiveEntry, archiveStart } from './store/archive.js';
import { StoredMessage } from './store/message-store.js';
import type { Stream } from './stream.js';

const DEFAULT_CHUNK = 128 * 1024;
const LARGEST_CHUNK = 1024 * 1024;
const DEFAULT_WINDOW = 8 * 1024 * 1024;
const LARGEST_WINDOW = 32 * 1024 * 1024;
const SMALLEST = 1024;
/** Milliseconds that a client has to answer. */
const ANSWER_TIME = 5000;
/** Milliseconds in which the client has to listen. */
const INTEREST_TIME = 2000;
/** Bytes of the stream that are packed in one turn of the event loop. */
const PER_TURN = 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export interface BackupRequest {
  /** As UTF-8 text. */
  deliverSubject: string;
  withConsumers: boolean;
  /** Bytes; 0 for the default. */
  chunkSize: number;
  windowSize: number;
}

export class Backup {
  /** What is in it, for the answer to the request. */
  readonly state: string;
  readonly bytes: number;
  readonly #stream: Stream;
  readonly #request: BackupRequest;
  readonly #chunkSize: number;
  readonly #lastSequence: number;
  readonly #consumers: { name: string; json: string }[];
  readonly #acks: string;
  readonly #content: Iterator<Buffer>;
  /** Packed, and not sent yet. */
  #packed: Buffer[] = [];
  #packedLength = 0;
  #ended = false;
  #free: number;
  #index = 1;
  #timer: Timer | null = null;
  #due = false;
  #sub: Subscription | null = null;
  #unwatch: (() => void) | null = null;
  #done: (error: Error | null) => void = () => {};

  constructor(stream: Stream, request: BackupRequest) {
    this.#stream = stream;
    this.#request = request;
    const chunk = Math.min(Math.max(SMALLEST, request.chunkSize || DEFAULT_CHUNK), LARGEST_CHUNK);
    const window = Math.min(Math.max(SMALLEST, request.windowSize || DEFAULT_WINDOW), LARGEST_WINDOW);
    this.#chunkSize = chunk;
    this.#free = Math.floor(Math.max(window, chunk) / chunk);
    const { state } = stream.store;
    this.bytes = state.bytes;
    this.#lastSequence = state.lastSequence;
    const consumers = request.withConsumers
      ? [...stream.consumers.all()].filter(({ config }) => !config.direct)
      : [];
    consumers.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#consumers = consumers.map((consumer) => ({
      name: consumer.name,
      json: consumerJson(consumer, this.#lastSequence),
    }));
    this.state = stateJson(state, { consumers: consumers.length });
    this.#acks = `$JS.SNAPSHOT.ACK.${stream.name}.${stream.account.jetstream.nuid.next()}`;
    this.#content = this.#pack();
  }

  /** Sends it. `done` is called once, with what the client was told. */
  start(done: (error: Error | null) => void): void {
    this.#done = done;
    const { account } = this.#stream;
    const { deliverSubject } = this.#request;
    this.#sub = account.client.subscribe(`${this.#acks}.>`, () => {
      this.#free++;
      this.#armTimer();
      this.#schedule();
    });
    let listens = this.#listens;
    if (!listens) this.#arm(INTEREST_TIME, () => this.#begin());
    this.#unwatch = account.watchInterest(fromUtf8(deliverSubject), () => {
      const now = this.#listens;
      if (now && !listens) this.#begin();
      if (!now && listens) this.#end('408 No Interest', new Error('no interest'));
      listens = now;
    });
    if (listens) this.#begin();
  }

  get #listens(): boolean {
    return this.#stream.account.hasExactInterest(fromUtf8(this.#request.deliverSubject), '');
  }

  #begin(): void {
    this.#armTimer();
    this.#schedule();
  }

  #armTimer(): void {
    this.#arm(ANSWER_TIME, () => this.#end('408 No Flow Response', new Error('no flow response')));
  }

  #arm(delay: number, callback: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#stream.account.jetstream.broker.clock.after(delay, callback);
  }

  #schedule(): void {
    if (this.#due || this.#sub === null) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      if (this.#sub !== null) this.#send();
    });
  }

  /** Sends what the window allows, a turn's worth of it. */
  #send(): void {
    if (this.#stream.closed) {
      this.#end('500 stream is closed', new Error('stream is closed'));
      return;
    }
    let left = PER_TURN;
    while (this.#free > 0 && left > 0) {
      try {
        left -= this.#fill();
      } catch (error) {
        this.#end(`500 ${(error as Error).message}`, error as Error);
        return;
      }
      if (this.#packedLength < this.#chunkSize) {
        if (!this.#ended) continue;
        if (this.#packedLength > 0) this.#publish(this.#take(this.#packedLength), '', null);
        this.#end(this.#index > 1 ? '204' : '', null);
        return;
      }
      const chunk = this.#take(this.#chunkSize);
      this.#publish(chunk, `${this.#acks}.${chunk.length}.${this.#index}`, null);
      this.#index++;
      this.#free--;
      this.#armTimer();
    }
    if (this.#free > 0) this.#schedule();
  }

  /** Packs until there is a chunk, or a turn's worth was read; returns how much it was. */
  #fill(): number {
    let read = 0;
    while (this.#packedLength < this.#chunkSize && !this.#ended && read < PER_TURN) {
      const { value, done } = this.#content.next();
      if (done) this.#ended = true;
      else if (value.length > 0) {
        this.#packed.push(value);
        this.#packedLength += value.length;
      }
      read += PER_TURN / 4;
    }
    return Math.max(read, 1);
  }

  #take(length: number): Buffer {
    const all =
      this.#packed.length === 1 ? this.#packed[0]! : Buffer.concat(this.#packed, this.#packedLength);
    this.#packed = all.length > length ? [all.subarray(length)] : [];
    this.#packedLength -= length;
    return all.subarray(0, length);
  }

  #publish(chunk: Buffer, reply: string, header: string | null): void {
    const { client } = this.#stream.account;
    const block = header === null ? null : Buffer.from(header, 'utf8');
    client.publish(this.#request.deliverSubject, chunk, reply, block);
  }

  /** `status` is the status line of the last message; '' for one without. */
  #end(status: string, error: Error | null): void {
    if (this.#sub === null) return;
    this.#timer?.cancel();
    this.#unwatch?.();
    this.#stream.account.client.unsubscribe(this.#sub);
    this.#sub = null;
    this.#packed = [];
    this.#publish(NOTHING, '', status === '' ? null : `NATS/1.0 ${status}\r\n\r\n`);
    this.#done(error);
  }

  /** Packed content, and empty buffers where something was read and not packed yet. */
  *#pack(): Generator<Buffer, void, void> {
    const writer = new S2Writer();
    let gathered = 0;
    for (const part of this.#parts()) {
      for (const chunk of writer.push(part)) {
        gathered = 0;
        yield chunk;
      }
      gathered += part.length;
      if (gathered > PER_TURN / 4) {
        gathered = 0;
        yield NOTHING;
      }
    }
    yield* writer.end();
  }

  *#parts(): Generator<Buffer, void, void> {
    const { store, account } = this.#stream;
    const time = account.jetstream.nanoseconds();
    const entry = (name: string, text: string) =>
      archiveEntry({
        name: fromUtf8(name),
        time,
        sequence: 0,
        headers: NOTHING,
        payload: Buffer.from(text, 'utf8'),
      });
    yield archiveStart();
    yield entry(ARCHIVE_STATE, this.state);
    for (const { name, json } of this.#consumers) yield entry(ARCHIVE_CONSUMERS + name, json);
    const message = new StoredMessage();
    for (let next = 0; ; ) {
      const found = store.loadNext(null, next, message);
      if (found === null || found.sequence > this.#lastSequence) break;
      next = found.sequence + 1;
      yield archiveEntry({
        name: found.subject,
        time: found.time,
        sequence: found.sequence,
        headers: found.header ?? NOTHING,
        payload: found.payload,
      });
    }
    yield archiveEnd();
  }
}

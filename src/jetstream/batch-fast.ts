/**
 * Fast batches: a stream of messages whose sender is told now and then how far it has come, by which it is slowed down. All that is said
 * about a message is in its reply subject: `<prefix>.<batch id>.<flow>.<gap mode>.<batch sequence>.<operation>.$FI`.
 */

import { REQUEST_INFO } from '../broker/request-info.js';
import { endsWith, fromUtf8, toUtf8 } from '../protocol/bytes.js';
import { quoteJson } from '../protocol/json-type.js';
import type { Clock, Timer } from '../runtime/clock.js';
import { BatchStage, type CheckedMessage, checkBatched, DuplicateError } from './batch-checks.js';
import { ApiError } from './errors.js';
import { headerText, headerValue, withoutHeader } from './headers.js';
import { exceedsLevel, REQUIRED_LEVEL_HEADER } from './levels.js';
import type { PublishSurroundings } from './publish-checks.js';

const SUFFIX = '.$FI';
const SUFFIX_BYTES = Buffer.from(SUFFIX);
const MAX_ID_LENGTH = 64;
/** Messages that all senders of a stream together may be ahead of their acknowledgements. */
const SHARED_FLOW = 500;
const DEFAULT_FLOW = 10;
const MAX_FLOW = 65_535;

export interface FastMessage {
  id: string;
  /** Within the batch, from 1. */
  sequence: number;
  /** Messages per acknowledgement that the client wants at most. */
  flow: number;
  gapOk: boolean;
  operation: 'append' | 'commit' | 'end' | 'ping';
}

export function isFastReply(reply: string): boolean {
  return reply.length > SUFFIX.length && reply.endsWith(SUFFIX);
}

/** The same for a subject that lies in bytes. */
export function isFastReplyIn(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start > SUFFIX.length && endsWith(SUFFIX_BYTES, bytes, start, end);
}

/**
 * The reply subject of a message of a fast batch; '' where it is none. What came by an import has another one, and the header tells of the
 * one that the client gave.
 */
export function fastReplyOf(reply: string, header: Buffer | null): string {
  if (isFastReply(reply)) return reply;
  if (header === null || !reply.startsWith('_R_.')) return '';
  const text = headerText(header);
  const info = text.includes(`${SUFFIX}"`) ? headerValue(text, REQUEST_INFO) : '';
  if (!info) return '';
  try {
    const given: unknown = JSON.parse(toUtf8(info)).reply;
    return typeof given === 'string' && isFastReply(given) ? fromUtf8(given) : '';
  } catch {
    return '';
  }
}

/** Null for a reply subject of a fast batch that says nothing sensible. */
export function parseFastReply(reply: string): FastMessage | null {
  const tokens = reply.slice(0, -SUFFIX.length).split('.');
  if (tokens.length < 6) return null;
  const [id, flowText, gap, sequenceText, operationText] = tokens.slice(-5) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const operation = ['append', 'append', 'commit', 'end', 'ping'][Number(operationText)] as
    | FastMessage['operation']
    | undefined;
  if (!/^0*[0-4]$/.test(operationText) || operation === undefined) return null;
  const sequence = Number(sequenceText);
  if (!/^[0-9]+$/.test(sequenceText) || sequence === 0 || sequence >= 2 ** 64) return null;
  if (sequence === 1 ? operation === 'end' || operationText.endsWith('1') : operationText.endsWith('0'))
    return null;
  if (gap !== 'fail' && gap !== 'ok') return null;
  const flow = /^[0-9]+$/.test(flowText) ? Math.min(Number(flowText), MAX_FLOW) : 0;
  return { id, sequence, flow: flow || DEFAULT_FLOW, gapOk: gap === 'ok', operation };
}

export interface FastLimits {
  maxInflightPerStream: number;
  maxInflightTotal: number;
  /** Milliseconds. */
  timeout: number;
  maxPayload: number;
}

export interface FastHost extends PublishSurroundings {
  readonly clock: Clock;
  readonly inflight: { fast: number };
  fastLimits(): FastLimits;
  /** Stores a message and returns its sequence. Throws `ApiError`. */
  storeChecked(message: CheckedMessage): number;
  /** Sends at once. */
  say(reply: string, body: string): void;
  /** Sends when all that was stored so far is durable. */
  promise(reply: string, body: string): void;
  /** Text of an acknowledgement, up to the sequence. */
  readonly ackStart: string;
  refusal(error: ApiError): string;
}

interface Batch {
  readonly gapOk: boolean;
  readonly maxFlow: number;
  /** Messages per acknowledgement for now. */
  flow: number;
  /** The last sequence of the batch that was seen. */
  last: number;
  /** Up to which acknowledgements have gone out. */
  acknowledged: number;
  /** Of the stream. */
  stored: number;
  timer: Timer;
}

interface Given {
  subject: string;
  header: string;
  payload: Buffer;
}

export class FastBatches {
  readonly #host: FastHost;
  readonly #batches = new Map<string, Batch>();

  constructor(host: FastHost) {
    this.#host = host;
  }

  /** Throws `ApiError`. */
  receive(fast: FastMessage | null, message: Given, reply: string): void {
    if (!this.#host.config.allow_batched) throw new ApiError('batchPublishDisabled');
    if (fast === null) throw new ApiError('batchPublishInvalidPattern');
    if (fast.id.length > MAX_ID_LENGTH) throw new ApiError('batchPublishInvalidBatchID');
    const batch = this.#batchOf(fast);
    const given = this.#checkLevel(fast, message);
    if (fast.operation === 'ping') this.#ping(fast, batch, reply);
    else if (this.#checkGap(fast, batch, reply)) this.#message(fast, batch, given, reply);
  }

  #batchOf(fast: FastMessage): Batch {
    const known = this.#batches.get(fast.id);
    if (known !== undefined) {
      known.timer.cancel();
      known.timer = this.#timer(fast.id);
      return known;
    }
    if (fast.sequence !== 1 || fast.operation === 'ping') throw new ApiError('batchPublishUnknownBatchID');
    const { inflight } = this.#host;
    const { maxInflightPerStream, maxInflightTotal } = this.#host.fastLimits();
    if (this.#batches.size >= maxInflightPerStream || inflight.fast >= maxInflightTotal)
      throw new ApiError('batchPublishTooManyInflight');
    inflight.fast++;
    const alone = this.#batches.size === 0;
    const batch: Batch = {
      gapOk: fast.gapOk,
      maxFlow: fast.flow,
      // The only sender may have what it wants, others begin slowly.
      flow: alone ? Math.min(SHARED_FLOW, fast.flow) : 1,
      last: 0,
      acknowledged: 0,
      stored: 0,
      timer: this.#timer(fast.id),
    };
    this.#batches.set(fast.id, batch);
    return batch;
  }

  #timer(id: string): Timer {
    return this.#host.clock.after(this.#host.fastLimits().timeout, () => this.#end(id));
  }

  #checkLevel({ id }: FastMessage, message: Given): Given {
    const level = headerValue(message.header, REQUIRED_LEVEL_HEADER) ?? '';
    if (level === '') return message;
    if (exceedsLevel(level)) {
      this.#end(id);
      throw new ApiError('requiredApiLevel');
    }
    return { ...message, header: withoutHeader(message.header, REQUIRED_LEVEL_HEADER) };
  }

  /** The sender asks what has arrived. */
  #ping(fast: FastMessage, batch: Batch, reply: string): void {
    if (fast.sequence > batch.last) {
      this.#sayGap(reply, batch.last + 1, fast.sequence + 1);
      if (!batch.gapOk) {
        this.#commit(fast.id, batch, reply);
        return;
      }
      batch.last = fast.sequence;
      if (this.#acknowledge(batch, reply)) return;
    }
    this.#sayFlow(batch, reply, batch.acknowledged);
  }

  /** Whether the message is the next one, or may be taken although others are missing. */
  #checkGap(fast: FastMessage, batch: Batch, reply: string): boolean {
    const expected = batch.last + 1;
    if (fast.sequence !== expected) {
      this.#sayGap(reply, expected, fast.sequence);
      if (!batch.gapOk || fast.sequence < expected) {
        this.#commit(fast.id, batch, reply);
        return false;
      }
    }
    batch.last = fast.sequence;
    return true;
  }

  #message(fast: FastMessage, batch: Batch, message: Given, reply: string): void {
    const commits = fast.operation === 'commit';
    if (fast.operation === 'end') {
      batch.last--;
      this.#commit(fast.id, batch, reply);
      return;
    }
    // With `no_ack` this is officially all that is not said, beside what refuses a message out of hand.
    const quiet = this.#host.config.no_ack;
    if (fast.sequence === 1 && !commits && !quiet) this.#sayFlow(batch, reply, 0);
    try {
      const { maxPayload } = this.#host.fastLimits();
      batch.stored = this.#host.storeChecked(checkBatched(new BatchStage(), message, this.#host, maxPayload));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#failed(fast, batch, error, reply);
      return;
    }
    if (commits) this.#commit(fast.id, batch, reply);
    else this.#acknowledge(batch, reply);
  }

  /** A message was not stored. A duplicate counts as stored. */
  #failed(fast: FastMessage, batch: Batch, error: ApiError, reply: string): void {
    const commits = fast.operation === 'commit';
    const duplicate = error instanceof DuplicateError ? error.sequence : null;
    if (duplicate !== null) {
      this.#acknowledge(batch, reply);
      if (!commits) return;
    }
    if (!fast.gapOk && batch.last === 1) {
      this.#end(fast.id);
      if (duplicate === null) this.#host.say(reply, this.#host.refusal(error));
      else
        this.#host.promise(
          reply,
          `${this.#host.ackStart}${duplicate},"duplicate": true,${count(fast.id, fast.sequence)}}`,
        );
      return;
    }
    if (duplicate === null)
      this.#host.say(reply, `{"type":"err","seq":${fast.sequence},"error":${error.json}}`);
    if (fast.gapOk && !commits) return;
    if (duplicate === null) batch.last--;
    this.#commit(fast.id, batch, reply);
  }

  /** Acknowledges, when it is time to, and lets the sender go faster or slower. True when something was sent. */
  #acknowledge(batch: Batch, reply: string): boolean {
    if (batch.last < batch.acknowledged + batch.flow) return false;
    const steps = Math.floor((batch.last - batch.acknowledged) / batch.flow);
    batch.acknowledged += steps * batch.flow;
    const fair = Math.max(1, Math.floor(SHARED_FLOW / this.#batches.size));
    const most = Math.min(fair, batch.maxFlow);
    if (batch.flow < most) batch.flow = Math.min(batch.flow * 2, most);
    else if (batch.flow > most) batch.flow = Math.max(Math.floor(batch.flow / 2), most);
    this.#sayFlow(batch, reply, batch.acknowledged);
    return true;
  }

  #sayFlow(batch: Batch, reply: string, sequence: number): void {
    this.#host.promise(reply, `{"type":"ack","seq":${sequence},"msgs":${batch.flow}}`);
  }

  #sayGap(reply: string, expected: number, got: number): void {
    this.#host.say(reply, `{"type":"gap","last_seq":${expected},"seq":${got}}`);
  }

  #commit(id: string, batch: Batch, reply: string): void {
    this.#end(id);
    this.#host.promise(reply, `${this.#host.ackStart}${batch.stored},${count(id, batch.last)}}`);
  }

  #end(id: string): void {
    const batch = this.#batches.get(id);
    if (batch === undefined) return;
    batch.timer.cancel();
    this.#batches.delete(id);
    this.#host.inflight.fast--;
  }

  close(): void {
    for (const id of [...this.#batches.keys()]) this.#end(id);
  }
}

function count(id: string, messages: number): string {
  return `"batch":${quoteJson(id)},"count":${messages}`;
}

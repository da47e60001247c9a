/**
 * Atomic batches: messages that a client sends one by one under an id and that are stored together, or not at all, when the last one
 * says so. Until then they are kept here. Driven by calls and by the clock.
 */
import type { Clock, Timer } from '../runtime/clock.js';
import { BatchStage, type CheckedMessage, checkBatched } from './batch-checks.js';
import { ApiError } from './errors.js';
import { headerValue, withHeader, withoutHeader } from './headers.js';
import { exceedsLevel, REQUIRED_LEVEL_HEADER } from './levels.js';
import type { PublishSurroundings } from './publish-checks.js';

/** Why a batch was given up, as advisories have it. */
export type AbandonReason = 'timeout' | 'large' | 'incomplete' | 'unsupported';

export interface AtomicLimits {
  maxInflightPerStream: number;
  maxInflightTotal: number;
  maxMessages: number;
  /** Milliseconds. */
  timeout: number;
  /** That all batches of a stream may keep here. */
  maxBytes: number;
  maxPayload: number;
}

export interface AtomicHost extends PublishSurroundings {
  readonly clock: Clock;
  /** Batches that are under way on the whole server. */
  readonly inflight: { atomic: number };
  atomicLimits(): AtomicLimits;
  /** Stores all of them. Throws `ApiError`; nothing is stored then. */
  storeBatch(messages: readonly CheckedMessage[], reply: string, id: string): void;
  /** Tells the client that its message is kept. */
  confirm(reply: string): void;
  abandoned(id: string, reason: AbandonReason): void;
}

interface Given {
  subject: string;
  header: string;
  payload: Buffer;
}

interface Batch {
  messages: Given[];
  bytes: number;
  timer: Timer;
}

const MAX_ID_LENGTH = 64;

export class AtomicBatches {
  readonly #host: AtomicHost;
  readonly #batches = new Map<string, Batch>();
  #bytes = 0;

  constructor(host: AtomicHost) {
    this.#host = host;
  }

  /** A message with the header of a batch. Throws `ApiError`. */
  receive(id: string, message: Given, reply: string): void {
    if (!this.#host.config.allow_atomic) throw new ApiError('atomicPublishDisabled');
    if (id.length > MAX_ID_LENGTH) throw new ApiError('atomicPublishInvalidBatchID');
    const number = headerValue(message.header, 'Nats-Batch-Sequence') ?? '';
    if (!/^[0-9]+$/.test(number)) throw new ApiError('atomicPublishMissingSeq');
    const sequence = Number(number);
    const commit = headerValue(message.header, 'Nats-Batch-Commit');
    const batch = this.#batchOf(id, sequence, commit === 'eob');
    const given = this.#checkStart(id, message, commit);
    const expected = batch.messages.length + 1;
    if (sequence !== expected || (sequence === 1 && commit === 'eob')) this.#giveUp(id, 'incomplete');
    const { maxMessages, maxBytes } = this.#host.atomicLimits();
    if ((commit === 'eob' ? sequence - 1 : sequence) > maxMessages)
      this.#giveUp(id, 'large', new ApiError('atomicPublishTooLargeBatch', { size: maxMessages }));
    if (commit !== 'eob') this.#keep(id, batch, given, maxBytes);
    if (commit === undefined) this.#host.confirm(reply);
    else this.#commit(id, batch, reply, commit === 'eob');
  }

  /** The batch of an id; a new one begins with its first message. */
  #batchOf(id: string, sequence: number, endsBehind: boolean): Batch {
    const known = this.#batches.get(id);
    if (known !== undefined) {
      known.timer.cancel();
      known.timer = this.#timer(id);
      return known;
    }
    const { inflight } = this.#host;
    const { maxMessages, maxInflightPerStream, maxInflightTotal } = this.#host.atomicLimits();
    if (sequence !== 1) {
      if ((endsBehind ? sequence - 1 : sequence) > maxMessages)
        throw new ApiError('atomicPublishTooLargeBatch', { size: maxMessages });
      throw new ApiError('atomicPublishIncompleteBatch');
    }
    if (this.#batches.size >= maxInflightPerStream || inflight.atomic >= maxInflightTotal)
      throw new ApiError('atomicPublishTooManyInflight');
    const batch: Batch = { messages: [], bytes: 0, timer: this.#timer(id) };
    inflight.atomic++;
    this.#batches.set(id, batch);
    return batch;
  }

  #timer(id: string): Timer {
    return this.#host.clock.after(this.#host.atomicLimits().timeout, () => {
      this.#end(id);
      this.#host.abandoned(id, 'timeout');
    });
  }

  /** The message without what asks for a level of the API. */
  #checkStart(id: string, message: Given, commit: string | undefined): Given {
    if (commit !== undefined && commit !== '1' && commit !== 'eob') {
      this.#end(id);
      throw new ApiError('atomicPublishInvalidBatchCommit');
    }
    const level = headerValue(message.header, REQUIRED_LEVEL_HEADER) ?? '';
    if (level === '') return message;
    if (exceedsLevel(level)) this.#giveUp(id, 'unsupported', new ApiError('requiredApiLevel'));
    return { ...message, header: withoutHeader(message.header, REQUIRED_LEVEL_HEADER) };
  }

  /** What waits here is in memory, so it has a limit; the official server keeps it on disk. */
  #keep(id: string, batch: Batch, message: Given, maxBytes: number): void {
    const bytes = message.subject.length + message.header.length + message.payload.length;
    if (this.#bytes + bytes > maxBytes)
      this.#giveUp(id, 'large', new ApiError('atomicPublishTooManyInflight'));
    batch.messages.push(message);
    batch.bytes += bytes;
    this.#bytes += bytes;
  }

  #giveUp(id: string, reason: AbandonReason, error = new ApiError('atomicPublishIncompleteBatch')): never {
    this.#end(id);
    this.#host.abandoned(id, reason);
    throw error;
  }

  #commit(id: string, batch: Batch, reply: string, endsBehind: boolean): void {
    this.#end(id);
    const { maxPayload } = this.#host.atomicLimits();
    const stage = new BatchStage();
    const checked = batch.messages.map((message) => {
      if (headerValue(message.header, 'Nats-Expected-Last-Msg-Id'))
        throw new ApiError('atomicPublishUnsupportedHeaderBatch', { header: 'Nats-Expected-Last-Msg-Id' });
      return checkBatched(stage, message, this.#host, maxPayload);
    });
    const last = checked.at(-1)!;
    // So that the last message of a batch can be told from one in the middle.
    if (endsBehind) last.plan.header = withHeader(last.plan.header, 'Nats-Batch-Commit', '1');
    this.#host.storeBatch(checked, reply, id);
  }

  #end(id: string): void {
    const batch = this.#batches.get(id);
    if (batch === undefined) return;
    batch.timer.cancel();
    this.#bytes -= batch.bytes;
    this.#batches.delete(id);
    this.#host.inflight.atomic--;
  }

  close(): void {
    for (const id of [...this.#batches.keys()]) this.#end(id);
  }
}

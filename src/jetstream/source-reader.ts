/**
 * Reads a stream for another one, by a consumer that it has made at the origin through the API's subjects: so the origin may be in this
 * account, in another one, in another domain or on another server. It watches over the consumer by heartbeats, answers its flow control once
 * what came is on disk, and asks for a new one when messages are missing or nothing is heard any more.
 */
import type { InternalMessage } from '../broker/internal-client.js';
import type { Subscription } from '../broker/subscription.js';
import { fromUtf8, toUtf8 } from '../protocol/bytes.js';
import type { Timer } from '../runtime/clock.js';
import { SubjectTransform } from '../subjects/transform.js';
import type { ConsumerConfig } from './consumer-config.js';
import { ApiError } from './errors.js';
import { headerBlock, headerText, headerValue } from './headers.js';
import { json, jsonObject } from './info.js';
import { MILLISECOND } from './names.js';
import { type Delivery, readDelivery } from './source-names.js';
import { type ConsumerAnswer, SourceRequest } from './source-request.js';
import type { Stream } from './stream.js';
import type { StreamSource } from './stream-config.js';

/** How often a consumer is asked for at most, and how long it may be silent. Milliseconds, all as officially. */
const RETRY_THRESHOLD = 2000;
const BACK_OFF = 10_000;
const LONGEST_BACK_OFF = 120_000;
const HEALTH_INTERVAL = 10_000;
/** Heartbeats in a row that may name the same unanswered question before that is told as an error. */
const STALLED_HEARTBEATS = 3;
/** Error code of an origin that is not the one that is asked for. */
const IDENTITY_MISMATCH = 10225;

/** A message of the origin; subjects are latin1. */
export interface Copied {
  /** As it is to be stored. */
  subject: string;
  /** As it is at the origin. */
  original: string;
  header: Buffer | null;
  payload: Buffer;
  delivery: Delivery;
}

/** Where the next message is to be looked for. */
export type Start = Pick<ConsumerConfig, 'deliver_policy' | 'opt_start_seq' | 'opt_start_time'>;

/** Whose reader it is: a mirror, or one of several sources. */
export interface Copier {
  readonly stream: Stream;
  readonly kind: 'mirror' | 'source';
  readonly source: StreamSource;
  /** What tells it from other sources of the stream, latin1. */
  readonly name: string;
  /** The consumer's name, where the origin does not make one of its own from it. */
  readonly consumerName: string;
  /** The highest API level that a request may ask of the origin. */
  readonly level: number;
  /** Of the origin as it was last seen; '' where it is not known or of no interest. */
  readonly identity: string;
  start(): Start;
  /**
   * The consumer is there, has everything up to `delivered` behind it and so many messages before it. Gives the sequence to go on from.
   * Throws `ApiError`.
   */
  begin(delivered: number, pending: number, identity: string): number;
  /** Stores a message. Throws `ApiError`; the message is then asked for again. */
  copy(message: Copied): void;
  /** The origin was deleted and created anew: nothing of it has been copied. */
  recreated(): void;
}

/** A question of flow control that is answered when what came before it is durable. */
interface Question {
  reply: string;
  position: number;
  sequence: number;
  consumerSequence: number;
}

export class SourceReader {
  readonly #copier: Copier;
  readonly transforms: (SubjectTransform | null)[];
  /** The last sequence of the origin that was dealt with. */
  sequence = 0;
  /** Messages that are still to come. */
  lag = 0;
  /** JSON text of the last error; '' for none. */
  error = '';
  /** When the origin was heard last, by the monotonic clock; -1 for never. */
  lastHeard = -1;
  #consumerSequence = 0;
  /** The origin's sequence of the consumer's last delivery: lower than `sequence` while it sends again what is here; 0 for none yet. */
  #delivered = 0;
  /** The consumer that is read; '' for none. */
  #consumer = '';
  #subscription: Subscription | null = null;
  readonly #request: SourceRequest;
  #retryTimer: Timer | null = null;
  #watchTimer: Timer | null = null;
  #lastRequest = -1;
  #failures = 0;
  #question: Question | null = null;
  #stalledOn = '';
  #stalledCount = 0;
  #closed = false;

  constructor(copier: Copier) {
    this.#copier = copier;
    this.#request = new SourceRequest(copier, {
      answered: (answer, identity) => this.#answered(answer, identity),
      unanswered: () => this.#unanswered(),
      garbled: () => {
        this.error = new ApiError('invalidJSON', { err: 'invalid JSON' }).json;
      },
    });
    this.transforms = (copier.source.subject_transforms ?? []).map(({ src, dest }) =>
      dest === '' ? null : SubjectTransform.create(fromUtf8(src), fromUtf8(dest)),
    );
  }

  get #stream(): Stream {
    return this.#copier.stream;
  }

  get #client() {
    return this.#stream.account.client;
  }

  get #jetstream() {
    return this.#stream.account.jetstream;
  }

  get #clock() {
    return this.#jetstream.broker.clock;
  }

  /** The consumer when somebody else has made it. */
  get #ownConsumer(): StreamSource['consumer'] {
    return this.#copier.source.consumer;
  }

  // --- Asking for a consumer ----------------------------------------------------------------------------------------

  /** Asks for a consumer soon: not too often, and the later the more often that has failed. */
  retry(): void {
    if (this.#closed) return;
    this.#cancel();
    if (this.#retryTimer !== null) return;
    const since = this.#lastRequest === -1 ? RETRY_THRESHOLD : this.#clock.monotonic() - this.#lastRequest;
    const backOff = Math.min(this.#failures * BACK_OFF, LONGEST_BACK_OFF);
    const jitter = 100 + (this.#jetstream.broker.random.next() % 100);
    this.#retryTimer = this.#clock.after(Math.max(0, RETRY_THRESHOLD - since) + backOff + jitter, () => {
      this.#retryTimer = null;
      this.#ask();
    });
  }

  /** There is reason to believe that asking helps now. */
  #retryNow(): void {
    this.#failures = 0;
    this.#retryTimer?.cancel();
    this.#retryTimer = null;
    this.retry();
  }

  /** There is a new stream of the origin's name: what was read, or asked for in vain, is another one. */
  originAppeared(): void {
    if (this.#lastRequest !== -1) this.#retryNow();
  }

  #ask(): void {
    this.#cancel();
    this.#lastRequest = this.#clock.monotonic();
    this.error = '';
    this.#request.ask();
  }

  #failed(): void {
    this.#failures++;
    this.retry();
  }

  #unanswered(): void {
    this.#failed();
    if (this.#ownConsumer !== undefined) this.#probe(this.#ownConsumer.deliver_subject);
  }

  /** After no answer: whatever the consumer sends shows that it is there, and asking is worth while again. */
  #probe(subject: string): void {
    this.#subscription ??= this.#client.subscribe(subject, () => {
      if (this.#failures > 0 && this.#consumer === '') this.#retryNow();
    });
  }

  #answered(answer: ConsumerAnswer, identity: string): void {
    const { error } = answer;
    if (error?.err_code === IDENTITY_MISMATCH) {
      this.#copier.recreated();
      this.sequence = 0;
      this.retry();
      return;
    }
    if (error !== undefined || answer.config === undefined || answer.name === undefined) {
      this.error =
        error === undefined ? this.#setupError('invalid consumer create response') : errorJson(error);
      this.#tell(error);
      this.#failed();
      return;
    }
    if (this.#ownConsumer !== undefined && answer.config.ack_policy !== 'flow_control') {
      const { kind } = this.#copier;
      this.error = new ApiError(
        kind === 'mirror' ? 'mirrorConsumerRequiresAckFC' : 'sourceConsumerRequiresAckFC',
      ).json;
      this.#failed();
      return;
    }
    this.#read(answer, identity);
  }

  #setupError(err: string): string {
    const name = this.#copier.kind === 'mirror' ? 'mirrorConsumerSetupFailed' : 'sourceConsumerSetupFailed';
    return new ApiError(name, { err }).json;
  }

  #tell(error: ConsumerAnswer['error']): void {
    const { kind, source } = this.#copier;
    const text = `${error?.description ?? 'invalid consumer create response'} (${error?.err_code ?? 0})`;
    this.#jetstream.log.warn(
      kind === 'mirror'
        ? `JetStream error response for create mirror consumer: ${text}`
        : `JetStream error response for stream ${this.#stream.name} create source consumer ${source.name}: ${text}`,
    );
  }

  #read({ name, config, delivered, num_pending: pending = 0 }: ConsumerAnswer, identity: string): void {
    try {
      this.sequence = this.#copier.begin(delivered?.stream_seq ?? 0, pending, identity);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.error = this.#setupError(error.message);
      this.#failed();
      return;
    }
    this.#failures = 0;
    this.#consumer = fromUtf8(name!);
    this.#consumerSequence = 0;
    this.#delivered = 0;
    this.#clearStalled();
    this.lastHeard = this.#clock.monotonic();
    const subject = this.#ownConsumer?.deliver_subject ?? config?.deliver_subject ?? '';
    this.#watch();
    this.#subscription = this.#client.subscribe(subject, (message) => this.#receive(message));
  }

  /** Asks anew when the origin has not been heard for too long. */
  #watch(): void {
    const left = HEALTH_INTERVAL - (this.#clock.monotonic() - this.lastHeard);
    if (left <= 0) {
      this.retry();
      return;
    }
    this.#watchTimer = this.#clock.after(left + 1, () => this.#watch());
  }

  #cancel(): void {
    this.#request.cancel();
    this.#watchTimer?.cancel();
    this.#watchTimer = null;
    if (this.#subscription !== null) this.#client.unsubscribe(this.#subscription);
    this.#subscription = null;
    this.#consumer = '';
    this.#question = null;
  }

  // --- What the consumer sends --------------------------------------------------------------------------------------

  #receive({ subject, reply, header, payload }: InternalMessage): void {
    if (this.#consumer === '' || this.#closed) return;
    this.lastHeard = this.#clock.monotonic();
    if (payload.length === 0 && header !== null && header.toString('latin1', 0, 13) === 'NATS/1.0 100 ') {
      this.#control(headerText(header), reply);
      return;
    }
    const delivery = readDelivery(reply);
    // What an earlier consumer has sent may still come.
    if (delivery === null || delivery.consumer !== this.#consumer || delivery.deliveries > 1) return;
    const isNext = delivery.consumerSequence === this.#consumerSequence + 1;
    if (delivery.sequence <= this.sequence) {
      if (isNext) {
        this.#consumerSequence++;
        this.#delivered = delivery.sequence;
      }
      return;
    }
    const nothingMissing = this.#copier.kind === 'mirror' && delivery.sequence === this.sequence + 1;
    if (!isNext && !nothingMissing) {
      if (delivery.consumerSequence > this.#consumerSequence) this.retry();
      return;
    }
    this.#copy({ subject: this.#transformed(subject), original: subject, header, payload, delivery });
  }

  #copy(message: Copied): void {
    const { delivery } = message;
    this.lag = Math.max(0, delivery.pending - 1);
    try {
      this.#copier.copy(message);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#refused(error);
      this.retry();
      return;
    }
    this.sequence = delivery.sequence;
    this.#consumerSequence = delivery.consumerSequence;
    this.#delivered = delivery.sequence;
    this.#clearStalled();
  }

  #transformed(subject: string): string {
    for (const transform of this.transforms) {
      const changed = transform?.match(subject) ?? null;
      if (changed !== null) return changed;
    }
    return subject;
  }

  #refused(error: ApiError): void {
    const { kind, name } = this.#copier;
    const { log } = this.#jetstream;
    const path = `'${this.#stream.account.name}' > '${this.#stream.name}'`;
    const isFull = error.errorName === 'streamStoreFailed';
    const text = isFull ? error.message : `${error.message} (${error.errorCode})`;
    if (kind === 'mirror') log.warn(`Error processing inbound mirror message for ${path}: ${text}`);
    // A stream that refuses when it is full does so all the time.
    else if (!isFull) log.warn(`Error processing inbound source ${json(toUtf8(name))} for ${path}: ${text}`);
  }

  #control(header: string, reply: string): void {
    if (reply !== '') {
      this.#asked(reply);
      return;
    }
    const last = Number(headerValue(header, 'Nats-Last-Consumer') ?? 0);
    if (last > 0 && last !== this.#consumerSequence) {
      this.retry();
      return;
    }
    const stalledOn = headerValue(header, 'Nats-Consumer-Stalled') ?? '';
    if (stalledOn === '') this.#clearStalled();
    else this.#stalled(stalledOn);
  }

  /** Asked to go on: answered when everything that came so far is durable, as the answer may let the origin forget it. */
  #asked(reply: string): void {
    const { store } = this.#stream;
    this.#question = {
      reply,
      position: store.position,
      // An ack of more than was delivered would leave the consumer with messages that no later one counts for.
      sequence: this.#delivered || this.sequence,
      consumerSequence: this.#consumerSequence,
    };
    this.durable(store.durablePosition);
  }

  /** Everything up to the position of the store is on disk. */
  durable(position: number): void {
    const question = this.#question;
    if (question === null || question.position > position) return;
    this.#question = null;
    const { reply, sequence, consumerSequence } = question;
    const header = headerBlock({ 'Nats-Last-Consumer': consumerSequence, 'Nats-Last-Stream': sequence });
    this.#client.publish(toUtf8(reply), '', '', Buffer.from(header, 'latin1'));
  }

  /** The consumer still waits for an answer. */
  #stalled(reply: string): void {
    if (this.#question?.reply === reply) return;
    if (reply !== this.#stalledOn) {
      this.#stalledOn = reply;
      this.#stalledCount = 0;
    }
    if (++this.#stalledCount === STALLED_HEARTBEATS) {
      this.error = new ApiError('sourceConsumerFlowControlStalled').json;
      const { kind, source } = this.#copier;
      this.#jetstream.log.warn(
        `JetStream stream '${this.#stream.account.name} > ${this.#stream.name}' ${kind} '${source.name}' is stalled on flow control, replies are not reaching the consumer`,
      );
    }
    this.#asked(reply);
  }

  #clearStalled(): void {
    if (this.#stalledOn === '') return;
    this.#stalledOn = '';
    this.#stalledCount = 0;
    this.error = '';
  }

  // --- The end ------------------------------------------------------------------------------------------------------

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#retryTimer?.cancel();
    this.#retryTimer = null;
  }

  /** Closes, and has the origin remove the consumer that it may keep for this stream. */
  remove(): void {
    const known = this.#consumer === fromUtf8(this.#copier.consumerName);
    this.close();
    if (this.#ownConsumer === undefined) this.#request.remove(known);
  }

  // --- What it tells ------------------------------------------------------------------------------------------------

  /** JSON of the origin in `StreamInfo`; `sequence` is what is stored of a source, 0 for mirrors. */
  info(sequence: number): string {
    const { name, external, filter_subject: filter, subject_transforms: transforms } = this.#copier.source;
    // As officially, a mirror that has not asked yet does not show it.
    const shown = filter !== '' && (this.#copier.kind === 'source' || this.#lastRequest !== -1);
    const heard = this.lastHeard;
    const active =
      heard === -1 ? -1 : Math.max(0, Math.round((this.#clock.monotonic() - heard) * MILLISECOND));
    return jsonObject([
      ['name', json(name)],
      [
        'external',
        external === undefined ? undefined : json({ api: external.api, deliver: external.deliver }),
      ],
      ['lag', String(this.lag)],
      ['seq', sequence === 0 ? undefined : String(sequence)],
      ['active', String(active)],
      ['error', this.error === '' ? undefined : this.error],
      ['filter_subject', shown ? json(filter) : undefined],
      [
        'subject_transforms',
        transforms?.length ? json(transforms.map(({ src, dest }) => ({ src, dest }))) : undefined,
      ],
    ]);
  }
}

function errorJson({
  code = 500,
  err_code: number = 0,
  description = '',
}: NonNullable<ConsumerAnswer['error']>): string {
  return json({ code, err_code: number, description });
}

/**
 * A stream that is the copy of another one: messages keep their sequences and times, what the origin has not (any more) is skipped, and what
 * is deleted there later stays here.
 */
import { ApiError } from './errors.js';
import { headerBytes, headerText, withoutHeaders } from './headers.js';
import { mirrorConsumerHash } from './source-names.js';
import { type Copied, type Copier, SourceReader, type Start } from './source-reader.js';
import { StoreError } from './store/message-store.js';
import type { Stream } from './stream.js';
import type { StreamSource } from './stream-config.js';

/** Nearer than this to its end a mirror may answer direct gets for the origin. */
const CAUGHT_UP = 10;

export class Mirror implements Copier {
  readonly stream: Stream;
  readonly kind = 'mirror';
  readonly name = '';
  readonly source: StreamSource;
  readonly consumerName: string;
  readonly level = 4;
  readonly identity = '';
  readonly reader: SourceReader;
  /** It has been near the end of its origin since it began. */
  caughtUp = false;

  constructor(stream: Stream, source: StreamSource) {
    this.stream = stream;
    this.source = source;
    const { account, name } = stream;
    const { domain } = account.jetstream.options;
    this.consumerName = `JS_MIRROR_${mirrorConsumerHash(name, account.name, domain)}`;
    this.reader = new SourceReader(this);
    this.reader.retry();
  }

  start(): Start {
    const { messages, firstSequence, lastSequence } = this.stream.store.state;
    const { opt_start_seq: sequence, opt_start_time: time } = this.source;
    const isNew = messages === 0 && firstSequence === 0;
    const from = isNew ? sequence : lastSequence + 1;
    if (from > 0)
      return { deliver_policy: 'by_start_sequence', opt_start_seq: from, opt_start_time: undefined };
    if (time !== undefined)
      return { deliver_policy: 'by_start_time', opt_start_seq: 0, opt_start_time: time };
    return { deliver_policy: 'all', opt_start_seq: 0, opt_start_time: undefined };
  }

  begin(delivered: number, pending: number): number {
    if (pending < CAUGHT_UP) this.caughtUp = true;
    const { store } = this.stream;
    const { lastSequence } = store.state;
    if (delivered <= lastSequence) return lastSequence;
    this.#skipTo(delivered);
    return delivered;
  }

  /** What lies below is not at the origin any more. */
  #skipTo(sequence: number): void {
    const { stream } = this;
    const { store } = stream;
    try {
      if (store.state.messages === 0) store.compact(sequence + 1);
      else store.skipTo(sequence, stream.account.jetstream.nanoseconds());
    } catch (error) {
      if (error instanceof StoreError) throw new ApiError('streamStoreFailed', { err: error.message });
      throw error;
    }
    stream.advanced();
  }

  copy({ subject, header, payload, delivery }: Copied): void {
    const { sequence, time, pending } = delivery;
    if (sequence > this.reader.sequence + 1) this.#skipTo(sequence - 1);
    this.stream.take(subject, withoutExpectations(header), payload, { sequence, time });
    if (pending < CAUGHT_UP) this.caughtUp = true;
  }

  recreated(): void {
    // Mirrors ask for no identity.
  }
}

/** What a publisher expected was checked at the origin; batches were put together there. */
export function withoutExpectations(header: Buffer | null): Buffer | null {
  if (header === null) return null;
  const text = headerText(header);
  const rest = withoutHeaders(withoutHeaders(text, 'Nats-Expected-'), 'Nats-Batch-');
  return rest === text ? header : headerBytes(rest);
}

/** One source of a stream: messages of another one are stored behind those that are there, with a header that says where they are from. */

import { nanosecondsToTime, timeToNanoseconds } from '../protocol/rfc3339.js';
import { headerBytes, headerText, withHeader, withoutHeader } from './headers.js';
import { withoutExpectations } from './mirror.js';
import { indexName, SOURCE_HEADER, sourceConsumerHash, writeSourceMark } from './source-names.js';
import type { SourcePositions } from './source-positions.js';
import { type Copied, type Copier, SourceReader, type Start } from './source-reader.js';
import type { Stream } from './stream.js';
import type { StreamSource } from './stream-config.js';

export class Source implements Copier {
  readonly stream: Stream;
  readonly kind = 'source';
  readonly source: StreamSource;
  readonly name: string;
  readonly consumerName: string;
  readonly level = 5;
  readonly reader: SourceReader;
  #positions: SourcePositions;
  /** Of the origin, as it is read now. */
  identity: string;
  /** The origin has been created anew since something of it was copied. */
  #recreated = false;

  constructor(
    stream: Stream,
    source: StreamSource,
    all: readonly StreamSource[],
    positions: SourcePositions,
  ) {
    this.stream = stream;
    this.source = source;
    this.#positions = positions;
    this.name = indexName(source);
    const { account } = stream;
    const { domain } = account.jetstream.options;
    this.consumerName = `JS_SRC_${sourceConsumerHash(stream.name, account.name, domain, source, all)}`;
    this.reader = new SourceReader(this);
    const { sequence, identity } = positions.get(this.name);
    this.reader.sequence = sequence;
    this.identity = identity;
    this.reader.retry();
  }

  start(): Start {
    const from = this.reader.sequence + 1;
    if (from > 1)
      return { deliver_policy: 'by_start_sequence', opt_start_seq: from, opt_start_time: undefined };
    const { opt_start_seq: sequence, opt_start_time: time } = this.source;
    if (sequence > 0)
      return { deliver_policy: 'by_start_sequence', opt_start_seq: sequence, opt_start_time: undefined };
    const since = this.#startTime(time);
    if (since !== undefined)
      return { deliver_policy: 'by_start_time', opt_start_seq: 0, opt_start_time: since };
    return { deliver_policy: 'all', opt_start_seq: 0, opt_start_time: undefined };
  }

  /** A stream that has lost its first messages may have had some of this source: it goes on from the time of its last one. */
  #startTime(configured: string | undefined): string | undefined {
    const { lastTime, firstSequence } = this.stream.store.state;
    if (configured !== undefined)
      return lastTime !== 0n && timeToNanoseconds(configured) < lastTime
        ? nanosecondsToTime(lastTime)
        : configured;
    return firstSequence > 1 && lastTime !== 0n && !this.#recreated ? nanosecondsToTime(lastTime) : undefined;
  }

  begin(delivered: number, _pending: number, identity: string): number {
    const { identity: before } = this;
    const isNew = this.#recreated || (identity !== '' && before !== '' && identity !== before);
    if (isNew) {
      const path = `${this.stream.account.name} > ${this.stream.name}`;
      this.stream.account.jetstream.log.warn(
        `JetStream source stream "${this.source.name}" for stream '${path}' was recreated, resetting source state`,
      );
      this.#positions.forget(this.name);
    }
    this.identity = identity;
    this.#recreated = false;
    return Math.max(isNew ? 0 : this.reader.sequence, delivered);
  }

  recreated(): void {
    this.identity = '';
    this.#recreated = true;
  }

  copy({ subject, original, header, payload, delivery }: Copied): void {
    const { sequence } = delivery;
    const text = headerText(withoutExpectations(header));
    const mark = writeSourceMark(this.name, sequence, original, this.identity);
    const marked = withHeader(withoutHeader(text, SOURCE_HEADER), SOURCE_HEADER, mark);
    const storedAs = this.stream.take(subject, headerBytes(marked), payload, null);
    if (storedAs > 0) this.#positions.moved(this.name, sequence, this.identity, storedAs);
  }

  /** The store went back to what is durable: so does what was copied. */
  goBack(positions: SourcePositions): void {
    this.#positions = positions;
    const { sequence, identity } = this.#positions.get(this.name);
    this.reader.sequence = sequence;
    this.identity = identity;
    this.reader.retry();
  }

  info(): string {
    const { sequence, identity } = this.#positions.get(this.name);
    const known = !this.#recreated && (identity === '' || identity === this.identity);
    return this.reader.info(known ? sequence : 0);
  }
}

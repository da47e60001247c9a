/** Publishes what a stream has stored once more, under another subject and with where it lies in the stream. */
import { fromUtf8, toUtf8 } from '../protocol/bytes.js';
import { nanosecondsToTime } from '../protocol/rfc3339.js';
import { SubjectTransform } from '../subjects/transform.js';
import { isValidPublishSubject } from './config-checks.js';
import { headerText, withHeader } from './headers.js';
import type { Stream } from './stream.js';
import type { StreamConfig } from './stream-config.js';

export class Republisher {
  readonly #stream: Stream;
  readonly #transform: SubjectTransform;
  readonly #headersOnly: boolean;

  constructor(stream: Stream, { src, dest, headers_only }: NonNullable<StreamConfig['republish']>) {
    this.#stream = stream;
    this.#transform = SubjectTransform.create(fromUtf8(src), fromUtf8(dest));
    this.#headersOnly = headers_only;
  }

  /** `previous` is the sequence of the message before it under the same subject; 0 without. */
  publish(
    subject: string,
    header: Buffer | null,
    payload: Buffer,
    sequence: number,
    time: bigint,
    previous: number,
  ): void {
    const to = this.#transform.match(subject);
    if (to === null) return;
    const { account, name } = this.#stream;
    if (!isValidPublishSubject(to)) {
      const shown = JSON.stringify(toUtf8(to));
      account.jetstream.log.warn(
        `Stream '${account.name} > ${name}' suppressing republish with invalid subject ${shown}`,
      );
      return;
    }
    let block = headerText(header);
    block = withHeader(block, 'Nats-Stream', fromUtf8(name));
    block = withHeader(block, 'Nats-Subject', subject);
    block = withHeader(block, 'Nats-Sequence', String(sequence));
    block = withHeader(block, 'Nats-Time-Stamp', nanosecondsToTime(time));
    block = withHeader(block, 'Nats-Last-Sequence', String(previous));
    if (this.#headersOnly) block = withHeader(block, 'Nats-Msg-Size', String(payload.length));
    const body = this.#headersOnly ? '' : payload;
    account.client.publish(toUtf8(to), body, '', Buffer.from(block, 'latin1'));
  }
}

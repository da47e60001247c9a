/** What a stream tells the trace of a message that is published to it. */
import type { InternalMessage } from '../broker/internal-client.js';
import type { MessageTrace, StreamTrace } from '../broker/message-trace.js';
import { TRACE_DESTINATION, TRACE_DISABLED } from '../broker/trace-headers.js';
import { toUtf8 } from '../protocol/bytes.js';
import { goJson } from '../protocol/json.js';
import type { ApiError } from './errors.js';
import { headerBytes, headerText, withHeaderSet } from './headers.js';

export class TracedPublish {
  readonly #trace: MessageTrace;
  readonly #step: StreamTrace;
  #error: string | undefined;

  constructor(trace: MessageTrace, stream: string) {
    this.#trace = trace;
    this.#step = trace.jetStream(stream);
  }

  /** The header as it is stored: who gets the message from the stream is no part of the trace. */
  header({ header }: InternalMessage): Buffer | null {
    if (this.#trace.only) return header;
    return headerBytes(withHeaderSet(headerText(header), TRACE_DESTINATION, TRACE_DISABLED));
  }

  /** The message may be stored, or skipped where nobody wants it; true when it is only there to be traced. */
  goesNoFurther(subject: string, unwanted: boolean): boolean {
    this.#step.stored(subject, unwanted);
    return this.#trace.only;
  }

  duplicate(): void {
    this.#error = 'msgid is duplicate';
  }

  failed(error: ApiError): void {
    this.#step.end(this.#reason(error));
  }

  /** The official server's own words for it, where they are others than those of the answer. */
  #reason({ errorName, errorCode, message }: ApiError): string {
    switch (errorName) {
      case 'streamStoreFailed':
      case 'streamRollupFailed':
      case 'streamNotMatch':
        return message;
      case 'streamMessageExceedsMaximum':
      case 'streamHeaderExceedsMaximum':
        return 'maximum payload exceeded';
      case 'messageTTLDisabled':
        return 'message TTL disabled';
      case 'streamWrongLastSequence':
        return this.#wrongSequence(message.slice(message.lastIndexOf(' ') + 1));
      case 'streamWrongLastMsgID': {
        const actual = message.slice('wrong last msg ID: '.length);
        return `last msgid mismatch: ${goJson(this.#expected('Msg-Id'), 0)} vs ${goJson(actual, 0)}`;
      }
      default:
        return `${message} (${errorCode})`;
    }
  }

  /** That of the subject is looked at first. */
  #wrongSequence(actual: string): string {
    const ofSubject = this.#expected('Subject-Sequence');
    if (ofSubject !== '' && ofSubject !== actual) {
      return `last sequence by subject mismatch: ${ofSubject} vs ${actual}`;
    }
    return `last sequence mismatch: ${this.#expected('Sequence')} vs ${actual}`;
  }

  #expected(what: string): string {
    return toUtf8(this.#trace.header(`Nats-Expected-Last-${what}`));
  }

  /** Nothing has failed. */
  end(): void {
    this.#step.end(this.#error);
  }
}

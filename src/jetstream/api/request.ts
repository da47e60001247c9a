/** A request of the JetStream API on its way to an answer. */
import type { InternalMessage } from '../../broker/internal-client.js';
import { toUtf8 } from '../../protocol/bytes.js';
import { JsonSyntaxError } from '../../protocol/json-text.js';
import { type JsonType, readJson } from '../../protocol/json-type.js';
import type { AccountJetStream } from '../account-jetstream.js';
import { ApiError } from '../errors.js';
import { jsonObject } from '../info.js';
import type { Kept } from '../kept.js';

/** Fields of an answer that are JSON already; absent ones are left out. */
export type Fields = (readonly [name: string, json: string | undefined])[];

export class ApiRequest {
  readonly account: AccountJetStream;
  readonly message: InternalMessage;
  /** Of the subject, behind `$JS.API.` or its form with a domain. */
  readonly tokens: readonly string[];

  constructor(account: AccountJetStream, message: InternalMessage, tokens: readonly string[]) {
    this.account = account;
    this.message = message;
    this.tokens = tokens;
  }

  /** The body as a type. Throws `ApiError` 10025 with the decoder's words. */
  read<V>(type: JsonType<V>): V {
    const { strict } = this.account.jetstream.options;
    try {
      return readJson(type, this.message.payload, strict);
    } catch (error) {
      const { message } = error as Error;
      const offset = error instanceof JsonSyntaxError && error.offset !== undefined;
      const err = offset ? `${message} at offset ${(error as JsonSyntaxError).offset}` : message;
      this.account.jetstream.log.warn(
        `Invalid JetStream request '${this.account.name} > ${toUtf8(this.message.subject)}': ${err}`,
      );
      throw new ApiError('invalidJSON', { err });
    }
  }

  /** Throws `ApiError` 10038 when there is a body; an empty object is none. */
  expectEmpty(): void {
    if (!isEmpty(this.message.payload)) throw new ApiError('notEmptyRequest');
  }

  /** Answers at once. `type` is the last part of the answer's type. */
  answer(type: string, fields: Fields, failed = false, header: Buffer | null = null): void {
    const { account, message } = this;
    account.api.total++;
    if (failed) account.api.errors++;
    if (message.reply === '') return;
    const all: Fields = [['type', `"io.nats.jetstream.api.v1.${type}"`], ...fields];
    account.client.publish(toUtf8(message.reply), jsonObject(all), '', header);
  }

  /**
   * Answers once everything that was changed so far is on disk, or with an error if it is not `kept`. `zeros` as in `answerError`.
   */
  answerWhenDurable(
    type: string,
    fields: Fields,
    kept: Kept | null = null,
    { zeros = [], header = null }: { zeros?: Fields; header?: Buffer | null } = {},
  ): void {
    this.account.jetstream.storage.commit.after(() => {
      const error = kept?.() ?? null;
      if (error === null) this.answer(type, fields, false, header);
      else this.answerError(type, error, zeros);
    });
  }

  /** `zeros` are the fields of the answer that have no `omitempty`. */
  answerError(type: string, error: ApiError, zeros: Fields = []): void {
    this.answer(type, [['error', error.json], ...zeros], true);
  }
}

function isEmpty(payload: Buffer): boolean {
  return payload.length === 0 || /^\s*\{\s*\}\s*$/.test(payload.toString('latin1'));
}

/** A request of the JetStream API on its way to an answer. */

import type { InternalMessage } from '../../broker/internal-client.js';
import { toUtf8 } from '../../protocol/bytes.js';

import { JsonSyntaxError } from '../../protocol/json-text.js';
import { type JsonType, quoteJson, readJson, readOneJson } from '../../protocol/json-type.js';
import type { AccountJetStream } from '../account-jetstream.js';
import { advise } from '../advisories.js';
import { ApiError } from '../errors.js';
import { jsonObject } from '../info.js';
import type { Kept } from '../kept.js';
import { requestorJson } from './requestor.js';

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

  /** The body as a type. Throws `ApiError` 10025 with the decoder's words, which are others where the configuration is not strict. */
  read<V>(type: JsonType<V>): V {
    const { jetstream, name } = this.account;
    const { payload, subject } = this.message;
    try {
      return readJson(type, payload, true);
    } catch (error) {
      const { message } = error as Error;
      const offset = error instanceof JsonSyntaxError && error.offset !== undefined;
      const err = offset ? `${message} at offset ${(error as JsonSyntaxError).offset}` : message;
      jetstream.badRequest(`Invalid JetStream request '${name} > ${toUtf8(subject)}': ${err}`);
      if (jetstream.options.strict) throw new ApiError('invalidJSON', { err });
    }
    return this.readLoosely(type);
  }

  /** The same where unknown fields are allowed. */
  readLoosely<V>(type: JsonType<V>): V {
    try {
      return readOneJson(type, this.message.payload);
    } catch (error) {
      throw new ApiError('invalidJSON', { err: (error as Error).message });
    }
  }

  /** The same for requests without fields that have to be there: what is no object or list does not count. */
  readOptional<V>(type: JsonType<V>): V {
    return /^[ \t\n\r]*[{[]/.test(this.message.payload.toString('latin1', 0, 64))
      ? this.read(type)
      : type.zero();
  }

  /** No body, or one without fields. */
  get isEmpty(): boolean {
    return isEmpty(this.message.payload);
  }

  /** Throws `ApiError` 10038 when there is a body. */
  expectEmpty(): void {
    if (!this.isEmpty) throw new ApiError('notEmptyRequest');
  }

  /** Answers at once. `type` is the last part of the answer's type. */
  answer(type: string, fields: Fields, failed = false, header: Buffer | null = null): void {
    const { api } = this.account;
    api.total++;
    if (failed) api.errors++;
    const response = this.send(type, fields, header);
    this.#audit(response);
  }

  /** Answers without being counted, as messages are got. */
  send(type: string, fields: Fields, header: Buffer | null = null): string {
    const { account, message } = this;
    const response = jsonObject([['type', `"io.nats.jetstream.api.v1.${type}"`], ...fields]);
    if (message.reply !== '') account.client.publish(toUtf8(message.reply), response, '', header);
    return response;
  }

  /** Tells those who listen who asked for what, and what the answer was. */
  #audit(response: string): void {
    const { account, message } = this;
    advise(account, 'API', 'api_audit', () =>
      auditFields(account.jetstream.broker.serverName, account.name, message, response),
    );
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
    const { storage, requests } = this.account.jetstream;
    requests.awaitDisk();
    storage.commit.after(() => {
      requests.answered();
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

/** Of the advisory about a request. */
export function auditFields(
  server: string,
  account: string,
  message: InternalMessage,
  response: string,
): Fields {
  const { subject, payload } = message;
  return [
    ['server', quoteJson(server)],
    ['client', requestorJson(message, account) ?? 'null'],
    ['subject', quoteJson(toUtf8(subject))],
    ['request', payload.length === 0 ? undefined : quoteJson(payload.toString())],
    ['response', quoteJson(response)],
  ];
}

function isEmpty(payload: Buffer): boolean {
  return payload.length === 0 || /^\s*\{\s*\}\s*$/.test(payload.toString('latin1'));
}

/**
 * The API of one account: requests on `$JS.API.>`, and on `$JS.<domain>.API.>` where the server has a domain, go to the function that
 * answers them. An unknown subject gets no answer, as officially.
 */
import type { InternalMessage } from '../../broker/internal-client.js';
import type { AccountJetStream } from '../account-jetstream.js';
import { ApiError } from '../errors.js';
import { needsHigherLevel } from '../levels.js';
import { accountInfo } from './account.js';
import { deleteMessage, getMessage } from './messages.js';
import { ApiRequest, type Fields } from './request.js';
import {
  createStream,
  deleteStream,
  listStreams,
  purgeStream,
  streamInfo,
  streamNames,
  updateStream,
} from './streams.js';

/** How a family of requests is answered. */
export interface Endpoint {
  /** Last part of the answer's type. */
  type: string;
  /** What an answer with an error has beside it. */
  zeros?: Fields;
  handle(request: ApiRequest): void;
}

/** Behind `$JS.API.`; `*` is one token. */
const endpoints: Record<string, Endpoint> = {
  INFO: accountInfo,
  'STREAM.CREATE.*': createStream,
  'STREAM.UPDATE.*': updateStream,
  'STREAM.NAMES': streamNames,
  'STREAM.LIST': listStreams,
  'STREAM.INFO.*': streamInfo,
  'STREAM.DELETE.*': deleteStream,
  'STREAM.PURGE.*': purgeStream,
  'STREAM.MSG.GET.*': getMessage,
  'STREAM.MSG.DELETE.*': deleteMessage,
};

const byTokens = new Map(Object.entries(endpoints));

export class Api {
  readonly #account: AccountJetStream;

  constructor(account: AccountJetStream) {
    this.#account = account;
  }

  open(): void {
    const { client, jetstream } = this.#account;
    const { domain } = jetstream.options;
    client.subscribe('$JS.API.>', (message) => this.#dispatch(message, 2));
    if (domain !== '') client.subscribe(`$JS.${domain}.API.>`, (message) => this.#dispatch(message, 3));
  }

  close(): void {
    this.#account.client.close();
  }

  #dispatch(message: InternalMessage, prefix: number): void {
    const tokens = message.subject.split('.').slice(prefix);
    const endpoint = find(tokens);
    if (endpoint === undefined) return;
    const request = new ApiRequest(this.#account, message, tokens);
    try {
      if (needsHigherLevel(message.header)) throw new ApiError('requiredApiLevel');
      endpoint.handle(request);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      request.answerError(endpoint.type, error, endpoint.zeros);
    }
  }
}

/** At most one token of a subject is a name, and it is the last one or the one before the rest. */
function find(tokens: readonly string[]): Endpoint | undefined {
  const whole = tokens.join('.');
  return byTokens.get(whole) ?? byTokens.get([...tokens.slice(0, -1), '*'].join('.'));
}

/**
 * A client for code in the server's own process: no socket, no protocol, no user. It is trusted: permissions do not apply.
 *
 * Handlers run in a turn of their own, after the server has finished with the message, so that they may do whatever they like.
 */
import { randomBytes } from 'node:crypto';
import type { Broker, BrokerAccount } from '../broker/broker.js';
import type { InternalClient, InternalMessage } from '../broker/internal-client.js';
import type { Subscription } from '../broker/subscription.js';
import { toUtf8 } from '../protocol/bytes.js';
import { clientErrors } from '../protocol/errors.js';
import { hasWildcard, isValidSubscription } from '../subjects/subject.js';
import { encodeHeaders, type HeadersInit, type ParsedHeaders, parseHeaders } from './headers.js';

const DEFAULT_TIMEOUT = 5000;
const NO_RESPONDERS = 503;
/** White space would end the subject in the protocol's lines. */
const BREAKS_LINE = /[\s\0]/;

/** UTF-8 text, or bytes. */
export type Payload = string | Uint8Array;

export interface PublishOptions {
  /** Subject for answers. */
  reply?: string;
  headers?: HeadersInit;
}

export interface RequestOptions {
  headers?: HeadersInit;
  /** Milliseconds to wait for the answer, by the server's clock; default 5000. */
  timeout?: number;
}

export interface SubscribeOptions {
  /** Of all subscribers with the same queue group one gets each message. */
  queue?: string;
  /** Ends the subscription after this many messages. */
  max?: number;
}

/** Why there is no answer: `code` is `NO_RESPONDERS`, `TIMEOUT` or `CLOSED`. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: 'NO_RESPONDERS' | 'TIMEOUT' | 'CLOSED';

  constructor(code: RequestError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export class LocalMessage {
  readonly subject: string;
  /** Subject for answers; empty when none is expected. */
  readonly reply: string;
  /** The payload's bytes. */
  readonly data: Buffer;
  readonly #client: LocalClient;
  readonly #block: Buffer | null;
  #parsed: ParsedHeaders | null = null;

  /** @internal */
  constructor(client: LocalClient, message: InternalMessage) {
    this.#client = client;
    this.#block = message.header;
    this.subject = toUtf8(message.subject);
    this.reply = toUtf8(message.reply);
    this.data = message.payload;
  }

  /** Names with case as sent; empty without headers. */
  get headers(): ReadonlyMap<string, readonly string[]> {
    return this.#head.headers;
  }

  /** Status in the header, such as 503 for "no responders"; 0 when there is none. */
  get status(): number {
    return this.#head.status;
  }

  text(): string {
    return this.data.toString('utf8');
  }

  /** Throws `SyntaxError` when the payload is not JSON. `T` is the caller's word, nothing checks it. */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }

  /** Publishes to `reply`; false when there is none, or nobody listens there. */
  respond(payload: Payload = '', options: PublishOptions = {}): boolean {
    return this.reply !== '' && this.#client.publish(this.reply, payload, options);
  }

  get #head(): ParsedHeaders {
    this.#parsed ??= parseHeaders(this.#block ?? new Uint8Array());
    return this.#parsed;
  }
}

/** A handler may return a promise: nobody waits for it, but a rejection is reported by the server's `error` event. */
export type MessageHandler = (message: LocalMessage) => unknown;

export interface LocalSubscription {
  readonly subject: string;
  /** Messages that the handler got, or is about to get. */
  readonly received: number;
  readonly closed: boolean;
  /** May be called any number of times. Messages that have already arrived are left out. */
  unsubscribe(): void;
}

/** A message that waits for its handler. */
interface Waiting {
  sub: Handle;
  handler: MessageHandler;
  message: LocalMessage;
}

export interface LocalClientParts {
  broker: Broker;
  account: BrokerAccount;
  onError: (error: Error) => void;
}

export class LocalClient {
  readonly #broker: Broker;
  readonly #client: InternalClient;
  readonly #onError: (error: Error) => void;
  /** What ends the requests under way. */
  readonly #requests = new Set<(error: RequestError) => void>();
  #waiting: Waiting[] = [];
  #closed = false;

  /** @internal */
  constructor({ broker, account, onError }: LocalClientParts) {
    this.#broker = broker;
    this.#client = broker.internalClient(account, true);
    this.#onError = onError;
  }

  /** Name of the account it lives in. */
  get account(): string {
    return this.#client.account.name;
  }

  /**
   * Publishes; true when a subscriber of this server gets the message. Throws for a subject that is not valid, has wildcards,
   * or a message larger than `max_payload`.
   */
  publish(subject: string, payload: Payload = '', options: PublishOptions = {}): boolean {
    this.#checkOpen();
    checkLiteral(subject);
    const { reply = '', headers } = options;
    if (reply !== '') checkLiteral(reply);
    if (headers !== undefined && this.#broker.options.noHeaderSupport) {
      throw new Error('headers are not supported by this server');
    }
    const block = headers === undefined ? null : encodeHeaders(headers);
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const { maxPayload } = this.#broker.options;
    const size = bytes.length + (block?.length ?? 0);
    if (size > maxPayload) throw new Error(`${clientErrors.payloadExceeded}: ${size} vs ${maxPayload}`);
    return this.#client.publish(subject, bytes, reply, block);
  }

  /** Throws for a subject or queue group that is not valid. */
  subscribe(subject: string, handler: MessageHandler, options: SubscribeOptions = {}): LocalSubscription {
    this.#checkOpen();
    checkSubject(subject);
    const { queue, max = 0 } = options;
    if (queue === '' || (queue !== undefined && BREAKS_LINE.test(queue))) {
      throw new Error(`invalid queue group ${JSON.stringify(queue)}`);
    }
    const sub = new Handle(subject, (inner) => this.#client.unsubscribe(inner));
    const deliver = (message: InternalMessage): void => {
      if (sub.closed || (max > 0 && sub.received >= max)) return;
      sub.received++;
      this.#enqueue({ sub, handler, message: new LocalMessage(this, message) });
      if (sub.received === max) sub.stop();
    };
    sub.inner = this.#client.subscribe(subject, deliver, queue ?? null);
    return sub;
  }

  /**
   * Publishes and resolves with the first answer. Rejects with a `RequestError`: at once when nobody listens, after `timeout`
   * when nobody answers, when the client is closed.
   */
  request(subject: string, payload: Payload = '', options: RequestOptions = {}): Promise<LocalMessage> {
    const { headers, timeout = DEFAULT_TIMEOUT } = options;
    const reply = `_INBOX.${randomBytes(12).toString('hex')}`;
    return new Promise((resolve, reject) => {
      this.#checkOpen();
      const finish = (): void => {
        timer.cancel();
        sub.unsubscribe();
        this.#requests.delete(fail);
      };
      const fail = (error: Error): void => {
        finish();
        reject(error);
      };
      const noResponders = (): void =>
        fail(new RequestError('NO_RESPONDERS', `no responders for ${JSON.stringify(subject)}`));
      const answered = (message: LocalMessage): void => {
        if (message.status === NO_RESPONDERS && message.data.length === 0) {
          noResponders();
          return;
        }
        finish();
        resolve(message);
      };
      const sub = this.subscribe(reply, answered);
      const timer = this.#broker.clock.after(timeout, () =>
        fail(new RequestError('TIMEOUT', `no answer from ${JSON.stringify(subject)} in ${timeout} ms`)),
      );
      this.#requests.add(fail);
      try {
        if (!this.publish(subject, payload, { reply, headers })) noResponders();
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  /** Ends subscriptions and requests. May be called any number of times. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting = [];
    this.#client.close();
    for (const fail of [...this.#requests]) fail(new RequestError('CLOSED', 'the client was closed'));
  }

  #checkOpen(): void {
    if (this.#closed) throw new Error('the client is closed');
  }

  #enqueue(waiting: Waiting): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#dispatch());
    this.#waiting.push(waiting);
  }

  #dispatch(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { sub, handler, message } of waiting) {
      if (this.#closed) return;
      if (sub.cancelled) continue;
      this.#call(handler, message);
    }
  }

  #call(handler: MessageHandler, message: LocalMessage): void {
    const failed = (error: unknown): void =>
      this.#onError(error instanceof Error ? error : new Error(String(error)));
    try {
      const result = handler(message);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

class Handle implements LocalSubscription {
  readonly subject: string;
  received = 0;
  closed = false;
  /** By the program, so that messages under way are no longer wanted. */
  cancelled = false;
  inner: Subscription | null = null;
  readonly #end: (inner: Subscription) => void;

  constructor(subject: string, end: (inner: Subscription) => void) {
    this.subject = subject;
    this.#end = end;
  }

  unsubscribe(): void {
    this.cancelled = true;
    this.stop();
  }

  stop(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.inner !== null) this.#end(this.inner);
  }
}

function checkSubject(subject: string): void {
  if (!isValidSubscription(subject) || BREAKS_LINE.test(subject)) {
    throw new Error(`invalid subject ${JSON.stringify(subject)}`);
  }
}

function checkLiteral(subject: string): void {
  checkSubject(subject);
  if (hasWildcard(subject)) throw new Error(`cannot publish to a wildcard: ${JSON.stringify(subject)}`);
}

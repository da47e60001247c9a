/**
 * The narrow door by which rooms that are not sockets join the broker: an account to publish into and to subscribe in.
 */
import { fromUtf8, toUtf8 } from '../protocol/bytes.js';
import type { Broker } from './broker.js';
import type { BrokerAccount } from './broker-account.js';
import type { ClientConnection } from './connection.js';
import type { MessageTrace } from './message-trace.js';
import { Route } from './route.js';
import type { LyingMessage, LyingPayload, Scratch } from './stored-frame.js';
import { Shadows } from './stream-imports.js';
import { type InternalHandler, type RawHandler, Subscription } from './subscription.js';

/** A message as a room inside the server gets it. The bytes are its own. */
export interface InternalMessage {
  /** Latin1 text of the subject's bytes, as all subjects here. */
  subject: string;
  /** Empty when there is none. */
  reply: string;
  /** The header block, or null. */
  header: Buffer | null;
  payload: Buffer;
  /** The client that published it, maybe in another account (`from.account`); null when a room inside the server did. */
  from: ClientConnection | null;
  /** Where its way is noted, because the client asked for that; null for nearly all messages. */
  trace: MessageTrace | null;
}

export class InternalClient {
  readonly #broker: Broker;
  readonly account: BrokerAccount;
  readonly #subscriptions = new Set<Subscription>();
  readonly #asClient: boolean;
  #shadows: Shadows | null = null;
  #nextSid = 1;

  /** `asClient`: what it publishes is mapped as what clients publish. */
  constructor(broker: Broker, account: BrokerAccount, asClient = false) {
    this.#broker = broker;
    this.account = account;
    this.#asClient = asClient;
  }

  /** Calls `handler` for every message, during the publish: it must be quick. Throws when the subject is not valid. */
  subscribe(subject: string, handler: InternalHandler, queue: string | null = null): Subscription {
    return this.#add(new Subscription(fromUtf8(subject), queue, this.#nextSid++, null, handler));
  }

  /** The same for rooms that look at messages where they lie. */
  subscribeRaw(subject: string, handler: RawHandler): Subscription {
    const sub = new Subscription(fromUtf8(subject), null, this.#nextSid++, null, null);
    sub.raw = handler;
    sub.special = true;
    return this.#add(sub);
  }

  #add(sub: Subscription): Subscription {
    if (!this.account.subscribe(sub))
      throw new Error(`invalid subject ${JSON.stringify(toUtf8(sub.subject))}`);
    this.#subscriptions.add(sub);
    this.account.insiders ??= new Set();
    this.account.insiders.add(this);
    if (this.account.streamImports !== null) this.#addShadows(sub);
    return sub;
  }

  unsubscribe(sub: Subscription): void {
    if (!this.#subscriptions.delete(sub)) return;
    sub.closed = true;
    this.#shadows?.remove(sub);
    this.account.unsubscribe(sub);
    if (this.#subscriptions.size === 0) this.account.insiders?.delete(this);
  }

  /** The account's imports have changed. */
  renewShadows(): void {
    const before = this.#shadows;
    this.#shadows = null;
    if (this.account.streamImports !== null) for (const sub of this.#subscriptions) this.#addShadows(sub);
    before?.clear();
  }

  #addShadows(sub: Subscription): void {
    this.#shadows ??= new Shadows();
    this.#shadows.add(sub, this.account.streamImports!);
  }

  /** Publishes; true when somebody got the message. */
  publish(
    subject: string,
    payload: Uint8Array | string,
    reply = '',
    header: Uint8Array | null = null,
  ): boolean {
    const { publisher } = this.#broker;
    const [to, back] = [fromUtf8(subject), fromUtf8(reply)];
    return publisher.publishText(this.account, to, back, header, payload, this.#asClient);
  }

  /** Publishes a short text to a subject that one client listens on, as answers are. Both are latin1. */
  answer(subject: string, body: string): boolean {
    return this.#broker.publisher.answer(this.account, subject, body);
  }

  /** The same for a text that ends in a number and `}`; the subject lies in bytes. */
  answerNumber(subject: Uint8Array, start: number, end: number, before: Uint8Array, value: number): void {
    this.#broker.publisher.answerNumber(this.account, subject, start, end, before, value);
  }

  /** The same for a message with headers. */
  answerWith(subject: Uint8Array, start: number, end: number, header: Scratch, payload: LyingPayload): void {
    this.#broker.publisher.answerWith(this.account, subject, start, end, header, payload);
  }

  /** The way to whoever listens on a subject (latin1), for `send` and `sendStored`. */
  route(subject: string): Route {
    return new Route(this.account, subject);
  }

  /**
   * Delivers to whoever listens at the end of a route a message that shows another subject. Subjects are latin1 here. The bytes are
   * copied. True when somebody got it.
   */
  send(route: Route, shown: string, reply: string, header: Uint8Array | null, payload: Uint8Array): boolean {
    return this.#broker.publisher.deliverTo(route, shown, reply, header, payload);
  }

  /** The same for whoever listens on a subject now. */
  deliver(
    target: string,
    shown: string,
    reply: string,
    header: Uint8Array | null,
    payload: Uint8Array,
  ): boolean {
    return this.send(this.route(target), shown, reply, header, payload);
  }

  /** Like `send` for a message where it lies, with a reply that is bytes. */
  sendStored(route: Route, message: LyingMessage, reply: Scratch): boolean {
    return this.#broker.publisher.deliverStored(route, message, reply);
  }

  close(): void {
    for (const sub of this.#subscriptions) this.unsubscribe(sub);
  }
}

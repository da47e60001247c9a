/**
 * The narrow door by which rooms that are not sockets join the broker: an account to publish into and to subscribe in.
 */
import { fromUtf8 } from '../protocol/bytes.js';
import { layOut } from '../protocol/client-parser.js';
import type { Broker, BrokerAccount } from './broker.js';
import { type InternalHandler, Subscription } from './subscription.js';

/** A message as a room inside the server gets it. The bytes are its own. */
export interface InternalMessage {
  /** Latin1 text of the subject's bytes, as all subjects here. */
  subject: string;
  /** Empty when there is none. */
  reply: string;
  /** The header block, or null. */
  header: Buffer | null;
  payload: Buffer;
}

export class InternalClient {
  readonly #broker: Broker;
  readonly account: BrokerAccount;
  readonly #subscriptions = new Set<Subscription>();
  readonly #asClient: boolean;
  #nextSid = 1;

  /** `asClient`: what it publishes is mapped as what clients publish. */
  constructor(broker: Broker, account: BrokerAccount, asClient = false) {
    this.#broker = broker;
    this.account = account;
    this.#asClient = asClient;
  }

  /** Calls `handler` for every message, during the publish: it must be quick. Throws when the subject is not valid. */
  subscribe(subject: string, handler: InternalHandler, queue: string | null = null): Subscription {
    const sub = new Subscription(fromUtf8(subject), queue, this.#nextSid++, null, handler);
    if (!this.account.subscribe(sub)) throw new Error(`invalid subject ${JSON.stringify(subject)}`);
    this.#subscriptions.add(sub);
    return sub;
  }

  unsubscribe(sub: Subscription): void {
    if (!this.#subscriptions.delete(sub)) return;
    sub.closed = true;
    this.account.unsubscribe(sub);
  }

  /** Publishes; true when somebody got the message. */
  publish(
    subject: string,
    payload: Uint8Array | string,
    reply = '',
    header: Uint8Array | null = null,
  ): boolean {
    const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const headerSize = header?.length ?? 0;
    const whole = header === null ? body : Buffer.concat([header, body]);
    const sizes = headerSize > 0 ? `${headerSize} ${whole.length}` : `${whole.length}`;
    const operation = layOut(fromUtf8(subject), fromUtf8(reply), sizes, headerSize, whole);
    return this.#broker.publisher.publishInternal(this.account, operation, this.#asClient);
  }

  close(): void {
    for (const sub of this.#subscriptions) this.unsubscribe(sub);
  }
}

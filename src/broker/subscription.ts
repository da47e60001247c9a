/** A subscription: interest of one connection, or of a room inside the server, in a subject. */
import type { PublishOperation } from '../protocol/client-parser.js';
import type { DeliveryFilter } from '../security/permissions.js';
import type { Interest } from '../subjects/interest-graph.js';
import type { BrokerAccount } from './broker-account.js';
import type { ClientConnection } from './connection.js';
import type { Delivery } from './delivery-plan.js';
import type { InternalMessage } from './internal-client.js';

/**
 * Where messages of a subscription go that is not a connection's: called during the publish, so it must be quick. `false` says that
 * the message was not for it after all, so that it does not count as delivered.
 */
export type InternalHandler = (message: InternalMessage) => unknown;

/**
 * The same for rooms that count every copy: the message where it lies. Nothing of it is theirs once the call is over. `subject` is
 * latin1 text.
 */
export type RawHandler = (
  subject: string,
  operation: PublishOperation,
  from: ClientConnection | null,
) => unknown;

export class Subscription implements Interest {
  readonly subject: string;
  readonly queue: string | null;
  /** As the client gave it. Kept as a number where it is one, which saves a string each. */
  readonly sid: string | number;
  /** Null for a subscription of the server itself. */
  readonly connection: ClientConnection | null;
  readonly handler: InternalHandler | null;
  /** In place of `handler`. */
  raw: RawHandler | null = null;
  /** Messages delivered since SUB. */
  delivered = 0;
  /** UNSUB after this many; 0 is never. */
  max = 0;
  closed = false;
  /** Leaves out messages on subjects that the user may not see; null for most. */
  filter: DeliveryFilter | null = null;
  /** The handler gets messages that are only there to be traced, too, and heeds what `InternalMessage.trace` says. */
  heedsTraces = false;
  /** Delivery needs more than copying bytes: a maximum, a filter, a handler. */
  special = false;

  constructor(
    subject: string,
    queue: string | null,
    sid: string | number,
    connection: ClientConnection | null,
    handler: InternalHandler | null,
  ) {
    this.subject = subject;
    this.queue = queue;
    this.sid = sid;
    this.connection = connection;
    this.handler = handler;
    this.special = handler !== null;
  }

  /** What the client subscribed to; another one where this is the shadow of it in an account that it imports from. */
  get main(): Subscription {
    return this;
  }

  /** The account that a message comes from, where that is another one than the receiver's. */
  get exporter(): BrokerAccount | null {
    return null;
  }

  /** False where nobody may trace what becomes of a message behind this subscription. */
  get allowsTrace(): boolean {
    return true;
  }

  /** The subject that the receiver gets a message on this subject under. */
  subjectFor(subject: string): string {
    return subject;
  }
}

/** An entry of an account's interest that hands messages on to another account. */
export abstract class Passage extends Subscription {
  constructor(subject: string, sid: number) {
    super(subject, null, sid, null, null);
    this.special = true;
  }

  /** Hands a message on that was published on the subject; true when somebody got it there. */
  abstract pass(
    delivery: Delivery,
    operation: PublishOperation,
    from: ClientConnection | null,
    subject: string,
  ): boolean;
}

/** The key of a sid in a connection's table. */
export function sidKey(sid: string): string | number {
  if (sid.length > 9) return sid;
  let value = 0;
  for (let i = 0; i < sid.length; i++) {
    const digit = sid.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return sid;
    value = value * 10 + digit;
  }
  // "007" is another sid than "7".
  return sid.length > 1 && sid.charCodeAt(0) === 48 ? sid : value;
}

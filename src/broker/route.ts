/**
 * The way to whoever listens on one subject, for rooms that send many messages there under other subjects: found once, and again when
 * the account's interest has changed. Such subjects (inboxes) are not worth a place in the account's cache.
 */
import { COPY_SLACK, Memory } from '../runtime/arena.js';
import type { Allocation } from '../subjects/subject-cache.js';
import type { BrokerAccount } from './broker-account.js';
import { DeliveryPlan } from './delivery-plan.js';
import { RESPONSE_PREFIX } from './responses.js';
import type { Subscription } from './subscription.js';

export class Route {
  readonly account: BrokerAccount;
  /** Latin1. */
  readonly subject: string;
  /** It is one that an answer to another account takes. */
  readonly isResponse: boolean;
  #plan: DeliveryPlan | null = null;
  #inserts = 0;
  #removes = 0;

  constructor(account: BrokerAccount, subject: string) {
    this.account = account;
    this.subject = subject;
    this.isResponse = subject.startsWith(RESPONSE_PREFIX);
  }

  /** Who gets a message that is sent now. */
  get plan(): DeliveryPlan {
    const { interest, responses } = this.account;
    const { inserts, removes } = interest;
    const known = this.#plan;
    if (known !== null && inserts === this.#inserts && removes === this.#removes && !this.isResponse)
      return known;
    this.#inserts = inserts;
    this.#removes = removes;
    const found: Subscription[] = this.account.match(this.subject);
    const response = this.isResponse ? responses?.find(this.subject) : undefined;
    if (response !== undefined) found.push(response);
    return (this.#plan = new DeliveryPlan(this.subject, found, false, null, allocate));
  }

  /** Whether anybody listens, where the subject is one for an answer to another account: there. */
  get hasInterest(): boolean {
    if (this.isResponse) {
      const response = this.account.responses?.find(this.subject);
      if (response !== undefined) return new Route(response.to, response.reply).hasInterest;
    }
    const { plain, groups } = this.plan;
    return plain.length > 0 || groups.length > 0;
  }
}

function allocate(size: number): Allocation {
  return { memory: new Memory(size + COPY_SLACK), start: 0 };
}

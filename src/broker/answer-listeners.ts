/**
 * Who waits for answers: clients make a new subject for each answer under a prefix that they have subscribed to with a wildcard. The
 * last prefixes are remembered, with the subscription if it is the only one.
 */
import type { BrokerAccount } from './broker-account.js';
import type { Subscription } from './subscription.js';

const REMEMBERED = 256;

interface Listener {
  account: BrokerAccount;
  /** Changes of the account's interest when this was found out; another number makes it worthless. */
  changes: number;
  sub: Subscription | null;
}

export class AnswerListeners {
  readonly #byPrefix = new Map<string, Listener>();

  /** The only subscription that a message on the subject goes to, as far as that can be told quickly. */
  find(account: BrokerAccount, subject: string): Subscription | null {
    const { interest } = account;
    if ((account.mappings?.mayConcern(subject) ?? false) || interest.hasLiteral(subject)) return null;
    const prefix = subject.slice(0, subject.lastIndexOf('.') + 1);
    const changes = interest.inserts + interest.removes;
    const known = this.#byPrefix.get(prefix);
    if (known !== undefined && known.account === account && known.changes === changes) return known.sub;
    const found = account.match(subject);
    const only = found.length === 1 ? found[0]! : null;
    // Only what stands for every subject of the prefix holds for the next one, too.
    const whole = only !== null && only.queue === null && only.main === only && only.subject === `${prefix}*`;
    if (this.#byPrefix.size >= REMEMBERED) this.#byPrefix.clear();
    this.#byPrefix.set(prefix, { account, changes, sub: whole ? only : null });
    return whole ? only : null;
  }
}

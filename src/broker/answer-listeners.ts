/**
 * Who waits for answers: clients make a new subject for each answer under a prefix that they have subscribed to with a wildcard. The
 * last prefixes are remembered, with the subscription if it is the only one.
 */
import { hashText, isSame, readText } from '../protocol/bytes.js';
import type { BrokerAccount } from './broker-account.js';
import type { Subscription } from './subscription.js';

const REMEMBERED = 256;
const DOT = 46;

interface Listener {
  prefix: string;
  /** The same as bytes. */
  bytes: Uint8Array;
  account: BrokerAccount;
  /** Changes of the account's interest when this was found out; another number makes it worthless. */
  changes: number;
  sub: Subscription | null;
}

export class AnswerListeners {
  /** By the hash of the prefix. */
  readonly #listeners = new Map<number, Listener>();

  /** The only subscription that a message on the subject goes to, as far as that can be told quickly. */
  find(account: BrokerAccount, subject: string): Subscription | null {
    if ((account.mappings?.mayConcern(subject) ?? false) || account.interest.hasLiteral(subject)) return null;
    const prefix = subject.slice(0, subject.lastIndexOf('.') + 1);
    const hash = hashText(prefix);
    const known = this.#known(account, hash);
    return known?.prefix === prefix ? known.sub : this.#find(account, subject, prefix, hash);
  }

  /** The same for a subject that lies in bytes, which becomes no text where the prefix is known. */
  findBytes(account: BrokerAccount, bytes: Uint8Array, start: number, end: number): Subscription | null {
    let hash = 0;
    let prefixHash = 0;
    let prefixEnd = start;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      hash = (Math.imul(hash, 31) + byte) | 0;
      if (byte !== DOT) continue;
      prefixHash = hash;
      prefixEnd = i + 1;
    }
    if (account.mappings === null && !account.interest.mayHaveLiteral(hash)) {
      const known = this.#known(account, prefixHash);
      if (known !== null && isSame(known.bytes, bytes, start, prefixEnd)) return known.sub;
    }
    return this.find(account, readText(bytes, start, end));
  }

  /** What is remembered under a hash, and still so. */
  #known(account: BrokerAccount, hash: number): Listener | null {
    const known = this.#listeners.get(hash);
    return known?.account === account && known.changes === changesOf(account) ? known : null;
  }

  #find(account: BrokerAccount, subject: string, prefix: string, hash: number): Subscription | null {
    const found = account.match(subject);
    const only = found.length === 1 ? found[0]! : null;
    // Only what stands for every subject of the prefix holds for the next one, too.
    const whole = only !== null && only.queue === null && only.main === only && only.subject === `${prefix}*`;
    const sub = whole ? only : null;
    if (this.#listeners.size >= REMEMBERED) this.#listeners.clear();
    const bytes = Buffer.from(prefix, 'latin1');
    this.#listeners.set(hash, { prefix, bytes, account, changes: changesOf(account), sub });
    return sub;
  }
}

function changesOf({ interest }: BrokerAccount): number {
  return interest.inserts + interest.removes;
}

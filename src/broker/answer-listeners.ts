/**
 * Who waits for answers: clients make a new subject for each answer under a prefix that they have subscribed to with a wildcard. The
 * last prefixes are remembered, with the subscription if it is the only one.
 */
import { readText } from '../protocol/bytes.js';
import type { BrokerAccount } from './broker-account.js';
import type { Subscription } from './subscription.js';

const REMEMBERED = 256;
const DOT = 46;

interface Listener {
  /** Bytes of the prefix. */
  prefix: Uint8Array;
  account: BrokerAccount;
  /** Changes of the account's interest when this was found out; another number makes it worthless. */
  changes: number;
  sub: Subscription | null;
}

export class AnswerListeners {
  readonly #byPrefix = new Map<string, Listener>();
  /** The same by the hash of the prefix, as far as there is no other with it. */
  readonly #byHash: (Listener | undefined)[] = Array(REMEMBERED).fill(undefined);

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
    const sub = whole ? only : null;
    this.#byPrefix.set(prefix, { prefix: Buffer.from(prefix, 'latin1'), account, changes, sub });
    return sub;
  }

  /** The same for a subject that lies in bytes, which becomes no text where the prefix is known. */
  findBytes(account: BrokerAccount, bytes: Uint8Array, start: number, end: number): Subscription | null {
    const { interest } = account;
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
    const slot = (prefixHash ^ (prefixHash >>> 16)) & (REMEMBERED - 1);
    if (account.mappings === null && !interest.mayHaveLiteral(hash)) {
      const known = this.#byHash[slot];
      if (
        known !== undefined &&
        known.account === account &&
        known.changes === interest.inserts + interest.removes &&
        isSame(known.prefix, bytes, start, prefixEnd)
      )
        return known.sub;
    }
    const sub = this.find(account, readText(bytes, start, end));
    const found = this.#byPrefix.get(readText(bytes, start, prefixEnd));
    if (found !== undefined) this.#byHash[slot] = found;
    return sub;
  }
}

function isSame(all: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (all.length !== end - start) return false;
  for (let i = 0; i < all.length; i++) if (all[i] !== bytes[start + i]) return false;
  return true;
}

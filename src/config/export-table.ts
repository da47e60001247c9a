/** The exports of an account by subject, and who may import what of them. */
import { hasWildcard, isSubsetOf } from '../subjects/subject.js';
import type { ServiceResponseType } from './options.js';

/** What has to be known of an export to judge imports of it; those of one subject are one. */
export interface KnownExport {
  readonly subject: string;
  /** Who may import it; null is everybody. */
  accounts: ReadonlySet<string> | null;
  /** Token, from 1, that has to be the importing account's name, whatever `accounts` says; 0 is none. */
  tokenPosition: number;
  responseType: ServiceResponseType;
}

/** Up to so many are looked through one by one: most accounts have few, and there may be many accounts. */
const few = 8;

export class ExportTable {
  readonly #items: KnownExport[] = [];
  /** All of them, when there are more than a few. */
  #bySubject: Map<string, KnownExport> | null = null;
  /** Only these cover subjects other than their own; null while there are few. */
  #wildcards: KnownExport[] | null = null;

  get(subject: string): KnownExport | undefined {
    if (this.#bySubject !== null) return this.#bySubject.get(subject);
    return this.#items.find((item) => item.subject === subject);
  }

  add(item: KnownExport): void {
    this.#items.push(item);
    if (this.#bySubject !== null) {
      this.#bySubject.set(item.subject, item);
      if (hasWildcard(item.subject)) this.#wildcards?.push(item);
    } else if (this.#items.length > few) {
      this.#bySubject = new Map(this.#items.map((each) => [each.subject, each]));
      this.#wildcards = this.#items.filter((each) => hasWildcard(each.subject));
    }
  }

  /** Whether an export stands for all of the subject. */
  covers(subject: string): boolean {
    if (this.get(subject) !== undefined) return true;
    return (this.#wildcards ?? this.#items).some((item) => isSubsetOf(subject, item.subject));
  }

  /**
   * Whether an account may import the subject. An export of the very subject decides alone. Where several others cover it,
   * one that allows it is enough; the official server asks one of them by chance.
   */
  grants(account: string, subject: string): boolean {
    const exact = this.get(subject);
    if (exact !== undefined) return allows(exact, account, []);
    const tokens = subject.split('.');
    return (this.#wildcards ?? this.#items).some(
      (item) => isSubsetOf(subject, item.subject) && allows(item, account, tokens),
    );
  }
}

/** `tokens` are those of a subject that is narrower than the export; none when it is the same. */
function allows({ accounts, tokenPosition }: KnownExport, account: string, tokens: string[]): boolean {
  if (tokenPosition !== 0) return tokens[tokenPosition - 1] === asBytes(account);
  return accounts === null || accounts.has(account);
}

/** A name as it stands in a subject. */
function asBytes(name: string): string {
  return Buffer.from(name).toString('latin1');
}

/** The exports of an account by subject, and who may import what of them. */
import { hasWildcard, isSubsetOf } from '../subjects/subject.js';
import type { LatencyOptions, ServiceResponseType } from './options.js';

export interface StreamExport {
  readonly subject: string;
  /** Who may import it; null is everybody. */
  accounts: ReadonlySet<string> | null;
  /** Token, from 1, that has to be the importing account's name, whatever `accounts` says; 0 is none. */
  tokenPosition: number;
}

export interface ServiceExport extends StreamExport {
  responseType: ServiceResponseType;
  /** Milliseconds. */
  responseThreshold: number;
  latency: LatencyOptions | null;
  allowTrace: boolean;
}

/** Up to so many are looked through one by one: most accounts have few, and there may be many accounts. */
const few = 8;

export class ExportTable<E extends StreamExport> {
  readonly #items: E[] = [];
  /** All of them, when there are more than a few. */
  #bySubject: Map<string, E> | null = null;
  /** Only these cover subjects other than their own; null while there are few. */
  #wildcards: E[] | null = null;

  [Symbol.iterator](): IterableIterator<E> {
    return this.#items.values();
  }

  get size(): number {
    return this.#items.length;
  }

  get(subject: string): E | undefined {
    if (this.#bySubject !== null) return this.#bySubject.get(subject);
    return this.#items.find((item) => item.subject === subject);
  }

  add(item: E): void {
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
   * The export that lets an account import the subject, or null. One of the very subject decides alone. Where several
   * others cover it, the first that allows it counts; the official server asks one of them by chance.
   */
  grantedTo(account: string, subject: string): E | null {
    const exact = this.get(subject);
    if (exact !== undefined) return allows(exact, account, []) ? exact : null;
    const tokens = subject.split('.');
    const granted = (this.#wildcards ?? this.#items).find(
      (item) => isSubsetOf(subject, item.subject) && allows(item, account, tokens),
    );
    return granted ?? null;
  }
}

/** `tokens` are those of a subject that is narrower than the export; none when it is the same. */
function allows({ accounts, tokenPosition }: StreamExport, account: string, tokens: string[]): boolean {
  if (tokenPosition !== 0) return tokens[tokenPosition - 1] === asBytes(account);
  return accounts === null || accounts.has(account);
}

/** A name as it stands in a subject. */
function asBytes(name: string): string {
  return Buffer.from(name).toString('latin1');
}

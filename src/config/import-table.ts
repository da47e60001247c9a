/** The imports of an account, found by account and subject, on either side. */
import { hasWildcard, patternsOverlap } from '../subjects/subject.js';

/** What has to be known of an import to judge others. */
export interface KnownImport {
  /** Name of the exporting account. */
  readonly account: string;
  /** Pattern in the exporting account. */
  readonly subject: string;
  /** Pattern in the importing account, with wildcards where the configuration has placeholders. */
  readonly local: string;
}

/** Up to so many are looked through one by one: most accounts have few, and there may be many accounts. */
const few = 8;

export class ImportTable {
  readonly #items: KnownImport[] = [];
  /** When there are more than a few. */
  #index: ImportIndex | null = null;

  add(item: KnownImport): void {
    this.#items.push(item);
    if (this.#index !== null) {
      this.#index.add(item);
    } else if (this.#items.length > few) {
      this.#index = new ImportIndex();
      for (const each of this.#items) this.#index.add(each);
    }
  }

  /** Whether a subject of that account is imported. */
  has(account: string, subject: string): boolean {
    if (this.#index !== null) return this.#index.sources.has(key(account, subject));
    return this.#items.some((item) => item.account === account && item.subject === subject);
  }

  /** What is imported of that account under the local subject. */
  at(account: string, local: string): KnownImport | undefined {
    if (this.#index !== null) return this.#index.places.get(key(account, local));
    return this.#items.find((item) => item.account === account && item.local === local);
  }

  /** Imports one of whose subjects has something in common with the given one. */
  overlapping(side: 'local' | 'subject', subject: string): KnownImport[] {
    if (this.#index !== null) return this.#index[side].overlapping(subject);
    return this.#items.filter((item) => patternsOverlap(subject, item[side]));
  }
}

/** No subject that is matched has a newline. */
function key(account: string, subject: string): string {
  return `${account}\n${subject}`;
}

class ImportIndex {
  /** By exporting account and subject there. */
  readonly sources = new Set<string>();
  /** By exporting account and local subject. */
  readonly places = new Map<string, KnownImport>();
  readonly local = new OverlapIndex();
  readonly subject = new OverlapIndex();

  add(item: KnownImport): void {
    this.sources.add(key(item.account, item.subject));
    this.places.set(key(item.account, item.local), item);
    this.local.add(item.local, item);
    this.subject.add(item.subject, item);
  }
}

/** Imports on subjects that begin with the same token. */
interface Branch {
  literals: Map<string, KnownImport[]>;
  wildcards: { subject: string; item: KnownImport }[];
}

/** One account may import of thousands, each of which asks what that overlaps: comparing one by one would multiply. */
class OverlapIndex {
  readonly #branches = new Map<string, Branch>();

  add(subject: string, item: KnownImport): void {
    const token = firstToken(subject);
    let branch = this.#branches.get(token);
    if (branch === undefined) this.#branches.set(token, (branch = { literals: new Map(), wildcards: [] }));
    if (hasWildcard(subject)) {
      branch.wildcards.push({ subject, item });
      return;
    }
    const same = branch.literals.get(subject);
    if (same === undefined) branch.literals.set(subject, [item]);
    else same.push(item);
  }

  overlapping(subject: string): KnownImport[] {
    const found: KnownImport[] = [];
    for (const branch of this.#branchesFor(firstToken(subject))) {
      if (hasWildcard(subject)) {
        for (const [literal, items] of branch.literals) {
          if (patternsOverlap(subject, literal)) found.push(...items);
        }
      } else {
        found.push(...(branch.literals.get(subject) ?? []));
      }
      for (const { subject: other, item } of branch.wildcards) {
        if (patternsOverlap(subject, other)) found.push(item);
      }
    }
    return found;
  }

  #branchesFor(token: string): Iterable<Branch> {
    if (token === '*' || token === '>') return this.#branches.values();
    return [token, '*', '>'].map((each) => this.#branches.get(each)).filter((branch) => branch !== undefined);
  }
}

function firstToken(subject: string): string {
  const dot = subject.indexOf('.');
  return dot === -1 ? subject : subject.slice(0, dot);
}

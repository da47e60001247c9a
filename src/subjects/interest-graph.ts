/**
 * Who is interested in what, within one account: literal subjects in a hash map, wildcard subjects in a tree of tokens.
 * Finding the interest in a subject costs one look-up plus a walk along the subject's tokens, whatever the number of
 * subscriptions.
 */
import { hashText } from '../protocol/bytes.js';
import { hasEmptyToken, hasWildcard, isValidSubscription } from './subject.js';

/** Counts of literals by their hashes: with thousands of them, most subjects that nobody subscribes to have a count of zero. */
const HASH_MASK = 0x3fff;

/** What the graph needs to know of a subscription. */
export interface Interest {
  /** Latin1 text of the subject's bytes. */
  readonly subject: string;
  /** Queue group, or null. */
  readonly queue: string | null;
}

/** One subscription, or several on the same subject in the order they came. */
type Bucket<S> = S | Set<S>;

class Node<S> {
  literals: Map<string, Node<S>> | null = null;
  /** `*` */
  any: Node<S> | null = null;
  /** Subscriptions that end in this token. */
  here: Bucket<S> | null = null;
  /** Subscriptions that end in `>` behind this token. */
  rest: Bucket<S> | null = null;

  get empty(): boolean {
    return this.literals === null && this.any === null && this.here === null && this.rest === null;
  }
}

function addTo<S>(bucket: Bucket<S> | null | undefined, sub: S): Bucket<S> {
  if (bucket === null || bucket === undefined) return sub;
  if (bucket instanceof Set) return bucket.add(sub);
  return new Set([bucket, sub]);
}

function removeFrom<S>(bucket: Bucket<S> | null | undefined, sub: S): Bucket<S> | null {
  if (bucket instanceof Set) {
    bucket.delete(sub);
    if (bucket.size > 1) return bucket;
    return bucket.values().next().value ?? null;
  }
  return bucket === sub || bucket === undefined ? null : bucket;
}

function collect<S>(bucket: Bucket<S> | null | undefined, into: S[]): void {
  if (bucket === null || bucket === undefined) return;
  if (bucket instanceof Set) for (const sub of bucket) into.push(sub);
  else into.push(bucket);
}

export class InterestGraph<S extends Interest> {
  /** Null until there is one: there may be many accounts in which nobody subscribes. */
  #literals: Map<string, Bucket<S>> | null = null;
  /** How many literals have a hash that ends in these bits; null until somebody asks. */
  #literalHashes: Uint32Array | null = null;
  readonly #root = new Node<S>();
  #count = 0;
  #inserts = 0;
  #removes = 0;

  /** Subscriptions held. */
  get count(): number {
    return this.#count;
  }

  get inserts(): number {
    return this.#inserts;
  }

  get removes(): number {
    return this.#removes;
  }

  /** Adds a subscription; false when its subject is not valid. */
  insert(sub: S): boolean {
    const { subject } = sub;
    if (!isValidSubscription(subject)) return false;
    if (!hasWildcard(subject)) {
      this.#literals ??= new Map();
      const before = this.#literals.get(subject);
      if (before === undefined && this.#literalHashes !== null) this.#literalHashes[slotOf(subject)]!++;
      this.#literals.set(subject, addTo(before, sub));
    } else {
      let node = this.#root;
      const tokens = subject.split('.');
      const last = tokens.length - 1;
      for (let i = 0; i <= last; i++) {
        const token = tokens[i]!;
        if (token === '>' && i === last) {
          node.rest = addTo(node.rest, sub);
          break;
        }
        node = childOf(node, token);
        if (i === last) node.here = addTo(node.here, sub);
      }
    }
    this.#count++;
    this.#inserts++;
    return true;
  }

  /** Removes a subscription that was inserted. */
  remove(sub: S): void {
    const { subject } = sub;
    if (!hasWildcard(subject)) {
      const left = removeFrom(this.#literals?.get(subject), sub);
      if (left === null) {
        if (this.#literals?.delete(subject) && this.#literalHashes !== null)
          this.#literalHashes[slotOf(subject)]!--;
      } else this.#literals?.set(subject, left);
    } else {
      removeBelow(this.#root, subject.split('.'), sub);
    }
    this.#count--;
    this.#removes++;
  }

  /** All subscriptions that a message on this literal subject goes to, queue groups not yet resolved. */
  match(subject: string): S[] {
    const found: S[] = [];
    if (hasEmptyToken(subject)) return found;
    collect(this.#literals?.get(subject), found);
    if (!this.#root.empty) matchBelow(this.#root, subject.split('.'), found);
    return found;
  }

  /** Whether any subscription matches this literal subject. */
  hasMatch(subject: string): boolean {
    return this.#literals?.has(subject) === true || (!this.#root.empty && this.match(subject).length > 0);
  }

  /** Whether anybody subscribes to exactly this literal subject. */
  hasLiteral(subject: string): boolean {
    return this.#literals?.has(subject) ?? false;
  }

  /** Whether anybody may subscribe to exactly a literal subject of which only the hash is known (`hashBytes`). */
  mayHaveLiteral(hash: number): boolean {
    this.#literalHashes ??= this.#countHashes();
    return this.#literalHashes[(hash ^ (hash >>> 15)) & HASH_MASK] !== 0;
  }

  #countHashes(): Uint32Array {
    const counts = new Uint32Array(HASH_MASK + 1);
    for (const subject of this.#literals?.keys() ?? []) counts[slotOf(subject)]!++;
    return counts;
  }

  /** The subscriptions to exactly this literal subject. */
  exact(subject: string): S[] {
    const found: S[] = [];
    collect(this.#literals?.get(subject), found);
    return found;
  }

  /** Every subscription, literals first. */
  *all(): IterableIterator<S> {
    for (const bucket of this.#literals?.values() ?? []) {
      if (bucket instanceof Set) yield* bucket;
      else yield bucket;
    }
    yield* allBelow(this.#root);
  }
}

function slotOf(subject: string): number {
  const hash = hashText(subject);
  return (hash ^ (hash >>> 15)) & HASH_MASK;
}

function childOf<S>(node: Node<S>, token: string): Node<S> {
  if (token === '*') return (node.any ??= new Node());
  node.literals ??= new Map();
  let child = node.literals.get(token);
  if (child === undefined) node.literals.set(token, (child = new Node()));
  return child;
}

/** None of these recurses: a subject has as many tokens as a control line has room for. */
function matchBelow<S>(root: Node<S>, tokens: string[], found: S[]): void {
  const nodes = [root];
  const depths = [0];
  while (nodes.length > 0) {
    const node = nodes.pop()!;
    const depth = depths.pop()!;
    if (depth === tokens.length) {
      collect(node.here, found);
      continue;
    }
    // `>` stands for one token or more.
    collect(node.rest, found);
    const child = node.literals?.get(tokens[depth]!);
    if (child !== undefined) {
      nodes.push(child);
      depths.push(depth + 1);
    }
    if (node.any !== null) {
      nodes.push(node.any);
      depths.push(depth + 1);
    }
  }
}

function removeBelow<S>(root: Node<S>, tokens: string[], sub: S): void {
  const path = [root];
  const last = tokens.length - 1;
  const toTheEnd = tokens[last] === '>';
  for (let depth = 0; depth < (toTheEnd ? last : tokens.length); depth++) {
    const token = tokens[depth]!;
    const node = path[depth]!;
    const child = token === '*' ? node.any : node.literals?.get(token);
    if (child === null || child === undefined) return;
    path.push(child);
  }
  const leaf = path.at(-1)!;
  if (toTheEnd) leaf.rest = removeFrom(leaf.rest, sub);
  else leaf.here = removeFrom(leaf.here, sub);
  for (let depth = path.length - 1; depth > 0 && path[depth]!.empty; depth--) {
    const parent = path[depth - 1]!;
    const token = tokens[depth - 1]!;
    if (token === '*') {
      parent.any = null;
    } else {
      parent.literals!.delete(token);
      if (parent.literals!.size === 0) parent.literals = null;
    }
  }
}

function* allBelow<S>(root: Node<S>): IterableIterator<S> {
  const nodes = [root];
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    const found: S[] = [];
    collect(node.here, found);
    collect(node.rest, found);
    yield* found;
    if (node.any !== null) nodes.push(node.any);
    if (node.literals !== null) for (const child of node.literals.values()) nodes.push(child);
  }
}

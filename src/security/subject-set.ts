/**
 * A set of subject patterns, compiled to a trie: which of them match a subject.
 *
 * Entries may carry a queue group. Subjects are latin1 strings; `*` stands for one token, a final `>` for one or more.
 */
import { isValidPattern } from '../subjects/subject.js';

/** What the patterns that match a subject say together. */
export interface SubjectMatch {
  /** An entry without a queue group matched. */
  plain: boolean;
  /** The queue groups of the entries that matched and have one. */
  queues: string[];
}

class Node {
  readonly children = new Map<string, Node>();
  /** The child for `*`. */
  any: Node | null = null;
  /** The entries that end here with `>`. */
  rest: Node | null = null;
  plain = false;
  readonly queues: string[] = [];
}

export class SubjectSet {
  readonly #root = new Node();

  constructor(patterns: Iterable<string> = []) {
    for (const pattern of patterns) this.add(pattern);
  }

  /** Throws for a subject that is not valid. */
  add(pattern: string, queue = ''): void {
    if (!isValidPattern(pattern)) throw new Error(`subject "${pattern}" is not a valid subject`);
    let node = this.#root;
    for (const token of pattern.split('.')) {
      if (token === '*') node = node.any ??= new Node();
      else if (token === '>') node = node.rest ??= new Node();
      else {
        let child = node.children.get(token);
        if (child === undefined) node.children.set(token, (child = new Node()));
        node = child;
      }
    }
    if (queue === '') node.plain = true;
    else if (!node.queues.includes(queue)) node.queues.push(queue);
  }

  /** Whether an entry without queue group matches. The tokens are taken as they are: `foo.>` is a message's subject too. */
  matches(subject: string): boolean {
    const tokens = subject.split('.');
    return !tokens.includes('') && containsPlain(this.#root, tokens, 0);
  }

  /** What all entries that match say. */
  match(subject: string): SubjectMatch {
    return this.#find(subject, false);
  }

  /** As `match`, for a subscription: `>` in it is covered only by `>` in an entry, not by `*`. */
  covers(subscription: string): SubjectMatch {
    return this.#find(subscription, true);
  }

  #find(subject: string, asSubscription: boolean): SubjectMatch {
    const result: SubjectMatch = { plain: false, queues: [] };
    const tokens = subject.split('.');
    if (!tokens.includes('')) collect(this.#root, tokens, 0, asSubscription, result);
    return result;
  }
}

function containsPlain(node: Node, tokens: string[], at: number): boolean {
  if (at === tokens.length) return node.plain;
  if (node.rest?.plain) return true;
  const child = node.children.get(tokens[at]!);
  if (child !== undefined && containsPlain(child, tokens, at + 1)) return true;
  return node.any !== null && containsPlain(node.any, tokens, at + 1);
}

function collect(
  node: Node,
  tokens: string[],
  at: number,
  asSubscription: boolean,
  result: SubjectMatch,
): void {
  if (at === tokens.length) {
    take(node, result);
    return;
  }
  if (node.rest !== null) take(node.rest, result);
  const token = tokens[at]!;
  if (node.any !== null && !(asSubscription && token === '>')) {
    collect(node.any, tokens, at + 1, asSubscription, result);
  }
  const child = node.children.get(token);
  if (child !== undefined) collect(child, tokens, at + 1, asSubscription, result);
}

function take(node: Node, result: SubjectMatch): void {
  result.plain ||= node.plain;
  for (const queue of node.queues) if (!result.queues.includes(queue)) result.queues.push(queue);
}

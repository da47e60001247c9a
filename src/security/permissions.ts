/**
 * What a user may publish to and subscribe to, compiled from the options once per user and shared by its connections.
 *
 * Rules (official server, `canSubscribe` and `pubAllowed`): no allow list allows everything; an entry of the deny list wins. A
 * subscription must lie inside one allowed pattern; one that is wider than a denied pattern is accepted, and the messages it
 * must not see are left out at delivery. Where `>` in a subscription meets `*` in an allow list the official server lets it
 * through, although the subscription is wider; here it is refused.
 */
import type { PermissionsOptions, ResponsePermission } from '../config/options.js';
import { hasWildcard, isSubsetOf, isValidPattern, patternsOverlap } from '../subjects/subject.js';
import { type SubjectMatch, SubjectSet } from './subject-set.js';

const DEFAULT_RESPONSES = 1;
const DEFAULT_RESPONSE_EXPIRY = 120_000;
/** Entries of the cache of a delivery filter. */
const FILTER_CACHE_SIZE = 256;

/** Says which messages a subscription that overlaps a denied subject must not get. */
export interface DeliveryFilter {
  /** `subject` is the literal subject as it would be delivered. */
  denies(subject: string): boolean;
}

interface SubscriptionEntry {
  subject: string;
  /** Empty for an entry without queue group. */
  queue: string;
}

/** Why the permissions are not valid, in the words of the official server; null when they are. */
export function permissionsProblem(options: PermissionsOptions): string | null {
  const lists = [
    ['publish allow', options.publish?.allow, false],
    ['publish deny', options.publish?.deny, false],
    ['subscribe allow', options.subscribe?.allow, true],
    ['subscribe deny', options.subscribe?.deny, true],
  ] as const;
  for (const [name, list, queueAllowed] of lists) {
    for (const entry of list ?? []) {
      const problem = entryProblem(entry, queueAllowed);
      if (problem !== null) return `${name}: ${problem}`;
    }
  }
  return null;
}

function entryProblem(entry: string, queueAllowed: boolean): string | null {
  if (isValidPattern(entry)) return null;
  const parts = fields(entry);
  if (!queueAllowed || parts.length !== 2) return `subject ${JSON.stringify(entry)} is not a valid subject`;
  if (!isValidPattern(parts[0]!)) return `subject ${JSON.stringify(parts[0])} is not a valid subject`;
  if (!isValidPattern(parts[1]!)) return `queue ${JSON.stringify(parts[1])} is not a valid queue`;
  return null;
}

function fields(entry: string): string[] {
  return entry.split(/[\t\n\v\f\r ]+/).filter((part) => part !== '');
}

function subscriptionEntries(list: string[] | undefined): SubscriptionEntry[] {
  return (list ?? []).map((entry) => {
    const [subject, queue = ''] = fields(entry);
    return { subject: subject!, queue };
  });
}

function subscriptionSet(entries: SubscriptionEntry[]): SubjectSet | null {
  if (entries.length === 0) return null;
  const set = new SubjectSet();
  for (const { subject, queue } of entries) set.add(subject, queue);
  return set;
}

/** Whether one of the queue names of a permission, which may have wildcards, covers the queue. */
function queueListed(queue: string, names: string[]): boolean {
  return names.some((name) => name === queue || (hasWildcard(name) && isSubsetOf(queue, name)));
}

/** Entries with a queue group are the more exact ones: where there are any, they alone decide for a queue subscription. */
function entriesAllow({ plain, queues }: SubjectMatch, queue: string): boolean {
  return queue !== '' && queues.length > 0 ? queueListed(queue, queues) : plain;
}

export class Permissions {
  /** As given, with the defaults of `responses` filled in; for monitoring and user info. */
  readonly options: PermissionsOptions;
  /** Set when replies to delivered messages may be published; make a `ResponseTracker` per connection with it. */
  readonly responses: ResponsePermission | null;
  readonly #publishAllow: SubjectSet | null;
  readonly #publishDeny: SubjectSet | null;
  readonly #subscribeAllow: SubjectSet | null;
  readonly #subscribeDeny: SubjectSet | null;
  readonly #denyEntries: SubscriptionEntry[];

  /** Throws with the text of `permissionsProblem` when an entry is not valid. */
  constructor(options: PermissionsOptions) {
    const problem = permissionsProblem(options);
    if (problem !== null) throw new Error(problem);
    this.responses = effectiveResponses(options.responses);
    const allow = options.publish?.allow ?? (this.responses === null ? undefined : []);
    const deny = options.publish?.deny ?? [];
    this.options = { ...options };
    if (this.responses !== null) {
      this.options.responses = this.responses;
      this.options.publish = { ...options.publish, allow };
    }
    // An empty allow list for publishing allows nothing; an empty one for subscribing counts as absent.
    this.#publishAllow = allow === undefined ? null : new SubjectSet(allow);
    this.#publishDeny = deny.length === 0 ? null : new SubjectSet(deny);
    this.#subscribeAllow = subscriptionSet(subscriptionEntries(options.subscribe?.allow));
    this.#denyEntries = subscriptionEntries(options.subscribe?.deny);
    this.#subscribeDeny = subscriptionSet(this.#denyEntries);
  }

  /** False when nothing can be refused on publish, so that callers can skip the question. */
  get restrictsPublish(): boolean {
    return this.#publishAllow !== null || this.#publishDeny !== null;
  }

  get restrictsSubscribe(): boolean {
    return this.#subscribeAllow !== null || this.#subscribeDeny !== null;
  }

  /** Without the replies that a `ResponseTracker` may allow on top. */
  mayPublish(subject: string): boolean {
    if (this.#publishAllow !== null && !this.#publishAllow.matches(subject)) return false;
    return this.#publishDeny === null || !this.#publishDeny.matches(subject);
  }

  /** `queue` is empty or absent for a subscription without queue group. */
  maySubscribe(subject: string, queue = ''): boolean {
    const allow = this.#subscribeAllow;
    if (allow !== null) {
      if (!entriesAllow(allow.match(subject), queue)) return false;
      if (hasWildcard(subject) && !entriesAllow(allow.covers(subject), queue)) return false;
    }
    return this.#subscribeDeny === null || !this.#denied(this.#subscribeDeny, subject, queue);
  }

  /** A filter for a subscription that overlaps a denied subject without being refused; null when it needs none. */
  deliveryFilter(subject: string, queue = ''): DeliveryFilter | null {
    const deny = this.#subscribeDeny;
    if (deny === null || (queue === '' && !hasWildcard(subject))) return null;
    if (!this.#denyEntries.some((entry) => patternsOverlap(entry.subject, subject))) return null;
    const known = new Map<string, boolean>();
    return {
      denies: (literal) => {
        let denied = known.get(literal);
        if (denied === undefined) {
          denied = this.#denied(deny, literal, queue);
          if (known.size >= FILTER_CACHE_SIZE) known.clear();
          known.set(literal, denied);
        }
        return denied;
      },
    };
  }

  #denied(deny: SubjectSet, subject: string, queue: string): boolean {
    const { plain, queues } = deny.match(subject);
    return plain || (queue !== '' && queueListed(queue, queues));
  }
}

function effectiveResponses(options: ResponsePermission | undefined): ResponsePermission | null {
  if (options === undefined) return null;
  return {
    maxMsgs: options.maxMsgs === 0 ? DEFAULT_RESPONSES : options.maxMsgs,
    expires: options.expires === 0 ? DEFAULT_RESPONSE_EXPIRY : options.expires,
  };
}

/**
 * An account: a space of subjects of its own. Every connection belongs to one; messages never leave it but by import and
 * export.
 */
import { type AccountLimits, type AccountOptions, noAccountLimits } from '../config/options.js';
import type { Arena } from '../runtime/arena.js';
import { type Interest, InterestGraph } from '../subjects/interest-graph.js';
import { hasWildcard } from '../subjects/subject.js';
import { SubjectCache } from '../subjects/subject-cache.js';
import type { AccountMappings } from './mappings.js';

export const GLOBAL_ACCOUNT = '$G';
export const SYSTEM_ACCOUNT = '$SYS';

/** Messages and bytes that connections, now closed, have moved; live connections count for themselves. */
export class Traffic {
  inMsgs = 0;
  inBytes = 0;
  outMsgs = 0;
  outBytes = 0;
}

/** What an account needs to know of its connections. */
export interface Member {
  readonly cid: number;
}

/** `S` is the broker's subscription, `P` what it keeps per subject. */
export class Account<S extends Interest = Interest, P = unknown, C extends Member = Member> {
  readonly name: string;
  readonly isSystem: boolean;
  readonly interest = new InterestGraph<S>();
  readonly cache: SubjectCache<P>;
  /** Open client connections. */
  readonly connections = new Set<C>();
  /** Of connections that are gone. */
  readonly closedTraffic = new Traffic();
  /** Connections ever bound to the account. */
  totalConnections = 0;
  slowConsumers = 0;
  limits: AccountLimits = noAccountLimits;
  /** Where traces go that `traceparent` headers ask for. */
  trace: NonNullable<AccountOptions['trace']> | null = null;
  #mappings: AccountMappings | null = null;

  /** `cached` subjects at most are remembered. */
  constructor(arena: Arena, name: string, isSystem = false, cached?: number) {
    this.cache = new SubjectCache(arena, cached);
    this.name = name;
    this.isSystem = isSystem;
  }

  /** Where clients' messages on some subjects really go; null for most accounts. */
  get mappings(): AccountMappings | null {
    return this.#mappings;
  }

  set mappings(mappings: AccountMappings | null) {
    // The cache says of each subject whether it is mapped.
    if (mappings !== this.#mappings) this.cache.invalidate('>', true);
    this.#mappings = mappings;
  }

  /** Adds a subscription; false when its subject is not valid. */
  subscribe(sub: S): boolean {
    if (!this.interest.insert(sub)) return false;
    this.cache.invalidate(sub.subject, hasWildcard(sub.subject));
    return true;
  }

  unsubscribe(sub: S): void {
    this.interest.remove(sub);
    this.cache.invalidate(sub.subject, hasWildcard(sub.subject));
  }
}

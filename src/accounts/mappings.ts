/**
 * Subject mappings of an account: clients publish on one subject, and the message goes out on another one, the same for all
 * or shared out by weight. What the rest of the server publishes is not mapped.
 */
import type { MappingDestination, MappingOptions } from '../config/options.js';
import type { Random } from '../runtime/random.js';
import { hasWildcard, isSubsetOf } from '../subjects/subject.js';
import type { CachedSubject } from '../subjects/subject-cache.js';
import { SubjectTransform, wildcardsToPlaceholders } from '../subjects/transform.js';

/** A destination, and the number below which chance (0 to 99) chooses it. */
interface Share {
  transform: SubjectTransform;
  below: number;
}

interface Mapping {
  source: string;
  shares: Share[];
  /** What the configuration says, for all clusters. */
  destinations: readonly MappingDestination[];
}

/** A subject that messages go to. */
export interface MappingTarget<P> {
  readonly subject: string;
  /** Where the account's cache has what it knows of the subject; the broker notes that to find it again. */
  entry: CachedSubject<P> | null;
}

/** Where messages on one subject go. `P` is what the broker keeps per subject. */
export class MappedSubject<P = unknown> {
  readonly #subject: string;
  /** Null in the place of subjects that are another one for each message. */
  readonly #targets: (MappingTarget<P> | null)[];
  readonly #shares: readonly Share[];
  readonly #lost: MappingTarget<P> = { subject: '', entry: null };

  constructor(subject: string, shares: readonly Share[]) {
    this.#subject = subject;
    this.#shares = shares;
    this.#targets = shares.map(({ transform }) =>
      transform.isRandom ? null : { subject: transform.transform(subject), entry: null },
    );
  }

  /** Where the next message goes; its subject is empty when it is to be lost. */
  next(random: Random): MappingTarget<P> {
    const shares = this.#shares;
    const roll = shares.length === 1 && shares[0]!.below === 100 ? 0 : random.next() % 100;
    for (let i = 0; i < shares.length; i++) {
      const { below, transform } = shares[i]!;
      if (roll >= below) continue;
      return this.#targets[i] ?? { subject: transform.transform(this.#subject, random), entry: null };
    }
    return this.#lost;
  }
}

export class AccountMappings {
  readonly #mappings: Mapping[] = [];
  /** What all sources begin with. */
  readonly #prefix: string;

  /** The options have been checked. Destinations for another cluster than the server's own are left out. */
  constructor(options: readonly MappingOptions[], cluster = '') {
    for (const { subject, destinations } of options) {
      const known = cluster !== '' && destinations.some((each) => each.cluster === cluster);
      const shares = sharesOf(subject, destinations, known ? cluster : undefined);
      const mapping = { source: subject, shares, destinations };
      const old = this.#mappings.findIndex(({ source }) => source === subject);
      if (old < 0) this.#mappings.push(mapping);
      else this.#mappings[old] = mapping;
    }
    this.#prefix = commonPrefix(this.#mappings.map(({ source }) => source));
  }

  /**
   * All mappings for monitoring, each destination with the sum of the weights up to it, as officially. Without a cluster come first.
   */
  describe(): { source: string; destinations: MappingDestination[] }[] {
    return this.#mappings.map(({ source, destinations }) => {
      const clusters = new Set([undefined, ...destinations.map((each) => each.cluster)]);
      const all = [...clusters].flatMap((cluster) =>
        sharesOf(source, destinations, cluster).map(({ transform, below }) => ({
          subject: transform.destination,
          weight: below,
          ...(cluster === undefined ? {} : { cluster }),
        })),
      );
      return { source, destinations: all };
    });
  }

  /** Whether a subject that begins so, or is that, can be a mapped one; true where that is not clear at once. */
  mayConcern(start: string): boolean {
    const prefix = this.#prefix;
    return start.length < prefix.length ? prefix.startsWith(start) : start.startsWith(prefix);
  }

  /** Where messages on a subject go, or null when it is not mapped. The first mapping that it falls under counts. */
  find<P>(subject: string): MappedSubject<P> | null {
    const mapping = this.#mappings.find(({ source }) => source === subject || isSubsetOf(subject, source));
    return mapping === undefined ? null : new MappedSubject<P>(subject, mapping.shares);
  }
}

/** Without the tokens from the first one that is a wildcard. */
function commonPrefix(sources: readonly string[]): string {
  let [prefix = '', ...others] = sources.map((source) => source.replace(/(^|\.)[*>](\..*)?$/, '$1'));
  for (const other of others) while (!other.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix;
}

/**
 * The destinations for a cluster, or for those that have none of their own; the smallest weights come first. What is left of the
 * 100 percent stays on the source, unless that is named as a destination of some weight: then it is lost.
 */
function sharesOf(source: string, destinations: readonly MappingDestination[], cluster?: string): Share[] {
  const all = destinations
    .filter((each) => each.cluster === cluster)
    .map(({ subject, weight }) => ({ subject, weight }));
  const left = 100 - all.reduce((sum, { weight }) => sum + weight, 0);
  const named = destinations.some(({ subject }) => subject === source);
  if (left > 0 && !named) {
    all.push({ subject: hasWildcard(source) ? wildcardsToPlaceholders(source) : source, weight: left });
  }
  let below = 0;
  return all
    .sort((a, b) => a.weight - b.weight)
    .map(({ subject, weight }) => {
      below += weight;
      return { transform: SubjectTransform.create(source, subject), below };
    });
}

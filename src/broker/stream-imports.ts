/**
 * Streams of other accounts: a subscription that overlaps an import gets a shadow in the exporting account's interest, with the
 * subject that the stream has there. Messages then take the same way as within one account; only their heads are made for the
 * importer's subject.
 */
import type { ImportOptions } from '../config/options.js';
import { hasWildcard, intersection } from '../subjects/subject.js';
import { placeholdersToWildcards, SubjectTransform, wildcardsToPlaceholders } from '../subjects/transform.js';
import type { BrokerAccount } from './broker-account.js';
import { Subscription } from './subscription.js';

export class StreamImport {
  readonly options: ImportOptions;
  readonly exporter: BrokerAccount;
  /** Subject in the exporting account. */
  readonly from: string;
  /** Subject in the importing account, wildcards for placeholders. */
  readonly to: string;
  readonly #there: SubjectTransform | null = null;
  readonly #back: SubjectTransform | null = null;

  /** The options have been validated. */
  constructor(options: ImportOptions, exporter: BrokerAccount) {
    this.options = options;
    this.exporter = exporter;
    this.from = options.subject;
    const local = localSubject(options);
    this.to = placeholdersToWildcards(local).pattern;
    if (hasWildcard(this.from) && local !== this.from) {
      this.#there = SubjectTransform.create(this.from, wildcardsToPlaceholders(local), { strict: true });
      this.#back = this.#there.reverse();
    }
  }

  /** What to subscribe to in the exporting account for a subscription in the importing one; null for nothing. */
  interestOf(subject: string): string | null {
    const overlap = intersection(subject, this.to);
    if (overlap === null) return null;
    if (overlap === this.to) return this.from;
    if (this.#there === null) return overlap;
    // Where the way back is not known, what does not concern the subscription is left out at delivery.
    return this.#back?.transform(overlap) ?? this.from;
  }

  /** A subject of the exporting account as the importing one has it. */
  localise(subject: string): string {
    if (this.#there !== null) return this.#there.transform(subject);
    return this.from === this.to ? subject : this.to;
  }
}

/** Subject in the importing account, maybe with placeholders. */
function localSubject({ subject, to, prefix }: ImportOptions): string {
  if (to !== undefined && to !== '') return to;
  if (prefix === undefined || prefix === '') return subject;
  return prefix.endsWith('.') ? prefix + subject : `${prefix}.${subject}`;
}

/** What stands for a subscription in the interest of an account that it imports from. */
export class ShadowSubscription extends Subscription {
  readonly #main: Subscription;
  readonly import: StreamImport;

  constructor(main: Subscription, subject: string, source: StreamImport) {
    super(subject, main.queue, main.sid, main.connection, main.handler);
    this.raw = main.raw;
    this.#main = main;
    this.import = source;
    this.special = true;
  }

  override get main(): Subscription {
    return this.#main;
  }

  override get exporter(): BrokerAccount {
    return this.import.exporter;
  }

  override get allowsTrace(): boolean {
    return this.import.options.allowTrace;
  }

  override subjectFor(subject: string): string {
    return this.import.localise(subject);
  }
}

/** The shadows of one connection's subscriptions. */
export class Shadows {
  readonly #bySubscription = new Map<Subscription, ShadowSubscription[]>();

  /** Adds the shadows that a subscription needs. */
  add(sub: Subscription, imports: readonly StreamImport[]): void {
    const shadows: ShadowSubscription[] = [];
    for (const source of imports) {
      const subject = source.interestOf(sub.subject);
      if (subject === null) continue;
      const shadow = new ShadowSubscription(sub, subject, source);
      if (source.exporter.subscribe(shadow)) shadows.push(shadow);
    }
    if (shadows.length > 0) this.#bySubscription.set(sub, shadows);
  }

  remove(sub: Subscription): void {
    const shadows = this.#bySubscription.get(sub);
    if (shadows === undefined) return;
    this.#bySubscription.delete(sub);
    for (const shadow of shadows) {
      shadow.closed = true;
      shadow.import.exporter.unsubscribe(shadow);
    }
  }

  /** Messages that came to a subscription by its shadows. */
  delivered(sub: Subscription): number {
    let sum = 0;
    for (const shadow of this.#bySubscription.get(sub) ?? []) sum += shadow.delivered;
    return sum;
  }

  of(sub: Subscription): readonly ShadowSubscription[] {
    return this.#bySubscription.get(sub) ?? [];
  }

  clear(): void {
    for (const sub of [...this.#bySubscription.keys()]) this.remove(sub);
  }
}

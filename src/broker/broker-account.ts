/**
 * An account as the broker has it: what it lets others have, what it has from them, and the answers that are under way to others.
 */
import { Account } from '../accounts/account.js';
import type { ExportOptions } from '../config/options.js';
import { patternsOverlap } from '../subjects/subject.js';
import type { ClientConnection } from './connection.js';
import type { DeliveryPlan } from './delivery-plan.js';
import type { InternalClient } from './internal-client.js';
import type { AwaitedReplies, ResponseTable } from './responses.js';
import type { ServiceExports } from './service-exports.js';
import type { ServicePassage } from './service-imports.js';
import type { StreamImport } from './stream-imports.js';
import type { Subscription } from './subscription.js';
import type { SystemImports } from './system-imports.js';

const DOLLAR = 36;
const ACKS = '$JS.ACK.>';
/** What a subject begins with that may overlap those of acks. */
const MAY_BE_ACK = /^[$*>]/;

/** Takes acks of messages that were delivered, as the bytes lie. */
export interface AckRoute {
  /** False when nobody knows of the delivery. */
  receive(bytes: Uint8Array, start: number, end: number, payloadStart: number, payloadEnd: number): boolean;
}

export class BrokerAccount extends Account<Subscription, DeliveryPlan, ClientConnection> {
  // Null for accounts without: most of them, where there are many.
  streamExports: readonly ExportOptions[] | null = null;
  serviceExports: ServiceExports | null = null;
  streamImports: readonly StreamImport[] | null = null;
  /** They are subscriptions in the account's interest. */
  serviceImports: readonly ServicePassage[] | null = null;
  /** What all accounts have from the system account; not in their interest, as that would cost memory for each of them. */
  systemImports: SystemImports | null = null;
  /** Answers that this account's services owe to others. */
  responses: ResponseTable | null = null;
  /** Answers from others that this account's clients wait for. */
  awaited: AwaitedReplies | null = null;
  /** Answers what goes to subjects of the server that nobody in the account subscribes to. Not in its interest, either. */
  fallback: Subscription | null = null;
  /** Those of rooms inside the server that subscribe here. */
  insiders: Set<InternalClient> | null = null;

  /** Where acks go; null without JetStream. */
  ackRoute: AckRoute | null = null;
  /** Subscriptions to subjects of acks, JetStream's own among them. */
  ackListeners = 0;

  #watchers: Map<string, Set<() => void>> | null = null;

  /** Everything that a message published on the subject goes to. */
  match(subject: string): Subscription[] {
    const found = this.interest.match(subject);
    if (this.systemImports !== null && subject.charCodeAt(0) === DOLLAR) {
      const passage = this.systemImports.passage(this, subject);
      if (passage !== null) found.push(passage);
    }
    if (found.length === 0 && this.fallback !== null && subject.startsWith(this.fallback.subject))
      found.push(this.fallback);
    return found;
  }

  /** Whether a message on this literal subject would get to anybody. */
  hasInterest(subject: string): boolean {
    return this.interest.hasMatch(subject) || this.responses?.find(subject) !== undefined;
  }

  override subscribe(sub: Subscription): boolean {
    if (!super.subscribe(sub)) return false;
    if (listensToAcks(sub.subject)) this.ackListeners++;
    if (this.#watchers !== null) this.#tellWatchers(sub.subject);
    return true;
  }

  /** Subscriptions as an official server counts them: also those that it makes for services of the system account and for answers. */
  get subscriptionCount(): number {
    const forAnswers = this.responses === null ? 0 : 1;
    return this.interest.count + (this.systemImports?.countFor(this) ?? 0) + forAnswers;
  }

  /** All that `subscriptionCount` counts. */
  *subscriptions(): IterableIterator<Subscription> {
    yield* this.interest.all();
    yield* this.systemImports?.passages(this) ?? [];
    if (this.responses !== null) yield this.responses.lateAnswers;
  }

  override unsubscribe(sub: Subscription): void {
    super.unsubscribe(sub);
    if (listensToAcks(sub.subject)) this.ackListeners--;
    this.awaited?.interestLost(sub.subject);
    if (this.#watchers !== null) this.#tellWatchers(sub.subject);
  }

  /** Calls back when a subscription to exactly this subject comes or goes. The result ends that. */
  watchInterest(subject: string, changed: () => void): () => void {
    this.#watchers ??= new Map();
    const watchers = this.#watchers.get(subject) ?? new Set();
    this.#watchers.set(subject, watchers.add(changed));
    return () => {
      watchers.delete(changed);
      if (watchers.size === 0 && this.#watchers?.get(subject) === watchers) this.#watchers.delete(subject);
      if (this.#watchers?.size === 0) this.#watchers = null;
    };
  }

  #tellWatchers(subject: string): void {
    for (const changed of [...(this.#watchers?.get(subject) ?? [])]) changed();
  }
}

function listensToAcks(subject: string): boolean {
  return MAY_BE_ACK.test(subject) && patternsOverlap(subject, ACKS);
}

/**
 * Answers on their way back to other accounts. A request that crosses a service import takes a reply subject of its own along,
 * `_R_.<prefix>.<name>`; what is published there goes to the requestor's subject in its account. Each is given up after its
 * last answer, when nobody waits for it any more, or when the service takes longer than its threshold.
 */
import { randomFillSync } from 'node:crypto';
import type { PublishOperation } from '../protocol/client-parser.js';
import type { WheelTimer } from '../runtime/timer-wheel.js';
import { hasWildcard } from '../subjects/subject.js';
import type { BrokerAccount } from './broker-account.js';
import type { ClientConnection } from './connection.js';
import type { Delivery } from './delivery-plan.js';
import type { ServiceImport } from './service-imports.js';
import { Passage } from './subscription.js';

export const RESPONSE_PREFIX = '_R_.';
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Answers that one account may owe at a time; beyond, the oldest is given up. */
const MAX_RESPONSES = 262_144;
/** The time between two searches for replies that nobody waits for is at least so many times as long as a search took. */
const SWEEP_SPACING = 20;
const SHORTEST_SWEEP_PAUSE = 50;

/** Why an answer is no longer waited for. */
export type ResponseEnd = 'answered' | 'undelivered' | 'timeout' | 'lost' | 'closed';

/** A request whose time is measured. */
export interface Measured {
  /** The headers that asked for it; null when chance did. */
  header: Record<string, string[]> | null;
  /** Null once the measurement is told. */
  requestor: ClientConnection | null;
  /** When the request passed, in milliseconds since 1970, and by the monotonic clock. */
  start: number;
  monotonic: number;
  /** An answer came. */
  answered: boolean;
}

/** What hands answers on, given by the one who does it. */
export type PassResponse = (
  response: Response,
  operation: PublishOperation,
  from: ClientConnection | null,
  /** The subject that the message shows, which is the response's unless a stream delivers it. */
  subject: string,
) => void;

/** The way back of one request. */
export class Response extends Passage {
  readonly request: ServiceImport;
  /** Where the requestor waits; the same as `request.importer` unless the request itself was an answer. */
  readonly to: BrokerAccount;
  readonly reply: string;
  readonly owner: BrokerAccount;
  measured: Measured | null = null;
  /** The cache of the owner's account knows of it. */
  planned = false;
  /** By the monotonic clock: when it was made, or the last part of an answer passed. */
  touched = 0;
  /** @internal */
  older: Response | null = null;
  /** @internal */
  newer: Response | null = null;
  readonly #pass: PassResponse;

  constructor(
    subject: string,
    owner: BrokerAccount,
    to: BrokerAccount,
    reply: string,
    request: ServiceImport,
    pass: PassResponse,
  ) {
    super(subject, 0);
    this.owner = owner;
    this.to = to;
    this.reply = reply;
    this.request = request;
    this.#pass = pass;
  }

  /** The requestor's subject is text already. */
  override subjectFor(): string {
    return '';
  }

  /** Whoever answers has done so, whether or not somebody still waits. */
  override pass(
    _delivery: Delivery,
    operation: PublishOperation,
    from: ClientConnection | null,
    subject: string,
  ): boolean {
    this.#pass(this, operation, from, subject);
    return true;
  }
}

/** Takes answers that come too late. */
class LateAnswers extends Passage {
  override subjectFor(): string {
    return '';
  }

  override pass(): boolean {
    return true;
  }
}

/** The answers that one service owes, in the order of their last sign of life, with one timer for all of them. */
export class PendingResponses {
  readonly #threshold: number;
  readonly #now: () => number;
  readonly #timer: WheelTimer;
  #oldest: Response | null = null;
  #newest: Response | null = null;
  count = 0;

  /** `threshold` in milliseconds. */
  constructor(
    threshold: number,
    now: () => number,
    makeTimer: (callback: () => void) => WheelTimer,
    expired: (response: Response) => void,
  ) {
    this.#threshold = threshold;
    this.#now = now;
    this.#timer = makeTimer(() => this.#expire(expired));
  }

  add(response: Response): void {
    response.touched = this.#now();
    response.older = this.#newest;
    if (this.#newest === null) this.#oldest = response;
    else this.#newest.newer = response;
    this.#newest = response;
    this.count++;
    if (!this.#timer.armed) this.#timer.arm(this.#threshold);
  }

  remove(response: Response): void {
    if (response.older === null) this.#oldest = response.newer;
    else response.older.newer = response.newer;
    if (response.newer === null) this.#newest = response.older;
    else response.newer.older = response.older;
    response.older = null;
    response.newer = null;
    this.count--;
  }

  /** A part of the answer passed: its time begins anew. */
  touch(response: Response): void {
    this.remove(response);
    this.add(response);
  }

  #expire(expired: (response: Response) => void): void {
    const now = this.#now();
    for (
      let oldest = this.#oldest;
      oldest !== null && oldest.touched + this.#threshold <= now;
      oldest = this.#oldest
    ) {
      expired(oldest);
      // Nothing may keep this from coming to an end.
      if (oldest === this.#oldest) this.remove(oldest);
    }
    if (this.#oldest !== null) this.#timer.arm(this.#oldest.touched + this.#threshold - now);
  }
}

/** The answers that an account owes, by the subjects they are published on. */
export class ResponseTable {
  readonly #byName = new Map<string, Response>();
  readonly #prefix: string;
  readonly #names: NameSource;
  /** What takes answers that come too late. */
  readonly lateAnswers: Passage;

  constructor(names: NameSource) {
    this.#names = names;
    this.#prefix = `${RESPONSE_PREFIX}${names.next()}.`;
    this.lateAnswers = new LateAnswers(this.wildcard, 0);
  }

  /** What an official server subscribes to for them. */
  get wildcard(): string {
    return `${this.#prefix}>`;
  }

  get size(): number {
    return this.#byName.size;
  }

  /** The oldest one, when there is no room for another. */
  get excess(): Response | null {
    return this.#byName.size < MAX_RESPONSES ? null : this.#byName.values().next().value!;
  }

  /** A subject that nobody has. */
  newSubject(suffix: string): string {
    for (;;) {
      const subject = `${this.#prefix}${this.#names.next()}${suffix}`;
      if (!this.#byName.has(subject)) return subject;
    }
  }

  add(response: Response): void {
    this.#byName.set(response.subject, response);
  }

  find(subject: string): Response | undefined {
    return this.#byName.get(subject);
  }

  /** What takes a message on a subject of this table that is not, or no longer, in it; null for other subjects. */
  late(subject: string): Passage | null {
    return subject.startsWith(this.#prefix) ? this.lateAnswers : null;
  }

  delete(response: Response): boolean {
    return this.#byName.delete(response.subject);
  }

  values(): IterableIterator<Response> {
    return this.#byName.values();
  }
}

/** Six letters and digits that cannot be guessed. */
export class NameSource {
  readonly #pairs = Array.from(DIGITS, (first) => Array.from(DIGITS, (second) => first + second)).flat();
  readonly #pool = new Uint16Array(2048);
  #at = 2048;

  next(): string {
    return this.#pair() + this.#pair() + this.#pair();
  }

  /** Of 65,536 values the first 65,348 are 17 rounds of all pairs, so that each is equally likely. */
  #pair(): string {
    const count = this.#pairs.length;
    for (;;) {
      if (this.#at === this.#pool.length) {
        randomFillSync(this.#pool);
        this.#at = 0;
      }
      const value = this.#pool[this.#at++]!;
      if (value < count * 17) return this.#pairs[value % count]!;
    }
  }
}

/** The answers that an account's clients wait for, by the subjects they wait on. */
export class AwaitedReplies {
  readonly #byReply = new Map<string, Response | Set<Response>>();
  readonly #account: BrokerAccount;
  readonly #now: () => number;
  readonly #timer: WheelTimer;
  readonly #lost: (response: Response) => void;
  #lastSweep = 0;

  constructor(
    account: BrokerAccount,
    now: () => number,
    makeTimer: (callback: () => void) => WheelTimer,
    lost: (response: Response) => void,
  ) {
    this.#account = account;
    this.#now = now;
    this.#lost = lost;
    this.#timer = makeTimer(() => this.#sweep());
  }

  get size(): number {
    return this.#byReply.size;
  }

  add(response: Response): void {
    const others = this.#byReply.get(response.reply);
    if (others === undefined) this.#byReply.set(response.reply, response);
    else if (others instanceof Set) others.add(response);
    else this.#byReply.set(response.reply, new Set([others, response]));
  }

  delete(response: Response): void {
    const held = this.#byReply.get(response.reply);
    if (held instanceof Set) {
      held.delete(response);
      if (held.size === 0) this.#byReply.delete(response.reply);
    } else if (held === response) {
      this.#byReply.delete(response.reply);
    }
  }

  /** A subscription is gone that answers may have been meant for. */
  interestLost(subject: string): void {
    if (this.#byReply.size === 0) return;
    if (!hasWildcard(subject)) this.#check(subject);
    else if (!this.#timer.armed)
      this.#timer.arm(Math.max(SHORTEST_SWEEP_PAUSE, this.#lastSweep * SWEEP_SPACING));
  }

  /** All that wait for an answer on the subject. */
  of(reply: string): Response[] {
    const held = this.#byReply.get(reply);
    if (held === undefined) return [];
    return held instanceof Set ? [...held] : [held];
  }

  *all(): IterableIterator<Response> {
    for (const reply of [...this.#byReply.keys()]) yield* this.of(reply);
  }

  #check(reply: string): void {
    const waiting = this.of(reply);
    if (waiting.length === 0 || this.#account.match(reply).length > 0 || this.#account.responses?.find(reply))
      return;
    for (const response of waiting) this.#lost(response);
  }

  /** Wildcards may have stood for any of them. */
  #sweep(): void {
    const begin = this.#now();
    for (const reply of [...this.#byReply.keys()]) this.#check(reply);
    this.#lastSweep = this.#now() - begin;
  }
}

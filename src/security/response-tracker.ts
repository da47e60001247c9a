/**
 * `allow_responses`: the reply subjects of messages delivered to a connection, to which it may publish for a while.
 *
 * One tracker belongs to one connection. Differs from the official server in one point: there, a second message with the
 * reply subject of an earlier one uses up a response instead of granting one.
 */
import type { ResponsePermission } from '../config/options.js';
import type { Clock } from '../runtime/clock.js';

interface Grant {
  since: number;
  used: number;
}

/** Reply subjects remembered; beyond it the oldest are forgotten. */
const MAX_TRACKED_REPLIES = 65_536;

export class ResponseTracker {
  readonly #maxMsgs: number;
  readonly #expires: number;
  readonly #clock: Clock;
  readonly #limit: number;
  /** Oldest first: every grant lives equally long, so the expired ones are always at the front. */
  readonly #grants = new Map<string, Grant>();

  /** A negative `maxMsgs` is without limit, a negative `expires` (milliseconds) for ever. */
  constructor(permission: ResponsePermission, clock: Clock, limit = MAX_TRACKED_REPLIES) {
    this.#maxMsgs = permission.maxMsgs;
    this.#expires = permission.expires;
    this.#clock = clock;
    this.#limit = limit;
  }

  get size(): number {
    return this.#grants.size;
  }

  /** Call when a message with this reply subject was delivered and `Permissions.mayPublish(reply)` is false. */
  track(reply: string): void {
    const now = this.#clock.monotonic();
    this.#grants.delete(reply);
    this.#forgetExpired(now);
    if (this.#grants.size >= this.#limit) this.#grants.delete(this.#grants.keys().next().value!);
    this.#grants.set(reply, { since: now, used: 0 });
  }

  /** Whether a message may be published to the subject; uses up one response. */
  allow(reply: string): boolean {
    const grant = this.#grants.get(reply);
    if (grant === undefined) return false;
    if (this.#isExpired(grant, this.#clock.monotonic())) {
      this.#grants.delete(reply);
      return false;
    }
    grant.used++;
    if (this.#maxMsgs > 0 && grant.used >= this.#maxMsgs) this.#grants.delete(reply);
    return true;
  }

  #isExpired(grant: Grant, now: number): boolean {
    return this.#expires > 0 && now - grant.since > this.#expires;
  }

  #forgetExpired(now: number): void {
    for (const [reply, grant] of this.#grants) {
      if (!this.#isExpired(grant, now)) return;
      this.#grants.delete(reply);
    }
  }
}

/** The connections that ended last, kept for `/connz?state=closed`. */
import type { ClosedReason } from '../protocol/errors.js';
import type { ClientConnection } from './connection.js';
import type { Subscription } from './subscription.js';

/** Subscriptions remembered per closed connection. */
const KEPT_SUBSCRIPTIONS = 1024;

export interface ClosedConnection {
  connection: ClientConnection;
  reason: ClosedReason;
  subscriptions: Subscription[];
  /** All of them, also those that were not kept. */
  subscriptionCount: number;
  pendingBytes: number;
}

export class ClosedConnections {
  readonly #ring: (ClosedConnection | undefined)[];
  #total = 0;

  constructor(limit: number) {
    this.#ring = new Array(Math.max(limit, 0));
  }

  /** Connections that ever ended. */
  get total(): number {
    return this.#total;
  }

  /** Remembered ones. */
  get length(): number {
    return Math.min(this.#total, this.#ring.length);
  }

  add(connection: ClientConnection, reason: ClosedReason, pendingBytes: number): void {
    if (this.#ring.length > 0) {
      const subscriptions = [...connection.subs.values()].slice(0, KEPT_SUBSCRIPTIONS);
      const subscriptionCount = connection.subs.size;
      const closed = { connection, reason, subscriptions, subscriptionCount, pendingBytes };
      this.#ring[this.#total % this.#ring.length] = closed;
    }
    this.#total++;
  }

  /** Oldest first. */
  list(): ClosedConnection[] {
    const { length } = this.#ring;
    if (this.#total <= length) return this.#ring.slice(0, this.#total) as ClosedConnection[];
    const first = this.#total % length;
    return [...this.#ring.slice(first), ...this.#ring.slice(0, first)] as ClosedConnection[];
  }
}

/** What happens to connections, told to whoever wants to know: programs that embed the server, and the system account. */
import type { ClosedReason } from '../protocol/errors.js';
import type { FailureTold } from '../security/authenticator.js';
import type { BrokerAccount } from './broker.js';
import type { ClientConnection } from './connection.js';

/** A listener has those it wants. They are called in the middle of things, so they must be quick and change nothing. */
export interface BrokerListener {
  connected?(connection: ClientConnection): void;
  /** The client may come in and belongs to its account now; again after a further CONNECT. */
  admitted?(connection: ClientConnection): void;
  /** The connection is ready: all that CONNECT asked for is granted; again after a further CONNECT. */
  authenticated?(connection: ClientConnection): void;
  /** `told` is there where another account than the client's is to hear of it. */
  authenticationFailed?(connection: ClientConnection, reason: ClosedReason, told?: FailureTold): void;
  slowConsumer?(connection: ClientConnection, reason: ClosedReason): void;
  /** A connection that `connected` told of has ended. */
  disconnected?(connection: ClientConnection): void;
  /** A connection has ended, also one for which there was no room. */
  closed?(connection: ClientConnection): void;
  /** The account has got, or lost, a connection. */
  membersChanged?(account: BrokerAccount): void;
  lameDuck?(): void;
}

export class BrokerEvents implements Required<BrokerListener> {
  #listeners: readonly BrokerListener[] = [];

  /** Adds a listener; the function that is returned takes it away again. */
  add(listener: BrokerListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((each) => each !== listener);
    };
  }

  connected(connection: ClientConnection): void {
    for (const each of this.#listeners) each.connected?.(connection);
  }

  admitted(connection: ClientConnection): void {
    for (const each of this.#listeners) each.admitted?.(connection);
  }

  authenticated(connection: ClientConnection): void {
    for (const each of this.#listeners) each.authenticated?.(connection);
  }

  authenticationFailed(connection: ClientConnection, reason: ClosedReason, told?: FailureTold): void {
    for (const each of this.#listeners) each.authenticationFailed?.(connection, reason, told);
  }

  slowConsumer(connection: ClientConnection, reason: ClosedReason): void {
    for (const each of this.#listeners) each.slowConsumer?.(connection, reason);
  }

  disconnected(connection: ClientConnection): void {
    for (const each of this.#listeners) each.disconnected?.(connection);
  }

  closed(connection: ClientConnection): void {
    for (const each of this.#listeners) each.closed?.(connection);
  }

  membersChanged(account: BrokerAccount): void {
    for (const each of this.#listeners) each.membersChanged?.(account);
  }

  lameDuck(): void {
    for (const each of this.#listeners) each.lameDuck?.();
  }
}

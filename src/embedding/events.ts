/** What a program that embeds a server hears about it. */
import type { Broker } from '../broker/broker.js';
import type { ClientConnection } from '../broker/connection.js';
import type { ConnectionType } from '../config/options.js';
import type { ClosedReason } from '../protocol/errors.js';

/** A connection at the time of an event. */
export interface ConnectionInfo {
  /** `client_id` of INFO, `cid` of `/connz`. */
  readonly id: number;
  readonly type: ConnectionType;
  readonly account: string;
  /** User name or public nkey; empty for a client without one. */
  readonly user: string;
  /** What the client calls itself, and which library it uses. */
  readonly name: string;
  readonly lang: string;
  readonly version: string;
  /** Empty for clients in the process. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly subscriptions: number;
  /** Messages and payload bytes, `in` being towards the server. */
  readonly inMsgs: number;
  readonly inBytes: number;
  readonly outMsgs: number;
  readonly outBytes: number;
}

/** Why a connection ended, as `/connz` says it. */
export interface EndedConnectionInfo extends ConnectionInfo {
  readonly reason: ClosedReason;
}

/**
 * The events and what their listeners get. Listeners are called after the server has finished what it was doing, in the
 * order in which things happened.
 */
export interface WeftServerEvents {
  /** A client has connected and been let in. */
  connect: [connection: ConnectionInfo];
  /** A connection that `connect` told of has ended. */
  disconnect: [connection: EndedConnectionInfo];
  /** A client was turned away because of its credentials. */
  authError: [connection: EndedConnectionInfo];
  /** A client did not take its messages in time and is cut off; `disconnect` follows. */
  slowConsumer: [connection: EndedConnectionInfo];
  /** The server is about to close and asks its clients to go elsewhere. */
  lameDuck: [];
  /** Everything has been given back. */
  close: [];
  /** A hook or a message handler of the program threw. Without a listener it is only logged. */
  error: [error: Error];
}

type Emit = <K extends keyof WeftServerEvents>(event: K, ...args: WeftServerEvents[K]) => void;

/** Passes on what happens in the broker. */
export function bridgeEvents(broker: Broker, emit: Emit): void {
  const known = new WeakSet<ClientConnection>();
  const later: Emit = (event, ...args) => queueMicrotask(() => emit(event, ...args));
  broker.events.add({
    authenticated(connection) {
      if (known.has(connection)) return;
      known.add(connection);
      later('connect', describe(connection));
    },
    authenticationFailed(connection, reason) {
      later('authError', { ...describe(connection), reason });
    },
    slowConsumer(connection, reason) {
      later('slowConsumer', { ...describe(connection), reason });
    },
    disconnected(connection) {
      if (known.has(connection)) {
        later('disconnect', { ...describe(connection), reason: connection.closedReason! });
      }
    },
    lameDuck() {
      later('lameDuck');
    },
  });
}

function describe(connection: ClientConnection): ConnectionInfo {
  const { options, transport } = connection;
  return {
    id: connection.cid,
    type: connection.type,
    account: connection.account.name,
    user: connection.identity?.name || options.user || options.nkey,
    name: options.name,
    lang: options.lang,
    version: options.version,
    remoteAddress: transport.remoteAddress,
    remotePort: transport.remotePort,
    subscriptions: connection.subs.size,
    inMsgs: connection.inMsgs,
    inBytes: connection.inBytes,
    outMsgs: connection.outMsgs,
    outBytes: connection.outBytes,
  };
}

/**
 * Who a client is, as events, requests that cross accounts (`Nats-Request-Info`) and latency metrics tell it: the official
 * server's `ClientInfo`.
 */
import { localTime, nanoseconds } from '../protocol/go-time.js';
import type { ClientConnection } from './connection.js';

/** In the order on the wire; what is `undefined` is left out. */
export interface ClientInfo {
  /** RFC 3339. */
  start?: string;
  host?: string;
  id?: number;
  acc?: string;
  /** The account whose service is asked, where a request came through several. */
  svc?: string;
  user?: string;
  name?: string;
  lang?: string;
  ver?: string;
  /** Nanoseconds. */
  rtt?: number;
  /** Name of the server. */
  server?: string;
  cluster?: string;
  alts?: string[];
  stop?: string;
  jwt?: string;
  issuer_key?: string;
  name_tag?: string;
  tags?: string[];
  kind?: string;
  client_type?: string;
  client_id?: string;
  nonce?: string;
  reply?: string;
}

/**
 * - `account`: the account and the round-trip time, for services that are not to know more.
 * - `request`: all of it, for services that the client's account shares it with.
 * - `connect`, `disconnect`: for events.
 */
export type ClientInfoUse = 'account' | 'request' | 'connect' | 'disconnect';

/** `service` is for `svc`. */
export function clientInfo(
  connection: ClientConnection,
  use: ClientInfoUse,
  service?: string,
  stop?: number,
): ClientInfo {
  const { options, account, broker } = connection;
  const rtt = use === 'connect' ? undefined : nanoseconds(connection.liveness.rtt) || undefined;
  if (use === 'account') return { acc: account.name, svc: service, rtt };
  return {
    start: localTime(connection.start),
    host: connection.transport.remoteAddress || undefined,
    id: connection.cid,
    acc: account.name,
    svc: service,
    user: authorizedUser(connection) || undefined,
    name: wellFormed(options.name),
    lang: wellFormed(options.lang),
    ver: wellFormed(options.version),
    rtt,
    server: use === 'request' ? broker.serverName : undefined,
    stop: stop === undefined ? undefined : localTime(stop),
    // In a request this is the user's, which only JWTs have.
    name_tag: use === 'request' ? undefined : account.name,
    kind: 'Client',
    client_type: clientType(connection),
  };
}

/** What the client called itself, whether or not anybody checked it. */
export function authorizedUser(connection: ClientConnection): string {
  const { identity, options } = connection;
  if (identity !== null) return identity.label;
  return options.nkey || options.user || (options.auth_token !== '' ? '[REDACTED]' : '');
}

/** Which protocol it speaks. */
export function clientType({ type }: ClientConnection): 'nats' | 'mqtt' | 'websocket' {
  switch (type) {
    case 'WEBSOCKET':
    case 'LEAFNODE_WS':
      return 'websocket';
    case 'MQTT':
    case 'MQTT_WS':
      return 'mqtt';
    default:
      return 'nats';
  }
}

/** Text from a client, in which half a surrogate pair becomes U+FFFD as in Go; absent when empty. */
export function wellFormed(text: string): string | undefined {
  if (text === '') return undefined;
  return /[\ud800-\udfff]/.test(text) ? Buffer.from(text, 'utf8').toString('utf8') : text;
}

/**
 * Who a client is, as the server tells others: in the header `Nats-Request-Info` of requests that come from another account, in the
 * measurements of services, in the events of the system account.
 */
import { fromUtf8 } from '../protocol/bytes.js';
import { goJson, localTime, nanoseconds, textOrAbsent } from '../protocol/json.js';
import type { ClientConnection } from './connection.js';

/** The fields in the order they have on the wire; absent ones are left out. */
export interface ClientInfo {
  /** RFC 3339. */
  start?: string;
  host?: string;
  id?: number;
  acc?: string;
  /** The account through which a request came that has crossed several. */
  svc?: string;
  user?: string;
  name?: string;
  lang?: string;
  ver?: string;
  /** Nanoseconds. */
  rtt?: number;
  server?: string;
  cluster?: string;
  /** RFC 3339. */
  stop?: string;
  jwt?: string;
  issuer_key?: string;
  name_tag?: string;
  tags?: string[];
  kind?: string;
  client_type?: string;
  nonce?: string;
  reply?: string;
}

/** What everybody may know of a client, its account and its round-trip time; `detailed` is for those it shares more with. */
export function clientInfo(connection: ClientConnection, detailed: boolean): ClientInfo {
  const acc = connection.account.name;
  const rtt = nanoseconds(connection.liveness.rtt) || undefined;
  if (!detailed) return { acc, rtt };
  const { options, broker, transport, identity } = connection;
  return {
    start: localTime(connection.start),
    host: transport.remoteAddress || undefined,
    id: connection.cid,
    acc,
    svc: undefined,
    user: textOrAbsent(userOf(connection)),
    name: textOrAbsent(options.name),
    lang: textOrAbsent(options.lang),
    ver: textOrAbsent(options.version),
    rtt,
    server: broker.serverName,
    stop: undefined,
    issuer_key: identity?.kind === 'nkey' || identity?.delegation ? acc : undefined,
    name_tag: undefined,
    kind: 'Client',
    client_type: clientType(connection),
  };
}

/** What the client called itself, whether or not anybody checked it; empty when it said nothing. */
export function userOf({ identity, options }: ClientConnection): string {
  if (identity !== null) return identity.label;
  return options.nkey || options.user || (options.auth_token !== '' ? '[REDACTED]' : '');
}

/** The protocol that a client speaks: `nats`, `mqtt` or `websocket`. */
export function clientType({ type }: ClientConnection): string {
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

/** The value of `Nats-Request-Info`, as latin1 text of its bytes. */
export function clientInfoText(info: ClientInfo): string {
  // The fields may have been filled in any order.
  const ordered: Record<string, unknown> = {};
  for (const field of FIELDS) if (info[field] !== undefined) ordered[field] = info[field];
  return fromUtf8(goJson(ordered, 0));
}

const FIELDS: readonly (keyof ClientInfo)[] = [
  'start',
  'host',
  'id',
  'acc',
  'svc',
  'user',
  'name',
  'lang',
  'ver',
  'rtt',
  'server',
  'cluster',
  'stop',
  'jwt',
  'issuer_key',
  'name_tag',
  'tags',
  'kind',
  'client_type',
  'nonce',
  'reply',
];

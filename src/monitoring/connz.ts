/** `/connz`: which connections there are or were, filtered, sorted and cut into pages. */
import { userOf } from '../broker/client-info.js';
import { fromUtf8 } from '../protocol/bytes.js';
import { utcTime } from '../protocol/json.js';
import { patternsOverlap } from '../subjects/subject.js';
import { type ConnectionRef, connectionInfo, pendingBytes, subscriptionTotal } from './connection-info.js';
import { goJson } from './go-json.js';
import { jsonWithList } from './list-pieces.js';
import { type Query, RequestError } from './query.js';
import type { MonitorView } from './view.js';

/** Connections on a page unless asked otherwise. */
const DEFAULT_LIMIT = 1024;
const GLOBAL_ACCOUNT = '$G';

/** `none` asks for a state in which no connection can be. */
export type ConnectionState = 'open' | 'closed' | 'all' | 'none';

export interface ConnzOptions {
  /** One of `connzSorts`; empty is `cid`. */
  sort: string;
  /** Show user names, accounts and certificates. */
  auth: boolean;
  subscriptions: boolean;
  subscriptionsDetail: boolean;
  offset: number;
  /** 0 and less is the default. */
  limit: number;
  /** 0 is every connection. */
  cid: number;
  /** MQTT client id; empty is every connection. */
  mqttClient: string;
  state: ConnectionState;
  user: string;
  account: string;
  /** Only connections with a subscription that this pattern meets; needs an account. */
  filterSubject: string;
}

type Key = (ref: ConnectionRef) => number;
type Compare = (a: ConnectionRef, b: ConnectionRef) => number;

const largestFirst =
  (key: Key): Compare =>
  (a, b) =>
    key(b) - key(a);

/** In the order that a sort option stands for. The list is in the order of cids before, and sorting is stable. */
const connzSorts: Readonly<Record<string, Compare | null>> = {
  '': null,
  cid: null,
  start: null,
  subs: largestFirst(subscriptionTotal),
  pending: largestFirst(pendingBytes),
  msgs_to: largestFirst(({ connection }) => connection.outMsgs),
  msgs_from: largestFirst(({ connection }) => connection.inMsgs),
  bytes_to: largestFirst(({ connection }) => connection.outBytes),
  bytes_from: largestFirst(({ connection }) => connection.inBytes),
  last: largestFirst(({ connection }) => connection.lastActivity),
  idle: largestFirst(({ connection }) => -connection.lastActivity),
  // Alone among the amounts the shortest time comes first.
  uptime: largestFirst(({ connection }) =>
    connection.closed ? connection.start - connection.stop : connection.start - connection.broker.clock.now(),
  ),
  stop: largestFirst(({ connection }) => connection.stop),
  reason: (a, b) => compareText(a.closed?.reason ?? '', b.closed?.reason ?? ''),
  rtt: largestFirst(({ connection }) => connection.liveness.rtt),
};

/** The connections of one page, and the numbers around them. */
export interface ConnzPage {
  /** Null where the account is not known. */
  connections: ConnectionRef[] | null;
  /** Connections before paging and filtering by user. */
  total: number;
  offset: number;
  limit: number;
  /** Milliseconds since 1970. */
  now: number;
}

export function readConnzOptions(query: Query): ConnzOptions {
  return {
    sort: query.text('sort'),
    auth: query.bool('auth'),
    ...query.subscriptions(),
    offset: query.int('offset'),
    limit: query.int('limit'),
    cid: query.uint64('cid'),
    state: readState(query.text('state')),
    mqttClient: query.text('mqtt_client'),
    user: query.text('user'),
    account: query.text('acc'),
    filterSubject: '',
  };
}

function readState(text: string): ConnectionState {
  switch (text.toLowerCase()) {
    case '':
    case 'open':
      return 'open';
    case 'closed':
      return 'closed';
    case 'any':
    case 'all':
      return 'all';
    default:
      throw new RequestError(`Error decoding state for ${text}`);
  }
}

/** Chooses the connections. Throws `RequestError`. */
export function connzPage(view: MonitorView, options: ConnzOptions): ConnzPage {
  const sort = sortOf(options);
  const filter = options.filterSubject === '>' ? '' : fromUtf8(options.filterSubject);
  if (filter !== '' && options.account === '') {
    throw new RequestError('filter by subject only valid with account filtering');
  }
  const { broker } = view.server;
  const offset = Math.max(options.offset, 0);
  const limit = options.cid > 0 ? 1 : options.limit > 0 ? options.limit : DEFAULT_LIMIT;
  const page = { offset, limit, now: broker.clock.now() };
  const account = options.account === '' ? null : broker.accounts.get(options.account);
  if (account === undefined) return { ...page, connections: null, total: 0 };

  let open: ConnectionRef[] = [];
  let closed: ConnectionRef[] = [];
  if (options.state === 'open' || options.state === 'all') {
    const all = account === null ? broker.connections.values() : account.connections;
    for (const connection of all) open.push({ connection, closed: null });
  }
  if (options.state === 'closed' || options.state === 'all') {
    for (const each of broker.closedConnections.list()) {
      if (account === null || closedAccount(each.connection.account.name) === options.account) {
        closed.push({ connection: each.connection, closed: each });
      }
    }
  }
  const total = open.length + closed.length;
  const wanted = (ref: ConnectionRef) => isWanted(ref, options);
  open = open.filter(wanted);
  if (options.cid > 0 && open.length > 0) closed = [];
  if (filter !== '') {
    open = open.filter(({ connection }) =>
      [...connection.subs.values()].some((sub) => patternsOverlap(filter, sub.subject)),
    );
  }
  const found = [...open, ...closed.filter(wanted)];
  found.sort((a, b) => a.connection.cid - b.connection.cid);
  if (sort !== null) found.sort(sort);
  return { ...page, total, connections: found.slice(offset, offset + limit) };
}

/** Closed connections of the global account are found under no account's name, as in the official server. */
function closedAccount(name: string): string {
  return name === GLOBAL_ACCOUNT ? '' : name;
}

function isWanted({ connection }: ConnectionRef, { cid, user, mqttClient }: ConnzOptions): boolean {
  // No connection is an MQTT session.
  if (mqttClient !== '') return false;
  return (cid === 0 || connection.cid === cid) && (user === '' || userOf(connection) === user);
}

function sortOf({ sort, state }: ConnzOptions): Compare | null {
  if (!Object.hasOwn(connzSorts, sort)) throw new RequestError(`invalid sorting option: ${sort}`);
  if ((sort === 'stop' || sort === 'reason') && state !== 'closed') {
    throw new RequestError(`sort by ${sort} only valid on closed connections`);
  }
  return connzSorts[sort]!;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function pageHead(view: MonitorView, { connections, total, offset, limit, now }: ConnzPage) {
  return {
    server_id: connections === null ? '' : view.server.broker.identity.id,
    now: utcTime(now),
    num_connections: connections?.length ?? 0,
    total,
    offset,
    limit,
  };
}

/** The text of the page in pieces, each made when it is asked for. Throws `RequestError` before the first. */
export function connzPieces(
  view: MonitorView,
  options: ConnzOptions,
  indent: 0 | 2 = 2,
): string | Iterable<string> {
  const page = connzPage(view, options);
  const { connections } = page;
  const head = pageHead(view, page);
  if (connections === null || connections.length === 0) return goJson({ ...head, connections }, indent);
  return jsonWithList(
    head,
    'connections',
    connections,
    (ref) => connectionInfo(ref, options, page.now),
    indent,
  );
}

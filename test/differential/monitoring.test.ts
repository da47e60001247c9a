// The monitoring endpoints: the same client activity on both servers, and then every path with every parameter. Whole
// answers are compared - status, headers, order and kinds of keys - with what is volatile masked.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { WireClient } from '../support/wire-client.js';
import { type MaskOptions, mask } from './masks.js';
import { type Pair, type Side, startPair, stopPair } from './pair.js';
import { connect, pub } from './transcript.js';

interface Request {
  readonly path: string;
  readonly method?: string;
  readonly also?: readonly string[];
  readonly unordered?: readonly string[];
  /** Compares only what this makes of the parsed body. */
  readonly pick?: (json: Record<string, unknown>) => unknown;
}

interface Site {
  readonly title: string;
  readonly conf: string;
  readonly basePath?: string;
  /** What the clients say, one string each, in order. Those that say something wrong end up in the closed list. */
  readonly clients: readonly string[];
  readonly requests: readonly (string | Request)[];
}

const KEPT_HEADERS = [
  'content-type',
  'access-control-allow-origin',
  'x-content-type-options',
  'location',
  'allow',
  'content-encoding',
];

/**
 * Where a client's text is cut, to be dealt with before the rest is sent: messages in the very read that ends in an
 * error may or may not be counted.
 */
const THEN = '|then|';

/** Different numbers of everything, so that no sorting has ties. */
function clients(credentials: (n: number) => Record<string, unknown> = () => ({})): string[] {
  const say = (n: number, name: string, more = {}) =>
    connect({ name, lang: 'ts', version: `1.${n}`, protocol: 1, ...credentials(n), ...more });
  return [
    `${say(0, 'alpha <&>', { headers: true })}SUB foo 1\r\nSUB bar.* workers 2\r\nUNSUB 2 10\r\nSUB bar.x 3\r\n`,
    `${say(1, 'beta')}SUB foo 1\r\n${pub('foo', 'hello').repeat(3)}${pub('bar.x', 'hi')}`,
    `${say(2, 'gamma')}SUB gamma.> 1\r\nSUB other 2\r\n${pub('foo', 'x')}${pub('nobody', 'fours').repeat(4)}`,
    `${say(3, 'delta')}nonsense\r\n`,
    `${say(4, 'epsilon')}SUB gone 1\r\nSUB gone2 2\r\n${pub('foo', 'bye')}${pub('gone', '12345')}${THEN}-ERR 'x'\r\n`,
    `${connect({ name: 'zeta', protocol: 7, ...credentials(5) })}`,
  ];
}

const tied = (path: string): Request => ({ path, unordered: ['connections'] });
const SORTS = [
  'cid',
  'start',
  'subs',
  'msgs_to',
  'msgs_from',
  'bytes_to',
  'bytes_from',
  'last',
  'idle',
  'uptime',
];
const BOOLEANS = ['1', '0', 't', 'f', 'T', 'F', 'true', 'false', 'TRUE', 'False', 'yes', 'tRuE', '2', ''];

const connz: (string | Request)[] = [
  '/connz',
  ...SORTS.map((sort) => `/connz?sort=${sort}`),
  ...SORTS.map((sort) =>
    // How long a connection lived that was closed at once is chance.
    ['last', 'idle', 'uptime'].includes(sort)
      ? tied(`/connz?state=closed&sort=${sort}`)
      : `/connz?state=closed&sort=${sort}`,
  ),
  ...['pending', 'rtt'].map((sort) => tied(`/connz?sort=${sort}`)),
  ...['stop', 'reason', 'bad', 'CID', ''].flatMap((sort) => [
    `/connz?sort=${sort}`,
    `/connz?state=closed&sort=${sort}`,
    `/connz?state=any&sort=${sort}`,
  ]),
  ...['open', 'closed', 'any', 'all', 'OPEN', 'Closed', 'o', 'c', 'a', '0', '1', '2', '3', 'x', ''].map(
    (state) => `/connz?state=${state}`,
  ),
  ...BOOLEANS.map((value) => `/connz?auth=${value}`),
  ...[...BOOLEANS, 'detail', 'DETAIL', 'details'].map((value) => ({
    path: `/connz?subs=${value}`,
    unordered: ['subscriptions_list', 'subscriptions_list_detail'],
  })),
  { path: '/connz?subs=1&auth=1&state=any', unordered: ['subscriptions_list'] },
  { path: '/connz?subs=detail&state=closed', unordered: ['subscriptions_list_detail'] },
  ...[
    '1',
    '2',
    '0',
    '-1',
    '100',
    '99999999999',
    '99999999999999999999',
    'x',
    '1.5',
    '',
    ' 1',
    '+1',
    '01',
  ].flatMap((value) => [
    `/connz?limit=${encodeURIComponent(value)}`,
    `/connz?offset=${encodeURIComponent(value)}`,
  ]),
  '/connz?limit=1&offset=1',
  '/connz?limit=2&offset=2&sort=msgs_to',
  '/connz?limit=1&state=any',
  '/connz?limit=1&limit=2',
  '/connz?cid=FIRST',
  '/connz?cid=FIRST&subs=0&auth=1',
  '/connz?cid=CLOSED&state=closed',
  '/connz?cid=CLOSED&state=open',
  '/connz?cid=CLOSED&state=any',
  ...['999999', '0', '-1', 'x', '', '99999999999999999999'].map((cid) => `/connz?cid=${cid}`),
  '/connz?user=alice',
  '/connz?user=nobody&auth=1',
  '/connz?acc=$G',
  '/connz?acc=$SYS',
  '/connz?acc=nowhere',
  '/connz?acc=',
  '/connz?mqtt_client=x',
  '/connz?filter_subject=foo',
  '/connz?filter_subject=foo&acc=$G',
  '/connz?callback=jsonp',
  '/connz?unknown=1',
  { path: '/connz?subs=%31&limit=%32', unordered: ['subscriptions_list'] },
  '/connz?SORT=bad',
];

const subsList = (path: string): Request => ({
  path,
  unordered: ['subscriptions_list'],
  also: ['subscriptions'],
});
/**
 * Only the subscriptions of clients: those that a server makes for itself, by which the official one serves the system
 * account's requests, are its own business.
 */
const clientSubs = (path: string): Request => ({
  path,
  pick: (json) => ({
    ...json,
    total: typeof json.total,
    num_subscriptions: typeof json.num_subscriptions,
    subscriptions_list: ((json.subscriptions_list as { account: string; subject: string }[]) ?? [])
      .filter(({ account, subject }) => account !== '$SYS' && !subject.startsWith('$SYS.'))
      .map((entry) => JSON.stringify(entry))
      .sort(),
  }),
});

/** Without what the official server exports from its system account and imports into every other. */
const accountDetail = (name: string): Request => ({
  path: `/accountz?acc=${name}`,
  pick: (json) => {
    const {
      imports: _imports,
      exports: _exports,
      sublist_stats: stats,
      ...detail
    } = json.account_detail as Record<string, unknown>;
    return {
      ...json,
      account_detail: { ...detail, subscriptions: 0, sublist_stats: Object.keys(stats as object) },
    };
  },
});

const elsewhere: (string | Request)[] = [
  { path: '/varz', also: ['subscriptions'] },
  { path: '/varz?callback=x&foo=bar', also: ['subscriptions'] },
  '/subsz',
  '/subscriptionsz',
  ...BOOLEANS.filter((value) => /^(0|f|F|yes|2|tRuE|)$/.test(value)).map((value) => `/subsz?subs=${value}`),
  ...['1', 't', 'true', 'TRUE'].map((value) => clientSubs(`/subsz?acc=$G&subs=${value}`)),
  clientSubs('/subsz?subs=1&limit=10000'),
  subsList('/subsz?subs=1&acc=$G&test=foo'),
  subsList('/subsz?subs=1&acc=$G&test=bar.x'),
  subsList('/subsz?subs=1&acc=$G&test=nothing'),
  '/subsz?test=a..b',
  '/subsz?subs=1&test=foo.*',
  '/subsz?acc=nowhere&subs=1',
  '/subsz?limit=x',
  '/subsz?offset=x',
  ...['&limit=2', '&offset=1', '&offset=1000', '&limit=-1&offset=1000'].map((page) => ({
    path: `/subsz?subs=1&acc=$G&test=foo${page}`,
    pick: (json: Record<string, unknown>) => [
      json.total,
      json.offset,
      json.limit,
      (json.subscriptions_list as [] | undefined)?.length,
    ],
  })),
  ...['', '?subs=1', '?subs=detail', '?subs=x'].map((query) => `/routez${query}`),
  ...['', '?accs=1', '?accs=x', '?gw_name=A', '?acc_name=A', '?subs=1', '?subs=detail', '?subs=x'].map(
    (query) => `/gatewayz${query}`,
  ),
  ...['', '?subs=1', '?subs=x', '?acc=$G', '?acc=nowhere'].map((query) => `/leafz${query}`),
  { path: '/accountz', unordered: ['accounts'] },
  accountDetail('$G'),
  accountDetail('$SYS'),
  '/accountz?acc=nowhere',
  { path: '/accountz?acc=', unordered: ['accounts'] },
  ...['', '?unused=0', '?unused=x'].map((query) => ({
    path: `/accstatz${query}`,
    unordered: ['account_statz'],
  })),
  { path: '/accstatz?unused=1', unordered: ['account_statz'] },
  ...[
    '',
    '?accounts=1',
    '?streams=1',
    '?consumers=1',
    '?config=1',
    '?raft=1',
    '?acc=$G',
    '?acc=nowhere',
    '?leader-only=1',
    '?stream-leader-only=1',
    '?direct-consumers=1',
  ].map((query) => `/jsz${query}`),
  ...[
    'accounts',
    'streams',
    'consumers',
    'config',
    'raft',
    'leader-only',
    'limit',
    'offset',
    'direct-consumers',
    'stream-leader-only',
  ].map((name) => `/jsz?${name}=x`),
  ...[
    '',
    '?js-enabled=1',
    '?js-enabled-only=1',
    '?js-server-only=1',
    '?js-meta-only=1',
    '?details=1',
    '?js-enabled=x',
    '?js-enabled-only=x',
    '?js-server-only=x',
    '?js-meta-only=x',
    '?details=x',
    '?account=$G',
    '?account=nowhere',
    '?stream=S',
    '?consumer=C',
    '?account=$G&stream=S',
    '?account=$G&consumer=C',
    '?account=$G&stream=S&consumer=C',
    '?js-enabled-only=1&details=1',
    '?stream=S&details=1',
  ].map((query) => `/healthz${query}`),
  ...['', '?queues=nothing', '?all=x'].map((query) => `/ipqueuesz${query}`),
  {
    path: '/ipqueuesz?all=1',
    pick: (json) =>
      Object.values(json).every((value) => typeof (value as { pending: unknown }).pending === 'number'),
  },
  ...['', '?acc=$G', '?group=x'].map((query) => `/raftz${query}`),
  { path: '/stacksz', pick: () => 'text' },
  { path: '/debug/vars', pick: (json) => [Object.keys(json).sort(), Array.isArray(json.cmdline)] },
  // The page is our own.
  { path: '/', pick: () => 'page' },
  ...[
    '/nope',
    '/varz/',
    '/Varz',
    '/VARZ',
    '/varz/x',
    '/connz/',
    '/favicon.ico',
    '/index.html',
    '//',
    '/./varz',
    '/debug',
    '/debug/pprof/',
    '/metricsz',
  ],
  ...['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH'].map((method) => ({ path: '/routez', method })),
  ...['POST', 'HEAD'].map((method) => ({ path: '/nope', method })),
  { path: '/varz', also: ['subscriptions'], pick: (json) => json.http_req_stats },
];

const accounts = `
  system_account: SYS
  no_auth_user: guest
  accounts {
    SYS { users [{user: admin, password: x}] }
    A { users [{user: alice, password: x}, {user: guest, password: x}] }
    B {
      users [{user: bob, password: x}]
      mappings {
        plain: "other"
        "w.*": { dest: "{{partition(3,1)}}.$1", weight: 30 }
        parts: [{ dest: b, weight: 60 }, { dest: a, weight: 20 }, { dest: "c.<&>", weight: 100, cluster: east }]
        lossy: [{ dest: lossy, weight: 10% }]
      }
    }
    EMPTY { }
  }`;
const who = ['alice', 'bob', 'guest', 'alice', 'bob', 'admin'];

const sites: Site[] = [
  { title: 'connz', conf: '', clients: clients(), requests: connz },
  { title: 'other endpoints', conf: 'server_name: mon', clients: clients(), requests: elsewhere },
  {
    title: 'a server with nobody',
    conf: 'max_payload: 1000, ping_interval: "1m", ping_max: 5, max_connections: 7, write_deadline: "3s", max_pending: 10MB, max_control_line: 2048, server_tags: ["a:b", "c"], server_metadata: {k: v}',
    clients: [],
    requests: [
      '/connz',
      '/varz',
      { path: '/varz', pick: (json: object) => Object.keys(json) },
      '/connz?state=any',
      '/accstatz',
      { path: '/accstatz?unused=1', unordered: ['account_statz'] },
      '/healthz',
    ].map((request) => (request === '/varz' ? { path: '/varz', also: ['subscriptions'] } : request)),
  },
  {
    title: 'accounts',
    conf: accounts,
    clients: clients((n) => ({ user: who[n], pass: 'x' })),
    requests: [
      '/connz?auth=1&state=any',
      '/connz?auth=1&user=alice',
      '/connz?auth=1&user=bob&state=any',
      '/connz?auth=1&user=nobody',
      '/connz?user=alice',
      ...['A', 'B', 'EMPTY', 'SYS', '$G'].flatMap((acc) => [
        `/connz?acc=${acc}`,
        `/connz?acc=${acc}&auth=1&state=closed`,
      ]),
      { path: '/connz?subs=detail&auth=1', unordered: ['subscriptions_list_detail'] },
      { path: '/varz', also: ['subscriptions'] },
      { path: '/accountz', unordered: ['accounts'] },
      ...['A', 'B', 'EMPTY', 'SYS', '$G'].map(accountDetail),
      ...['A', 'B', 'EMPTY'].map((acc) => clientSubs(`/subsz?subs=1&acc=${acc}`)),
      subsList('/subsz?subs=1&acc=A&test=foo'),
      '/leafz?acc=A',
      '/healthz?account=A',
      '/jsz?acc=A',
    ],
  },
  {
    title: 'a base path',
    conf: 'http_base_path: "/nats"',
    basePath: '/nats',
    clients: clients(),
    requests: [
      { path: '', pick: () => 'page' },
      { path: '/', pick: () => 'page' },
      '/connz',
      '/healthz',
      '/nope',
      '/nats/varz',
      { path: '/varz', also: ['subscriptions'] },
    ],
  },
];

for (const site of sites) declare(site);

function declare(site: Site): void {
  const title = `monitoring: ${site.title}`;
  if (!officialBinary()) {
    test(title, { skip: WITHOUT_OFFICIAL });
    return;
  }
  describe(title, () => {
    let pair: Pair;
    let firsts: { official: Ids; weft: Ids };
    let same = 0;
    const open: WireClient[] = [];
    before(async () => {
      pair = await startPair({ conf: site.conf, basePath: site.basePath });
      firsts = {
        official: await act(pair.official, site.clients, open),
        weft: await act(pair.weft, site.clients, open),
      };
    });
    after(async () => {
      for (const client of open) client.destroy();
      await stopPair(pair);
      console.log(`monitoring, ${site.title}: ${same} of ${site.requests.length} answers identical`);
    });
    site.requests.forEach((item, index) => {
      const request = typeof item === 'string' ? { path: item } : item;
      test(`${index + 1} ${request.method ?? 'GET'} ${request.path}`, async () => {
        const [expected, actual] = await Promise.all([
          ask(pair.official, request, firsts.official),
          ask(pair.weft, request, firsts.weft),
        ]);
        if (process.env.DIFFERENTIAL_SHOW)
          console.log(`=== ${request.path}\n${JSON.stringify(expected, null, 1)}`);
        assert.deepEqual(actual, expected);
        same++;
      });
    });
  });
}

interface Ids {
  readonly first: number;
  readonly closed: number;
  readonly server: string;
}

/** Lets the clients speak one after the other. */
async function act(side: Side, texts: readonly string[], open: WireClient[]): Promise<Ids> {
  assert.ok(side.monitor, 'no monitoring port');
  const ids: number[] = [];
  let closed = 0;
  for (const text of texts) {
    const client = await WireClient.connect(side.port);
    ids.push(Number(client.info.client_id));
    let alive = true;
    for (const part of text.split(THEN)) alive = await client.sync(part);
    if (!alive) closed++;
    else open.push(client);
  }
  // A last word of each, in another order than they came, so that sorting by activity has something to do.
  for (const client of [...open.slice(-2), ...open.slice(0, -2)]) {
    if (client.port === side.port) await client.sync('SUB last last\r\n');
  }
  for (let attempt = 0; closed > 0 && attempt < 100; attempt++) {
    const { connections } = await side.monitor.json<{ connections: unknown[] }>('/connz?state=closed');
    if (connections.length >= closed) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { server_id } = await side.monitor.json<{ server_id: string }>('/routez');
  return { first: ids[0] ?? 0, closed: ids[3] ?? 0, server: server_id };
}

async function ask(side: Side, request: Request, ids: Ids): Promise<unknown> {
  const path = request.path.replace('FIRST', String(ids.first)).replace('CLOSED', String(ids.closed));
  const answer = await side.monitor!.get(path, request.method);
  const headers = Object.fromEntries(KEPT_HEADERS.map((name) => [name, answer.headers[name]]));
  const options: MaskOptions = { firstId: ids.first, serverId: ids.server, ...request };
  const frame = { status: answer.status, ...headers };
  let json: unknown;
  try {
    json = JSON.parse(answer.body);
  } catch {
    const text = request.pick
      ? request.pick({})
      : answer.body.replaceAll(ids.server || '\0', '<server id>').split('\n');
    return { ...frame, text };
  }
  const style = {
    indented: /^\{\n {2}"/.test(answer.body),
    newline: answer.body.endsWith('\n'),
    escaped: answer.body.includes('\\u003c'),
  };
  const masked = mask(json, options) as Record<string, unknown>;
  // As text, because the order of keys is part of the answer.
  return {
    ...frame,
    ...style,
    body: JSON.stringify(request.pick ? request.pick(masked) : masked, null, 2).split('\n'),
  };
}

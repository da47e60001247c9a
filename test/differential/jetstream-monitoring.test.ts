// What monitoring says of JetStream beside the official server: `/jsz` and `/healthz` with every option, the same by requests to the
// system account, and the parts that other endpoints have.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { mask } from './masks.js';
import { type Pair, type Side, startPair, stopPair } from './pair.js';

const conf = `
server_name: srv
jetstream { store_dir: "$DIR/js", sync_interval: "2m", max_mem: 64MB, max_file: 256MB, domain: hub }
accounts {
  A { users: [{user: a, password: a}], jetstream: enabled }
  B { users: [{user: b, password: b}], jetstream: {max_mem: 1MB, max_file: 2MB, max_streams: 3, max_consumers: 9} }
  C { users: [{user: c, password: c}], jetstream: enabled }
  N { users: [{user: n, password: n}] }
  SYS { users: [{user: sys, password: sys}] }
}
system_account: SYS
`;

const memory = { storage: 'memory' };
const requests: [user: string, subject: string, body: unknown][] = [
  ...['S1', 'S2', 'S3'].map((name): [string, string, unknown] => [
    'a',
    `$JS.API.STREAM.CREATE.${name}`,
    {
      name,
      subjects: [`${name}.>`],
      ...(name === 'S3' ? memory : {}),
      max_bytes: 100_000,
      allow_direct: true,
    },
  ]),
  ['a', '$JS.API.STREAM.CREATE.M', { name: 'M', mirror: { name: 'S1' }, ...memory }],
  ['a', '$JS.API.STREAM.CREATE.G', { name: 'G', sources: [{ name: 'S2' }, { name: 'NONE' }], ...memory }],
  ['b', '$JS.API.STREAM.CREATE.S1', { name: 'S1', max_msgs: 1 }],
  ...['one', 'two', 'three'].map((name): [string, string, unknown] => [
    'a',
    `$JS.API.CONSUMER.CREATE.S1.${name}`,
    { stream_name: 'S1', config: { name, durable_name: name, ack_policy: 'explicit' } },
  ]),
  [
    'b',
    '$JS.API.CONSUMER.CREATE.S1.p',
    { stream_name: 'S1', config: { durable_name: 'p', deliver_subject: 'd' } },
  ],
  ...['S1.a', 'S1.b', 'S2.a'].map((subject): [string, string, unknown] => ['a', subject, 'hello']),
  ['b', 'S1', 'x'],
  ['b', 'S1', 'x'],
  ['a', '$JS.API.STREAM.MSG.DELETE.S1', { seq: 1 }],
  ['a', '$JS.API.STREAM.INFO.NONE', ''],
];

const flags = [
  ...[
    '',
    'accounts=1',
    'streams=1',
    'consumers=1',
    'config=1',
    'leader-only=1',
    'raft=1',
    'direct-consumers=1',
  ],
  ...['stream-leader-only=1', 'streams=1&config=1', 'streams=1&raft=1', 'consumers=1&config=1'],
  'consumers=1&config=1&raft=1&stream-leader-only=1',
  ...['consumers=1&direct-consumers=1', 'direct-consumers=1&config=1', 'streams=1&limit=2&offset=1'],
  ...[
    'limit=1',
    'limit=1&offset=1',
    'offset=2',
    'offset=99',
    'offset=-1',
    'limit=-1',
    'limit=0&offset=3',
  ].map((page) => `accounts=1&${page}`),
];
const queries = [
  ...flags,
  ...['A', 'B', 'C', 'N', 'SYS', 'NOPE', ''].flatMap((account) =>
    ['', '&streams=1', '&consumers=1&config=1', '&accounts=1&offset=1'].map(
      (rest) => `acc=${account}${rest}`,
    ),
  ),
].map((query) => `/jsz?${query}`);

const health = [
  ...['', 'js-enabled=1', 'js-enabled-only=1', 'js-server-only=1', 'js-meta-only=1'].flatMap((first) =>
    [
      '',
      'account=A',
      'account=N',
      'account=NOPE',
      'stream=S1',
      'account=A&stream=S1',
      'account=A&stream=NOPE',
      'account=N&stream=S1',
      'account=A&stream=S1&consumer=one',
      'account=A&stream=S1&consumer=NOPE',
      'account=A&consumer=one',
      'consumer=one',
      'account=B&stream=S1&consumer=one',
    ].flatMap((rest) => ['', 'details=1'].map((last) => [first, rest, last].filter(Boolean).join('&'))),
  ),
].map((query) => `/healthz?${query}`);

const bodies = [
  '',
  '{}',
  'x',
  '{"account":"A"}',
  '{"account":"A","streams":true}',
  '{"account":"A","consumer":true,"config":true}',
  '{"account":"NOPE"}',
  '{"accounts":true,"limit":1,"offset":1}',
  '{"accounts":true}',
  '{"streams":true}',
  '{"direct_consumer":true,"account":"A","consumer":true}',
  '{"raft":true,"account":"A","consumer":true}',
  '{"leader_only":true}',
  '{"stream_leader_only":true,"account":"B","streams":true}',
  '{"limit":"x"}',
  '{"bogus":1}',
];
const healthBodies = [
  '',
  '{"js-enabled-only":true}',
  '{"js-server-only":true,"details":true}',
  '{"account":"A","stream":"S1"}',
  '{"account":"A","stream":"S1","consumer":"NOPE"}',
  '{"account":"NOPE","stream":"S1"}',
  '{"stream":"S1"}',
  '{"account":"A","consumer":"x","details":true}',
];
const questions: [subject: string, body: string][] = [
  ...bodies.flatMap((body): [string, string][] => [
    ['$SYS.REQ.SERVER.<id>.JSZ', body],
    ['$SYS.REQ.SERVER.PING.JSZ', body],
    ['$SYS.REQ.ACCOUNT.A.JSZ', body],
    ['$SYS.REQ.ACCOUNT.B.JSZ', body],
    ['$SYS.REQ.ACCOUNT.N.JSZ', body],
  ]),
  ...healthBodies.map((body): [string, string] => ['$SYS.REQ.SERVER.<id>.HEALTHZ', body]),
  ['$SYS.REQ.SERVER.<id>.STATSZ', ''],
  ['$SYS.REQ.SERVER.<id>.VARZ', ''],
  ['$SYS.REQ.SERVER.<id>.ACCOUNTZ', '{"account":"A"}'],
  ['$SYS.REQ.ACCOUNT.A.INFO', ''],
  ['$SYS.REQ.ACCOUNT.PING.STATZ', '{"accounts":["A","B"]}'],
];

const ALSO = [
  ...[
    'created',
    'first_ts',
    'last_ts',
    'ts',
    'active',
    'seq',
    'time',
    'id',
    'timestamp',
    'store_dir',
    'leader_since',
  ],
  ...['in_bytes', 'out_bytes', 'in_msgs', 'out_msgs', 'in_client_msgs', 'out_client_msgs', 'cid', 'sid'],
  ...['in_client_bytes', 'out_client_bytes', 'subscriptions', 'last_active', 'raft_group', 'total', 'errors'],
  ...['received', 'sent', '_nats.ver', 'slow_consumer_stats', 'bytes', 'msgs', 'pending', 'leaf_subs'],
];
const UNORDERED = [
  'account_details',
  'accounts',
  'sources',
  'imports',
  'exports',
  'account_statz',
  'streams',
  'stream_detail',
  'consumer_detail',
];

function show(text: string, serverId: string): string {
  let value: unknown;
  try {
    // Consumers of copies have names by chance.
    value = JSON.parse(text.replace(/"(JS_(MIRROR|SRC)_\w+)-\w+"/g, '"$1"'));
  } catch {
    return text;
  }
  return JSON.stringify(mask(value, { firstId: 0, serverId, also: ALSO, unordered: UNORDERED }), null, 1);
}

describe('monitoring of JetStream', { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
  let pair: Pair;
  const system = new Map<Side, NatsConnection>();
  before(async () => {
    pair = await startPair({ conf });
    for (const side of [pair.official, pair.weft]) {
      const users = new Map<string, NatsConnection>();
      for (const user of ['a', 'b', 'sys'])
        users.set(user, await connect({ port: side.port, user, pass: user }));
      for (const [user, subject, body] of requests) {
        const text = typeof body === 'string' ? body : JSON.stringify(body);
        await users.get(user)!.request(subject, text, { timeout: 5000 });
      }
      await users.get('a')!.close();
      await users.get('b')!.close();
      system.set(side, users.get('sys')!);
    }
    await delay(1000);
  });
  after(async () => {
    for (const nc of system.values()) await nc.close();
    await stopPair(pair);
  });

  async function both(ask: (side: Side) => Promise<string>): Promise<void> {
    const [official, weft] = await Promise.all([ask(pair.official), ask(pair.weft)]);
    if (process.env.DIFFERENTIAL_SHOW) console.log(official);
    assert.deepEqual(weft!.split('\n'), official!.split('\n'));
  }

  for (const path of [...queries, ...health, '/varz', '/accountz?acc=A', '/accountz?acc=N', '/accstatz']) {
    test(path, () =>
      both(async ({ monitor, process }) => {
        const { status, body } = await monitor!.get(path);
        const { server_id: id } = await monitor!.json<{ server_id: string }>('/routez');
        return `${status}\n${show(body.replaceAll(process.folder, '$DIR'), id)}`;
      }),
    );
  }

  for (const [subject, body] of questions) {
    test(`${subject} ${body}`, () =>
      both(async (side) => {
        const nc = system.get(side)!;
        const id = nc.info!.server_id;
        const answer = await nc.request(subject.replace('<id>', id), body, { timeout: 1500 }).then(
          (message) => message.string(),
          (error: Error) => `error ${error.message.replace(id, '<id>')}`,
        );
        return show(answer.replaceAll(side.process.folder, '$DIR'), id);
      }));
  }
});

describe('what is shown of `sync_interval`', { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
  for (const interval of ['always', '"1m"', '30']) {
    test(interval, async () => {
      const pair = await startPair({
        conf: `jetstream { store_dir: "$DIR/js", sync_interval: ${interval} }`,
      });
      try {
        const shown = await Promise.all(
          [pair.official, pair.weft].map(async ({ monitor }) => {
            const { config } = await monitor!.json<{ config: Record<string, unknown> }>('/jsz');
            const { jetstream } = await monitor!.json<{ jetstream: typeof config }>('/varz');
            return [config, jetstream.config as typeof config].map((each) => [
              each.sync_interval,
              each.sync_always,
            ]);
          }),
        );
        assert.deepEqual(shown[1], shown[0]);
      } finally {
        await stopPair(pair);
      }
    });
  }
});

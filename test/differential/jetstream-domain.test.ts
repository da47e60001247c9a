// A server with a domain beside the official one: requests, keys and acks by the domain, from accounts with JetStream and without.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { api, jetStreamScripts, publish, type Step } from './jetstream-script.js';
import { type Pair, startPair, stopPair } from './pair.js';

const conf = `
server_name: srv
jetstream { store_dir: "$DIR/js", max_mem: 64MB, max_file: 64MB, domain: hub }
accounts {
  A { users: [{user: a, password: a}], jetstream: enabled }
  M { users: [{user: m, password: m}], jetstream: enabled, mappings: { "$JS.hub.API.INFO": "elsewhere", other: "one" } }
  N { users: [{user: n, password: n}] }
  S { users: [{user: s, password: s}] }
}
system_account: S
`;

const byDomain = (subject: string, body: unknown = '', more: Partial<Step> = {}): Step => ({
  subject: `$JS.hub.API.${subject}`,
  body,
  ...more,
});

const requests = [
  'INFO',
  'STREAM.NAMES',
  'STREAM.INFO.NONE',
  'CONSUMER.NAMES.NONE',
  'CONSUMER.MSG.NEXT.NONE.c',
  'DIRECT.GET.NONE',
  'META.LEADER.STEPDOWN',
  'SERVER.REMOVE',
  'ACCOUNT.PURGE.X',
  'NOPE',
  '$KV.none.a',
  '$OBJ.none.a',
];

jetStreamScripts('a domain', { conf, users: { a: 'a', m: 'm', n: 'n', s: 's' } }, [
  {
    name: 'streams, consumers and messages',
    listen: '$JS.EVENT.ADVISORY.API',
    steps: [
      byDomain('STREAM.CREATE.D', { name: 'D', subjects: ['d.>'], storage: 'memory', allow_direct: true }),
      publish('d.1', 'one'),
      publish('d.2', 'two'),
      byDomain('STREAM.INFO.D'),
      byDomain('DIRECT.GET.D', { seq: 1 }),
      byDomain('DIRECT.GET.D.d.2'),
      byDomain('STREAM.MSG.GET.D', { seq: 2 }),
      byDomain('CONSUMER.CREATE.D.c', { stream_name: 'D', config: { name: 'c', ack_policy: 'explicit' } }),
      byDomain('CONSUMER.INFO.D.c'),
      byDomain('CONSUMER.RESET.D.c'),
      byDomain('CONSUMER.MSG.NEXT.D.c', '{"batch":5,"no_wait":true}', { all: true, pause: 20 }),
      byDomain('STREAM.DELETE.D'),
    ],
  },
  {
    name: 'keys of a bucket',
    steps: [
      byDomain('STREAM.CREATE.KV_B', { name: 'KV_B', subjects: ['$KV.B.>'], storage: 'memory' }),
      byDomain('$KV.B.key', 'value'),
      publish('$KV.B.key', 'second'),
      byDomain('STREAM.MSG.GET.KV_B', { last_by_subj: '$KV.B.key' }),
      byDomain('STREAM.MSG.GET.KV_B', { seq: 1 }),
    ],
  },
  {
    name: 'objects',
    steps: [
      byDomain('STREAM.CREATE.O', { name: 'O', subjects: ['$OBJ.>'], storage: 'memory' }),
      byDomain('$OBJ.B.chunk', 'bytes'),
      byDomain('STREAM.MSG.GET.O', { seq: 1 }),
    ],
  },
  ...['a', 'm', 'n', 's'].map((user) => ({
    name: `all requests as ${user}`,
    steps: requests.map((subject) => byDomain(subject, '', { as: user, all: true })),
  })),
  {
    name: 'another domain',
    steps: ['INFO', 'STREAM.NAMES', '$KV.B.key'].map((subject) => ({
      subject: `$JS.other.API.${subject}`,
      all: true,
    })),
  },
]);

jetStreamScripts('what an account without JetStream hears', { conf, users: { n: 'n' } }, [
  {
    name: 'of its requests',
    listen: '$JS.EVENT.>',
    steps: ['INFO', 'STREAM.INFO.X', 'STREAM.LIST', 'NOPE', 'ACCOUNT.STREAM.MOVE.A.S'].map((subject) =>
      api(subject, subject === 'STREAM.LIST' ? '{}' : '', { all: true }),
    ),
  },
]);

const purge = (account: string, more: Partial<Step> = {}): Step =>
  api(`ACCOUNT.PURGE.${account}`, '', { as: 's', ...more });

jetStreamScripts('purges of accounts', { conf, users: { s: 's', a: 'a', m: 'm' } }, [
  {
    name: 'streams go, and nothing else does',
    steps: [
      api('STREAM.CREATE.P1', { name: 'P1', subjects: ['p1'] }, { as: 'a' }),
      api('STREAM.CREATE.P2', { name: 'P2', subjects: ['p2'], storage: 'memory' }, { as: 'a' }),
      api('CONSUMER.CREATE.P1.c', { stream_name: 'P1', config: { durable_name: 'c' } }, { as: 'a' }),
      api('STREAM.CREATE.P1', { name: 'P1', subjects: ['p1'] }, { as: 'm' }),
      purge('A', { as: 'a', all: true }),
      purge('A'),
      api('STREAM.NAMES', '', { as: 'a' }),
      api('STREAM.NAMES', '', { as: 'm' }),
      api('INFO', '', { as: 'a' }),
      api('STREAM.CREATE.P1', { name: 'P1', subjects: ['p1'] }, { as: 'a' }),
      { ...publish('p1', 'again'), as: 'a' },
    ],
  },
  {
    name: 'accounts that are not there, and names that are none',
    steps: [purge('NONE'), purge('a/b'), purge('a\\b'), purge('$G'), purge('A.B', { all: true }), purge('>')],
  },
]);

const byDefault = (own: string) => `
server_name: srv
jetstream { store_dir: "$DIR/js", max_mem: 64MB, max_file: 64MB${own} }
default_js_domain { I: hub, N: other, "$G": "" }
accounts {
  A { users: [{user: a, password: a}], jetstream: enabled, exports: [{service: "$JS.API.>"}, {service: "$JS.hub.API.>"}, {service: "$KV.>"}] }
  I { users: [{user: i, password: i}], imports: [{service: {account: A, subject: "$JS.hub.API.>"}}] }
  N { users: [{user: n, password: n}] }
}
`;

for (const own of [', domain: hub', ''])
  jetStreamScripts(`domains by default${own}`, { conf: byDefault(own), users: { a: 'a', i: 'i', n: 'n' } }, [
    {
      name: 'requests without a domain',
      steps: [
        api('STREAM.CREATE.KV_B', { name: 'KV_B', subjects: ['$KV.B.>'] }, { as: 'a' }),
        ...['i', 'n'].flatMap((user) => [
          ...['INFO', 'STREAM.NAMES', 'NOPE'].map((subject) => api(subject, '', { as: user, all: true })),
          { subject: '$KV.B.key', body: 'value', as: user, all: true },
          { subject: '$JS.hub.API.INFO', as: user, all: true },
        ]),
      ],
    },
  ]);

for (const [title, text] of [
  ['with a domain', conf],
  ['without', conf.replace(', domain: hub', '')],
] as const) {
  describe(`/accountz of a server with JetStream, ${title}`, {
    skip: officialBinary() ? false : WITHOUT_OFFICIAL,
  }, () => {
    let pair: Pair;
    before(async () => {
      pair = await startPair({ conf: text });
    });
    after(() => stopPair(pair));

    for (const account of ['A', 'M', 'N', 'S', '$G']) {
      test(account, async () => {
        const [official, weft] = await Promise.all(
          [pair.official, pair.weft].map(async ({ process }) => {
            const path = `accountz?acc=${encodeURIComponent(account)}`;
            const answer = await fetch(`http://127.0.0.1:${process.httpPort}/${path}`);
            const { account_detail: detail } = (await answer.json()) as {
              account_detail: { imports?: object[]; exports?: object[]; mappings?: object };
            };
            // The official server lists them in any order.
            const imports = detail.imports?.map((each) => JSON.stringify(each)).sort();
            const exports = detail.exports?.map((each) => JSON.stringify(each)).sort();
            return { imports, exports, mappings: detail.mappings };
          }),
        );
        assert.deepEqual(weft, official);
      });
    }
  });
}

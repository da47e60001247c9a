// A server with a domain beside the official one: requests, keys and acks by the domain, from accounts with JetStream and without.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { jetStreamScripts, publish, type Step } from './jetstream-script.js';
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
    listen: '$JS.EVENT.ADVISORY.>',
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
            // The official server lists imports in any order.
            const imports = detail.imports?.map((each) => JSON.stringify(each)).sort();
            return { imports, exports: detail.exports, mappings: detail.mappings };
          }),
        );
        assert.deepEqual(weft, official);
      });
    }
  });
}

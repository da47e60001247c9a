// JetStream of one account used from others, which import its requests, subjects and deliveries under names of their own.
import { api, jetStreamScripts, publish, type Step } from './jetstream-script.js';

const conf = (domain: string) => `
server_name: srv
jetstream { store_dir: "$DIR/js", max_mem: 64MB, max_file: 64MB${domain} }
accounts {
  A {
    users: [{user: a, password: a}], jetstream: enabled
    exports: [
      {service: "$JS.API.>", response: stream}, {service: "$JS.ACK.>"}, {service: "$JS.FC.>"}
      {service: "s.>", response: stream}, {service: "$KV.>"}, {stream: "$JS.EVENT.>"}, {stream: "push.>"}
      {service: "$JS.hub.API.>", response: stream}
    ]
  }
  B {
    users: [{user: b, password: b}]
    imports: [
      {service: {account: A, subject: "$JS.API.>"}, to: "of.a.>"}
      {service: {account: A, subject: "$JS.ACK.>"}}
      {service: {account: A, subject: "s.>"}, to: "store.>"}
      {service: {account: A, subject: "$KV.>"}}
      {stream: {account: A, subject: "$JS.EVENT.>"}, prefix: "events"}
      {stream: {account: A, subject: "push.>"}, to: "pushed.>"}
    ]
    exports: [{service: "of.a.>", response: stream}]
  }
  C {
    users: [{user: c, password: c}], jetstream: enabled
    imports: [
      {service: {account: A, subject: "$JS.API.>"}, to: "JS.A.API.>", share: true}
      {service: {account: A, subject: "$JS.hub.API.>"}, to: "HUB.>"}
      {service: {account: A, subject: "s.>"}}
    ]
  }
  D { users: [{user: d, password: d}], imports: [{service: {account: B, subject: "of.a.>"}, to: "$JS.API.>"}] }
}
`;

const through = (prefix: string, subject: string, body: unknown = '', more: Partial<Step> = {}): Step => ({
  subject: `${prefix}.${subject}`,
  body,
  ...more,
});
const stream = (name: string, more: object = {}): object => ({
  name,
  subjects: [`${name.toLowerCase()}.>`],
  storage: 'memory',
  allow_direct: true,
  ...more,
});

/** The whole of the API by one of the ways that lead to it. */
const walk = (user: string, prefix: string, subject: string): Step[] => {
  const ask = (at: string, body: unknown = '', more: Partial<Step> = {}) =>
    through(prefix, at, body, { as: user, ...more });
  const store = (at: string, body: string, headers: Record<string, string> = {}) => ({
    ...publish(`${subject}.${at}`, body, headers),
    as: user,
  });
  return [
    ask('INFO'),
    ask('STREAM.CREATE.S', stream('S', { allow_atomic: true, allow_batched: true, allow_rollup_hdrs: true })),
    store('a', 'one', { 'Nats-Msg-Id': 'x' }),
    store('a', 'one', { 'Nats-Msg-Id': 'x' }),
    store('b', 'two', { 'Nats-Expected-Last-Sequence': '5' }),
    store('b', 'two', { 'Nats-Expected-Stream': 'S', A: 'b' }),
    store('c', 'b1', { 'Nats-Batch-Id': 'b', 'Nats-Batch-Sequence': '1' }),
    store('c', 'b2', { 'Nats-Batch-Id': 'b', 'Nats-Batch-Sequence': '2', 'Nats-Batch-Commit': '1' }),
    store('c', 'roll', { 'Nats-Rollup': 'sub' }),
    ask('STREAM.NAMES'),
    ask('STREAM.INFO.S', { subjects_filter: '>' }),
    ask('STREAM.MSG.GET.S', { seq: 1 }),
    ask('DIRECT.GET.S', { seq: 1, batch: 9 }, { all: true }),
    ask(`DIRECT.GET.S.s.b`, '', { all: true }),
    ask('DIRECT.GET.S', { multi_last: ['s.>'] }, { all: true }),
    ask('CONSUMER.CREATE.S.c', { stream_name: 'S', config: { durable_name: 'c', ack_policy: 'explicit' } }),
    ask('CONSUMER.CREATE.S.f.s.a', {
      stream_name: 'S',
      config: { name: 'f', ack_policy: 'none', filter_subject: 's.a' },
    }),
    ask('CONSUMER.MSG.NEXT.S.c', { batch: 9, no_wait: true }, { all: true }),
    ask('CONSUMER.MSG.NEXT.S.f', { batch: 1, expires: 300_000_000 }, { all: true }),
    ask(
      'CONSUMER.MSG.NEXT.S.f',
      { batch: 1, expires: 350_000_000, idle_heartbeat: 100_000_000 },
      { all: true },
    ),
    ask('CONSUMER.INFO.S.c'),
    ask('CONSUMER.PAUSE.S.c', { pause_until: '2099-01-01T00:00:00Z' }),
    ask('CONSUMER.RESET.S.c'),
    ask('CONSUMER.LIST.S'),
    ask('STREAM.PURGE.S', { keep: 1 }),
    ask('CONSUMER.DELETE.S.c'),
    ask('STREAM.NOPE.S', '', { all: true }),
    ask('STREAM.DELETE.S'),
    ask('STREAM.INFO.S'),
  ];
};

const ways: [name: string, steps: Step[]][] = [
  ['an import under another name', walk('b', 'of.a', 'store')],
  ['an import by an account with JetStream of its own', walk('c', 'JS.A.API', 's')],
  [
    'two imports, one behind the other',
    walk('d', '$JS.API', 'nowhere').filter(({ subject }) => !subject.startsWith('nowhere')),
  ],
];

for (const domain of ['', ', domain: hub'])
  jetStreamScripts(
    `streams of another account${domain}`,
    { conf: conf(domain), users: { a: 'a', b: 'b', c: 'c', d: 'd' } },
    [
      ...ways.flatMap(([name, steps]) => [{ name, steps, listen: '$JS.EVENT.>', unordered: true }]),
      {
        name: 'its domain, by an import',
        steps: walk('c', 'HUB', 's').slice(0, domain === '' ? 2 : 40),
      },
      {
        name: 'keys of a bucket',
        steps: [
          api('STREAM.CREATE.KV_K', {
            name: 'KV_K',
            subjects: ['$KV.K.>'],
            max_msgs_per_subject: 3,
            allow_rollup_hdrs: true,
            allow_direct: true,
            discard: 'new',
            storage: 'memory',
          }),
          { ...publish('$KV.K.one', '1'), as: 'b' },
          { ...publish('$KV.K.one', '2', { 'Nats-Expected-Last-Subject-Sequence': '1' }), as: 'b' },
          { ...publish('$KV.K.one', '3', { 'Nats-Expected-Last-Subject-Sequence': '1' }), as: 'b' },
          { ...publish('$KV.K.one', '', { 'KV-Operation': 'PURGE', 'Nats-Rollup': 'sub' }), as: 'b' },
          through('of.a', 'DIRECT.GET.KV_K.$KV.K.one', '', { as: 'b', all: true }),
          through('of.a', 'STREAM.MSG.GET.KV_K', { last_by_subj: '$KV.K.one' }, { as: 'b' }),
          api('STREAM.DELETE.KV_K'),
        ],
      },
    ],
  );

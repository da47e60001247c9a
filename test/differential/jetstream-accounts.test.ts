// JetStream of several accounts beside the official server: limits, reservations, accounts without it, domains.
import { api, jetStreamScripts, publish, type ScriptCase, type Step } from './jetstream-script.js';

const conf = `
server_name: srv
jetstream { store_dir: "$DIR/js", max_mem: 1MB, max_file: 2MB, domain: hub }
accounts {
  A { users: [{user: a, password: a}], jetstream: enabled }
  L { users: [{user: l, password: l}], jetstream: {max_mem: 10KB, max_file: 20KB, max_streams: 2, max_consumers: 1, max_bytes_required: true, mem_max_stream_bytes: 5KB, disk_max_stream_bytes: 8KB} }
  N { users: [{user: n, password: n}] }
  S { users: [{user: s, password: s}] }
}
system_account: S
`;

const importing = `
server_name: srv
jetstream { store_dir: "$DIR/js" }
accounts {
  A { users: [{user: a, password: a}], jetstream: enabled, exports: [{service: "$JS.API.>"}] }
  INFO { users: [{user: i, password: i}], imports: [{service: {account: A, subject: "$JS.API.INFO"}}] }
  ALL { users: [{user: l, password: l}], imports: [{service: {account: A, subject: "$JS.API.>"}}] }
  RENAMED { users: [{user: r, password: r}], imports: [{service: {account: A, subject: "$JS.API.INFO"}, to: "info"}] }
}
`;

const as = (user: string, step: Step): Step => ({ ...step, as: user });
const create = (name: string, more: Record<string, unknown> = {}): Step =>
  api(`STREAM.CREATE.${name}`, { name, storage: 'memory', ...more });
const update = (name: string, more: Record<string, unknown> = {}): Step =>
  api(`STREAM.UPDATE.${name}`, { name, storage: 'memory', ...more });

const requests = [
  'INFO',
  'STREAM.NAMES',
  'STREAM.LIST',
  'STREAM.CREATE.X',
  'STREAM.UPDATE.X',
  'STREAM.INFO.X',
  'STREAM.DELETE.X',
  'STREAM.PURGE.X',
  'STREAM.MSG.GET.X',
  'STREAM.MSG.DELETE.X',
  'STREAM.LEADER.STEPDOWN.X',
  'CONSUMER.NAMES.X',
  'CONSUMER.LIST.X',
  'CONSUMER.INFO.X.c',
  'CONSUMER.CREATE.X',
  'NOPE',
  'DIRECT.GET.X',
  'CONSUMER.MSG.NEXT.X.c',
];

const without: ScriptCase = {
  name: 'an account without it, and the system account',
  steps: ['n', 's'].flatMap((user) => requests.map((subject) => as(user, api(subject, '', { all: true })))),
};

const domain: ScriptCase = {
  name: 'requests by the domain',
  steps: [
    create('D', { allow_direct: true }),
    publish('D', 'x'),
    ...['INFO', 'STREAM.NAMES', 'STREAM.INFO.D', 'DIRECT.GET.D', 'DIRECT.GET.D.D', 'STREAM.NOPE'].map(
      (subject) => ({
        subject: `$JS.hub.API.${subject}`,
        body: subject === 'DIRECT.GET.D' ? '{"seq":1}' : '',
        all: true,
      }),
    ),
    ...['INFO', 'STREAM.NAMES'].map((subject) => ({
      subject: `$JS.other.API.${subject}`,
      body: '',
      all: true,
    })),
    { subject: '$JS.hub.API.STREAM.DELETE.D', body: '' },
  ],
};

const limits: ScriptCase = {
  name: 'limits of an account',
  steps: [
    create('A'),
    create('A', { max_bytes: 6000 }),
    create('A', { max_bytes: 4000 }),
    api('INFO'),
    create('B', { max_bytes: 5120 }),
    create('C', { max_bytes: 100 }),
    update('A', { max_bytes: 5000 }),
    update('B', { max_bytes: 1 }),
    update('A', { max_bytes: 5120 }),
    api('INFO'),
    api('STREAM.DELETE.B'),
    create('F', { storage: 'file', max_bytes: 9000 }),
    create('F', { storage: 'file', max_bytes: 8000 }),
    create('G', { max_bytes: 100, max_consumers: 5 }),
    publish('A', 'x'.repeat(3000)),
    publish('A', 'x'.repeat(3000)),
    api('STREAM.INFO.A'),
    publish('F', 'x'.repeat(3000)),
    publish('A', 'x'.repeat(12000)),
    api('INFO'),
    api('STREAM.DELETE.A'),
    api('STREAM.DELETE.F'),
    api('INFO'),
  ].map((step) => as('l', step)),
};

const server: ScriptCase = {
  name: 'limits of the server',
  steps: [
    create('M1', { max_bytes: 600_000 }),
    create('M2', { max_bytes: 600_000 }),
    create('M3', { max_bytes: 2_000_000 }),
    create('M4', { storage: 'file', max_bytes: 3_000_000 }),
    update('M1', { max_bytes: 1_200_000 }),
    update('M1', { max_bytes: 900_000 }),
    api('INFO'),
    api('STREAM.DELETE.M1'),
    create('U'),
    ...[1, 2, 3, 4].map(() => publish('U', 'x'.repeat(400_000))),
    api('STREAM.INFO.U'),
    api('STREAM.DELETE.U'),
    api('INFO'),
  ],
};

const imported: ScriptCase = {
  name: 'accounts that import requests',
  steps: ['i', 'l', 'r'].flatMap((user) =>
    requests.map((subject) => as(user, api(subject, '', { all: true }))),
  ),
};

jetStreamScripts(
  'JetStream of another account',
  { conf: importing, users: { a: 'a', i: 'i', l: 'l', r: 'r' } },
  [imported],
);

jetStreamScripts('JetStream of several accounts', { conf, users: { a: 'a', l: 'l', n: 'n', s: 's' } }, [
  without,
  domain,
  limits,
  server,
]);

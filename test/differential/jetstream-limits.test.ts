// Limits of a server and of its accounts, and requests that are not read strictly, beside the official server.
import { api, jetStreamScripts, publish, type ScriptCase, type Step } from './jetstream-script.js';

const SECOND = 1_000_000_000;
const stream = (name: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  name,
  subjects: [`${name.toLowerCase()}.>`],
  storage: 'memory',
  ...more,
});
const create = (name: string, more: Record<string, unknown> = {}): Step =>
  api(`STREAM.CREATE.${name}`, stream(name, more));
const update = (name: string, more: Record<string, unknown> = {}): Step =>
  api(`STREAM.UPDATE.${name}`, stream(name, more));
const info = (name: string): Step => api(`STREAM.INFO.${name}`);
const remove = (name: string): Step => api(`STREAM.DELETE.${name}`);
const consumer = (of: string, name: string, config: Record<string, unknown> = {}, more: object = {}): Step =>
  api(`CONSUMER.CREATE.${of}.${name}`, {
    stream_name: of,
    config: { name, durable_name: name, ack_policy: 'explicit', ...config },
    ...more,
  });
const next = (of: string, name: string, body: unknown): Step =>
  api(`CONSUMER.MSG.NEXT.${of}.${name}`, body, { all: true });
const fast = (subject: string, id: string, sequence: number, operation: number): Step => ({
  ...publish(subject, 'x'),
  reply: `reply${id}.${id}.2.ok.${sequence}.${operation}.$FI`,
  all: true,
});
const batch = (subject: string, id: string, sequence: number, commit = ''): Step =>
  publish(subject, 'x', {
    'Nats-Batch-Id': id,
    'Nats-Batch-Sequence': `${sequence}`,
    ...(commit === '' ? {} : { 'Nats-Batch-Commit': commit }),
  });

const lax: ScriptCase = {
  name: 'fields that nobody knows, and JSON that is none',
  steps: [
    create('L', { bogus: 1, mirror_bogus: {} }),
    ...[
      '{',
      'x',
      '[]',
      '5',
      'null',
      '{"name":"L","storage":"memory"} x',
      '{"name":5}',
      '{"name":"L","storage":"x"}',
    ].map((body) => api('STREAM.CREATE.L', body)),
    update('L', { bogus: 1, max_msgs: 5, republish: { src: '>', dest: 'x.>', more: 1 } }),
    api('STREAM.NAMES', { bogus: 1 }),
    api('STREAM.LIST', '{"offset":"x"}'),
    api('STREAM.LIST', 'x'),
    api('STREAM.INFO.L', { bogus: 1 }),
    api('STREAM.INFO.L', 'x'),
    publish('l.a', 'x'),
    api('STREAM.MSG.GET.L', { seq: 1, bogus: 1 }),
    api('STREAM.MSG.DELETE.L', { seq: 1, bogus: 1 }),
    api('STREAM.PURGE.L', { bogus: 1 }),
    api('STREAM.PURGE.L', 'x'),
    consumer('L', 'c', { bogus: 1 }),
    consumer('L', 'c', {}, { bogus: 1 }),
    consumer('L', 'c', { deliver_policy: 'x' }),
    api('CONSUMER.NAMES.L', { bogus: 1 }),
    api('CONSUMER.LIST.L', { bogus: 1 }),
    api('CONSUMER.PAUSE.L.c', { bogus: 1 }),
    api('CONSUMER.RESET.L.c', { bogus: 1 }),
    api('CONSUMER.UNPIN.L.c', { bogus: 1 }),
    next('L', 'c', { batch: 1, no_wait: true, bogus: 1 }),
    api('DIRECT.GET.L', { seq: 1, bogus: 1 }, { all: true }),
    api('STREAM.SNAPSHOT.L', { deliver_subject: 'nobody', bogus: 1 }),
    api('STREAM.RESTORE.R', { config: stream('R', { bogus: 1 }), state: {}, bogus: 1 }),
    remove('L'),
  ],
};

const server: ScriptCase = {
  name: 'limits of the server',
  listen: '$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.>',
  // Two batches begin in one millisecond, and end so.
  unordered: true,
  steps: [
    create('S', { allow_atomic: true, allow_batched: true }),
    create('W', { duplicate_window: 5 * SECOND }),
    create('W', { duplicate_window: 500_000_000 }),
    update('W', { duplicate_window: 5 * SECOND }),
    remove('W'),
    create('W', { max_age: 60 * SECOND }),
    create('X', { consumer_limits: { max_ack_pending: 20 } }),
    create('X', { consumer_limits: { max_ack_pending: 9 } }),
    consumer('X', 'c'),
    consumer('X', 'd', { max_ack_pending: 10 }),
    consumer('S', 'a'),
    consumer('S', 'b', { max_ack_pending: 11 }),
    consumer('S', 'b', { max_ack_pending: -1 }),
    consumer('S', 'b', { max_batch: 9 }),
    consumer('S', 'b', { max_batch: 4 }),
    consumer('S', 'e'),
    consumer('S', 'f'),
    consumer('S', 'a', { max_ack_pending: 12 }),
    create('D', { max_consumers: 3 }),
    ...['a', 'b', 'c', 'd'].map((name) => consumer('D', name)),
    update('D', { max_consumers: 1 }),
    consumer('D', 'e'),
    consumer('D', 'a', { description: 'there already' }),
    ...[1, 2, 3, 4, 5, 6, 7, 8].map(() => publish('s.a', 'x')),
    next('S', 'a', { batch: 9, no_wait: true }),
    next('S', 'a', { batch: 5, no_wait: true }),
    next('S', 'b', { batch: 5, no_wait: true }),
    ...[1, 2, 3, 4].map((n) => batch('s.b', 'long', n)),
    batch('s.b', 'one', 1),
    batch('s.b', 'two', 1),
    batch('s.b', 'three', 1),
    { ...batch('s.b', 'one', 2, '1'), pause: 900 },
    ...['u', 'v', 'w'].map((id) => fast('s.c', id, 1, 0)),
    { ...fast('s.c', 'u', 2, 2), pause: 900 },
    info('S'),
    api('INFO'),
    ...['S', 'W', 'X', 'D'].map(remove),
  ],
};

const account: ScriptCase = {
  name: 'limits of an account',
  listen: '$JS.EVENT.ADVISORY.STREAM.>',
  steps: [
    create('A', { max_bytes: 20_000 }),
    create('B', { storage: 'file', max_bytes: 20_000 }),
    create('C', { max_bytes: 1 }),
    create('A', { max_bytes: 20_001 }),
    update('A', { max_bytes: 30_000 }),
    update('A', { max_bytes: 40_001 }),
    update('A', { max_bytes: 10_000 }),
    update('A', { max_bytes: 0 }),
    update('A', { max_bytes: -1 }),
    api('INFO'),
    consumer('A', 'a'),
    consumer('A', 'b', { max_ack_pending: 8 }),
    consumer('A', 'b', { max_ack_pending: 7, ack_policy: 'all' }),
    consumer('A', 'c', { ack_policy: 'none' }),
    consumer('A', 'd'),
    api('CONSUMER.DELETE.A.c'),
    consumer('A', 'd', { mem_storage: true }),
    consumer('B', 'a'),
    update('A', { max_bytes: 40_000, max_consumers: 1 }),
    publish('a.x', 'y'.repeat(30_000)),
    publish('a.x', 'y'.repeat(30_000)),
    publish('b.x', 'y'.repeat(10_000)),
    publish('b.x', 'y'.repeat(10_000)),
    update('A', { max_bytes: 100 }),
    info('A'),
    api('INFO'),
    remove('A'),
    create('A', { max_bytes: 10_000, mirror: { name: 'B' }, subjects: undefined, allow_direct: true }),
    { ...info('A'), pause: 900 },
    api('STREAM.RESTORE.Z', {
      config: stream('Z', { max_bytes: 20_000 }),
      state: { messages: 1, bytes: 1000, first_seq: 1, last_seq: 1 },
    }),
    api('STREAM.RESTORE.Z', { config: stream('Z', { max_bytes: 20_000_000, storage: 'file' }), state: {} }),
    remove('A'),
    remove('B'),
    api('INFO'),
    // What has grown old makes room again.
    create('E', { max_bytes: 40_000, max_age: SECOND }),
    create('G', { max_bytes: 60_000, allow_msg_ttl: true, storage: 'file' }),
    ...['e.a', 'g.a'].flatMap((subject) => [
      publish(subject, 'y'.repeat(38_000), { 'Nats-TTL': '1s' }),
      publish(subject, 'y'.repeat(38_000)),
    ]),
    { ...api('INFO'), pause: 2500 },
    publish('e.a', 'y'.repeat(30_000)),
    publish('g.a', 'y'.repeat(20_000)),
    remove('E'),
    remove('G'),
  ],
};

/** More than a page of an answer holds. */
const manyStreams = Array.from({ length: 300 }, (_, n) => `N${1000 + n}`);
const paging: ScriptCase = {
  name: 'pages that are full',
  steps: [
    ...manyStreams.map((name) => create(name)),
    ...Array.from({ length: 270 }, (_, n) => consumer('N1000', `c${1000 + n}`)),
    ...[
      '',
      { offset: 255 },
      { offset: 256 },
      { offset: 299 },
      { offset: 300 },
      { offset: 1000 },
      { offset: -5 },
    ].flatMap((body) => [
      api('STREAM.LIST', body),
      api('STREAM.NAMES', body),
      api('CONSUMER.LIST.N1000', body),
      api('CONSUMER.NAMES.N1000', body),
    ]),
    ...manyStreams.map(remove),
  ],
};

jetStreamScripts(
  'requests that are not read strictly',
  {
    conf: 'server_name: srv\njetstream { store_dir: "$DIR/js", strict: false, max_file: 100MB, max_mem: 100MB }',
  },
  [lax],
);
jetStreamScripts(
  'limits of a server',
  {
    conf: `server_name: srv
      jetstream { store_dir: "$DIR/js", max_file: 100MB, max_mem: 100MB, limits {
        max_ack_pending: 10, max_request_batch: 5, duplicate_window: 1s, default_max_consumers: 3
        batch { max_inflight_per_stream: 2, max_inflight_total: 3, max_msgs: 3, timeout: 500ms } } }`,
  },
  [server],
);
jetStreamScripts(
  'limits of an account that count',
  {
    conf: `server_name: srv
      jetstream { store_dir: "$DIR/js", max_file: 100MB, max_mem: 100MB }
      accounts { L { users: [{user: l, password: l}], jetstream: {max_mem: 40000, max_file: 60KB, max_streams: 2, max_consumers: 3, max_ack_pending: 7, max_bytes_required: true} } }`,
    users: { l: 'l' },
  },
  [account],
);
jetStreamScripts(
  'many streams',
  { conf: 'server_name: srv\njetstream { store_dir: "$DIR/js", max_file: 100MB, max_mem: 100MB }' },
  [paging],
);

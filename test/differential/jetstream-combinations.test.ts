// What options of streams do together, beside the official server.
import { api, jetStreamScripts, publish, type ScriptCase, type Step } from './jetstream-script.js';

const conf = `
server_name: srv
jetstream { store_dir: "$DIR/js", max_mem: 64MB, max_file: 256MB }
`;

const SECOND = 1_000_000_000;
const create = (name: string, more: Record<string, unknown> = {}): Step =>
  api(`STREAM.CREATE.${name}`, { name, subjects: [`${name.toLowerCase()}.>`], storage: 'memory', ...more });
const copy = (name: string, more: Record<string, unknown>): Step =>
  api(`STREAM.CREATE.${name}`, { name, storage: 'memory', ...more });
const update = (name: string, more: Record<string, unknown> = {}): Step =>
  api(`STREAM.UPDATE.${name}`, { name, subjects: [`${name.toLowerCase()}.>`], storage: 'memory', ...more });
const info = (name: string, body: unknown = { subjects_filter: '>', deleted_details: true }): Step =>
  api(`STREAM.INFO.${name}`, body);
const direct = (name: string, body: unknown): Step => api(`DIRECT.GET.${name}`, body, { all: true });
const remove = (name: string): Step => api(`STREAM.DELETE.${name}`);
const all = (name: string): Step => direct(name, { seq: 1, batch: 100 });

/** What is after it happens a while later. */
const later = (pause: number, step: Step): Step => ({ ...step, pause });

const copies: ScriptCase = {
  name: 'copies: transforms, direct gets, republishing',
  listen: 're.>',
  unordered: true,
  steps: [
    create('O', { allow_direct: true, max_msgs_per_subject: 3 }),
    ...['o.a', 'o.b', 'o.a', 'o.c', 'o.a', 'o.b'].map((subject, at) =>
      publish(subject, `m${at}`, { X: 'y' }),
    ),
    copy('M', { mirror: { name: 'O' }, mirror_direct: true }),
    copy('MT', {
      mirror: {
        name: 'O',
        subject_transforms: [
          { src: 'o.a', dest: 'n.a' },
          { src: 'o.b', dest: 'n.b' },
        ],
      },
      allow_direct: true,
      mirror_direct: true,
    }),
    copy('SR', {
      sources: [{ name: 'O', subject_transforms: [{ src: 'o.*', dest: 's.{{wildcard(1)}}' }] }],
      allow_direct: true,
      republish: { src: 's.>', dest: 're.s.>', headers_only: true },
    }),
    copy('MR', { mirror: { name: 'O' }, republish: { src: 'o.>', dest: 're.m.>' }, allow_direct: true }),
    later(1200, info('M')),
    ...['MT', 'SR', 'MR'].map((name) => info(name)),
    ...['M', 'MT', 'SR', 'MR'].flatMap((name) => [
      all(name),
      direct(name, { multi_last: ['>'] }),
      direct(name, { multi_last: ['o.a', 'n.a', 's.a'], up_to_seq: 4 }),
      direct(name, { next_by_subj: 'o.a', seq: 2, batch: 2 }),
      direct(name, { next_by_subj: '*.a', batch: 2, max_bytes: 100 }),
      direct(name, { last_by_subj: '*.b', no_hdr: true }),
      api(`DIRECT.GET.${name}.o.a`, '', { all: true }),
      publish(`${name.toLowerCase()}.x`),
    ]),
    api('STREAM.MSG.DELETE.M', { seq: 2 }),
    api('STREAM.PURGE.MT', { filter: 'n.a' }),
    info('M'),
    info('MT'),
    update('M', { mirror: { name: 'O' } }),
    api('STREAM.UPDATE.M', { name: 'M', storage: 'memory', mirror: { name: 'O' }, max_msgs: 2 }),
    info('M'),
    publish('o.d', 'more'),
    later(600, info('M')),
    info('MT'),
    info('SR'),
  ],
};

const markers: ScriptCase = {
  name: 'delete markers, and limits that take messages away',
  listen: 're.>',
  steps: [
    create('DM', {
      subject_delete_marker_ttl: 60 * SECOND,
      allow_direct: true,
      max_msgs_per_subject: 2,
      republish: { src: '>', dest: 're.>' },
    }),
    publish('dm.a', '1'),
    publish('dm.a', '2'),
    publish('dm.a', '3'),
    publish('dm.b', '4', { 'Nats-TTL': '1s' }),
    publish('dm.c', '5', { 'Nats-TTL': '1s' }),
    publish('dm.c', '6'),
    publish('dm.d', '7'),
    publish('dm.e', '8', { 'Nats-Rollup': 'sub', 'Nats-TTL': '1s' }),
    api('STREAM.MSG.DELETE.DM', { seq: 7 }),
    info('DM'),
    api('STREAM.PURGE.DM', { filter: 'dm.a' }),
    info('DM'),
    later(2300, info('DM')),
    all('DM'),
    publish('dm.b', '9', { 'Nats-Marker-Reason': 'MaxAge' }),
    publish('dm.f', '10', { 'Nats-TTL': 'never' }),
    api('STREAM.PURGE.DM', { keep: 1 }),
    all('DM'),
    info('DM'),
    create('DL', { subject_delete_marker_ttl: 60 * SECOND, max_msgs: 2, allow_direct: true }),
    publish('dl.a'),
    publish('dl.b'),
    publish('dl.c'),
    all('DL'),
    info('DL'),
    update('DL', { subject_delete_marker_ttl: 60 * SECOND, max_msgs: 1, allow_direct: true }),
    all('DL'),
    update('DL', { allow_direct: true }),
    update('DL', { allow_direct: true, allow_msg_ttl: true }),
    update('DL', { allow_direct: true, allow_msg_ttl: true, subject_delete_marker_ttl: SECOND }),
    update('DL', {
      allow_direct: true,
      allow_msg_ttl: true,
      subject_delete_marker_ttl: SECOND,
      allow_rollup_hdrs: true,
    }),
    create('DA', {
      subject_delete_marker_ttl: SECOND,
      max_age: SECOND,
      allow_direct: true,
      max_msgs_per_subject: 1,
    }),
    publish('da.a', '1'),
    publish('da.a', '2', { 'Nats-TTL': '5s' }),
    publish('da.b', '3', { 'Nats-TTL': 'never' }),
    publish('da.c', '4', { 'Nats-TTL': '2s' }),
    later(1500, all('DA')),
    later(1500, all('DA')),
    info('DA'),
    create('DT', { allow_msg_ttl: true, max_age: 2 * SECOND, allow_direct: true }),
    publish('dt.a', '1', { 'Nats-TTL': '1' }),
    publish('dt.a', '2', { 'Nats-TTL': '100h' }),
    publish('dt.a', '3'),
    later(1500, info('DT')),
    later(1300, info('DT')),
  ],
};

const schedule = (
  subject: string,
  pattern: string,
  target: string,
  more: Record<string, string> = {},
  body = 'b',
) => publish(subject, body, { 'Nats-Schedule': pattern, 'Nats-Schedule-Target': target, ...more });

const schedules: ScriptCase = {
  name: 'schedules with TTL, rollup, sources and changes',
  listen: 're.>',
  steps: [
    create('SC', {
      allow_msg_schedules: true,
      allow_msg_ttl: true,
      allow_direct: true,
      max_msgs_per_subject: 2,
      republish: { src: 'sc.t.>', dest: 're.>' },
    }),
    { ...info('SC'), phase: 600 },
    schedule('sc.s2', '@at 2099-01-01T00:00:00Z', 'sc.t.2', { 'Nats-TTL': '1s' }),
    schedule('sc.s3', '@every 1s', 'sc.t.3', { 'Nats-Schedule-Rollup': 'sub', 'Nats-Schedule-TTL': '30s' }),
    schedule('sc.s4', '@every 1s', 'sc.t.4', { 'Nats-Schedule-Source': 'sc.none' }),
    schedule('sc.s5', '* * * * * *', 'sc.t.5', { 'Nats-Schedule-Time-Zone': 'Europe/Berlin' }),
    schedule('sc.s6', '@every 1s', 'sc.t.6', {
      'Nats-Msg-Id': 'x',
      'Nats-Expected-Last-Subject-Sequence': '0',
    }),
    schedule('sc.s6', '@every 2s', 'sc.t.6', {}, 'changed'),
    schedule('sc.s7', '@every 1s', 'sc.t.7', {}, ''),
    schedule('sc.s1', '@at 2020-01-01T00:00:00Z', 'sc.t.1', { 'Nats-Schedule-TTL': '1s', A: 'b' }),
    later(700, direct('SC', { last_by_subj: 'sc.t.1' })),
    direct('SC', { last_by_subj: 'sc.s1' }),
    { ...direct('SC', { multi_last: ['sc.s2', 'sc.s4', 'sc.t.4', 'sc.t.1'] }), pause: 1600, phase: 300 },
    direct('SC', { last_by_subj: 'sc.t.3' }),
    { ...api('STREAM.PURGE.SC', { filter: 'sc.s3' }), phase: 400 },
    api('STREAM.PURGE.SC', { filter: 'sc.s5' }),
    api('STREAM.PURGE.SC', { filter: 'sc.s6' }),
    api('STREAM.PURGE.SC', { filter: 'sc.s7' }),
    publish('sc.s4', '', { 'Nats-Rollup': 'sub' }),
    later(1200, direct('SC', { multi_last: ['sc.s*'] })),
    update('SC', { allow_msg_ttl: true, allow_direct: true }),
    create('SM', { allow_msg_schedules: true }),
    schedule('sm.a', '@at 2099-01-01T00:00:00Z', 'sm.b', { 'Nats-TTL': '1s' }),
    schedule('sm.a', '@at 2099-01-01T00:00:00Z', 'sm.b', { 'Nats-Schedule-TTL': '1s' }),
    schedule('sm.a', '@at 2099-01-01T00:00:00Z', 'sm.b', { 'Nats-Rollup': 'sub' }),
    schedule('sm.a', '@at 2099-01-01T00:00:00Z', 'sm.b', {
      'Nats-Batch-Id': 'b',
      'Nats-Batch-Sequence': '1',
    }),
    info('SM'),
  ],
};

/** Streams that are there, and what they may not become; of each change the answer, and what stays. */
const bases: [name: string, config: Record<string, unknown>, changes: Record<string, unknown>[]][] = [
  [
    'UM',
    { subjects: undefined, mirror: { name: 'UO' } },
    [
      { mirror: { name: 'P' } },
      { mirror: { name: 'UO', filter_subject: 'a' } },
      { mirror: { name: 'UO', opt_start_seq: 5 } },
      { mirror: { name: 'UO', external: { api: 'x', deliver: '' } } },
      { mirror: { name: 'UO', subject_transforms: [{ src: 'a', dest: 'b' }] } },
      { subjects: ['x.y'] },
      { mirror_direct: true },
      { allow_direct: true },
      { sources: [{ name: 'UO' }] },
      { max_age: SECOND },
      { first_seq: 7 },
      { allow_atomic: true },
      { allow_batched: true },
      { subject_delete_marker_ttl: SECOND },
      { allow_msg_ttl: true },
      { retention: 'interest' },
      { discard: 'new', max_msgs: 1 },
      { mirror: undefined, sources: [{ name: 'UO' }] },
      { mirror: undefined },
      { mirror: { name: 'UO' } },
    ],
  ],
  [
    'US',
    { sources: [{ name: 'UO', filter_subject: 'a' }] },
    [
      { sources: [{ name: 'UO', filter_subject: 'b' }] },
      { sources: [{ name: 'UO' }, { name: 'UO' }] },
      {
        sources: [
          { name: 'UO', filter_subject: 'a' },
          { name: 'UO', filter_subject: 'a' },
        ],
      },
      {
        sources: [
          { name: 'UO', filter_subject: 'a' },
          { name: 'UO', filter_subject: 'c' },
        ],
      },
      { sources: [{ name: 'US' }] },
      { sources: [{ name: '' }] },
      { sources: [] },
      { mirror: { name: 'UO' } },
      { mirror: { name: 'UO' }, sources: undefined, subjects: undefined },
      { allow_msg_schedules: true },
      { sources: undefined, allow_msg_schedules: true },
    ],
  ],
  [
    'UD',
    { deny_delete: true, deny_purge: true, allow_direct: true },
    [
      { deny_delete: false },
      { deny_purge: false },
      { allow_rollup_hdrs: true },
      { allow_direct: false },
      { sealed: true },
      { sealed: true, max_age: SECOND },
      { sealed: false },
      { max_msgs: 4 },
      { sealed: true, max_msgs: 4 },
    ],
  ],
  [
    'UW',
    { retention: 'workqueue' },
    [
      { retention: 'limits' },
      { retention: 'interest' },
      { max_consumers: 2 },
      { discard: 'new', max_msgs: 2 },
    ],
  ],
  [
    'UI',
    { retention: 'interest' },
    [{ retention: 'limits' }, { retention: 'workqueue' }, { retention: 'interest' }],
  ],
  [
    'UL',
    { discard: 'new', max_msgs_per_subject: 1, discard_new_per_subject: true, max_msg_size: 100 },
    [
      { discard: 'old' },
      { max_msgs_per_subject: 0 },
      { max_msgs_per_subject: 0, discard_new_per_subject: false },
      { discard_new_per_subject: false, discard: 'old' },
      { max_msg_size: 2 },
      { max_msgs: 1, max_bytes: 10 },
      { duplicate_window: 0 },
      { duplicate_window: 200_000_000, max_age: 100_000_000 },
      { max_age: 200_000_000 },
      { storage: 'file' },
      { num_replicas: 3 },
      { placement: { cluster: 'x' } },
      { compression: 's2' },
    ],
  ],
  [
    'UX',
    { allow_msg_ttl: true, allow_msg_schedules: true, allow_atomic: true, allow_batched: true },
    [
      { allow_msg_ttl: false },
      { allow_msg_schedules: false },
      { allow_atomic: false },
      { allow_batched: false },
      { allow_msg_counter: true },
      { persist_mode: 'async' },
      { allow_rollup_hdrs: false },
      { deny_purge: true },
      { subject_delete_marker_ttl: 2 * SECOND },
      { metadata: { a: 'b', '_nats.req.level': '0' } },
    ],
  ],
  [
    'UC',
    { allow_msg_counter: true },
    [{ allow_msg_counter: false }, { allow_msg_ttl: true }, { max_msgs_per_subject: 1 }, { discard: 'new' }],
  ],
  [
    'UP',
    {
      republish: { src: 'up.a', dest: 'x.a' },
      subject_transform: { src: 'up.*', dest: 'y.{{wildcard(1)}}' },
    },
    [
      { republish: { src: 'up.a', dest: 'x.b' } },
      { republish: { src: 'up.a', dest: 'up.b' } },
      { republish: { src: 'other', dest: 'x.b' } },
      { republish: undefined },
      { subject_transform: { src: 'up.*', dest: 'z.{{wildcard(2)}}' } },
      { subject_transform: { src: 'none.*', dest: 'z.{{wildcard(1)}}' } },
      { subject_transform: undefined },
    ],
  ],
];

const updates: ScriptCase = {
  name: 'updates of what is there',
  steps: [
    create('UO'),
    ...bases.flatMap(([name, config, changes]) => [
      create(name, config),
      publish(`${name.toLowerCase()}.a`, 'x'),
      ...changes.flatMap((change) => [update(name, { ...config, ...change }), info(name)]),
      remove(name),
    ]),
    remove('UO'),
  ],
};

const sealed: ScriptCase = {
  name: 'a sealed stream, and what is denied',
  steps: [
    create('SE', {
      allow_rollup_hdrs: true,
      allow_msg_ttl: true,
      allow_direct: true,
      allow_atomic: true,
      allow_batched: true,
    }),
    publish('se.a', '1'),
    publish('se.b', '2', { 'Nats-TTL': '1s' }),
    update('SE', {
      allow_rollup_hdrs: true,
      allow_msg_ttl: true,
      allow_direct: true,
      allow_atomic: true,
      allow_batched: true,
      sealed: true,
    }),
    publish('se.a', '3'),
    publish('se.a', '3', { 'Nats-Rollup': 'sub' }),
    publish('se.a', '3', { 'Nats-Batch-Id': 'b', 'Nats-Batch-Sequence': '1', 'Nats-Batch-Commit': '1' }),
    { ...publish('se.a', '3'), reply: 'replyx.x.1.ok.1.0.$FI', all: true },
    api('STREAM.MSG.DELETE.SE', { seq: 1 }),
    api('STREAM.PURGE.SE', { filter: 'se.a' }),
    api('CONSUMER.CREATE.SE.c', { stream_name: 'SE', config: { name: 'c', ack_policy: 'explicit' } }),
    later(1500, info('SE')),
    all('SE'),
    create('DD', { deny_delete: true, allow_rollup_hdrs: true, max_msgs: 3, allow_direct: true }),
    ...['1', '2', '3', '4'].map((body) => publish('dd.a', body)),
    api('STREAM.MSG.DELETE.DD', { seq: 3 }),
    publish('dd.a', '5', { 'Nats-Rollup': 'all' }),
    info('DD'),
    create('DP', { deny_purge: true, max_msgs_per_subject: 1, retention: 'workqueue' }),
    publish('dp.a', '1'),
    publish('dp.a', '2'),
    publish('dp.a', '5', { 'Nats-Rollup': 'all' }),
    api('STREAM.PURGE.DP', ''),
    api('STREAM.PURGE.DP', { keep: 1 }),
    info('DP'),
  ],
};

const counters: ScriptCase = {
  name: 'counters with everything else',
  listen: 're.>',
  steps: [
    create('CT', {
      allow_msg_counter: true,
      allow_direct: true,
      allow_rollup_hdrs: true,
      allow_atomic: true,
      allow_batched: true,
      max_msgs_per_subject: 2,
      republish: { src: 'ct.>', dest: 're.>' },
    }),
    ...[
      '5',
      '-7',
      '+1',
      '0',
      '-0',
      '007',
      ' 1',
      '1e3',
      '99999999999999999999999999',
      '-99999999999999999999999999',
    ].map((by) => publish('ct.a', '', { 'Nats-Incr': by, X: 'y' })),
    publish('ct.a', '', { 'Nats-Incr': '1', 'Nats-Rollup': 'sub' }),
    publish('ct.a', '', { 'Nats-Incr': '1', 'Nats-Expected-Last-Subject-Sequence': '1' }),
    publish('ct.a', '', { 'Nats-Incr': '1', 'Nats-Expected-Stream': 'CT' }),
    publish('ct.a', '', { 'Nats-Incr': '1', 'Nats-Expected-Last-Msg-Id': 'x' }),
    publish('ct.a', '', { 'Nats-Incr': '1', 'Nats-TTL': '1s' }),
    publish('ct.a', '', { 'Nats-Incr': '1', 'Nats-Msg-Id': 'one' }),
    publish('ct.a', '', { 'Nats-Incr': '1', 'Nats-Msg-Id': 'one' }),
    publish('ct.b', '', { 'Nats-Incr': '3', 'Nats-Batch-Id': 'b', 'Nats-Batch-Sequence': '1' }),
    publish('ct.b', '', {
      'Nats-Incr': '4',
      'Nats-Batch-Id': 'b',
      'Nats-Batch-Sequence': '2',
      'Nats-Batch-Commit': '1',
    }),
    { ...publish('ct.c', '', { 'Nats-Incr': '3' }), reply: 'replyc.c.2.ok.1.0.$FI', all: true },
    { ...publish('ct.c', '', { 'Nats-Incr': '4' }), reply: 'replyc.c.2.ok.2.2.$FI', all: true },
    { ...publish('ct.c', 'x', { 'Nats-Incr': '4' }), reply: 'replyd.d.2.ok.1.2.$FI', all: true },
    api('STREAM.MSG.DELETE.CT', { seq: 4 }),
    all('CT'),
    info('CT'),
    api('STREAM.PURGE.CT', { filter: 'ct.a' }),
    publish('ct.a', '', { 'Nats-Incr': '2' }),
    publish('ct.a', '', {}),
    publish('ct.a', '', { 'Nats-Counter-Sources': '{}', 'Nats-Incr': '2' }),
    create('PL'),
    publish('pl.a', '', { 'Nats-Incr': '2' }),
    info('CT'),
  ],
};

for (const storage of ['memory', 'file'])
  jetStreamScripts(
    `options of streams together, ${storage}`,
    { conf },
    [copies, markers, schedules, updates, sealed, counters].map((each) => ({
      ...each,
      steps: each.steps.map(
        (step) =>
          JSON.parse(JSON.stringify(step).replaceAll('"storage":"memory"', `"storage":"${storage}"`)) as Step,
      ),
    })),
  );

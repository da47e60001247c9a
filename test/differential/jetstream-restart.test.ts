// What a restart leaves of streams, messages and consumers, beside the official server.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, compare, type Side } from './jetstream-side.js';

const CONF = 'server_name: srv\njetstream { store_dir: "$STORE", max_mem: 64MB, max_file: 256MB }';
const SECOND = 1_000_000_000;
const LATER = '2099-01-01T00:00:00Z';

const streams: Config[] = [
  { name: 'PLAIN', subjects: ['plain.>'] },
  { name: 'MEM', subjects: ['mem.>'], storage: 'memory' },
  {
    name: 'FULL',
    subjects: ['full.>'],
    max_msgs: 3,
    max_bytes: 10_000,
    max_msg_size: 500,
    max_consumers: 4,
    discard: 'new',
  },
  { name: 'AGE', subjects: ['age.>'], max_age: 3 * SECOND, duplicate_window: 2 * SECOND },
  {
    name: 'PER',
    subjects: ['per.>'],
    max_msgs_per_subject: 2,
    allow_direct: true,
    allow_rollup_hdrs: true,
    compression: 's2',
  },
  {
    name: 'TTL',
    subjects: ['ttl.>'],
    allow_msg_ttl: true,
    subject_delete_marker_ttl: 60 * SECOND,
    allow_direct: true,
  },
  { name: 'CNT', subjects: ['cnt.>'], allow_msg_counter: true },
  { name: 'ATO', subjects: ['ato.>'], allow_atomic: true, allow_batched: true },
  { name: 'WQ', subjects: ['wq.>'], retention: 'workqueue' },
  { name: 'INT', subjects: ['int.>'], retention: 'interest' },
  {
    name: 'TRA',
    subjects: ['tra.>'],
    subject_transform: { src: 'tra.*', dest: 'new.{{wildcard(1)}}' },
    first_seq: 50,
    metadata: { a: 'b' },
  },
  {
    name: 'REP',
    subjects: ['rep.>'],
    republish: { src: 'rep.>', dest: 'again.>', headers_only: true },
    no_ack: false,
  },
  { name: 'DEN', subjects: ['den.>'], deny_delete: true, deny_purge: true, description: '<d>' },
  { name: 'SCH', subjects: ['sch.>'], allow_msg_schedules: true, allow_direct: true },
  { name: 'MIR', mirror: { name: 'PLAIN' }, mirror_direct: true },
  { name: 'SRC', sources: [{ name: 'PER', filter_subject: 'per.a' }] },
];

compare('a consumer that begins ahead of an empty stream, and is changed later', CONF, async (side) => {
  await side.create({ name: 'S', subjects: ['s.>'] });
  const config = {
    durable_name: 'c',
    ack_policy: 'explicit',
    deliver_policy: 'by_start_sequence',
    opt_start_seq: 3,
  };
  await side.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config });
  await side.restart();
  await side.consumers('S');
  for (const body of ['1', '2', '3']) await side.publish('s.a', body);
  await side.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: { ...config, description: 'x' } });
  // Officially the messages before count as pending, too.
  for (const line of await side.all('$JS.API.CONSUMER.MSG.NEXT.S.c', '{"batch":2,"no_wait":true}'))
    side.lines.push(line.replace(/(?<=<ns>\.)\d+/, '<pending>'));
  const { config: kept } = await side.api('CONSUMER.INFO.S.c');
  side.lines.push(kept.description);
});

async function infos(side: Side): Promise<void> {
  for (const { name } of streams)
    await side.tell(`$JS.API.STREAM.INFO.${name}`, { subjects_filter: '>', deleted_details: true });
  await side.tell('$JS.API.STREAM.LIST', '');
  await side.tell('$JS.API.STREAM.NAMES', '');
  await side.tell('$JS.API.INFO', '');
}

compare('streams of every kind', CONF, async (side) => {
  for (const stream of streams) await side.create(stream);
  for (const { name } of streams.slice(0, 14)) {
    const at = name.toLowerCase();
    if (name === 'CNT') {
      await side.publish(`${at}.a`, '', { 'Nats-Incr': '5' });
      await side.publish(`${at}.a`, '', { 'Nats-Incr': '-2' });
      continue;
    }
    for (const subject of ['a', 'b', 'a', 'c', 'a'])
      await side.publish(`${at}.${subject}`, `to ${subject}`, { X: 'y' });
    await side.publish(`${at}.d`, 'once', { 'Nats-Msg-Id': 'id' });
  }
  await side.publish('ttl.t', 'short', { 'Nats-TTL': '1s' });
  await side.publish('ttl.u', 'longer', { 'Nats-TTL': '4s' });
  await side.publish('sch.s', 'b', {
    'Nats-Schedule': '@at 2099-01-01T00:00:00Z',
    'Nats-Schedule-Target': 'sch.t',
  });
  await side.publish('ato.x', '1', { 'Nats-Batch-Id': 'b', 'Nats-Batch-Sequence': '1' });
  await sleep(1000);
  await side.api('STREAM.MSG.DELETE.PLAIN', { seq: 2 });
  await side.api('STREAM.MSG.DELETE.PLAIN', { seq: 6 });
  await side.api('STREAM.PURGE.REP', { filter: 'rep.a' });
  await side.api('STREAM.UPDATE.DEN', {
    name: 'DEN',
    subjects: ['den.>'],
    deny_delete: true,
    deny_purge: true,
    sealed: true,
  });
  await sleep(300);
  await side.restart();
  await infos(side);
  await side.tell('plain.x', 'after');
  for (const at of ['plain', 'age', 'per', 'ttl', 'wq', 'int', 'tra', 'den', 'full', 'mem'])
    for (const line of await side.all(`${at}.d`, 'once', { 'Nats-Msg-Id': 'id' }))
      side.lines.push(`${at}: ${line}`);
  for (const line of await side.all('cnt.a', '', { 'Nats-Incr': '10' })) side.lines.push(line);
  for (const line of await side.all('ato.x', '2', {
    'Nats-Batch-Id': 'b',
    'Nats-Batch-Sequence': '2',
    'Nats-Batch-Commit': '1',
  }))
    side.lines.push(line);
  await side.tell('$JS.API.DIRECT.GET.PER', { seq: 1, batch: 20 });
  await sleep(4500);
  await side.tell('$JS.API.DIRECT.GET.TTL', { multi_last: ['ttl.t', 'ttl.u'] });
  await side.tell('$JS.API.STREAM.INFO.AGE', '');
  await side.tell('$JS.API.STREAM.INFO.TTL', { subjects_filter: '>' });
  await side.restart();
  for (const name of ['PLAIN', 'TTL', 'AGE', 'CNT', 'ATO', 'TRA', 'REP', 'MIR', 'SRC'])
    await side.tell(`$JS.API.STREAM.INFO.${name}`, { subjects_filter: '>', deleted_details: true });
});

const consumers: [name: string, config: Record<string, unknown>][] = [
  ['durable', { durable_name: 'durable', ack_policy: 'explicit', ack_wait: 2 * SECOND }],
  ['all', { durable_name: 'all', ack_policy: 'all', max_ack_pending: 3, metadata: { a: 'b' } }],
  ['none', { durable_name: 'none', ack_policy: 'none', inactive_threshold: 3600 * SECOND }],
  [
    'filter',
    {
      durable_name: 'filter',
      ack_policy: 'explicit',
      filter_subjects: ['s.a', 's.b'],
      max_deliver: 2,
      backoff: [SECOND, SECOND],
    },
  ],
  [
    'last',
    {
      durable_name: 'last',
      ack_policy: 'explicit',
      deliver_policy: 'last_per_subject',
      filter_subject: 's.*',
    },
  ],
  ['new', { durable_name: 'new', ack_policy: 'explicit', deliver_policy: 'new' }],
  [
    'seq',
    {
      durable_name: 'seq',
      ack_policy: 'explicit',
      deliver_policy: 'by_start_sequence',
      opt_start_seq: 3,
      headers_only: true,
    },
  ],
  ['memory', { durable_name: 'memory', ack_policy: 'explicit', mem_storage: true }],
  ['short', { ack_policy: 'explicit', inactive_threshold: 2 * SECOND }],
  ['long', { ack_policy: 'explicit', inactive_threshold: 600 * SECOND }],
  ['paused', { durable_name: 'paused', ack_policy: 'explicit', pause_until: LATER }],
  [
    'pinned',
    {
      durable_name: 'pinned',
      ack_policy: 'explicit',
      priority_policy: 'pinned_client',
      priority_groups: ['g'],
      priority_timeout: 60 * SECOND,
    },
  ],
  [
    'push',
    {
      durable_name: 'push',
      ack_policy: 'explicit',
      deliver_subject: 'nobody',
      idle_heartbeat: SECOND,
      flow_control: true,
    },
  ],
  ['shortpush', { deliver_subject: 'nobody2', inactive_threshold: 2 * SECOND }],
];

async function next(side: Side, name: string, request: object): Promise<void> {
  await side.tell(`$JS.API.CONSUMER.MSG.NEXT.S.${name}`, { no_wait: true, ...request });
}

compare('consumers of every kind', CONF, async (side) => {
  await side.create({ name: 'S', subjects: ['s.>'] });
  for (const subject of ['a', 'b', 'c', 'a', 'b', 'c']) await side.publish(`s.${subject}`, `to ${subject}`);
  for (const [name, config] of consumers)
    await side.api(`CONSUMER.CREATE.S.${name}`, { stream_name: 'S', config: { name, ...config } });
  await side.publish('s.a', 'later');
  const replies: string[] = [];
  side.client.subscribe('in', {
    callback: (_, message) => void (message.reply && replies.push(message.reply)),
  });
  for (const [name] of consumers)
    side.client.publish(
      `$JS.API.CONSUMER.MSG.NEXT.S.${name}`,
      JSON.stringify({ batch: 3, no_wait: true, ...(name === 'pinned' ? { group: 'g' } : {}) }),
      { reply: 'in' },
    );
  await sleep(300);
  const of = (name: string) => replies.filter((reply) => reply.startsWith(`$JS.ACK.S.${name}.`));
  const say = (reply: string | undefined, text: string) =>
    side.client.request(reply!, text, { timeout: 5000 });
  await say(of('durable')[1], '+ACK');
  await say(of('durable')[2], '-NAK {"delay": 3000000000}');
  await say(of('all')[1], '+ACK');
  await say(of('filter')[0], '+TERM');
  await say(of('last')[0], '+WPI');
  await say(of('memory')[0], '+ACK');
  await say(of('long')[0], '+ACK');
  await sleep(200);
  await side.restart();
  for (const [name] of consumers) await side.tell(`$JS.API.CONSUMER.INFO.S.${name}`, '');
  for (const [name] of consumers)
    if (!['short', 'push', 'shortpush', 'durable', 'filter', 'all'].includes(name))
      await next(side, name, { batch: 9, ...(name === 'pinned' ? { group: 'g' } : {}) });
  await sleep(4000);
  for (const name of ['durable', 'filter', 'all']) await next(side, name, { batch: 9 });
  await side.tell('$JS.API.CONSUMER.NAMES.S', '');
  await side.tell('$JS.API.STREAM.INFO.S', '');
});

compare('work queues and interest', CONF, async (side) => {
  await side.create({ name: 'W', subjects: ['w.>'], retention: 'workqueue' });
  await side.create({ name: 'I', subjects: ['i.>'], retention: 'interest' });
  const consumer = (of: string, name: string, config: object = {}) =>
    side.api(`CONSUMER.CREATE.${of}.${name}`, {
      stream_name: of,
      config: { name, durable_name: name, ack_policy: 'explicit', ...config },
    });
  await consumer('W', 'one', { filter_subject: 'w.a' });
  await consumer('W', 'two', { filter_subject: 'w.b' });
  await consumer('I', 'one');
  await consumer('I', 'two', { filter_subject: 'i.b' });
  await consumer('I', 'eph', { durable_name: '', inactive_threshold: 2 * SECOND });
  for (const subject of ['a', 'b', 'c', 'a'])
    for (const of of ['w', 'i']) await side.publish(`${of}.${subject}`, subject);
  const replies: string[] = [];
  side.client.subscribe('in', {
    callback: (_, message) => void (message.reply && replies.push(message.reply)),
  });
  for (const path of ['W.one', 'W.two', 'I.one', 'I.two'])
    side.client.publish(`$JS.API.CONSUMER.MSG.NEXT.${path}`, '{"batch":3,"no_wait":true}', { reply: 'in' });
  await sleep(300);
  for (const reply of replies.filter((each) => !each.includes('.W.two.')))
    await side.client.request(reply, '+ACK', { timeout: 5000 });
  await side.restart();
  for (const name of ['W', 'I'])
    await side.tell(`$JS.API.STREAM.INFO.${name}`, { deleted_details: true, subjects_filter: '>' });
  await sleep(4500);
  for (const name of ['W', 'I'])
    await side.tell(`$JS.API.STREAM.INFO.${name}`, { deleted_details: true, subjects_filter: '>' });
  for (const name of ['W', 'I']) await side.tell(`$JS.API.CONSUMER.LIST.${name}`, '');
});

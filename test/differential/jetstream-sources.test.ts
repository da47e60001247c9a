// Mirrors and sources beside the official server: what is stored with which headers, what StreamInfo says of the origins, which errors
// come, and where both go on after a restart.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, compare } from './jetstream-side.js';

const PLAIN = 'jetstream { store_dir: "$STORE" }';
/** Until consumers at origins are there, and what they have is copied. */
const COPIED = 1000;

compare('where copies begin, what they filter and how they name it', PLAIN, async (side) => {
  await side.create({ name: 'O', subjects: ['o.>'], first_seq: 100 });
  for (let i = 0; i < 3; i++) await side.publish(`o.${i}`, `m${i}`);
  await sleep(50);
  const time = new Date().toISOString();
  await sleep(50);
  for (let i = 3; i < 6; i++) await side.publish(`o.${i % 3}`, `m${i}`);
  await side.api('STREAM.MSG.DELETE.O', { seq: 101 });
  const copies: Config[] = [
    { name: 'M1', mirror: { name: 'O' } },
    { name: 'M2', mirror: { name: 'O', opt_start_seq: 103 } },
    { name: 'M3', mirror: { name: 'O', opt_start_time: time } },
    { name: 'M4', mirror: { name: 'O', filter_subject: 'o.2' } },
    {
      name: 'M5',
      mirror: {
        name: 'O',
        subject_transforms: [
          { src: 'o.2', dest: 'two' },
          { src: 'o.1', dest: '' },
        ],
      },
    },
    { name: 'M6', mirror: { name: 'O' }, max_msgs: 2 },
    { name: 'M7', mirror: { name: 'O' }, subject_transform: { src: 'o.*', dest: 'g.{{wildcard(1)}}' } },
    { name: 'S1', sources: [{ name: 'O', opt_start_seq: 103 }] },
    { name: 'S2', sources: [{ name: 'O', opt_start_time: time }] },
    { name: 'S3', sources: [{ name: 'O', subject_transforms: [{ src: 'o.*', dest: 't.{{wildcard(1)}}' }] }] },
    {
      name: 'S4',
      sources: [
        {
          name: 'O',
          subject_transforms: [
            { src: 'o.1', dest: 'a' },
            { src: 'o.2', dest: 'b' },
          ],
        },
      ],
    },
    { name: 'S5', sources: [{ name: 'NONE' }, { name: 'O' }] },
    { name: 'S6', subjects: ['x'], sources: [{ name: 'O' }], subject_transform: { src: 'o.*', dest: 'g' } },
  ];
  for (const copy of copies) await side.create(copy);
  await sleep(COPIED);
  for (const { name } of copies) await side.dump(name);
  await side.dump('O');
  await side.api('STREAM.PURGE.S1');
  await side.api('STREAM.PURGE.M1');
  await side.restart();
  await side.publish('o.1', 'later');
  await sleep(COPIED);
  for (const { name } of copies) await side.dump(name);
});

compare('headers of what is copied', PLAIN, async (side) => {
  await side.create({ name: 'O', subjects: ['o.>'], allow_rollup_hdrs: true, allow_msg_ttl: true });
  await side.publish('o.1', 'a', { 'Nats-Msg-Id': 'x1', 'Nats-Expected-Last-Sequence': '0', A: 'b' });
  await side.publish('o.1', 'b', { 'Nats-TTL': '100s' });
  await side.publish('o.2', 'c');
  await side.publish('o.1', 'd', { 'Nats-Rollup': 'sub' });
  await side.create({ name: 'M1', mirror: { name: 'O' } });
  await side.create({ name: 'M2', mirror: { name: 'O' }, allow_rollup_hdrs: true });
  await side.create({ name: 'S1', sources: [{ name: 'O' }], allow_msg_ttl: true });
  await side.create({ name: 'S2', sources: [{ name: 'O' }], subjects: ['s2'], duplicate_window: 60e9 });
  await side.publish('s2', 'own', { 'Nats-Msg-Id': 'x1' });
  await sleep(COPIED);
  await side.create({ name: 'S3', sources: [{ name: 'S1' }] });
  await sleep(COPIED);
  for (const name of ['M1', 'M2', 'S1', 'S2', 'S3']) await side.dump(name);
});

compare('sources come and go, a mirror is promoted', PLAIN, async (side) => {
  for (const name of ['A', 'B']) {
    await side.create({ name, subjects: [`${name}.>`] });
    for (let i = 0; i < 3; i++) await side.publish(`${name}.${i}`, `${name}${i}`);
  }
  await side.create({ name: 'S', subjects: ['s'], sources: [{ name: 'A' }] });
  await side.create({ name: 'M', mirror: { name: 'A' } });
  await sleep(COPIED);
  await side.update({ name: 'S', subjects: ['s'], sources: [{ name: 'A' }, { name: 'B' }] });
  await sleep(COPIED);
  await side.dump('S');
  await side.update({ name: 'S', subjects: ['s'], sources: [{ name: 'B' }] });
  await side.publish('A.x', 'unseen');
  await side.publish('B.x', 'seen');
  await sleep(COPIED);
  await side.update({ name: 'S', subjects: ['s'], sources: [{ name: 'B' }, { name: 'A' }] });
  await sleep(COPIED);
  await side.dump('S');
  await side.update({ name: 'S', subjects: ['s'] });
  await side.publish('B.y', 'unseen');
  await side.update({ name: 'M', mirror: { name: 'B' } });
  await side.update({ name: 'M', mirror: { name: 'A', filter_subject: 'A.1' } });
  await side.update({ name: 'M', subjects: ['m'] });
  await side.publish('m', 'own');
  for (const name of ['S', 'M']) await side.dump(name);
});

compare('work queues as origins, consumers that somebody has made', PLAIN, async (side) => {
  await side.create({ name: 'W', subjects: ['w.>'], retention: 'workqueue' });
  await side.create({ name: 'C', subjects: ['c.>'] });
  for (let i = 0; i < 5; i++)
    for (const subject of ['w', 'c']) await side.publish(`${subject}.${i}`, `m${i}`);
  const consumer = (name: string, policy: string) =>
    side.api(`CONSUMER.CREATE.C.${name}`, {
      stream_name: 'C',
      config: {
        name,
        durable_name: name,
        deliver_subject: `to.${name}`,
        ack_policy: policy,
        num_replicas: 1,
      },
    });
  await consumer('fc', 'flow_control');
  await consumer('ex', 'explicit');
  await side.create({ name: 'S1', sources: [{ name: 'W' }] });
  await side.create({
    name: 'S2',
    sources: [{ name: 'C', consumer: { name: 'fc', deliver_subject: 'to.fc' } }],
  });
  await side.create({
    name: 'S3',
    sources: [{ name: 'C', consumer: { name: 'ex', deliver_subject: 'to.ex' } }],
  });
  await side.create({
    name: 'M3',
    mirror: { name: 'C', consumer: { name: 'ex', deliver_subject: 'to.ex' } },
  });
  await sleep(COPIED + 1500);
  for (const name of ['S1', 'S2', 'S3', 'M3', 'W']) await side.dump(name);
  for (const name of ['W', 'C']) await side.consumers(name);
});

compare('counters that add up those of other streams', PLAIN, async (side) => {
  const increase = (subject: string, by: string) => side.publish(subject, '', { 'Nats-Incr': by });
  for (const name of ['A', 'B'])
    await side.create({ name, subjects: [`${name}.>`], allow_msg_counter: true });
  const from = (name: string) => ({ name, subject_transforms: [{ src: `${name}.>`, dest: 't.>' }] });
  const sums = { name: 'T', subjects: ['t.>'], allow_msg_counter: true };
  await side.create({ ...sums, sources: [from('A')] });
  await side.create({ name: 'U', allow_msg_counter: true, sources: [{ name: 'T' }] });
  await side.create({ name: 'V', sources: [{ name: 'T' }] });
  await sleep(COPIED);
  await increase('A.x', '5');
  await increase('A.x', '-2');
  await sleep(COPIED);
  await increase('t.x', '100');
  await side.update({ ...sums, sources: [from('A'), from('B')] });
  await sleep(COPIED);
  await increase('B.x', '1000');
  await sleep(COPIED);
  await side.restart();
  await sleep(COPIED);
  await increase('A.x', '1');
  await sleep(COPIED);
  for (const name of ['T', 'U', 'V']) await side.dump(name);
});

const TWO_ACCOUNTS = `
  jetstream { store_dir: "$STORE" }
  accounts {
    A {
      jetstream: enabled, users: [{ user: a, password: a }]
      exports: [{ service: "$JS.API.>", response: stream }, { service: "$JS.FC.>" }, { stream: "to.b.>" }]
    }
    B {
      jetstream: enabled, users: [{ user: b, password: b }]
      imports: [
        { service: { account: A, subject: "$JS.API.>" }, to: "from.a.API.>" }
        { service: { account: A, subject: "$JS.FC.>" } }
        { stream: { account: A, subject: "to.b.>" } }
      ]
    }
  }
  no_auth_user: a`;

compare('origins in another account', TWO_ACCOUNTS, async (side) => {
  await side.create({ name: 'O', subjects: ['o.>'] });
  await side.create({ name: 'W', subjects: ['w.>'], retention: 'interest' });
  for (let i = 0; i < 10; i++) await side.publish(`o.${i % 3}`, `m${i}`);
  await side.become('b');
  const external = { api: 'from.a.API', deliver: 'to.b' };
  await side.create({ name: 'M', mirror: { name: 'O', external } });
  await side.create({ name: 'S', sources: [{ name: 'O', external, filter_subject: 'o.1' }] });
  await side.create({ name: 'I', sources: [{ name: 'W', external }] });
  await sleep(COPIED);
  await side.become('a');
  const large = 'x'.repeat(60_000);
  for (let i = 0; i < 60; i++) await side.publish('o.x', large);
  for (let i = 0; i < 5; i++) await side.publish('w.1', `m${i}`);
  await sleep(COPIED + 1500);
  await side.dump('W');
  await side.become('b');
  for (const name of ['M', 'S', 'I']) await side.dump(name);
});

compare('filters that are no subjects', PLAIN, async (side) => {
  await side.create({ name: 'O', subjects: ['o.>'] });
  await side.publish('o.1', 'm');
  const filters = ['a..b', '.a', 'a.', 'a b', 'a.>.b', '.', 'o.1\t'];
  for (const filter_subject of filters)
    for (const origin of ['O', 'NONE']) {
      const source = { name: origin, filter_subject };
      await side.create({ name: 'S', subjects: ['s'], sources: [{ name: 'O' }, source] });
      await side.create({ name: 'M', mirror: source });
    }
  const bad = { name: 'O', filter_subject: 'a..b' };
  await side.create({ name: 'S', subjects: ['o.1'], sources: [bad] });
  await side.create({ name: 'O', subjects: ['o.>'], sources: [bad] });
  await side.create({ name: 'S', sources: [bad], num_replicas: 3 });
  await side.create({ name: 'S', subjects: ['s'], sources: [{ name: 'O', filter_subject: 'o.1' }] });
  await side.update({ name: 'S', subjects: ['s'], sources: [bad] });
  await sleep(COPIED);
  const { config, state } = await side.api('STREAM.INFO.S');
  side.lines.push(JSON.stringify([config.sources, state.messages]));
});

compare('what is told of consumers that copy', PLAIN, async (side) => {
  const heard: string[] = [];
  side.client.subscribe('$JS.EVENT.ADVISORY.CONSUMER.>', {
    callback: (_, message) => {
      const { type, stream, consumer, action } = message.json<Record<string, string>>();
      const line = [message.subject, type, stream, consumer, action].join(' ');
      heard.push(line.replace(/(JS_(?:SRC|MIRROR)_)[\w-]+/g, '$1<id>'));
    },
  });
  const told = async (): Promise<void> => {
    await sleep(COPIED);
    side.lines.push(...heard.sort());
    heard.length = 0;
  };
  await side.create({ name: 'O', subjects: ['o.>'] });
  await side.create({ name: 'S', sources: [{ name: 'O' }] });
  await told();
  await side.create({ name: 'M', mirror: { name: 'O' } });
  await told();
  await side.update({ name: 'S', subjects: ['s'] });
  await told();
  await side.api('STREAM.DELETE.M');
  await told();
  await side.create({ name: 'T', sources: [{ name: 'O', filter_subject: 'o.1' }] });
  await told();
  await side.api('STREAM.DELETE.O');
  await told();
});

compare('requests to remove consumers that copy', PLAIN, async (side) => {
  const heard: string[] = [];
  side.client.subscribe('$JS.API.CONSUMER.DELETE.>', {
    callback: (_, message) => {
      heard.push(`${message.subject} ${message.reply?.replace(/[^.]+$/, '<id>')} ${message.string()}`);
    },
  });
  const told = async (): Promise<void> => {
    await sleep(COPIED);
    side.lines.push(...heard.sort());
    heard.length = 0;
  };
  await side.create({ name: 'O', subjects: ['o.>'] });
  await side.create({ name: 'P', subjects: ['p.>'] });
  await side.create({ name: 'M', mirror: { name: 'O' } });
  await side.create({ name: 'S', subjects: ['s'], sources: [{ name: 'O' }, { name: 'P' }] });
  await told();
  await side.update({ name: 'S', subjects: ['s'], sources: [{ name: 'P' }] });
  await told();
  await side.api('STREAM.DELETE.M');
  await told();
  await side.api('STREAM.DELETE.P');
  await side.api('STREAM.DELETE.S');
  await told();
});

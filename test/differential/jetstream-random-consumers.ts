// Random consumers: configurations, requests for messages, and what clients say of those they got.
import { type Dice, HOUR, SECOND } from './jetstream-random-dice.js';
import type { Operation } from './jetstream-random-script.js';
import { type Config, filterOf, type Theme } from './jetstream-random-streams.js';

export const CONSUMERS = ['c1', 'c2', 'c3'] as const;
const FUTURE = '2099-01-01T00:00:00Z';
const PAST = '2020-01-01T00:00:00Z';

/** Where a push consumer of a stream delivers to. */
export const inboxOf = (stream: string, name: string): string => `d.${stream}.${name}`;

export function freshConsumer(dice: Dice, stream: string, name: string, theme: Theme): Config {
  const config: Config = { name, ack_policy: dice.weighted(ackPolicies(theme)) };
  if (dice.chance(85)) config.durable_name = name;
  else config.inactive_threshold = HOUR;
  if (dice.chance(25)) {
    config.deliver_subject = inboxOf(stream, name);
    if (dice.chance(20)) config.deliver_group = 'g';
  }
  if (dice.chance(45)) Object.assign(config, filters(dice, stream));
  if (dice.chance(40)) Object.assign(config, start(dice, theme));
  for (let n = dice.below(3); n > 0; n--) Object.assign(config, field(dice, stream, theme));
  if (dice.chance(6)) Object.assign(config, odd(dice, theme));
  return config;
}

function ackPolicies(theme: Theme): [number, string][] {
  return [
    [70, 'explicit'],
    [12, 'none'],
    [theme.deletes ? 0 : 15, 'all'],
  ];
}

export function changedConsumer(dice: Dice, config: Config, stream: string, theme: Theme): Config {
  const changed = { ...config };
  for (let n = 1 + dice.below(2); n > 0; n--) {
    if (dice.chance(30)) {
      const key = dice.pick(Object.keys(changed));
      if (key !== 'name' && key !== 'deliver_group' && (theme.refilters || !key.startsWith('filter')))
        delete changed[key];
    } else if (theme.refilters && dice.chance(35)) Object.assign(changed, filters(dice, stream));
    else if (dice.chance(10)) Object.assign(changed, start(dice, theme));
    else Object.assign(changed, dice.chance(10) ? odd(dice, theme) : field(dice, stream, theme));
  }
  // One that has lost all its filters officially hears of no message any more (docs/DIFFERENCES.md).
  if (isFiltered(config) && !isFiltered(changed)) {
    const { filter_subject, filter_subjects } = config;
    Object.assign(changed, { filter_subject, filter_subjects });
  }
  return changed;
}

function isFiltered({ filter_subject: one, filter_subjects: several }: Config): boolean {
  return Boolean(one) || (Array.isArray(several) && several.length > 0);
}

function filters(dice: Dice, stream: string): Config {
  const low = stream.toLowerCase();
  if (dice.chance(60)) return { filter_subject: filterOf(dice, stream), filter_subjects: undefined };
  return {
    filter_subject: undefined,
    // Officially what several of them match counts as often.
    filter_subjects: dice.some([`${low}.1`, `${low}.2`, `${low}.x.>`, `${low}.*.*.*`, 'a..b'], 3),
  };
}

function start(dice: Dice, theme: Theme): Config {
  return dice.weighted<Config>([
    [2, { deliver_policy: 'all' }],
    [3, { deliver_policy: 'last' }],
    [3, { deliver_policy: 'new' }],
    [theme.deletes ? 0 : 3, { deliver_policy: 'last_per_subject' }],
    [theme.ahead ? 5 : 0, { deliver_policy: 'by_start_sequence', opt_start_seq: dice.pick([1, 2, 4, 20]) }],
    [2, { deliver_policy: 'by_start_time', opt_start_time: dice.pick([PAST, FUTURE]) }],
    [1, { deliver_policy: 'by_start_sequence' }],
    [theme.ahead ? 1 : 0, { deliver_policy: 'all', opt_start_seq: 3 }],
  ]);
}

function field(dice: Dice, stream: string, theme: Theme): Config {
  return dice.weighted<() => Config>([
    [4, () => ({ max_deliver: dice.pick([-1, 0, 1, 2, 3]) })],
    [4, () => ({ max_ack_pending: dice.pick(theme.purges ? [-1, 0] : [-1, 0, 1, 2, 3]) })],
    [2, () => ({ ack_wait: dice.pick([0, HOUR, 60 * SECOND]) })],
    [2, () => ({ backoff: dice.pick([[HOUR], [HOUR, 2 * HOUR], []]), max_deliver: dice.pick([-1, 2, 3]) })],
    [2, () => ({ headers_only: true })],
    [2, () => ({ max_batch: dice.pick([0, 1, 3]) })],
    [1, () => ({ max_bytes: dice.pick([0, 100, 1000]) })],
    [1, () => ({ max_expires: dice.pick([0, HOUR]) })],
    [2, () => ({ max_waiting: dice.pick([0, 1, 2]) })],
    [1, () => ({ sample_freq: dice.pick(['100%', '100', '0', '']) })],
    [1, () => ({ inactive_threshold: dice.pick([0, HOUR]) })],
    [1, () => ({ mem_storage: true })],
    [1, () => ({ replay_policy: 'instant' })],
    [1, () => ({ description: dice.pick(['words', '']) })],
    [1, () => ({ metadata: dice.pick([{ a: 'b' }, {}, { '_nats.y': 'z' }]) })],
    [1, () => ({ num_replicas: dice.pick([0, 1]) })],
    [1, () => ({ idle_heartbeat: HOUR, ...(dice.chance(50) ? { flow_control: true } : {}) })],
    [1, () => ({ deliver_subject: inboxOf(stream, dice.pick(CONSUMERS)) })],
    [theme.rates ? 5 : 0, () => ({ rate_limit_bps: dice.pick([0, 80_000_000, 800_000_000]) })],
    [1, () => (theme.pauses ? { pause_until: dice.pick([FUTURE, PAST]) } : {})],
    [
      3,
      () => ({
        priority_groups: dice.pick([['g1'], ['g1'], ['g1', 'g2'], []]),
        priority_policy: dice.pick(['overflow', 'pinned_client', 'prioritized', 'none']),
        ...(dice.chance(20) ? { priority_timeout: HOUR } : {}),
      }),
    ],
  ])();
}

/** What is mostly refused. */
function odd(dice: Dice, theme: Theme): Config {
  if (theme.refilters && dice.chance(30))
    return dice.pick<Config>([
      { filter_subject: 'x', filter_subjects: ['y'] },
      { filter_subjects: ['a.1', 'a.*'] },
      { filter_subjects: ['a.1', ''] },
    ]);
  return dice.pick<Config>([
    { ack_policy: 'bogus' },
    { ack_policy: undefined },
    { deliver_policy: 'bogus' },
    { replay_policy: 'bogus' },
    { durable_name: 'other' },
    { durable_name: 'a.b' },
    { name: 'other' },
    { max_deliver: -5 },
    { ack_wait: -1 },
    { max_waiting: -1 },
    { max_batch: -1 },
    { max_ack_pending: 5000 },
    { backoff: [HOUR, HOUR, HOUR], max_deliver: 2 },
    { sample_freq: 'x' },
    { sample_freq: '101' },
    { deliver_subject: 'a.1' },
    { deliver_subject: 'd.*' },
    { deliver_group: 'g' },
    { flow_control: true },
    { idle_heartbeat: 1 },
    { num_replicas: 3 },
    { priority_groups: ['g1'] },
    { priority_policy: 'overflow' },
    { priority_policy: 'bogus', priority_groups: ['g1'] },
    { priority_groups: ['a b'], priority_policy: 'overflow' },
    { bogus: 1 },
    { description: 'x'.repeat(4097) },
    { inactive_threshold: -1 },
    { direct: true },
    { metadata: { '_nats.req.level': '99' } },
    { max_expires: 1 },
  ]);
}

export function createConsumer(dice: Dice, stream: string, config: Config): Operation {
  const name = config.name as string;
  const action = dice.pick(['', '', '', 'create', 'update', 'bogus']);
  const body = {
    stream_name: dice.chance(98) ? stream : 'A',
    config,
    ...(action === '' ? {} : { action }),
  };
  const { filter_subject: filter } = config;
  const subject = dice.weighted([
    [20, `CONSUMER.CREATE.${stream}.${name}`],
    [4, `CONSUMER.DURABLE.CREATE.${stream}.${name}`],
    [3, `CONSUMER.CREATE.${stream}.${name}.${filter || 'x'}`],
    [1, `CONSUMER.CREATE.${stream}.c1`],
  ]);
  return { op: 'ask', subject: `$JS.API.${subject}`, body };
}

/** A pull request. Those that wait do so for the rest of the script, or for a short time within the operation. */
export function pull(dice: Dice, stream: string, consumer: string, theme: Theme): Operation {
  const batch = dice.pick([1, 1, 2, 3, 5, 10]);
  const more: Config = {
    ...(dice.chance(10) ? { max_bytes: dice.pick([50, 150, 500, 2000]) } : {}),
    ...(dice.chance(15) ? { group: dice.pick(['g1', 'g1', 'g2', '']) } : {}),
    ...(dice.chance(8) ? { min_pending: dice.pick([1, 3]) } : {}),
    ...(!theme.purges && dice.chance(8) ? { min_ack_pending: dice.pick([1, 2]) } : {}),
    ...(dice.chance(8) ? { priority: dice.pick([0, 1, 3, 9, 10]) } : {}),
    ...(dice.chance(2) ? { id: 'x' } : {}),
  };
  const base = { op: 'pull', stream, consumer } as const;
  if (theme.timed && dice.chance(30)) {
    const body = {
      batch,
      ...more,
      expires: 250e6,
      ...(dice.chance(30) ? { no_wait: true } : {}),
    };
    return { ...base, body, wait: 600 };
  }
  const waiting = theme.pauses ? 0 : 30;
  if (dice.chance(8))
    return {
      ...base,
      body: dice.pick([
        '0',
        '-1',
        '{"batch":0,"no_wait":true}',
        'x',
        '{"batch":1,"bogus":1,"no_wait":true}',
        '{"expires":1}',
        '{"batch":2,"idle_heartbeat":1000000000,"no_wait":true}',
        '{"batch":1,"expires":-1,"no_wait":true}',
      ]),
    };
  if (dice.chance(waiting)) {
    const request = { batch, ...more, ...(dice.chance(70) ? { expires: HOUR } : {}) };
    return { ...base, body: dice.chance(15) ? String(batch) : request };
  }
  return { ...base, body: { batch, ...more, no_wait: true } };
}

export function ack(dice: Dice, stream: string, consumer: string, theme: Theme): Operation {
  const back = dice.weighted([
    [10, 0],
    [5, 1],
    [3, 2],
    [2, 3],
    [1, 5],
  ]);
  const confirmed = dice.chance(60);
  const verb = dice.weighted<string>([
    [40, '+ACK'],
    [10, ''],
    [20, '-NAK'],
    [4, '-NAK {"delay":3600000000000}'],
    [2, '-NAK 1h'],
    [1, '-NAK x'],
    [1, '-NAK {"delay":"x"}'],
    [6, '+WPI'],
    [8, '+TERM'],
    [4, '+TERM some reason'],
    [theme.pauses ? 0 : 5, '+NXT'],
    [4, '+NXT {"batch":2,"no_wait":true}'],
    [1, '+ack'],
    [1, 'nonsense'],
    [1, '+OK'],
  ]);
  if (theme.timed && dice.chance(15))
    return { op: 'ack', stream, consumer, back, verb: '-NAK {"delay":200000000}', confirmed, wait: 600 };
  return { op: 'ack', stream, consumer, back, verb, confirmed };
}

export function forgedAck(dice: Dice, stream: string, consumer: string, theme: Theme): Operation {
  const odd = () => dice.pick(['x', '-1', '18446744073709551615', '18446744073709551617']);
  const n = () => dice.pick([0, 1, 2, 3, 9, 50]);
  const tokens = dice.weighted([
    [10, `1.${n()}.${n()}.1700000000000000000.${n()}`],
    [4, `2.${n()}.${n()}.1700000000000000000.0`],
    [3, `${odd()}.${n()}.${n()}.1700000000000000000.0`],
    [3, `1.${odd()}.${n()}.1700000000000000000.0`],
    // With `ack_policy: all` it would be the floor (docs/DIFFERENCES.md).
    [theme.deletes ? 3 : 0, `1.${n()}.${odd()}.1700000000000000000.0`],
    [1, `1.${n()}.${n()}.x.x`],
    [1, '1.1'],
  ]);
  return { op: 'forged', stream, consumer, tokens, verb: dice.pick(['+ACK', '-NAK', '+TERM', '+WPI']) };
}

/** Something is done to a consumer that is there. */
export function treatment(dice: Dice, stream: string, consumer: string, theme: Theme): Operation {
  const api = (subject: string, body: unknown = ''): Operation => ({
    op: 'ask',
    subject: `$JS.API.CONSUMER.${subject}.${stream}.${consumer}`,
    body,
  });
  return dice.weighted<Operation>([
    [4, api('INFO')],
    [3, api('DELETE')],
    [
      theme.ahead ? 6 : 0,
      api(
        'RESET',
        dice.pick<unknown>(['', {}, { seq: 1 }, { seq: 2 }, { seq: 5 }, { seq: 100 }, { seq: 0 }, '{']),
      ),
    ],
    [1, api('UNPIN', dice.pick<unknown>([{ group: 'g1' }, { group: 'g2' }, {}, '']))],
    [
      theme.pauses ? 6 : 0,
      api('PAUSE', dice.pick<unknown>([{ pause_until: FUTURE }, { pause_until: PAST }, {}, '', 'x'])),
    ],
  ]);
}

// Random configurations of streams, and random messages for them.
import { type Dice, HOUR, SECOND } from './jetstream-random-dice.js';
import type { Operation } from './jetstream-random-script.js';

export type Config = Record<string, unknown>;

/** What a script is about: what would always differ together, on purpose, is not in one script. */
export interface Theme {
  storage: 'file' | 'memory' | 'mixed';
  /** Mirrors and sources. */
  copies: boolean;
  counters: boolean;
  batches: boolean;
  schedules: boolean;
  /** Streams have limits, and messages go when consumers are done with them. */
  limits: boolean;
  /** Filters of consumers change: what they have of the old one must not go. */
  refilters: boolean;
  /** Consumers begin at a sequence. */
  ahead: boolean;
  /** Messages are purged: officially consumers go on counting what they have of it. */
  purges: boolean;
  /** Messages are deleted and purged. Without it there may be consumers that acknowledge all, or deliver the last ones. */
  deletes: boolean;
  /** Consumers are paused: nobody waits for messages then. */
  pauses: boolean;
  /** Push consumers have rate limits: officially a stream with a small `max_msg_size` stops them for ever. */
  rates: boolean;
  restarts: boolean;
  /** Short times. */
  timed: boolean;
}

export const NAMES = ['A', 'B', 'C'] as const;

/** Subjects of messages of a stream. */
export function subjectOf(dice: Dice, stream: string): string {
  const low = stream.toLowerCase();
  return dice.weighted([
    [30, `${low}.1`],
    [25, `${low}.2`],
    [15, `${low}.3`],
    [8, `${low}.x.1`],
    [6, `${low}.x.2`],
    [4, `${low}.new`],
    [2, low],
    [1, `${low}.x.y.z`],
  ]);
}

export function filterOf(dice: Dice, stream: string): string {
  const low = stream.toLowerCase();
  return dice.weighted([
    [10, `${low}.1`],
    [8, `${low}.2`],
    [8, `${low}.*`],
    [8, `${low}.>`],
    [5, `${low}.x.>`],
    [4, `${low}.x.*`],
    [3, '>'],
    [3, '*.1'],
    [2, `*.*`],
    [2, 'none'],
    [1, `${low}.*.1`],
    [1, 'a..b'],
    [1, ''],
  ]);
}

/** A configuration that a stream could have at first. */
export function freshConfig(dice: Dice, name: string, theme: Theme): Config {
  const low = name.toLowerCase();
  const config: Config = {
    name,
    subjects: dice.weighted<string[]>([
      [60, [`${low}.>`]],
      [15, [`${low}.*`, `${low}.x.*`]],
      [10, [low, `${low}.>`]],
      [10, [`${low}.1`, `${low}.2`, `${low}.x.>`]],
      [3, [`${low}.>`, 'c.3']],
    ]),
    storage: theme.storage === 'mixed' ? dice.pick(['file', 'memory']) : theme.storage,
  };
  if (dice.chance(60)) config.allow_direct = true;
  if (theme.counters && dice.chance(70)) Object.assign(config, { allow_msg_counter: true });
  if (theme.batches && dice.chance(80)) Object.assign(config, { allow_atomic: true, allow_batched: true });
  if (theme.schedules && dice.chance(80)) config.allow_msg_schedules = true;
  if (theme.purges && dice.chance(40)) config.allow_rollup_hdrs = true;
  if (dice.chance(25)) config.allow_msg_ttl = true;
  for (let n = dice.below(4); n > 0; n--) Object.assign(config, field(dice, name, theme));
  if (dice.chance(10)) Object.assign(config, odd(dice, name));
  if (theme.copies && dice.chance(name === 'A' ? 10 : 75)) makeCopy(dice, config, name);
  return config;
}

/** The same stream, somewhat changed. */
export function changedConfig(dice: Dice, config: Config, theme: Theme): Config {
  const name = config.name as string;
  const changed = { ...config };
  for (let n = 1 + dice.below(2); n > 0; n--) {
    if (dice.chance(30)) {
      const key = dice.pick(Object.keys(changed));
      if (key !== 'name') delete changed[key];
    } else Object.assign(changed, dice.chance(15) ? odd(dice, name) : field(dice, name, theme));
  }
  return changed;
}

function field(dice: Dice, name: string, theme: Theme): Config {
  const low = name.toLowerCase();
  if (theme.limits && dice.chance(45)) return limit(dice, theme);
  return dice.weighted<() => Config>([
    [3, () => ({ max_msg_size: dice.pick(theme.rates ? [-1, 0] : [-1, 0, 10, 60, 200]) })],
    [2, () => ({ max_age: dice.pick([0, HOUR, 1]) })],
    [2, () => ({ duplicate_window: dice.pick([0, HOUR, 2 * HOUR]) })],
    [2, () => ({ max_consumers: dice.pick([-1, 0, 1, 2]) })],
    [1, () => ({ num_replicas: dice.pick([0, 1]) })],
    [1, () => ({ no_ack: true })],
    [1, () => ({ sealed: true })],
    [2, () => ({ deny_delete: dice.chance(70) })],
    [2, () => ({ deny_purge: dice.chance(70) })],
    [
      3,
      () => ({
        republish: {
          src: dice.pick([`${low}.>`, `${low}.*`, '>', `${low}.1`]),
          dest: dice.pick([`rp.${low}.>`, `rp.${low}.{{wildcard(1)}}`, `rp.${low}.x`]),
          ...(dice.chance(30) ? { headers_only: true } : {}),
        },
      }),
    ],
    [
      2,
      () => ({
        subject_transform: {
          src: dice.pick([`${low}.*`, `${low}.>`, `${low}.x.*`]),
          dest: dice.pick([`t${low}.{{wildcard(1)}}`, `t${low}.>`, `${low}.1`, `t${low}.{{partition(3,1)}}`]),
        },
      }),
    ],
    [2, () => ({ compression: dice.pick(['s2', 'none']) })],
    [2, () => ({ first_seq: dice.pick([0, 1, 7, 1000]) })],
    [2, () => ({ allow_direct: dice.chance(50) })],
    [1, () => ({ mirror_direct: true })],
    [3, () => ({ allow_msg_ttl: dice.chance(80) })],
    [2, () => ({ subject_delete_marker_ttl: dice.pick([0, HOUR, SECOND / 2]) })],
    [2, () => ({ allow_atomic: dice.chance(70) })],
    [2, () => ({ allow_batched: dice.chance(70) })],
    [1, () => ({ allow_msg_counter: dice.chance(70) })],
    [1, () => (theme.schedules ? { allow_msg_schedules: dice.chance(70) } : {})],
    [1, () => ({ persist_mode: dice.pick(['async', 'default']) })],
    [1, () => ({ metadata: dice.pick([{}, { a: 'b' }, { '_nats.x': 'y' }, { b: 'c', a: '<&>' }]) })],
    [1, () => ({ description: dice.pick(['', 'some words', 'é "<']) })],
    [
      1,
      () => ({
        consumer_limits: dice.pick([
          {},
          { max_ack_pending: theme.purges ? 1000 : 3 },
          { inactive_threshold: HOUR },
          { max_ack_pending: -1 },
        ]),
      }),
    ],
    [2, () => ({ subjects: dice.pick([[`${low}.>`], [`${low}.1`], [`${low}.*`, 'd.1'], []]) })],
    [1, () => ({ storage: dice.pick(['file', 'memory']) })],
  ])();
}

/** What was copied for nobody is officially copied again after a restart (docs/DIFFERENCES.md). */
const retentions = ({ copies, restarts }: Theme): string[] =>
  copies && restarts ? ['limits', 'workqueue'] : ['limits', 'interest', 'workqueue'];

/** By what messages go. */
function limit(dice: Dice, theme: Theme): Config {
  return dice.weighted<() => Config>([
    [5, () => ({ retention: dice.pick(retentions(theme)) })],
    [5, () => ({ max_msgs: dice.pick([-1, 0, 1, 3, 5, 10]) })],
    [4, () => ({ max_bytes: dice.pick([-1, 0, 100, 300, 1000]) })],
    [5, () => ({ max_msgs_per_subject: dice.pick([-1, 0, 1, 2, 3]) })],
    [5, () => ({ discard: dice.pick(['old', 'new']) })],
    [
      3,
      () => ({ discard: 'new', discard_new_per_subject: true, max_msgs_per_subject: dice.pick([0, 1, 2]) }),
    ],
    [theme.purges ? 3 : 0, () => ({ allow_rollup_hdrs: dice.chance(70) })],
  ])();
}

/** What is mostly refused. */
function odd(dice: Dice, name: string): Config {
  const low = name.toLowerCase();
  return dice.pick<Config>([
    { subjects: ['a.>', 'b.1'] },
    { subjects: [`${low}.>`, `${low}.1`] },
    { subjects: ['$JS.x'] },
    { subjects: ['x..y'] },
    { subjects: ['>'], no_ack: false },
    { num_replicas: 3 },
    { num_replicas: -1 },
    { placement: { cluster: 'x' } },
    { placement: { tags: ['x'] } },
    { retention: 'bogus' },
    { discard: 'bogus' },
    { storage: 'tape' },
    { max_msg_size: -5 },
    { max_age: -1 },
    { duplicate_window: -1 },
    { max_age: HOUR, duplicate_window: 2 * HOUR },
    { discard_new_per_subject: true },
    { bogus: true },
    { max_msgs: 'x' },
    { max_msgs: 1.5 },
    { mirror: { name: 'NONE' }, subjects: undefined },
    { mirror: { name: 'A' } },
    { sources: [{ name: name }] },
    { sources: [{ name: '' }] },
    { republish: { src: 'x.>', dest: 'y' } },
    { republish: { src: `${low}.>`, dest: `${low}.>` } },
    { subject_transform: { src: 'x.*', dest: 'y.{{wildcard(2)}}' } },
    { subject_transform: { src: '', dest: 'y' } },
    { metadata: { '_nats.req.level': '99' } },
    { description: 'x'.repeat(4097) },
    { first_seq: -1 },
    { compression: 'zip' },
    { subject_delete_marker_ttl: HOUR, allow_msg_ttl: false },
    { subject_delete_marker_ttl: HOUR, deny_purge: true },
    { allow_msg_counter: true, allow_msg_ttl: true },
    { allow_msg_counter: true, discard: 'new' },
    { retention: 'interest', discard: 'new' },
    { name: 'OTHER' },
    { template_owner: 'x' },
    { consumer_limits: { max_ack_pending: 1, inactive_threshold: -1 } },
  ]);
}

function makeCopy(dice: Dice, config: Config, name: string): void {
  const origin = (other: string): Config => ({
    name: other,
    ...(dice.chance(20) ? { opt_start_seq: dice.pick([1, 2, 5]) } : {}),
    ...(dice.chance(25) ? { filter_subject: filterOf(dice, other) } : {}),
    ...(dice.chance(20)
      ? {
          subject_transforms: [
            { src: `${other.toLowerCase()}.*`, dest: `s${name.toLowerCase()}.{{wildcard(1)}}` },
          ],
        }
      : {}),
  });
  const others = NAMES.filter((other) => other < name);
  if (others.length === 0) others.push('B');
  if (dice.chance(50)) {
    config.mirror = origin(dice.pick(others));
    delete config.subjects;
    if (dice.chance(40)) config.mirror_direct = true;
    return;
  }
  const first = dice.pick(others);
  // Of two sources of one origin either comes first.
  const rest = others.filter((other) => other !== first);
  config.sources = [origin(first), ...(rest.length > 0 && dice.chance(50) ? [origin(dice.pick(rest))] : [])];
  if (dice.chance(60)) delete config.subjects;
}

/** Publishes to a stream. */
export function message(dice: Dice, stream: string, theme: Theme): Operation[] {
  const subject = subjectOf(dice, stream);
  if (theme.batches && dice.chance(30))
    return dice.chance(50) ? atomicBatch(dice, stream) : fastBatch(dice, stream);
  const body = bodyOf(dice);
  const headers: [string, string][] = [];
  if (theme.counters && dice.chance(80))
    headers.push([
      'Nats-Incr',
      dice.pick(['1', '1', '5', '+2', '-3', '0', '99999999999999999999', 'x', '', '1.5']),
    ]);
  if (theme.schedules && dice.chance(40)) headers.push(...scheduleHeaders(dice, stream));
  if (dice.chance(35)) for (let n = 1 + dice.below(2); n > 0; n--) headers.push(...header(dice, stream));
  return [{ op: 'ask', subject, body: theme.counters && dice.chance(80) ? '' : body, headers }];
}

function bodyOf(dice: Dice): string {
  return dice.weighted([
    [60, `m${dice.below(1000)}`],
    [10, ''],
    [10, 'x'.repeat(dice.below(80))],
    [3, 'x'.repeat(250)],
    [1, 'y'.repeat(5000)],
  ]);
}

function header(dice: Dice, stream: string): [string, string][] {
  const low = stream.toLowerCase();
  const number = () => String(dice.pick([0, 1, 2, 3, 4, 5, 7, 10]));
  return dice.weighted<() => [string, string][]>([
    [5, () => [['Nats-Msg-Id', dice.pick(['m1', 'm2', 'm3', ''])]]],
    [2, () => [['Nats-Expected-Stream', dice.pick([stream, stream, 'A', ''])]]],
    [4, () => [['Nats-Expected-Last-Sequence', number()]]],
    [4, () => [['Nats-Expected-Last-Subject-Sequence', number()]]],
    [
      3,
      () => [
        ['Nats-Expected-Last-Subject-Sequence', number()],
        ['Nats-Expected-Last-Subject-Sequence-Subject', filterOf(dice, stream)],
      ],
    ],
    [1, () => [['Nats-Expected-Last-Subject-Sequence-Subject', `${low}.1`]]],
    [2, () => [['Nats-Expected-Last-Msg-Id', dice.pick(['m1', 'm2', ''])]]],
    [5, () => [['Nats-Rollup', dice.pick(['sub', 'sub', 'all', 'SUB', 'x', ''])]]],
    [4, () => [['Nats-TTL', dice.pick(['1h', '3600', 'never', '0', '-1', 'x', '', '500ms', '100h'])]]],
    [1, () => [['Nats-Incr', '1']]],
    [1, () => [['Nats-Batch-Id', 'lone']]],
    [1, () => [['Nats-Schedule', '@at 2099-01-01T00:00:00Z']]],
    [1, () => [['Nats-Marker-Reason', dice.pick(['MaxAge', 'Purge', 'Remove'])]]],
    [1, () => [['KV-Operation', dice.pick(['DEL', 'PURGE', 'PUT'])]]],
    [1, () => [['Nats-Required-Api-Level', dice.pick(['0', '99', 'x'])]]],
    [1, () => [['Nats-Stream-Source', 'X 1 > > x.1']]],
    [1, () => [['Nats-Sequence', '7']]],
    [1, () => [['nats-msg-id', 'm1']]],
    [
      1,
      () => [
        ['Nats-Msg-Id', 'm1'],
        ['Nats-Msg-Id', 'm2'],
      ],
    ],
    [2, () => [['X', dice.pick(['y', '', ' spaces ', 'é'])]]],
  ])();
}

function scheduleHeaders(dice: Dice, stream: string): [string, string][] {
  const headers: [string, string][] = [
    [
      'Nats-Schedule',
      dice.pick(['@at 2099-01-01T00:00:00Z', '@yearly', '@every 1h', '@at x', 'x', '0 0 0 1 1 *', '']),
    ],
  ];
  if (dice.chance(90))
    headers.push([
      'Nats-Schedule-Target',
      dice.pick([subjectOf(dice, stream), 'other', `${stream.toLowerCase()}.*`]),
    ]);
  if (dice.chance(15)) headers.push(['Nats-Schedule-TTL', dice.pick(['1h', 'x', 'never'])]);
  if (dice.chance(15)) headers.push(['Nats-Schedule-Source', filterOf(dice, stream)]);
  if (dice.chance(10)) headers.push(['Nats-Schedule-Time-Zone', dice.pick(['Europe/Berlin', 'No/Where'])]);
  if (dice.chance(10)) headers.push(['Nats-Schedule-Rollup', dice.pick(['sub', 'all', 'x'])]);
  return headers;
}

function atomicBatch(dice: Dice, stream: string): Operation[] {
  const id = dice.weighted([
    [30, `b${dice.below(4)}`],
    [1, ''],
    [1, 'b'.repeat(65)],
  ]);
  const length = 1 + dice.below(4);
  const operations: Operation[] = [];
  for (let n = 1; n <= length; n++) {
    if (dice.chance(4)) continue;
    const headers: [string, string][] = [
      ['Nats-Batch-Id', id],
      ['Nats-Batch-Sequence', dice.chance(3) ? dice.pick(['0', 'x', '9']) : String(n)],
    ];
    if (n === length && dice.chance(90))
      headers.push(['Nats-Batch-Commit', dice.pick(['1', '1', '1', 'eob', 'x'])]);
    if (dice.chance(25)) headers.push(...header(dice, stream));
    operations.push({ op: 'ask', subject: subjectOf(dice, stream), body: bodyOf(dice), headers });
  }
  return operations;
}

function fastBatch(dice: Dice, stream: string): Operation[] {
  const id = `${stream}${dice.below(4)}`;
  const gap = dice.pick(['ok', 'fail', 'fail', 'x']);
  const flow = dice.pick([1, 2, 3, 10]);
  const length = 1 + dice.below(4);
  const operations: Operation[] = [];
  for (let n = 1; n <= length; n++) {
    if (dice.chance(5)) continue;
    const last = n === length && dice.chance(90);
    const verb = last
      ? dice.pick([2, 3])
      : n === 1
        ? 0
        : dice.weighted([
            [20, 1],
            [1, 4],
            [1, 0],
            [1, 7],
          ]);
    operations.push({
      op: 'ask',
      subject: subjectOf(dice, stream),
      body: bodyOf(dice),
      headers: dice.chance(20) ? header(dice, stream).filter(isSameInBatches) : [],
      reply: `${id}.${id}.${flow}.${gap}.${n}.${verb}.$FI`,
      silent: true,
    });
  }
  return operations;
}

/** A batch goes on officially when the last id is not the expected one (docs/DIFFERENCES.md). */
const isSameInBatches = ([name, value]: [string, string]): boolean =>
  name !== 'Nats-Expected-Last-Msg-Id' || value === '';

const api = (subject: string, body: unknown = ''): Operation => ({
  op: 'ask',
  subject: `$JS.API.${subject}`,
  body,
});

/** Something is taken away. */
export function removal(dice: Dice, stream: string, theme: Theme): Operation {
  const seq = dice.pick([1, 2, 3, 4, 5, 6, 8, 10, 12]);
  if (!theme.purges || dice.chance(60))
    return api(
      `STREAM.MSG.DELETE.${stream}`,
      dice.weighted<unknown>([
        [12, { seq }],
        [4, { seq, no_erase: true }],
        [1, { seq: 0 }],
        [1, {}],
        [1, ''],
        [1, { seq: 'x' }],
      ]),
    );
  const filter = filterOf(dice, stream);
  return api(
    `STREAM.PURGE.${stream}`,
    dice.weighted<unknown>([
      [2, ''],
      [5, { filter }],
      [3, { seq }],
      [3, { keep: dice.below(4) }],
      [3, { filter, seq }],
      [3, { filter, keep: dice.below(3) }],
      [1, { seq, keep: 1 }],
      [1, { seq: 100 }],
      [1, { filter, bogus: 1 }],
      [1, '{'],
    ]),
  );
}

/** A question about messages. */
export function question(dice: Dice, stream: string, theme: Theme): Operation {
  const seq = dice.pick([0, 1, 2, 3, 4, 5, 8, 12, 99]);
  const low = stream.toLowerCase();
  const filter = dice.chance(90) ? filterOf(dice, stream) : `t${low}.1`;
  const kind = dice.below(10);
  if (kind === 0)
    return api(
      `STREAM.INFO.${stream}`,
      dice.pick<unknown>([
        '',
        { subjects_filter: filter },
        { deleted_details: true },
        { subjects_filter: '>', offset: 1 },
        { subjects_filter: filter, deleted_details: true, offset: 99 },
        { bogus: 1 },
      ]),
    );
  // A mirror may answer in place of its origin.
  if (kind === 1 && !theme.copies)
    return api(`DIRECT.GET.${stream}.${subjectOf(dice, stream)}`, dice.pick(['', '{"no_hdr":true}', 'x']));
  const time = dice.pick(['2020-01-01T00:00:00Z', '2099-01-01T00:00:00Z']);
  const single: Config = dice.weighted<Config>([
    [4, { seq }],
    [3, { last_by_subj: filter }],
    [3, { next_by_subj: filter }],
    [4, { seq, next_by_subj: filter }],
    [1, { seq, last_by_subj: filter }],
    [1, { start_time: time }],
    [1, { start_time: time, next_by_subj: filter }],
    [1, { seq, start_time: time }],
    [1, {}],
  ]);
  if (kind < 5 || theme.copies)
    return api(`STREAM.MSG.GET.${stream}`, { ...single, ...(dice.chance(10) ? { no_hdr: true } : {}) });
  if (kind < 7)
    return api(`DIRECT.GET.${stream}`, { ...single, ...(dice.chance(10) ? { no_hdr: true } : {}) });
  if (kind < 9)
    return api(`DIRECT.GET.${stream}`, {
      ...single,
      batch: dice.pick([0, 1, 2, 3, 10, -1]),
      ...(dice.chance(20) ? { max_bytes: dice.pick([0, 1, 50, 200]) } : {}),
    });
  return api(`DIRECT.GET.${stream}`, {
    multi_last: [filter, ...(dice.chance(40) ? [filterOf(dice, stream)] : [])],
    // Beyond the last message officially a stream in files has none.
    ...(theme.storage === 'memory' && dice.chance(40) ? { up_to_seq: seq } : {}),
    ...(dice.chance(10) ? { up_to_time: time } : {}),
    ...(dice.chance(20) ? { batch: dice.pick([1, 2, 5]) } : {}),
    ...(dice.chance(10) ? { seq } : {}),
    ...(dice.chance(15) ? { max_bytes: dice.pick([1, 60, 200]) } : {}),
  });
}

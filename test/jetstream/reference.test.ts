// What the reference says of options is what the server does: there is a page for each field, texts of errors are in the sources, levels
// and whether a change is taken are tried out.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WeftServer } from '../../src/index.js';
import { consumerConfig } from '../../src/jetstream/consumer-config.js';
import { consumerOptions } from '../../src/jetstream/reference/consumer-options.js';
import type { OptionReference } from '../../src/jetstream/reference/option.js';
import { streamFeatureOptions } from '../../src/jetstream/reference/stream-feature-options.js';
import { streamOptions } from '../../src/jetstream/reference/stream-options.js';
import { streamConfig } from '../../src/jetstream/stream-config.js';
import { JetStreamUser, type Json } from '../embedding/jetstream-support.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const ofStreams = [...streamOptions, ...streamFeatureOptions];

const SECOND = 1e9;

/** The option before and after a change, with what it needs beside it. */
type Change = readonly [before: Json, after: Json, beside?: Json];

const streamChanges: Readonly<Record<string, Change>> = {
  description: ['a', 'b'],
  subjects: [['s.a'], ['s.a', 's.b']],
  retention: ['limits', 'interest'],
  max_consumers: [5, 6],
  max_msgs: [5, 6],
  max_bytes: [5000, 6000],
  max_age: [500 * SECOND, 600 * SECOND],
  max_msgs_per_subject: [5, 6],
  max_msg_size: [500, 600],
  discard: ['old', 'new'],
  discard_new_per_subject: [false, true, { discard: 'new', max_msgs_per_subject: 1 }],
  storage: ['file', 'memory'],
  num_replicas: [1, 3],
  no_ack: [false, true],
  duplicate_window: [SECOND, 2 * SECOND],
  placement: [{ cluster: 'a' }, { cluster: 'b' }],
  mirror: [{ name: 'ORIGIN' }, { name: 'OTHER' }, { subjects: undefined }],
  sources: [[{ name: 'ORIGIN' }], [{ name: 'OTHER' }]],
  compression: ['none', 's2'],
  first_seq: [10, 20],
  subject_transform: [
    { src: 's.a', dest: 's.b' },
    { src: 's.a', dest: 's.c' },
  ],
  republish: [
    { src: '>', dest: 'r.>' },
    { src: '>', dest: 'q.>' },
  ],
  allow_direct: [false, true],
  mirror_direct: [false, true],
  sealed: [false, true],
  deny_delete: [false, true],
  deny_purge: [false, true],
  allow_rollup_hdrs: [false, true],
  consumer_limits: [{ max_ack_pending: 5 }, { max_ack_pending: 6 }],
  allow_msg_ttl: [false, true],
  subject_delete_marker_ttl: [SECOND, 2 * SECOND],
  allow_msg_counter: [true, false],
  allow_atomic: [false, true],
  allow_msg_schedules: [false, true],
  persist_mode: [undefined, 'async'],
  allow_batched: [false, true],
  metadata: [{ a: '1' }, { a: '2' }],
};

const PUSH = { deliver_subject: 'd' };
const PRIORITY = { priority_policy: 'overflow', priority_groups: ['a'] };
const consumerChanges: Readonly<Record<string, Change>> = {
  description: ['a', 'b'],
  deliver_policy: ['all', 'new'],
  opt_start_seq: [5, 6, { deliver_policy: 'by_start_sequence' }],
  opt_start_time: ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', { deliver_policy: 'by_start_time' }],
  ack_policy: ['explicit', 'all'],
  ack_wait: [SECOND, 2 * SECOND],
  max_deliver: [5, 6],
  backoff: [
    [SECOND, 2 * SECOND],
    [SECOND, 3 * SECOND],
  ],
  filter_subject: ['s.a', 's.b'],
  filter_subjects: [['s.a', 's.b'], ['s.c']],
  replay_policy: ['instant', 'original'],
  rate_limit_bps: [1000, 2000, PUSH],
  sample_freq: ['10', '20%'],
  max_waiting: [5, 6],
  max_ack_pending: [5, 6],
  flow_control: [false, true, { ...PUSH, idle_heartbeat: SECOND }],
  headers_only: [false, true],
  max_batch: [5, 6],
  max_expires: [SECOND, 2 * SECOND],
  max_bytes: [500, 600],
  deliver_subject: ['d', 'e'],
  deliver_group: ['a', 'b', PUSH],
  idle_heartbeat: [SECOND, 2 * SECOND, PUSH],
  inactive_threshold: [SECOND, 2 * SECOND],
  num_replicas: [0, 3],
  mem_storage: [false, true],
  direct: [false, true, { ...PUSH, durable_name: undefined }],
  sourcing: [false, true, PUSH],
  metadata: [{ a: '1' }, { a: '2' }],
  pause_until: ['2030-01-01T00:00:00Z', '2031-01-01T00:00:00Z'],
  priority_policy: ['overflow', 'prioritized', { priority_groups: ['a'] }],
  priority_groups: [['a'], ['b'], PRIORITY],
  priority_timeout: [SECOND, 2 * SECOND, PRIORITY],
};

function optionOf(all: readonly OptionReference[], name: string): OptionReference {
  const found = all.find((option) => option.name === name);
  assert.ok(found, name);
  return found;
}

/** Whether a change is taken as it is meant. */
async function isTaken(change: () => Promise<Json>, name: string, after: Json): Promise<boolean> {
  let config: Json;
  try {
    ({ config } = await change());
  } catch {
    return false;
  }
  const {
    '_nats.req.level': _level,
    '_nats.ver': _version,
    '_nats.level': _own,
    ...metadata
  } = config.metadata;
  const shown = name === 'metadata' ? metadata : config[name];
  return JSON.stringify(shown ?? false) === JSON.stringify(after ?? false);
}

test('each field has its page, and there are no others', () => {
  assert.deepEqual(ofStreams.map(({ name }) => name).sort(), Object.keys(streamConfig.fields).sort());
  assert.deepEqual(consumerOptions.map(({ name }) => name).sort(), Object.keys(consumerConfig.fields).sort());
  const changeable = (all: readonly OptionReference[]) =>
    all.map(({ name }) => name).filter((name) => name !== 'name' && name !== 'durable_name');
  assert.deepEqual(Object.keys(streamChanges).sort(), changeable(ofStreams).sort());
  assert.deepEqual(Object.keys(consumerChanges).sort(), changeable(consumerOptions).sort());
});

test('texts of errors that have one of their own are in the sources', () => {
  const folder = join(root, 'src', 'jetstream');
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.startsWith('reference'))
    .map((path) => readFileSync(join(folder, path), 'utf8'))
    .join('\n')
    // As they are in string literals.
    .replaceAll("\\'", "'")
    .replaceAll('\\\\', '\\');
  const missing = [...ofStreams, ...consumerOptions]
    .flatMap(({ errors }) => errors)
    .map(({ text }) => text.replace(/^(pedantic mode|invalid JSON|invalid reset): /, ''))
    // What is put together from parts.
    .filter(
      (text) =>
        !/<|can not contain|can not be updated|update can not|needs to be >= |must be set|must not be|but optional/.test(
          text,
        ),
    )
    .filter((text) => !sources.includes(text));
  assert.deepEqual(missing, []);
});

test('streams: levels, and what can be updated', async () => {
  await using server = await WeftServer.create({ jetstream: true }, { listen: false });
  const user = new JetStreamUser(server);
  await user.create({ name: 'ORIGIN', subjects: ['o'] });
  for (const [name, [before, after, beside]] of Object.entries(streamChanges)) {
    const { update, level } = optionOf(ofStreams, name);
    const base = { name: 'S', subjects: ['s.*'], ...beside };
    const { config }: Json = await user.create({ ...base, [name]: before });
    const change = (to: Json) => () => user.api('STREAM.UPDATE.S', { ...base, [name]: to });
    const taken = await isTaken(change(after), name, after);
    assert.equal(taken, /^(yes|between|it is kept|it can be set)/.test(update), `${name}: ${update}`);
    if (update.startsWith('it can be set'))
      assert.equal(await isTaken(change(before), name, before), false, name);
    const now = before ? config : (await user.api('STREAM.INFO.S')).config;
    if (taken || before) assert.equal(now.metadata['_nats.req.level'], String(level), name);
    await user.api('STREAM.DELETE.S');
  }
});

test('consumers: levels, and what can be updated', async () => {
  await using server = await WeftServer.create({ jetstream: true }, { listen: false });
  const user = new JetStreamUser(server);
  await user.create({ name: 'S', subjects: ['s.*'] });
  for (const [name, [before, after, beside]] of Object.entries(consumerChanges)) {
    const { update, level } = optionOf(consumerOptions, name);
    const base = { name: 'c', durable_name: 'c', ack_policy: 'explicit', ...beside };
    const { config }: Json = await user.consumer('S', { ...base, [name]: before });
    const taken = await isTaken(() => user.consumer('S', { ...base, [name]: after }), name, after);
    assert.equal(taken, /^(yes|to another subject)/.test(update), `${name}: ${update}`);
    if (before) assert.equal(config.metadata['_nats.req.level'], String(level), name);
    await user.api('CONSUMER.DELETE.S.c');
  }
});

// Options of consumers together: groups with pauses and resets, limits of requests, samples, rates, and what updates do while messages
// are under way.
import type { Player } from '../jetstream-player.js';
import { MILLISECOND, type Scripts, SECOND } from './script.js';

async function create(p: Player, s: string, name: string, config: object, more: object = {}): Promise<void> {
  await p.api(`CONSUMER.CREATE.${s}.${name}`, {
    stream_name: s,
    config: { name, durable_name: name, ...config },
    ...more,
  });
}

async function fetch(p: Player, name: string, batch: number, more: object = {}): Promise<void> {
  await p.next(name, { batch, no_wait: true, ...more });
  await p.look(1, 1000);
}

/** Changes of one consumer in turn, each behind the other. */
const changes = (base: Record<string, unknown>, list: Record<string, unknown>[], bound = false) => ({
  async play(p: Player, s: string) {
    await p.store(`${s}.a`, `${s}.b`);
    if (bound) await p.sub('d1');
    await create(p, s, 'c', base);
    for (const change of list) {
      await create(p, s, 'c', { ...base, ...change }, { action: 'update' });
      await p.info('c');
    }
  },
});

export const moreScripts: Scripts = {
  'update: what was left': changes({ ack_policy: 'explicit', filter_subjects: ['a', 'b'] }, [
    { pause_until: '2099-01-01T00:00:00Z' },
    { pause_until: '2020-01-01T00:00:00Z' },
    {},
    { filter_subjects: ['a', 'a'] },
    { filter_subjects: ['a', '>'] },
    { filter_subjects: [], filter_subject: '' },
    { filter_subjects: undefined, filter_subject: 'c' },
    { max_waiting: 1 },
    { max_waiting: 0 },
    { max_ack_pending: -1 },
    { max_ack_pending: 0 },
    { max_deliver: -1 },
    { max_deliver: 0 },
    { ack_wait: -1 },
    { ack_wait: 1 },
    { backoff: [SECOND, SECOND, SECOND] },
    { backoff: [SECOND, SECOND, SECOND], max_deliver: 3 },
    { backoff: [SECOND], max_deliver: 3, ack_wait: 5 * SECOND },
    { inactive_threshold: -1 },
    { inactive_threshold: SECOND },
    { max_expires: 1 },
    { max_expires: MILLISECOND },
    { max_batch: -1 },
    { max_bytes: -1 },
    { sample_freq: '101' },
    { sample_freq: '5x' },
    { sample_freq: '-5' },
    { sample_freq: ' 5% ' },
    { metadata: { '_nats.req.level': '9', a: 'b' } },
    { description: 'x'.repeat(4097) },
    { num_replicas: 2 },
    { num_replicas: -1 },
    { direct: true },
    { sourcing: true },
    { rate_limit_bps: 5 },
    { idle_heartbeat: SECOND },
    { flow_control: true },
    { deliver_group: 'g' },
    { durable_name: 'x' },
    { name: 'x' },
    { durable_name: '' },
    { opt_start_seq: 2 },
    { opt_start_time: '2020-01-01T00:00:00Z' },
    { priority_policy: 'prioritized', priority_groups: ['g'] },
    { priority_policy: 'pinned_client', priority_groups: ['g'], priority_timeout: SECOND },
    { priority_policy: 'overflow', priority_groups: ['g', 'h'] },
    { priority_groups: ['g'] },
    { replay_policy: 'original' },
    { deliver_policy: 'last' },
  ]),
  'update: priority': changes(
    {
      ack_policy: 'explicit',
      priority_policy: 'pinned_client',
      priority_groups: ['g'],
      priority_timeout: 5 * SECOND,
    },
    [
      { priority_timeout: SECOND },
      { priority_timeout: 0 },
      { priority_timeout: -1 },
      { priority_groups: ['h'] },
      { priority_groups: ['g', 'h'] },
      { priority_groups: [] },
      { priority_policy: 'overflow' },
      { priority_policy: 'overflow', priority_timeout: 0 },
      { priority_policy: 'none', priority_timeout: 0 },
      { priority_policy: 'none', priority_groups: [], priority_timeout: 0 },
    ],
  ),
  'update: push that is bound': changes(
    { ack_policy: 'explicit', deliver_subject: 'd1', idle_heartbeat: SECOND, flow_control: true },
    [
      { deliver_subject: 'd2' },
      { deliver_subject: 'd.*' },
      { max_waiting: 5 },
      { max_batch: 5 },
      { flow_control: false },
      { idle_heartbeat: 2 * SECOND },
      { idle_heartbeat: 0, flow_control: false },
      { rate_limit_bps: 5000 },
      { ack_wait: 5 * SECOND },
      { priority_policy: 'overflow', priority_groups: ['g'] },
      { pause_until: '2099-01-01T00:00:00Z' },
    ],
    true,
  ),
  'paused from the beginning': {
    async play(p, s) {
      await p.sub('in');
      await p.sub('$JS.EVENT.ADVISORY.CONSUMER.>');
      await p.store(`${s}.a`);
      await create(p, s, 'c', { ack_policy: 'explicit', pause_until: '2099-01-01T00:00:00Z' });
      await p.next('c', { batch: 1, expires: 700 * MILLISECOND, idle_heartbeat: 200 * MILLISECOND });
      await p.look(5);
      await p.info('c');
      await create(p, s, 'c', { ack_policy: 'explicit' });
      await p.info('c');
      await fetch(p, 'c', 1);
      await p.api(`CONSUMER.PAUSE.${s}.c`, { pause_until: '2099-01-01T00:00:00Z' });
      await create(p, s, 'c', {
        ack_policy: 'explicit',
        description: 'x',
        pause_until: '2020-01-01T00:00:00Z',
      });
      await p.info('c');
      await p.look(0);
      await p.sub('dd');
      await create(p, s, 'push', {
        deliver_subject: 'dd',
        deliver_policy: 'new',
        idle_heartbeat: SECOND,
        pause_until: '2099-01-01T00:00:00Z',
      });
      await p.look(3);
      await p.api(`CONSUMER.PAUSE.${s}.push`);
      await p.store(`${s}.b`);
      await p.look(3);
    },
  },
  'pins: pauses, resets, and other groups': {
    async play(p, s) {
      await p.sub('in.*');
      await p.sub('$JS.EVENT.ADVISORY.CONSUMER.*.>');
      await create(p, s, 'c', {
        ack_policy: 'explicit',
        priority_policy: 'pinned_client',
        priority_groups: ['g'],
        priority_timeout: 20 * SECOND,
      });
      const ask = (to: string, more: object = {}) =>
        p.next('c', { batch: 10, group: 'g', expires: 20 * SECOND, ...more }, to);
      await ask('in.1');
      await ask('in.2');
      await p.store(`${s}.a`);
      await p.look(2);
      await p.api(`CONSUMER.PAUSE.${s}.c`, { pause_until: '2099-01-01T00:00:00Z' });
      await p.look(1);
      await p.info('c');
      await p.api(`CONSUMER.PAUSE.${s}.c`);
      await p.store(`${s}.b`);
      await p.look(2);
      await p.api(`CONSUMER.RESET.${s}.c`, { seq: 1 });
      await p.look(3);
      await p.info('c');
      await p.api(`CONSUMER.UNPIN.${s}.c`, { group: 'g' });
      await p.store(`${s}.c`);
      await p.look(2);
      await p.info('c');
      await p.api(`CONSUMER.UNPIN.${s}.c`, { group: 'g', bogus: 1 });
      await p.api(`CONSUMER.UNPIN.${s}.c`, 'x');
      await create(p, s, 'c', { ack_policy: 'explicit' });
      await p.look(1, 500);
      await p.api(`CONSUMER.DELETE.${s}.c`);
      await p.look(2);
    },
  },
  'overflow with bytes, and heartbeats': {
    async play(p, s) {
      await p.sub('in.*');
      await create(p, s, 'c', {
        ack_policy: 'explicit',
        priority_policy: 'overflow',
        priority_groups: ['g'],
        max_ack_pending: 3,
      });
      await p.next(
        'c',
        {
          batch: 9,
          group: 'g',
          min_pending: 2,
          max_bytes: 300,
          expires: 1500 * MILLISECOND,
          idle_heartbeat: 500 * MILLISECOND,
        },
        'in.1',
      );
      await p.next('c', { batch: 9, group: 'g', min_ack_pending: 3, expires: 1800 * MILLISECOND }, 'in.2');
      await p.store(`${s}.a`, `${s}.b`, `${s}.c`, `${s}.d`, `${s}.e`);
      await p.look(2, 1000);
      await p.info('c');
      await p.look(3);
      await p.info('c');
    },
  },
  'bounds of requests': {
    async play(p, s) {
      await p.sub('in');
      await create(p, s, 'c', {
        ack_policy: 'explicit',
        max_batch: 3,
        max_expires: SECOND,
        max_bytes: 250,
        max_waiting: 2,
      });
      await p.store(...Array.from({ length: 6 }, (_, n) => `${s}.${n}`));
      for (const request of [
        { batch: 4 },
        { batch: 3, expires: SECOND + 100 * MILLISECOND },
        { batch: 3, expires: SECOND, max_bytes: 251 },
        { batch: 3, no_wait: true, expires: 2 * SECOND },
        { batch: 3, max_bytes: 100, no_wait: true },
        { batch: 3, expires: 700 * MILLISECOND, max_bytes: 250, idle_heartbeat: 300 * MILLISECOND },
        { batch: 0, no_wait: true },
        { batch: 3, expires: -5 },
        { batch: 3, max_bytes: -5, no_wait: true },
        { batch: 3, idle_heartbeat: -5, no_wait: true },
        { batch: 1, min_pending: 1, no_wait: true },
        { batch: 1, group: 'g', no_wait: true },
        { batch: 1, id: 'g', no_wait: true },
        { expires: 450 * MILLISECOND, batch: 3, idle_heartbeat: 100 * MILLISECOND },
      ]) {
        await p.next('c', request);
        await p.look(1, 1500);
        await p.look(1, 400);
      }
      await p.info('c');
    },
  },
  'samples of some, and where headers say so': {
    async play(p, s) {
      await p.sub('in');
      await p.sub('$JS.EVENT.METRIC.>');
      await p.store(`${s}.a`);
      for (const [name, freq] of [
        ['none', '0'],
        ['all', '100'],
        ['percent', '100%'],
      ]) {
        await create(p, s, name!, { ack_policy: 'all', sample_freq: freq });
        await fetch(p, name!, 2);
        await p.log.push(name!);
      }
      await p.ack(1, '', true);
      await p.ack(2, '+NXT', false);
      await p.look(3, 800);
    },
  },
  'a slow rate': {
    async play(p, s) {
      await p.sub('dd');
      for (let i = 0; i < 4; i++) await p.request(`${s}.a`, 'x'.repeat(1000));
      await create(p, s, 'c', { ack_policy: 'none', deliver_subject: 'dd', rate_limit_bps: 16_000 });
      await p.look(1, 300);
      await p.wait(2500);
      await p.look(3);
      await p.info('c');
    },
  },
  'acks of groups, delays and progress': {
    async play(p, s) {
      await p.sub('in');
      await create(p, s, 'c', {
        ack_policy: 'explicit',
        ack_wait: 600 * MILLISECOND,
        backoff: [600 * MILLISECOND, 900 * MILLISECOND],
        max_deliver: 4,
      });
      await p.store(`${s}.a`, `${s}.b`);
      await fetch(p, 'c', 2);
      await p.wait(400);
      await p.ack(0, '+WPI', true);
      await p.ack(0, '+WPI ', true);
      await p.ack(0, '+WPIX', true);
      await p.ack(1, '+ACKX', true);
      await p.info('c');
      await p.next('c', { batch: 2, expires: 3 * SECOND });
      await p.look(2);
      await p.ack(2, '-NAK {"delay":"x"}', true);
      await p.look(1);
      await p.ack(3, '-NAK -5s', true);
      await p.look(1);
      await p.info('c');
    },
  },
  'consumers in memory, and replicas': {
    async play(p, s) {
      await create(p, s, 'm', { ack_policy: 'explicit', mem_storage: true, num_replicas: 1 });
      await create(p, s, 'r', { ack_policy: 'explicit', num_replicas: 2 });
      await create(p, s, 'f', {
        ack_policy: 'explicit',
        filter_subject: `${s}.a.>`,
        deliver_policy: 'last_per_subject',
      });
      await create(p, s, 'l', {
        ack_policy: 'explicit',
        filter_subjects: [`${s}.a`, `${s}.b`],
        deliver_policy: 'last_per_subject',
      });
      await p.sub('in');
      await p.store(`${s}.a`, `${s}.b`, `${s}.a.x`, `${s}.a.y`, `${s}.a.x`, `${s}.a`);
      await fetch(p, 'f', 5);
      await fetch(p, 'l', 5);
      await create(p, s, 'l2', {
        ack_policy: 'explicit',
        filter_subjects: [`${s}.a`, `${s}.a.*`],
        deliver_policy: 'last_per_subject',
      });
      await fetch(p, 'l2', 9);
      await p.info('l2');
      await p.api(`CONSUMER.LIST.${s}`);
      await p.api(`CONSUMER.LIST.${s}`, { offset: 3 });
      await p.api(`CONSUMER.LIST.${s}`, { offset: -1 });
      await p.api(`CONSUMER.NAMES.${s}`, { offset: 2 });
      await p.api(`CONSUMER.NAMES.${s}`, 'x');
      await p.api(`CONSUMER.NAMES.${s}`, { bogus: 1 });
    },
  },
  'an ordered consumer, as clients make them': {
    async play(p, s) {
      await p.sub('oc');
      await p.store(`${s}.a`, `${s}.b`);
      const { name } = await p.api(`CONSUMER.CREATE.${s}`, {
        stream_name: s,
        config: {
          deliver_subject: 'oc',
          ack_policy: 'none',
          max_deliver: 1,
          ack_wait: 22 * 3600 * SECOND,
          flow_control: true,
          idle_heartbeat: 300 * MILLISECOND,
          mem_storage: true,
          num_replicas: 1,
          deliver_policy: 'by_start_sequence',
          opt_start_seq: 2,
          inactive_threshold: 2 * SECOND,
        },
      });
      await p.look(3);
      await p.info(String(name));
      for (const [at, line] of p.log.entries()) p.log[at] = line.replaceAll(String(name), '<name>');
    },
  },
};

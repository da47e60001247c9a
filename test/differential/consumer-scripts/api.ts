// Requests that create, change, show and remove consumers.
import { MILLISECOND, type Script, type Scripts, SECOND } from './script.js';

/** Configurations, each of a consumer of its own. */
function creates(configs: Record<string, unknown>[], stream: Record<string, unknown> = {}): Script {
  return {
    stream,
    async play(p, s) {
      for (const [at, config] of configs.entries()) {
        const name = `c${at}`;
        const named = 'name' in config || 'durable_name' in config ? config : { name, ...config };
        await p.api(`CONSUMER.CREATE.${s}.${name}`, { stream_name: s, config: named });
      }
    },
  };
}

/** Changes, one after the other, of one consumer. */
function updates(config: Record<string, unknown>, changes: Record<string, unknown>[]): Script {
  return {
    async play(p, s) {
      await p.store(`${s}.a`, `${s}.b`);
      const base = { durable_name: 'c', name: 'c', ...config };
      const create = (now: Record<string, unknown>, action: string) =>
        p.api(`CONSUMER.CREATE.${s}.c`, { stream_name: s, config: now, action });
      await create(base, 'create');
      await create(base, 'create');
      for (const change of changes) {
        await create({ ...base, ...change }, 'create');
        await create({ ...base, ...change }, 'update');
        await p.info('c');
        await create(base, '');
      }
    },
  };
}

export const apiScripts: Scripts = {
  'create: forms and names': {
    async play(p, s) {
      const body = (config: object, more = {}) => ({ stream_name: s, config, ...more });
      await p.api(`CONSUMER.CREATE.${s}`, body({ durable_name: 'd' }));
      await p.api(`CONSUMER.CREATE.${s}`, body({ name: 'eph' }));
      await p.api(`CONSUMER.CREATE.${s}.n`, body({ durable_name: 'm' }));
      await p.api(`CONSUMER.CREATE.${s}.n`, body({ name: 'm' }));
      await p.api(`CONSUMER.CREATE.${s}.f.${s}.a`, body({ filter_subject: `${s}.a` }));
      await p.api(`CONSUMER.CREATE.${s}.g.${s}.a`, body({ filter_subject: `${s}.b` }));
      await p.api(`CONSUMER.CREATE.${s}.g.${s}.a`, body({ filter_subjects: [`${s}.b`] }));
      await p.api(`CONSUMER.DURABLE.CREATE.${s}.d1`, body({ durable_name: 'd1' }));
      await p.api(`CONSUMER.DURABLE.CREATE.${s}.d1`, body({}));
      await p.api(`CONSUMER.DURABLE.CREATE.${s}.d1`, body({ durable_name: 'd2' }));
      await p.api(`CONSUMER.CREATE.${s}.x`, { stream_name: 'other', config: {} });
      await p.api('CONSUMER.CREATE.none.x', { stream_name: 'none', config: {} });
      await p.api(`CONSUMER.CREATE.${s}.x`, body({}, { action: 'update' }));
      await p.api(`CONSUMER.CREATE.${s}.x`, body({}, { action: 'bogus' }));
      await p.api(`CONSUMER.CREATE.${s}.x`, '{');
      await p.api(`CONSUMER.CREATE.${s}.x`, body({ bogus: 1 }));
      await p.api(`CONSUMER.CREATE.${s}.x`, body({ num_replicas: 3 }));
      await p.api(`CONSUMER.CREATE.${s}.x`, body({ name: 'x', durable_name: 'x' }, { pedantic: true }));
      await p.api(`CONSUMER.NAMES.${s}`);
      await p.api(`CONSUMER.LIST.${s}`, { offset: 1 });
      await p.api(`CONSUMER.NAMES.${s}`, { offset: 99 });
      await p.api('CONSUMER.NAMES.none');
      await p.api('CONSUMER.LIST.none');
    },
  },
  'create: what is there already': {
    async play(p, s) {
      const twice = async (config: Record<string, unknown>) => {
        for (const action of ['create', 'create', '', 'update'])
          await p.api(`CONSUMER.CREATE.${s}.${config.name}`, { stream_name: s, config, action });
      };
      await twice({ name: 'ephemeral' });
      await twice({ name: 'told', inactive_threshold: 5 * SECOND });
      await p.api(`CONSUMER.CREATE.${s}.told`, {
        stream_name: s,
        config: { name: 'told' },
        action: 'create',
      });
      await twice({ name: 'push', deliver_subject: 'in' });
      await twice({ name: 'durable', durable_name: 'durable' });
    },
  },
  'create: values': creates([
    {},
    { ack_policy: 'explicit' },
    { ack_policy: 'all', max_ack_pending: -5, max_deliver: -7 },
    { ack_policy: 'explicit', backoff: [SECOND, 2 * SECOND], max_deliver: 2 },
    { ack_policy: 'explicit', backoff: [SECOND, 2 * SECOND], max_deliver: 1 },
    { ack_policy: 'explicit', max_ack_pending: 20, max_batch: 5, max_expires: SECOND, max_bytes: 100 },
    { max_waiting: -1 },
    { max_expires: 100 },
    { inactive_threshold: 30 * SECOND },
    { deliver_subject: 'x.*' },
    { deliver_subject: 'x y' },
    { deliver_subject: 'd', max_waiting: 3 },
    { deliver_subject: 'd', max_ack_pending: 3 },
    { deliver_subject: 'd', idle_heartbeat: MILLISECOND },
    { deliver_subject: 'd', flow_control: true },
    { deliver_subject: 'd', flow_control: true, idle_heartbeat: SECOND },
    { deliver_subject: 'd', rate_limit_bps: 1000, deliver_group: 'g' },
    { idle_heartbeat: SECOND },
    { flow_control: true },
    { rate_limit_bps: 1000 },
    { ack_policy: 'flow_control' },
    { ack_policy: 'flow_control', deliver_subject: 'd' },
    { ack_policy: 'flow_control', deliver_subject: 'd', ack_wait: SECOND },
    { deliver_policy: 'by_start_sequence' },
    { deliver_policy: 'by_start_sequence', opt_start_seq: 7 },
    { deliver_policy: 'by_start_time' },
    { deliver_policy: 'by_start_time', opt_start_time: '2026-01-01T00:00:00+01:00' },
    { opt_start_seq: 3 },
    { deliver_policy: 'last_per_subject' },
    { deliver_policy: 'last_per_subject', filter_subject: '>' },
    { filter_subject: 'a..b' },
    { filter_subject: 'other' },
    { filter_subjects: ['a', ''] },
    { filter_subjects: ['a.*', 'a.b'] },
    { filter_subject: 'a', filter_subjects: ['b'] },
    { filter_subjects: ['a'] },
    { sample_freq: '50%', headers_only: true, mem_storage: true, description: 'text', metadata: { a: 'b' } },
    { sample_freq: 'x' },
    { sample_freq: '-1' },
    { direct: true },
    { direct: true, deliver_subject: 'd' },
    { name: 'bad.name' },
    { name: 'bad/name' },
    { replay_policy: 'original', pause_until: '2020-01-01T00:00:00Z' },
    { deliver_policy: 'bogus' },
    { ack_policy: 'bogus' },
    { replay_policy: 'bogus' },
    { priority_policy: 'bogus' },
    { priority_policy: 'overflow' },
    { priority_policy: 'overflow', priority_groups: ['a'] },
    { priority_policy: 'pinned_client', priority_groups: ['a'] },
    { priority_policy: 'pinned_client', priority_groups: ['a'], priority_timeout: SECOND },
    { priority_policy: 'prioritized', priority_groups: ['a'], deliver_subject: 'd' },
    { priority_policy: 'prioritized', priority_groups: [''] },
    { priority_policy: 'prioritized', priority_groups: ['a b'] },
    { priority_groups: ['a'] },
    { priority_timeout: SECOND },
  ]),
  'create: limits of the stream': creates(
    [{}, { max_ack_pending: 11 }, { inactive_threshold: 3 * SECOND }, { ack_policy: 'explicit' }, {}, {}],
    { consumer_limits: { max_ack_pending: 10, inactive_threshold: 2 * SECOND }, max_consumers: 2 },
  ),
  'limits of the stream that come later': {
    async play(p, s) {
      const limit = (limits: Record<string, unknown>) =>
        p.api(`STREAM.UPDATE.${s}`, {
          name: s,
          subjects: [`${s}.>`],
          storage: 'memory',
          consumer_limits: limits,
        });
      const make = (config: Record<string, unknown>) =>
        p.api(`CONSUMER.CREATE.${s}.${config.name}`, { stream_name: s, config });
      await make({ name: 'd', durable_name: 'd', ack_policy: 'explicit', max_ack_pending: 100 });
      await limit({ max_ack_pending: 10 });
      await limit({ inactive_threshold: SECOND });
      await limit({ max_ack_pending: 100, inactive_threshold: 8 * SECOND });
      await limit({ max_ack_pending: 100, inactive_threshold: 8 * SECOND });
      await make({ name: 'e', ack_policy: 'none', inactive_threshold: 7 * SECOND });
      await limit({ max_ack_pending: 100, inactive_threshold: 6 * SECOND });
      await limit({ max_ack_pending: 100, inactive_threshold: 7 * SECOND });
      await limit({});
    },
  },
  'update: pull': updates({ ack_policy: 'explicit' }, [
    { description: 'other' },
    { ack_wait: SECOND },
    { max_deliver: 5 },
    { max_deliver: 1, backoff: [SECOND, SECOND] },
    { max_ack_pending: 3 },
    { max_waiting: 7 },
    { max_batch: 4, max_expires: SECOND, max_bytes: 9 },
    { inactive_threshold: 60 * SECOND },
    { sample_freq: '10' },
    { headers_only: true },
    { filter_subject: 'x' },
    { filter_subjects: ['x', 'y'] },
    { deliver_policy: 'new' },
    { deliver_policy: 'by_start_sequence', opt_start_seq: 1 },
    { ack_policy: 'all' },
    { replay_policy: 'original' },
    { mem_storage: true },
    { deliver_subject: 'd' },
    { metadata: { a: 'b' } },
    { priority_policy: 'overflow', priority_groups: ['g'] },
    { num_replicas: 1 },
  ]),
  'update: push': updates({ ack_policy: 'explicit', deliver_subject: 'd1' }, [
    { deliver_subject: 'd2' },
    { deliver_subject: '' },
    { deliver_group: 'g' },
    { rate_limit_bps: 9000 },
    { idle_heartbeat: SECOND },
    { idle_heartbeat: SECOND, flow_control: true },
  ]),
  'info, delete and what is missing': {
    async play(p, s) {
      await p.consumer('c');
      await p.info('none');
      await p.api('CONSUMER.INFO.none.c');
      await p.api(`CONSUMER.INFO.${s}.c`, '{}');
      await p.api(`CONSUMER.DELETE.${s}.c`, 'x');
      await p.api(`CONSUMER.DELETE.${s}.c`);
      await p.api(`CONSUMER.DELETE.${s}.c`);
      await p.api('CONSUMER.DELETE.none.c');
      await p.api(`CONSUMER.MSG.NEXT.${s}.none`);
      await p.api(`CONSUMER.RESET.${s}.none`);
    },
  },
  'pause and resume': {
    async play(p, s) {
      await p.sub('$JS.EVENT.ADVISORY.CONSUMER.>');
      await p.sub('in');
      await p.consumer('c');
      await p.store(`${s}.a`);
      const later = new Date(Date.now() + 3_600_000).toISOString();
      await p.api(`CONSUMER.PAUSE.${s}.c`, { pause_until: later });
      await p.next('c', { batch: 1, expires: 300 * MILLISECOND });
      await p.look(2);
      await p.info('c');
      await p.api(`CONSUMER.PAUSE.${s}.c`, { pause_until: '0001-01-01T00:00:00Z' });
      await p.next('c', { batch: 1, expires: 5 * SECOND });
      await p.look(2);
      await p.api(`CONSUMER.PAUSE.${s}.c`, { pause_until: '2020-01-01T00:00:00Z' });
      await p.info('c');
      await p.api(`CONSUMER.PAUSE.${s}.c`, { pause_until: new Date(Date.now() + 400).toISOString() });
      await p.look(2);
      await p.next('c', { batch: 1, expires: 5 * SECOND });
      await p.look(1);
      await p.api(`CONSUMER.PAUSE.${s}.c`);
      await p.api(`CONSUMER.PAUSE.${s}.c`, 'x');
      await p.api(`CONSUMER.PAUSE.${s}.c`, '{"bogus":1}');
      await p.api(`CONSUMER.PAUSE.${s}.none`, {});
      await p.api('CONSUMER.PAUSE.none.c', {});
      await p.look(0);
    },
  },
  reset: {
    async play(p, s) {
      await p.sub('in');
      await p.store(`${s}.a`, `${s}.b`, `${s}.c`, `${s}.d`);
      await p.consumer('c');
      await p.next('c', { batch: 3, no_wait: true });
      await p.look(3);
      await p.ack(0, '', true);
      await p.api(`CONSUMER.RESET.${s}.c`);
      await p.info('c');
      await p.next('c', { batch: 9, no_wait: true });
      await p.look(4);
      await p.api(`CONSUMER.RESET.${s}.c`, { seq: 1 });
      await p.api(`CONSUMER.RESET.${s}.c`, { seq: 99 });
      await p.info('c');
      await p.api(`CONSUMER.RESET.${s}.c`, '{"seq":"x"}');
      await p.api(`CONSUMER.RESET.${s}.c`, 'x');
      await p.consumer('seq', { deliver_policy: 'by_start_sequence', opt_start_seq: 3 });
      await p.api(`CONSUMER.RESET.${s}.seq`, { seq: 2 });
      await p.api(`CONSUMER.RESET.${s}.seq`, { seq: 4 });
      await p.consumer('new', { deliver_policy: 'new' });
      await p.api(`CONSUMER.RESET.${s}.new`, { seq: 2 });
      await p.api(`CONSUMER.RESET.${s}.new`);
    },
  },
};

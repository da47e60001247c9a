// What is delivered, to whom, and how it looks.
import { MILLISECOND, type Scripts, SECOND } from './script.js';

const policies: Record<string, unknown>[] = [
  { deliver_policy: 'all' },
  { deliver_policy: 'last' },
  { deliver_policy: 'new' },
  { deliver_policy: 'last_per_subject', filter_subject: '>' },
  { deliver_policy: 'by_start_sequence', opt_start_seq: 3 },
  { deliver_policy: 'by_start_sequence', opt_start_seq: 1 },
  { deliver_policy: 'by_start_sequence', opt_start_seq: 9 },
  { deliver_policy: 'by_start_time', opt_start_time: '2020-01-01T00:00:00Z' },
  { deliver_policy: 'by_start_time', opt_start_time: '2099-01-01T00:00:00Z' },
];

export const deliveryScripts: Scripts = {
  'deliver policies': {
    async play(p, s) {
      await p.store(`${s}.a`, `${s}.b`, `${s}.a`, `${s}.c`, `${s}.b`, `${s}.d`);
      await p.quietly(`STREAM.MSG.DELETE.${s}`, { seq: 1 });
      for (const [at, policy] of policies.entries()) {
        for (const filter of ['', `${s}.b`, `${s}.c`, `${s}.d`, `${s}.none`]) {
          const name = `c${at}${filter.slice(s.length + 1)}`;
          await p.consumer(name, filter === '' ? policy : { ...policy, filter_subject: filter });
          await p.info(name);
          await p.sub(`in.${name}`);
          await p.next(name, { batch: 9, no_wait: true }, `in.${name}`);
          await p.look(1);
          await p.info(name);
        }
      }
      await p.store(`${s}.b`, `${s}.z`);
      for (const at of policies.keys()) {
        await p.next(`c${at}b`, { batch: 9, no_wait: true }, `in.c${at}b`);
        await p.look(1);
        await p.info(`c${at}b`);
      }
    },
  },
  'last per subject, with new messages': {
    async play(p, s) {
      await p.sub('in');
      await p.store(`${s}.a`, `${s}.b`, `${s}.a`, `${s}.c`, `${s}.b`, `${s}.d`);
      await p.consumer('c', { deliver_policy: 'last_per_subject', filter_subject: `${s}.*` });
      await p.info('c');
      await p.next('c', '1');
      await p.look(1);
      await p.store(`${s}.b`, `${s}.e`);
      await p.next('c', { batch: 9, no_wait: true });
      await p.look(4);
      await p.info('c');
    },
  },
  'push: interest, heartbeats and info': {
    async play(p, s) {
      await p.store(`${s}.a`, `${s}.b`);
      await p.consumer('c', { deliver_subject: `${s}x.d`, idle_heartbeat: 200 * MILLISECOND });
      await p.info('c');
      const wildcard = await p.sub(`${s}x.*`);
      await p.look(0);
      await p.info('c');
      await p.unsub(wildcard);
      const sid = await p.sub(`${s}x.d`);
      await p.look(3);
      await p.info('c');
      await p.unsub(sid);
      await p.store(`${s}.c`);
      await p.look(0);
      await p.info('c');
      await p.sub(`${s}x.d`, 'queue');
      await p.look(1);
      await p.info('c');
      await p.next('c', '1', `${s}x.d`);
      await p.look(1);
    },
  },
  'push: queue groups': {
    async play(p, s) {
      await p.store(`${s}.a`, `${s}.b`);
      await p.consumer('c', { deliver_subject: `${s}x.d`, deliver_group: 'g' });
      await p.sub(`${s}x.d`);
      await p.look(0, 300);
      await p.info('c');
      await p.sub(`${s}x.d`, 'other');
      await p.look(0, 300);
      await p.sub(`${s}x.d`, 'g');
      await p.look(2);
      await p.info('c');
    },
  },
  'push: flow control': {
    async play(p, s) {
      await p.sub(`${s}x.d`);
      const big = 'x'.repeat(200_000);
      for (let i = 0; i < 8; i++) await p.request(`${s}.big`, big);
      await p.consumer('c', {
        deliver_subject: `${s}x.d`,
        ack_policy: 'none',
        flow_control: true,
        idle_heartbeat: 300 * MILLISECOND,
        headers_only: false,
      });
      await p.look(9);
      const asked = p.messages.find(({ reply }) => reply.startsWith('$JS.FC.'));
      await p.look(1);
      if (asked !== undefined) await p.pub(asked.reply);
      await p.look(1);
      await p.info('c');
    },
  },
  'acks by flow control': {
    async play(p, s) {
      await p.sub(`${s}x.d`);
      await p.store(`${s}.a`, `${s}.b`, `${s}.c`);
      await p.consumer('c', { deliver_subject: `${s}x.d`, ack_policy: 'flow_control', max_ack_pending: 2 });
      await p.look(3);
      await p.info('c');
      const asked = p.messages.find(({ reply }) => reply.startsWith('$JS.FC.'));
      if (asked !== undefined)
        await p.pub(asked.reply, '', '', 'Nats-Last-Consumer: 2\r\nNats-Last-Stream: 2');
      await p.look(2);
      await p.info('c');
    },
  },
  'headers only': {
    async play(p, s) {
      await p.sub('in');
      await p.store(`${s}.a`);
      await p.pub(`${s}.h`, 'with headers', '', 'A: b\r\nC: d');
      await p.pub(`${s}.e`, '', '', 'A: b');
      await p.consumer('c', { headers_only: true });
      await p.next('c', { batch: 3, no_wait: true });
      await p.look(3);
      await p.consumer('d');
      await p.next('d', { batch: 3, no_wait: true });
      await p.look(3);
    },
  },
  'replay as it was': {
    async play(p, s) {
      await p.sub('in');
      await p.store(`${s}.a`);
      await p.wait(400);
      await p.store(`${s}.b`);
      await p.consumer('c', { replay_policy: 'original' });
      await p.next('c', { batch: 2, expires: 5 * SECOND });
      await p.look(2, 250);
      await p.look(1);
    },
  },
  'inactive threshold': {
    async play(p, s) {
      await p.sub('$JS.EVENT.ADVISORY.CONSUMER.DELETED.>');
      const threshold = { inactive_threshold: 300 * MILLISECOND };
      await p.consumer('pull', threshold);
      await p.consumer('push', { deliver_subject: `${s}x.d`, ...threshold });
      await p.wait(800);
      await p.look(2);
      await p.api(`CONSUMER.NAMES.${s}`);
    },
  },
  'what was purged and deleted': {
    async play(p, s) {
      await p.sub('in');
      await p.sub('$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>');
      await p.consumer('all');
      await p.consumer('a', { filter_subject: `${s}.a` });
      await p.store(`${s}.a`, `${s}.b`, `${s}.a`, `${s}.b`, `${s}.a`, `${s}.b`, `${s}.a`, `${s}.b`);
      await p.next('all', { batch: 4, no_wait: true });
      await p.look(4);
      await p.next('a', { batch: 2, no_wait: true });
      await p.look(2);
      const both = async () => {
        await p.info('all');
        await p.info('a');
      };
      await both();
      await p.quietly(`STREAM.MSG.DELETE.${s}`, { seq: 2 });
      await p.look(1);
      await p.quietly(`STREAM.MSG.DELETE.${s}`, { seq: 6 });
      await p.look(0);
      await both();
      await p.quietly(`STREAM.PURGE.${s}`, { seq: 4 });
      await p.look(0);
      await both();
      await p.quietly(`STREAM.PURGE.${s}`, { filter: `${s}.b` });
      await p.look(0);
      await both();
      await p.quietly(`STREAM.PURGE.${s}`, { filter: `${s}.a`, keep: 1 });
      await p.look(0);
      await both();
      await p.quietly(`STREAM.PURGE.${s}`);
      await p.look(0);
      await both();
      await p.store(`${s}.a`);
      await both();
    },
  },
};

// Requests of pull consumers: what they get, and what they are told when they get nothing.
import type { Player } from '../jetstream-player.js';
import { MILLISECOND, type Scripts, SECOND } from './script.js';

const WAIT = { expires: 3 * SECOND };

/** Requests on subjects of their own, one behind the other. */
async function ask(p: Player, name: string, requests: Record<string, unknown>): Promise<void> {
  for (const [to, request] of Object.entries(requests)) await p.next(name, request, to);
}

export const pullScripts: Scripts = {
  'forms of a request': {
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c', { max_batch: 4, max_expires: 5 * SECOND, max_bytes: 1000 });
      await p.store(...Array.from({ length: 12 }, (_, n) => `${s}.${n}`));
      const bodies = [
        '',
        '2',
        ' 1 ',
        'x',
        '0',
        '-3',
        '{}',
        '{"batch":2}',
        '{"batch":5}',
        '{"batch":1,"expires":6000000000}',
        '{"batch":1,"max_bytes":1001}',
        '{"batch":1,"expires":1000000000,"idle_heartbeat":600000000}',
        '{"batch":"x"}',
        '{"batch":1',
        '{"batch":1} x',
        '{"batch":1.5}',
        '{"batch":1,"bogus":true}',
        '[1]',
        '{"batch":1,"group":"a"}',
        '{"batch":1,"min_pending":1}',
        '{"batch":1,"min_ack_pending":1}',
        '{"batch":1,"id":"x"}',
        '{"batch":1,"priority":10}',
        '{"batch":1,"priority":3}',
      ];
      for (const body of bodies) {
        await p.next('c', body);
        await p.look(1, 300);
      }
      await p.pub(`$JS.API.CONSUMER.MSG.NEXT.${s}.c`, '1', 'in', 'Nats-Required-Api-Level: 9');
      await p.look(1);
    },
  },
  'nothing to be had': {
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c');
      await p.next('c', { batch: 2, no_wait: true });
      await p.look(1);
      await p.next('c', { batch: 2, no_wait: true, expires: 400 * MILLISECOND });
      await p.look(1);
      await p.next('c', { batch: 2, expires: 400 * MILLISECOND, max_bytes: 500 });
      await p.look(1);
      await p.next('c', { batch: 2, expires: 700 * MILLISECOND, idle_heartbeat: 300 * MILLISECOND });
      await p.look(3);
      await p.store(`${s}.a`);
      await p.next('c', { batch: 3, no_wait: true, expires: SECOND });
      await p.look(2);
      await p.next('c', { batch: 3, ...WAIT });
      await p.next('c', { batch: 3, no_wait: true });
      await p.look(1);
      await p.info('c');
      await p.store(`${s}.a`);
      await p.next('c', { batch: 1, no_wait: true });
      await p.look(1);
      await p.info('c');
    },
  },
  bytes: {
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c');
      for (let i = 0; i < 6; i++) await p.request(`${s}.a`, 'x'.repeat(i === 4 ? 900 : 100));
      await p.next('c', { batch: 9, max_bytes: 400, no_wait: true });
      await p.look(3);
      await p.next('c', { batch: 1, max_bytes: 400, no_wait: true });
      await p.look(2);
      await p.next('c', { batch: 2, max_bytes: 400, no_wait: true });
      await p.look(2);
      await p.next('c', { batch: 2, max_bytes: 2000, expires: 600 * MILLISECOND });
      await p.look(3);
      await p.info('c');
    },
  },
  turns: {
    async play(p, s) {
      await p.sub('in.*');
      await p.consumer('c');
      await ask(p, 'c', {
        'in.1': { batch: 3, ...WAIT },
        'in.2': { batch: 1, ...WAIT },
        'in.3': { batch: 2, ...WAIT },
      });
      await p.info('c');
      for (let i = 0; i < 6; i++) {
        await p.store(`${s}.a`);
        await p.look(1);
      }
      await p.info('c');
    },
  },
  'too many requests': {
    async play(p, s) {
      await p.sub('in.*');
      await p.consumer('c', { max_waiting: 2 });
      await ask(p, 'c', {
        'in.1': { batch: 1, ...WAIT },
        'in.2': { batch: 1, ...WAIT },
        'in.3': { batch: 1, ...WAIT },
        'in.4': { batch: 1, ...WAIT, idle_heartbeat: SECOND },
        'in.5': { batch: 1, no_wait: true },
      });
      await p.look(2);
      await p.info('c');
      await p.api(`CONSUMER.DELETE.${s}.c`);
      await p.look(2);
    },
  },
  'nobody listens any more': {
    async play(p, s) {
      const sid = await p.sub('gone');
      await p.sub('in');
      await p.consumer('c');
      await p.next('c', { batch: 2, ...WAIT }, 'gone');
      await p.next('c', { batch: 2, ...WAIT }, 'in');
      await p.info('c');
      await p.unsub(sid);
      await p.store(`${s}.a`, `${s}.b`);
      await p.look(2);
      await p.info('c');
    },
  },
  'too many messages without an ack: requests that do not wait end with the next heartbeat or timeout': {
    async play(p, s) {
      await p.sub('in.*');
      await p.store(...Array.from({ length: 9 }, (_, n) => `${s}.${n}`));
      await p.consumer('c', { max_ack_pending: 2 });
      const heartbeat = { idle_heartbeat: 200 * MILLISECOND, ...WAIT };
      await p.next('c', { batch: 9, no_wait: true, ...heartbeat }, 'in.1');
      await p.look(3);
      await p.ack(0);
      await p.look(0);
      await p.next('c', { batch: 9, no_wait: true, ...WAIT }, 'in.2');
      await p.look(1);
      await p.next('c', { batch: 9, no_wait: true }, 'in.3');
      await p.look(0);
      await p.next('c', { batch: 2, expires: 400 * MILLISECOND }, 'in.4');
      await p.look(3);
      await p.info('c');
    },
  },
  'overflow: requests that do not wait': {
    async play(p, s) {
      await p.sub('in.*');
      await p.store(`${s}.a`, `${s}.b`, `${s}.c`);
      await p.consumer('c', { priority_policy: 'overflow', priority_groups: ['g'] });
      const hasty = { batch: 3, group: 'g', no_wait: true };
      await p.next('c', { ...hasty, min_pending: 9 }, 'in.1');
      await p.look(1);
      await p.next('c', { ...hasty, min_pending: 3, ...WAIT }, 'in.2');
      await p.look(2);
      await p.next('c', { ...hasty, min_pending: 9, expires: 400 * MILLISECOND }, 'in.3');
      await p.look(1);
    },
  },
  overflow: {
    async play(p, s) {
      await p.sub('in.*');
      await p.consumer('c', { priority_policy: 'overflow', priority_groups: ['g', 'h'] });
      await ask(p, 'c', {
        'in.1': { batch: 2, group: 'g', min_pending: 3, ...WAIT },
        'in.2': { batch: 2, group: 'g', min_ack_pending: 2, ...WAIT },
        'in.3': { batch: 2, group: 'g', ...WAIT },
        'in.4': { batch: 2, group: 'x', ...WAIT },
        'in.5': { batch: 2, ...WAIT },
        'in.6': { batch: 2, group: 'g', id: 'x', ...WAIT },
        'in.7': '1',
      });
      await p.look(3);
      for (let i = 0; i < 7; i++) {
        await p.store(`${s}.a`);
        await p.look(0);
      }
      await p.info('c');
    },
  },
  prioritized: {
    async play(p, s) {
      await p.sub('in.*');
      await p.consumer('c', { priority_policy: 'prioritized', priority_groups: ['g'] });
      await ask(p, 'c', {
        'in.1': { batch: 2, group: 'g', priority: 5, ...WAIT },
        'in.2': { batch: 2, group: 'g', priority: 1, ...WAIT },
        'in.3': { batch: 2, group: 'g', ...WAIT },
        'in.4': { batch: 2, group: 'g', priority: 1, ...WAIT },
      });
      for (let i = 0; i < 8; i++) {
        await p.store(`${s}.a`);
        await p.look(1);
      }
    },
  },
  'pinned client': {
    async play(p, s) {
      await p.sub('in.*');
      await p.sub('$JS.EVENT.ADVISORY.CONSUMER.*.>');
      await p.consumer('c', {
        priority_policy: 'pinned_client',
        priority_groups: ['g'],
        priority_timeout: 600 * MILLISECOND,
      });
      await p.info('c');
      await ask(p, 'c', {
        'in.1': { batch: 3, group: 'g', expires: 2 * SECOND },
        'in.2': { batch: 3, group: 'g', expires: 2.3 * SECOND },
        'in.3': { batch: 3, group: 'g', id: 'bogus', expires: 2.6 * SECOND },
      });
      await p.store(`${s}.a`);
      await p.look(4);
      await p.info('c');
      await p.next('c', { batch: 1, group: 'g', id: 'other', ...WAIT }, 'in.4');
      await p.look(1);
      await p.look(1);
      await p.store(`${s}.a`);
      await p.look(1);
      await p.api(`CONSUMER.UNPIN.${s}.c`, { group: 'g' });
      await p.look(1);
      await p.api(`CONSUMER.UNPIN.${s}.c`, { group: 'g' });
      await p.api(`CONSUMER.UNPIN.${s}.c`, { group: 'x' });
      await p.api(`CONSUMER.UNPIN.${s}.c`, { group: '' });
      await p.api(`CONSUMER.UNPIN.${s}.c`, { group: 'a b' });
      await p.api(`CONSUMER.UNPIN.${s}.c`, '');
      await p.api(`CONSUMER.UNPIN.${s}.none`, { group: 'g' });
      await p.api('CONSUMER.UNPIN.none.c', { group: 'g' });
      await p.look(0);
    },
  },
  'pinned client: requests without a group get no pin': {
    async play(p, s) {
      await p.sub('in.*');
      await p.sub('$JS.EVENT.ADVISORY.CONSUMER.*.>');
      const pinned = { priority_policy: 'pinned_client', priority_groups: ['g'] };
      await p.consumer('c', pinned);
      await p.consumer('h', { ...pinned, headers_only: true });
      await p.store(`${s}.a`);
      for (const header of ['A: b', 'Nats-Pin-Id: mine', 'Nats-Pin-Id: '])
        await p.pub(`${s}.b`, 'with headers', '', header);
      for (const name of ['c', 'h']) {
        await p.next(name, '4', 'in.1');
        await p.look(4);
        await p.store(`${s}.a`, `${s}.a`, `${s}.a`);
        await p.next(name, '', 'in.2');
        await p.look(1);
        await p.next(name, { batch: 1, group: 'g', no_wait: true }, 'in.3');
        await p.look(2);
        await p.next(name, '1', 'in.4');
        await p.look(0);
        await p.api(`CONSUMER.UNPIN.${s}.${name}`, { group: 'g' });
        await p.look(2);
        await p.info(name);
      }
    },
  },
};

// Streams that keep messages only as long as somebody wants them.
import type { Player } from '../jetstream-player.js';
import { MILLISECOND, type Scripts } from './script.js';

const interest = { retention: 'interest' };
const workQueue = { retention: 'workqueue' };

async function state(p: Player, s: string): Promise<void> {
  const info = await p.request(`$JS.API.STREAM.INFO.${s}`, '{"deleted_details":true}');
  const { state } = JSON.parse(info.payload) as { state: Record<string, unknown> };
  p.log.push(
    JSON.stringify([
      state.messages,
      state.first_seq,
      state.last_seq,
      state.num_subjects,
      state.deleted,
      state.consumer_count,
    ]),
  );
}

async function fetch(p: Player, name: string, batch: number): Promise<void> {
  await p.next(name, { batch, no_wait: true });
  await p.look(1);
}

export const retentionScripts: Scripts = {
  'interest: two consumers': {
    stream: interest,
    async play(p, s) {
      await p.sub('in');
      await p.store(`${s}.a`);
      await state(p, s);
      await p.consumer('c');
      await p.consumer('d', { filter_subject: `${s}.a` });
      await p.store(`${s}.a`, `${s}.b`, `${s}.a`, `${s}.b`);
      await state(p, s);
      await fetch(p, 'c', 4);
      for (const n of [0, 1, 2]) await p.ack(n, '', true);
      await state(p, s);
      await fetch(p, 'd', 2);
      await p.ack(4, '', true);
      await state(p, s);
      await p.quietly(`CONSUMER.DELETE.${s}.d`);
      await state(p, s);
      await p.ack(3, '+TERM', true);
      await state(p, s);
      await p.store(`${s}.a`, `${s}.b`);
      await p.quietly(`CONSUMER.DELETE.${s}.c`);
      await state(p, s);
    },
  },
  'interest: ack none and ack all': {
    stream: interest,
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c', { ack_policy: 'none' });
      await p.consumer('d', { ack_policy: 'all' });
      await p.store(`${s}.a`, `${s}.b`, `${s}.a`);
      await fetch(p, 'c', 2);
      await state(p, s);
      await fetch(p, 'd', 3);
      await p.ack(4, '', true);
      await state(p, s);
      await fetch(p, 'c', 2);
      await state(p, s);
    },
  },
  'interest: filters change, positions are reset': {
    stream: interest,
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c');
      await p.store(`${s}.a`, `${s}.b`, `${s}.a`, `${s}.b`);
      await p.consumer('c', { filter_subject: `${s}.a` });
      await state(p, s);
      await p.info('c');
      await p.api(`CONSUMER.RESET.${s}.c`, { seq: 3 });
      await state(p, s);
      await fetch(p, 'c', 4);
    },
  },
  'interest: delivered too often': {
    stream: interest,
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c', { ack_wait: 200 * MILLISECOND, max_deliver: 1 });
      await p.store(`${s}.a`);
      await fetch(p, 'c', 1);
      await p.wait(500);
      await state(p, s);
      await p.info('c');
      await p.ack(0, '', true);
      await state(p, s);
      await p.info('c');
    },
  },
  'work queue': {
    stream: workQueue,
    async play(p, s) {
      await p.sub('in');
      await p.store(`${s}.a`, `${s}.b`, `${s}.a`);
      const create = (name: string, config: object) =>
        p.api(`CONSUMER.CREATE.${s}.${name}`, { stream_name: s, config: { name, ...config } });
      await create('c', { ack_policy: 'none' });
      await create('c', { ack_policy: 'all' });
      await create('c', { ack_policy: 'explicit', deliver_policy: 'new' });
      await create('c', { ack_policy: 'explicit', filter_subject: `${s}.a` });
      await create('d', { ack_policy: 'explicit' });
      await create('d', { ack_policy: 'explicit', filter_subject: `${s}.*` });
      await create('d', { ack_policy: 'explicit', filter_subject: `${s}.b` });
      await create('d', { ack_policy: 'explicit', filter_subject: `${s}.a` });
      await fetch(p, 'c', 2);
      await p.ack(1, '', true);
      await state(p, s);
      await p.ack(0, '-NAK', true);
      await fetch(p, 'c', 2);
      await p.ack(2, '', true);
      await state(p, s);
      await p.info('c');
      await p.info('d');
      await p.quietly(`CONSUMER.DELETE.${s}.c`);
      await p.quietly(`CONSUMER.DELETE.${s}.d`);
      await state(p, s);
    },
  },
};

// What clients say about messages, and what becomes of those they say nothing about.
import type { Player } from '../jetstream-player.js';
import { MILLISECOND, type Script, type Scripts } from './script.js';

async function fetch(p: Player, name: string, batch: number): Promise<void> {
  await p.next(name, { batch, no_wait: true });
  await p.look(1);
}

/** In the place of a number. Officially what is none counts as the largest one, and what is too large begins anew. */
const ODD = ['x', '-1', '0', '9007199254740990', '18446744073709551615', '18446744073709551617'];
const VERBS = ['-NAK', '-NAK 1h', '+WPI', '+TERM why', '+ACK', '+NXT'];
/** Tokens at the end of an ack subject: deliveries, sequence, sequence of the consumer, time, pending. */
const NUMBERS = 5;

/** Says each verb of a message, with the token at one of the places changed. */
function oddTokens(policy: string, places: readonly number[], odd: readonly string[]): Script {
  return {
    async play(p, s) {
      await p.sub('in');
      for (const kind of ['ADVISORY.CONSUMER.MSG_NAKED', 'ADVISORY.CONSUMER.MSG_TERMINATED', 'METRIC'])
        await p.sub(`$JS.EVENT.${kind}.>`);
      for (const place of places)
        for (const [at, token] of odd.entries()) {
          const name = `c${place}${at}`;
          await p.consumer(name, { ack_policy: policy, sample_freq: '100' });
          await p.store(...VERBS.map(() => `${s}.a`));
          await p.next(name, { batch: VERBS.length, no_wait: true });
          await p.look(VERBS.length);
          const given = p.messages.filter(({ reply }) => reply.includes(`.${name}.`));
          for (const [n, verb] of VERBS.entries()) {
            const tokens = given[n]!.reply.split('.');
            tokens[tokens.length - NUMBERS + place] = token;
            p.log.push(`${token} at ${place}, ${verb}`);
            await p.pub(tokens.join('.'), verb, 'in');
            await p.sync();
            await p.wait(5);
          }
          await p.look(0);
          await p.info(name);
          await p.quietly(`CONSUMER.DELETE.${s}.${name}`);
        }
    },
  };
}

export const ackScripts: Scripts = {
  'explicit: floors': {
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c');
      await p.store(`${s}.a`, `${s}.b`, `${s}.c`, `${s}.d`, `${s}.e`);
      await fetch(p, 'c', 4);
      for (const n of [1, 3, 0, 0, 2]) {
        await p.ack(n, n === 3 ? '+OK' : '+ACK', true);
        await p.info('c');
      }
      await fetch(p, 'c', 4);
      await p.ack(4, '');
      await p.sync();
      await p.info('c');
    },
  },
  'what was never delivered': {
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c');
      await p.store(`${s}.a`);
      for (const numbers of ['1.0.0', '1.0.3', '1.1.1', '1.9.9'])
        for (const verb of ['+WPI', '-NAK']) {
          await p.pub(`$JS.ACK.${s}.c.${numbers}.1700000000000000000.0`, verb, 'in');
          await p.look(1, 200);
        }
      await p.info('c');
    },
  },
  'all: floors': {
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c', { ack_policy: 'all' });
      await p.store(`${s}.a`, `${s}.b`, `${s}.c`, `${s}.d`, `${s}.e`);
      await fetch(p, 'c', 4);
      for (const n of [1, 0, 3]) {
        await p.ack(n, '', true);
        await p.info('c');
      }
    },
  },
  'all: a message that was delivered again, in files': {
    stream: { storage: 'file' },
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c', { ack_policy: 'all' });
      await p.store(`${s}.a`, `${s}.b`, `${s}.c`);
      await fetch(p, 'c', 3);
      await p.ack(0, '-NAK', true);
      await fetch(p, 'c', 1);
      await p.ack(3, '+ACK', true);
      await p.info('c');
      await p.ack(1, '+ACK', true);
      await p.ack(2, '+ACK', true);
      await p.info('c');
    },
  },
  'filtered: floors': {
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c', { filter_subject: `${s}.a` });
      await p.store(`${s}.a`, `${s}.x`, `${s}.a`, `${s}.x`, `${s}.x`);
      await fetch(p, 'c', 4);
      await p.info('c');
      await p.ack(1, '', true);
      await p.info('c');
      await p.ack(0, '', true);
      await p.info('c');
      await fetch(p, 'c', 4);
      await p.info('c');
      await p.store(`${s}.a`);
      await p.info('c');
    },
  },
  none: {
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c', { ack_policy: 'none' });
      await p.store(`${s}.a`, `${s}.x`, `${s}.a`);
      await fetch(p, 'c', 2);
      await p.info('c');
      await p.ack(0, '', true);
    },
  },
  'acks that mean nothing': {
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c');
      await p.store(`${s}.a`, `${s}.b`);
      await fetch(p, 'c', 1);
      const ack = async (rest: string, body = '') => {
        const { payload, header } = await p.request(`$JS.ACK.${s}.c.${rest}`, body);
        p.log.push(`${rest} ${body}: ${header} ${payload}`);
      };
      await ack('1.9.9.1.0');
      await ack('1.2.2.1.0');
      await ack('1.x.1.1.0');
      await ack('1.1.1.1');
      await ack('1.1.7.1.0', '-NAK');
      await p.info('c');
      await ack('1.1.1.1.0', 'what?');
      await p.info('c');
      await ack('1.1.1.1.0', '+WPI');
      await ack('1.1.1.1.0', '+WPI ');
      await ack('1.1.1.1.0');
      await p.info('c');
    },
  },
  'tokens that are no numbers: explicit': oddTokens('explicit', [0, 1, 2], ODD),
  'tokens that are no numbers: time and pending': oddTokens('explicit', [3, 4], ['x']),
  // The sequence of the consumer is another matter, see docs/DIFFERENCES.md.
  'tokens that are no numbers: all': oddTokens('all', [0, 1], ['x', '18446744073709551617']),
  'nak, with delays': {
    async play(p, s) {
      await p.sub('in');
      await p.sub('$JS.EVENT.ADVISORY.CONSUMER.MSG_NAKED.>');
      await p.consumer('c', { max_deliver: 3 });
      await p.store(`${s}.a`, `${s}.b`);
      await fetch(p, 'c', 2);
      await p.ack(0, '-NAK', true);
      await p.look(1);
      await p.info('c');
      await fetch(p, 'c', 2);
      await p.ack(1, '-NAK {"delay": 300000000}', true);
      await p.look(1);
      await fetch(p, 'c', 2);
      await p.next('c', { batch: 1, expires: 3000 * MILLISECOND });
      await p.look(1);
      await p.ack(0, '-NAK 200ms', true);
      await p.look(1);
      await p.next('c', { batch: 1, expires: 3000 * MILLISECOND });
      await p.look(1);
      await p.ack(0, '-NAK bogus', true);
      await p.look(1);
      await p.info('c');
    },
  },
  'term, with reasons': {
    async play(p, s) {
      await p.sub('in');
      await p.sub('$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>');
      await p.consumer('c');
      await p.store(`${s}.a`, `${s}.b`, `${s}.c`);
      await fetch(p, 'c', 3);
      await p.ack(0, '+TERM', true);
      await p.ack(1, '+TERM  because "it" is so ', true);
      await p.ack(1, '+TERM again', true);
      await p.look(3);
      await p.info('c');
    },
  },
  'next: acknowledge and ask for more': {
    async play(p, s) {
      await p.sub('in');
      // In this order: with a consumer that is there already the official count of what is pending is one too low at times.
      await p.store(`${s}.a`, `${s}.b`, `${s}.c`, `${s}.d`, `${s}.e`, `${s}.f`);
      await p.consumer('c');
      await fetch(p, 'c', 1);
      const { reply } = p.messages.find((message) => message.reply.startsWith('$JS.ACK.'))!;
      for (const body of ['+NXT', '+NXT 2', '+NXT {"batch":2,"no_wait":true}', '+NXT x', '+NXT {"batch":']) {
        await p.pub(reply, body, 'in');
        await p.look(1);
      }
      await p.info('c');
    },
  },
  'too long without an ack': {
    async play(p, s) {
      await p.sub('in');
      await p.sub('$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>');
      await p.consumer('c', { ack_wait: 300 * MILLISECOND, max_deliver: 2 });
      await p.store(`${s}.a`, `${s}.b`);
      await p.next('c', { batch: 5, expires: 1500 * MILLISECOND });
      await p.look(4);
      await p.info('c');
      await p.look(3);
      await p.info('c');
      await p.store(`${s}.c`);
      await fetch(p, 'c', 5);
      await p.ack(4, '', true);
      await p.info('c');
      await p.ack(0, '', true);
      await p.info('c');
    },
  },
  'delivered once only': {
    async play(p, s) {
      await p.sub('in');
      await p.sub('$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>');
      await p.consumer('c', { ack_wait: 200 * MILLISECOND, max_deliver: 1 });
      await p.store(`${s}.a`);
      await fetch(p, 'c', 5);
      await p.look(1);
      await p.info('c');
    },
  },
  'backoff, by push': {
    async play(p, s) {
      await p.sub(`${s}x.d`);
      const backoff = [100 * MILLISECOND, 300 * MILLISECOND, 500 * MILLISECOND];
      await p.consumer('c', { deliver_subject: `${s}x.d`, backoff, max_deliver: 3 });
      await p.store(`${s}.a`);
      await p.look(3);
      await p.wait(700);
      await p.info('c');
    },
  },
  'max ack pending': {
    async play(p, s) {
      await p.sub('in');
      await p.consumer('c', { max_ack_pending: 2 });
      await p.store(`${s}.a`, `${s}.b`, `${s}.c`);
      await p.next('c', { batch: 5, expires: 3000 * MILLISECOND });
      await p.look(2);
      await p.info('c');
      await p.next('c', { batch: 5, no_wait: true });
      await p.look(0);
      await p.ack(0);
      await p.look(1);
      await p.info('c');
    },
  },
  'samples and metrics': {
    async play(p, s) {
      await p.sub('in');
      await p.sub('$JS.EVENT.METRIC.>');
      await p.consumer('c', { sample_freq: '100%' });
      await p.store(`${s}.a`, `${s}.b`);
      await fetch(p, 'c', 2);
      await p.ack(0, '', true);
      await p.ack(0, '', true);
      await p.ack(1, '+TERM', true);
      await p.look(1);
    },
  },
};

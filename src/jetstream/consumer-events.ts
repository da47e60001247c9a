/** What a consumer tells about itself on `$JS.EVENT.>`. */
import { ZERO_TIME } from '../protocol/rfc3339.js';
import { type AckSubject, sequenceText } from './ack-subject.js';
import { type AdvisoryFields, advise, measure } from './advisories.js';
import type { Consumer } from './consumer.js';
import { json } from './info.js';

const NANOSECONDS = 1e6;

function identity({ stream, name }: Consumer, about: AckSubject): AdvisoryFields {
  return [
    ['stream', json(stream.name)],
    ['consumer', json(name)],
    ['consumer_seq', sequenceText(about.consumerSequence)],
    ['stream_seq', sequenceText(about.sequence)],
  ];
}

/** Nobody acknowledged it, however often it was delivered. */
export function adviseExhausted(consumer: Consumer, sequence: number, deliveries: number): void {
  const { account, stream, name, topic } = consumer;
  advise(account, `CONSUMER.MAX_DELIVERIES.${topic}`, 'max_deliver', () => [
    ['stream', json(stream.name)],
    ['consumer', json(name)],
    ['stream_seq', String(sequence)],
    ['deliveries', String(deliveries)],
  ]);
}

/** A consumer came or went. */
export function adviseConsumer(consumer: Consumer, event: 'CREATED' | 'DELETED', action: string): void {
  const { account, stream, name, topic } = consumer;
  advise(account, `CONSUMER.${event}.${topic}`, 'consumer_action', () => [
    ['stream', json(stream.name)],
    ['consumer', json(name)],
    ['action', json(action)],
  ]);
}

export function adviseNak(consumer: Consumer, about: AckSubject): void {
  advise(consumer.account, `CONSUMER.MSG_NAKED.${consumer.topic}`, 'nak', () => [
    ...identity(consumer, about),
    ['deliveries', sequenceText(about.deliveries)],
  ]);
}

export function adviseTerminated(consumer: Consumer, about: AckSubject, reason: string): void {
  advise(consumer.account, `CONSUMER.MSG_TERMINATED.${consumer.topic}`, 'terminated', () => [
    ...identity(consumer, about),
    ['deliveries', sequenceText(about.deliveries)],
    ['reason', reason === '' ? undefined : json(reason)],
  ]);
}

/** A pause was set, taken back, or is over. */
export function advisePause(consumer: Consumer): void {
  const { account, stream, name, topic, config } = consumer;
  advise(account, `CONSUMER.PAUSE.${topic}`, 'consumer_pause', () => [
    ['stream', json(stream.name)],
    ['consumer', json(name)],
    ['paused', String(consumer.paused)],
    ['pause_until', json(config.pause_until ?? ZERO_TIME)],
  ]);
}

/** Measures how long an ack took, for a share of them. */
export function sampleAck(consumer: Consumer, about: AckSubject): void {
  const frequency = Number.parseInt(consumer.config.sample_freq, 10);
  if (!(frequency > 0)) return;
  const known = consumer.acks.pending.get(about.sequence);
  if (known === undefined) return;
  const { random } = consumer.account.jetstream.broker;
  if (frequency < 100 && random.next() % 100 > frequency) return;
  const took = Math.round((consumer.clock.now() - known.deliveredAt) * NANOSECONDS);
  measure(consumer.account, `CONSUMER.ACK.${consumer.topic}`, 'consumer_ack', () => [
    ...identity(consumer, about),
    ['ack_time', String(took)],
    ['deliveries', sequenceText(about.deliveries)],
  ]);
}

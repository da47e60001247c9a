/** What API answers say of a consumer, as JSON text in the official order. */
import { nanosecondsToTime, ZERO_TIME } from '../protocol/rfc3339.js';
import type { Consumer } from './consumer.js';
import { consumerConfig } from './consumer-config.js';
import { json, jsonObject } from './info.js';
import { shownMetadata } from './levels.js';

export type InfoFields = (readonly [name: string, json: string | undefined])[];

/** Milliseconds since 1970 as RFC 3339 text. */
function timeText(milliseconds: number): string {
  return nanosecondsToTime(BigInt(Math.floor(milliseconds * 1000)) * 1000n);
}

function sequencesJson(consumer: number, stream: number, last: number): string {
  return jsonObject([
    ['consumer_seq', String(consumer)],
    ['stream_seq', String(stream)],
    ['last_active', last === 0 ? undefined : `"${timeText(last)}"`],
  ]);
}

export function consumerInfoFields(consumer: Consumer, dynamic = true): InfoFields {
  const { config, acks, stream, pulls, push, account } = consumer;
  const metadata = dynamic ? shownMetadata(config.metadata) : config.metadata;
  const at = shownPosition(consumer);
  const group = config.priority_groups?.[0];
  return [
    ['stream_name', JSON.stringify(stream.name)],
    ['name', JSON.stringify(consumer.name)],
    ['created', JSON.stringify(consumer.created)],
    ['config', consumerConfig.write({ ...config, metadata })],
    ['delivered', sequencesJson(acks.deliveredConsumer, at.delivered, consumer.lastDelivery)],
    ['ack_floor', sequencesJson(acks.floorConsumer, at.floor, consumer.lastAck)],
    ['num_ack_pending', String(acks.pending.size)],
    // With one delivery there are no further ones; what is remembered of them is only for the server.
    ['num_redelivered', String(config.max_deliver === 1 ? 0 : acks.redelivered.size)],
    ['num_waiting', String(pulls?.waiting() ?? 0)],
    ['num_pending', String(Math.max(0, consumer.numPending))],
    ['push_bound', push?.active ? 'true' : undefined],
    ['paused', consumer.paused ? 'true' : undefined],
    ['pause_remaining', consumer.paused ? String(Math.round(consumer.pauseLeft * 1e6)) : undefined],
    ['ts', JSON.stringify(account.jetstream.now())],
    ['priority_groups', group === undefined ? undefined : `[${groupJson(consumer, group)}]`],
  ];
}

/**
 * What was delivered, and acknowledged, last. A consumer that stores nothing, or nothing yet, shows how far it has looked instead, as
 * officially.
 */
function shownPosition({ acks, config, stream }: Consumer): { delivered: number; floor: number } {
  const { deliveredStream, deliveredConsumer, floorStream, next, workingFloor } = acks;
  if (config.direct) return { delivered: next - 1, floor: workingFloor };
  const nothing = deliveredConsumer === 0 && deliveredStream === 0;
  const inMemory = config.mem_storage || stream.inMemory;
  return { delivered: nothing && inMemory ? next - 1 : deliveredStream, floor: floorStream };
}

function groupJson(consumer: Consumer, group: string): string {
  const pins = consumer.pulls?.pins;
  return jsonObject([
    ['group', json(group)],
    ['pinned_client_id', pins?.current ? json(pins.current) : undefined],
    ['pinned_ts', json(pins?.since || ZERO_TIME)],
  ]);
}

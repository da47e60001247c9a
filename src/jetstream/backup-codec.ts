/** The JSON in a backup: the state of a stream, and a consumer with its position. */
import {
  field,
  int,
  int64,
  type JsonType,
  list,
  map,
  omitEmpty,
  optional,
  readJson,
  struct,
  uint64,
} from '../protocol/json-type.js';
import { time } from '../protocol/rfc3339.js';
import type { Consumer } from './consumer.js';
import { type ConsumerConfig, consumerConfig } from './consumer-config.js';
import type { ConsumerPosition } from './store/consumer-store.js';

const sequencePair = struct('SequencePair', { consumer_seq: field(uint64), stream_seq: field(uint64) });
const pendingMessage = struct('Pending', { Sequence: field(uint64), Timestamp: field(int64) });
const consumerEntry = struct('consumerArchive', {
  config: omitEmpty(optional(consumerConfig)),
  state: omitEmpty(
    optional(
      struct('ConsumerState', {
        delivered: field(sequencePair),
        ack_floor: field(sequencePair),
        pending: omitEmpty(map(pendingMessage)),
        redelivered: omitEmpty(map(uint64)),
      }),
    ),
  ),
});

export const backupState = struct('StreamState', {
  messages: field(uint64),
  bytes: field(uint64),
  first_seq: field(uint64),
  first_ts: field(time),
  last_seq: field(uint64),
  last_ts: field(time),
  num_subjects: omitEmpty(int),
  subjects: omitEmpty(map(uint64)),
  num_deleted: omitEmpty(int),
  deleted: omitEmpty(list(uint64)),
  lost: omitEmpty(optional(struct('LostStreamData', { msgs: field(list(uint64)), bytes: field(uint64) }))),
  consumer_count: field(int),
});

/** Reads JSON of a backup, in which fields of later versions may stand. Throws an error with the official text. */
export function readBackup<V>(type: JsonType<V>, json: Uint8Array): V {
  return readJson(type, json, false);
}

/** A consumer of a backup; positions are not beyond the last message that is in it. */
export function consumerJson({ config, acks }: Consumer, lastSequence: number): string {
  const { delivered, ackFloor, pending, redelivered } = acks.position();
  const capped = (sequence: number) => Math.min(sequence, lastSequence);
  const inside = <V>(from: ReadonlyMap<number, V>) =>
    [...from].filter(([sequence]) => sequence <= lastSequence);
  const waiting = inside(pending).map(
    ([sequence, { sequence: own, deliveredAt }]) =>
      `"${sequence}":{"Sequence":${own},"Timestamp":${Math.floor(deliveredAt)}000000}`,
  );
  const again = inside(redelivered).map(([sequence, count]) => `"${sequence}":${count}`);
  const state = [
    `"delivered":{"consumer_seq":${delivered.consumer},"stream_seq":${capped(delivered.stream)}}`,
    `"ack_floor":{"consumer_seq":${ackFloor.consumer},"stream_seq":${capped(ackFloor.stream)}}`,
    ...(waiting.length > 0 ? [`"pending":{${waiting.join(',')}}`] : []),
    ...(again.length > 0 ? [`"redelivered":{${again.join(',')}}`] : []),
  ];
  return `{"config":${consumerConfig.write(config)},"state":{${state.join(',')}}}`;
}

/** Throws an error in official words. */
export function readConsumer(
  name: string,
  json: Uint8Array,
): { config: ConsumerConfig; position: ConsumerPosition } {
  const shown = JSON.stringify(name);
  let entry: ReturnType<typeof consumerEntry.zero>;
  try {
    entry = readBackup(consumerEntry, json);
  } catch (error) {
    throw new Error(`failed to decode consumer ${shown} state: ${(error as Error).message}`);
  }
  const { config, state } = entry;
  if (config === undefined) throw new Error(`consumer ${shown} is missing config`);
  if (state === undefined) throw new Error(`consumer ${shown} is missing state`);
  const pending = Object.entries(state.pending ?? {}).map(
    ([sequence, { Sequence, Timestamp }]) =>
      [Number(sequence), { sequence: Sequence, deliveredAt: Math.floor(Timestamp / 1e6) }] as const,
  );
  const redelivered = Object.entries(state.redelivered ?? {}).map(
    ([sequence, count]) => [Number(sequence), count] as const,
  );
  return {
    config,
    position: {
      delivered: { consumer: state.delivered.consumer_seq, stream: state.delivered.stream_seq },
      ackFloor: { consumer: state.ack_floor.consumer_seq, stream: state.ack_floor.stream_seq },
      pending: new Map(pending),
      redelivered: new Map(redelivered),
    },
  };
}

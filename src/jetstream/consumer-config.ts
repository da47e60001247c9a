/**
 * The configuration of a consumer as the API and the store directory have it. Durations in it are nanoseconds, as in the JSON.
 * What is valid is decided in `consumer-rules.ts`.
 */
import {
  bool,
  duration,
  field,
  int,
  list,
  map,
  omitEmpty,
  oneOf,
  optional,
  struct,
  text,
  uint64,
  type ValueOf,
} from '../protocol/json-type.js';
import { time } from '../protocol/rfc3339.js';
import { unknownWord } from './stream-config.js';

export const deliverPolicy = oneOf(
  ['all', 'last', 'new', 'by_start_sequence', 'by_start_time', 'last_per_subject'],
  'all',
  unknownWord,
);
export const ackPolicy = oneOf(['none', 'all', 'explicit', 'flow_control'], 'none', unknownWord);
export const replayPolicy = oneOf(['instant', 'original'], 'instant', unknownWord);
export const priorityPolicy = oneOf(
  ['none', 'overflow', 'pinned_client', 'prioritized'],
  'none',
  (raw) => `unknown priority policy: ${raw}`,
);

export const consumerConfig = struct('ConsumerConfig', {
  durable_name: omitEmpty(text),
  name: omitEmpty(text),
  description: omitEmpty(text),
  deliver_policy: field(deliverPolicy),
  opt_start_seq: omitEmpty(uint64),
  opt_start_time: omitEmpty(optional(time)),
  ack_policy: field(ackPolicy),
  ack_wait: omitEmpty(duration),
  max_deliver: omitEmpty(int),
  backoff: omitEmpty(list(duration)),
  filter_subject: omitEmpty(text),
  filter_subjects: omitEmpty(list(text)),
  replay_policy: field(replayPolicy),
  rate_limit_bps: omitEmpty(uint64),
  sample_freq: omitEmpty(text),
  max_waiting: omitEmpty(int),
  max_ack_pending: omitEmpty(int),
  flow_control: omitEmpty(bool),
  headers_only: omitEmpty(bool),
  max_batch: omitEmpty(int),
  max_expires: omitEmpty(duration),
  max_bytes: omitEmpty(int),
  deliver_subject: omitEmpty(text),
  deliver_group: omitEmpty(text),
  idle_heartbeat: omitEmpty(duration),
  inactive_threshold: omitEmpty(duration),
  num_replicas: field(int),
  mem_storage: omitEmpty(bool),
  direct: omitEmpty(bool),
  sourcing: omitEmpty(bool),
  metadata: omitEmpty(map(text)),
  pause_until: omitEmpty(optional(time)),
  priority_groups: omitEmpty(list(text)),
  priority_policy: omitEmpty(priorityPolicy),
  priority_timeout: omitEmpty(duration),
});

export type ConsumerConfig = ValueOf<typeof consumerConfig>;

export const consumerAction = oneOf(['', 'create', 'update'], '', (raw) => `unknown consumer action: ${raw}`);

/** The body of a request to create or to change a consumer. */
export const createConsumerRequest = struct('CreateConsumerRequest', {
  stream_name: field(text),
  config: field(consumerConfig),
  action: field(consumerAction),
  pedantic: omitEmpty(bool),
});

/** The content of a consumer's `meta.inf`. */
export const storedConsumer = struct('FileConsumerInfo', {
  Created: field(time),
  Name: field(text),
  ...consumerConfig.fields,
});

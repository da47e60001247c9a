/**
 * The configuration of a stream as the API and the store directory have it. Durations in it are nanoseconds, as in the JSON;
 * -1 in a limit is none. What is valid is decided in `stream-rules.ts`.
 */
import {
  bool,
  duration,
  embedded,
  field,
  int,
  int32,
  int64,
  list,
  map,
  omitEmpty,
  oneOf,
  optional,
  struct,
  text,
  uint64,
  type ValueOf,
  wordOf,
} from '../protocol/json-type.js';
import { time } from '../protocol/rfc3339.js';

/** The official server's answer to a word that an enumeration does not have. */
export const unknownWord = (raw: string): string => `can not unmarshal ${JSON.stringify(raw)}`;

export const retention = oneOf(['limits', 'interest', 'workqueue'], 'limits', unknownWord);
export const discard = oneOf(['old', 'new'], 'old', unknownWord);
export const storage = oneOf(['file', 'memory'], 'file', unknownWord);
export const compression = wordOf(['none', 's2'], 'none', 'unknown compression algorithm');
export const persistMode = oneOf(['default', 'async', ''], '', unknownWord);

export const subjectTransform = struct('SubjectTransformConfig', { src: field(text), dest: field(text) });

export const placement = struct('Placement', {
  cluster: omitEmpty(text),
  tags: omitEmpty(list(text)),
  preferred: omitEmpty(text),
});

export const streamSource = struct('StreamSource', {
  name: field(text),
  opt_start_seq: omitEmpty(uint64),
  opt_start_time: omitEmpty(optional(time)),
  filter_subject: omitEmpty(text),
  subject_transforms: omitEmpty(list(subjectTransform, 'server.SubjectTransformConfig')),
  external: omitEmpty(optional(struct('ExternalStream', { api: field(text), deliver: field(text) }))),
  consumer: omitEmpty(
    optional(struct('StreamConsumerSource', { name: omitEmpty(text), deliver_subject: omitEmpty(text) })),
  ),
});

export const streamConfig = struct('StreamConfig', {
  name: field(text),
  description: omitEmpty(text),
  subjects: omitEmpty(list(text)),
  retention: field(retention),
  max_consumers: field(int),
  max_msgs: field(int64),
  max_bytes: field(int64),
  max_age: field(duration),
  max_msgs_per_subject: field(int64),
  max_msg_size: omitEmpty(int32),
  discard: field(discard),
  storage: field(storage),
  num_replicas: field(int),
  no_ack: omitEmpty(bool),
  duplicate_window: omitEmpty(duration),
  placement: omitEmpty(optional(placement)),
  mirror: omitEmpty(optional(streamSource)),
  sources: omitEmpty(list(streamSource, '*server.StreamSource')),
  compression: field(compression),
  first_seq: omitEmpty(uint64),
  subject_transform: omitEmpty(optional(subjectTransform)),
  republish: omitEmpty(
    optional(struct('RePublish', { src: omitEmpty(text), dest: field(text), headers_only: omitEmpty(bool) })),
  ),
  allow_direct: field(bool),
  mirror_direct: field(bool),
  discard_new_per_subject: omitEmpty(bool),
  sealed: field(bool),
  deny_delete: field(bool),
  deny_purge: field(bool),
  allow_rollup_hdrs: field(bool),
  consumer_limits: field(
    struct('StreamConsumerLimits', {
      inactive_threshold: omitEmpty(duration),
      max_ack_pending: omitEmpty(int),
    }),
  ),
  allow_msg_ttl: field(bool),
  subject_delete_marker_ttl: omitEmpty(duration),
  allow_msg_counter: omitEmpty(bool),
  allow_atomic: omitEmpty(bool),
  allow_msg_schedules: omitEmpty(bool),
  persist_mode: omitEmpty(persistMode),
  allow_batched: omitEmpty(bool),
  metadata: omitEmpty(map(text)),
});

export type StreamConfig = ValueOf<typeof streamConfig>;
export type StreamSource = ValueOf<typeof streamSource>;
export type SubjectTransformConfig = ValueOf<typeof subjectTransform>;

/** The body of a request to create or to change a stream. */
export const streamConfigRequest = struct('StreamConfigRequest', {
  ...embedded('StreamConfig', streamConfig.fields),
  pedantic: omitEmpty(bool),
});

/** The content of a stream's `meta.inf`. */
export const storedStream = struct('FileStreamInfo', { Created: field(time), ...streamConfig.fields });

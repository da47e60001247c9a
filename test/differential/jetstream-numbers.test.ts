// Numbers at the ends of what Go's types hold, and beyond, beside the official server.
import { api, jetStreamScripts, publish, type ScriptCase } from './jetstream-script.js';

const conf = 'server_name: srv\njetstream { store_dir: "$DIR/js", max_mem: 64MB, max_file: 256MB }';
const numbers = [
  ...['0', '-0', '1e3', '1.0', '1E2', '-1', '2147483647', '2147483648', '-2147483649', '4294967296'],
  ...['9007199254740991', '9223372036854775807', '9223372036854775808', '18446744073709551615'],
  ...['18446744073709551616', '1e400', '0.1', '"5"', 'true', 'null', '[]', '{}', '01', '+1', '.5', '1.'],
];
/** Where numbers of 64 bits are sequences, ours end earlier. */
const small = numbers.filter((number) => !(Number(number) > 2 ** 52));
const streamFields = [
  'max_msgs',
  'max_bytes',
  'max_msg_size',
  'max_age',
  'max_consumers',
  'max_msgs_per_subject',
];
const moreStreamFields = ['duplicate_window', 'first_seq', 'num_replicas', 'subject_delete_marker_ttl'];
const consumerFields = [
  'ack_wait',
  'max_deliver',
  'max_ack_pending',
  'max_waiting',
  'max_batch',
  'max_expires',
];
const moreConsumerFields = [
  'max_bytes',
  'inactive_threshold',
  'rate_limit_bps',
  'opt_start_seq',
  'num_replicas',
];

const streams: ScriptCase[] = [...streamFields, ...moreStreamFields].map((field) => ({
  name: `a stream's ${field}`,
  steps: (field === 'first_seq' ? small : numbers).flatMap((number) => [
    api('STREAM.CREATE.N', `{"name":"N","storage":"memory","${field}":${number}}`),
    api('STREAM.DELETE.N'),
  ]),
}));

const consumers: ScriptCase[] = [...consumerFields, ...moreConsumerFields].map((field) => ({
  name: `a consumer's ${field}`,
  steps: [
    api('STREAM.CREATE.C', { name: 'C', storage: 'memory' }),
    ...(/opt_start_seq|rate_limit_bps/.test(field) ? small : numbers).flatMap((number) => [
      api(
        'CONSUMER.CREATE.C.c',
        `{"stream_name":"C","config":{"name":"c","ack_policy":"explicit","${field}":${number}${field === 'opt_start_seq' ? ',"deliver_policy":"by_start_sequence"' : ''}${field === 'rate_limit_bps' ? ',"deliver_subject":"d"' : ''}}}`,
      ),
      api('CONSUMER.DELETE.C.c'),
    ]),
    api('STREAM.DELETE.C'),
  ],
}));

const requests: ScriptCase = {
  name: 'requests',
  steps: [
    api('STREAM.CREATE.R', {
      name: 'R',
      subjects: ['r.>'],
      storage: 'memory',
      allow_direct: true,
      allow_msg_ttl: true,
    }),
    ...['1', '2', '3'].map((body) => publish('r.a', body)),
    ...small.flatMap((number) => [
      api('STREAM.MSG.GET.R', `{"seq":${number}}`),
      api('DIRECT.GET.R', `{"seq":${number}}`),
      api('STREAM.NAMES', `{"offset":${number}}`),
      api('STREAM.INFO.R', `{"subjects_filter":">","offset":${number}}`),
      api('STREAM.MSG.DELETE.R', `{"seq":${number}}`),
      ...(/^(0|-0|1\.0|1|true|null|"5"|\{\})$/.test(number)
        ? []
        : [api('STREAM.PURGE.R', `{"keep":${number}}`)]),
      publish('r.b', 'x', { 'Nats-Expected-Last-Sequence': number }),
      publish('r.b', 'x', { 'Nats-Expected-Last-Subject-Sequence': number }),
      publish('r.b', 'x', { 'Nats-TTL': number }),
    ]),
    api('STREAM.CREATE.Q', { name: 'Q', subjects: ['q.>'], storage: 'memory' }),
    publish('q.a'),
    ...['7', '100000', '3'].flatMap((number) => [api('STREAM.PURGE.Q', `{"seq":${number}}`), publish('q.a')]),
    api('STREAM.INFO.Q'),
  ],
};

jetStreamScripts('numbers', { conf }, [...streams, ...consumers, requests]);

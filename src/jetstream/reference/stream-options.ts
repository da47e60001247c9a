/** The options of a stream, first part: what it takes, how much of it, and where it keeps that. See `option.ts`. */
import { invalid, type OptionReference, pedantic, says, unknownWord } from './option.js';

const limit = (key: string): OptionReference['errors'][number] =>
  pedantic(`${key} must be set to -1`, 'It is below -1.');
const NONE = '`-1`: none (`0` is taken for it)';

export const streamOptions: readonly OptionReference[] = [
  {
    name: 'name',
    type: 'string',
    default: 'none, it has to be given',
    since: '2.2',
    level: 0,
    update: 'no: it says which stream is meant',
    meaning: [
      "What the stream is called in its account: in the API's subjects, in answers, and as the name of its folder. Up to 255 bytes, without white space, `.`, `*`, `>`, `/` and `\\`.",
      'Key-value buckets are streams named `KV_<bucket>`, object stores `OBJ_<bucket>`.',
    ],
    errors: [
      invalid("stream name is required and can not contain '.', '*', '>', '\\', '/'"),
      invalid('stream name is too long, maximum allowed is <n>'),
      says('streamMismatch', 'It is not the name in the subject of the request.'),
      says(
        'streamNameExist',
        'A stream of this name is there, with another configuration. With the same one the request succeeds.',
      ),
      says(
        'streamCreate',
        'The disk refuses, or a folder of that name holds a stream that could not be opened.',
        { err: '<reason>' },
      ),
    ],
    differences: [
      'A stream that cannot be opened keeps its name: creating one of that name is refused (10049). The official server takes over the old messages, or removes them.',
    ],
  },
  {
    name: 'description',
    type: 'string',
    default: 'none',
    since: '2.3',
    level: 0,
    update: 'yes',
    meaning: ['A text for people, up to 4,096 bytes. The server does nothing with it.'],
    errors: [invalid('stream description is too long, maximum allowed is <n>')],
  },
  {
    name: 'subjects',
    type: 'array of strings',
    default: 'the name of the stream; none for a mirror or with `sources`',
    since: '2.2',
    level: 0,
    update: 'yes',
    meaning: [
      'What the stream takes: every message in the account that is published on one of these subjects. Wildcards are allowed. No two streams of an account may want the same subject.',
      'The stream is a subscriber like others: who else listens gets the message as well, and a request on such a subject gets the acknowledgement for an answer.',
    ],
    errors: [
      invalid('invalid subject'),
      invalid('duplicate subjects detected'),
      invalid('subject "<a>" overlaps with "<b>"', 'Two subjects of this stream.'),
      says('streamSubjectOverlap', 'Another stream of the account has such a subject.'),
      invalid('capturing all subjects requires no-ack to be true', 'One of them is `>`.'),
      invalid('capturing all subjects requires replicas of 1', 'One of them is `>`.'),
      invalid(
        'subjects that overlap with jetstream api require no-ack to be true',
        '`$JS.>` and its like, but for `$JS.EVENT.>`.',
      ),
      invalid(
        'subjects that overlap with system api require no-ack to be true',
        '`$SYS.>`, but for `$SYS.ACCOUNT.>`.',
      ),
      says('mirrorWithSubjects'),
    ],
  },
  {
    name: 'retention',
    type: 'string: `limits`, `interest`, `workqueue`',
    default: '`limits`',
    since: '2.2',
    level: 0,
    update: 'between `limits` and `interest`',
    meaning: [
      'When a message may go. `limits`: when a limit displaces it. `interest`: when every consumer that wants its subject has acknowledged it; a message that no consumer wants is acknowledged to its publisher and not kept. `workqueue`: when one consumer has acknowledged it; the filters of its consumers must not overlap, so that each message belongs to one of them.',
      'Limits hold for all three.',
    ],
    errors: [
      unknownWord,
      invalid('stream configuration update can not change retention policy to/from workqueue'),
      invalid('counter stream can only use limits retention', 'With `allow_msg_counter`.'),
    ],
    differences: [
      'While a stored consumer of a stream with `interest` or `workqueue` cannot be opened, the stream keeps all messages, as nobody knows which of them that consumer still wants.',
    ],
  },
  {
    name: 'max_consumers',
    type: 'integer',
    default: NONE,
    since: '2.2',
    level: 0,
    update: 'yes; consumers that are there stay',
    meaning: [
      'How many consumers the stream may have. The limit of the account holds where it is stricter, and `default_max_consumers` of the server where neither says anything. Those by which other streams copy do not count.',
    ],
    errors: [
      limit('max_consumers'),
      says(
        'maximumConsumersLimit',
        'More than the account may have; or, when a consumer is created, there are that many.',
      ),
    ],
  },
  {
    name: 'max_msgs',
    type: 'integer',
    default: NONE,
    since: '2.2',
    level: 0,
    update: 'yes; what is too much goes at once',
    meaning: ['How many messages the stream keeps. What happens with one more says [`discard`](discard.md).'],
    errors: [
      limit('max_msgs'),
      says('streamStoreFailed', 'Answer to a publisher, with `discard: new`.', {
        err: 'maximum messages exceeded',
      }),
    ],
  },
  {
    name: 'max_bytes',
    type: 'integer, bytes',
    default: NONE,
    since: '2.2',
    level: 0,
    update: 'yes; what is too much goes at once',
    meaning: [
      'How many bytes the stream keeps: subject, headers and payload of each message, and a few bytes around them (in files 30, and 4 more with headers; in memory 16). What happens with more says [`discard`](discard.md).',
      'So much is reserved: the sum over all streams may not be more than account and server have.',
    ],
    errors: [
      limit('max_bytes'),
      says('streamMaxBytesRequired', 'The account wants it of every stream (`max_bytes_required`).'),
      says(
        'streamMaxStreamBytesExceeded',
        'Above `memory_max_stream_bytes` or `store_max_stream_bytes` of the account.',
      ),
      says('memoryResourcesExceeded', 'Account or server have not so much left to reserve.'),
      says('storageResourcesExceeded', 'The same, for streams in files.'),
      says('streamStoreFailed', 'Answer to a publisher, with `discard: new`.', {
        err: 'maximum bytes exceeded',
      }),
    ],
  },
  {
    name: 'max_age',
    type: 'integer, nanoseconds',
    default: '`0`: none',
    since: '2.2',
    level: 0,
    update: 'yes; what is too old goes at once',
    meaning: [
      'How long a message is kept, counted from when it was stored. A message with [`Nats-TTL: never`](allow_msg_ttl.md) is exempt. At least 100 milliseconds.',
      'Messages go by a timer, not only when they are asked for.',
    ],
    errors: [
      invalid('max age can not be negative'),
      invalid('max age needs to be >= 100ms'),
      invalid(
        'duplicates window can not be larger then max age',
        'With a `duplicate_window` that is longer.',
      ),
    ],
  },
  {
    name: 'max_msgs_per_subject',
    type: 'integer',
    default: NONE,
    since: '2.3',
    level: 0,
    update: 'yes; what is too much goes at once',
    meaning: [
      'How many messages of each subject are kept. One more displaces the oldest of the same subject, also with `discard: new`, unless [`discard_new_per_subject`](discard_new_per_subject.md) is set. It is what the history of a key-value bucket is made of.',
    ],
    errors: [limit('max_msgs_per_subject')],
  },
  {
    name: 'max_msg_size',
    type: 'integer, bytes',
    default: '`-1`: what the server and the account allow (`max_payload`)',
    since: '2.2',
    level: 0,
    update: 'yes; what is stored stays',
    meaning: ['The largest message that the stream takes, headers and payload together.'],
    errors: [
      limit('max_msg_size'),
      says('streamMessageExceedsMaximum', 'Answer to a publisher.'),
      says('mirrorMaxMessageSizeTooBig', 'The origin of the mirror takes larger ones.'),
      says('sourceMaxMessageSizeTooBig', 'A source takes larger ones.'),
    ],
  },
  {
    name: 'discard',
    type: 'string: `old`, `new`',
    default: '`old`',
    since: '2.2',
    level: 0,
    update: 'yes',
    meaning: [
      'What a full stream does, by `max_msgs` or `max_bytes`: displace the oldest messages (`old`), or refuse the new one (`new`), which its publisher is told.',
    ],
    errors: [
      unknownWord,
      invalid('counter stream cannot use discard new', 'With `allow_msg_counter`.'),
      invalid('message scheduling cannot use discard new', 'With `allow_msg_schedules`.'),
      says('streamStoreFailed', 'Answer to a publisher.', { err: 'maximum messages exceeded' }),
      says('streamStoreFailed', 'Answer to a publisher.', { err: 'maximum bytes exceeded' }),
    ],
  },
  {
    name: 'discard_new_per_subject',
    type: 'boolean',
    default: '`false`',
    since: '2.9',
    level: 0,
    update: 'yes',
    meaning: [
      'A message whose subject has `max_msgs_per_subject` messages already is refused, instead of displacing the oldest of them. With a limit of 1: the first one wins.',
    ],
    errors: [
      invalid('discard new per subject requires discard new policy to be set'),
      invalid('discard new per subject requires max msgs per subject > 0'),
      says('streamStoreFailed', 'Answer to a publisher.', { err: 'maximum messages per subject exceeded' }),
    ],
  },
  {
    name: 'storage',
    type: 'string: `file`, `memory`',
    default: '`file`',
    since: '2.2',
    level: 0,
    update: 'no',
    meaning: [
      'Where messages are kept. `file`: in the store directory, in the official format; they survive restarts, and [what is promised](../../guide/durability.md) is synced. `memory`: they are gone with the server, and nobody waits for a disk.',
      "In a program's own server that keeps [everything in memory](../../guide/embedding.md#jetstream), streams with `file` behave as in files, without any.",
    ],
    errors: [unknownWord, invalid('stream configuration update can not change storage type')],
  },
  {
    name: 'num_replicas',
    type: 'integer, 1 to 5',
    default: '`1`',
    since: '2.2',
    level: 0,
    update: 'no, on one server',
    meaning: ['On how many servers of a cluster the stream is kept. A single server has one.'],
    errors: [
      invalid('maximum replicas is <n>'),
      says('replicasCountCannotBeNegative'),
      says('streamReplicasNotSupported', 'More than 1.'),
    ],
    differences: ['Clusters are not there yet: it is what a single official server answers.'],
  },
  {
    name: 'no_ack',
    type: 'boolean',
    default: '`false`',
    since: '2.2',
    level: 0,
    update: 'yes',
    meaning: [
      "Publishers get no answers from this stream, neither acknowledgements nor errors. For streams that overhear what is meant for somebody else, such as requests, whose answer must not be the stream's.",
    ],
    errors: [],
  },
  {
    name: 'duplicate_window',
    type: 'integer, nanoseconds',
    default:
      "two minutes, or `max_age` where that is shorter, or the server's `duplicate_window` limit; `0` for mirrors and with `sources`",
    since: '2.2',
    level: 0,
    update: 'yes',
    meaning: [
      'For so long the ids of messages (`Nats-Msg-Id`) are remembered. A message with an id that is known is acknowledged with `"duplicate": true` and the sequence of the first one, and not stored. Together with confirmed acks of consumers that is "exactly once". At least 100 milliseconds.',
      'After a restart the ids are read from the messages that are still there.',
    ],
    errors: [
      invalid('duplicates window can not be negative'),
      invalid('duplicates window needs to be >= 100ms'),
      invalid('duplicates window can not be larger then max age'),
      invalid('duplicates window can not be larger then server limit of <duration>'),
      pedantic(
        'duplicate window limits are higher than current limits',
        "It is left out, and the server's limit is below two minutes.",
      ),
      pedantic(
        'duplicate window cannot be bigger than max age',
        'It is left out, and `max_age` is below two minutes.',
      ),
    ],
  },
  {
    name: 'placement',
    type: 'object',
    default: 'none',
    since: '2.2',
    level: 0,
    update: 'yes',
    meaning: ['Where in a cluster the stream is to be. A single server keeps it and does nothing with it.'],
    fields: [
      { name: 'cluster', type: 'string', meaning: 'Name of the cluster.' },
      { name: 'tags', type: 'array of strings', meaning: 'Tags that its servers have to have.' },
      {
        name: 'preferred',
        type: 'string',
        meaning: 'A server; refused here, it belongs to requests that move a leader.',
      },
    ],
    errors: [invalid('preferred server not permitted in placement')],
    differences: ['Clusters are not there yet.'],
  },
  {
    name: 'compression',
    type: 'string: `none`, `s2`',
    default: '`none`',
    since: '2.10',
    level: 0,
    update: 'yes, for what is stored from then on',
    meaning: [
      'Whether blocks of a stream in files are compressed once they are full. It makes files smaller, and is transparent to everybody. Limits count the bytes before compression.',
    ],
    errors: [says('invalidJSON', 'The word is none of these.', { err: 'unknown compression algorithm' })],
    differences: ['A flipped bit in a compressed block costs that block at most, and never the stream.'],
  },
  {
    name: 'first_seq',
    type: 'integer',
    default: '`0`: it begins at 1',
    since: '2.10',
    level: 0,
    update: 'it is kept, without effect',
    meaning: [
      'The sequence that the first message gets. For streams that go on where another one has ended. At most 2^52.',
    ],
    errors: [
      says('mirrorWithFirstSeq'),
      invalid('first sequence can not be larger than <2^52>', 'Weft alone.'),
    ],
    differences: ['Officially sequences go up to 2^64.'],
  },
  {
    name: 'metadata',
    type: 'object of strings',
    default: 'none',
    since: '2.10',
    level: 0,
    update: 'yes',
    meaning: [
      "Keys and values for programs, up to 128 KiB together. Keys that begin with `_nats.` are the server's: `_nats.req.level` is stored and says which API level the stream needs; answers about a single stream add `_nats.ver` and `_nats.level` of the server.",
    ],
    errors: [invalid('stream metadata exceeds maximum size of <n> bytes')],
  },
  {
    name: 'persist_mode',
    type: 'string: `default`, `async`',
    default: '`default`',
    since: '2.12',
    level: 2,
    update: 'no',
    meaning: [
      'How a stream in files writes. In the official server `async` acknowledges before a message is written, for speed.',
    ],
    errors: [
      unknownWord,
      invalid('async persist mode is only supported on file storage'),
      invalid('async persist mode is not supported on replicated streams'),
      invalid('async persist mode is not supported with atomic batch publish'),
      invalid('stream configuration update can not change persist mode'),
    ],
    differences: [
      'Weft writes `async` streams like all others: by group commit, acknowledged when durable as [`sync_interval`](../config.md) says. So the option promises more here, and is checked, stored and shown as officially.',
    ],
  },
];

/** JSON read into types as the official server reads it: its answers to these requests were taken from the wire. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createConsumerRequest } from '../../src/jetstream/consumer-config.js';
import { streamConfig, streamConfigRequest } from '../../src/jetstream/stream-config.js';
import { JsonSyntaxError, parseJsonValues } from '../../src/protocol/json-text.js';
import { readJson } from '../../src/protocol/json-type.js';
import { nanosecondsToTime, normalizeTime, timeToNanoseconds } from '../../src/protocol/rfc3339.js';

const field = (what: string, path: string, type: string) =>
  `json: cannot unmarshal ${what} into Go struct field ${path} of type ${type}`;

const streamErrors: [request: string, error: string][] = [
  ['{"max_msgs":"x"}', field('string', 'StreamConfigRequest.StreamConfig.max_msgs', 'int64')],
  ['{"max_msgs":1.5}', field('number 1.5', 'StreamConfigRequest.StreamConfig.max_msgs', 'int64')],
  ['{"max_msgs":1e3}', field('number 1e3', 'StreamConfigRequest.StreamConfig.max_msgs', 'int64')],
  ['{"name":5}', field('number', 'StreamConfigRequest.StreamConfig.name', 'string')],
  ['{"name":{"a":[1,{}]}}', field('object', 'StreamConfigRequest.StreamConfig.name', 'string')],
  ['{"subjects":"x"}', field('string', 'StreamConfigRequest.StreamConfig.subjects', '[]string')],
  ['{"subjects":[1]}', field('number', 'StreamConfigRequest.StreamConfig.subjects', 'string')],
  ['{"mirror":{"name":1}}', field('number', 'StreamSource.StreamConfig.mirror.name', 'string')],
  [
    '{"mirror":{"external":{"api":1}}}',
    field('number', 'ExternalStream.StreamConfig.mirror.external.api', 'string'),
  ],
  ['{"placement":[]}', field('array', 'StreamConfigRequest.StreamConfig.placement', 'server.Placement')],
  [
    '{"max_age":99999999999999999999}',
    field('number 99999999999999999999', 'StreamConfigRequest.StreamConfig.max_age', 'time.Duration'),
  ],
  ['{"max_age":"1s"}', field('string', 'StreamConfigRequest.StreamConfig.max_age', 'time.Duration')],
  [
    '{"max_msg_size":3000000000}',
    field('number 3000000000', 'StreamConfigRequest.StreamConfig.max_msg_size', 'int32'),
  ],
  ['{"metadata":{"a":1}}', field('number', 'StreamConfigRequest.StreamConfig.metadata', 'string')],
  ['{"NAME":"S","first_seq":-1}', field('number -1', 'StreamConfigRequest.StreamConfig.first_seq', 'uint64')],
  ['{"pedantic":"x"}', field('string', 'StreamConfigRequest.pedantic', 'bool')],
  [
    '{"consumer_limits":{"max_ack_pending":"x"}}',
    field('string', 'StreamConsumerLimits.StreamConfig.consumer_limits.max_ack_pending', 'int'),
  ],
  ['{"sources":{}}', field('object', 'StreamConfigRequest.StreamConfig.sources', '[]*server.StreamSource')],
  [
    '{"sources":[{"subject_transforms":[{"src":1}]}]}',
    field('number', 'SubjectTransformConfig.StreamConfig.sources.subject_transforms.src', 'string'),
  ],
  ['{"compression":5}', field('number', 'StreamConfigRequest.StreamConfig.compression', 'string')],
  ['[]', 'json: cannot unmarshal array into Go value of type server.StreamConfigRequest'],
  ['5', 'json: cannot unmarshal number into Go value of type server.StreamConfigRequest'],
  ['{"retention":1}', 'can not unmarshal "1"'],
  ['{"retention":"x"}', 'can not unmarshal "\\"x\\""'],
  ['{"name":"S"} {"bogus":1}', 'json: unknown field "bogus"'],
  [
    '{"sources":[{"opt_start_time":"x"}]}',
    'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"',
  ],
  ['{"sources":[{"opt_start_time":5}]}', 'Time.UnmarshalJSON: input is not a JSON string'],
];

const consumerErrors: [request: string, error: string][] = [
  ['{"config":{"max_deliver":"x"}}', field('string', 'ConsumerConfig.config.max_deliver', 'int')],
  ['{"config":{"backoff":["x"]}}', field('string', 'ConsumerConfig.config.backoff', 'time.Duration')],
  ['{"config":5}', field('number', 'CreateConsumerRequest.config', 'server.ConsumerConfig')],
  ['{"config":{"ack_policy":"foo"}}', 'can not unmarshal "\\"foo\\""'],
  ['{"config":{"priority_policy":"foo"}}', 'unknown priority policy: "foo"'],
  ['{"action":1}', 'unknown consumer action: 1'],
  [
    '{"config":{"opt_start_time":"2020"}}',
    'parsing time "2020" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "-"',
  ],
];

const syntaxErrors: [text: string, error: string, offset?: number][] = [
  ['{"name":"S",}', "invalid character '}' looking for beginning of object key string", 13],
  ['{"name":"S"', 'unexpected EOF'],
  ['{"name":"S"}x', "invalid character 'x' looking for beginning of value", 13],
  ['{"name":"S\\u00zz"}', "invalid character 'z' in \\u hexadecimal character escape", 15],
  ['{"a" 1}', "invalid character '1' after object key", 6],
  ['{"name":tru}', "invalid character '}' in literal true (expecting 'e')", 12],
  ['{"name":"a\tb"}', "invalid character '\\t' in string literal", 11],
  ['{"name":01}', "invalid character '1' after object key:value pair", 10],
  ['{"name":-}', "invalid character '}' in numeric literal", 10],
  ['{"name":1.}', "invalid character '}' after decimal point in numeric literal", 11],
  ['{"name":"\\q"}', "invalid character 'q' in string escape code", 11],
  ['{"name":"S" "x":1}', "invalid character '\"' after object key:value pair", 13],
  ['[1 2]', "invalid character '2' after array element", 4],
  ['{1:2}', "invalid character '1' looking for beginning of object key string", 2],
  ['nul', 'unexpected EOF'],
  ['\x00{}', "invalid character '\\x00' looking for beginning of value", 1],
  ['{"name":"\u00e9"x}', "invalid character 'x' after object key:value pair", 13],
];

test('a wrong field of a stream is told as the official server tells it', () => {
  for (const [request, error] of streamErrors)
    assert.throws(
      () => readJson(streamConfigRequest, Buffer.from(request), true),
      { message: error },
      request,
    );
});

test('a wrong field of a consumer is told as the official server tells it', () => {
  for (const [request, error] of consumerErrors)
    assert.throws(
      () => readJson(createConsumerRequest, Buffer.from(request), true),
      { message: error },
      request,
    );
});

test('text that is no JSON is told with the byte where it stops to be', () => {
  for (const [text, message, offset] of syntaxErrors) {
    assert.throws(
      () => parseJsonValues(Buffer.from(text)),
      (error) => {
        assert.ok(error instanceof JsonSyntaxError, text);
        assert.deepEqual([error.message, error.offset], [message, offset], text);
        return true;
      },
    );
  }
});

test('unknown fields are left out where reading is not strict', () => {
  const read = readJson(streamConfigRequest, Buffer.from('{"name":"S","bogus":{"a":[]}}'), false);
  assert.equal(read.name, 'S');
});

test('no text at all is a value of zeros, null changes nothing', () => {
  assert.equal(readJson(streamConfigRequest, Buffer.from(''), true).name, '');
  const read = readJson(streamConfigRequest, Buffer.from('{"name":"S"} {"name":null,"max_msgs":null}'), true);
  assert.deepEqual([read.name, read.max_msgs], ['S', 0]);
});

test('what is written has the official order and leaves out what is empty', () => {
  const config = streamConfig.zero();
  Object.assign(config, {
    name: 'S<',
    subjects: ['a'],
    max_msgs: -1,
    num_replicas: 1,
    metadata: { b: '1', a: '2' },
  });
  assert.equal(
    streamConfig.write(config),
    '{"name":"S\\u003c","subjects":["a"],"retention":"limits","max_consumers":0,"max_msgs":-1,"max_bytes":0,' +
      '"max_age":0,"max_msgs_per_subject":0,"discard":"old","storage":"file","num_replicas":1,"compression":"none",' +
      '"allow_direct":false,"mirror_direct":false,"sealed":false,"deny_delete":false,"deny_purge":false,' +
      '"allow_rollup_hdrs":false,"consumer_limits":{},"allow_msg_ttl":false,"metadata":{"a":"2","b":"1"}}',
  );
});

test('the largest numbers come back as they were given', () => {
  const text =
    '{"max_msgs":9223372036854775807,"max_bytes":-9223372036854775808,"first_seq":18446744073709551615,"max_age":31536000000000000}';
  const written = streamConfig.write(readJson(streamConfig, Buffer.from(text), true));
  for (const part of text.slice(1, -1).split(',')) assert.ok(written.includes(part), `${part} in ${written}`);
});

test('any bytes are a value or an error', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '1',
    '-',
    '.',
    'e',
    'true',
    'nul',
    '\\',
    'u00',
    ' ',
    '"a"',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(piece).map((parts) => parts.join('')),
        fc.string(),
        fc.json(),
      ),
      (text) => {
        let accepted = true;
        try {
          JSON.parse(text);
        } catch {
          accepted = false;
        }
        let values: unknown[] | null = null;
        try {
          values = parseJsonValues(Buffer.from(text));
        } catch (error) {
          assert.ok(error instanceof JsonSyntaxError);
        }
        assert.equal(values?.length === 1, accepted || values?.length === 1);
        if (values === null) assert.equal(accepted, false);
      },
    ),
  );
});

test('depth has a limit', () => {
  assert.throws(() => parseJsonValues(Buffer.alloc(100_000, '[')), { message: 'exceeded max depth' });
});

test('times keep their nanoseconds', () => {
  assert.equal(normalizeTime('2020-01-02T03:04:05.120000000Z'), '2020-01-02T03:04:05.12Z');
  assert.equal(normalizeTime('2020-01-02T03:04:05+02:00'), '2020-01-02T03:04:05+02:00');
  assert.throws(() => normalizeTime('2020-13-02T03:04:05Z'), {
    message: 'parsing time "2020-13-02T03:04:05Z": month out of range',
  });
  assert.throws(() => normalizeTime('2020-02-30T03:04:05Z'), {
    message: 'parsing time "2020-02-30T03:04:05Z": day out of range',
  });
  assert.equal(timeToNanoseconds('2020-01-02T03:04:05.000000001+01:00'), 1577930645000000001n);
  fc.assert(
    fc.property(fc.bigInt(-6795364578871345152n, 9223372036854775807n), (ns) => {
      assert.equal(timeToNanoseconds(nanosecondsToTime(ns)), ns);
    }),
  );
});

// PUB and HPUB: sizes, payloads, headers, the answers in verbose and pedantic mode, and delivery to oneself.
import { differential } from './pair.js';
import { type Case, connect, end, hpub, lines, one, pub, script, send } from './transcript.js';

const C = connect();
const H = connect({ headers: true });
const HEAD = 'NATS/1.0\r\nName: value\r\n\r\n';

const sizes: Case[] = [
  '0',
  '00',
  '02',
  '0002',
  '000000002',
  '0000000002',
  '00000000000000000002',
  '999999999',
  '1048577',
  '1000000000',
  '9999999999',
  '99999999999999999999',
  '-1',
  '-2',
  '+2',
  '2.0',
  '2e0',
  '0x2',
  'two',
  '2a',
  'a2',
  "'2'",
  '1 ',
  '\xb2',
  '2,',
  '2\r',
].map((size) => one(`PUB of size ${JSON.stringify(size)}`, `${C}SUB foo 1\r\n`, `PUB foo ${size}\r\nok\r\n`));

const headerSizes: Case[] = (
  [
    ['0', '0', ''],
    ['0', '2', 'ok'],
    ['12', '12', 'NATS/1.0\r\n\r\n'],
    ['12', '14', 'NATS/1.0\r\n\r\nok'],
    ['14', '14', 'NATS/1.0\r\n\r\nok'],
    ['15', '14', 'NATS/1.0\r\n\r\nok'],
    ['012', '014', 'NATS/1.0\r\n\r\nok'],
    ['-1', '2', 'ok'],
    ['2', '-1', 'ok'],
    ['x', '2', 'ok'],
    ['2', 'x', 'ok'],
    ['1', '2', 'ok'],
    ['2', '2', 'ok'],
    ['0000000012', '14', 'NATS/1.0\r\n\r\nok'],
    ['12', '0000000014', 'NATS/1.0\r\n\r\nok'],
    ['+12', '14', 'NATS/1.0\r\n\r\nok'],
  ] as const
).map(([header, total, body]) =>
  one(
    `HPUB of sizes ${header} and ${total} with ${JSON.stringify(body)}`,
    `${H}SUB foo 1\r\n`,
    `HPUB foo ${header} ${total}\r\n${body}\r\n`,
  ),
);

const endings: Case[] = [
  ['no CR', 'PUB foo 2\r\nok\n'],
  ['no line end', 'PUB foo 2\r\nokPUB foo 2\r\nok\r\n'],
  ['CR twice', 'PUB foo 2\r\nok\r\r\n'],
  ['CR and another byte', 'PUB foo 2\r\nok\rx'],
  ['a payload too long', 'PUB foo 2\r\nokay\r\n'],
  ['a payload too short', 'PUB foo 4\r\nok\r\nSUB x 3\r\n'],
  ['an empty payload without a line end', 'PUB foo 0\r\nSUB x 3\r\n'],
  ['a payload that looks like an operation', 'PUB foo 9\r\nSUB x 1\r\n\r\n'],
  ['line ends inside a payload', 'PUB foo 6\r\n\r\n\r\n\r\n\r\n'],
  ['every byte value', pub('foo', Array.from({ length: 256 }, (_, n) => String.fromCharCode(n)).join(''))],
  ['HPUB without CR', 'HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\n'],
  ['HPUB too long', 'HPUB foo 12 12\r\nNATS/1.0\r\n\r\nabc\r\n'],
].map(([name, bytes]) => one(name!, `${H}SUB foo 1\r\n`, bytes!));

/** The same header block to one subscriber that knows headers and to one that does not. */
const blocks: Case[] = Object.entries({
  'one field': HEAD,
  'no field': 'NATS/1.0\r\n\r\n',
  'a status': 'NATS/1.0 503\r\n\r\n',
  'a status with a description': 'NATS/1.0 100 FlowControl Request\r\n\r\n',
  'the same key twice': 'NATS/1.0\r\nA: 1\r\nA: 2\r\n\r\n',
  'no blank after the colon': 'NATS/1.0\r\nA:1\r\n\r\n',
  'a value with blanks': 'NATS/1.0\r\nA:  1 2 \r\n\r\n',
  'an empty value': 'NATS/1.0\r\nA:\r\n\r\n',
  'another version': 'NATS/2.0\r\nA: 1\r\n\r\n',
  'no version': 'A: 1\r\n\r\n',
  'no closing line': 'NATS/1.0\r\nA: 1\r\n',
  'only line feeds': 'NATS/1.0\nA: 1\n\n',
  'eight-bit bytes': 'NATS/1.0\r\nA: \xff\xfe\r\n\r\n',
  'no header at all': 'xyz',
}).map(([name, block]) =>
  script(
    `a header block with ${name}`,
    send('A', `${H}SUB foo 1\r\n`),
    send('B', `${C}SUB foo 2\r\n`),
    send('C', H, hpub('foo', block, 'payload'), hpub('foo', block, '', 'reply'), hpub('foo', block)),
  ),
);

const headers: Case[] = [
  one('HPUB when headers were not negotiated', C, hpub('foo', HEAD, 'x')),
  one('HPUB with headers false', connect({ headers: false }), hpub('foo', HEAD, 'x')),
  one('PUB reaches a subscriber with headers as MSG', `${H}SUB foo 1\r\n`, pub('foo', 'x', 'r')),
  one('HPUB with a reply', `${H}SUB foo 1\r\n`, hpub('foo', HEAD, 'x', 'answer.here')),
  script(
    'HPUB to a queue with and without headers',
    send('A', `${H}SUB foo q 1\r\n`),
    send('B', `${C}SUB bar q 1\r\n`),
    send('C', H, hpub('foo', HEAD, 'x'), hpub('bar', HEAD, 'y')),
  ),
  one('many HPUB in a row', `${H}SUB foo 1\r\n`, hpub('foo', HEAD, 'a').repeat(20)),
  one('HPUB and PUB in turns', `${H}SUB foo 1\r\n`, `${hpub('foo', HEAD, 'a')}${pub('foo', 'b')}`.repeat(10)),
  one(
    'HPUB with a large header',
    `${H}SUB foo 1\r\n`,
    hpub('foo', `NATS/1.0\r\nA: ${'v'.repeat(70_000)}\r\n\r\n`, 'x'),
  ),
  script(
    'a large header to a subscriber without headers',
    send('A', `${C}SUB foo 1\r\n`),
    send('B', H, hpub('foo', `NATS/1.0\r\nA: ${'v'.repeat(70_000)}\r\n\r\n`, 'x')),
  ),
  one('HMSG from a client with nothing behind', H, 'HMSG foo 1 0 0\r\n\r\n'),
];

const V = connect({ verbose: true });
const P = connect({ pedantic: true });
const VP = connect({ verbose: true, pedantic: true, headers: true });

/** Each operation in each of the four modes, apart from the rest. */
const operations: Record<string, string> = {
  SUB: 'SUB bar 2\r\n',
  'SUB with a queue': 'SUB bar q 2\r\n',
  'SUB of a sid in use': 'SUB bar 1\r\n',
  'SUB of a bad subject': 'SUB bar..x 3\r\n',
  'SUB with > not last': 'SUB bar.>.x 3\r\n',
  UNSUB: 'UNSUB 1\r\n',
  'UNSUB with a count': 'UNSUB 1 2\r\n',
  'UNSUB of an unknown sid': 'UNSUB 99\r\n',
  'PUB to oneself': pub('foo', 'x'),
  'PUB to nobody': pub('nobody', 'x'),
  'PUB with a reply': pub('foo', 'x', 'reply'),
  'PUB to a wildcard': pub('foo.*', 'x'),
  'PUB to a full wildcard': pub('foo.>', 'x'),
  'PUB to a bad subject': pub('foo..x', 'x'),
  'PUB to a subject that ends in a dot': pub('foo.', 'x'),
  'PUB with a wildcard in the reply': pub('foo', 'x', 'a.*'),
  'PUB with a bad reply': pub('foo', 'x', 'a..b'),
  'two PUB': pub('foo', 'x') + pub('foo', 'y'),
  HPUB: hpub('foo', HEAD, 'x'),
  'HPUB to a wildcard': hpub('foo.*', HEAD, 'x'),
  PING: 'PING\r\n',
  PONG: 'PONG\r\n',
  '+OK': '+OK\r\n',
  INFO: 'INFO {}\r\n',
};

const modes: Case[] = Object.entries(operations).flatMap(([name, bytes]) => [
  one(`${name}, verbose`, connect({ verbose: true, headers: true }), 'SUB foo 1\r\n', bytes),
  one(`${name}, pedantic`, connect({ pedantic: true, headers: true }), 'SUB foo 1\r\nSUB > 7\r\n', bytes),
  one(`${name}, verbose and pedantic`, VP, 'SUB foo 1\r\n', bytes),
]);

const echo: Case[] = [
  one('echo off', connect({ echo: false }), 'SUB foo 1\r\n', pub('foo', 'x')),
  one('echo off, in a queue', connect({ echo: false }), 'SUB foo q 1\r\n', pub('foo', 'x')),
  one('echo off, verbose', connect({ echo: false, verbose: true }), 'SUB foo 1\r\n', pub('foo', 'x')),
  script(
    'echo off reaches others',
    send('B', `${C}SUB foo 9\r\n`),
    send('A', connect({ echo: false }), 'SUB foo 1\r\n', pub('foo', 'x')),
  ),
  script(
    'echo off in a shared queue goes to the other',
    send('B', `${C}SUB foo q 9\r\n`),
    send('A', connect({ echo: false }), 'SUB foo q 1\r\n', pub('foo', 'x').repeat(6)),
  ),
  script(
    'echo off does not hold for what others send',
    send('A', connect({ echo: false }), 'SUB foo 1\r\n'),
    send('B', C, pub('foo', 'x')),
  ),
  one('several own subscriptions', `${C}SUB foo 1\r\nUNSUB 1\r\nSUB foo 2\r\n`, pub('foo', 'x')),
];

const order: Case[] = [
  one('+OK before the own message', V, 'SUB foo 1\r\n', pub('foo', 'x')),
  one('pedantic error before the message', P, 'SUB > 1\r\n', pub('foo.*', 'x')),
  script(
    'messages of two publishers, one after the other',
    send('A', `${C}SUB foo 1\r\n`),
    send('B', C, pub('foo', 'b1'), pub('foo', 'b2')),
    send('C', C, pub('foo', 'c1')),
  ),
  script(
    'request and reply',
    send('A', `${C}SUB ask 1\r\n`),
    send('B', `${C}SUB back 1\r\n`, pub('ask', 'q', 'back')),
    lines('A', 3),
    send('A', pub('back', 'answer')),
    lines('B', 3),
  ),
  script(
    'a message to five clients',
    ...['A', 'B', 'C', 'D', 'E'].map((name) => send(name, `${C}SUB foo ${name}\r\n`)),
    send('F', C, pub('foo', 'x')),
  ),
  script(
    'the last words before the end',
    send('A', `${C}SUB foo 1\r\n`),
    end('B', `${C}${pub('foo', 'bye')}`),
    lines('A', 4),
  ),
  script(
    'an error does not undo what came before it',
    send('A', `${C}SUB foo 1\r\n`),
    send('B', C, pub('foo', 'one'), 'BAD\r\n', pub('foo', 'two')),
  ),
];

differential('sizes of PUB', '', sizes);
differential('sizes of HPUB', '', headerSizes);
differential('ends of payloads', '', endings);
differential('header blocks', '', [...blocks, ...headers]);
differential('verbose and pedantic', '', modes);
differential('echo and order', '', [...echo, ...order]);

differential('payloads at the limit', 'max_payload: 1000', [
  one('PUB of max_payload', `${C}SUB foo 1\r\n`, pub('foo', 'x'.repeat(1000))),
  one('PUB of one byte more', `${C}SUB foo 1\r\n`, pub('foo', 'x'.repeat(1001))),
  one('PUB of one byte more, announced only', C, 'PUB foo 1001\r\n'),
  one('PUB of far more', C, 'PUB foo 999999999\r\n'),
  one('HPUB of max_payload', `${H}SUB foo 1\r\n`, hpub('foo', HEAD, 'x'.repeat(1000 - HEAD.length))),
  one('HPUB of one byte more', `${H}SUB foo 1\r\n`, hpub('foo', HEAD, 'x'.repeat(1001 - HEAD.length))),
  one(
    'HPUB that is only header',
    `${H}SUB foo 1\r\n`,
    hpub('foo', `NATS/1.0\r\nA: ${'v'.repeat(983)}\r\n\r\n`),
  ),
  one('too large in verbose mode', V, 'PUB foo 1001\r\n'),
  one('what came before is delivered', `${C}SUB foo 1\r\n`, pub('foo', 'x'), 'PUB foo 1001\r\n'),
  one('too large and not a number', C, 'PUB foo 9999999999\r\n'),
  one('header larger than a total above the limit', H, 'HPUB foo 2000 1001\r\n'),
]);

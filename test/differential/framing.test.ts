// Bytes to operations: verbs, separators, line ends, bytes where none belong, and lines that are too long.
import { differential } from './pair.js';
import { type Case, closed, connect, end, hpub, one, pieces, pub, script, send, sync } from './transcript.js';

const C = connect();
const H = connect({ headers: true });

/** Cases of one client that says CONNECT and SUB foo, and then these bytes. */
function after(rows: readonly (readonly [name: string, bytes: string])[]): Case[] {
  return rows.map(([name, bytes]) => one(name, `${H}SUB foo 1\r\n`, bytes));
}

const verbs = after([
  ['ping in lower case', 'ping\r\n'],
  ['ping in mixed case', 'PiNg\r\n'],
  ['pong in lower case', 'pong\r\n'],
  ['pub in lower case', 'pub foo 2\r\nok\r\n'],
  ['pUb in mixed case', 'pUb foo 2\r\nok\r\n'],
  ['hpub in lower case', 'hpub foo 12 14\r\nNATS/1.0\r\n\r\nok\r\n'],
  ['sub in lower case', `sub bar 2\r\n${pub('bar', 'x')}`],
  ['unsub in lower case', `unsub 1\r\n${pub('foo', 'x')}`],
  ['connect in lower case', 'connect {"verbose":true}\r\n'],
  ['info in lower case', 'info {}\r\n'],
  ['PING with LF only', 'PING\n'],
  ['PUB with LF after the arguments', 'PUB foo 2\nok\r\n'],
  ['SUB with LF only', `SUB bar 2\n${pub('bar', 'x')}`],
  ['UNSUB with LF only', `UNSUB 1\n${pub('foo', 'x')}`],
  ['CONNECT with LF only', 'CONNECT {"verbose":true}\nSUB x 3\r\n'],
  ['HPUB with LF after the arguments', 'HPUB foo 12 14\nNATS/1.0\r\n\r\nok\r\n'],
  ['PING with two CR', 'PING\r\r\n'],
  ['junk after PING', 'PING xyz\r\n'],
  ['junk glued to PING', 'PINGPONG\r\n'],
  ['spaces after PING', 'PING   \r\n'],
  ['junk after PONG', 'PONG xyz\r\n'],
  ['junk glued to PONG', 'PONGxyz\r\n'],
  ['PONG nobody asked for', 'PONG\r\nPONG\r\n'],
  ['+OK from a client', '+OK\r\n'],
  ['+ok in lower case', '+ok\r\n'],
  ['junk after +OK', '+OK xyz\r\n'],
  ['junk glued to +OK', '+OKxyz\r\n'],
  ['+ and something else', '+NO\r\n'],
  ['-ERR from a client', "-ERR 'no'\r\n"],
  ['-err in lower case', "-err 'no'\r\n"],
  ['-ERR without a text', '-ERR\r\n'],
  ['-ERR with only a space', '-ERR \r\n'],
  ['- and something else', '-NO\r\n'],
  ['INFO from a client', 'INFO {"max_payload":1}\r\n'],
  ['INFO without braces', 'INFO xyz\r\n'],
  ['INFO with broken JSON', 'INFO {"max_payload":\r\n'],
  ['INFO with a wrong type', 'INFO {"max_payload":"x"}\r\n'],
  ['MSG from a client', 'MSG foo 1 2\r\nok\r\n'],
  ['HMSG from a client', 'HMSG foo 1 12 14\r\nNATS/1.0\r\n\r\nok\r\n'],
  ['MSG without arguments', 'MSG\r\n'],
  ['RS+ from a client', 'RS+ $G foo\r\n'],
  ['RMSG from a client', 'RMSG $G foo 2\r\nok\r\n'],
  ['LS+ from a client', 'LS+ foo\r\n'],
  ['A+ from a client', 'A+ acc\r\n'],
  ['an empty line', '\r\n'],
  ['a lone LF', '\n'],
  ['a leading space', ' PING\r\n'],
  ['a NUL byte', '\0'],
  ['a byte above 127', '\xff\r\n'],
  ['an HTTP request', 'GET / HTTP/1.1\r\n\r\n'],
  ['a TLS client hello', '\x16\x03\x01\x02\x00'],
  ['digits', '123\r\n'],
]);

// Every way to leave the path of a verb: the verb up to some letter and then one that does not follow.
const prefixes = after(
  [
    ...['Q', 'PX', 'PIX', 'PINX', 'POX', 'PONX', 'PUX', 'PUBX', 'PUB\r'],
    ...['HX', 'HPX', 'HPUX', 'HPUBX', 'HMX', 'HMSX', 'HMSGX'],
    ...['SX', 'SUX', 'SUBX', 'UX', 'UNX', 'UNSX', 'UNSUX', 'UNSUBX'],
    ...['CX', 'COX', 'CONX', 'CONNX', 'CONNEX', 'CONNECX', 'CONNECTX'],
    ...['IX', 'INX', 'INFX', 'INFOX', 'MX', 'MSX', 'MSGX'],
    ...['+X', '+OX', '-X', '-EX', '-ERX', '-ERRX'],
  ].map((bytes) => [`the bytes ${JSON.stringify(bytes)}`, `${bytes}\r\n`] as const),
);

const separators = after([
  ['PUB with a tab after the verb', 'PUB\tfoo 2\r\nok\r\n'],
  ['PUB with tabs between arguments', 'PUB foo\treply\t2\r\nok\r\n'],
  ['PUB with many spaces', 'PUB    foo    reply     2\r\nok\r\n'],
  ['PUB with spaces before the line end', 'PUB foo 2   \r\nok\r\n'],
  ['PUB with mixed blanks', 'PUB \t foo \t 2\t\r\nok\r\n'],
  ['HPUB with tabs', 'HPUB\tfoo\t12\t14\r\nNATS/1.0\r\n\r\nok\r\n'],
  ['HPUB with many spaces', 'HPUB   foo   re   12   14  \r\nNATS/1.0\r\n\r\nok\r\n'],
  ['SUB with a tab after the verb', `SUB\tbar 2\r\n${pub('bar', 'x')}`],
  ['SUB with tabs and spaces', `SUB \t bar\t q \t2 \r\n${pub('bar', 'x')}`],
  ['UNSUB with a tab', `UNSUB\t1\r\n${pub('foo', 'x')}`],
  ['UNSUB with spaces', `UNSUB   1   1  \r\n${pub('foo', 'x')}${pub('foo', 'y')}`],
  ['CONNECT with tabs', 'CONNECT\t\t{"verbose":true}\r\n'],
  ['CONNECT with spaces around', 'CONNECT   {"verbose":true}   \r\n'],
  ['CONNECT without a blank', 'CONNECT{"verbose":true}\r\n'],
  ['CR inside the arguments of SUB', `SUB bar\r 2\r\n${pub('bar', 'x')}`],
  ['a vertical tab is no separator', `SUB bar\v2\r\n`],
]);

const counts = after([
  ['PUB without arguments', 'PUB \r\n'],
  ['PUB and nothing', 'PUB\r\n'],
  ['PUB with one argument', 'PUB foo\r\n'],
  ['PUB with four arguments', 'PUB foo bar baz 2\r\nok\r\n'],
  ['PUB with five arguments', 'PUB foo a b c 2\r\nok\r\n'],
  ['HPUB without arguments', 'HPUB \r\n'],
  ['HPUB with one argument', 'HPUB foo\r\n'],
  ['HPUB with two arguments', 'HPUB foo 12\r\nNATS/1.0\r\n\r\n\r\n'],
  ['HPUB with five arguments', 'HPUB foo a b 12 14\r\nNATS/1.0\r\n\r\nok\r\n'],
  ['SUB without arguments', 'SUB \r\n'],
  ['SUB and nothing', 'SUB\r\n'],
  ['SUB with one argument', 'SUB foo\r\n'],
  ['SUB with four arguments', 'SUB foo a b c\r\n'],
  ['UNSUB without arguments', 'UNSUB \r\n'],
  ['UNSUB and nothing', 'UNSUB\r\n'],
  ['UNSUB with three arguments', 'UNSUB 1 2 3\r\n'],
  ['CONNECT and nothing', 'CONNECT\r\n'],
  ['INFO and nothing', 'INFO\r\n'],
]);

const sequence = `${pub('foo', 'one')}${pub('foo', 'two', 'reply')}${hpub('foo', 'NATS/1.0\r\nK: v\r\n\r\n', 'three')}`;
const everything = `SUB foo 1\r\nSUB bar q 2\r\nUNSUB 2 5\r\n${sequence}PONG\r\n+OK\r\n`;

const splits: Case[] = [
  script('every operation, byte by byte', send('A', H), pieces('A', ...everything)),
  ...splitEverywhere('PUB', pub('foo', 'hello', 'r')),
  ...splitEverywhere('HPUB', hpub('foo', 'NATS/1.0\r\nA: b\r\n\r\n', 'yo')),
  script('CONNECT in two pieces', pieces('A', 'CONNECT {"verb', 'ose":false}\r\n')),
  script('PING in two pieces', send('A', C), pieces('A', 'PI', 'NG\r\n')),
  script(
    'the line end in two pieces',
    send('A', `${C}SUB foo 1\r\n`),
    pieces('A', 'PUB foo 2\r', '\nok\r', '\n'),
  ),
  script(
    'SUB with a CR at the end of a piece',
    send('A', C),
    pieces('A', 'SUB foo 1\r', `\n${pub('foo', 'x')}`),
  ),
  script('an unknown verb in two pieces', send('A', C), pieces('A', 'PI', 'X')),
  script('a wrong byte after the payload, apart', send('A', C), pieces('A', 'PUB foo 2\r\nok', 'x')),
  script('CR and no LF after the payload, apart', send('A', C), pieces('A', 'PUB foo 2\r\nok\r', 'x')),
  script(
    'a large payload in ten pieces',
    send('A', `${C}SUB foo 1\r\n`),
    pieces('A', ...chopped(pub('foo', 'x'.repeat(50_000)), 5200)),
  ),
  script(
    'a payload begun with its line',
    send('A', `${C}SUB foo 1\r\n`),
    pieces('A', 'PUB foo 1000\r\nabc', `${'d'.repeat(997)}\r\n`),
  ),
  script('two hundred messages in one write', send('A', `${C}SUB foo 1\r\n`, pub('foo', 'm').repeat(200))),
  script(
    'messages of growing size in one write',
    send('A', `${C}SUB foo 1\r\n`, ...Array.from({ length: 60 }, (_, n) => pub('foo', 'z'.repeat(n * 13)))),
  ),
  script('a line left open at the end', send('A', C), end('A', 'PUB foo 10')),
  script('a payload left open at the end', send('A', C), end('A', 'PUB foo 10\r\nabc')),
  script(
    'the end of the input after operations',
    send('A', `${C}SUB foo 1\r\n`),
    sync('A'),
    end('A', pub('foo', 'last')),
  ),
  script('the end of the input at once', end('A')),
  script('the end of the input inside CONNECT', end('A', 'CONNECT {')),
];

/** One client for each position at which the text can be cut in two, all of them in one case. */
function splitEverywhere(verb: string, text: string): Case[] {
  const steps = [send('A', `${H}SUB foo 1\r\n`), sync('A')];
  for (let at = 1; at < text.length; at++) steps.push(pieces('A', text.slice(0, at), text.slice(at)));
  return [script(`${verb} cut at every position`, ...steps)];
}

function chopped(text: string, size: number): string[] {
  const parts: string[] = [];
  for (let at = 0; at < text.length; at += size) parts.push(text.slice(at, at + size));
  return parts;
}

differential('verbs', '', verbs);
differential('bytes that leave a verb', '', prefixes);
differential('separators and counts of arguments', '', [...separators, ...counts]);
differential('pieces', '', splits);

// max_control_line counts the arguments only.
const LIMIT = 64;
const padded = (length: number, head: string, tail: string) =>
  `${head}${'s'.repeat(length - head.length - tail.length)}${tail}`;

/** Argument lines of exactly this length, by verb; the payload or line end follows. */
const linesOf: Record<string, (length: number) => string> = {
  PUB: (length) => `PUB ${padded(length, '', ' 2')}\r\nok\r\n`,
  'PUB with a reply': (length) => `PUB ${padded(length, 'foo ', ' 2')}\r\nok\r\n`,
  HPUB: (length) => `HPUB ${padded(length, '', ' 12 14')}\r\nNATS/1.0\r\n\r\nok\r\n`,
  SUB: (length) => `SUB ${padded(length, '', ' 7')}\r\n`,
  'SUB with a long sid': (length) => `SUB ${padded(length, 'foo ', '')}\r\n`,
  UNSUB: (length) => `UNSUB ${padded(length, '', '')}\r\n`,
  CONNECT: (length) => `CONNECT ${padded(length, '{"headers":true,"name":"', '"}')}\r\n`,
  INFO: (length) => `INFO ${padded(length, '{"server_name":"', '"}')}\r\n`,
  MSG: (length) => `MSG ${padded(length, '', '')}\r\n`,
  '-ERR': (length) => `-ERR ${padded(length, '', '')}\r\n`,
};

const longLines: Case[] = Object.entries(linesOf).flatMap(([verb, line]) => [
  one(`${verb} at the limit`, 'CONNECT {"headers":true}\r\n', line(LIMIT)),
  one(`${verb} one above the limit`, 'CONNECT {"headers":true}\r\n', line(LIMIT + 1)),
  script(
    `${verb} at the limit in pieces`,
    send('A', 'CONNECT {"headers":true}\r\n'),
    pieces('A', line(LIMIT).slice(0, 30), line(LIMIT).slice(30)),
  ),
  script(
    `${verb} above the limit in pieces`,
    send('A', 'CONNECT {"headers":true}\r\n'),
    pieces('A', line(LIMIT + 1).slice(0, 30), line(LIMIT + 1).slice(30)),
  ),
]);

differential('lines at and above max_control_line', `max_control_line: ${LIMIT}`, [
  ...longLines,
  script('an endless line', send('A', 'CONNECT {}\r\n'), closed('A', `SUB ${'x'.repeat(200)}`)),
  script('an endless line before CONNECT', closed('A', `PUB ${'x'.repeat(200)}`)),
  one('blanks before the arguments do not count', 'CONNECT {}\r\n', `SUB ${' '.repeat(200)}foo 1\r\n`),
  one('blanks between the arguments count', 'CONNECT {}\r\n', `SUB foo${' '.repeat(200)}1\r\n`),
  one('blanks after the arguments count', 'CONNECT {}\r\n', `SUB foo 1${' '.repeat(200)}\r\n`),
  one('junk after PING does not count', 'CONNECT {}\r\n', `PING ${'x'.repeat(200)}\r\n`),
]);

differential('lines at and above the default limit', '', [
  one('PUB with 4096 bytes of arguments', C, linesOf.PUB!(4096)),
  one('PUB with 4097 bytes of arguments', C, linesOf.PUB!(4097)),
  one('SUB with 4096 bytes of arguments', C, linesOf.SUB!(4096)),
  one('SUB with 4097 bytes of arguments', C, linesOf.SUB!(4097)),
  one('CONNECT with 4097 bytes of arguments', linesOf.CONNECT!(4097)),
]);

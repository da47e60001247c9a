// INFO and CONNECT: what the server says about itself, and what it makes of what clients say about themselves.
import { differential } from './pair.js';
import {
  type Case,
  closed,
  connect,
  lines,
  look,
  one,
  open,
  pieces,
  pub,
  script,
  send,
  sync,
} from './transcript.js';

const C = connect();

/** A CONNECT with raw JSON text and then a look at what took effect: +OK, own delivery, the INFO after the first PING. */
const raw = (json: string) => `CONNECT ${json}\r\nSUB foo 1\r\n${pub('foo', 'x')}`;

const info: Case[] = [
  script('INFO at accept', open('A')),
  one('INFO after the first PONG with protocol 1', connect({ protocol: 1 })),
  one('no second INFO with protocol 0', connect({ protocol: 0 })),
  script(
    'one INFO only, with many PINGs',
    send('A', connect({ protocol: 1 })),
    sync('A'),
    sync('A'),
    sync('A'),
  ),
  script('INFO when PING comes in a later write', pieces('A', connect({ protocol: 1 }), 'PING\r\n')),
  script(
    'PING before CONNECT',
    send('A', 'PING\r\n'),
    sync('A'),
    send('A', connect({ protocol: 1 })),
    sync('A'),
  ),
  script('connection ids count up', open('A'), open('B'), open('C')),
  script(
    'INFO to the second CONNECT',
    send('A', connect({ protocol: 1 })),
    sync('A'),
    send('A', connect({ protocol: 1 })),
  ),
  script('protocol 0 first and then 1', send('A', connect()), sync('A'), send('A', connect({ protocol: 1 }))),
];

const booleans = ['verbose', 'pedantic', 'echo', 'headers', 'no_responders', 'tls_required'];
const strings = ['name', 'lang', 'version', 'user', 'pass', 'auth_token', 'nkey', 'sig', 'jwt', 'proxy_sig'];

const typed: Case[] = [
  ...booleans.flatMap((field) => [
    one(`${field} true`, raw(JSON.stringify({ verbose: false, [field]: true }))),
    one(`${field} false`, raw(JSON.stringify({ verbose: false, [field]: false }))),
    one(`${field} as a string`, raw(`{"verbose":false,"${field}":"true"}`)),
    one(`${field} as a number`, raw(`{"verbose":false,"${field}":1}`)),
    one(`${field} null`, raw(`{"${field}":null}`)),
  ]),
  ...strings.flatMap((field) => [
    one(`${field} as a string`, raw(`{"verbose":false,"${field}":"some"}`)),
    one(`${field} as a number`, raw(`{"verbose":false,"${field}":5}`)),
    one(`${field} null`, raw(`{"verbose":false,"${field}":null}`)),
  ]),
];

const protocols: Case[] = [
  '0',
  '1',
  '2',
  '3',
  '-1',
  '100',
  '1.0',
  '1.5',
  '1e0',
  '"1"',
  'true',
  'null',
  '99999999999999999999',
].map((value) => one(`protocol ${value}`, raw(`{"verbose":false,"protocol":${value}}`)));

const forms: Case[] = [
  one('an empty object', raw('{}')),
  one('null', raw('null')),
  one('an array', raw('[]')),
  one('a string', raw('"verbose"')),
  one('a number', raw('1')),
  one('true', raw('true')),
  one('nothing but blanks', 'CONNECT   \r\n'),
  one('broken JSON', raw('{"verbose":')),
  one('a comma at the end', raw('{"verbose":false,}')),
  one('single quotes', raw("{'verbose':false}")),
  one('text behind the object', raw('{"verbose":false} x')),
  one('two objects', raw('{"verbose":false}{}')),
  one('a comment', raw('{"verbose":false /* no */}')),
  one('an unknown key', raw('{"verbose":false,"colour":"blue"}')),
  one(
    'an unknown key with an object',
    raw('{"verbose":false,"nest":{"verbose":true,"deep":[1,2,{"a":"}"}]}}'),
  ),
  one('upper case keys', raw('{"VERBOSE":false,"PEDANTIC":false,"ECHO":false}')),
  one('mixed case keys', raw('{"Verbose":false,"Echo":false}')),
  one('the same key twice, last one counts', raw('{"verbose":true,"verbose":false}')),
  one('the same key in two cases', raw('{"verbose":true,"VERBOSE":false}')),
  one('the same key in two cases, other order', raw('{"VERBOSE":false,"verbose":true}')),
  one('an escaped key', raw('{"\\u0076erbose":false}')),
  one('blanks and tabs inside', raw('{ "verbose" :\tfalse , "echo" : false }')),
  one('a wrong type after fields that are right', raw('{"verbose":false,"echo":"no"}')),
  one('unicode in the name', raw('{"verbose":false,"name":"\\u00e9\\ud83d\\ude00"}')),
  one('invalid UTF-8 in the name', raw('{"verbose":false,"name":"\xff\xfe"}')),
  one('a control character in a string', raw('{"verbose":false,"name":"a\x01b"}')),
  one('a bad escape in a string', raw('{"verbose":false,"name":"\\x41"}')),
  one('a lone surrogate', raw('{"verbose":false,"name":"\\ud800"}')),
  one('numbers with a leading zero', raw('{"verbose":false,"protocol":01}')),
  one('a byte order mark', raw('\xef\xbb\xbf{"verbose":false}')),
  one('deep nesting', raw(`{"verbose":false,"x":${'['.repeat(500)}${']'.repeat(500)}}`)),
];

const meanings: Case[] = [
  one(
    'the defaults',
    'CONNECT {}\r\n',
    'SUB foo 1\r\nPUB foo 1\r\nx\r\nPUB foo.* 1\r\nx\r\nUNSUB 1\r\nPUB foo 1\r\nx\r\n',
  ),
  one('without CONNECT', 'SUB foo 1\r\nPUB foo 1\r\nx\r\nPUB foo.* 1\r\nx\r\n'),
  one('CONNECT after operations', 'SUB foo 1\r\n', connect(), pub('foo', 'x')),
  one('HPUB without CONNECT', 'SUB foo 1\r\nHPUB foo 12 13\r\nNATS/1.0\r\n\r\nx\r\n'),
  one('headers and no_responders', connect({ headers: true, no_responders: true })),
  one('no_responders without headers', connect({ no_responders: true })),
  one('no_responders with headers off', connect({ headers: false, no_responders: true })),
  one('account', connect({ account: 'A' })),
  one('an empty account', connect({ account: '' })),
  one('new_account', connect({ new_account: true })),
  one('new_account false', connect({ new_account: false })),
  one('account as a number', connect({ account: 1 })),
  one('import and export objects', connect({ import: { allow: ['a'] }, export: { deny: ['b'] } })),
  one('import of a wrong type', connect({ import: 'x' })),
  one('export of a wrong type', connect({ export: ['x'] })),
  one('remote_account', connect({ remote_account: 'x' })),
  one('credentials nobody asked for', connect({ user: 'u', pass: 'p', auth_token: 't' })),
  one('a bad protocol closes before +OK', connect({ verbose: true, protocol: 7 })),
  one('a second CONNECT', connect({ verbose: true }), connect({ verbose: true })),
  one('a second CONNECT drops the subscriptions', C, 'SUB foo 1\r\n', C, pub('foo', 'x')),
  one('a sid is free again after a second CONNECT', C, 'SUB foo 1\r\n', C, 'SUB bar 1\r\n', pub('bar', 'x')),
  one(
    'a second CONNECT keeps fields not named',
    connect({ verbose: true }),
    'CONNECT {"pedantic":false}\r\nSUB foo 1\r\n',
  ),
  one(
    'a second CONNECT keeps echo',
    connect({ echo: false }),
    'CONNECT {"verbose":true}\r\nSUB foo 1\r\n',
    pub('foo', 'x'),
  ),
  one(
    'a second CONNECT switches headers off',
    connect({ headers: true }),
    connect({ headers: false }),
    'HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\n',
  ),
  one('a second CONNECT with broken JSON', C, 'CONNECT {\r\n'),
  one('a second CONNECT with a bad protocol', C, connect({ protocol: 5 })),
  script(
    'others are not touched by a second CONNECT',
    send('B', C, 'SUB foo 9\r\n'),
    send('A', C, C, pub('foo', 'x')),
  ),
  script('closed without PING', closed('A', 'CONNECT {"verbose":1}\r\n')),
  script(
    'five clients',
    ...['A', 'B', 'C', 'D', 'E'].map((name) => send(name, connect({ name, protocol: 1 }))),
  ),
  script(
    'what clients said shows in connz',
    send('A', connect({ name: 'me <&>', lang: 'ts', version: '1.2.3', protocol: 1 })),
    look<{ connections: Record<string, unknown>[] }>('connz', '/connz?cid={A}', ({ connections }) =>
      connections.map(({ kind, type, name, lang, version }) => ({ kind, type, name, lang, version })),
    ),
  ),
  script('lines come in order', send('A', C, 'SUB foo 1\r\n', pub('foo', 'x')), lines('A', 4)),
];

differential('INFO', '', info);
differential('types of CONNECT fields', '', typed);
differential('protocol in CONNECT', '', protocols);
differential('forms of CONNECT', '', forms);
differential('meaning of CONNECT', '', meanings);

const inInfo = (name: string) => [
  one(name, connect({ protocol: 1, headers: true }), 'SUB foo 1\r\n', pub('foo', 'x')),
];

differential('INFO with a server name', 'server_name: "here"', inInfo('named'));
differential(
  'INFO with an advertised address',
  'client_advertise: "nats.example.com:4444"',
  inInfo('advertised'),
);
differential('INFO with a payload limit', 'max_payload: 1000', inInfo('limited'));
differential('INFO without headers', 'no_header_support: true', [
  ...inInfo('no headers'),
  one('HPUB is refused', connect({ headers: true }), 'HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\n'),
  one('no_responders needs headers', connect({ headers: true, no_responders: true })),
]);
differential(
  'INFO with an account system',
  'accounts { A { users [{user: a, password: b}] } }',
  inInfo('refused'),
);

// Limits on connections, subscriptions, liveness and output, and the reasons with which connections end.
import { differential } from './pair.js';
import {
  type Case,
  closed,
  connect,
  drop,
  end,
  lines,
  look,
  one,
  pub,
  reasonOf,
  script,
  send,
  stopReading,
  sync,
} from './transcript.js';

const C = connect();
const V = connect({ verbose: true });

differential('max_subscriptions', 'max_subscriptions: 3', [
  one('as many as allowed', V, 'SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n'),
  one('one too many', V, 'SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\n', pub('d', 'x'), pub('c', 'x')),
  one('two too many', C, 'SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\nSUB e 5\r\n'),
  one('a repeated sid at the limit', V, 'SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB c 3\r\n'),
  one('UNSUB makes room', C, 'SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nUNSUB 1\r\nSUB d 4\r\n', pub('d', 'x')),
  one('a bad subject at the limit', V, 'SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB a..b 4\r\n'),
  one('a bad subject takes no room', V, 'SUB a 1\r\nSUB b 2\r\nSUB a..b 9\r\nSUB c 3\r\n'),
  one('queues count', C, 'SUB a q 1\r\nSUB a q 2\r\nSUB a q 3\r\nSUB a q 4\r\n'),
  script(
    'each client has its own',
    send('A', C, 'SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n'),
    send('B', C, 'SUB a 1\r\n'),
  ),
]);

// INFO goes out before the server counts a connection: only one that was answered has its place for sure.
const inside = (name: string, fields = {}) => send(name, connect(fields));
// A server to each: the official one takes a while to notice that the clients of the case before are gone.
const crowded = [
  script('one too many', inside('A'), inside('B'), closed('C')),
  script(
    'a place is free again',
    inside('A'),
    inside('B'),
    closed('C'),
    drop('B'),
    send('D', C, 'SUB foo 1\r\n', pub('foo', 'x')),
  ),
  script('two too many', inside('A'), inside('B'), closed('C'), closed('D')),
  script(
    'those inside work on',
    send('A', C, 'SUB foo 1\r\n'),
    inside('B'),
    closed('C'),
    send('B', C, pub('foo', 'x')),
  ),
];
for (const item of crowded) differential(`max_connections, ${item.name}`, 'max_connections: 2', [item]);

differential('max_connections of one', 'max_connections: 1, authorization { user: a, password: b }', [
  script('one too many, with credentials needed', inside('A', { user: 'a', pass: 'b' }), closed('B')),
]);

differential(
  'limits of an account',
  `accounts { L { users [{user: l, password: x}], limits { max_connections: 2, max_subscriptions: 2, max_payload: 10 } } }`,
  [
    script('connections', ...['A', 'B', 'C'].map((name) => send(name, connect({ user: 'l', pass: 'x' })))),
    one(
      'subscriptions',
      connect({ user: 'l', pass: 'x', verbose: true }),
      'SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n',
    ),
    one(
      'payload',
      connect({ user: 'l', pass: 'x', protocol: 1 }),
      pub('foo', 'x'.repeat(10)),
      pub('foo', 'x'.repeat(11)),
    ),
  ],
);

const silent = (name: string, bytes = ''): Case => ({ name, steps: [closed('A', bytes)], pings: true });
differential('liveness', 'ping_interval: "200ms", ping_max: 2', [
  silent('silence after CONNECT', C),
  silent('silence without CONNECT'),
  silent('silence in protocol 1', connect({ protocol: 1 })),
  script(
    'a client that answers stays',
    send('A', C),
    lines('A', 3),
    send('A', 'PONG\r\n'),
    lines('A', 4),
    send('A', 'PONG\r\n'),
    lines('A', 5),
  ),
]);
differential('liveness with one PING', 'ping_interval: "200ms", ping_max: 1', [silent('silence', C)]);
differential('liveness with none', 'ping_interval: "200ms", ping_max: 0', [silent('silence', C)]);

const flood = (count: number, size: number) => pub('flood', 'f'.repeat(size)).repeat(count);
differential('slow consumers', 'max_pending: 1MB, max_payload: 512KB', [
  script(
    'a client that does not read',
    send('A', C, 'SUB flood 1\r\n'),
    stopReading('A'),
    ...Array.from({ length: 5 }, () => send('B', C, flood(10, 500_000))),
    reasonOf('A'),
    look<Record<string, unknown>>('varz', '/varz', ({ slow_consumers, slow_consumer_stats }) => ({
      slow_consumers,
      slow_consumer_stats,
    })),
  ),
  script(
    'others are not touched',
    send('A', C, 'SUB flood 1\r\n'),
    send('C', C, 'SUB small 1\r\n'),
    stopReading('A'),
    ...Array.from({ length: 5 }, () => send('B', C, flood(10, 500_000))),
    send('B', pub('small', 'x')),
    reasonOf('A'),
  ),
]);

const reasons: Case[] = [
  script('the client ends', send('A', C), drop('A'), reasonOf('A')),
  script('the client ends in order', send('A', C), sync('A'), end('A')),
  script('after an error', closed('A', 'nonsense\r\n')),
  script(
    'the closed list keeps what was known',
    send(
      'A',
      connect({ name: 'gone', lang: 'ts', version: '9' }),
      'SUB foo 1\r\n',
      pub('foo', 'abc'),
      pub('foo', 'abc'),
    ),
    drop('A'),
    look<{ connections: Record<string, unknown>[] }>(
      'closed',
      '/connz?state=closed&cid={A}',
      ({ connections }) =>
        connections.map(
          ({ kind, name, lang, version, reason, in_msgs, out_msgs, in_bytes, out_bytes, subscriptions }) => ({
            kind,
            name,
            lang,
            version,
            reason,
            in_msgs,
            out_msgs,
            in_bytes,
            out_bytes,
            subscriptions,
          }),
        ),
    ),
  ),
  script(
    'lists of open, closed and all',
    send('A', C),
    drop('A'),
    send('B', C),
    sync('B'),
    ...['open', 'closed', 'any'].map((state) =>
      look<{ connections: { cid: number }[] }>(
        state,
        `/connz?state=${state}&limit=100000`,
        ({ connections }, run) =>
          ['A', 'B'].filter((name) => connections.some(({ cid }) => cid === run.speakers.get(name)?.id)),
      ),
    ),
  ),
];
differential('closed connections', '', reasons);

interface Counters {
  connections: {
    in_msgs: number;
    out_msgs: number;
    in_bytes: number;
    out_bytes: number;
    subscriptions: number;
  }[];
}
const counters = (name: string) =>
  look<Counters>(`counters of ${name}`, `/connz?cid={${name}}`, ({ connections }) =>
    connections.map(({ in_msgs, out_msgs, in_bytes, out_bytes, subscriptions }) => ({
      in_msgs,
      out_msgs,
      in_bytes,
      out_bytes,
      subscriptions,
    })),
  );
/** The server's own counters, as differences since `before`: so one wrong count does not spoil the cases after it. */
const COUNTED = [
  'in_msgs',
  'out_msgs',
  'in_bytes',
  'out_bytes',
  'in_client_msgs',
  'in_client_bytes',
  'out_client_msgs',
  'out_client_bytes',
  'subscriptions',
  'connections',
  'total_connections',
];
const counted = (json: Record<string, number>) => Object.fromEntries(COUNTED.map((key) => [key, json[key]!]));
const before = look('varz', '/varz', counted);
const since = look<Record<string, number>>('varz', '/varz', (json, run) => {
  const start = run.looks.varz as Record<string, number>;
  return Object.fromEntries(COUNTED.map((key) => [key, json[key]! - start[key]!]));
});

const H = connect({ headers: true });
const counting: Record<string, Case['steps']> = {
  'to oneself': [send('A', C, 'SUB foo 1\r\n', pub('foo', 'abc').repeat(3))],
  'to nobody': [send('A', C, pub('foo', 'abc').repeat(3))],
  'empty payloads': [send('A', C, 'SUB foo 1\r\n', pub('foo').repeat(3))],
  'with headers': [send('A', H, 'SUB foo 1\r\n', 'HPUB foo 12 15\r\nNATS/1.0\r\n\r\nabc\r\n')],
  'headers cut off': [
    send('B', C, 'SUB foo 1\r\n'),
    send('A', H, 'HPUB foo 12 15\r\nNATS/1.0\r\n\r\nabc\r\n'),
  ],
  'to two others': [
    send('B', C, 'SUB foo 1\r\n'),
    send('C', C, 'SUB foo 1\r\nSUB > 2\r\n'),
    send('A', C, pub('foo', 'abc')),
  ],
  'to a queue': [send('B', C, 'SUB foo q 1\r\n'), send('A', C, pub('foo', 'abc').repeat(4))],
  'with echo off': [send('A', connect({ echo: false }), 'SUB foo 1\r\n', pub('foo', 'abc'))],
  'no responders': [
    send(
      'A',
      connect({ headers: true, no_responders: true }),
      'SUB back 1\r\n',
      pub('nobody', 'abc', 'back'),
    ),
  ],
  'refused subjects': [send('A', C, 'SUB foo 1\r\n', pub('_GR_.x', 'abc'), pub('$NRG.x', 'abc'))],
  'UNSUB with a count': [send('A', C, 'SUB foo 1\r\nUNSUB 1 2\r\n', pub('foo', 'abc').repeat(4))],
  'too large a message': [
    send('B', C, 'SUB foo 1\r\n'),
    send('A', C, pub('foo', 'abc')),
    // Messages in the very read that ends in an error may or may not be counted.
    sync('A'),
    send('A', 'PUB foo 99999999\r\n'),
  ],
  'PING and PONG': [send('A', C, 'PING\r\nPONG\r\n')],
};
differential(
  'counters',
  '',
  Object.entries(counting).flatMap(([name, steps]) => [
    script(`${name}, of the connection`, ...steps, sync('A'), counters('A')),
    ...(steps.length > 1
      ? [script(`${name}, of the other`, ...steps, sync('A'), sync('B'), counters('B'))]
      : []),
    {
      ...script(`${name}, of the server`, before, ...steps, sync('A'), since),
      // The official server's total has the bytes of headers that it cut off, the connection's count has not.
      differs: name === 'headers cut off' ? 'the total is the sum over the connections' : undefined,
    },
  ]),
);

// SUB and UNSUB: sids, counts, subjects, queue groups, no-responders, and names the server keeps for itself.
import { differential } from './pair.js';
import {
  type Case,
  connect,
  drop,
  hpub,
  look,
  one,
  pub,
  type Run,
  type Step,
  script,
  send,
  sync,
} from './transcript.js';

const C = connect();
const H = connect({ headers: true });
const V = connect({ verbose: true });
const N = connect({ headers: true, no_responders: true });

const sids: Case[] = [
  one(
    'a repeated sid, the first stays',
    C,
    `SUB foo 1\r\nSUB bar 1\r\n${pub('bar', 'no')}${pub('foo', 'yes')}`,
  ),
  one('a repeated sid, verbose', V, 'SUB foo 1\r\nSUB foo 1\r\n'),
  one('a repeated sid delivers once', C, `SUB foo 1\r\nSUB foo 1\r\n${pub('foo', 'x')}`),
  one('two sids on one subject', C, `SUB foo 1\r\nSUB foo 2\r\n${pub('foo', 'x')}`),
  one('a sid of letters', C, `SUB foo abc\r\n${pub('foo', 'x')}`),
  one('a sid of odd bytes', C, `SUB foo \x01\xff"'{\r\n${pub('foo', 'x')}`),
  one('a sid with dots and stars', C, `SUB foo *.>\r\n${pub('foo', 'x')}`),
  one('a very long sid', C, `SUB foo ${'9'.repeat(300)}\r\n${pub('foo', 'x')}`),
  one('sids 1 and 01 differ', C, `SUB foo 1\r\nSUB foo 01\r\nUNSUB 1\r\n${pub('foo', 'x')}`),
  one('a negative sid', C, `SUB foo -1\r\n${pub('foo', 'x')}`),
  one(
    'a sid free after UNSUB',
    C,
    `SUB foo 1\r\nUNSUB 1\r\nSUB bar 1\r\n${pub('foo', 'x')}${pub('bar', 'y')}`,
  ),
  script(
    'two clients with the same sid',
    send('A', C, 'SUB foo 1\r\n'),
    send('B', C, 'SUB bar 1\r\nUNSUB 1\r\n', pub('foo', 'x')),
  ),
];

const unsubs: Case[] = [
  one('UNSUB', C, `SUB foo 1\r\nUNSUB 1\r\n${pub('foo', 'x')}`),
  one('UNSUB in between', C, `SUB foo 1\r\n${pub('foo', 'x')}UNSUB 1\r\n${pub('foo', 'y')}`),
  one('UNSUB of an unknown sid', C, 'UNSUB 5\r\n'),
  one('UNSUB twice', V, 'SUB foo 1\r\nUNSUB 1\r\nUNSUB 1\r\n'),
  one('UNSUB with a count', C, `SUB foo 1\r\nUNSUB 1 2\r\n${pub('foo', 'x').repeat(4)}`),
  one('UNSUB with a count of one', C, `SUB foo 1\r\nUNSUB 1 1\r\n${pub('foo', 'x').repeat(3)}`),
  one(
    'UNSUB with a count after one delivery',
    C,
    `SUB foo 1\r\n${pub('foo', 'a')}UNSUB 1 2\r\n${pub('foo', 'b')}${pub('foo', 'c')}`,
  ),
  one(
    'UNSUB with a count already reached',
    C,
    `SUB foo 1\r\n${pub('foo', 'a').repeat(3)}UNSUB 1 3\r\n${pub('foo', 'b')}`,
  ),
  one(
    'UNSUB with a count already passed',
    C,
    `SUB foo 1\r\n${pub('foo', 'a').repeat(3)}UNSUB 1 2\r\n${pub('foo', 'b')}`,
  ),
  one('UNSUB with the count 0', C, `SUB foo 1\r\nUNSUB 1 0\r\n${pub('foo', 'x')}`),
  one('UNSUB with a negative count', C, `SUB foo 1\r\nUNSUB 1 -1\r\n${pub('foo', 'x')}`),
  one('UNSUB with letters as count', C, `SUB foo 1\r\nUNSUB 1 abc\r\n${pub('foo', 'x')}`),
  one('UNSUB with a count of ten digits', C, `SUB foo 1\r\nUNSUB 1 1000000000\r\n${pub('foo', 'x')}`),
  one('UNSUB with a count of nine digits', C, `SUB foo 1\r\nUNSUB 1 999999999\r\n${pub('foo', 'x')}`),
  one('UNSUB with leading zeros', C, `SUB foo 1\r\nUNSUB 1 0002\r\n${pub('foo', 'x').repeat(3)}`),
  one(
    'a larger count replaces a smaller',
    C,
    `SUB foo 1\r\nUNSUB 1 1\r\nUNSUB 1 3\r\n${pub('foo', 'x').repeat(4)}`,
  ),
  one(
    'a smaller count replaces a larger',
    C,
    `SUB foo 1\r\nUNSUB 1 5\r\nUNSUB 1 2\r\n${pub('foo', 'x').repeat(4)}`,
  ),
  one('UNSUB without a count ends one with', C, `SUB foo 1\r\nUNSUB 1 5\r\nUNSUB 1\r\n${pub('foo', 'x')}`),
  one(
    'UNSUB with the count 0 after one with a count',
    C,
    `SUB foo 1\r\nUNSUB 1 2\r\nUNSUB 1 0\r\n${pub('foo', 'x').repeat(3)}`,
  ),
  one(
    'the sid is free when the count is reached',
    C,
    `SUB foo 1\r\nUNSUB 1 1\r\n${pub('foo', 'x')}SUB bar 1\r\n${pub('bar', 'y')}`,
  ),
  script(
    'UNSUB with a count, from another client',
    send('A', C, 'SUB foo 1\r\nUNSUB 1 2\r\n'),
    send('B', C, pub('foo', 'x').repeat(4)),
  ),
  script(
    'UNSUB with a count in a queue',
    send('A', C, 'SUB foo q 1\r\nUNSUB 1 2\r\n'),
    send('B', C, pub('foo', 'x').repeat(4)),
  ),
  script(
    'counted messages of two subjects',
    send('A', C, 'SUB foo.* 1\r\nUNSUB 1 3\r\n'),
    send('B', C, pub('foo.a', 'x'), pub('foo.b', 'x'), pub('foo.a', 'x'), pub('foo.b', 'x')),
  ),
];

/** Which of the subscriptions on the left get a message with the subject on the right. */
const matches: [filters: string[], subjects: string[]][] = [
  [
    ['foo', 'foo.*', 'foo.>', '>', '*', '*.*'],
    ['foo', 'foo.bar', 'foo.bar.baz', 'bar'],
  ],
  [
    ['a.*.c', 'a.>', '*.b.*', '*.*.*', 'a.b.c'],
    ['a.b.c', 'a.x.c', 'x.b.x', 'a.b', 'a.b.c.d'],
  ],
  [
    ['foo*', 'foo.b*', 'f*o', '*foo', '**'],
    ['foo*', 'fooo', 'foo.b*', 'f*o', 'foo.bar', '*foo', '**'],
  ],
  [
    ['foo>', '>foo', 'foo.>bar', '>>'],
    ['foo>', 'foo.x', '>foo', 'foo.>bar', '>>'],
  ],
  [
    ['FOO', 'foo'],
    ['FOO', 'foo', 'Foo'],
  ],
  [
    ['*', 'foo.*'],
    ['*', 'foo.*', 'foo.>', '>'],
  ],
  [['>'], ['foo..bar', '.foo', 'foo.', '.', '..', 'a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p']],
  [
    ['\xff\xfe', '*', '\xc3\xa9', '\x80.>'],
    ['\xff\xfe', '\xc3\xa9', '\x80.\x81', '\xc3'],
  ],
  [
    ['"', "'", '{}', '\\', '$x', '%s', '\x01', '\x7f'],
    ['"', "'", '{}', '\\', '$x', '%s', '\x01', '\x7f'],
  ],
  [
    ['a\0b', '*'],
    ['a\0b', 'a'],
  ],
  [
    ['foo', 'foo.'.repeat(40).slice(0, -1)],
    ['foo', 'foo.'.repeat(40).slice(0, -1), 'foo.'.repeat(39).slice(0, -1)],
  ],
  [
    ['*.'.repeat(30).slice(0, -1), `${'*.'.repeat(20)}>`],
    ['a.'.repeat(30).slice(0, -1), 'a.'.repeat(20).slice(0, -1)],
  ],
  [
    ['_INBOX.a.*', '_INBOX.>'],
    ['_INBOX.a.b', '_INBOX.a', '_INBOX'],
  ],
  [
    ['$SYS.foo', '$JS.foo', '$KV.a', '$O.b', '$MQTT.c'],
    ['$SYS.foo', '$JS.foo', '$KV.a', '$O.b', '$MQTT.c'],
  ],
];

const subjects: Case[] = [
  ...matches.map(([filters, names]) => {
    const subs = filters.map((filter, index) => `SUB ${filter} ${index + 1}\r\n`).join('');
    return one(
      `matches of ${JSON.stringify(filters).slice(0, 60)}`,
      C,
      subs,
      ...names.map((name) => pub(name, '!')),
    );
  }),
  ...[
    '.',
    '..',
    '.foo',
    'foo.',
    'foo..bar',
    '>.foo',
    'foo.>.bar',
    '>.>',
    'foo.>.',
    '*..*',
    '.>',
    '>.',
    'foo.*.',
    '.*',
  ].map((subject) => one(`SUB ${subject} is refused`, V, `SUB ${subject} 1\r\nSUB ok 1\r\nUNSUB 1\r\n`)),
  ...['.', '..', '.foo', 'foo.', '>.foo', 'foo.>.bar'].map((subject) =>
    one(`PUB ${subject} is let through`, V, 'SUB > 1\r\nSUB *.* 2\r\n', pub(subject, 'x')),
  ),
  one(
    'the match is renewed by SUB',
    C,
    pub('foo', 'a'),
    'SUB foo 1\r\n',
    pub('foo', 'b'),
    'SUB * 2\r\n',
    pub('foo', 'c'),
    'SUB > 3\r\n',
    pub('foo', 'd'),
  ),
  one(
    'the match is renewed by UNSUB',
    C,
    'SUB foo 1\r\nSUB * 2\r\n',
    pub('foo', 'a'),
    'UNSUB 2\r\n',
    pub('foo', 'b'),
    'UNSUB 1\r\n',
    pub('foo', 'c'),
  ),
  one(
    'a thousand subscriptions',
    C,
    ...Array.from({ length: 1000 }, (_, n) => `SUB many.${n} ${n}\r\n`),
    pub('many.0', 'x'),
    pub('many.999', 'y'),
  ),
  one(
    'a thousand subscriptions on one subject',
    C,
    ...Array.from({ length: 1000 }, (_, n) => `SUB many ${n}\r\n`),
    pub('many', 'x'),
  ),
  script(
    'a client that is gone gets nothing',
    send('A', C, 'SUB foo 1\r\n'),
    drop('A'),
    send('B', C, 'SUB foo 2\r\n', pub('foo', 'x')),
  ),
];

/** Counts what the named clients got together, instead of keeping who got which: that is chance. */
function tally(label: string, names: string, pattern: RegExp, spread = false): Step {
  return async (run: Run) => {
    await run.settle();
    const counts = { total: 0, everybody: true };
    for (const name of names) {
      const speaker = await run.speaker(name);
      await run.sync(speaker);
      const got = speaker.client.received.match(pattern)?.length ?? 0;
      counts.total += got;
      if (spread) counts.everybody &&= got > 0;
      speaker.silent = true;
      speaker.hidden = true;
    }
    run.looks[label] = counts;
  };
}

const queues: Case[] = [
  one('a queue of one', C, 'SUB foo q 1\r\n', pub('foo', 'x').repeat(3)),
  script(
    'each message once, everybody some',
    send('A', C, 'SUB foo q 1\r\n'),
    send('B', C, 'SUB foo q 1\r\n'),
    send('C', C, 'SUB foo q 1\r\n'),
    send('D', C, pub('foo', 'x').repeat(300)),
    tally('got', 'ABC', /MSG foo 1 1/g, true),
  ),
  one(
    'two queues and a plain one each get all',
    C,
    'SUB foo q 1\r\nSUB foo r 2\r\nSUB foo 3\r\n',
    pub('foo', 'x').repeat(3),
  ),
  script(
    'one queue name, two subjects that match',
    send('A', C, 'SUB foo.* q 1\r\n'),
    send('B', C, 'SUB foo.> q 1\r\n'),
    send('C', C, pub('foo.x', 'x').repeat(200)),
    tally('got', 'AB', /MSG foo.x 1 1/g, true),
  ),
  script(
    'one queue name, two subjects, one matches',
    send('A', C, 'SUB foo q 1\r\n'),
    send('B', C, 'SUB bar q 1\r\n'),
    send('C', C, pub('foo', 'x'), pub('bar', 'y')),
  ),
  script(
    'members of one connection',
    send('A', C, 'SUB foo q 1\r\nSUB foo q 2\r\n'),
    send('C', C, pub('foo', 'x').repeat(100)),
    tally('got', 'A', /MSG foo \d 1/g),
  ),
  script(
    'a member that leaves',
    send('A', C, 'SUB foo q 1\r\n'),
    send('B', C, 'SUB foo q 1\r\n'),
    send('B', 'UNSUB 1\r\n'),
    send('C', C, pub('foo', 'x').repeat(5)),
  ),
  script(
    'a member that breaks off',
    send('A', C, 'SUB foo q 1\r\n'),
    send('B', C, 'SUB foo q 1\r\n'),
    drop('B'),
    send('C', C, pub('foo', 'x').repeat(5)),
  ),
  one('queue names are case sensitive', C, 'SUB foo q 1\r\nSUB foo Q 2\r\n', pub('foo', 'x')),
  one('a queue name with dots and stars', C, 'SUB foo a.*.> 1\r\n', pub('foo', 'x')),
  one('a queue name with empty tokens', V, 'SUB foo a..b 1\r\n', pub('foo', 'x')),
  one('the queue name _sys_', V, 'SUB foo _sys_ 1\r\n', pub('foo', 'x')),
  one('a queue name with eight-bit bytes', C, 'SUB foo \xff\xfe 1\r\n', pub('foo', 'x')),
  one('a queue on a wildcard', C, 'SUB foo.* q 1\r\n', pub('foo.a', 'x'), pub('foo.b', 'y')),
  script(
    'a request to a queue is answered once',
    send('A', C, 'SUB ask q 1\r\n'),
    send('B', C, 'SUB ask q 1\r\n'),
    send('C', C, 'SUB back 9\r\n', pub('ask', 'q', 'back')),
    tally('got', 'AB', /MSG ask/g),
  ),
];

const responders: Case[] = [
  one('nobody there', N, 'SUB back 1\r\n', pub('nobody', 'x', 'back')),
  one('nobody there, without no_responders', H, 'SUB back 1\r\n', pub('nobody', 'x', 'back')),
  one('nobody there, without a reply', N, 'SUB back 1\r\n', pub('nobody', 'x')),
  one('nobody there and no subscription for the reply', N, pub('nobody', 'x', 'back')),
  one('the reply matches a wildcard', N, 'SUB back.* 1\r\n', pub('nobody', 'x', 'back.1')),
  one('the reply matches a full wildcard', N, 'SUB back.> 1\r\n', pub('nobody', 'x', 'back.1.2')),
  one('a subscription to everything', N, 'SUB > 1\r\n', pub('nobody', 'x', 'back.1')),
  script(
    'two subscriptions for the reply, one gets it',
    send('A', N, 'SUB back 1\r\nSUB back 2\r\n', pub('nobody', 'x', 'back')),
    tally('got', 'A', /HMSG back [12] 38/g),
  ),
  one('the reply in a queue', N, 'SUB back q 1\r\n', pub('nobody', 'x', 'back')),
  script(
    'the reply belongs to another client',
    send('B', N, 'SUB back 1\r\n'),
    send('A', N, pub('nobody', 'x', 'back')),
  ),
  one('with HPUB', N, 'SUB back 1\r\n', hpub('nobody', 'NATS/1.0\r\nA: b\r\n\r\n', 'x', 'back')),
  one('with a long subject', N, 'SUB back 1\r\n', pub('n.'.repeat(100).slice(0, -1), 'x', 'back')),
  one('with an empty payload', N, 'SUB back 1\r\n', pub('nobody', '', 'back')),
  one(
    'verbose',
    connect({ headers: true, no_responders: true, verbose: true }),
    'SUB back 1\r\n',
    pub('nobody', 'x', 'back'),
  ),
  one(
    'echo off',
    connect({ headers: true, no_responders: true, echo: false }),
    'SUB back 1\r\n',
    pub('nobody', 'x', 'back'),
  ),
  one(
    'only oneself there, echo off',
    connect({ headers: true, no_responders: true, echo: false }),
    'SUB back 1\r\nSUB ask 2\r\n',
    pub('ask', 'x', 'back'),
  ),
  one('somebody there', N, 'SUB back 1\r\nSUB ask 2\r\n', pub('ask', 'x', 'back')),
  one(
    'the subscription is used up',
    N,
    'SUB back 1\r\nSUB ask 2\r\nUNSUB 2 1\r\n',
    pub('ask', 'x', 'back'),
    pub('ask', 'y', 'back'),
  ),
  one('the reply is the subject', N, 'SUB back 1\r\n', pub('back', 'x', 'back')),
  one('counted by UNSUB', N, 'SUB back 1\r\nUNSUB 1 1\r\n', pub('nobody', 'x', 'back').repeat(2)),
  one('a bad subject', N, 'SUB back 1\r\n', pub('no..body', 'x', 'back')),
  one('a wildcard as subject', N, 'SUB back 1\r\n', pub('no.*', 'x', 'back')),
  one('eight-bit bytes in the subject', N, 'SUB back 1\r\n', pub('\xff\xfe', 'x', 'back')),
  one('a JetStream request with JetStream off', N, 'SUB back 1\r\n', pub('$JS.API.INFO', '', 'back')),
  one(
    'a system request from a plain account',
    N,
    'SUB back 1\r\n',
    pub('$SYS.REQ.SERVER.PING.STATSZ', '', 'back'),
  ),
];

const reserved: Case[] = [
  ...[
    '$NRG.x',
    '$NRG',
    '_GR_.x',
    '_GR_',
    '$GR.x',
    '_GR_.aaaa.bbbb.c',
    '$GR.1.2',
    '_R_.x',
    '$JS.ACK.x',
    '$SYS.x',
    '$SYS.REQ.USER',
  ].map((name) => one(`PUB ${name}`, V, 'SUB > 1\r\n', pub(name, 'x'))),
  ...['_R_.x', '_R_', '$JS.ACK.a.b', '$JS.ACK', '_GR_.x.y', '$GR.x', '$NRG.x', '$SYS.x', '_INBOX.x'].map(
    (name) => one(`the reply ${name}`, V, 'SUB > 1\r\n', pub('foo', 'x', name)),
  ),
  ...['_GR_.>', '$GR.>', '$NRG.>', '_R_.>', '$SYS.>', '$JS.ACK.>'].map((name) =>
    one(`SUB ${name}`, V, `SUB ${name} 1\r\n`),
  ),
];

differential('sids', '', sids);
differential('UNSUB', '', unsubs);
differential('subjects', '', subjects);
differential('queue groups', '', queues);
differential('no responders', '', responders);
differential('reserved names', '', reserved);

const tokens = (count: number) => Array.from({ length: count }, (_, n) => `t${n}`).join('.');
differential('max_subscription_tokens', 'max_subscription_tokens: 4', [
  one('as many as allowed', V, `SUB ${tokens(4)} 1\r\n`, pub(tokens(4), 'x')),
  one('one too many', V, `SUB ${tokens(5)} 1\r\n`, pub(tokens(5), 'x')),
  one('one too many in a queue', V, `SUB ${tokens(5)} q 1\r\n`),
  one('one too many, quiet', C, `SUB ${tokens(5)} 1\r\n`),
  one('wildcards count', V, 'SUB *.*.*.*.* 1\r\nSUB *.*.*.> 2\r\nSUB *.*.*.*.> 3\r\n'),
  one('too many and bad', V, 'SUB a..b.c.d.e 1\r\n'),
  one('odd bytes in the answer', V, 'SUB a.b.c."\\.\xff\x01\xc3\xa9 1\r\n'),
  one('publishing has no such limit', V, pub(tokens(9), 'x')),
]);

differential('subscriptions seen from outside', '', [
  script(
    'subsz names what was subscribed',
    send('A', C, 'SUB foo 1\r\nSUB bar.* q 2\r\nUNSUB 2 7\r\n', pub('foo', 'x')),
    sync('A'),
    look<{ subscriptions_list: Record<string, unknown>[] }>(
      'subsz',
      '/subsz?subs=1&acc=$G',
      ({ subscriptions_list: list }, run) =>
        list
          .filter((entry) => entry.cid === run.speakers.get('A')?.id)
          .map(({ cid: _, ...rest }) => rest)
          .sort((a, b) => String(a.sid).localeCompare(String(b.sid))),
    ),
  ),
]);

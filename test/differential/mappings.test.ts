// Subject mappings: what becomes of messages on mapped subjects, for each function that a destination may hold.
import { differential } from './pair.js';
import { answer, type Case, connect, hide, hpub, one, pub, script, send, sync } from './transcript.js';

const C = connect();
const H = connect({ headers: true, no_responders: true });
const HEAD = 'NATS/1.0\r\nName: value\r\n\r\n';
const user = (name: string, fields: Record<string, unknown> = {}) =>
  connect({ user: name, pass: name, ...fields });

const functions: Record<string, { to: string; tokens: string[] }> = {
  placeholders: { to: 'x.$2.$1', tokens: ['a.b', '*.b', 'a.>'] },
  wildcards: { to: '{{wildcard(2)}}.{{ Wildcard( 1 ) }}.{{wildcard(2)}}', tokens: ['a.b'] },
  partition: {
    to: '{{partition(5,1,2)}}.$1.$2',
    tokens: ['a.b', 'b.a', 'one.two', '\xc3\xa4.\xe2\x82\xac', '\xff.\x01'],
  },
  whole: { to: '{{partition(7)}}.$1', tokens: ['a.b', 'b.a'] },
  fromleft: { to: '{{splitFromLeft(1,3)}}.$2', tokens: ['12345.x', '123.x', '12.x'] },
  fromright: { to: '{{SplitFromRight(1,3)}}.$2', tokens: ['12345.x', '123.x', '12.x'] },
  sliceleft: { to: '{{sliceFromLeft(1,2)}}.$2', tokens: ['12345.x', '1234.x', '12.x', '1.x'] },
  sliceright: { to: '{{SliceFromRight(1,2)}}.$2', tokens: ['12345.x', '1234.x', '12.x', '1.x'] },
  left: { to: '{{left(1,2)}}.$2', tokens: ['12345.x', '12.x', '1.x'] },
  right: { to: '{{Right(1,2)}}.$2', tokens: ['12345.x', '12.x', '1.x'] },
  split: { to: '{{split(1,-)}}.$2', tokens: ['a-b-c.x', '-a--b-.x', 'abc.x', '--a.x', '-.x'] },
  random: { to: '{{random(1)}}.$1', tokens: ['a.b'] },
};

const functionCases: Case[] = Object.entries(functions).map(([name, { tokens }]) =>
  one(`the function ${name}`, `${C}SUB > 1\r\n`, ...tokens.map((each) => pub(`${name}.${each}`, each))),
);

const MAPPINGS = `mappings {
  plain: other
  "wild.*": "tame.$1"
  "rest.>": "remains.>"
  "deep.*.>": "shallow.>"
  back: "forth"
  forth: "back"
  round: round
  all: [{ dest: here, weight: "100%" }]
  lost: [{ dest: lost, weight: 0% }]
  none: []
  zero: { dest: nowhere, weight: 0 }
  east: [{ dest: west, weight: 100, cluster: east }, { dest: middle, weight: 100 }]
  onlyeast: { dest: west, weight: 100, cluster: east }
  "halves.*": [{ dest: "half.$1", weight: 50 }, { dest: "half.$1.", weight: 50 }]
  reserved: "_GR_.x"
  "_GR_.>": "free.>"
  raft: "$NRG.x"
  ask: answer
  "$SYS.>": "sys.>"
  allowed: denied
  refused: permitted
  ${Object.entries(functions)
    .map(([name, { to }]) => `"${name}.*.*": "${name}.${to}"`)
    .join('\n  ')}
}`.replace(/ {2}"halves.*\n/, '');

differential('mappings of the global account', MAPPINGS, [
  ...functionCases,
  one(
    'a literal subject',
    `${C}SUB plain 1\r\nSUB other 2\r\nSUB > 3\r\n`,
    pub('plain', 'x'),
    pub('other', 'y'),
  ),
  one('wildcards', `${C}SUB wild.* 1\r\nSUB tame.a 2\r\n`, pub('wild.a'), pub('wild.a.b'), pub('wild')),
  one(
    'the rest of a subject',
    `${C}SUB > 1\r\n`,
    pub('rest.a'),
    pub('rest.a.b.c'),
    pub('rest'),
    pub('deep.a.b.c'),
  ),
  one(
    'each message is mapped once',
    `${C}SUB back 1\r\nSUB forth 2\r\n`,
    pub('back', '1'),
    pub('forth', '2'),
  ),
  one('onto itself', `${C}SUB round 1\r\n`, pub('round', 'x')),
  one('all of the messages, by weight', `${C}SUB > 1\r\n`, pub('all', 'x')),
  one('none of the messages', `${C}SUB > 1\r\n`, pub('lost', 'x'), pub('none', 'y'), pub('zero', 'z')),
  one('for another cluster', `${C}SUB > 1\r\n`, pub('east', 'x'), pub('onlyeast', 'y')),
  one('with headers', `${H}SUB > 1\r\n`, hpub('plain', HEAD, 'x'), hpub('wild.q', HEAD, '', 'reply.to')),
  one(
    'headers for who knows none',
    `${C}SUB > 1\r\n`,
    `${connect({ headers: true })}`,
    hpub('plain', HEAD, 'x'),
  ),
  one('queue groups', `${C}SUB other q 1\r\nSUB plain q 2\r\n`, pub('plain', 'x'), pub('plain', 'y')),
  one(
    'a reply is not mapped where it is named',
    `${C}SUB other 1\r\nSUB tame.x 2\r\n`,
    pub('plain', 'x', 'wild.x'),
    pub('wild.x'),
  ),
  one(
    'nobody listens',
    `${H}SUB inbox 1\r\n`,
    pub('plain', '', 'inbox'),
    pub('lost', '', 'inbox'),
    hpub('wild.z', HEAD, '', 'inbox'),
  ),
  one('somebody listens on the source only', `${H}SUB inbox 1\r\nSUB plain 2\r\n`, pub('plain', '', 'inbox')),
  one('verbose', `${connect({ verbose: true })}SUB other 1\r\n`, pub('plain', 'x'), pub('lost')),
  one(
    'pedantic',
    `${connect({ pedantic: true })}SUB > 1\r\n`,
    pub('wild.*', 'x'),
    pub('plain', 'y'),
    pub('wild.>', 'z'),
  ),
  one(
    'wildcards in a published subject',
    `${C}SUB > 1\r\n`,
    pub('wild.*', 'x'),
    pub('wild.>', 'y'),
    pub('*', 'z'),
    pub('rest.*', 'a'),
    pub('rest.>', 'b'),
  ),
  one('empty tokens', `${C}SUB > 1\r\n`, pub('rest..a', 'x'), pub('rest.a.', 'y'), pub('wild.', 'z')),
  one('reserved destinations', `${C}SUB > 1\r\n`, pub('reserved', 'x'), pub('raft', 'y'), pub('plain', 'z')),
  one('reserved sources', `${C}SUB > 1\r\n`, pub('_GR_.x', 'x'), pub('_GR_.x.y', 'y')),
  one('no echo', `${connect({ echo: false })}SUB other 1\r\n`, pub('plain', 'x')),
  one('the source of $SYS', `${C}SUB > 1\r\n`, pub('$SYS.REQ.x', 'x')),
  script(
    'several clients, and interest that changes',
    send('A', C, 'SUB other 1\r\n'),
    send('B', C, pub('plain', '1'), pub('plain', '2')),
    send('A', 'SUB > 2\r\n'),
    send('B', pub('plain', '3')),
    send('A', 'UNSUB 1\r\n'),
    send('B', pub('plain', '4'), pub('other', '5')),
    send('A', 'UNSUB 2\r\n'),
    send('B', pub('plain', '6'), pub('other', '7')),
    send('A', 'SUB other 3\r\n', 'UNSUB 3 1\r\n'),
    send('B', pub('plain', '8'), pub('plain', '9')),
  ),
  script(
    'request and reply',
    send('A', C, 'SUB answer 1\r\n'),
    send('B', H, 'SUB _INBOX.x 1\r\n', pub('ask', 'q', '_INBOX.x')),
    send('A', pub('_INBOX.x', 'a')),
  ),
]);

const ACCOUNTS = `accounts {
  A {
    mappings { plain: other, "deny.*": "fine.$1", "fine.*": "deny.$1", lost: [{dest: lost, weight: 0}] }
    users: [
      { user: a, password: a }
      { user: limited, password: limited, permissions: { publish: { allow: ["other", "fine.>", "inbox"] }, subscribe: ">" } }
      { user: denied, password: denied, permissions: { publish: { deny: ["deny.>", "other"] } } }
      { user: answers, password: answers, permissions: { publish: { allow: ["x"] }, subscribe: ">", allow_responses: { max: 1 } } }
    ]
  }
  B { users: [{ user: b, password: b }] }
}
mappings { plain: global }
no_auth_user: b`;

differential('mappings of accounts', ACCOUNTS, [
  one('each account has its own', `${user('b')}SUB > 1\r\n`, pub('plain', 'x')),
  one('in one account', `${user('a')}SUB > 1\r\n`, pub('plain', 'x')),
  one(
    'permission counts for the destination',
    `${user('limited')}SUB > 1\r\n`,
    pub('plain', '1'),
    pub('other', '2'),
    pub('deny.x', '3'),
    pub('fine.x', '4'),
    pub('lost', '5'),
    pub('nothing', '6'),
  ),
  one(
    'denial counts for the destination',
    `${user('denied')}SUB > 1\r\n`,
    pub('plain', '1'),
    pub('other', '2'),
    pub('deny.x', '3'),
    pub('fine.x', '4'),
    pub('lost', '5'),
  ),
  script(
    'a response on a mapped subject',
    send('A', user('answers'), 'SUB ask 1\r\n'),
    send('B', user('a'), 'SUB > 1\r\n', pub('ask', 'q', 'plain'), pub('ask', 'q', 'other')),
    send('A', pub('plain', 'answer 1'), pub('plain', 'answer 2'), pub('other', 'answer 3')),
  ),
]);

const EXCHANGE = `accounts {
  E {
    exports: [{ service: "svc.>" }, { stream: "ev.>" }]
    mappings { "svc.a": "inner.a", "ev.mapped": "ev.real", "ev.out": "other", "inner.b": "svc.b", reply: elsewhere }
    users: [{ user: e, password: e }]
  }
  I {
    imports: [{ service: { account: E, subject: "svc.>" } }, { stream: { account: E, subject: "ev.>" } }]
    mappings { "my.a": "svc.a", "svc.c": "mine.c", "ev.real": "never", "r.1": "r.2" }
    users: [{ user: i, password: i }]
  }
}`;

const asks = (name: string) => user(name, { headers: false, no_responders: false });

// The official server looks at a connection's mappings once per read, so the first one must not bring messages already.
differential('mappings across accounts', EXCHANGE, [
  script(
    'of the service and of those who ask',
    send('B', asks('e'), 'SUB svc.> 1\r\nSUB inner.> 2\r\n'),
    send('A', asks('i'), 'SUB mine.> 1\r\n'),
    sync('A'),
    send('A', pub('svc.a', '1'), pub('svc.b', '2'), pub('my.a', '3'), pub('svc.c', '4')),
  ),
  script(
    'of what a stream brings',
    send('B', asks('i'), 'SUB ev.> 1\r\nSUB never 2\r\n'),
    send('A', asks('e'), 'SUB other 1\r\n'),
    sync('A'),
    send('A', pub('ev.mapped', '1'), pub('ev.out', '2'), pub('ev.x', '3')),
  ),
  script(
    'of answers',
    send('B', asks('e'), 'SUB svc.> 1\r\n'),
    send('A', asks('i'), 'SUB r.* 1\r\n'),
    sync('A'),
    send('A', pub('svc.x', 'q', 'r.1')),
    answer('B', 'a'),
    hide('B'),
  ),
]);

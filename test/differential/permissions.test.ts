// What users may publish and subscribe to: allow and deny lists, wildcards, queues, answers, and the errors.
import { differential } from './pair.js';
import { type Case, connect, hpub, one, pub, script, send } from './transcript.js';

const as = (user: string, more = {}) => connect({ user, pass: 'x', headers: true, ...more });
const user = (name: string, permissions: string) =>
  `{user: ${name}, password: x, permissions: {${permissions}}}`;
const users = (...list: string[]) =>
  `authorization { users [\n{user: all, password: x}\n${list.join('\n')}\n] }`;

/** One case per rule and operation, quiet and verbose. */
function matrix(name: string, operations: readonly string[]): Case[] {
  return operations.flatMap((operation) => [
    one(`${name}: ${JSON.stringify(operation)}`, as(name), operation),
    one(`${name}, verbose: ${JSON.stringify(operation)}`, as(name, { verbose: true }), operation),
  ]);
}

const publishing = ['foo', 'foo.a', 'foo.a.b', 'bar', 'bar.a', 'foo.*', 'foo.>', '>', 'foo..a'].map(
  (subject) => pub(subject, 'x'),
);
const subscribing = ['foo', 'foo.a', 'foo.*', 'foo.>', '*', '>', 'bar', 'bar.*', '*.a', 'foo.a.b'].map(
  (subject) => `SUB ${subject} 1\r\n`,
);

differential(
  'publish permissions',
  users(
    user('one', 'publish: "foo"'),
    user('wild', 'publish: ["foo.*", "bar.>"]'),
    user('deny', 'publish: {deny: ["foo.a", "bar.>"]}'),
    user('both', 'publish: {allow: "foo.>", deny: "foo.a"}'),
    user('nothing', 'publish: {deny: ">"}'),
  ),
  [
    ...['one', 'wild', 'deny', 'both', 'nothing'].flatMap((name) => matrix(name, publishing)),
    one('HPUB is checked too', as('one'), hpub('bar', 'NATS/1.0\r\n\r\n', 'x')),
    one('after a refusal things go on', as('one'), 'SUB foo 1\r\n', pub('bar', 'x'), pub('foo', 'y')),
    one('a reply need not be allowed', as('one'), 'SUB foo 1\r\n', pub('foo', 'x', 'bar')),
    one('pedantic', as('one', { pedantic: true }), pub('foo.*', 'x'), pub('bar', 'x')),
    one('odd bytes in the answer', as('one'), pub('"\\\xff\x01\xc3\xa9', 'x')),
    one('many subjects', as('wild'), ...Array.from({ length: 300 }, (_, n) => pub(`no.${n}`, 'x'))),
    one(
      'no responders for a refused subject',
      as('one', { no_responders: true }),
      'SUB back 1\r\n',
      pub('bar', 'x', 'back'),
    ),
    one('reserved subject for one who may publish all', as('all'), pub('$SYS.x', 'x'), pub('_GR_.x', 'x')),
  ],
);

/** The official server lets `foo.>` pass where `foo.*` is allowed. */
function refusingWider(item: Case): Case {
  const wider = item.name.startsWith('wild') && item.name.includes('SUB foo.> ');
  return wider ? { ...item, differs: 'a subscription wider than what is allowed is refused' } : item;
}

differential(
  'subscribe permissions',
  users(
    user('one', 'subscribe: "foo"'),
    user('wild', 'subscribe: ["foo.*", "bar.>"]'),
    user('deny', 'subscribe: {deny: ["foo.a", "bar.>"]}'),
    user('both', 'subscribe: {allow: "foo.>", deny: "foo.a"}'),
    user('nothing', 'subscribe: {deny: ">"}'),
  ),
  [
    ...['one', 'wild', 'deny', 'both', 'nothing'].flatMap((name) =>
      matrix(name, subscribing).map(refusingWider),
    ),
    ...['deny', 'both'].map((name) =>
      script(
        `${name}: denied messages are left out of a wildcard`,
        send('A', as(name), 'SUB foo.> 1\r\nSUB foo.* q 2\r\n'),
        send('B', as('all'), pub('foo.a', '1'), pub('foo.b', '2'), pub('foo.a.b', '3'), pub('bar.x', '4')),
      ),
    ),
    one('a queue on a refused subject', as('one'), 'SUB bar q 1\r\n'),
    one('a refused sid is free', as('one'), 'SUB bar 1\r\nSUB foo 1\r\n', pub('foo', 'x')),
    one('UNSUB of a refused sid', as('one', { verbose: true }), 'SUB bar 1\r\nUNSUB 1\r\n'),
    one('a bad subject', as('one'), 'SUB foo..bar 1\r\n'),
    one('odd bytes in the answer', as('one'), 'SUB "\\\xff\x01\xc3\xa9 1\r\nSUB bar "q\xff 2\r\n'),
  ],
);

const inQueues = [
  'SUB foo 1\r\n',
  'SUB foo v1 1\r\n',
  'SUB foo v1.a 1\r\n',
  'SUB foo v2 1\r\n',
  'SUB bar v1 1\r\n',
  'SUB foo.a v1 1\r\n',
];
differential(
  'queue permissions',
  users(
    user('plain', 'subscribe: "foo"'),
    user('v1', 'subscribe: "foo v1"'),
    user('v1wild', 'subscribe: ["foo v1.*", "foo.* v1"]'),
    user('any', 'subscribe: "foo >"'),
    user('denyq', 'subscribe: {deny: ["foo v1"]}'),
    user('mixed', 'subscribe: {allow: ["foo", "foo v1"], deny: ["foo v2", "foo v1.>"]}'),
    user('denyall', 'subscribe: {allow: ["foo"], deny: ["> *"]}'),
  ),
  ['plain', 'v1', 'v1wild', 'any', 'denyq', 'mixed', 'denyall'].flatMap((name) =>
    inQueues.map((operation) =>
      one(`${name}: ${JSON.stringify(operation)}`, as(name), operation, pub('foo', 'x'), pub('foo.a', 'x')),
    ),
  ),
);

const answers = users(
  user('once', 'subscribe: "ask", publish: {deny: ">"}, allow_responses: true'),
  user('twice', 'subscribe: "ask", publish: {deny: ">"}, allow_responses: {max: 2}'),
  user('always', 'subscribe: "ask", publish: {deny: ">"}, allow_responses: {max: -1, expires: "1m"}'),
  user('bare', 'subscribe: "ask", allow_responses: true'),
  user('listed', 'subscribe: "ask", publish: "back.1", allow_responses: true'),
  user('brief', 'subscribe: "ask", publish: {deny: ">"}, allow_responses: {max: 5, expires: "1ns"}'),
);

function answering(name: string, label: string, replies: readonly string[], asked = 1): Case {
  return script(
    `${name}: ${label}`,
    send('A', as(name), 'SUB ask 1\r\n'),
    send(
      'B',
      as('all'),
      'SUB back.> 1\r\n',
      ...Array.from({ length: asked }, (_, n) => pub('ask', 'q', `back.${n + 1}`)),
    ),
    send('A', ...replies.map((reply) => pub(reply, 'answer'))),
  );
}

differential('answers', answers, [
  ...['once', 'twice', 'always', 'bare', 'listed', 'brief'].flatMap((name) => [
    answering(name, 'one answer', ['back.1']),
    answering(name, 'three answers', ['back.1', 'back.1', 'back.1']),
    answering(name, 'an answer nobody asked for', ['back.2']),
    answering(name, 'answers to three requests', ['back.3', 'back.1', 'back.2', 'back.1'], 3),
    answering(name, 'no request', ['back.1'], 0),
  ]),
  one(
    'a request to oneself does not open a way',
    as('once'),
    'SUB ask 1\r\n',
    pub('ask', 'q', 'back.1'),
    pub('back.1', 'x'),
  ),
  script(
    'HPUB as an answer',
    send('A', as('once'), 'SUB ask 1\r\n'),
    send('B', as('all'), 'SUB back 1\r\n', pub('ask', 'q', 'back')),
    send('A', hpub('back', 'NATS/1.0\r\n\r\n', 'x')),
  ),
  script(
    'a request without a reply',
    send('A', as('once'), 'SUB ask 1\r\n'),
    send('B', as('all'), pub('ask', 'q')),
    send('A', pub('back', 'x')),
  ),
]);

differential(
  'default permissions',
  `authorization {
     default_permissions = {publish: "foo", subscribe: ["foo", "_INBOX.>"]}
     users [{user: all, password: x}, ${user('own', 'publish: "bar"')}, ${user('other', 'subscribe: "bar"')}]
   }`,
  ['all', 'own', 'other'].flatMap((name) =>
    [pub('foo', 'x'), pub('bar', 'x'), 'SUB foo 1\r\n', 'SUB bar 1\r\n', 'SUB _INBOX.a 1\r\n'].map(
      (operation) => one(`${name}: ${JSON.stringify(operation)}`, as(name), operation),
    ),
  ),
);

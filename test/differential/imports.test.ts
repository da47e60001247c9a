// Messages that cross accounts: every kind of export and import, on the wire and in the counters.
import { differential } from './pair.js';
import {
  type Bytes,
  type Case,
  closed,
  connect,
  drop,
  hpub,
  lines,
  look,
  pub,
  type Run,
  type Step,
  script,
  send,
  sync,
} from './transcript.js';

const as = (user: string, more = {}) =>
  connect({ user, pass: 'x', headers: true, no_responders: true, ...more });
const account = (name: string, more: string) => `${name}: { users: [{user: ${name}, password: x}], ${more} }`;
const conf = (...accounts: string[]) => `accounts {\n${accounts.join('\n')}\n}`;

/** The reply subjects of the requests that a client has got, newest last. */
const replies = (received: string) => received.match(/_R_\.[\w.]+/g) ?? [];

/** Answers the newest request. */
function answer(name: string, ...payloads: string[]): Step[] {
  const bytes: Bytes[] = payloads.map(
    (payload) => (client) => pub(replies(client.received).at(-1) ?? 'none', payload),
  );
  return [sync(name), send(name, ...bytes)];
}

const wildcards = [
  '>',
  '*.>',
  's.>',
  's.*',
  's.1',
  '*.1',
  's.1.>',
  's.*.*',
  '*.*',
  '*',
  's',
  'in.>',
  'in.s.*',
  'in.*.1',
  'x.>',
  '*.*.*',
];

differential(
  'stream imports',
  conf(
    account(
      'A',
      'exports: [{stream: "s.>"}, {stream: "p.*.*"}, {stream: "one"}, {stream: "priv.>", accounts: [B]}, {stream: "tok.*.>", account_token_position: 2}]',
    ),
    account(
      'B',
      `imports: [
        {stream: {account: A, subject: "s.>"}, prefix: "in"}
        {stream: {account: A, subject: "p.*.*"}, to: "q.$2.x.$1"}
        {stream: {account: A, subject: "one"}, to: "uno.dos"}
        {stream: {account: A, subject: "priv.a.*"}}
        {stream: {account: A, subject: "tok.B.>"}, to: "token.>"}
        {stream: {account: D, subject: "d"}}
      ]`,
    ),
    account(
      'C',
      'imports: [{stream: {account: A, subject: "s.*"}}, {stream: {account: D, subject: "d"}, to: "s.1"}, {stream: {account: E, subject: "e.>"}}]',
    ),
    account('D', 'exports: [{stream: "d"}, {service: "d.q"}]'),
    account(
      'E',
      'exports: [{stream: "e.>"}], imports: [{stream: {account: A, subject: "s.>"}, prefix: e}, {service: {account: A2, subject: "e.q"}}]',
    ),
    account('A2', 'exports: [{service: "e.q"}, {stream: "e.q"}], imports: []'),
    `P: { users: [
      {user: P, password: x, permissions: {subscribe: {allow: [">"], deny: ["in.s.2"]}}}
      {user: P2, password: x, permissions: {subscribe: {allow: ["in.s.1", "s.1"]}}}
      {user: P3, password: x, permissions: {publish: {deny: "r"}, subscribe: ">", allow_responses: {max: 1, expires: "1m"}}}
      ], imports: [{stream: {account: A, subject: "s.>"}, prefix: "in"}] }`,
  ),
  [
    ...wildcards.map((subject) =>
      script(
        `SUB ${subject}`,
        send('B', as('B'), `SUB ${subject} 1\r\n`),
        send('C', as('C'), `SUB ${subject} 1\r\n`),
        send(
          'A',
          as('A'),
          ...['s', 's.1', 's.2', 's.1.2', 's.2.1', 'one', 'p.1.2', 'p.s.1'].map((to) => pub(to, to)),
        ),
      ),
    ),
    ...[
      'q.2.x.1',
      'q.*.x.*',
      'q.2.>',
      'q.*.x.1',
      '*.2.x.1',
      'q.*.*.1',
      'uno.dos',
      'uno.*',
      'one',
      'priv.a.1',
      'priv.>',
      'token.>',
      'token.a',
      'tok.B.a',
    ].map((subject) =>
      script(
        `transforms: SUB ${subject}`,
        send('B', as('B'), `SUB ${subject} 1\r\n`),
        send(
          'A',
          as('A'),
          ...[
            'p.1.2',
            'p.2.1',
            'p.1.1',
            'one',
            'priv.a.1',
            'priv.b.1',
            'tok.B.a',
            'tok.C.a',
            'tok.B.a.b',
          ].map((to) => pub(to, to)),
        ),
      ),
    ),
    script(
      'own messages and imported ones on the same subject',
      send('C', as('C'), 'SUB s.1 1\r\n', pub('s.1', 'own')),
      send('A', as('A'), 'SUB s.1 1\r\n', pub('s.1', 'a')),
      send('D', as('D'), 'SUB d 1\r\n', pub('d', 'd')),
      send('C', pub('s.1', 'again')),
    ),
    script(
      'no chains over an account that only imports',
      send('C', as('C'), 'SUB e.> 1\r\n'),
      send('E', as('E'), 'SUB e.> 1\r\n', pub('e.x', 'from e')),
      send('A', as('A'), pub('s.1', 'from a')),
    ),
    script(
      'a reply subject is passed on as it is, headers too',
      send('B', as('B'), 'SUB in.s.* 1\r\n'),
      send('C', as('C', { headers: false, no_responders: false }), 'SUB s.* 1\r\n'),
      send(
        'A',
        as('A'),
        'SUB r 1\r\n',
        pub('s.1', 'x', 'r'),
        hpub('s.1', 'NATS/1.0\r\nK: v\r\n\r\n', 'y', 'r'),
        hpub('s.1', 'NATS/1.0\r\nK: v\r\n\r\n', 'y'),
      ),
    ),
    script('nobody in any account', send('A', as('A'), 'SUB r 1\r\n', pub('s.1', 'x', 'r'))),
    script(
      'somebody in another account is a responder',
      send('B', as('B'), 'SUB in.s.* 1\r\n'),
      send('A', as('A'), 'SUB r 1\r\n', pub('s.1', 'x', 'r')),
    ),
    script(
      'UNSUB and drop',
      send('B', as('B'), 'SUB in.s.* 1\r\n'),
      send('C', as('C'), 'SUB s.* 1\r\n'),
      send('A', as('A'), pub('s.1', 'x')),
      send('B', 'UNSUB 1\r\n'),
      send('A', pub('s.1', 'y')),
      sync('C'),
      drop('C'),
      send('A', 'SUB r 1\r\n', pub('s.1', 'z', 'r')),
    ),
    {
      ...script(
        'a maximum',
        send('B', as('B'), 'SUB in.s.* 1\r\nUNSUB 1 2\r\n'),
        send('A', as('A'), pub('s.1', 'x'), pub('s.1', 'y'), pub('s.1', 'z')),
      ),
      differs: 'the official server does not count imported messages for UNSUB',
    },
    script(
      'a queue group in each account, by itself',
      send('B', as('B'), 'SUB in.s.* q 1\r\n'),
      send('C', as('C'), 'SUB s.* q2 1\r\n'),
      send('A', as('A'), 'SUB s.1 q3 1\r\n', pub('s.1', 'x'), pub('s.1', 'y')),
    ),
    script(
      'permissions of the importer',
      send('P', connect({ user: 'P', pass: 'x' }), 'SUB in.> 1\r\n'),
      send('P2', connect({ user: 'P2', pass: 'x' }), 'SUB s.1 1\r\nSUB in.s.1 2\r\nSUB in.s.2 3\r\n'),
      send('A', as('A'), pub('s.1', 'x'), pub('s.2', 'y')),
    ),
    script(
      'answers that permissions allow, across an import',
      send('P', connect({ user: 'P3', pass: 'x' }), 'SUB in.> 1\r\n'),
      send('A', as('A'), 'SUB r 1\r\n', pub('s.1', 'x', 'r')),
      sync('P'),
      send('P', pub('r', '1'), pub('r', '2')),
    ),
    script(
      'no echo',
      send('B', as('B', { echo: false }), 'SUB in.s.* 1\r\n', pub('in.s.1', 'x')),
      send('A', as('A', { echo: false }), 'SUB s.* 1\r\n', pub('s.1', 'x')),
    ),
    script(
      'counters',
      ...counted(
        { A: {}, B: {}, C: { headers: false, no_responders: false } },
        send('B', 'SUB in.s.* 1\r\nSUB in.> 2\r\n'),
        send('C', 'SUB s.* 1\r\n'),
        send(
          'A',
          'SUB s.> 1\r\n',
          ...Array.from(
            { length: 100 },
            () => pub('s.1', 'hello') + hpub('s.2', 'NATS/1.0\r\nK: v\r\n\r\n', 'y'),
          ),
        ),
        send('C', pub('s.1', 'own')),
      ),
    ),
  ],
);

interface Traffic {
  msgs: number;
  bytes: number;
}

interface AccountStats {
  account_statz: { acc: string; sent: Traffic; received: Traffic }[];
}

/** What each account has counted so far, by server. */
const before = new WeakMap<Run, Map<string, number[]>>();

function statsOf({ account_statz }: AccountStats): Map<string, number[]> {
  return new Map(
    account_statz.map(({ acc, sent, received }) => [
      acc,
      [sent.msgs, sent.bytes, received.msgs, received.bytes],
    ]),
  );
}

/** What the server's headers took in the messages to a client; their length depends on time. */
function infoBytes(run: Run, name: string): number {
  const lines = run.speakers.get(name)?.client.received.match(/^Nats-Request-Info: .*$/gm) ?? [];
  return lines.reduce((sum, line) => sum + line.length, 0);
}

/**
 * Connects these clients, each to the account of its name, runs the steps, and compares what accounts and connections
 * have counted. CONNECT is written by itself: the official server counts what comes in one read with it for `$G`.
 */
function counted(names: Record<string, object>, ...steps: Step[]): Step[] {
  const each = Object.entries(names);
  return [
    ...each.flatMap(([name, fields]) => [send(name, as(name, fields)), sync(name)]),
    look<AccountStats>('', '/accstatz?unused=1', (stats, run) => void before.set(run, statsOf(stats))),
    ...steps,
    ...each.map(([name]) => sync(name)),
    look<AccountStats>('accounts', '/accstatz?unused=1', (stats, run) => {
      const base = before.get(run)!;
      const changes = [...statsOf(stats)].map(([acc, now]) => [
        acc,
        now.map((value, i) => value - (base.get(acc)?.[i] ?? 0) - (i === 1 ? infoBytes(run, acc) : 0)),
      ]);
      return Object.fromEntries(changes.sort());
    }),
    ...each.map(([name]) =>
      look<{ connections: Record<string, unknown>[] }>(
        `connz ${name}`,
        `/connz?cid={${name}}&subs=detail`,
        ({ connections: [connection] }, run) => ({
          in: [connection!.in_msgs, connection!.in_bytes],
          out: [connection!.out_msgs, Number(connection!.out_bytes) - infoBytes(run, name)],
          subs: connection!.subscriptions,
        }),
      ),
    ),
  ];
}

const services = conf(
  account(
    'A',
    'exports: [{service: "q.*"}, {service: "pq.*.*"}, {service: "s", response: stream}, {service: "c", response: chunked}, {service: "priv", accounts: [B]}, {service: "tok.*.x", account_token_position: 2}, {stream: "q.>"}, {service: "lone"}]',
  ),
  account(
    'B',
    `imports: [
      {service: {account: A, subject: "q.*"}}
      {service: {account: A, subject: "pq.*.*"}, to: "qp.$2.$1"}
      {service: {account: A, subject: s}, to: "a.s"}
      {service: {account: A, subject: c}, to: "a.c", share: true}
      {service: {account: A, subject: priv}}
      {service: {account: A, subject: "tok.B.x"}, to: tok}
      {service: {account: A, subject: lone}, to: "shared", share: true}
    ], exports: [{service: "a.>"}, {service: shared}]`,
  ),
  account(
    'C',
    'imports: [{service: {account: B, subject: "a.s"}, to: "b.s"}, {service: {account: B, subject: "shared"}, to: "b.shared"}, {service: {account: B, subject: "a.c"}, share: true}], exports: [{service: "b.s"}, {service: "a.c"}]',
  ),
  account(
    'D',
    'imports: [{service: {account: C, subject: "b.s"}, share: true}, {service: {account: C, subject: "a.c"}}, {stream: {account: A, subject: "q.>"}}]',
  ),
  `R: { users: [
     {user: R, password: x, permissions: {publish: {allow: ["never"]}, subscribe: ">", allow_responses: true}}
     {user: R2, password: x, permissions: {publish: {allow: ["never"]}, subscribe: ">"}}
     {user: R3, password: x, permissions: {publish: {deny: ["q.2"]}}}
   ], exports: [{service: r}], imports: [{service: {account: A, subject: "q.*"}}] }`,
  account('S', 'imports: [{service: {account: R, subject: r}}, {service: {account: S2, subject: "q.*"}}]'),
  account('S2', 'exports: [{service: "q.*"}]'),
);

/** Answers every request that the client has got. */
function answerAll(name: string, payload: string): Step[] {
  return [
    sync(name),
    send(name, (client) =>
      replies(client.received)
        .map((reply) => pub(reply, payload))
        .join(''),
    ),
  ];
}

const request = (subject: string, payload = 'ask') => pub(subject, payload, 'in');

/** One responder in A on everything, one requestor in B, and one answer or more. */
function asked(name: string, subject: string, ...answers: string[]): Case {
  return script(
    name,
    ...counted(
      { A: {}, B: {} },
      send('A', 'SUB q.* 1\r\nSUB pq.> 2\r\nSUB s 3\r\nSUB c 4\r\nSUB priv 5\r\nSUB tok.> 6\r\n'),
      send('B', 'SUB in 1\r\n', request(subject)),
      ...answer('A', ...answers),
      send('B', pub('nothing', 'x')),
    ),
  );
}

differential('service imports', services, [
  asked('a request and its answer', 'q.1', 'yes'),
  asked('only the first answer counts', 'q.1', 'yes', 'no'),
  asked('an empty answer', 'q.1', '', 'no'),
  asked('wildcards change places', 'qp.1.2', 'yes'),
  asked('a stream of answers', 'a.s', '1', '2', '', '3'),
  asked('chunked answers', 'a.c', '1', '2', '', '3'),
  asked('private', 'priv', 'yes'),
  asked('by the account’s name', 'tok', 'yes'),
  asked('not imported', 'tok.B.x'),
  asked('an empty request', 'q.x', 'yes'),
  script(
    'nobody there',
    send(
      'B',
      as('B'),
      'SUB in 1\r\n',
      request('q.1'),
      request('a.s'),
      request('qp.1.2'),
      hpub('q.1', 'NATS/1.0\r\nK: 1\r\n\r\n', 'x', 'in'),
    ),
  ),
  script(
    'nobody there, and none to be told',
    send('B', as('B', { no_responders: false }), 'SUB in 1\r\n', request('q.1')),
  ),
  script(
    'without a reply',
    send('A', as('A'), 'SUB q.* 1\r\n'),
    send('B', as('B'), pub('q.1', 'x'), hpub('q.1', 'NATS/1.0\r\n\r\n', 'y')),
  ),
  ...[
    'NATS/1.0\r\n\r\n',
    'NATS/1.0\r\nK: v\r\n\r\n',
    'NATS/1.0 503\r\n\r\n',
    'NATS/1.0\r\nNats-Request-Info: {"acc":"fake"}\r\n\r\n',
    'NATS/1.0\r\nA: 1\r\nNats-Request-Info: x\r\nB: 2\r\nNats-Request-Info: y\r\n\r\n',
    'NATS/1.0\r\nNats-Request-Infos: x\r\n\r\n',
    'NATS/1.0\r\nnats-request-info: x\r\n\r\n',
  ].map((header) =>
    script(
      `header ${JSON.stringify(header)}`,
      send('A', as('A'), 'SUB q.* 1\r\n'),
      send('B', as('B'), 'SUB in 1\r\n', hpub('q.1', header, 'x', 'in'), hpub('q.1', header, 'x')),
      sync('A'),
      send('A', (client) => hpub(replies(client.received).at(-1) ?? 'none', header, 'answer')),
    ),
  ),
  script(
    'a responder without headers',
    send('A', as('A', { headers: false, no_responders: false }), 'SUB q.* 1\r\n'),
    send('B', as('B'), 'SUB in 1\r\n', request('q.1'), hpub('q.1', 'NATS/1.0\r\nK: v\r\n\r\n', 'x', 'in')),
    ...answer('A', 'yes'),
  ),
  script(
    'a requestor without headers',
    send('A', as('A'), 'SUB q.* 1\r\n'),
    send('B', as('B', { headers: false, no_responders: false }), 'SUB in 1\r\n', request('q.1')),
    sync('A'),
    send('A', (client) =>
      hpub(replies(client.received).at(-1) ?? 'none', 'NATS/1.0\r\nK: v\r\n\r\n', 'answer'),
    ),
  ),
  script(
    'details of the requestor',
    send('A', as('A'), 'SUB c 1\r\nSUB lone 2\r\n'),
    send(
      'B',
      as('B', { name: 'é <b>', lang: 'test', version: '1.2' }),
      'SUB in 1\r\n',
      request('a.c'),
      request('shared'),
    ),
    ...answer('A', 'yes'),
  ),
  script(
    'a chain',
    send('A', as('A'), 'SUB s 1\r\nSUB lone 2\r\nSUB c 3\r\n'),
    send('C', as('C', { name: 'c' }), 'SUB in 1\r\n', request('b.s')),
    ...answer('A', '1', '2', ''),
    send('C', request('b.shared')),
    ...answer('A', 'yes'),
    send('C', request('a.c')),
    ...answer('A', 'yes'),
  ),
  script(
    'a longer chain',
    send('A', as('A'), 'SUB s 1\r\nSUB c 2\r\n'),
    send('D', as('D', { name: 'd' }), 'SUB in 1\r\n', request('b.s'), request('a.c')),
    ...answer('A', '1', '', '2'),
  ),
  script(
    'a chain with nobody at its end',
    send('D', as('D'), 'SUB in 1\r\n', request('b.s'), request('a.c')),
  ),
  script(
    'responders at two links of a chain',
    send('A', as('A'), 'SUB s 1\r\n'),
    send('B', as('B'), 'SUB a.s 1\r\n'),
    send('C', as('C'), 'SUB in 1\r\n', request('b.s')),
    ...answer('B', 'from b'),
    ...answer('A', 'from a'),
  ),
  script(
    'two responders',
    send('A', as('A'), 'SUB q.* 1\r\nSUB q.1 2\r\n'),
    send('B', as('B'), 'SUB in 1\r\n', request('q.1')),
    ...answer('A', 'yes'),
  ),
  script(
    'responders in a queue group',
    send('A', as('A'), 'SUB q.* g 1\r\n'),
    send('B', as('B'), 'SUB in 1\r\n', request('q.1')),
    ...answer('A', 'yes'),
  ),
  script(
    'requestors in a queue group',
    send('A', as('A'), 'SUB q.* 1\r\n'),
    send('B', as('B'), 'SUB in g 1\r\n', request('q.1')),
    ...answer('A', 'yes'),
  ),
  script(
    'nobody waits for the answer',
    send('A', as('A'), 'SUB q.* 1\r\nSUB mine 2\r\n'),
    send('B', as('B'), request('q.1')),
    sync('A'),
    send('A', (client) => pub(replies(client.received).at(-1)!, 'yes', 'mine')),
  ),
  script(
    'the requestor has gone',
    send('A', as('A'), 'SUB q.* 1\r\nSUB mine 2\r\n'),
    send('B', as('B'), 'SUB in 1\r\n', request('q.1'), 'UNSUB 1\r\nSUB in 2\r\n'),
    sync('A'),
    send('A', (client) => pub(replies(client.received).at(-1)!, 'yes', 'mine')),
  ),
  script(
    'an answer that asks back',
    send('A', as('A'), 'SUB q.* 1\r\nSUB mine 2\r\n'),
    send('B', as('B'), 'SUB in 1\r\n', request('q.1')),
    sync('A'),
    send('A', (client) => pub(replies(client.received).at(-1)!, 'why', 'mine')),
    ...answer('B', 'because', 'again'),
  ),
  script(
    'others who listen to everything',
    send('A', as('A'), 'SUB q.* 1\r\nSUB > 2\r\nSUB _R_.> 3\r\n'),
    send('B', as('B'), 'SUB in 1\r\nSUB > 2\r\n', request('q.1')),
    ...answer('A', 'yes', 'late'),
  ),
  script(
    'what came by a service does not go on by a stream',
    send('D', as('D'), 'SUB q.* 1\r\n'),
    send('A', as('A'), 'SUB q.* 2\r\n', pub('q.1', 'direct')),
    send('B', as('B'), 'SUB in 1\r\n', request('q.1')),
    sync('A'),
    drop('A'),
    send('B', request('q.2')),
  ),
  script(
    'both a subscriber and a service',
    send('A', as('A'), 'SUB q.* 1\r\n'),
    send('B', as('B'), 'SUB q.1 7\r\nSUB in 1\r\n', request('q.1'), pub('q.1', 'x')),
    ...answer('A', 'yes'),
  ),
  script(
    'permissions of the responder',
    send('R', connect({ user: 'R', pass: 'x' }), 'SUB r 1\r\n'),
    send('S', as('S'), 'SUB in 1\r\n', request('r')),
    ...answer('R', 'yes', 'no'),
    drop('R'),
    send('Q', connect({ user: 'R2', pass: 'x' }), 'SUB r 1\r\n'),
    send('S', request('r')),
    ...answer('Q', 'yes'),
  ),
  script(
    'permissions of the requestor',
    send('A', as('A'), 'SUB q.* 1\r\n'),
    send('R', connect({ user: 'R3', pass: 'x', verbose: true }), request('q.1'), request('q.2')),
  ),
  script(
    'a reply subject that is the server’s',
    send('A', as('A'), 'SUB q.* 1\r\n'),
    send(
      'B',
      as('B'),
      'SUB in 1\r\n',
      pub('q.1', 'x', '_R_.a.b'),
      pub('q.1', 'x', '$JS.ACK.a'),
      pub('q.1', 'x', '_R_'),
    ),
  ),
  script(
    'an answer to nobody',
    send(
      'A',
      as('A'),
      'SUB in 1\r\n',
      pub('_R_.a.b', 'x'),
      pub('_R_.a.b', 'x', 'in'),
      'SUB _R_.a.b 2\r\n',
      pub('_R_.a.b', 'x'),
    ),
  ),
  script(
    'no echo',
    send('A', as('A', { echo: false }), 'SUB q.* 1\r\n'),
    send('B', as('B', { echo: false }), 'SUB in 1\r\n', request('q.1')),
    ...answer('A', 'yes'),
  ),
  script(
    'counters under load: streams and services, several connections of each account',
    ...counted(
      { A: {}, B: {}, D: {} },
      send('E', as('A')),
      send('F', as('B', { headers: false, no_responders: false })),
      sync('E'),
      sync('F'),
      send('A', 'SUB q.* g 1\r\n', 'SUB s 2\r\n'),
      send('D', 'SUB q.> 1\r\nSUB q.1 2\r\nSUB in 3\r\n'),
      send('B', 'SUB in 1\r\nSUB q.1 2\r\n'),
      send('F', 'SUB in 1\r\n'),
      send('E', ...Array.from({ length: 2000 }, (_, n) => pub(`q.${n % 3}`, 'x'.repeat(n % 50)))),
      send(
        'E',
        ...Array.from({ length: 500 }, (_, n) => hpub(`q.${n % 3}`, 'NATS/1.0\r\nK: v\r\n\r\n', 'x')),
      ),
      send('B', ...Array.from({ length: 300 }, (_, n) => request(`q.${n % 3}`, 'x'.repeat(n % 20)))),
      send('D', ...Array.from({ length: 100 }, () => request('b.s'))),
      ...answerAll('A', 'yes'),
    ),
  ),
  script('a requestor that is too large', closed('B', `${as('B')}SUB in 1\r\nPUB q.1 in 2000000\r\n`)),
]);

const tracing = {
  uber: 'Uber-Trace-Id: 479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:1\r\nUberctx-a: b\r\nOther: c',
  'uber without the flag': 'Uber-Trace-Id: 479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:0',
  'uber that is none': 'Uber-Trace-Id: 1:2:3',
  sampled: 'x-b3-sampled: 1\r\nx-b3-traceid: abc\r\nX-B3-SpanId: d',
  'not sampled': 'X-B3-Sampled: 0\r\nX-B3-TraceId: abc',
  'an id alone': 'X-B3-TraceId: abc\r\nX-B3-ParentSpanId: e',
  b3: 'b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90',
  'b3 denied': 'b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0',
  'b3 denied in short': 'b3: 0',
  traceparent: 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: s',
  'traceparent without the flag': 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
  'traceparent with high flags': 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff',
  'traceparent that is none': 'traceparent: 01',
  none: 'K: v',
  broken: 'traceparent',
};

/** What is measured arrives a moment later than what is answered. */
const measured = (count: number) => lines('M', count);

differential(
  'service latency',
  conf(
    account(
      'A',
      `exports: [
        {service: "all.*", latency: {subject: lat, sampling: 100}}
        {service: "head", latency: {subject: lat, sampling: headers}}
        {service: "short", latency: {subject: lat, sampling: 100}, threshold: "400ms"}
      ]`,
    ),
    account(
      'B',
      'imports: [{service: {account: A, subject: "all.*"}}, {service: {account: A, subject: head}, share: true}, {service: {account: A, subject: short}}]',
    ),
  ).replace('users: [{user: A, password: x}]', 'users: [{user: A, password: x}, {user: M, password: x}]'),
  [
    script(
      'answered',
      send('A', as('A'), 'SUB all.* 1\r\n'),
      send('M', as('M'), 'SUB lat 1\r\n'),
      send('B', as('B'), 'SUB in 1\r\n', request('all.1')),
      ...answer('A', 'yes'),
      measured(3),
    ),
    script(
      'nobody there',
      send('M', as('M'), 'SUB lat 1\r\n'),
      send('B', as('B'), 'SUB in 1\r\n', request('all.1')),
      measured(3),
    ),
    script(
      'no reply subject',
      send('A', as('A'), 'SUB all.* 1\r\n'),
      send('M', as('M'), 'SUB lat 1\r\n'),
      send('B', as('B'), pub('all.1', 'x')),
      measured(3),
    ),
    script(
      'the requestor goes',
      send('A', as('A'), 'SUB all.* 1\r\n'),
      send('M', as('M'), 'SUB lat 1\r\n'),
      send('B', as('B'), 'SUB in 1\r\n', request('all.1'), 'UNSUB 1\r\n'),
      measured(3),
    ),
    script(
      'the requestor and its wildcard go',
      send('A', as('A'), 'SUB all.* 1\r\n'),
      send('M', as('M'), 'SUB lat 1\r\n'),
      send('B', as('B'), 'SUB in.* 1\r\n', pub('all.1', 'x', 'in.1')),
      drop('B'),
      measured(3),
    ),
    script(
      'no answer in time',
      send('A', as('A'), 'SUB short 1\r\n'),
      send('M', as('M'), 'SUB lat 1\r\n'),
      send('B', as('B'), 'SUB in 1\r\n', request('short')),
      measured(3),
      ...answer('A', 'too late'),
    ),
    ...Object.entries(tracing).map(([name, header]) =>
      script(
        `headers: ${name}`,
        send('A', as('A'), 'SUB head 1\r\n'),
        send('M', as('M'), 'SUB lat 1\r\n'),
        send(
          'B',
          as('B', { name: 'b', lang: 'x' }),
          'SUB in 1\r\n',
          hpub('head', `NATS/1.0\r\n${header}\r\n\r\n`, 'x', 'in'),
        ),
        ...answer('A', 'yes'),
        // Both servers publish outside of the delivery: what is to come has come after another request.
        send('B', pub('all.1', 'x')),
        lines('M', /denied|without|none|not|high|broken/.test(name) ? 3 : 5),
      ),
    ),
  ],
);

// Message tracing: what is told of the way of messages whose headers ask for it, and what becomes of the messages.
import { gunzipSync } from 'node:zlib';
import { frames } from './normalise.js';
import { differential } from './pair.js';
import {
  answer,
  type Case,
  connect,
  hide,
  hpub,
  lines,
  pub,
  type Run,
  type Step,
  script,
  send,
  sync,
} from './transcript.js';

const H = connect({ headers: true, name: 'sender' });
const NO_ECHO = connect({ headers: true, echo: false });
const ASKS = connect({ headers: true, no_responders: true });
const user = (name: string, fields: Record<string, unknown> = {}) =>
  connect({ user: name, pass: name, headers: true, ...fields });

/** A header block. */
const headers = (...lines: string[]) => `NATS/1.0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const traced = headers('Nats-Trace-Dest: t.dest');
const only = headers('Nats-Trace-Dest: t.dest', 'Nats-Trace-Only: true');
const parent = (flags: string, name = 'traceparent') =>
  headers(`${name}: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-${flags}`);

/** Everything in a trace that two runs of one server differ in. */
function mask(json: string, first: number): string {
  return (
    json
      .replace(
        /"server":\{"name":"\w+","host":"[^"]*","id":"\w+"/,
        '"server":{"name":"N","host":"H","id":"I"',
      )
      // Not yet what it will be where JetStream is on.
      .replace(/"jetstream":true,"flags":\d+/, '"jetstream":false,"flags":0')
      .replace(/"seq":\d+,"time":"[^"]*Z"/, '"seq":0,"time":"T"')
      .replace(/"ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"/g, '"ts":"T"')
      .replace(/"cid":(\d+)/g, (_, cid: string) => `"cid":"first+${Number(cid) - first}"`)
      .replace(/_R_\.\w+\.\w+/g, '_R_')
  );
}

/** Waits for so many messages on `t.>` at client T, which is asked for nothing else, and keeps them. */
function traces(count: number): Step {
  return async (run: Run) => {
    await run.settle();
    const { client } = await run.speaker('T');
    const received = () =>
      frames(client.received).filter((frame) => frame.startsWith('MSG t.') || frame.startsWith('HMSG t.'));
    await client.until(() => received().length >= count, 1500);
    // A message too many would come by now.
    await client.sync();
    const first = Math.min(...[...run.speakers.values()].map((speaker) => speaker.id));
    run.looks.traces = received().map((frame) => {
      const [, subject] = frame.split(' ');
      const block = frame.slice(frame.indexOf('\r\n') + 2, -2);
      const end = block.startsWith('NATS/1.0') ? block.indexOf('\r\n\r\n') + 4 : 0;
      const head = block.slice(0, end);
      const body = Buffer.from(block.slice(end), 'latin1');
      const text = head.includes('gzip') ? gunzipSync(body) : head.includes('snappy') ? unsnap(body) : body;
      return [subject, head, mask(text.toString('utf8'), first)];
    });
    (await run.speaker('T')).hidden = true;
  };
}

/** What a client got whose messages name times and reply subjects of the server. */
function heard(name: string): Step {
  return async (run: Run) => {
    await run.settle();
    const speaker = await run.speaker(name);
    await speaker.client.sync();
    run.looks[`${name} heard`] = frames(speaker.client.received)
      .filter((frame) => /^H?MSG/.test(frame))
      .map((frame) =>
        frame
          .replace(/"rtt":\d+/, '"rtt":0')
          .replace(/_R_\.\w+\.\w+/g, '_R_')
          .replace(/^(HMSG .*) \d+ \d+\r\n/, '$1 SIZES\r\n'),
      );
    speaker.hidden = true;
  };
}

/** Snappy's framing format with either plain chunks or compressed ones that are literals and copies. */
function unsnap(stream: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const type = stream[at]!;
    const length = stream.readUIntLE(at + 1, 3);
    const body = stream.subarray(at + 8, at + 4 + length);
    at += 4 + length;
    if (type === 1) pieces.push(body);
    if (type === 0) pieces.push(unsnapBlock(body));
  }
  return Buffer.concat(pieces);
}

function unsnapBlock(block: Buffer): Buffer {
  let at = 0;
  while (block[at]! & 0x80) at++;
  at++;
  const out: number[] = [];
  while (at < block.length) {
    const tag = block[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let length = tag >> 2;
      if (length >= 60) {
        const bytes = length - 59;
        length = block.readUIntLE(at, bytes);
        at += bytes;
      }
      for (let i = 0; i <= length; i++) out.push(block[at++]!);
    } else {
      const short = kind === 1;
      const length = short ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
      const offset = short ? ((tag >> 5) << 8) | block[at]! : block.readUIntLE(at, kind === 2 ? 2 : 4);
      at += short ? 1 : kind === 2 ? 2 : 4;
      for (let i = 0; i < length; i++) out.push(out[out.length - offset]!);
    }
  }
  return Buffer.from(out);
}

/** A script in which client T listens to the traces. */
const trace = (name: string, count: number, ...steps: Step[]): Case =>
  script(name, send('T', connect({ headers: true }), 'SUB t.> 1\r\n'), ...steps, traces(count));

/** One message with this header, to a subscriber B of `foo`. */
const headed = (name: string, count: number, block: string) =>
  trace(name, count, send('B', H, 'SUB foo 1\r\n'), send('A', H, hpub('foo', block, 'x')));

differential('traces', 'mappings { mapped: other, lost: [{dest: lost, weight: 0}] }\nmax_payload: 2000', [
  headed('to one subscriber', 1, traced),
  trace('to nobody', 1, send('A', H, hpub('foo', traced, 'x'))),
  trace(
    'only the trace',
    1,
    send('B', H, 'SUB foo 1\r\n'),
    send('A', H, hpub('foo', only, 'x'), pub('foo', 'y')),
  ),
  trace('to a queue group', 1, send('B', H, 'SUB foo q 1\r\n'), send('A', H, hpub('foo', traced, 'x'))),
  trace('only, to a queue group', 1, send('B', H, 'SUB foo q 1\r\n'), send('A', H, hpub('foo', only, 'x'))),
  trace(
    'by wildcard',
    1,
    send('B', connect({ headers: true }), 'SUB f.* 1\r\n'),
    send('A', H, hpub('f.x', traced, 'x')),
  ),
  trace(
    'without headers there',
    1,
    send('B', connect(), 'SUB foo 1\r\n'),
    send('A', H, hpub('foo', traced, 'x')),
  ),
  trace('no echo', 1, send('A', NO_ECHO, 'SUB foo 1\r\n', hpub('foo', traced, 'x'))),
  trace(
    'a subscription that ends',
    1,
    send('B', H, 'SUB foo 1\r\nUNSUB 1 2\r\n'),
    send('A', H, pub('foo', '1'), hpub('foo', traced, '2'), pub('foo', '3')),
  ),
  trace(
    'only, a subscription that would end',
    1,
    send('B', H, 'SUB foo 1\r\nUNSUB 1 1\r\n'),
    send('A', H, hpub('foo', only, '1'), pub('foo', '2'), pub('foo', '3')),
  ),
  trace('mapped', 1, send('B', H, 'SUB other 1\r\n'), send('A', H, hpub('mapped', traced, 'x'))),
  trace('lost', 1, send('A', H, hpub('lost', traced, 'x'))),
  trace('with a reply', 1, send('B', H, 'SUB foo 1\r\n'), send('A', H, hpub('foo', traced, 'x', 'r.1'))),
  trace('no responders', 1, send('A', ASKS, 'SUB r 1\r\n', hpub('foo', traced, 'x', 'r'))),
  trace('only, no responders', 1, send('A', ASKS, 'SUB r 1\r\n', hpub('foo', only, 'x', 'r'))),
  trace(
    'only, with a responder',
    1,
    send('B', H, 'SUB foo 1\r\n'),
    send('A', ASKS, 'SUB r 1\r\n', hpub('foo', only, 'x', 'r')),
  ),
  trace('a reserved reply', 1, send('A', H, hpub('foo', traced, 'x', '_R_.x'))),
  trace('reserved subjects', 2, send('A', H, hpub('_GR_.x', traced, 'x'), hpub('$NRG.x', traced, 'x'))),
  trace(
    'verbose',
    1,
    send(
      'A',
      connect({ headers: true, verbose: true }),
      hpub('foo', traced, 'x'),
      hpub('foo', headers('Nats-Trace-Dest: t.*', 'Nats-Trace-Only: 1'), 'x'),
    ),
  ),
  trace('pedantic', 1, send('A', connect({ headers: true, pedantic: true }), hpub('foo.*', traced, 'x'))),
  trace('too large', 1, send('A', H, `HPUB foo ${traced.length} 3000\r\n${traced}`), send('B', H)),
  trace('too large, with a payload', 1, send('A', H, hpub('foo', only, 'x'.repeat(3000))), send('B', H)),
  trace(
    'too large, to where it may not go',
    0,
    send('A', H, hpub('foo', headers('Nats-Trace-Dest: $NRG.x'), 'x'.repeat(3000))),
    send('B', H),
  ),
  trace('of messages on the destination', 1, send('A', H, hpub('t.dest', only, 'x'))),
  trace(
    'several at once',
    3,
    send('B', H, 'SUB foo 1\r\n'),
    send('A', H, hpub('foo', traced, '1'), hpub('foo', only, '2'), pub('foo', '3'), hpub('bar', traced, '4')),
  ),
  headed(
    'other headers',
    1,
    headers(
      'B: 2',
      'A: 1',
      '10: x',
      '9: y',
      'Nats-Trace-Dest: t.dest',
      'b:  3  ',
      'A: 4',
      'Empty:',
      'X: <&>\u00ff',
    ),
  ),
  headed('spaces', 1, headers('Nats-Trace-Dest: \t t.dest \t')),
  headed('no space', 1, headers('Nats-Trace-Dest:t.dest')),
  headed('another case', 0, headers('nats-trace-dest: t.dest')),
  headed('a name that only begins so', 0, headers('Nats-Trace-Destination: t.dest')),
  headed('behind a line without a colon', 0, headers('junk', 'Nats-Trace-Dest: t.dest')),
  headed('two destinations', 1, headers('Nats-Trace-Dest: t.one', 'Nats-Trace-Dest: t.two')),
  headed('an empty destination', 0, headers('Nats-Trace-Dest: ')),
  headed('an empty destination, and one', 1, headers('Nats-Trace-Dest: ', 'Nats-Trace-Dest: t.dest')),
  headed('disabled', 0, headers('Nats-Trace-Dest: trace disabled')),
  headed(
    'disabled behind a destination',
    1,
    headers('Nats-Trace-Dest: t.dest', 'Nats-Trace-Dest: trace disabled'),
  ),
  headed('a wildcard destination', 0, headers('Nats-Trace-Dest: t.*')),
  headed('an invalid destination', 0, headers('Nats-Trace-Dest: t..x')),
  headed('an invalid destination, only', 0, headers('Nats-Trace-Dest: t..x', 'Nats-Trace-Only: true')),
  headed('a reserved destination', 0, headers('Nats-Trace-Dest: _GR_.x.y')),
  headed('a destination of the system', 0, headers('Nats-Trace-Dest: $NRG.x')),
  headed('only without a destination', 0, headers('Nats-Trace-Only: true')),
  ...['1', 'on', 'TRUE', 'On', 'yes', '0', 'false', ' true '].map((value) =>
    headed(`only: ${value}`, 1, headers('Nats-Trace-Dest: t.dest', `Nats-Trace-Only: ${value}`)),
  ),
  headed('an origin account', 0, headers('Nats-Trace-Dest: t.dest', 'Nats-Trace-Origin-Account: $G', 'A: b')),
  headed(
    'an origin account, only',
    0,
    headers('Nats-Trace-Dest: t.dest', 'Nats-Trace-Origin-Account: $G', 'Nats-Trace-Only: true'),
  ),
  headed('a hop', 1, headers('Nats-Trace-Dest: t.dest', 'Nats-Trace-Hop: 1')),
  ...['gzip', 'snappy', 's2', 'GZIP, snappy', 'deflate, gzip', 'deflate', '*'].map((value) =>
    headed(`Accept-Encoding: ${value}`, 1, headers('Nats-Trace-Dest: t.dest', `Accept-Encoding: ${value}`)),
  ),
  headed('a status line', 0, 'NATS/1.0 503\r\nNats-Trace-Dest: t.dest\r\n\r\n'),
  headed('no line end', 0, 'NATS/1.0\r\nNats-Trace-Dest: t.dest'),
  headed('traceparent where nobody set a destination', 0, parent('01')),
]);

const ACCOUNTS = `accounts {
  A {
    msg_trace: t.account
    users: [
      { user: a, password: a }
      { user: limited, password: limited, permissions: { publish: { allow: ["foo"] }, subscribe: ">" } }
      { user: destination, password: destination, permissions: { publish: { allow: ["t.>"] }, subscribe: { allow: ">", deny: "foo.x" } } }
    ]
  }
  B { msg_trace: { dest: t.sampled, sampling: 100% }, users: [{ user: b, password: b }] }
  C { msg_trace: "t.sys", users: [{ user: c, password: c }], mappings: { m: foo } }
}`;

const inAccount = (name: string, who: string, count: number, ...steps: Step[]) =>
  script(name, send('T', user(who), 'SUB t.> 1\r\n'), ...steps, traces(count));

const external = (name: string, count: number, block: string) =>
  inAccount(
    name,
    'a',
    count,
    send('B', user('a'), 'SUB foo 1\r\n'),
    send('A', user('a'), hpub('foo', block, 'x')),
  );

differential('traces by account', ACCOUNTS, [
  external('traceparent', 1, parent('01')),
  external('traceparent in capitals', 1, parent('01', 'TraceParent')),
  ...['00', '03', '02', '7f', '7F', '80', '81', 'ff', '1', '001', '0g', '+1', ' 1'].map((flags) =>
    external(
      `traceparent with flags ${JSON.stringify(flags)}`,
      /^(01|03|7f|\+1)$/i.test(flags) ? 1 : 0,
      parent(flags),
    ),
  ),
  external('traceparent with few parts', 0, headers('traceparent: 00-01')),
  external(
    'traceparent and a destination',
    1,
    parent('01').replace('\r\n\r\n', '\r\nNats-Trace-Dest: t.own\r\n\r\n'),
  ),
  external('traceparent, only', 1, parent('01').replace('\r\n\r\n', '\r\nNats-Trace-Only: true\r\n\r\n')),
  external(
    'traceparent, disabled',
    0,
    parent('01').replace('\r\n\r\n', '\r\nNats-Trace-Dest: trace disabled\r\n\r\n'),
  ),
  external('two traceparents', 1, `${parent('00').slice(0, -2)}${parent('01').slice(10)}`),
  inAccount('a map with sampling', 'b', 1, send('A', user('b'), hpub('foo', parent('01'), 'x'))),
  inAccount(
    'with a mapping',
    'c',
    1,
    send('A', user('c')),
    sync('A'),
    send('A', hpub('m', parent('01'), 'x')),
  ),
  inAccount('publishing is denied', 'a', 1, send('A', user('destination'), hpub('bar', traced, 'x'))),
  inAccount(
    'the destination is denied',
    'a',
    0,
    send('B', user('a'), 'SUB foo 1\r\n'),
    send('A', user('limited'), hpub('foo', traced, 'x'), hpub('foo', parent('01'), 'y')),
  ),
  inAccount(
    'a subscription denies the subject',
    'a',
    1,
    send('B', user('destination'), 'SUB foo.* 1\r\n'),
    send('A', user('a'), hpub('foo.x', traced, 'x')),
  ),
]);

differential(
  'traces of requests to the server',
  'accounts { $SYS { users: [{ user: sys, password: sys }] } }',
  [
    inAccount(
      'a service of the system account, only traced',
      'sys',
      1,
      send('A', user('sys'), 'SUB r 1\r\n', hpub('$SYS.REQ.SERVER.PING.IDZ', only, '', 'r')),
      lines('A', 3),
      hide('A'),
      async (run) => {
        const { client } = await run.speaker('A');
        run.looks.answered = /MSG r 1/.test(client.received);
      },
    ),
  ],
);

const EXCHANGE = `accounts {
  E {
    exports: [
      { stream: "s.>" }
      { service: "open.*", allow_trace: true }
      { service: "closed.*" }
      { service: "twice.*", allow_trace: true }
    ]
    mappings: { "open.mapped": "inner.mapped" }
    users: [{ user: e, password: e }]
  }
  I {
    imports: [
      { stream: { account: E, subject: "s.open.*" }, to: "local.open.$1", allow_trace: true }
      { stream: { account: E, subject: "s.closed.*" }, prefix: "pre" }
      { stream: { account: E, subject: "s.same" }, allow_trace: true }
      { service: { account: E, subject: "open.*" }, to: "ask.open.$1" }
      { service: { account: E, subject: "closed.*" } }
      { service: { account: E, subject: "twice.*" } }
    ]
    exports: [{ service: "twice.*", allow_trace: true }]
    users: [{ user: i, password: i }]
  }
  J {
    imports: [{ service: { account: I, subject: "twice.*" } }]
    users: [{ user: j, password: j }]
  }
}`;

differential('traces across accounts', EXCHANGE, [
  inAccount(
    'a stream that may be traced',
    'e',
    1,
    send('B', user('i'), 'SUB local.open.x 1\r\n'),
    send('A', user('e'), hpub('s.open.x', traced, 'x')),
  ),
  inAccount(
    'only, a stream that may be traced',
    'e',
    1,
    send('B', user('i'), 'SUB local.> 1\r\n'),
    send('A', user('e'), hpub('s.open.x', only, 'x')),
  ),
  inAccount(
    'a stream that may not',
    'e',
    1,
    send('B', user('i'), 'SUB pre.> 1\r\n'),
    send('A', user('e'), hpub('s.closed.x', traced, 'x')),
  ),
  inAccount(
    'only, a stream that may not',
    'e',
    1,
    send('B', user('i', { no_responders: true }), 'SUB pre.> 1\r\n'),
    send('A', user('e', { no_responders: true }), 'SUB r 1\r\n', hpub('s.closed.x', only, 'x', 'r')),
  ),
  inAccount(
    'a stream to a queue group',
    'e',
    1,
    send('B', user('i'), 'SUB s.same q 1\r\n'),
    send('A', user('e'), hpub('s.same', traced, 'x')),
  ),
  inAccount(
    'only, a closed stream to a queue group',
    'e',
    1,
    send('B', user('i'), 'SUB pre.> q 1\r\n'),
    send('A', user('e'), hpub('s.closed.x', only, 'x')),
  ),
  inAccount(
    'a service that may be traced',
    'i',
    1,
    send('B', user('e'), 'SUB open.x 1\r\n'),
    send('A', user('i'), hpub('ask.open.x', traced, 'x')),
    heard('B'),
  ),
  inAccount(
    'only, a service that may be traced',
    'i',
    1,
    send('B', user('e'), 'SUB open.x 1\r\n'),
    send('A', user('i'), hpub('ask.open.x', only, 'x')),
    heard('B'),
  ),
  inAccount(
    'a service that is mapped',
    'i',
    1,
    send('B', user('e'), 'SUB inner.> 1\r\n'),
    send('A', user('i'), hpub('ask.open.mapped', traced, 'x')),
    heard('B'),
  ),
  inAccount(
    'a service that may not',
    'i',
    1,
    send('B', user('e'), 'SUB closed.x 1\r\n'),
    send('A', user('i'), hpub('closed.x', traced, 'x')),
    heard('B'),
  ),
  inAccount(
    'only, a service that may not',
    'i',
    1,
    send('B', user('e'), 'SUB closed.x 1\r\n'),
    send('A', user('i', { no_responders: true }), 'SUB r 1\r\n', hpub('closed.x', only, 'x', 'r')),
    heard('B'),
  ),
  inAccount(
    'a service without responders',
    'i',
    1,
    send('A', user('i', { no_responders: true }), 'SUB r 1\r\n', hpub('ask.open.x', traced, 'x', 'r')),
  ),
  inAccount(
    'a service by two accounts',
    'j',
    1,
    send('B', user('e'), 'SUB twice.x 1\r\n'),
    send('A', user('j'), hpub('twice.x', traced, 'x')),
    heard('B'),
  ),
  inAccount(
    'a request, traced and answered',
    'i',
    1,
    send('B', user('e'), 'SUB open.x 1\r\n'),
    send('A', user('i'), 'SUB r 1\r\n', hpub('ask.open.x', traced, 'x', 'r')),
    answer('B', 'answer', traced),
    heard('B'),
  ),
  inAccount(
    'only the answer is traced',
    'e',
    1,
    send('B', user('e'), 'SUB closed.x 1\r\n'),
    send('A', user('i'), 'SUB r 1\r\n', pub('closed.x', 'x', 'r')),
    answer('B', 'answer', only),
    heard('B'),
  ),
]);

const stream = (name: string, fields: Record<string, unknown>) =>
  pub(
    `$JS.API.STREAM.CREATE.${name}`,
    JSON.stringify({ name, storage: 'memory', subjects: [`${name}.>`], ...fields }),
    'r.create',
  );
const STREAMS = [
  stream('kept', {}),
  stream('small', { max_msgs: 1, discard: 'new' }),
  stream('wanted', { retention: 'interest' }),
  stream('changed', { subject_transform: { src: 'changed.*', dest: 'changed.as.$1' } }),
  stream('sealed', { deny_delete: true, max_msg_size: 40 }),
].join('');

/** What the stream answered, without its times. */
const answers: Step = async (run: Run) => {
  await run.settle();
  const { client } = await run.speaker('A');
  const count = () => frames(client.received).filter((frame) => /^H?MSG r\.[1-9]/.test(frame));
  await client.until(() => count().length > 0, 300);
  run.looks.answers = count();
  (await run.speaker('A')).hidden = true;
};

/** A stream is there, then messages are published to it. */
const stored = (name: string, count: number, ...messages: string[]) =>
  trace(
    name,
    count,
    send('A', H, 'SUB r.> 1\r\n', STREAMS),
    async (run) => {
      const { client } = await run.speaker('A');
      await run.settle();
      await client.until(() => client.received.split('MSG r.create').length > 5);
    },
    send('A', ...messages),
    answers,
    send(
      'A',
      ...['kept', 'small', 'wanted', 'changed', 'sealed'].map((each) =>
        pub(`$JS.API.STREAM.DELETE.${each}`, '', 'r.0'),
      ),
    ),
    async (run) => {
      const { client } = await run.speaker('A');
      await run.settle();
      await client.until(() => client.received.split('MSG r.0').length > 5);
    },
  );

differential('traces to streams', 'jetstream { store_dir: "$DIR" }', [
  stored('stored', 1, hpub('kept.a', traced, 'x', 'r.1')),
  stored('only traced', 1, hpub('kept.a', only, 'x', 'r.1')),
  stored('under another subject', 1, hpub('changed.a', traced, 'x', 'r.1')),
  stored('only traced, under another subject', 1, hpub('changed.a', only, 'x', 'r.1')),
  stored('nobody wants it', 1, hpub('wanted.a', traced, 'x', 'r.1')),
  stored('only traced, nobody wants it', 1, hpub('wanted.a', only, 'x', 'r.1')),
  stored('too many', 2, hpub('small.a', traced, 'x', 'r.1'), hpub('small.a', traced, 'y', 'r.2')),
  stored('only traced, too many', 2, hpub('small.a', traced, 'x', 'r.1'), hpub('small.a', only, 'y', 'r.2')),
  stored('too large', 1, hpub('sealed.a', traced, 'x'.repeat(50), 'r.1')),
  stored(
    'a duplicate',
    2,
    hpub('kept.a', headers('Nats-Trace-Dest: t.dest', 'Nats-Msg-Id: 1'), 'x', 'r.1'),
    hpub('kept.a', headers('Nats-Trace-Dest: t.dest', 'Nats-Msg-Id: 1'), 'x', 'r.2'),
  ),
  stored(
    'another stream expected',
    1,
    hpub('kept.a', headers('Nats-Trace-Dest: t.dest', 'Nats-Expected-Stream: x'), 'x', 'r.1'),
  ),
  stored(
    'another sequence expected',
    1,
    hpub('kept.a', headers('Nats-Trace-Dest: t.dest', 'Nats-Expected-Last-Sequence: 9'), 'x', 'r.1'),
  ),
  stored(
    'another sequence of the subject expected',
    1,
    hpub('kept.a', headers('Nats-Trace-Dest: t.dest', 'Nats-Expected-Last-Subject-Sequence: 9'), 'x', 'r.1'),
  ),
  stored(
    'another message expected',
    1,
    hpub('kept.a', headers('Nats-Trace-Dest: t.dest', 'Nats-Expected-Last-Msg-Id: 9'), 'x', 'r.1'),
  ),
  stored(
    'a rollup that is not allowed',
    1,
    hpub('kept.a', headers('Nats-Trace-Dest: t.dest', 'Nats-Rollup: all'), 'x', 'r.1'),
  ),
  stored(
    'a time to live that is not allowed',
    1,
    hpub('kept.a', headers('Nats-Trace-Dest: t.dest', 'Nats-TTL: 5'), 'x', 'r.1'),
  ),
  stored(
    'what is stored is not to be traced',
    1,
    hpub('kept.a', traced, 'x', 'r.1'),
    pub('$JS.API.STREAM.MSG.GET.kept', '{"seq":1}', 'r.2').replace('r.2', 'r.0'),
  ),
]);

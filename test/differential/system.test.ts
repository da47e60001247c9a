// Requests to the system account and the events in it, to both servers: subjects, envelopes, order and kinds of keys, error texts.
import assert from 'node:assert/strict';
import { connect as connectSocket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { type MsgHdrs, headers as makeHeaders, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { decompressStream } from '../../src/runtime/s2.js';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { mask } from './masks.js';
import { type Pair, type Side, startPair, stopPair } from './pair.js';

const conf = `
server_name: srv
server_tags: ["zone:a", "b"]
server_metadata: {k: v, a: "<b>"}
lame_duck_duration: 30s
lame_duck_grace_period: 100ms
accounts {
  SYS { users: [{user: sys, password: sys}, {user: sys2, password: sys2}] }
  A { users: [
    {user: a, password: a, permissions: {
      publish: {allow: ["$SYS.REQ.>"], deny: "x.y"}, subscribe: {deny: ["nope q"]}, allow_responses: {max: 3, expires: "1m"} } },
    {user: a2, password: a2} ] }
  B { users: [{user: b, password: b}] }
  C { users: [{user: c, password: c}] }
}
system_account: SYS
`;

/** Accounts that have something from each other, and from the system account. */
const exchange = `
server_name: srv
accounts {
  SYS {
    users: [{user: sys, password: sys}]
    exports: [
      {stream: "$SYS.ACCOUNT.*.>", account_token_position: 3},
      {service: "$SYS.REQ.SERVER.PING.VARZ"},
      {service: "$SYS.DEBUG.SUBSCRIBERS"} ] }
  A {
    users: [{user: a, password: a}]
    exports: [
      {stream: "pub.>"}, {stream: "priv.*", accounts: [B]},
      {service: "svc.one", latency: {sampling: 50%, subject: "lat"}},
      {service: "svc.two.*", accounts: [B, C], response_type: stream, threshold: "5s"},
      {service: "tok.*", account_token_position: 2}, {service: "traced", allow_trace: true},
      {service: "by.header", latency: {sampling: headers, subject: "lat.h"}} ] }
  B {
    users: [{user: b, password: b}, {user: b2, password: b2}]
    imports: [
      {stream: {account: A, subject: "pub.>"}, prefix: "fromA"},
      {stream: {account: A, subject: "priv.*"}, to: "p.*"},
      {service: {account: A, subject: "svc.one"}},
      {service: {account: A, subject: "svc.two.x"}, to: "local.two", share: true},
      {service: {account: A, subject: "tok.B"}},
      {stream: {account: SYS, subject: "$SYS.ACCOUNT.B.>"}},
      {service: {account: SYS, subject: "$SYS.REQ.SERVER.PING.VARZ"}, to: "varz"},
      {service: {account: SYS, subject: "$SYS.DEBUG.SUBSCRIBERS"}, to: "count"} ] }
  C { users: [{user: c, password: c}] }
}
system_account: SYS
`;

/** Long enough for an event. */
const QUIET = 150;
/** For an answer, on a machine that has much else to do. */
const PATIENCE = 10_000;
/** What differs beyond the masks of monitoring: numbers of messages and times of the server itself. */
const also = [
  ...['seq', 'time', 'timestamp', 'id', 'subscriptions', 'sid'],
  // The requests and answers before, and those that wait.
  ...['in_msgs', 'out_msgs', 'pending', 'in_progress'],
  ...['bytes', 'in_bytes', 'in_client_bytes', 'out_bytes', 'out_client_bytes'],
];
const unordered = [
  'accounts',
  'account_statz',
  'subscriptions_list',
  'subscriptions_list_detail',
  'exports',
  'imports',
  'approved_accounts',
  'allow',
  'deny',
];

/** The two ways by which a server's own connections are counted differ, so ids are distances from the first client's. */
class Talk {
  readonly #side: Side;
  readonly #open: NatsConnection[] = [];
  #firstId = 0;
  #serverId = '';

  constructor(side: Side) {
    this.#side = side;
  }

  async user(name: string, options: object = {}): Promise<NatsConnection> {
    const nc = await connect({
      servers: `127.0.0.1:${this.#side.port}`,
      user: name,
      pass: name,
      name: `client ${name}`,
      reconnect: false,
      ...options,
    });
    this.#open.push(nc);
    if (this.#firstId === 0) {
      this.#firstId = nc.info!.client_id;
      this.#serverId = nc.info!.server_id;
    }
    return nc;
  }

  get port(): number {
    return this.#side.port;
  }

  get pid(): number {
    return this.#side.process.pid;
  }

  subject(subject: string): string {
    return subject.replace('<id>', this.#serverId);
  }

  id(distance: number): number {
    return this.#firstId + distance;
  }

  /** The encoding and the text of the answer; `none` when another request has been answered without it. */
  async ask(nc: NatsConnection, subject: string, body = '', header?: MsgHdrs): Promise<string> {
    const payload = body.replace('<cid>', `${this.id(0)}`);
    const options = { timeout: PATIENCE, headers: header };
    const answer = nc.request(this.subject(subject), payload, options).then(
      (message) => {
        const encoding = message.headers?.get('Content-Encoding') ?? '';
        return `${encoding} ${this.show(decode(message.data, encoding).toString())}`;
      },
      (error: Error) => `error ${error.message.replace(this.#serverId, '<id>')}`,
    );
    // Requests are answered in their order.
    const later = nc
      .request(this.subject('$SYS.REQ.SERVER.<id>.IDZ'), '', { timeout: PATIENCE })
      .catch(() => {})
      .then(() => delay(QUIET))
      .then(() => 'none');
    return `${subject} ${body} => ${await Promise.race([answer, later])}`;
  }

  /** `exactly` leaves the figures of messages and bytes as they are. */
  show(data: string, exactly = false): string {
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      return data;
    }
    const text = JSON.stringify(
      mask(value, {
        firstId: this.#firstId,
        serverId: this.#serverId,
        also: exactly ? also.filter((key) => key !== 'bytes') : also,
        unordered,
      }),
    );
    if (exactly) return text;
    // How many messages were counted depends on which of two requests was looked at first.
    const racy = ['"statsz"', '"account_statz"', '"acc":"SYS"', '"in_client_msgs"'];
    const own = racy.some((key) => text.includes(key));
    return own ? text.replace(/"((in_|out_)?(client_)?msgs)":\d+/g, '"$1":"<number>"') : text;
  }

  /** Subject and payload of everything that comes in on a subject. */
  record(nc: NatsConnection, subject: string, to: string[]): void {
    nc.subscribe(subject, {
      callback: (_, message) =>
        void to.push(`${message.subject.replace(this.#serverId, '<id>')} ${this.show(message.string())}`),
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((nc) => nc.close()));
  }
}

/** What was heard, line by line. */
function decode(data: Uint8Array, encoding: string): Buffer {
  if (encoding === 'gzip') return gunzipSync(data);
  return encoding === 'snappy' ? decompressStream(data, 1 << 20) : Buffer.from(data);
}

type Script = (talk: Talk) => Promise<string[]>;

const requests: [subject: string, body?: string][] = [
  ...['IDZ', 'STATSZ', 'VARZ', 'CONNZ', 'SUBSZ', 'ROUTEZ', 'GATEWAYZ', 'LEAFZ', 'ACCOUNTZ', 'JSZ', 'HEALTHZ'],
  ...['PROFILEZ', 'IPQUEUESZ', 'RAFTZ', 'RELOAD', 'KICK', 'LDM', 'NOPE'],
].map((name): [string] => [`$SYS.REQ.SERVER.<id>.${name}`]);
requests.push(
  ['$SYS.REQ.SERVER.PING'],
  ['$SYS.REQ.SERVER.PING', 'x'],
  ['$SYS.REQ.SERVER.PING.VARZ'],
  ['$SYS.REQ.SERVER.PING.IDZ', '{"server_name":"other"}'],
  ['$SYS.REQ.SERVER.PING.RELOAD'],
  ['$SYS.REQ.SERVER.OTHER.VARZ'],
  ...['SUBSZ', 'CONNZ', 'LEAFZ', 'JSZ', 'STATZ', 'CONNS', 'INFO'].flatMap((name): [string][] => [
    [`$SYS.REQ.ACCOUNT.NOPE.${name}`],
    [`$SYS.REQ.ACCOUNT.PING.${name}`],
  ]),
  ...['SUBSZ', 'CONNZ', 'LEAFZ', 'JSZ', 'INFO', 'STATZ', 'CONNS'].map((name): [string] => [
    `$SYS.REQ.ACCOUNT.A.${name}`,
  ]),
  ['$SYS.REQ.ACCOUNT.A.CONNZ', '{"acc":"B","auth":true,"subscriptions":true}'],
  ['$SYS.REQ.ACCOUNT.C.STATZ'],
  ['$SYS.REQ.ACCOUNT.C.STATZ', '{"include_unused":true}'],
  ['$SYS.REQ.ACCOUNT.PING.STATZ', '{"accounts":["A","B"]}'],
  ['$SYS.REQ.ACCOUNT.PING.STATZ', '{"accounts":["C"]}'],
  ['$SYS.REQ.ACCOUNT.PING.STATZ', '{"accounts":["C"],"include_unused":true}'],
  ['$SYS.REQ.ACCOUNT.A.CONNS', '{"acc":"B"}'],
  ['$SYS.REQ.ACCOUNT.A.CONNS', 'x'],
  ['$SYS.REQ.ACCOUNT.C.CONNS'],
  ['$SYS.REQ.ACCOUNT.NSUBS'],
  ['$SYS.REQ.ACCOUNT.NSUBS', 'x'],
  ...['"foo.bar"', '"foo.bar","queue":"cTE="', '"foo.>"', '">","queue":"cTE="', '"nobody"'].map(
    (rest): [string, string] => ['$SYS.REQ.ACCOUNT.NSUBS', `{"acc":"A","subject":${rest}}`],
  ),
  ['$SYS.REQ.ACCOUNT.NSUBS', '{"acc":"C","subject":"foo"}'],
  ['$SYS.DEBUG.SUBSCRIBERS', 'sys.foo'],
  ['$SYS.DEBUG.SUBSCRIBERS', 'sys.*'],
  ['$SYS.DEBUG.SUBSCRIBERS', ' sys.foo group '],
  ['$SYS.DEBUG.SUBSCRIBERS', ''],
  ['$SYS.REQ.USER.A.INFO'],
  ['$SYS.REQ.SERVER.<id>.KICK', '{"cid":99999}'],
  ['$SYS.REQ.SERVER.<id>.KICK', '{"cid":"x"}'],
  ['$SYS.REQ.SERVER.<id>.KICK', '{"cid":99999,"server_name":1}'],
  ['$SYS.REQ.SERVER.<id>.KICK', '{"cid":99999,"server_name":"other"}'],
  ['$SYS.REQ.SERVER.<id>.LDM', '{"cid":99999}'],
  ['$SYS.REQ.SERVER.<id>.LDM', '{"cid":<cid>}'],
  ['$SYS.REQ.SERVER.<id>.RELOAD', '{"tags":["nope"]}'],
  ['$SYS.REQ.SERVER.<id>.SUBSZ', '{"test":"a..b"}'],
  ['$SYS.REQ.SERVER.<id>.SUBSZ', '{"subscriptions":true,"account":"A","test":"foo.bar"}'],
  ['$SYS.REQ.SERVER.<id>.ACCOUNTZ', '{"account":"NOPE"}'],
  ['$SYS.REQ.SERVER.<id>.JSZ', '{"leader_only":true}'],
  ['$SYS.REQ.SERVER.<id>.HEALTHZ', '{"stream":"x"}'],
  ['$SYS.REQ.SERVER.<id>.HEALTHZ', '{"stream":"x","details":true}'],
  ['$SYS.REQ.SERVER.<id>.PROFILEZ', '{"name":"nope"}'],
  ['$SYS.REQ.SERVER.<id>.PROFILEZ', '{"name":"cpu"}'],
  ['$SYS.REQ.SERVER.<id>.PROFILEZ', '{"name":"cpu","duration":16000000000}'],
  ['$SYS.REQ.SERVER.<id>.PROFILEZ', '{"name":"cpu","duration":"1s"}'],
  ['$SYS.REQ.SERVER.<id>.STATSZ', '{"server_name":1}'],
  ['$SYS.REQ.SERVER.<id>.RAFTZ', '{"group":1}'],
  ['$SYS.REQ.SERVER.<id>.IPQUEUESZ', '{"filter":"nope"}'],
);

/** Bodies of CONNZ: what the options mean, and what is wrong with bad ones. */
const bodies = [
  ...['{}', ' {} ', 'null', '{"unknown":1}', '{"LIMIT":1}', '{"auth":null}', '{"limit":null}', '{"state":7}'],
  ...['{"auth":true}', '{"limit":1,"offset":1}', '{"sort":"subs","limit":2}', '{"cid":<cid>}', '{"state":1}'],
  ...['{"user":"a2","auth":true}', '{"acc":"A","filter_subject":"foo.bar","subscriptions_detail":true}'],
  ...['{"sort":"bad"}', '{"sort":"stop"}', '{"filter_subject":"x"}', '{"acc":"NOPE"}', '{"mqtt_client":"x"}'],
  ...['{"server_name":"sr"}', '{"server_name":"other"}', '{"server_name":"sr","exact_match":true}'],
  ...['{"server_name":"srv","exact_match":true}', '{"host":"127"}', '{"host":"127","exact_match":true}'],
  ...['{"cluster":"x"}', '{"domain":"x"}', '{"tags":["b"]}', '{"tags":["b","c"]}', '{"tags":[]}'],
  ...['x', '{', '[]', '"x"', '1', 'true', 'nul', 'tru3', '-', '1.', '1e', '01', '"', '"\\', '{"a":"\\u12"}'],
  ...['{"a":1}x', '{"a":1,}', '{"a" 1}', '{"a":tru}', "{'a':1}", '{"a":"\u0001"}', '{"a":01}', '{"a":1'],
  ...['[1,2', '[1 2]', '{"a":"\\x"}', '\u00e9', '{"a":-}', '{"a":1.}', '{"a":1e}', '{a', '{"a":1 "b":2}'],
  ...['{"limit":"x"}', '{"limit":1.5}', '{"limit":1e2}', '{"limit":99999999999999999999}', '{"limit":{}}'],
  ...[
    '{"limit":[]}',
    '{"limit":true}',
    '{"cid":-1}',
    '{"cid":"x"}',
    '{"sort":1}',
    '{"auth":1}',
    '{"state":1.0}',
  ],
  ...['{"state":"x"}', '{"tags":"x"}', '{"tags":[1]}', '{"tags":{"a":1}}', '{"server_name":1}'],
  ...['{"exact_match":"x"}', '{"limit":"x","auth":1}', '{"sort":"","sort":"cid","limit":"xyz"}'],
];

const everybodys = [
  '$SYS.REQ.USER.INFO',
  '$SYS.REQ.ACCOUNT.PING.CONNZ',
  '$SYS.REQ.SERVER.PING.CONNZ',
  '$SYS.REQ.ACCOUNT.PING.STATZ',
];

const encodings = ['gzip', 'GZIP, deflate', 'br', 'identity', 'snappy', 'S2', 'gzip, snappy'];

async function audience(talk: Talk): Promise<NatsConnection> {
  const sys = await talk.user('sys');
  sys.subscribe('sys.foo', { queue: 'group' });
  sys.subscribe('sys.foo');
  await talk.user('a');
  const a2 = await talk.user('a2');
  a2.subscribe('foo.*');
  a2.subscribe('foo.bar', { queue: 'q1' });
  await a2.flush();
  await talk.user('b');
  return sys;
}

const scripts: Record<string, Script> = {
  async requests(talk) {
    const sys = await audience(talk);
    const results: string[] = [];
    for (const [subject, body] of requests) results.push(await talk.ask(sys, subject, body));
    return results;
  },

  async 'options of requests'(talk) {
    const sys = await audience(talk);
    const results: string[] = [];
    for (const body of bodies) results.push(await talk.ask(sys, '$SYS.REQ.SERVER.<id>.CONNZ', body));
    return results;
  },

  async compression(talk) {
    const sys = await talk.user('sys');
    const results: string[] = [];
    for (const encoding of encodings) {
      const header = makeHeaders();
      header.set('Accept-Encoding', encoding);
      results.push(await talk.ask(sys, '$SYS.REQ.SERVER.PING.HEALTHZ', '', header));
      results.push(await talk.ask(sys, '$SYS.REQ.SERVER.PING.HEALTHZ', 'x', header));
      results.push(await talk.ask(sys, '$SYS.REQ.SERVER.<id>.KICK', '{"cid":99999}', header));
    }
    return results;
  },

  async 'what every account can ask'(talk) {
    await audience(talk);
    const results: string[] = [];
    for (const name of ['sys', 'a', 'a2', 'b']) {
      const nc = await talk.user(name);
      for (const subject of everybodys) {
        // The system account is asked for its own connections by another subject.
        if (name === 'sys' && subject !== '$SYS.REQ.USER.INFO') continue;
        results.push(await talk.ask(nc, subject));
        results.push(await talk.ask(nc, subject, '{"acc":"SYS","accounts":["SYS"]}'));
        results.push(await talk.ask(nc, subject, 'x'));
      }
      await nc.close();
    }
    return results;
  },

  async 'other accounts ask in vain'(talk) {
    const b = await talk.user('b');
    const results: string[] = [];
    for (const subject of ['$SYS.REQ.SERVER.PING', '$SYS.REQ.SERVER.<id>.VARZ', '$SYS.REQ.ACCOUNT.A.CONNZ']) {
      results.push(await talk.ask(b, subject));
    }
    return results;
  },

  async events(talk) {
    const heard: string[] = [];
    const sys = await talk.user('sys');
    talk.record(sys, '$SYS.ACCOUNT.>', heard);
    talk.record(sys, '$SYS.SERVER.ACCOUNT.>', heard);
    talk.record(sys, '$SYS.SERVER.*.CLIENT.>', heard);
    await sys.flush();
    const step = async (name: string, action: () => Promise<unknown>): Promise<void> => {
      heard.push(`-- ${name}`);
      const from = heard.length;
      await action();
      await delay(QUIET);
      // The failure is told by one thread of the official server, the end of the connection by another.
      if (heard.some((line, at) => at >= from && line.includes('AUTH.ERR')))
        heard.push(...heard.splice(from).sort());
    };
    let a2: NatsConnection;
    let b: NatsConnection;
    await step('connect', async () => {
      a2 = await talk.user('a2');
    });
    await step('a message, and leave', async () => {
      a2.publish('foo', 'hello');
      await a2.close();
    });
    await step('the second of an account', async () => {
      b = await talk.user('b');
      await talk.user('b');
    });
    await step('kicked', () =>
      talk.ask(sys, '$SYS.REQ.SERVER.<id>.KICK', JSON.stringify({ cid: b.info!.client_id })),
    );
    await step('unknown user', () => talk.user('nobody').catch(() => {}));
    await step('wrong password', () => talk.user('b', { pass: 'wrong' }).catch(() => {}));
    await step('another system user', () => talk.user('sys2'));
    const raw = (bytes: string) => async () => {
      const socket = connectSocket(talk.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      socket.write(bytes);
      await delay(QUIET);
      socket.end();
    };
    await step('nothing said', raw(''));
    await step('no CONNECT', raw('SUB a 1\r\n'));
    await step('bad protocol', raw('CONNECT {"user":"a2","pass":"a2","protocol":7}\r\n'));
    await step('half a name', raw('CONNECT {"user":"a2","pass":"a2","name":"x\\ud800<y>"}\r\n'));
    await step(
      'CONNECT as another one',
      raw('CONNECT {"user":"a2","pass":"a2"}\r\nCONNECT {"user":"b","pass":"b"}\r\n'),
    );
    await step('parse error', raw('CONNECT {"user":"a2","pass":"a2"}\r\nNOPE\r\n'));
    return heard;
  },

  async 'figures on request go to everybody'(talk) {
    const heard: string[] = [];
    const sys = await talk.user('sys');
    sys.subscribe('$SYS.SERVER.*.STATSZ', {
      callback: (_, message) => void heard.push(talk.show(message.string())),
    });
    // Those that are due from the start would be among them.
    await delay(1000);
    heard.length = 0;
    sys.publish('$SYS.REQ.SERVER.PING');
    await delay(QUIET);
    return heard.slice(0, 1);
  },

  async 'lame duck'(talk) {
    const heard: string[] = [];
    const sys = await talk.user('sys');
    talk.record(sys, '$SYS.SERVER.*.LAMEDUCK', heard);
    talk.record(sys, '$SYS.SERVER.*.SHUTDOWN', heard);
    await sys.flush();
    process.kill(talk.pid, 'SIGUSR2');
    await delay(2 * QUIET);
    return heard;
  },
};

const exchangeScripts: Record<string, Script> = {
  async 'what accounts have from each other'(talk) {
    const sys = await talk.user('sys');
    const results: string[] = [];
    for (const account of ['A', 'B', 'C', 'SYS']) {
      results.push(await talk.ask(sys, `$SYS.REQ.ACCOUNT.${account}.INFO`));
      results.push(await talk.ask(sys, '$SYS.REQ.SERVER.PING.ACCOUNTZ', `{"account":"${account}"}`));
    }
    return results;
  },

  async 'services of the system account that are imported'(talk) {
    const b = await talk.user('b');
    b.subscribe('b.*');
    b.subscribe('b.x', { queue: 'q' });
    await b.flush();
    return [
      await talk.ask(b, 'varz'),
      await talk.ask(b, 'count', 'b.x'),
      await talk.ask(b, 'count', 'b.* q'),
      await talk.ask(b, '$SYS.REQ.USER.INFO'),
    ];
  },

  async 'events of the own account'(talk) {
    const heard: string[] = [];
    const b = await talk.user('b');
    talk.record(b, '$SYS.ACCOUNT.B.*', heard);
    talk.record(b, '$SYS.ACCOUNT.B.SERVER.CONNS', heard);
    await b.flush();
    // Events of one moment are told as one.
    await delay(QUIET);
    const other = await talk.user('b2');
    await delay(QUIET);
    await other.close();
    await (await talk.user('c')).close();
    await delay(QUIET);
    return heard;
  },

  async 'figures of accounts whose messages cross'(talk) {
    const sys = await talk.user('sys');
    const a = await talk.user('a');
    const [b, b2] = [await talk.user('b'), await talk.user('b2')];
    for (const nc of [b, b2]) nc.subscribe('fromA.>');
    b.subscribe('p.*');
    a.subscribe('svc.one', { callback: (_, message) => void message.respond('one') });
    a.subscribe('svc.two.x', { callback: (_, message) => void message.respond('and more') });
    a.subscribe('pub.own');
    await Promise.all([a, b, b2].map((nc) => nc.flush()));
    for (let i = 0; i < 1000; i++) {
      a.publish('pub.own', 'x'.repeat(i % 7));
      if (i % 3 === 0) a.publish('priv.x', 'private');
      if (i % 5 === 0) b.publish('svc.one', 'asked');
      if (i % 10 === 0) await b.request('svc.one', `${i}`);
      if (i % 20 === 0) await b2.request('local.two', 'two');
    }
    await Promise.all([a, b, b2].map((nc) => nc.flush()));
    const answer = await sys.request('$SYS.REQ.ACCOUNT.PING.STATZ', '{"accounts":["A","B"]}');
    // Of the bytes sent some are headers of requests, with the round-trip time of who asks.
    return [talk.show(answer.string(), true).replace(/("sent":\{"msgs":\d+,"bytes":)\d+/g, '$1<number>')];
  },
};

suite('system account', conf, scripts);
suite('system account and exchanges', exchange, exchangeScripts);

function suite(title: string, conf: string, scripts: Readonly<Record<string, Script>>): void {
  describe(title, { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
    // New servers for each script, which then know nothing of the clients of others.
    let pair: Pair | undefined;
    beforeEach(async () => {
      pair = await startPair({ conf });
    });
    afterEach(() => stopPair(pair));
    for (const [name, script] of Object.entries(scripts)) {
      test(name, async () => {
        const [official, weft] = await Promise.all(
          [pair!.official, pair!.weft].map((side) => run(script, side)),
        );
        if (process.env.DIFFERENTIAL_SHOW) console.log(name, JSON.stringify(official, null, 2));
        const at = official!.findIndex((line, index) => line !== weft![index]);
        if (at >= 0) assert.equal(weft![at], official![at], `line ${at + 1} of ${official!.length}`);
        assert.equal(weft!.length, official!.length);
      });
    }
  });
}

async function run(script: Script, side: Side): Promise<string[]> {
  const talk = new Talk(side);
  try {
    return await script(talk);
  } finally {
    await talk.close();
  }
}

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ClientConnection } from '../../src/broker/connection.js';
import type { Transport } from '../../src/broker/transport.js';
import { defaultOptions } from '../../src/config/options.js';
import { type ConnzOptions, connzPage, connzPieces } from '../../src/monitoring/connz.js';
import { CpuMeter } from '../../src/monitoring/cpu-meter.js';
import { goJson } from '../../src/monitoring/go-json.js';
import type { MonitorView } from '../../src/monitoring/view.js';
import { Server } from '../../src/server.js';
import { SimulatedClock } from '../../src/sim/clock.js';

// biome-ignore lint/suspicious/noExplicitAny: JSON
const connz = (view: MonitorView, options: ConnzOptions): any =>
  JSON.parse([...connzPieces(view, options)].join(''));

/** A transport that swallows everything. */
function transport(port: number): Transport {
  return {
    backlog: 0,
    remoteAddress: '10.0.0.1',
    remotePort: port,
    onWritten: null,
    write() {},
    pause() {},
    resume() {},
    end() {},
    destroy() {},
  };
}

const everything: ConnzOptions = {
  sort: '',
  auth: false,
  subscriptions: false,
  subscriptionsDetail: false,
  offset: 0,
  limit: 0,
  cid: 0,
  mqttClient: '',
  state: 'open',
  user: '',
  account: '',
  filterSubject: '',
};

describe('connz', () => {
  let clock: SimulatedClock;
  let server: Server;
  let view: MonitorView;
  let port = 1;

  beforeEach(() => {
    clock = new SimulatedClock();
    const accounts = [{ name: 'A' }];
    const users = [
      { username: 'ann', password: 'p', account: 'A' },
      { username: 'bob', password: 'p' },
    ];
    server = new Server(
      { ...defaultOptions(), accounts, authorization: { users, proxyRequired: false } },
      { clock },
    );
    view = { server, cpu: new CpuMeter(), requests: new Map(), ready: () => true };
  });
  afterEach(() => server.shutdown());

  function connect(user: string, ...lines: string[]): ClientConnection {
    const connection = server.broker.accept(transport(port++), { type: 'STANDARD', sendInfo: true })!;
    connection.begin();
    const hello = `CONNECT {"user":"${user}","pass":"p","verbose":false,"name":"of ${user}"}`;
    connection.onData(Buffer.from([hello, ...lines].map((line) => `${line}\r\n`).join('')));
    return connection;
  }

  const cids = (options: Partial<ConnzOptions>) =>
    connzPage(view, { ...everything, ...options }).connections?.map(({ connection }) => connection.cid);

  it('sorts', () => {
    connect('bob', 'SUB a 1', 'SUB b 2');
    clock.advance(1000);
    connect('bob', 'SUB a 1', 'PUB a 3\r\nabc');
    clock.advance(1000);
    connect('bob', 'PUB a 1\r\na', 'PUB b 1\r\nb');
    const orders: Record<string, number[]> = {
      '': [5, 6, 7],
      cid: [5, 6, 7],
      start: [5, 6, 7],
      subs: [5, 6, 7],
      msgs_to: [5, 6, 7],
      bytes_to: [5, 6, 7],
      msgs_from: [7, 6, 5],
      bytes_from: [6, 7, 5],
      last: [7, 6, 5],
      idle: [5, 6, 7],
      uptime: [7, 6, 5],
    };
    for (const [sort, order] of Object.entries(orders)) assert.deepEqual(cids({ sort }), order, sort);
    const message = (text: string) => ({ message: text });
    assert.throws(() => cids({ sort: 'bad' }), message('invalid sorting option: bad'));
    assert.throws(() => cids({ sort: 'constructor' }), message('invalid sorting option: constructor'));
    for (const sort of ['stop', 'reason']) {
      const text = `sort by ${sort} only valid on closed connections`;
      assert.throws(() => cids({ sort, state: 'all' }), message(text));
      assert.deepEqual(cids({ sort, state: 'closed' }), []);
    }
  });

  it('sorts closed connections by their end', () => {
    const [first, second, third] = [connect('bob'), connect('bob'), connect('bob')];
    second.close('Stale Connection');
    clock.advance(10);
    third.close('Client Closed');
    clock.advance(10);
    first.close('Read Error');
    assert.deepEqual(cids({ sort: 'stop', state: 'closed' }), [5, 7, 6]);
    assert.deepEqual(cids({ sort: 'reason', state: 'closed' }), [7, 5, 6]);
    assert.deepEqual(cids({ sort: 'uptime', state: 'closed' }), [6, 7, 5]);
  });

  it('chooses by state, cid, account and user', () => {
    connect('ann');
    connect('bob');
    connect('ann').close('Client Closed');
    connect('bob').close('Client Closed');
    assert.deepEqual(cids({}), [5, 6]);
    assert.deepEqual(cids({ state: 'closed' }), [7, 8]);
    assert.deepEqual(cids({ state: 'all' }), [5, 6, 7, 8]);
    assert.deepEqual(cids({ account: 'A', state: 'all' }), [5, 7]);
    assert.deepEqual(cids({ account: '$G', state: 'all' }), [6]);
    assert.deepEqual(cids({ account: 'none' }), undefined);
    assert.deepEqual(cids({ user: 'bob', state: 'all' }), [6, 8]);
    assert.deepEqual(cids({ user: 'eve' }), []);
    assert.deepEqual(cids({ cid: 7 }), []);
    assert.deepEqual(cids({ cid: 7, state: 'all' }), [7]);
    assert.deepEqual(cids({ cid: 5, user: 'bob' }), []);
    assert.deepEqual(cids({ mqttClient: 'x' }), []);
    const { total, limit } = connzPage(view, { ...everything, state: 'all', user: 'bob', cid: 6 });
    assert.deepEqual([total, limit], [4, 1]);
  });

  it('chooses by subject within an account', () => {
    connect('ann', 'SUB foo.* 1');
    connect('ann', 'SUB bar 1');
    assert.deepEqual(cids({ account: 'A', filterSubject: 'foo.x' }), [5]);
    assert.deepEqual(cids({ account: 'A', filterSubject: '*' }), [6]);
    assert.deepEqual(cids({ account: 'A', filterSubject: '>' }), [5, 6]);
    assert.throws(() => cids({ filterSubject: 'foo' }), {
      message: 'filter by subject only valid with account filtering',
    });
  });

  it('cuts pages', () => {
    for (let i = 0; i < 5; i++) connect('bob');
    assert.deepEqual(cids({ limit: 2 }), [5, 6]);
    assert.deepEqual(cids({ limit: 2, offset: 4 }), [9]);
    assert.deepEqual(cids({ offset: 99 }), []);
    assert.deepEqual(cids({ limit: -5, offset: -2 }), [5, 6, 7, 8, 9]);
  });

  it('shows what was asked for', () => {
    connect('ann', 'SUB foo.> a1', 'SUB bar q 2', 'UNSUB 2 10', 'PUB foo.x 3\r\nabc');
    clock.advance(61_000);
    const [info] = connz(view, { ...everything, auth: true, subscriptionsDetail: true }).connections;
    const { start, last_activity, rtt, ...rest } = info!;
    assert.match(`${start} ${last_activity} ${rtt}`, /^\S+T\S+ \S+T\S+ \S+s$/);
    assert.deepEqual(JSON.parse(goJson(rest)), {
      cid: 5,
      kind: 'Client',
      type: 'nats',
      ip: '10.0.0.1',
      port: port - 1,
      uptime: '1m1s',
      idle: '1m1s',
      pending_bytes: view.server.broker.connections.get(5)!.out.pending,
      in_msgs: 1,
      out_msgs: 1,
      in_bytes: 3,
      out_bytes: 3,
      subscriptions: 2,
      name: 'of ann',
      authorized_user: 'ann',
      account: 'A',
      subscriptions_list_detail: [
        { subject: 'foo.>', sid: 'a1', msgs: 1, cid: 5 },
        { subject: 'bar', qgroup: 'q', sid: '2', msgs: 0, max: 10, cid: 5 },
      ],
      name_tag: 'A',
    });
    const [plain] = connz(view, { ...everything, subscriptions: true }).connections;
    assert.deepEqual(JSON.parse(goJson(plain)).subscriptions_list, ['foo.>', 'bar']);
    assert.equal(plain!.authorized_user, undefined);
  });

  it('remembers subscriptions of closed connections', () => {
    connect('ann', 'SUB foo 1').close('Client Closed');
    const options: ConnzOptions = { ...everything, state: 'closed', subscriptionsDetail: true };
    const info = connz(view, options).connections[0];
    assert.equal(info.reason, 'Client Closed');
    assert.equal(info.subscriptions, 1);
    assert.deepEqual(info.subscriptions_list_detail, [
      { account: 'A', account_tag: 'A', subject: 'foo', sid: '1', msgs: 0, cid: 5 },
    ]);
  });

  it('answers with no identity for an unknown account', () => {
    const { now, ...rest } = connz(view, { ...everything, account: 'none' });
    assert.match(now, /Z$/);
    const numbers = { num_connections: 0, total: 0, offset: 0, limit: 1024 };
    assert.deepEqual(rest, { server_id: '', ...numbers, connections: null });
  });

  it('leaves other work its turns with ten thousand connections', () => {
    for (let i = 0; i < 10_000; i++) connect('bob', 'SUB foo.> 1');
    const options: ConnzOptions = {
      ...everything,
      sort: 'bytes_to',
      limit: 10_000,
      auth: true,
      subscriptions: true,
    };
    // Once for the compiler.
    let whole = [...connzPieces(view, options)].join('');
    const turns: number[] = [];
    let from = performance.now();
    const turn = (): void => {
      turns.push(performance.now() - from);
      from = performance.now();
    };
    const pieces = connzPieces(view, options) as Iterable<string>;
    turn();
    whole = '';
    for (const piece of pieces) {
      whole += piece;
      turn();
    }
    assert.equal(JSON.parse(whole).connections.length, 10_000);
    assert.equal(whole, goJson(JSON.parse(whole)));
    assert.equal([...connzPieces(view, options, 0)].join(''), goJson(JSON.parse(whole), 0));
    // The median speaks of the work; a single turn may have met the garbage collector.
    const sorted = turns.slice(1).sort((a, b) => a - b);
    assert.ok(sorted[sorted.length >> 1]! < 10, `a piece took ${sorted[sorted.length >> 1]} ms`);
    assert.ok(turns[0]! < 100, `choosing the page took ${turns[0]} ms`);
    process.stderr.write(`${turns[0]} ${sorted[sorted.length >> 1]} ${sorted.at(-1)}\n`);
  });
});

/** The endpoints over real sockets. What they must answer was recorded from the official server 2.15.2. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get as getSecure } from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { defaultOptions, type ServerOptions } from '../../src/config/options.js';
import { defaultTlsOptions } from '../../src/config/tls-options.js';
import { type Log, silentLog } from '../../src/runtime/log.js';
import { Server } from '../../src/server.js';
import { natsVersion, weftVersion } from '../../src/version.js';
import { issueCertificates } from '../support/certificates.js';

function options(changes: Partial<ServerOptions> = {}): ServerOptions {
  return { ...defaultOptions(), host: '127.0.0.1', port: -1, httpPort: -1, ...changes };
}

/** Keeps what is logged. */
function keepingLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const keep = (level: string) => (text: string) => void lines.push(`${level} ${text}`);
  return { ...silentLog, lines, notice: keep('INF'), warn: keep('WRN'), error: keep('ERR') };
}

/** A client that has said its lines and had its PONG. */
async function client(port: number, ...lines: string[]): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.write([...lines, 'PING'].map((line) => `${line}\r\n`).join(''));
  let text = '';
  for await (const data of socket.iterator({ destroyOnReturn: false })) {
    text += String(data);
    if (text.includes('PONG')) break;
  }
  socket.resume();
  return socket;
}

interface Reply {
  status: number;
  type: string | null;
  headers: Headers;
  text: string;
}

async function fetchFrom(url: string, init?: RequestInit): Promise<Reply> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const { status, headers } = response;
  return { status, type: headers.get('content-type'), headers, text: await response.text() };
}

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';

describe('monitoring over HTTP', () => {
  const log = keepingLog();
  let server: Server;
  let clients: Socket[];
  const ask = (path: string, init?: RequestInit) =>
    fetchFrom(`http://127.0.0.1:${server.monitoringPort}${path}`, init);
  const json = async (path: string) => {
    const { status, type, headers, text } = await ask(path);
    assert.deepEqual([status, type], [200, JSON_TYPE], text);
    assert.equal(headers.get('access-control-allow-origin'), '*');
    return JSON.parse(text);
  };

  before(async () => {
    server = new Server(
      options({ serverName: 'srv', serverTags: ['a:1'], serverMetadata: { k: '<v>', a: 'b' } }),
      {
        log,
      },
    );
    await server.start();
    const { port } = server;
    clients = [
      await client(port, 'CONNECT {"verbose":false,"name":"one","lang":"js","version":"1"}', 'SUB foo.* 1'),
      await client(port, 'CONNECT {"verbose":false,"user":"bob"}', 'SUB bar q 2', 'PUB foo.x 3\r\nabc'),
    ];
    (await client(port, 'CONNECT {"verbose":false}')).destroy();
    while (server.broker.connections.size > 2) await new Promise((resolve) => setTimeout(resolve, 5));
  });
  after(async () => {
    for (const socket of clients) socket.destroy();
    await server.shutdown();
  });

  it('says where it is', () => {
    const { monitoringPort } = server;
    assert.ok(monitoringPort > 0);
    const at = log.lines.indexOf(`INF Starting http monitor on 127.0.0.1:${monitoringPort}`);
    assert.ok(at >= 0, log.lines.join('\n'));
    assert.ok(at < log.lines.findIndex((line) => line.includes('Listening for client connections')));
  });

  it('/varz', async () => {
    const { text } = await ask('/varz');
    const { start, now, mem, cpu, config_load_time, uptime, http_req_stats, ...rest } = JSON.parse(text);
    for (const time of [start, now, config_load_time]) assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.match(uptime, /^\d+s$/);
    assert.ok(mem > 1e6 && cpu >= 0);
    assert.equal(http_req_stats['/varz'], 1);
    const none = { clients: 0, routes: 0, gateways: 0, leafs: 0 };
    assert.deepEqual(rest, {
      server_id: server.broker.identity.id,
      server_name: 'srv',
      version: natsVersion,
      proto: 1,
      go: `node${process.versions.node}`,
      host: '127.0.0.1',
      port: server.port,
      max_connections: 65536,
      ping_interval: 120_000_000_000,
      ping_max: 2,
      http_host: '127.0.0.1',
      http_port: -1,
      http_base_path: '',
      https_port: 0,
      auth_timeout: 2,
      max_control_line: 4096,
      max_payload: 1048576,
      max_pending: 67108864,
      cluster: {},
      gateway: {},
      leaf: {},
      mqtt: {},
      websocket: {},
      jetstream: {},
      tls_timeout: 2,
      write_deadline: 10_000_000_000,
      cores: availableParallelism(),
      gomaxprocs: availableParallelism(),
      connections: 2,
      total_connections: 3,
      routes: 0,
      remotes: 0,
      leafnodes: 0,
      in_msgs: 1,
      in_bytes: 3,
      in_client_msgs: 1,
      in_client_bytes: 3,
      out_msgs: 1,
      out_bytes: 3,
      out_client_msgs: 1,
      out_client_bytes: 3,
      slow_consumers: 0,
      stale_connections: 0,
      stalled_clients: 0,
      subscriptions: rest.subscriptions,
      config_digest: '',
      tags: ['a:1'],
      metadata: { a: 'b', k: '<v>' },
      feature_flags: {
        js_ack_fc_v2: false,
        js_api_reply_v2: false,
        js_raft_delete_range: true,
        js_snapshot_sources: false,
      },
      system_account: '$SYS',
      slow_consumer_stats: none,
      stale_connection_stats: none,
      disk_io_wait_stats: { waiters: 0, waits: 0, wait_time: 0, max_wait_time: 0 },
      weft_version: weftVersion,
    });
    // Systems' own subscriptions come on top of the clients' two.
    assert.ok(rest.subscriptions >= 2);
    assert.match(text, /"metadata": \{\n {4}"a": "b",\n {4}"k": "\\u003cv\\u003e"\n {2}\}/);
    assert.deepEqual(Object.keys(JSON.parse(text)).slice(-1), ['weft_version']);
  });

  it('/connz', async () => {
    const page = await json('/connz?subs=1&auth=1');
    assert.equal(page.num_connections, 2);
    assert.equal(page.connections[0].name, 'one');
    assert.deepEqual(page.connections[0].subscriptions_list, ['foo.*']);
    assert.equal(page.connections[1].authorized_user, 'bob');
    assert.equal(page.connections[1].ip, '127.0.0.1');
    assert.equal((await json('/connz?state=ANY')).total, 3);
    assert.equal((await json('/connz?state=closed')).connections[0].reason, 'Client Closed');
    assert.equal((await json('/connz?callback=f&limit=1')).num_connections, 1);
    assert.equal((await json('/connz?acc=zz')).connections, null);
    for (const [path, text] of [
      ['sort=bad', 'invalid sorting option: bad'],
      ['sort=stop', 'sort by stop only valid on closed connections'],
      ['state=c', 'Error decoding state for c'],
      ['limit=x', `Error decoding int for 'limit': strconv.Atoi: parsing "x": invalid syntax`],
      ['auth=yes', `Error decoding boolean for 'auth': strconv.ParseBool: parsing "yes": invalid syntax`],
    ]) {
      const reply = await ask(`/connz?${path}`);
      assert.deepEqual([reply.status, reply.type, reply.text], [400, TEXT_TYPE, text]);
      assert.equal(reply.headers.get('access-control-allow-origin'), null);
    }
  });

  it('/subsz', async () => {
    const stats = await json('/subsz');
    assert.equal(stats.total, 0);
    assert.equal(stats.subscriptions_list, undefined);
    assert.deepEqual(Object.keys(stats).slice(2, 10), [
      'num_subscriptions',
      'num_cache',
      'num_inserts',
      'num_removes',
      'num_matches',
      'cache_hit_rate',
      'max_fanout',
      'avg_fanout',
    ]);
    const { total, subscriptions_list } = await json('/subscriptionsz?subs=1&test=foo.x&acc=$G');
    assert.equal(total, 1);
    assert.deepEqual(subscriptions_list, [
      { account: '$G', account_tag: '$G', subject: 'foo.*', sid: '1', msgs: 1, cid: 5 },
    ]);
    const page = await json('/subsz?subs=1&limit=1&offset=1');
    assert.deepEqual([page.offset, page.limit, page.subscriptions_list.length], [1, 1, 1]);
    const { status, text } = await ask('/subsz?test=a..b');
    assert.deepEqual([status, text], [400, 'invalid test subject, must be valid publish subject: a..b']);
  });

  it('/accountz', async () => {
    const { accounts, system_account } = await json('/accountz');
    assert.deepEqual([accounts, system_account], [['$G', '$SYS'], '$SYS']);
    const { account_detail } = await json('/accountz?acc=$G');
    assert.equal(account_detail.account_name, '$G');
    assert.equal(account_detail.client_connections, 2);
    assert.equal(account_detail.is_system, undefined);
    assert.equal((await json('/accountz?acc=$SYS')).account_detail.is_system, true);
    const { status, text } = await ask('/accountz?acc=zz');
    assert.deepEqual([status, text], [400, 'Account zz does not exist']);
  });

  it('/accstatz', async () => {
    const { account_statz } = await json('/accstatz');
    assert.equal(account_statz.length, 1);
    const [{ acc, conns, total_conns, received, sent }] = account_statz;
    assert.deepEqual([acc, conns, total_conns], ['$G', 2, 2]);
    const none = { msgs: 0, bytes: 0 };
    assert.deepEqual(received, { msgs: 1, bytes: 3, gateways: none, routes: none, leafs: none });
    assert.deepEqual(sent, received);
    assert.equal((await json('/accstatz?unused=1')).account_statz.length, 2);
  });

  it('the pages of what is not there', async () => {
    const routes = await json('/routez');
    assert.deepEqual([routes.server_name, routes.num_routes, routes.routes], ['srv', 0, []]);
    const gateways = await json('/gatewayz?accs=1');
    assert.deepEqual([gateways.outbound_gateways, gateways.inbound_gateways], [{}, {}]);
    const leafs = await json('/leafz?subs=1');
    assert.deepEqual([leafs.leafnodes, leafs.leafs], [0, []]);
    const { disabled, config, api } = await json('/jsz?acc=zz&streams=1');
    assert.deepEqual(
      [disabled, config, api],
      [true, { max_memory: 0, max_storage: 0 }, { level: 0, total: 0, errors: 0 }],
    );
    assert.deepEqual(await json('/ipqueuesz'), {});
    const raft = await ask('/raftz');
    assert.deepEqual([raft.status, raft.type, raft.text], [404, TEXT_TYPE, 'No Raft nodes registered']);
    const leader = await ask('/jsz?leader-only=1');
    assert.deepEqual([leader.status, leader.text], [400, 'filtered response: not leader']);
    for (const path of [
      '/routez?subs=x',
      '/gatewayz?accs=x',
      '/leafz?subs=x',
      '/ipqueuesz?all=x',
      '/jsz?limit=x',
    ]) {
      assert.equal((await ask(path)).status, 400, path);
    }
  });

  it('/healthz', async () => {
    for (const query of ['', '?details=1', '?js-enabled=1', '?js-server-only=true']) {
      const { status, text } = await ask(`/healthz${query}`);
      assert.deepEqual([status, text], [200, '{"status":"ok"}']);
    }
    const missing = '"\\"account\\" must not be empty when checking stream health"';
    const stream = await ask('/healthz?stream=x');
    assert.deepEqual([stream.status, stream.type], [400, JSON_TYPE]);
    assert.equal(stream.text, `{"status":"error","error":${missing}}`);
    const detailed = await ask('/healthz?stream=x&details=1');
    assert.equal(detailed.text, `{"status":"error","errors":[{"type":"BAD_REQUEST","error":${missing}}]}`);
    const consumer = await ask('/healthz?account=a&consumer=x');
    assert.match(consumer.text, /\\"stream\\" must not be empty when checking consumer health/);
    assert.ok(log.lines.includes('WRN Healthcheck: js-enabled deprecated, use js-enabled-only instead'));
    assert.ok(log.lines.includes(`WRN Healthcheck failed: ${missing}`));
    assert.ok(log.lines.includes('WRN Healthcheck failed: 1 errors'));
  });

  it('/stacksz and /debug/vars', async () => {
    const stacks = await ask('/stacksz');
    assert.deepEqual([stacks.status, stacks.type], [200, JSON_TYPE]);
    assert.match(stacks.text, /^active resources:\n(\t\w+ \d+\n)+/m);
    assert.match(stacks.text, /^\tused_heap_size \d+$/m);
    const vars = await ask('/debug/vars');
    assert.equal(vars.type, 'application/json; charset=utf-8');
    assert.match(vars.text, /^\{\n"cmdline": \[.*\],\n"memstats": \{.*\}\n\}\n$/);
    const { memstats } = JSON.parse(vars.text);
    assert.ok(memstats.HeapAlloc > 0 && memstats.HeapAlloc <= memstats.HeapSys);
    assert.equal(memstats.PauseNs.length, 256);
  });

  it('the root page links to the others', async () => {
    const { status, type, text } = await ask('/');
    assert.deepEqual([status, type], [200, 'text/html; charset=utf-8']);
    const links = [...text.matchAll(/href="\.(\/[^"]+)"/g)].map((match) => match[1]!);
    assert.ok(links.length >= 12);
    for (const link of links) assert.notEqual((await ask(link)).text, '404 page not found\n', link);
  });

  it('answers any method, and 404 for what it does not know', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      assert.equal((await ask('/healthz', { method })).text, '{"status":"ok"}');
    }
    assert.equal((await ask('/healthz', { method: 'HEAD' })).headers.get('content-length'), '15');
    for (const path of ['/nope', '/varz/', '/varz/x', '/constructor']) {
      const { status, type, headers, text } = await ask(path);
      assert.deepEqual([status, type, text], [404, TEXT_TYPE, '404 page not found\n']);
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
    }
    const { status, headers, text } = await ask('//varz?a=b');
    assert.deepEqual([status, headers.get('location')], [307, '/varz?a=b']);
    assert.equal(text, '<a href="/varz?a=b">Temporary Redirect</a>.\n\n');
    assert.equal((await ask('/%zz')).status, 400);
  });

  it('counts requests as the official server does', async () => {
    const before = (await json('/varz')).http_req_stats;
    for (const path of [
      '/',
      '/connz?limit=x',
      '/connz?sort=bad',
      '/subscriptionsz',
      '/leafz?subs=x',
      '/raftz',
    ]) {
      await ask(path);
    }
    const now = (await json('/varz')).http_req_stats;
    const more = (path: string) => now[path] - (before[path] ?? 0);
    // Only where parameters are read first does a broken one keep the request out.
    assert.deepEqual(['/', '/connz', '/subsz', '/leafz', '/varz'].map(more), [1, 1, 1, 1, 1]);
    assert.equal(now['/raftz'], undefined);
    assert.deepEqual(Object.keys(now), Object.keys(now).sort());
  });

  it('says how long short answers are and sends long ones in chunks', async () => {
    assert.equal((await ask('/healthz')).headers.get('content-length'), '15');
    const long = await ask('/stacksz');
    assert.ok(long.text.length > 2048);
    assert.equal(long.headers.get('content-length'), null);
  });
});

describe('monitoring elsewhere', () => {
  it('has its pages below the base path', async () => {
    const server = new Server(options({ httpBasePath: 'mon/x/' }));
    await server.start();
    const ask = (path: string) => fetchFrom(`http://127.0.0.1:${server.monitoringPort}${path}`);
    try {
      const varz = JSON.parse((await ask('/mon/x/varz')).text);
      assert.equal(varz.http_base_path, 'mon/x/');
      assert.deepEqual(varz.http_req_stats, { '/varz': 1 });
      assert.match((await ask('/mon/x')).text, /href="\.\/mon\/x\/varz"/);
      for (const path of ['/', '/varz', '/mon/x/', '/mon/xvarz'])
        assert.equal((await ask(path)).status, 404, path);
    } finally {
      await server.shutdown();
    }
  });

  it('listens over TLS without asking for certificates', async () => {
    const { ca, server: own, clients } = issueCertificates({ clients: { bob: {} } });
    const folder = mkdtempSync(join(tmpdir(), 'weft-monitoring-'));
    const path = (name: string) => join(folder, name);
    const files = { 'ca.pem': ca, 'cert.pem': own.cert, 'key.pem': own.key };
    for (const [name, text] of Object.entries(files)) writeFileSync(path(name), text);
    const tls = {
      certFile: path('cert.pem'),
      keyFile: path('key.pem'),
      caFile: path('ca.pem'),
      verify: true,
    };
    const log = keepingLog();
    const server = new Server(
      options({ httpPort: 0, httpsPort: -1, tls: { ...defaultTlsOptions(), ...tls, handshakeFirst: true } }),
      { log },
    );
    await server.start();
    const ask = (target: string) =>
      new Promise<string>((resolve, reject) => {
        const request = getSecure({
          host: '127.0.0.1',
          port: server.monitoringPort,
          path: target,
          ca,
        });
        request.on('error', reject);
        request.on('response', async (response) => resolve((await response.toArray()).join('')));
      });
    try {
      assert.ok(log.lines.includes(`INF Starting https monitor on 127.0.0.1:${server.monitoringPort}`));
      const { tls_required, tls_verify, tls_cert_not_after, https_port } = JSON.parse(await ask('/varz'));
      assert.deepEqual([tls_required, tls_verify, https_port], [true, true, -1]);
      assert.match(tls_cert_not_after, /Z$/);

      const { cert, key } = clients.bob;
      const secured = connectTls({ host: '127.0.0.1', port: server.port, ca, cert, key });
      secured.write('CONNECT {"verbose":false}\r\nPING\r\n');
      while (!String((await once(secured, 'data'))[0]).includes('PONG'));
      const [info] = JSON.parse(await ask('/connz?auth=1')).connections;
      assert.equal(info.tls_version, '1.3');
      assert.match(info.tls_cipher_suite, /^TLS_/);
      assert.equal(info.tls_first, true);
      assert.equal(info.tls_peer_certs[0].subject, 'CN=bob');
      assert.match(info.tls_peer_certs[0].cert_sha256, /^[0-9a-f]{64}$/);
      assert.equal(JSON.parse(await ask('/connz')).connections[0].tls_peer_certs, undefined);
      secured.destroy();

      await assert.rejects(fetch(`http://127.0.0.1:${server.monitoringPort}/varz`));
      const failure =
        /^ERR monitoring: TLS handshake error from \S+: client sent an HTTP request to an HTTPS server$/;
      assert.ok(
        log.lines.some((line) => failure.test(line)),
        log.lines.join('\n'),
      );
    } finally {
      await server.shutdown();
      rmSync(folder, { recursive: true });
    }
  });

  it('says why it cannot listen', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const refused = async (changes: Partial<ServerOptions>, message: string) => {
      const server = new Server(options(changes));
      await assert.rejects(server.start(), { message });
      await server.shutdown();
    };
    await refused(
      { httpPort: port },
      `Can't start monitoring: can't listen to the monitor port: listen tcp 127.0.0.1:${port}: bind: address already in use`,
    );
    await refused(
      { httpPort: 1234, httpsPort: 1235 },
      "Can't start monitoring: can't specify both HTTP (1234) and HTTPs (1235) ports",
    );
    await refused(
      { httpPort: 0, httpsPort: 1235 },
      "Can't start monitoring: TLS cert and key required for HTTPS",
    );
    taken.close();
  });

  it('is not healthy while clients cannot connect', async () => {
    const server = new Server(options());
    await server.startMonitoring();
    const url = `http://127.0.0.1:${server.monitoringPort}/healthz`;
    const text = 'failed to be ready for connections after 1ms: server';
    const plain = await fetchFrom(url);
    assert.deepEqual([plain.status, plain.text], [500, `{"status":"error","error":"${text}"}`]);
    const detailed = await fetchFrom(`${url}?details=1`);
    const errors = `[{"type":"CONNECTION","error":"${text}"}]`;
    assert.deepEqual([detailed.status, detailed.text], [500, `{"status":"error","errors":${errors}}`]);
    await server.shutdown();
  });

  it('ends idle connections when the server does, and frees its port', async () => {
    const server = new Server(options());
    await server.start();
    const { monitoringPort } = server;
    const socket = connect(monitoringPort, '127.0.0.1');
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    const [data] = await once(socket, 'data');
    assert.match(String(data), /^HTTP\/1\.1 200 OK\r\n/);
    assert.doesNotMatch(String(data), /keep-alive/i);
    const closed = once(socket, 'close');
    const from = performance.now();
    await server.shutdown();
    await closed;
    assert.ok(performance.now() - from < 2000);
    const again = createServer().listen(monitoringPort, '127.0.0.1');
    await once(again, 'listening');
    again.close();
  });
});

/** The system account of an embedded server, in simulated time. What it has to say is compared in test/differential/system.test.ts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { optionsFromObject } from '../../src/config/load.js';
import type { InProcessConnection } from '../../src/embedding/duplex.js';
import type { LocalClient } from '../../src/embedding/local-client.js';
import { Server } from '../../src/server.js';
import { SimulatedClock } from '../../src/sim/clock.js';
import { WeftServer } from '../../src/weft-server.js';

const accounts = {
  A: { users: [{ user: 'a', pass: 'a' }] },
  B: { users: [{ user: 'b', pass: 'b' }] },
};

async function start(config: object = {}) {
  const clock = new SimulatedClock();
  const server = await WeftServer.create({ accounts, ...config }, { listen: false, clock });
  return { clock, server };
}

interface Heard {
  at: number;
  subject: string;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of several kinds
  body: any;
}

/** Everything on a subject, and when it came. */
function listen(client: LocalClient, clock: SimulatedClock, subject: string): Heard[] {
  const heard: Heard[] = [];
  client.subscribe(subject, (message) => {
    heard.push({ at: clock.monotonic(), subject: message.subject, body: message.json() });
  });
  return heard;
}

async function connect(server: WeftServer, user: string): Promise<InProcessConnection> {
  const connection = server.connection();
  connection.on('error', () => {});
  connection.resume();
  const connected = once(server, 'connect');
  connection.write(`CONNECT {"verbose":false,"protocol":1,"user":"${user}","pass":"${user}"}\r\nPING\r\n`);
  await connected;
  return connection;
}

test('the figures are sent often at first, then every ten seconds, and only when somebody listens', async () => {
  const { clock, server } = await start();
  const sys = server.client('$SYS');
  const heard = listen(sys, clock, '$SYS.SERVER.*.STATSZ');
  await clock.advanceAsync(40_000);
  await turn();
  // The one due at 750 would have come too soon after the first.
  assert.deepEqual(
    heard.map(({ at }) => at),
    [250, 1250, 3250, 7250, 15_250, 25_250, 35_250],
  );
  assert.equal(heard[0]!.subject, `$SYS.SERVER.${server.info.id}.STATSZ`);
  assert.equal(heard[0]!.body.server.id, server.info.id);
  assert.deepEqual(
    heard.map(({ body }) => body.server.seq),
    heard.map((_, index) => index + 1),
  );
  await server.close();
});

test('the figures of an account are told when it gets or loses a client, and every half minute', async () => {
  const { clock, server } = await start();
  const heard = listen(server.client('$SYS'), clock, '$SYS.ACCOUNT.*.SERVER.CONNS');
  const first = await connect(server, 'a');
  await clock.advanceAsync(10_000);
  const second = await connect(server, 'b');
  await clock.advanceAsync(65_000);
  first.end();
  await once(server, 'disconnect');
  await clock.advanceAsync(20_000);
  await turn();
  assert.deepEqual(
    heard.map(({ at, body }) => [at, body.acc, body.conns]),
    [
      [0, 'A', 1],
      [10_000, 'B', 1],
      [30_000, 'A', 1],
      [40_000, 'B', 1],
      [60_000, 'A', 1],
      [70_000, 'B', 1],
      [75_000, 'A', 0],
    ],
  );
  second.end();
  await server.close();
});

test('several system users hear the same, and the embedding program its own events', async () => {
  const { clock, server } = await start();
  const one = listen(server.client('$SYS'), clock, '$SYS.ACCOUNT.A.>');
  const other = listen(server.client('$SYS'), clock, '$SYS.ACCOUNT.A.CONNECT');
  const connection = await connect(server, 'a');
  connection.end();
  const [{ reason }] = await once(server, 'disconnect');
  await turn();
  await turn();
  assert.equal(reason, 'Client Closed');
  assert.deepEqual(
    one.map(({ subject }) => subject.split('.').slice(3).join('.')),
    ['SERVER.CONNS', 'CONNECT', 'SERVER.CONNS', 'DISCONNECT'],
  );
  assert.equal(other.length, 1);
  assert.equal(other[0]!.body.type, 'io.nats.server.advisory.v1.client_connect');
  assert.match(other[0]!.body.id, /^[0-9A-Za-z]{22}$/);
  await server.close();
});

test('the account concerned hears of a failed login', async () => {
  const { clock, server } = await start();
  const account = listen(server.client('$G'), clock, '$SYS.>');
  const system = listen(server.client('$SYS'), clock, '$SYS.SERVER.*.CLIENT.AUTH.ERR');
  const connection = server.connection();
  connection.on('error', () => {});
  connection.resume();
  connection.write('CONNECT {"user":"a","pass":"wrong"}\r\n');
  await once(server, 'authError');
  await turn();
  await turn();
  assert.deepEqual(
    account.map(({ subject, body }) => [subject, body.client.user, body.reason]),
    [['$SYS.ACCOUNT.CLIENT.AUTH.ERR', 'a', 'Authentication Failure']],
  );
  assert.equal(system.length, 1);
  await server.close();
});

test('requests are answered, a kicked client is told why in the log of connections', async () => {
  const { server } = await start();
  const sys = server.client('$SYS');
  await connect(server, 'a');
  const { data } = (await sys.request('$SYS.REQ.SERVER.PING.CONNZ', '{"auth":true}')).json<{
    data: { connections: { cid: number; authorized_user: string }[] };
  }>();
  assert.deepEqual(
    data.connections.map(({ authorized_user: user }) => user),
    ['a'],
  );
  const gone = once(server, 'disconnect');
  const { cid } = data.connections[0]!;
  const answer = await sys.request(`$SYS.REQ.SERVER.${server.info.id}.KICK`, JSON.stringify({ cid }));
  assert.equal(answer.json<{ error?: unknown }>().error, undefined);
  const [{ reason }] = await gone;
  assert.equal(reason, 'Kicked');
  await server.close();
});

test('a client is asked to leave, if it can be', async () => {
  const { server } = await start();
  const sys = server.client('$SYS');
  const connection = server.connection();
  let received = '';
  connection.on('data', (data: Buffer) => {
    received += String(data);
  });
  const ask = async () => {
    const answer = await sys.request(`$SYS.REQ.SERVER.${server.info.id}.LDM`, '{"cid":5}');
    return answer.json<{ error?: { code: number; description: string } }>().error;
  };
  connection.write('CONNECT {"verbose":false,"protocol":1,"user":"a","pass":"a"}\r\n');
  await once(server, 'connect');
  assert.deepEqual(await ask(), {
    code: 500,
    description: 'client does not support Lame Duck Mode or is not ready to receive the notification',
  });
  connection.write('PING\r\n');
  await turn();
  await turn();
  assert.equal(await ask(), undefined);
  await turn();
  assert.match(received, /INFO \{[^\n]*"ldm":true/);
  await server.close();
});

test('a reload that is asked for', async () => {
  const read = () => optionsFromObject({ port: -1, max_payload: size });
  let size = 1000;
  const server = new Server(read().options, {
    noListen: true,
    readOptions: read,
  });
  await server.start();
  const client = server.broker.internalClient(server.broker.account('$SYS'));
  const answers: string[] = [];
  client.subscribe('inbox', ({ payload }) => void answers.push(payload.toString()));
  size = 2000;
  client.publish(`$SYS.REQ.SERVER.${server.broker.identity.id}.RELOAD`, '', 'inbox');
  while (answers.length === 0) await turn();
  assert.equal(JSON.parse(answers[0]!).error, undefined);
  assert.equal(server.options.maxPayload, 2000);
  await server.shutdown();
});

test('the end is announced; afterwards nothing is left', async () => {
  const { clock, server } = await start();
  const connection = server.connection();
  let received = '';
  connection.on('data', (data: Buffer) => {
    received += String(data);
  });
  connection.write('CONNECT {"verbose":false,"user":"a","pass":"a"}\r\n');
  await once(server, 'connect');
  const heard = listen(server.client('$SYS'), clock, '$SYS.SERVER.*.SHUTDOWN');
  await clock.advanceAsync(1000);
  // The program's own clients are closed first.
  await server.close();
  assert.deepEqual(heard, []);
  assert.equal(clock.pending, 0);
  assert.ok(received.startsWith('INFO'));
});

test('system users hear that the server ends', async () => {
  const server = await WeftServer.create(
    { accounts: { SYS: { users: [{ user: 'sys', pass: 'sys' }] } }, system_account: 'SYS' },
    { listen: false },
  );
  const connection = server.connection();
  let received = '';
  connection.on('data', (data: Buffer) => {
    received += String(data);
  });
  connection.write('CONNECT {"verbose":false,"user":"sys","pass":"sys"}\r\nSUB $SYS.SERVER.*.SHUTDOWN 1\r\n');
  await once(server, 'connect');
  const closed = once(connection, 'close');
  await server.close();
  await closed;
  assert.match(
    received,
    new RegExp(`MSG \\$SYS\\.SERVER\\.${server.info.id}\\.SHUTDOWN 1 \\d+\\r\\n\\{"name"`),
  );
});

test('profiles', async () => {
  const { clock, server } = await start();
  const sys = server.client('$SYS');
  const ask = async (request: object) =>
    (await sys.request('$SYS.REQ.SERVER.PING.PROFILEZ', JSON.stringify(request))).json<{
      data: { profile: string | null; error: string };
    }>().data;
  assert.match((await ask({ name: 'goroutine' })).error, /"goroutine" not found/);
  const before = clock.pending;
  const cpu = ask({ name: 'cpu', duration: 2e9 });
  // One timer is the requester's, the other one the profile's.
  while (clock.pending < before + 2) await turn();
  const second = await ask({ name: 'heap' });
  assert.match(second.error, /already in use/);
  await clock.advanceAsync(2000);
  const { profile, error } = await cpu;
  assert.equal(error, '');
  // The names that are in every profile of this kind.
  const whole = gunzipSync(Buffer.from(profile!, 'base64')).toString('latin1');
  for (const name of ['samples', 'count', 'cpu', 'nanoseconds']) assert.ok(whole.includes(name), name);
  // One that is not finished does not hold up the end.
  sys.publish('$SYS.REQ.SERVER.PING.PROFILEZ', '{"name":"cpu","duration":15000000000}', { reply: 'x' });
  await turn();
  await turn();
  await server.close();
  await turn();
  assert.equal(clock.pending, 0);
});

test('without a system account nobody answers', async () => {
  const clock = new SimulatedClock();
  const server = await WeftServer.create({ no_system_account: true }, { listen: false, clock });
  assert.throws(() => server.client('$SYS'), /does not exist/);
  assert.equal(clock.pending, 0);
  await server.close();
});

test('a long answer is one message, and leaves the event loop its turns', async () => {
  const { server } = await start();
  const sys = server.client('$SYS');
  const clients = Array.from({ length: 450 }, () => server.connection());
  for (const client of clients) {
    client.on('error', () => {});
    client.resume();
    client.write('CONNECT {"verbose":false,"user":"a","pass":"a"}\r\nSUB x.y 1\r\nPING\r\n');
  }
  while (server.info.connections < 450) await turn();
  await turn();
  await turn();
  let turns = 0;
  const count = setInterval(() => turns++, 0);
  const ask = async (page: string, body: object) =>
    (await sys.request(`$SYS.REQ.SERVER.PING.${page}`, JSON.stringify(body))).json<{
      server: { id: string };
      data: Record<string, unknown[]>;
    }>();
  const { server: info, data } = await ask('CONNZ', { auth: true });
  assert.equal(info.id, server.info.id);
  assert.equal(data.connections!.length, 450);
  const subscriptions = await ask('SUBSZ', { subscriptions: true, account: 'A' });
  // Further ones are what every account imports.
  assert.ok(subscriptions.data.subscriptions_list!.length >= 450);
  clearInterval(count);
  assert.ok(turns > 0);
  await server.close();
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { wsconnect } from '@nats-io/nats-core';
import fc from 'fast-check';
import { encodeHeaders, parseHeaders } from '../../src/embedding/headers.js';
import { type LocalMessage, WeftServer } from '../../src/index.js';
import { SimulatedClock } from '../../src/sim/clock.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const local = { listen: false };

test('publish and subscribe, with text beyond ASCII, headers and a maximum', async () => {
  await using server = await WeftServer.create({}, local);
  const client = server.client();
  const got: LocalMessage[] = [];
  const sub = client.subscribe('größe.*', (message) => got.push(message), { max: 2 });
  for (let i = 0; i < 3; i++) {
    client.publish('größe.m', `ä${i}`, { reply: 'r', headers: { Name: ['1', 'ü'] } });
  }
  assert.equal(got.length, 0);
  await turn();
  assert.deepEqual(
    got.map((message) => [message.subject, message.reply, message.text(), message.headers.get('Name')]),
    [0, 1].map((i) => ['größe.m', 'r', `ä${i}`, ['1', 'ü']]),
  );
  assert.equal(sub.closed, true);
  assert.equal(client.publish('größe.m'), false);
});

test('unsubscribing leaves out what has arrived', async () => {
  await using server = await WeftServer.create({}, local);
  const client = server.client();
  let count = 0;
  const sub = client.subscribe('a', () => count++);
  client.publish('a');
  sub.unsubscribe();
  sub.unsubscribe();
  await turn();
  assert.equal(count, 0);
});

test('requests: an answer, none, nobody there, and closing', async () => {
  const clock = new SimulatedClock();
  await using server = await WeftServer.create({}, { ...local, clock });
  const client = server.client();
  client.subscribe('double', (message) => message.respond(String(message.json<number>() * 2)));
  client.subscribe('silent', () => {});
  assert.equal((await client.request('double', '21')).json(), 42);
  await assert.rejects(client.request('nobody'), { name: 'RequestError', code: 'NO_RESPONDERS' });
  const late = assert.rejects(client.request('silent', '', { timeout: 1000 }), { code: 'TIMEOUT' });
  await clock.advanceAsync(1000);
  await late;
  const cut = assert.rejects(client.request('silent'), { code: 'CLOSED' });
  client.close();
  await cut;
  assert.throws(() => client.publish('a'), /the client is closed/);
  await assert.rejects(client.request('a'), /the client is closed/);
});

test('with a client of another kind', async () => {
  await using server = await WeftServer.create({}, local);
  const nc = await wsconnect(server.inProcess());
  server.client().subscribe('q', (message) => message.respond(message.data, { headers: { A: 'b' } }));
  const answer = await nc.request('q', 'x', { timeout: 1000 });
  assert.equal(answer.string(), 'x');
  assert.equal(answer.headers?.get('A'), 'b');
  await nc.close();
});

test('accounts are apart', async () => {
  await using server = await WeftServer.create({ accounts: { A: {}, B: {} } }, local);
  let strays = 0;
  server.client('B').subscribe('>', () => strays++);
  assert.equal(server.client('A').account, 'A');
  assert.equal(server.client('A').publish('x'), false);
  await turn();
  assert.equal(strays, 0);
  assert.throws(() => server.client('C'), /account "C" does not exist/);
});

test('what is not valid', async () => {
  await using server = await WeftServer.create({ max_payload: 10 }, local);
  const client = server.client();
  for (const subject of ['', 'a..b', '.a', 'a b', 'a\r\nPUB', '*', 'a.>']) {
    assert.throws(() => client.publish(subject), /invalid subject|wildcard/);
  }
  assert.throws(() => client.publish('a', '', { reply: 'a b' }), /invalid subject/);
  assert.throws(() => client.subscribe('a..b', () => {}), /invalid subject/);
  assert.throws(() => client.subscribe('a', () => {}, { queue: 'a b' }), /invalid queue group/);
  assert.throws(() => client.publish('a', '12345678901'), /Maximum Payload Violation: 11 vs 10/);
  assert.throws(() => client.publish('a', '', { headers: { 'a:b': '' } }), /invalid header name/);
  assert.throws(() => client.publish('a', '', { headers: { a: 'x\r\ny' } }), /invalid value/);
});

test('handlers that fail are reported and do not disturb others', async () => {
  await using server = await WeftServer.create({}, local);
  const client = server.client();
  let count = 0;
  client.subscribe('a', () => {
    throw new Error('one');
  });
  client.subscribe('a', async () => {
    throw new Error('two');
  });
  client.subscribe('a', () => count++);
  const errors: string[] = [];
  server.on('error', (error) => errors.push(error.message));
  client.publish('a');
  await turn();
  await turn();
  assert.deepEqual(errors.sort(), ['one', 'two']);
  assert.equal(count, 1);
});

test('headers survive their encoding', () => {
  const name = fc.stringMatching(/^[!-9;-~]{1,12}$/);
  const value = fc.stringMatching(/^([^\s]([^\r\n]*[^\s])?)?$/u).filter((text) => text.trim() === text);
  fc.assert(
    fc.property(fc.dictionary(name, fc.array(value, { minLength: 1 })), (init) => {
      const parsed = parseHeaders(encodeHeaders(init));
      assert.deepEqual([...parsed.headers], Object.entries(init));
      assert.equal(parsed.status, 0);
    }),
  );
  assert.equal(parseHeaders(Buffer.from('NATS/1.0 503 No Responders\r\n\r\n')).status, 503);
});

test('events: connect and disconnect with their counters', async () => {
  await using server = await WeftServer.create({}, local);
  const connected = once(server, 'connect');
  const connection = server.connection();
  connection
    .resume()
    .write('CONNECT {"verbose":false,"name":"n","lang":"l","version":"1"}\r\nPUB a 3\r\nabc\r\n');
  const [info] = await connected;
  assert.deepEqual(
    [info.type, info.account, info.user, info.name, info.lang, info.version, info.remoteAddress],
    ['IN_PROCESS', '$G', '', 'n', 'l', '1', ''],
  );
  const ended = once(server, 'disconnect');
  connection.end();
  const [last] = await ended;
  assert.deepEqual([last.id, last.inMsgs, last.inBytes, last.reason], [info.id, 1, 3, 'Client Closed']);
});

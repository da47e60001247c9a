// A flood of API requests: messages go on, monitoring shows it, and the system account is told of what was dropped.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { JetStreamServer, StoreFolder } from '../../support/jetstream-server.js';

async function withServer(conf: string[], run: (server: JetStreamServer) => Promise<void>) {
  const folder = new StoreFolder();
  try {
    await using server = await JetStreamServer.start(folder, ['max_mem: 1GB', 'max_file: 2GB', ...conf]);
    await run(server);
  } finally {
    folder.remove();
  }
}

const requestsOf = ({ server }: JetStreamServer) => server.jetstream!.requests;

test('a message is stored while thousands of requests wait', async () => {
  await withServer([], async (server) => {
    await server.api('STREAM.CREATE.S', { name: 'S', storage: 'memory', subjects: ['s.>'] });
    for (let i = 0; i < 100; i++)
      await server.api(`STREAM.CREATE.L${i}`, { name: `L${i}`, storage: 'memory', subjects: [`l.${i}`] });
    const client = server.client();
    let answers = 0;
    client.subscribe('flood', () => void answers++);
    for (let i = 0; i < 3000; i++) client.publish('$JS.API.STREAM.LIST', '', 'flood');
    assert.ok(answers < 1000, `${answers} were answered within the publish`);
    const { stats } = server.server.jetstream!;
    assert.equal(stats.api.inflight, 3000 - answers);
    assert.equal((await server.publish('s.1', 'x')).seq, 1);
    assert.ok(requestsOf(server).pending > 0, 'the message had to wait for all requests');
    while (requestsOf(server).pending > 0) await turn();
    assert.equal(answers, 3000);
    assert.equal(server.server.jetstream!.stats.api.inflight, undefined);
  });
});

test('what is dropped is told in the system account, with the figures', async () => {
  await withServer(['request_queue_limit: 10', 'domain: hub'], async (server) => {
    const told: unknown[] = [];
    server.client('$SYS').subscribe('$JS.EVENT.ADVISORY.>', ({ subject, payload }) => {
      told.push([subject, JSON.parse(payload.toString())]);
    });
    for (let i = 0; i < 1000; i++) server.client().publish('$JS.API.STREAM.DELETE.S', '', 'nobody');
    const { dropped } = requestsOf(server);
    assert.ok(dropped >= 10 && dropped % 10 === 0, `${dropped} were dropped`);
    assert.equal(told.length, dropped / 10);
    const [subject, advisory] = told[0] as [string, Record<string, unknown>];
    assert.equal(subject, '$JS.EVENT.ADVISORY.API.LIMIT_REACHED');
    assert.deepEqual(
      { ...advisory, id: '', timestamp: '' },
      {
        type: 'io.nats.jetstream.advisory.v1.api_limit_reached',
        id: '',
        timestamp: '',
        server: server.server.broker.serverName,
        domain: 'hub',
        dropped: 10,
      },
    );
    const lines = server.log.lines.filter((line) => line.includes('limit reached'));
    assert.deepEqual(lines, ['[WRN] JetStream API queue limit reached, dropping 10 requests']);
    // Also the queue for requests that only ask has this limit, where it has none of its own.
    await turn();
    for (let i = 0; i < 1000; i++) server.client().publish('$JS.API.INFO', '', 'nobody');
    assert.ok(requestsOf(server).dropped > dropped);
  });
});

test('requests that wait are not answered once their account has lost JetStream', async () => {
  await withServer([], async (server) => {
    const { server: inner } = server;
    let answers = 0;
    server.client().subscribe('flood', () => void answers++);
    for (let i = 0; i < 1000; i++) server.client().publish('$JS.API.STREAM.NAMES', '', 'flood');
    const before = answers;
    assert.ok(requestsOf(server).pending > 0);
    await inner.jetstream!.disable(inner.jetstream!.accounts.get('$G')!);
    while (requestsOf(server).pending > 0) await turn();
    assert.equal(answers, before);
  });
});

// What monitoring tells of JetStream, how it changes by a reload, and what a refusing disk makes of it.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadOptions } from '../../../src/config/load.js';
import { diffOptions } from '../../../src/config/reload.js';
import { healthz } from '../../../src/monitoring/healthz.js';
import { jsz } from '../../../src/monitoring/jsz.js';
import { varz } from '../../../src/monitoring/varz.js';
import type { MonitorView } from '../../../src/monitoring/view.js';
import { goJson } from '../../../src/protocol/json.js';
import { JetStreamServer, StoreFolder } from '../../support/jetstream-server.js';
import { noJszOptions } from '../../support/jsz-options.js';

const noHealthOptions = {
  jsEnabled: false,
  jsEnabledOnly: false,
  jsServerOnly: false,
  jsMetaOnly: false,
  account: '',
  stream: '',
  consumer: '',
  details: false,
};

function viewOf({ server }: JetStreamServer): MonitorView {
  return { server, cpu: { percent: () => 0 } as MonitorView['cpu'], requests: new Map(), ready: () => true };
}

async function withServer(
  run: (server: JetStreamServer, folder: StoreFolder) => Promise<void>,
  other: string[] = [],
) {
  const folder = new StoreFolder();
  try {
    await using server = await JetStreamServer.start(folder, ['max_mem: 1GB', 'max_file: 2GB'], other);
    await run(server, folder);
  } finally {
    folder.remove();
  }
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into field by field
const shown = (value: unknown): any => JSON.parse(goJson(value));

test('/jsz goes as deep as it is asked to', async () => {
  await withServer(async (server) => {
    await server.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'], max_bytes: 1000000 });
    await server.api('STREAM.CREATE.M', { name: 'M', subjects: ['m.>'], storage: 'memory' });
    await server.api('CONSUMER.CREATE.S.c', {
      stream_name: 'S',
      config: { durable_name: 'c', ack_policy: 'explicit' },
    });
    await server.publish('s.1', 'hello');
    const view = viewOf(server);
    const plain = shown(jsz(view, noJszOptions));
    assert.deepEqual([plain.streams, plain.consumers, plain.messages, plain.total], [2, 1, 1, 1]);
    assert.equal(plain.reserved_storage, 1000000);
    assert.equal(plain.account_details, undefined);
    assert.deepEqual([plain.config.max_memory, plain.config.max_storage], [1073741824, 2147483648]);
    // As the official server shows `always`: `nats server info` says whether every write is synced only where there is an interval.
    assert.deepEqual([plain.config.sync_interval, plain.config.sync_always], [120_000_000_000, true]);
    const deep = shown(jsz(view, { ...noJszOptions, consumers: true, config: true, raftGroups: true }));
    assert.deepEqual([deep.streams_leader, deep.consumers_leader], [2, 1]);
    const [account] = deep.account_details;
    assert.equal(account.name, '$G');
    const [m, s] = account.stream_detail;
    assert.deepEqual([m.name, s.name], ['M', 'S']);
    assert.equal(s.config.max_bytes, 1000000);
    assert.equal(s.state.messages, 1);
    assert.equal(s.consumer_detail[0].config.durable_name, 'c');
    const text = goJson(jsz(view, { ...noJszOptions, account: '$G' }));
    assert.match(text, /"reserved_memory": 18446744073709551615/);
    assert.equal(shown(jsz(view, { ...noJszOptions, account: 'nobody' })).account_details, undefined);
    assert.equal(shown(varz(view)).jetstream.stats.storage, s.state.bytes);
  });
});

test('/healthz looks at what is asked for', async () => {
  await withServer(async (server) => {
    await server.api('STREAM.CREATE.S', { name: 'S' });
    const view = viewOf(server);
    const of = (options: object) => healthz(view, { ...noHealthOptions, ...options });
    assert.deepEqual(of({}), { status: 'ok', statusCode: 200 });
    assert.equal(of({ account: '$G', stream: 'S' }).statusCode, 200);
    const noStream = of({ account: '$G', stream: 'x' });
    assert.deepEqual([noStream.statusCode, noStream.status], [404, 'unavailable']);
    assert.equal(noStream.error, 'JetStream stream "x" not found on account "$G"');
    assert.equal(of({ account: 'zz' }).error, 'JetStream account "zz" not found');
    const noConsumer = of({ account: '$G', stream: 'S', consumer: 'c', details: true });
    assert.equal(
      noConsumer.errors?.[0]?.error,
      'JetStream consumer "c" not found for stream "S" on account "$G"',
    );
    assert.equal(of({ stream: 'S' }).statusCode, 400);
  });
});

test('a stream that cannot be opened makes the server unhealthy, is left alone, and its name is not given away', async () => {
  const folder = new StoreFolder();
  try {
    {
      await using server = await JetStreamServer.start(folder, ['key: first']);
      await server.api('STREAM.CREATE.S', { name: 'S' });
      await server.publish('S', 'kept');
    }
    {
      await using server = await JetStreamServer.start(folder, ['key: other']);
      const view = viewOf(server);
      const health = healthz(view, noHealthOptions);
      assert.equal(health.error, "JetStream stream '$G > S' could not be recovered");
      assert.equal(health.statusCode, 503);
      assert.ok(
        server.log.lines.some((line) =>
          line.includes('Error decrypting our stream metafile: unable to recover keys'),
        ),
      );
      const refused = await server.api('STREAM.CREATE.S', { name: 'S' });
      assert.match(refused.error!.description, /could not be opened/);
    }
    await using server = await JetStreamServer.start(folder, ['key: other', 'prev_key: first']);
    assert.equal((await server.api('STREAM.INFO.S')).state.messages, 1);
  } finally {
    folder.remove();
  }
});

for (const [from, to] of [
  [[], ['key: k1']],
  [['key: k1'], ['key: k2', 'prev_key: k1']],
  [['key: k1'], ['key: k1', 'cipher: aes']],
  [
    ['key: k1', 'cipher: aes'],
    ['key: k2', 'prev_key: k1', 'cipher: chacha'],
  ],
] as [string[], string[]][]) {
  test(`from [${from}] to [${to}]: messages, consumers and their positions stay`, async () => {
    const folder = new StoreFolder();
    try {
      {
        await using server = await JetStreamServer.start(folder, from);
        await server.api('STREAM.CREATE.S', { name: 'S' });
        for (let i = 0; i < 20; i++) await server.publish('S', `message ${i}`);
        await server.api('CONSUMER.CREATE.S.c', {
          stream_name: 'S',
          config: { durable_name: 'c', ack_policy: 'explicit' },
        });
        for (let i = 0; i < 3; i++) {
          const { reply } = await server.reply('$JS.API.CONSUMER.MSG.NEXT.S.c', '1');
          if (i < 2) await server.reply(reply, '+ACK');
        }
      }
      for (const run of ['first', 'second']) {
        const conf = run === 'first' ? to : to.filter((line) => !line.startsWith('prev_key'));
        await using server = await JetStreamServer.start(folder, conf);
        const { state } = await server.api('STREAM.INFO.S');
        assert.equal(state?.messages, 20, server.log.lines.join('\n'));
        const consumer = await server.api('CONSUMER.INFO.S.c');
        assert.equal(consumer.error, undefined, server.log.lines.join('\n'));
        assert.equal(consumer.ack_floor.stream_seq, 2);
        assert.equal(consumer.num_ack_pending, 1);
        const { message } = await server.api('STREAM.MSG.GET.S', { seq: 7 });
        assert.equal(Buffer.from(message.data, 'base64').toString(), 'message 6');
      }
    } finally {
      folder.remove();
    }
  });
}

test('a disk that refuses makes requests fail, and nothing is left of what they wanted', async () => {
  await withServer(async (server, folder) => {
    await server.api('STREAM.CREATE.A', { name: 'A' });
    const streams = join(folder.path, 'jetstream/$G/streams');
    // A file where the directory of a new stream has to be.
    folder.write('jetstream/$G/streams/B', Buffer.alloc(1));
    const refused = await server.api('STREAM.CREATE.B', { name: 'B' });
    assert.equal(refused.error?.err_code, 10049);
    assert.equal((await server.api('STREAM.INFO.B')).error?.err_code, 10059);
    rmSync(join(streams, 'B'));
    assert.equal((await server.api('STREAM.CREATE.B', { name: 'B' })).error, undefined);
    // Something in the way of the new meta.inf.
    mkdirSync(join(streams, 'A/meta.inf.commit.tmp'));
    const update = await server.api('STREAM.UPDATE.A', { name: 'A', max_msgs: 5 });
    assert.equal(update.error?.err_code, 10069);
    assert.equal((await server.api('STREAM.INFO.A')).config.max_msgs, -1);
    rmSync(join(streams, 'A/meta.inf.commit.tmp'), { recursive: true });
    assert.equal((await server.api('STREAM.UPDATE.A', { name: 'A', max_msgs: 5 })).config.max_msgs, 5);
  });
});

test('accounts, and the whole of JetStream, are switched off and on while the server runs', async () => {
  const accounts = (b: string) => [`accounts { A: { jetstream: enabled }, B: { ${b} } }`];
  await withServer(async (server, folder) => {
    const { broker } = server.server;
    const listens = (account: string) => broker.account(account).hasInterest('$JS.API.INFO');
    for (const account of ['A', 'B']) {
      await server.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] }, account);
      await server.publish('s', `in ${account}`, account);
    }
    const before = server.server.jetstream!.store;
    const reload = async (other: string[], enabled = true) => {
      const text = `jetstream { store_dir: ${JSON.stringify(folder.path)}, max_mem: 1GB, max_file: 2GB, enabled: ${enabled} }\n${other}`;
      broker.options = loadOptions({ configText: text, readFile: () => '', env: {} }).options;
      await server.server.reloadJetStream();
    };
    await reload(accounts(''));
    assert.deepEqual([listens('A'), listens('B')], [true, false]);
    assert.equal(server.server.jetstream!.store, before / 2);
    assert.equal(healthz(viewOf(server), noHealthOptions).status, 'ok');
    await reload(accounts('jetstream: { max_streams: 1 }'));
    assert.equal((await server.api('STREAM.INFO.S', '', 'B')).state.messages, 1);
    assert.equal((await server.api('STREAM.CREATE.T', { name: 'T' }, 'B')).error?.err_code, 10027);
    assert.equal((await server.publish('s', 'again', 'B')).seq, 2);
    await reload(accounts('jetstream: enabled'), false);
    assert.equal(server.server.jetstream, null);
    assert.deepEqual([listens('A'), listens('B')], [false, false]);
    await reload(accounts('jetstream: enabled'));
    assert.equal((await server.api('STREAM.INFO.S', '', 'B')).state.messages, 2);
    assert.equal((await server.publish('s', 'on', 'A')).seq, 2);
  }, accounts('jetstream: enabled'));
});

test('what a reload can change about JetStream, and what it refuses', () => {
  const options = (text: string) => {
    const loaded = loadOptions({ configText: `debug: false\n${text}`, readFile: () => '', env: {} });
    assert.equal(loaded.text, '');
    return loaded.options;
  };
  const notices = (from: string, to: string) => {
    const { changes, refused } = diffOptions(options(from), options(to));
    return refused ?? changes.map(({ notice }) => notice).filter((notice) => notice.includes('JetStream'));
  };
  const js = (keys: string) => `jetstream { store_dir: "/tmp/x", max_mem: 1GB, max_file: 1GB, ${keys} }`;
  assert.deepEqual(notices('', js('')), ['Reloaded: JetStream']);
  assert.deepEqual(notices(js(''), ''), ['Reloaded: JetStream']);
  assert.deepEqual(notices(js('limits { max_ack_pending: 5 }'), js('')), ['Reloaded: JetStream limits']);
  assert.deepEqual(notices(js(''), js('').replace('max_mem: 1GB', 'max_mem: 2GB')), [
    'Reloaded: JetStream max_mem_store = 2.00 GB',
  ]);
  assert.equal(
    notices(js(''), js('').replace('max_mem: 1GB', 'max_mem: 1MB')),
    'config reload not supported for decreasing jetstream max memory and store',
  );
  assert.equal(
    notices(js(''), js('').replace('/tmp/x', '/tmp/y')),
    'config reload not supported for jetstream storage directory',
  );
  assert.equal(
    notices('jetstream { store_dir: "/tmp/x" }', js('')),
    'config reload not supported for jetstream dynamic max memory and store',
  );
  assert.equal(typeof notices(js(''), js('domain: d')), 'string');
});

test('a store directory that is a file, or lies below one, is refused in official words', async () => {
  const folder = new StoreFolder();
  const file = join(folder.path, 'jetstream');
  writeFileSync(file, '');
  const below = { path: join(file, 'x') } as StoreFolder;
  for (const place of [folder, below])
    await assert.rejects(JetStreamServer.start(place), /storage directory is not a directory/);
  folder.remove();
});

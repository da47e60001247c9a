// Backups: those of the official server, our own, and what goes wrong on the way.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { InternalMessage } from '../../../src/broker/internal-client.js';
import { storedConsumer } from '../../../src/jetstream/consumer-config.js';
import { ZERO_TIME } from '../../../src/protocol/rfc3339.js';
import { decompressStream } from '../../../src/runtime/s2.js';
import { type ApiAnswer, JetStreamServer, StoreFolder } from '../../support/jetstream-server.js';
import { unpack } from '../../support/store-directory.js';
import { readVector, storeVectors } from '../../support/vectors.js';

interface Taken {
  answer: ApiAnswer;
  bytes: Buffer;
  chunks: number;
  /** The header of the last message; '' without. */
  end: string;
}

/** Takes a backup as a client does. `slow` answers no chunk. */
async function take(
  server: JetStreamServer,
  stream: string,
  request: object = {},
  slow = false,
): Promise<Taken> {
  const client = server.client();
  const deliver = `backup.${stream}.${Math.random().toString(36).slice(2)}`;
  const pieces: Buffer[] = [];
  let chunks = 0;
  const whole = new Promise<string>((resolve) => {
    const sub = client.subscribe(deliver, ({ payload, reply, header }: InternalMessage) => {
      if (payload.length > 0) pieces.push(Buffer.from(payload));
      if (reply !== '') {
        chunks++;
        if (!slow) setImmediate(() => client.publish(reply, ''));
      } else if (payload.length === 0) {
        client.unsubscribe(sub);
        resolve(header === null ? '' : header.toString('utf8'));
      }
    });
  });
  const answer = await server.api(`STREAM.SNAPSHOT.${stream}`, { deliver_subject: deliver, ...request });
  assert.equal(answer.error, undefined);
  // The server's timers do not keep the process.
  const alive = setInterval(() => {}, 1000);
  await whole.finally(() => clearInterval(alive));
  return { answer, end: await whole, bytes: Buffer.concat(pieces), chunks };
}

/** Restores as a client does; the result is the last answer, which may be that to a chunk. */
async function bring(
  server: JetStreamServer,
  config: ApiAnswer,
  state: ApiAnswer,
  bytes: Buffer,
  piece = 64 * 1024,
) {
  const begun = await server.api(`STREAM.RESTORE.${config.name}`, { config, state });
  if (begun.error !== undefined) return begun;
  for (let at = 0; at < bytes.length; at += piece) {
    const { payload } = await server.reply(begun.deliver_subject, bytes.subarray(at, at + piece));
    if (payload.length > 0) return JSON.parse(payload.toString('utf8')) as ApiAnswer;
  }
  const { payload } = await server.reply(begun.deliver_subject, '');
  return JSON.parse(payload.toString('utf8')) as ApiAnswer;
}

async function withServer(
  run: (server: JetStreamServer, folder: StoreFolder) => Promise<void>,
  ...conf: string[]
) {
  const folder = new StoreFolder();
  try {
    await using server = await JetStreamServer.start(folder, conf);
    await run(server, folder);
  } finally {
    folder.remove();
  }
}

async function fill(
  server: JetStreamServer,
  name: string,
  storage: string,
  count: number,
  size: number,
): Promise<void> {
  const created = await server.api(`STREAM.CREATE.${name}`, {
    name,
    subjects: [`${name}.>`],
    storage,
    allow_msg_ttl: true,
  });
  assert.equal(created.error, undefined);
  const acks = [];
  for (let i = 0; i < count; i++) acks.push(server.publish(`${name}.${i % 7}`, Buffer.alloc(size, i % 251)));
  await Promise.all(acks);
}

async function everything(server: JetStreamServer, stream: string) {
  const { state } = await server.api(`STREAM.INFO.${stream}`, {
    deleted_details: true,
    subjects_filter: '>',
  });
  const messages: ApiAnswer[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const { message } = await server.api(`STREAM.MSG.GET.${stream}`, { seq });
    if (message !== undefined) messages.push(message);
  }
  return { state, messages };
}

const backups = readdirSync(storeVectors)
  .filter((name) => name.startsWith('backup-') && name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length));

for (const name of backups) {
  test(`restores ${name}`, async () => {
    const vector = readVector<{ archive: string; accounts: Record<string, { streams: ApiAnswer[] }> }>(
      `${name}.json`,
    );
    const files = unpack(vector.archive);
    const file = (end: string) => [...files].find(([path]) => path.endsWith(end))?.[1];
    const { config, state } = JSON.parse(file('backup.json')!.toString('utf8'));
    const bytes = file('stream.arc.s2') ?? file('stream.tar.s2')!;
    await withServer(async (server, folder) => {
      const answer = await bring(server, config, state, bytes);
      assert.equal(answer.error, undefined, answer.error?.description);
      const [expected] = vector.accounts.$G!.streams;
      const found = await everything(server, config.name);
      // What is empty from the start has a time here: that of its beginning.
      if (expected!.info.state.last_ts === ZERO_TIME) found.state.last_ts = ZERO_TIME;
      assert.deepEqual(found.state, expected!.info.state);
      assert.deepEqual(
        found.messages.map(({ seq, subject, time }) => ({ seq, subject, time })),
        expected!.messages.map(({ seq, subject, time }: ApiAnswer) => ({ seq, subject, time })),
      );
      for (const wanted of expected!.consumers) {
        const shown = await server.api(`CONSUMER.INFO.${config.name}.${wanted.name}`);
        assert.deepEqual(shown.delivered, wanted.delivered, wanted.name);
        assert.deepEqual(shown.ack_floor, wanted.ack_floor, wanted.name);
        assert.equal(shown.num_ack_pending, wanted.num_ack_pending, wanted.name);
        assert.equal(shown.num_redelivered, wanted.num_redelivered, wanted.name);
        assert.equal(shown.num_pending, wanted.num_pending, wanted.name);
      }
      const staged = join(folder.path, 'jetstream/$G/__snapshots__');
      assert.deepEqual(existsSync(staged) ? readdirSync(staged) : [], []);
    });
  });
}

for (const [from, to] of [
  ['file', 'file'],
  ['file', 'memory'],
  ['memory', 'file'],
]) {
  test(`a backup of a stream in ${from} is restored to ${to}, with its consumers`, async () => {
    await withServer(async (server) => {
      await fill(server, 'S', from!, 500, 900);
      await server.api('STREAM.MSG.DELETE.S', { seq: 17 });
      const consumer = { durable_name: 'c', ack_policy: 'explicit', filter_subject: 'S.3' };
      await server.api('CONSUMER.CREATE.S.c.S.3', { stream_name: 'S', config: consumer });
      const { reply } = await server.reply('$JS.API.CONSUMER.MSG.NEXT.S.c', '1');
      await server.reply(reply, '+ACK');
      await server.reply('$JS.API.CONSUMER.MSG.NEXT.S.c', '1');
      const before = await everything(server, 'S');
      const shown = await server.api('CONSUMER.INFO.S.c');
      const { answer, bytes, chunks, end } = await take(server, 'S', { chunk_size: 1024, window_size: 4096 });
      assert.equal(answer.config.name, 'S');
      assert.equal(answer.state.consumer_count, 1);
      assert.ok(chunks > 2, `${chunks} chunks`);
      assert.equal(end, 'NATS/1.0 204\r\n\r\n');
      await server.api('STREAM.DELETE.S');
      const config = { ...answer.config, storage: to };
      const restored = await bring(server, config, answer.state, bytes);
      assert.equal(restored.error, undefined, restored.error?.description);
      assert.equal(restored.type, 'io.nats.jetstream.api.v1.stream_create_response');
      const after = await everything(server, 'S');
      assert.deepEqual(after.messages, before.messages);
      assert.deepEqual(
        [after.state.first_seq, after.state.last_seq, after.state.deleted],
        [before.state.first_seq, before.state.last_seq, before.state.deleted],
      );
      const again = await server.api('CONSUMER.INFO.S.c');
      for (const field of ['num_ack_pending', 'num_pending']) assert.equal(again[field], shown[field], field);
      assert.deepEqual(again.ack_floor.stream_seq, shown.ack_floor.stream_seq);
      const { seq } = await server.publish('S.9', 'on it goes');
      assert.equal(seq, 501);
    });
  });
}

test('the JSON of a restored consumer is read once, and means the same after a restart', async () => {
  const folder = new StoreFolder();
  const { read } = storedConsumer;
  try {
    const server = await JetStreamServer.start(folder);
    await fill(server, 'S', 'file', 5, 10);
    const consumers = [
      { durable_name: 'c', ack_policy: 'explicit', filter_subjects: ['S.1', 'S.2'], metadata: {} },
      { durable_name: 'd', deliver_subject: 'd', ack_policy: 'none', backoff: [], description: 'é' },
    ];
    for (const config of consumers)
      await server.api(`CONSUMER.CREATE.S.${config.durable_name}`, { stream_name: 'S', config });
    const { answer, bytes } = await take(server, 'S');
    await server.api('STREAM.DELETE.S');
    let reads = 0;
    storedConsumer.read = (...given) => {
      reads++;
      return read(...given);
    };
    assert.equal((await bring(server, answer.config, answer.state, bytes)).error, undefined);
    assert.equal(reads, 0, 'what is in the archive was enough');
    const shown = async (from: JetStreamServer) => {
      const { consumers } = await from.api('CONSUMER.LIST.S');
      return consumers.map(({ ts: _ts, ...rest }: ApiAnswer) => rest);
    };
    const before = await shown(server);
    assert.equal(before.length, 2);
    await server.close();
    await using again = await JetStreamServer.start(folder);
    assert.equal(reads, 2);
    assert.deepEqual(await shown(again), before);
  } finally {
    storedConsumer.read = read;
    folder.remove();
  }
});

test('a small backup ends without a status, and what is in it can be read', async () => {
  await withServer(async (server) => {
    await fill(server, 'S', 'file', 2, 10);
    const { bytes, end, chunks } = await take(server, 'S');
    assert.deepEqual([chunks, end], [0, '']);
    assert.equal(decompressStream(bytes, 1e6).toString('latin1', 0, 8), 'NATSARC1');
  });
});

test('a backup is what was there when it began, while others publish', async () => {
  await withServer(async (server) => {
    await fill(server, 'S', 'file', 3000, 1000);
    const taking = take(server, 'S', { chunk_size: 4096, window_size: 8192 });
    const publishing = Promise.all(
      Array.from({ length: 500 }, (_, i) => server.publish('S.more', `more ${i}`)),
    );
    const { answer, bytes } = await taking;
    await publishing;
    await server.api('STREAM.DELETE.S');
    const restored = await bring(server, answer.config, answer.state, bytes);
    assert.equal(restored.error, undefined, restored.error?.description);
    assert.equal(restored.state.messages, answer.state.messages);
    assert.equal(restored.state.last_seq, answer.state.last_seq);
  });
});

test('who does not answer gets no more', { timeout: 20_000 }, async () => {
  await withServer(async (server) => {
    await fill(server, 'S', 'file', 200, 1000);
    const { end, chunks } = await take(server, 'S', { chunk_size: 1024, window_size: 2048 }, true);
    assert.equal(end, 'NATS/1.0 408 No Flow Response\r\n\r\n');
    assert.equal(chunks, 2);
  });
});

test('what cannot be restored leaves nothing behind', async () => {
  await withServer(async (server, folder) => {
    await fill(server, 'S', 'file', 300, 1000);
    const { answer, bytes } = await take(server, 'S');
    const { config, state } = answer;
    const exists = await bring(server, config, state, bytes);
    assert.equal(exists.error?.err_code, 10130);
    await server.api('STREAM.DELETE.S');
    // The files of a deleted stream go beside the work, under a name of their own.
    const streams = join(folder.path, 'jetstream/$G/streams');
    for (let i = 0; i < 500 && readdirSync(streams).length > 0; i++) await delay(10);
    const damaged = Buffer.from(bytes);
    damaged[2000]! ^= 0xff;
    const wrong: [string, Buffer, RegExp][] = [
      ['nothing at all', Buffer.alloc(0), /restore failed: EOF/],
      ['cut short', bytes.subarray(0, bytes.length - 300), /restore failed: /],
      ['damaged', damaged, /restore failed: s2: /],
      ['no backup', Buffer.from('hello, this is no backup'), /restore failed: s2: corrupt input/],
    ];
    for (const [label, content, expected] of wrong) {
      const { error } = await bring(server, config, state, content);
      assert.equal(error?.err_code, 10062, label);
      assert.match(error!.description, expected, label);
      assert.equal((await server.api('STREAM.NAMES', {})).total, 0, label);
      assert.deepEqual(readdirSync(streams), [], label);
      const staged = join(folder.path, 'jetstream/$G/__snapshots__');
      assert.deepEqual(existsSync(staged) ? readdirSync(staged) : [], [], label);
    }
    const restored = await bring(server, config, state, bytes);
    assert.equal(restored.error, undefined);
    assert.equal(restored.state.messages, 300);
  });
});

test('requests that cannot be served', async () => {
  await withServer(async (server) => {
    await fill(server, 'S', 'file', 1, 1);
    const code = async (subject: string, body: unknown) => (await server.api(subject, body)).error?.err_code;
    assert.equal(await code('STREAM.SNAPSHOT.S', ''), 10003);
    assert.equal(await code('STREAM.SNAPSHOT.S', { deliver_subject: 'a.*' }), 10015);
    assert.equal(await code('STREAM.SNAPSHOT.S', {}), 10003);
    assert.equal(await code('STREAM.SNAPSHOT.NO', { deliver_subject: 'a' }), 10059);
    assert.equal(await code('STREAM.RESTORE.R', ''), 10003);
    assert.equal(await code('STREAM.RESTORE.R', { config: { name: 'OTHER' } }), 10056);
    assert.equal(await code('STREAM.RESTORE.S', { config: { name: 'S' } }), 10130);
  });
});

test('an encrypted server restores what another one has backed up, and seals it', async () => {
  const folder = new StoreFolder();
  let taken: Taken;
  try {
    await using server = await JetStreamServer.start(folder);
    await fill(server, 'S', 'file', 100, 100);
    taken = await take(server, 'S');
  } finally {
    folder.remove();
  }
  await withServer(async (server, to) => {
    const { error } = await bring(server, taken.answer.config, taken.answer.state, taken.bytes);
    assert.equal(error, undefined, error?.description);
    assert.equal((await everything(server, 'S')).messages.length, 100);
    const meta = to.read('jetstream/$G/streams/S/meta.inf');
    assert.ok(!meta.includes('"name"'), 'meta.inf is sealed');
  }, 'key: "s3cr3t"');
});

// Directories that one server has left are opened by the other, in both directions, after a stop in good order and after kill -9; and
// backups of one are restored by the other.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { NatsConnection } from '@nats-io/nats-core';
import { api, open } from '../support/jetstream-process.js';
import { officialBinary, WITHOUT_OFFICIAL, weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';

const official = officialBinary();
const skip = official === undefined ? WITHOUT_OFFICIAL : false;
const binaries = { official: official ?? '', weft: weftBinary() };
type Side = keyof typeof binaries;

async function withServer<T>(
  side: Side,
  folder: string,
  conf: string,
  run: (nc: NatsConnection, server: ServerProcess) => Promise<T>,
  end: 'stop' | 'kill',
) {
  const server = await ServerProcess.start({
    binary: binaries[side],
    conf: `jetstream { store_dir: ${JSON.stringify(folder)}\n${conf} }`,
    http: false,
  });
  try {
    const nc = await open(server.port);
    const result = await run(nc, server);
    if (end === 'kill') server.kill('SIGKILL');
    else {
      await nc.close();
      server.kill('SIGTERM');
    }
    await server.exited();
    return { result, log: server.log };
  } finally {
    await server.stop();
  }
}

const streams = [
  { name: 'PLAIN', subjects: ['plain.>'] },
  { name: 'KV_B', subjects: ['$KV.B.>'], max_msgs_per_subject: 3, discard: 'new', allow_rollup_hdrs: true },
  { name: 'SMALL', subjects: ['small.>'], max_bytes: 100_000 },
  { name: 'COMP', subjects: ['comp.>'], compression: 's2', max_bytes: 100_000 },
  { name: 'WORK', subjects: ['work.>'], retention: 'workqueue' },
  { name: 'TTL', subjects: ['ttl.>'], allow_msg_ttl: true },
  { name: 'FIRST', subjects: ['first.>'], first_seq: 500 },
];

async function fill(nc: NatsConnection): Promise<void> {
  for (const config of streams) {
    const { error } = await api(nc, `STREAM.CREATE.${config.name}`, config);
    assert.equal(error, undefined, `${config.name}: ${error?.description}`);
    const prefix = config.subjects[0]!.slice(0, -1);
    for (let i = 0; i < 60; i++)
      await nc.request(`${prefix}k${i % 7}`, `${config.name} ${i} ${'x'.repeat((i * 53) % 3000)}`);
    const own = { durable_name: 'c', ack_policy: 'explicit', ack_wait: 3600e9 };
    assert.equal(
      (await api(nc, `CONSUMER.CREATE.${config.name}.c`, { stream_name: config.name, config: own })).error,
      undefined,
    );
    for (let i = 0; i < 5; i++) {
      const next = await nc.request(`$JS.API.CONSUMER.MSG.NEXT.${config.name}.c`, '1', {
        noMux: true,
        timeout: 10_000,
      });
      if (i !== 2) await nc.request(next.reply!, '+ACK', { timeout: 10_000 });
    }
  }
  await api(nc, 'STREAM.MSG.DELETE.PLAIN', { seq: 17 });
  await api(nc, 'STREAM.MSG.DELETE.PLAIN', { seq: 18, no_erase: true });
  await api(nc, 'STREAM.PURGE.SMALL', { filter: 'small.k3' });
  await api(nc, 'STREAM.UPDATE.TTL', { ...streams[5], description: 'changed' });
  await api(nc, 'STREAM.CREATE.GONE', { name: 'GONE' });
  await api(nc, 'STREAM.DELETE.GONE');
  await api(nc, 'CONSUMER.CREATE.PLAIN.gone', {
    stream_name: 'PLAIN',
    config: { durable_name: 'gone', ack_policy: 'none' },
  });
  await api(nc, 'CONSUMER.DELETE.PLAIN.gone');
  // Positions of consumers are written a little later by the official server.
  await new Promise((resolve) => setTimeout(resolve, 300));
}

/** Everything that both servers must say alike. */
async function everything(nc: NatsConnection) {
  const all: Record<string, unknown> = {};
  const { streams: names } = await api(nc, 'STREAM.NAMES', {});
  all.names = names;
  for (const name of names ?? []) {
    const { config, state, created } = await api(nc, `STREAM.INFO.${name}`, {
      deleted_details: true,
      subjects_filter: '>',
    });
    delete config.metadata;
    const messages: unknown[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const { message } = await api(nc, `STREAM.MSG.GET.${name}`, { seq });
      if (message !== undefined) messages.push(message);
    }
    const { consumers } = await api(nc, `CONSUMER.LIST.${name}`, {});
    const shown = (consumers ?? []).map((each: Record<string, never>) => {
      const {
        name: own,
        delivered,
        ack_floor: floor,
        num_ack_pending,
        num_pending,
        created: since,
      } = each as never;
      for (const part of [delivered, floor] as Record<string, unknown>[]) delete part.last_active;
      return { own, delivered, floor, num_ack_pending, num_pending, since };
    });
    all[name] = { config, state, created, messages, shown };
  }
  return all;
}

const encrypted = 'key: "k3y"';
for (const [from, to] of [
  ['official', 'weft'],
  ['weft', 'official'],
] as [Side, Side][]) {
  for (const end of ['stop', 'kill'] as const) {
    for (const conf of ['', encrypted]) {
      const label = `${from} after ${end}${conf === '' ? '' : ', encrypted'}: opened by ${to}, and by ${from} again`;
      test(label, { skip, timeout: 60_000 }, async () => {
        const folder = mkdtempSync(join(tmpdir(), 'weft-both-'));
        try {
          const first = await withServer(
            from,
            folder,
            conf,
            async (nc) => {
              await fill(nc);
              return everything(nc);
            },
            end,
          );
          const second = await withServer(to, folder, conf, everything, end);
          assert.deepEqual(second.result, first.result, second.log);
          assert.doesNotMatch(second.log, /\[(WRN|ERR)\] +(Error|Missing|Stream metafile)/);
          const third = await withServer(from, folder, conf, everything, 'stop');
          assert.deepEqual(third.result, first.result, third.log);
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      });
    }
  }
}

/** Takes a backup as a client does. */
async function take(nc: NatsConnection, stream: string) {
  const deliver = `backup.${stream}`;
  const pieces: Uint8Array[] = [];
  const whole = (async () => {
    for await (const { data, reply, headers } of nc.subscribe(deliver)) {
      if (data.length > 0) pieces.push(data);
      if (reply) nc.publish(reply);
      else if (data.length === 0) {
        assert.ok(headers === undefined || headers.code === 204, headers?.description);
        return;
      }
    }
  })();
  const answer = await api(nc, `STREAM.SNAPSHOT.${stream}`, { deliver_subject: deliver, chunk_size: 1024 });
  assert.equal(answer.error, undefined);
  await whole;
  return { answer, bytes: Buffer.concat(pieces) };
}

async function bring(nc: NatsConnection, { answer, bytes }: Awaited<ReturnType<typeof take>>) {
  const { config, state } = answer;
  const { deliver_subject: to, error } = await api(nc, `STREAM.RESTORE.${config.name}`, { config, state });
  assert.equal(error, undefined, error?.description);
  for (let at = 0; at < bytes.length; at += 10_000) {
    const { data } = await nc.request(to, bytes.subarray(at, at + 10_000));
    assert.equal(data.length, 0, new TextDecoder().decode(data));
  }
  const { data } = await nc.request(to, '', { timeout: 10_000 });
  return JSON.parse(new TextDecoder().decode(data));
}

for (const [from, to] of [
  ['official', 'weft'],
  ['weft', 'official'],
] as [Side, Side][]) {
  test(`backups of ${from} are restored by ${to}`, { skip, timeout: 60_000 }, async () => {
    const folders = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'weft-both-')));
    // Created times are new; where the last message was deleted, the official server shows the time of the one before it.
    const withoutTimes = (all: Record<string, unknown>) =>
      JSON.parse(
        JSON.stringify(all, (key, value) =>
          ['created', 'since', 'last_ts'].includes(key) ? undefined : value,
        ),
      );
    try {
      const { result } = await withServer(
        from,
        folders[0]!,
        '',
        async (nc) => {
          await fill(nc);
          const backups = [];
          for (const { name } of streams) backups.push(await take(nc, name));
          return { all: await everything(nc), backups };
        },
        'stop',
      );
      const { result: restored } = await withServer(
        to,
        folders[1]!,
        '',
        async (nc) => {
          for (const backup of result.backups) {
            const { error } = await bring(nc, backup);
            assert.equal(error, undefined, `${backup.answer.config.name}: ${error?.description}`);
          }
          return everything(nc);
        },
        'stop',
      );
      assert.deepEqual(withoutTimes(restored), withoutTimes(result.all));
    } finally {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    }
  });
}

// A server process that is killed while clients publish and consume: nothing that it has promised is missing afterwards. WEFT_KILLS says
// how often (default 5).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { api, open, Promises } from '../support/jetstream-process.js';
import { weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';

const KILLS = Number(process.env.WEFT_KILLS ?? 5);
const PUBLISHERS = 16;
const CONSUMERS = ['c0', 'c1', 'c2', 'c3'];

function start(folder: string): Promise<ServerProcess> {
  const conf = `jetstream { store_dir: ${JSON.stringify(folder)} }`;
  return ServerProcess.start({ binary: weftBinary(), conf, http: false, startTimeout: 30_000 });
}

test(`killed ${KILLS} times under ${PUBLISHERS} publishers and ${CONSUMERS.length} consumers`, {
  timeout: KILLS * 20_000 + 60_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-kill-'));
  const promises = new Promises();
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const server = await start(folder);
      try {
        const setup = await open(server.port);
        await api(setup, 'STREAM.CREATE.S', { name: 'S', subjects: ['s.>'] });
        for (const name of CONSUMERS) {
          const config = { durable_name: name, ack_policy: 'explicit', ack_wait: 30e9 };
          await api(setup, `CONSUMER.CREATE.S.${name}`, { stream_name: 'S', config });
        }
        const clients = await Promise.all(
          Array.from({ length: PUBLISHERS + CONSUMERS.length }, () => open(server.port)),
        );
        const work = clients.map((nc, i) =>
          i < PUBLISHERS
            ? promises.publish(nc, `s.${i}`, 4)
            : promises.consume(nc, 'S', CONSUMERS[i - PUBLISHERS]!),
        );
        await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 500));
        server.kill('SIGKILL');
        await server.exited();
        await Promise.all(work);
        await setup.close();
      } finally {
        await server.stop();
      }
    }
    const server = await start(folder);
    try {
      const nc = await open(server.port);
      await promises.check(nc, 'S');
      for (const name of CONSUMERS) {
        const { ack_floor: floor } = await api(nc, `CONSUMER.INFO.S.${name}`);
        const confirmed = promises.confirmed.get(name)?.size ?? 0;
        if (floor.consumer_seq < 0) promises.broken.push(`${name}: ${JSON.stringify(floor)}`);
        t.diagnostic(`${name}: ${confirmed} acks confirmed, floor ${floor.stream_seq}`);
      }
      await nc.close();
    } finally {
      await server.stop();
    }
    t.diagnostic(`${promises.stored.size} messages acknowledged`);
    assert.deepEqual(promises.broken.slice(0, 20), []);
    assert.ok(promises.stored.size > KILLS * 10, `${promises.stored.size} messages were acknowledged at all`);
    assert.ok([...promises.confirmed.values()].every(({ size }) => size > 0));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a full disk: publishers are told, reads go on, writes go on when there is space', {
  timeout: 60_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-full-'));
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true, force: true });
    t.skip('a small file system cannot be made here');
    return;
  }
  try {
    // By its own reckoning the server has more room than there is.
    const conf = `jetstream { store_dir: ${JSON.stringify(disk)}, max_file: 1GB }`;
    await using server = await ServerProcess.start({ binary: weftBinary(), conf });
    const nc = await open(server.port);
    await api(nc, 'STREAM.CREATE.S', { name: 'S', subjects: ['s'] });
    const filler = join(disk, 'filler');
    writeFileSync(filler, Buffer.alloc(2 * 1024 * 1024));
    const publish = async (subject: string, size: number) => {
      const { data } = await nc.request(subject, new Uint8Array(size), { timeout: 10_000 });
      return JSON.parse(new TextDecoder().decode(data));
    };
    const stored: number[] = [];
    let refused = null;
    for (let i = 0; i < 1000 && refused === null; i++) {
      const { seq, error } = await publish('s', 64 * 1024);
      if (error === undefined) stored.push(seq);
      else refused = error;
    }
    assert.equal(refused?.err_code, 10077);
    assert.match(refused.description, /no space left on device/i);
    const health = await fetch(`http://127.0.0.1:${server.httpPort}/healthz`);
    assert.equal(health.status, 503);
    assert.match(await health.text(), /write error/);
    for (const seq of [stored[0], stored[50], stored.at(-1)]) {
      const { message } = await api(nc, 'STREAM.MSG.GET.S', { seq });
      assert.equal(Buffer.from(message.data, 'base64').length, 64 * 1024);
    }
    // Also what has nothing to do with messages is refused, and says why.
    const { error } = await api(nc, 'STREAM.CREATE.NEW', { name: 'NEW', subjects: ['new'] });
    if (error !== undefined) assert.equal((await api(nc, 'STREAM.INFO.NEW')).error.err_code, 10059);
    rmSync(filler);
    t.diagnostic(`${stored.length} messages stored`);
    const again = await publish('s', 64 * 1024);
    assert.equal(again.error, undefined, JSON.stringify(again));
    assert.ok(again.seq > stored.at(-1)!);
    assert.equal((await fetch(`http://127.0.0.1:${server.httpPort}/healthz`)).status, 200);
    await nc.close();
  } finally {
    execFileSync('umount', ['-l', disk]);
    rmSync(folder, { recursive: true, force: true });
  }
});

/** The official server opens what our store leaves behind, after a stop or a crash, and finds the same messages in it. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { CipherName } from '../../src/jetstream/store/encryption.js';
import { FileStore } from '../../src/jetstream/store/file-store.js';
import { StoreKeys } from '../../src/jetstream/store/file-store-keys.js';
import { GroupCommit } from '../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../src/jetstream/store/message-block-cache.js';
import { encodeMeta, metaSum } from '../../src/jetstream/store/meta-file.js';
import { NodeClock } from '../../src/runtime/clock.js';
import { NodeDisk } from '../../src/runtime/disk.js';
import { HighwayHash } from '../../src/runtime/highway-hash.js';
import { SeededRandom } from '../../src/runtime/random.js';
import { StoreModel } from '../jetstream/engine/store-model.js';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';

const KEY = 'a key for tests';
const hash = new HighwayHash();
const binary = officialBinary();

interface Made {
  store: FileStore;
  model: StoreModel;
}

/** A stream with random contents in the directory of an account. */
async function make(
  root: string,
  name: string,
  seed: number,
  cipher: CipherName | null,
  compress: boolean,
): Promise<Made> {
  const directory = join(root, 'jetstream', '$G', 'streams', name);
  mkdirSync(join(directory, 'obs'), { recursive: true });
  const disk = new NodeDisk();
  const clock = new NodeClock();
  const keys = cipher === null ? null : new StoreKeys({ cipher, key: KEY }, '$G');
  const config = {
    name,
    subjects: [`${name}.>`],
    retention: 'limits',
    storage: 'file',
    num_replicas: 1,
    compression: compress ? 's2' : 'none',
  };
  let meta = encodeMeta('2026-01-01T00:00:00Z', config);
  if (keys) meta = keys.sealer(disk, join(directory, 'meta.key'), name).sealer.seal(meta);
  writeFileSync(join(directory, 'meta.inf'), meta);
  writeFileSync(join(directory, 'meta.sum'), metaSum(hash, name, meta));
  const commit = new GroupCommit(disk, { interval: 0, clock });
  const memory = new StoreMemory();
  const common = { disk, clock, memory, commit, hash, name, directory, blockSize: 6000 };
  const store = new FileStore({ ...common, compress, keys });
  const model = new StoreModel(store, new SeededRandom(seed), 700, false);
  for (let step = 0; step < 300; step++) {
    model.step();
    if (step % 20 === 0) await new Promise<void>((resolve) => commit.after(resolve));
    if (step % 30 === 0) store.tidy();
  }
  model.check();
  await new Promise<void>((resolve) => commit.after(resolve));
  return { store, model };
}

async function ask<T>(client: NatsConnection, subject: string, request: object): Promise<T> {
  const answer = await client.request(`$JS.API.${subject}`, JSON.stringify(request), { timeout: 5000 });
  return answer.json<T>();
}

interface State {
  messages: number;
  bytes: number;
  first_seq: number;
  last_seq: number;
  deleted?: number[];
  num_subjects?: number;
}

async function compare(client: NatsConnection, name: string, { store, model }: Made): Promise<void> {
  const info = await ask<{ state: State }>(client, `STREAM.INFO.${name}`, { deleted_details: true });
  const { messages, bytes, first_seq, last_seq, deleted = [], num_subjects = 0 } = info.state;
  assert.deepEqual(
    { messages, bytes, first_seq, last_seq, deleted },
    {
      messages: store.state.messages,
      bytes: store.state.bytes,
      first_seq: store.state.firstSequence,
      last_seq: store.state.lastSequence,
      deleted: store.deletedSequences(),
    },
    name,
  );
  const subjects = new Set(model.naive.messages.map(({ subject }) => subject)).size;
  assert.deepEqual([store.state.subjects, num_subjects], [subjects, subjects], name);
  for (const { sequence, subject, header, payload } of model.naive.messages) {
    const { message } = await ask<{ message: { subject: string; hdrs?: string; data?: string } }>(
      client,
      `STREAM.MSG.GET.${name}`,
      { seq: sequence },
    );
    assert.equal(message.subject, subject);
    assert.equal(Buffer.from(message.hdrs ?? '', 'base64').toString(), header);
    assert.equal(Buffer.from(message.data ?? '', 'base64').toString(), payload);
  }
}

for (const cipher of [null, 'chacha', 'aes'] as const) {
  const title = `the official server finds what our store has left: ${cipher ?? 'plain'}`;
  test(title, { skip: binary === undefined && WITHOUT_OFFICIAL }, async () => {
    const root = mkdtempSync(join(tmpdir(), 'weft-engine-'));
    try {
      const made = new Map<string, Made>();
      for (let seed = 1; seed <= 6; seed++) {
        const name = `S${seed}`;
        const each = await make(root, name, seed * 31337, cipher, seed % 2 === 0);
        made.set(name, each);
        if (seed <= 3) {
          await new Promise<void>((resolve, reject) =>
            each.store.stop((error) => (error ? reject(error) : resolve())),
          );
        }
        // What our store has there while it writes a batch to several blocks is nothing to the official one.
        if (seed > 4)
          writeFileSync(join(root, 'jetstream', '$G', 'streams', name, 'msgs', 'weft.batch'), 'anything');
      }
      // A process that is killed stops there; ours goes on tidying blocks, so the official server gets a copy of what is there now.
      const left = join(root, 'left');
      cpSync(join(root, 'jetstream'), join(left, 'jetstream'), { recursive: true });
      const encryption = cipher === null ? '' : `cipher: ${cipher}, key: "${KEY}"`;
      const conf = `debug: true\njetstream { store_dir: "${left}", ${encryption} }`;
      await using server = await ServerProcess.start({ binary: binary!, conf, http: false });
      assert.doesNotMatch(server.log, /\[(WRN|ERR)\].*(Filestore|state|stream)/i);
      const client = await connect({ port: server.port });
      try {
        for (const [name, each] of made) await compare(client, name, each);
      } finally {
        await client.close();
      }
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
}

/**
 * Store directories of which every file has been written anew by our codecs - records, compressed and encrypted blocks, keys, indexes,
 * consumer states - opened by the official server: it must find no fault and give the answers it gave about the originals. The same with
 * backups.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { ArchiveReader, archiveEnd, archiveEntry, archiveStart } from '../../src/jetstream/store/archive.js';
import {
  compressBlock,
  isCompressedBlock,
  openBlock,
  scanBlock,
} from '../../src/jetstream/store/block-file.js';
import { decodeConsumerState, encodeConsumerState } from '../../src/jetstream/store/consumer-state-file.js';
import {
  BlockCipher,
  blockContext,
  type CipherName,
  consumerContext,
  createKeyFile,
  FileSealer,
  type KeyFile,
  keyEncryptionKey,
  openKeyFile,
  streamContext,
} from '../../src/jetstream/store/encryption.js';
import {
  consumerMetaName,
  decodeMeta,
  metaSum,
  streamMetaName,
} from '../../src/jetstream/store/meta-file.js';
import { blockKeyName } from '../../src/jetstream/store/record.js';
import {
  decodeIndexBody,
  encodeIndexBody,
  openIndex,
  sealIndex,
} from '../../src/jetstream/store/stream-index.js';
import {
  decodeExpiries,
  decodeSchedules,
  decodeSources,
  encodeExpiries,
  encodeSchedules,
  encodeSources,
} from '../../src/jetstream/store/timer-files.js';
import { HighwayHash, hashKey } from '../../src/runtime/highway-hash.js';
import { decompressStream, S2Writer } from '../../src/runtime/s2.js';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { writeMarker, writeMessage } from '../support/records.js';
import { ServerProcess } from '../support/server-process.js';
import { type Files, unpack } from '../support/store-directory.js';
import { readVector } from '../support/vectors.js';

const PASSWORD = 'vector-test-key-0123456789';
const hash = new HighwayHash();

/** Writes all files of a directory anew. */
class Rewriter {
  readonly written = new Map<string, Buffer>();
  readonly #files: Files;
  readonly #cipher: CipherName | null;
  readonly #newKeys = new Map<string, KeyFile>();

  constructor(files: Files, cipher: CipherName | null) {
    this.#files = files;
    this.#cipher = cipher;
    for (const path of files.keys()) {
      if (!path.endsWith('.key') && !path.endsWith('.sum')) this.#rewrite(path);
    }
  }

  #rewrite(path: string): void {
    const [, account, , stream, ...rest] = path.split('/') as string[];
    const base = `jetstream/${account}/streams/${stream}/`;
    const name = rest.join('/');
    const file = this.#files.get(path)!;
    const whole = { account: account!, keyFile: `${base}meta.key`, context: streamContext(stream!) };
    const block = /^msgs\/(\d+)\.blk$/.exec(name);
    const consumer = /^obs\/([^/]+)\/(.*)$/.exec(name);
    if (block !== null) {
      this.#put(path, this.#block(file, account!, stream!, Number(block[1]), base));
    } else if (consumer !== null) {
      const context = consumerContext(stream!, consumer[1]!);
      const place = { account: account!, keyFile: `${base}obs/${consumer[1]}/meta.key`, context };
      if (consumer[2] === 'o.dat') {
        const state = decodeConsumerState(this.#open(file, place));
        this.#put(path, this.#seal(encodeConsumerState(state, Date.now()), place));
      } else {
        this.#meta(path, file, place, consumerMetaName(stream!, consumer[1]!));
      }
    } else if (name === 'meta.inf') {
      this.#meta(path, file, whole, streamMetaName(stream!));
    } else if (name === 'msgs/index.db') {
      const body = this.#open(openIndex(hash, hashKey(stream!), file), whole);
      const again = this.#seal(encodeIndexBody(decodeIndexBody(body)), whole);
      this.#put(path, sealIndex(hash, hashKey(stream!), again));
    } else if (name === 'msgs/thw.db') {
      this.#put(path, encodeExpiries(decodeExpiries(file)));
    } else if (name === 'msgs/sched.db') {
      this.#put(path, encodeSchedules(decodeSchedules(file)));
    } else if (name === 'sources.db') {
      this.#put(path, encodeSources(decodeSources(file)));
    } else {
      assert.fail(`unknown file ${path}`);
    }
  }

  #put(path: string, content: Uint8Array): void {
    this.written.set(path, Buffer.from(content));
  }

  #meta(
    path: string,
    file: Buffer,
    place: { account: string; keyFile: string; context: string },
    name: string,
  ): void {
    const content = Buffer.from(JSON.stringify(decodeMeta(this.#open(file, place))));
    const again = this.#seal(content, place);
    this.#put(path, again);
    this.#put(path.replace('meta.inf', 'meta.sum'), Buffer.from(metaSum(hash, name, again)));
  }

  #block(file: Buffer, account: string, stream: string, index: number, base: string): Buffer {
    const place = { account, keyFile: `${base}msgs/${index}.key`, context: blockContext(stream, index) };
    const plain = Buffer.from(file);
    if (this.#cipher !== null) new BlockCipher(this.#oldKey(place)).apply(plain, 0, plain.length, 0);
    const key = hashKey(blockKeyName(stream, index));
    const { content } = openBlock(hash, key, plain);
    const out = Buffer.alloc(content.length);
    let at = 0;
    scanBlock(hash, key, content, 0, content.length, {
      record: (view) => {
        const { kind, sequence } = view;
        if (kind === 'erased') {
          content.copy(out, at, view.start, view.end);
          at += view.size;
        } else if (kind === 'message') {
          const subject = content.toString('latin1', view.subjectStart, view.subjectEnd);
          const headers = view.headersEnd - view.headersStart;
          const payload = view.payloadEnd - view.payloadStart;
          at = writeMessage(
            hash,
            key,
            out,
            at,
            sequence,
            view.stamp,
            subject,
            content,
            view.headersStart,
            headers,
            payload,
          );
        } else {
          at = writeMarker(hash, key, out, at, kind, sequence, view.stamp);
        }
      },
      damaged: () => assert.fail('damaged'),
    });
    const again = isCompressedBlock(plain) ? compressBlock(out) : out;
    if (this.#cipher !== null) {
      const cipher = new BlockCipher(this.#newKey(place));
      const middle = again.length >> 1;
      cipher.apply(again, middle, again.length, middle);
      cipher.apply(again, 0, middle, 0);
    }
    return again;
  }

  #open(file: Uint8Array, place: { account: string; keyFile: string; context: string }): Uint8Array {
    return this.#cipher === null ? file : new FileSealer(this.#cipher, this.#oldKey(place).seed).open(file);
  }

  #seal(content: Uint8Array, place: { account: string; keyFile: string; context: string }): Uint8Array {
    return this.#cipher === null
      ? content
      : new FileSealer(this.#cipher, this.#newKey(place).seed).seal(content);
  }

  #oldKey({ account, keyFile, context }: { account: string; keyFile: string; context: string }): KeyFile {
    const kek = keyEncryptionKey(PASSWORD, account, context);
    return openKeyFile(this.#cipher!, kek, this.#files.get(keyFile)!);
  }

  #newKey({ account, keyFile, context }: { account: string; keyFile: string; context: string }): KeyFile {
    let key = this.#newKeys.get(keyFile);
    if (key === undefined) {
      const made = createKeyFile(this.#cipher!, keyEncryptionKey(PASSWORD, account, context));
      this.#put(keyFile, made.file);
      this.#newKeys.set(keyFile, (key = made));
    }
    return key;
  }
}

interface Consumer {
  name: string;
  delivered: unknown;
  ack_floor: unknown;
  num_ack_pending: number;
  num_redelivered: number;
}

interface Vector {
  archive: string;
  log_when_opened: string[];
  accounts: Record<
    string,
    {
      streams: {
        name: string;
        info: { state: object };
        messages: { seq: number; subject: string; time: string; payload_base64?: string }[];
        consumers: Consumer[];
      }[];
    }
  >;
}

async function ask<T>(client: NatsConnection, subject: string, request: object = {}): Promise<T> {
  const answer = await client.request(`$JS.API.${subject}`, JSON.stringify(request), { timeout: 5000 });
  return answer.json<T>();
}

async function compare(client: NatsConnection, vector: Vector): Promise<void> {
  for (const { name, info, messages, consumers } of vector.accounts.$G!.streams) {
    const options = { deleted_details: true, subjects_filter: '>' };
    const asked = await ask<{ state: object }>(client, `STREAM.INFO.${name}`, options);
    assert.deepEqual(asked.state, info.state, name);
    for (const { seq, subject, time, payload_base64 } of messages.slice(0, 40)) {
      const { message } = await ask<{ message: { subject: string; time: string; data?: string } }>(
        client,
        `STREAM.MSG.GET.${name}`,
        { seq },
      );
      assert.deepEqual([message.subject, message.time], [subject, time], `${name} ${seq}`);
      if (payload_base64 !== undefined) assert.equal(message.data ?? '', payload_base64, `${name} ${seq}`);
    }
    for (const expected of consumers) {
      const consumer = await ask<Consumer>(client, `CONSUMER.INFO.${name}.${expected.name}`);
      for (const field of ['delivered', 'ack_floor', 'num_ack_pending', 'num_redelivered'] as const) {
        assert.deepEqual(consumer[field], expected[field], `${name} ${expected.name} ${field}`);
      }
    }
  }
}

const binary = officialBinary();

for (const name of [
  'consumers',
  'enc-aes',
  'enc-chacha',
  'kv',
  'limits',
  'multiblock',
  'purge',
  's2',
  'sched',
  'ttl',
]) {
  test(`${name}, written anew`, { skip: binary === undefined && WITHOUT_OFFICIAL }, async () => {
    const vector = readVector<Vector>(`${name}-clean.json`);
    const cipher = name.startsWith('enc-') ? (name.slice(4) as CipherName) : null;
    const store = mkdtempSync(join(tmpdir(), 'weft-store-'));
    try {
      for (const [path, content] of new Rewriter(unpack(vector.archive), cipher).written) {
        mkdirSync(dirname(join(store, path)), { recursive: true });
        writeFileSync(join(store, path), content);
      }
      const encryption = cipher === null ? '' : `cipher: ${cipher}, key: "${PASSWORD}"`;
      const conf = `debug: true\njetstream { store_dir: "${store}", ${encryption} }`;
      await using server = await ServerProcess.start({ binary: binary!, conf, http: false });
      // That it rebuilds anything would be said by a warning.
      assert.doesNotMatch(server.log, /\[(WRN|ERR)\].*(Filestore|state|stream)/i);
      const client = await connect({ port: server.port });
      try {
        await compare(client, vector);
      } finally {
        await client.close();
      }
    } finally {
      rmSync(store, { recursive: true, force: true });
    }
  });
}

interface Backup {
  archive: string;
  accounts: Record<string, { streams: { name: string; info: { config: object; state: object } }[] }>;
}

/** Sends a backup as `nats stream restore` does, and returns the last answer. */
async function restore(
  client: NatsConnection,
  name: string,
  config: object,
  state: object,
  file: Buffer,
): Promise<object> {
  const { deliver_subject } = await ask<{ deliver_subject: string }>(client, `STREAM.RESTORE.${name}`, {
    config,
    state,
  });
  for (let at = 0; at < file.length; at += 1000) {
    const answer = await client.request(deliver_subject, file.subarray(at, at + 1000), { timeout: 5000 });
    assert.equal(answer.string(), '');
  }
  return (await client.request(deliver_subject, new Uint8Array(0), { timeout: 5000 })).json<object>();
}

test('backups, written anew', { skip: binary === undefined && WITHOUT_OFFICIAL }, async () => {
  const conf = 'jetstream { store_dir: "$DIR/store" }';
  await using server = await ServerProcess.start({ binary: binary!, conf, http: false });
  const client = await connect({ port: server.port });
  try {
    for (const name of ['consumers', 'deleted-tail', 'multiblock', 'purged']) {
      const vector = readVector<Backup>(`backup-v2-${name}.json`);
      const reader = new ArchiveReader();
      const content = decompressStream(unpack(vector.archive).get('stream.arc.s2')!, 1 << 26);
      const entries = [...reader.push(content)];
      const archive = Buffer.concat([archiveStart(), ...entries.map(archiveEntry), archiveEnd()]);
      const writer = new S2Writer(777);
      const file = Buffer.concat([...writer.push(archive), ...writer.end()]);
      const { name: stream, info } = vector.accounts.$G!.streams[0]!;
      const answer = await restore(client, stream, info.config, info.state, file);
      assert.equal('error' in answer, false, JSON.stringify(answer));
      const asked = await ask<{ state: object }>(client, `STREAM.INFO.${stream}`, {
        deleted_details: true,
        subjects_filter: '>',
      });
      assert.deepEqual(asked.state, info.state, name);
      await ask(client, `STREAM.DELETE.${stream}`);
    }
  } finally {
    await client.close();
  }
});

/** Every directory of the official server, read by the codecs alone and compared with what that server answered about it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import {
  compressBlock,
  decompressBlock,
  isCompressedBlock,
} from '../../../src/jetstream/store/block-file.js';
import {
  decodeConsumerState,
  encodeConsumerState,
} from '../../../src/jetstream/store/consumer-state-file.js';
import type { CipherName } from '../../../src/jetstream/store/encryption.js';
import { FILE_SUM_SIZE } from '../../../src/jetstream/store/file-sum.js';
import { shortHash } from '../../../src/jetstream/store/layout.js';
import { encodeMeta } from '../../../src/jetstream/store/meta-file.js';
import { blockKeyName, recordSize } from '../../../src/jetstream/store/record.js';
import {
  blockMessages,
  decodeIndexBody,
  encodeIndexBody,
  indexIsConsistent,
  sealIndex,
} from '../../../src/jetstream/store/stream-index.js';
import {
  decodeExpiries,
  decodeSchedules,
  decodeSources,
  encodeExpiries,
  encodeSchedules,
  encodeSources,
} from '../../../src/jetstream/store/timer-files.js';
import { HighwayHash, hashKey } from '../../../src/runtime/highway-hash.js';
import { stampOf, writeMarker, writeMessage } from '../../support/records.js';
import {
  contentOf,
  type Encryption,
  formatTime,
  type StoredBlock,
  type StoredMessage,
  StoreReader,
  type StreamContent,
  type StreamReader,
  unpack,
} from '../../support/store-directory.js';
import { readVector, storeVectors } from '../../support/vectors.js';

const hash = new HighwayHash();

interface ExpectedMessage {
  seq: number;
  subject: string;
  time: string;
  payload_base64?: string;
  payload_len?: number;
  payload_sha256?: string;
  payload_text?: string;
  headers_raw_base64?: string;
}

interface ExpectedConsumer {
  name: string;
  config: Record<string, unknown>;
  delivered: { consumer_seq: number; stream_seq: number };
  ack_floor: { consumer_seq: number; stream_seq: number };
  num_ack_pending: number;
  num_redelivered: number;
}

interface ExpectedStream {
  name: string;
  info?: {
    config: Record<string, unknown>;
    created: string;
    state: {
      messages: number;
      bytes: number;
      first_seq: number;
      first_ts: string;
      last_seq: number;
      last_ts: string;
      num_deleted?: number;
      deleted?: number[] | null;
      subjects?: Record<string, number>;
    };
  };
  messages?: ExpectedMessage[];
  consumers?: ExpectedConsumer[];
}

interface Vector {
  archive: string;
  server_config?: { jetstream: string[] };
  accounts: Record<string, { streams: ExpectedStream[] }>;
}

const vectors = readdirSync(storeVectors)
  .filter((name) => name.endsWith('.json') && name !== 'primitives.json' && !name.startsWith('backup-'))
  .map((name) => name.slice(0, -'.json'.length));

/** Damaged on purpose; the official server loses some of what is in them, or brings something back. */
const damaged = vectors.filter((name) => name.startsWith('crash-'));
const intact = vectors.filter((name) => !damaged.includes(name));

function encryptionOf(vector: Vector): Encryption | null {
  const lines = vector.server_config?.jetstream ?? [];
  const value = (key: string) =>
    lines.find((line) => line.startsWith(`${key}:`))?.replace(/^\w+: "?|"$/g, '');
  const key = value('key');
  return key === undefined ? null : { key, cipher: (value('cipher') ?? 'chacha') as CipherName };
}

function* streamsOf(
  name: string,
): Generator<{ expected: ExpectedStream; reader: StreamReader; label: string }> {
  const vector = readVector<Vector>(`${name}.json`);
  const files = unpack(vector.archive);
  const servers = name === 'cluster-r3' ? ['n1/', 'n2/', 'n3/'] : [''];
  for (const server of servers) {
    const store = new StoreReader(files, encryptionOf(vector));
    for (const [account, { streams }] of Object.entries(vector.accounts)) {
      for (const expected of streams) {
        const path = `${server}jetstream/${account}/streams/${expected.name}/`;
        if (!files.has(`${path}meta.inf`)) continue;
        const label = `${name}: ${server}${account} > ${expected.name}`;
        yield { expected, reader: store.stream(path, account, expected.name), label };
      }
    }
  }
}

function compareMessage(message: StoredMessage, expected: ExpectedMessage, label: string): void {
  const { seq, subject, time } = expected;
  assert.equal(message.sequence, seq, label);
  assert.equal(message.subject, Buffer.from(subject, 'utf8').toString('latin1'), label);
  assert.equal(formatTime(message.time), time, label);
  assert.equal(message.headers.toString('base64'), expected.headers_raw_base64 ?? '', label);
  if (expected.payload_sha256 !== undefined) {
    assert.equal(message.payload.length, expected.payload_len, label);
    assert.equal(createHash('sha256').update(message.payload).digest('hex'), expected.payload_sha256, label);
  } else if (expected.payload_base64 !== undefined) {
    assert.equal(message.payload.toString('base64'), expected.payload_base64, label);
  } else {
    assert.equal(message.payload.toString('utf8'), expected.payload_text ?? '', label);
  }
}

function compareState(content: StreamContent, { info, messages }: ExpectedStream, label: string): void {
  const { state } = info!;
  assert.deepEqual(
    content.messages.map(({ sequence }) => sequence),
    messages!.map(({ seq }) => seq),
    label,
  );
  content.messages.forEach((message, i) => {
    compareMessage(message, messages![i]!, `${label} ${message.sequence}`);
  });
  assert.equal(content.bytes, state.bytes, label);
  assert.equal(content.lastSequence, state.last_seq, label);
  assert.equal(content.firstSequence, state.first_seq, label);
  assert.deepEqual(content.deleted, state.deleted ?? [], label);
  assert.deepEqual(content.subjects, state.subjects ?? {}, label);
}

function compareConsumers(reader: StreamReader, expected: ExpectedConsumer[], label: string): number {
  const consumers = reader.consumers();
  for (const each of expected) {
    const stored = consumers.get(each.name);
    if (stored === undefined) continue;
    const { state } = stored;
    const at = `${label} > ${each.name}`;
    assert.ok(stored.sumMatches, at);
    assert.equal(stored.config.ack_policy, each.config.ack_policy, at);
    const pair = ({ consumer_seq, stream_seq }: ExpectedConsumer['delivered']) => ({
      consumer: consumer_seq,
      stream: stream_seq,
    });
    assert.deepEqual(state.delivered, pair(each.delivered), at);
    assert.deepEqual(state.ackFloor, pair(each.ack_floor), at);
    assert.equal(state.pending.size, each.num_ack_pending, at);
    assert.equal(state.redelivered.size, each.num_redelivered, at);
  }
  return consumers.size;
}

test('there are vectors of all kinds', () => {
  assert.ok(intact.length > 30, String(intact.length));
  assert.ok(damaged.length > 30, String(damaged.length));
});

for (const name of intact) {
  test(`messages, state and consumers: ${name}`, () => {
    for (const { expected, reader, label } of streamsOf(name)) {
      assert.deepEqual(reader.damage, [], label);
      assert.ok(reader.sumMatches, label);
      assert.equal(reader.config.Created, expected.info!.created, label);
      // The official server completed the batch when it opened the directory.
      if (name === 'batch-partial') dropLast(expected);
      compareState(contentOf(reader.blocks, expected.info!.config), expected, label);
      compareConsumers(reader, expected.consumers!, label);
    }
  });
}

function dropLast({ messages, info }: ExpectedStream): void {
  const { seq, subject, headers_raw_base64, payload_base64 } = messages!.pop()!;
  const { state } = info!;
  const length = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64').length;
  state.bytes -= recordSize(subject.length, length(headers_raw_base64), length(payload_base64));
  state.last_seq = seq - 1;
  state.subjects![subject]! -= 1;
  if (state.subjects![subject] === 0) delete state.subjects![subject];
}

/** Writes a block anew, record by record. */
function rewrite({ index, content, records }: StoredBlock, stream: string): Buffer {
  const key = hashKey(blockKeyName(stream, index));
  const out = Buffer.alloc(content.length);
  let at = 0;
  for (const { kind, sequence, time, subject, headers, payload, size } of records) {
    if (kind === 'erased') {
      content.copy(out, at, at, at + size);
      at += size;
    } else if (kind === 'message') {
      const body = Buffer.concat([headers, payload]);
      at = writeMessage(
        hash,
        key,
        out,
        at,
        sequence,
        stampOf(time),
        subject,
        body,
        0,
        headers.length,
        payload.length,
      );
    } else {
      at = writeMarker(hash, key, out, at, kind, sequence, stampOf(time));
    }
  }
  assert.equal(at, content.length);
  return out;
}

test('blocks written anew are the same, byte by byte', () => {
  const kinds = new Set<string>();
  for (const { reader, expected, label } of intact.flatMap((name) => [...streamsOf(name)])) {
    for (const block of reader.blocks) {
      for (const { kind } of block.records) kinds.add(kind);
      assert.ok(rewrite(block, expected.name).equals(block.content), `${label} ${block.index}`);
    }
  }
  assert.deepEqual([...kinds].sort(), ['erased', 'message', 'skip', 'tombstone']);
});

test('compressed blocks', () => {
  let count = 0;
  for (const { reader, label } of streamsOf('s2-clean')) {
    for (const { index, content } of reader.blocks) {
      const file = reader.file(`msgs/${index}.blk`)!;
      if (!isCompressedBlock(file)) continue;
      count++;
      const compressed = compressBlock(content);
      assert.ok(isCompressedBlock(compressed), label);
      assert.ok(
        compressed.length < file.length * 1.15,
        `${label} ${index}: ${compressed.length}, ${file.length}`,
      );
      const again = decompressBlock(compressed);
      assert.ok(again.complete && again.content.equals(content), label);
    }
  }
  assert.ok(count >= 5, String(count));
});

test('indexes agree with the blocks and the answers, and are written the same', () => {
  let count = 0;
  for (const { reader, expected, label } of intact.flatMap((name) => [...streamsOf(name)])) {
    const body = reader.indexBody();
    if (body === undefined) continue;
    count++;
    const index = decodeIndexBody(body);
    const again = encodeIndexBody(index);
    assert.equal(again.length, body.length, label);
    // The trees of deleted sequences may have another shape.
    if (index.blocks.every(({ deleted }) => deleted === null)) assert.ok(again.equals(body), label);
    assert.deepEqual(describe(decodeIndexBody(again)), describe(index), label);
    assert.ok(indexIsConsistent(index), label);
    // It was left by a purge, and then messages came.
    if (label === 'purge-kill9: $G > PALLMORE') continue;
    const { state } = expected.info!;
    assert.equal(index.messages, state.messages, label);
    assert.equal(index.bytes, state.bytes, label);
    assert.equal(index.firstSequence, state.first_seq, label);
    assert.equal(index.lastSequence, state.last_seq, label);
    const time = (nanos: bigint) => (nanos === 0n ? '0001-01-01T00:00:00Z' : formatTime(nanos));
    assert.equal(time(index.firstTime), state.first_ts, label);
    assert.equal(time(index.lastTime), state.last_ts, label);
    const subjects = Object.fromEntries(index.subjects.map(({ subject, messages }) => [subject, messages]));
    assert.deepEqual(subjects, state.subjects ?? {}, label);
    const last = reader.blocks.find((block) => block.index === index.lastBlock)!;
    assert.equal(Buffer.from(index.lastHash).toString('hex'), last.lastHash || '0000000000000000', label);
    const deleted = index.blocks.flatMap((block) => [...(block.deleted ?? [])]);
    for (const sequence of deleted) assert.ok(state.deleted?.includes(sequence), `${label} ${sequence}`);
  }
  assert.ok(count > 30, String(count));
});

function describe(index: ReturnType<typeof decodeIndexBody>): unknown {
  const blocks = index.blocks.map((block) => ({
    ...block,
    deleted: [...(block.deleted ?? [])],
    messages: blockMessages(block),
  }));
  return { ...index, blocks };
}

test('an index in its file', () => {
  for (const { reader, expected } of streamsOf('multiblock-clean')) {
    const file = reader.file('msgs/index.db')!;
    assert.ok(sealIndex(hash, hashKey(expected.name), reader.indexBody()!).equals(file));
  }
});

test('meta files are written the same', () => {
  let count = 0;
  for (const name of intact.filter((each) => each !== 'handmade')) {
    for (const { reader, label } of streamsOf(name)) {
      const { Created, ...fields } = reader.config;
      assert.equal(encodeMeta(Created as string, fields).toString(), reader.meta.toString(), label);
      for (const { config, meta } of reader.consumers().values()) {
        const { Created: created, ...rest } = config;
        assert.equal(encodeMeta(created as string, rest).toString(), meta.toString(), label);
        count++;
      }
    }
  }
  assert.ok(count > 30, String(count));
});

/** Without the sum that only we write. */
const official = (file: Buffer) => file.subarray(0, -FILE_SUM_SIZE);

test('consumer states are written the same', () => {
  let pendings = 0;
  for (const { reader, label } of intact.flatMap((name) => [...streamsOf(name)])) {
    for (const { file, state } of reader.consumers().values()) {
      // The time of writing is between a year before and after; the right one gives the same bytes.
      const latest = Math.max(0, ...[...state.pending.values()].map(({ deliveredAt }) => deliveredAt));
      if (state.pending.size > 0) pendings++;
      let same = file.length === 0;
      for (let second = 0; second < 100 && !same; second++) {
        same = official(encodeConsumerState(state, latest + second * 1000)).equals(file);
      }
      assert.ok(same, label);
      assert.deepEqual(decodeConsumerState(encodeConsumerState(state, latest)), state);
    }
  }
  assert.ok(pendings > 10, String(pendings));
});

test('expiries, schedules and sources', () => {
  const found = { thw: 0, sched: 0, sources: 0 };
  for (const { reader, label } of intact.flatMap((name) => [...streamsOf(name)])) {
    const { lastSequence } = contentOf(reader.blocks, {});
    const expiries = reader.file('msgs/thw.db');
    if (expiries !== undefined) {
      const file = decodeExpiries(expiries);
      assert.equal(file.stamp, lastSequence + 1, label);
      assert.ok(official(encodeExpiries(file)).equals(expiries), label);
      for (const { expires, sequence } of file.entries) {
        const record = reader.blocks
          .flatMap(({ records }) => records)
          .find((each) => each.sequence === sequence)!;
        assert.ok(expires > record.time, label);
        assert.match(record.headers.toString(), /Nats-TTL/, label);
      }
      found.thw += file.entries.length;
    }
    const schedules = reader.file('msgs/sched.db');
    if (schedules !== undefined) {
      const file = decodeSchedules(schedules);
      assert.equal(file.stamp, lastSequence + 1, label);
      assert.ok(official(encodeSchedules(file)).equals(schedules), label);
      found.sched += file.entries.length;
    }
    const sources = reader.file('sources.db');
    if (sources !== undefined) {
      const file = decodeSources(sources);
      assert.ok(official(encodeSources(file)).equals(sources), label);
      for (const { name } of file.entries) assert.match(name, /^\S+ \S+ \S+$/, label);
      found.sources += file.entries.length;
    }
  }
  assert.ok(found.thw > 3 && found.sched > 0 && found.sources >= 2, JSON.stringify(found));
});

test('the staging store of a batch', () => {
  for (const [name, directory, sequences] of [
    ['batch-open-kill9', 'cTNNqq5d', [1, 2, 3]],
    ['batch-partial', '3lKCxAar', [1, 2, 3]],
  ] as const) {
    const path = `jetstream/$G/streams/BAT/batches/${directory}/`;
    const { blocks } = new StoreReader(unpack(`${name}.tar.gz`)).stream(path, '$G', directory);
    const records = blocks.flatMap((block) => block.records);
    assert.deepEqual(
      records.map(({ sequence }) => sequence),
      sequences,
    );
    const id = /Nats-Batch-Id: (\S+)/.exec(records[0]!.headers.toString())![1]!;
    assert.equal(shortHash(id), directory);
  }
});

test('the logs of raft groups, which are blocks too', () => {
  const files = unpack('cluster-r3.tar.gz');
  const groups = [...files.keys()].filter((path) => /_js_\/[^/]+\/meta\.inf$/.test(path));
  assert.ok(groups.length >= 9, String(groups.length));
  let entries = 0;
  for (const path of groups) {
    const directory = path.slice(0, -'meta.inf'.length);
    const group = directory.split('/').at(-2)!;
    const reader = new StoreReader(files).stream(directory, '$SYS', group);
    assert.deepEqual(reader.damage, [], group);
    assert.ok(reader.sumMatches, group);
    for (const { subject, headers, payload, kind } of reader.blocks.flatMap(({ records }) => records)) {
      if (kind !== 'message') continue;
      entries++;
      assert.deepEqual([subject, headers.length, payload.length > 0], ['', 0, true], group);
    }
  }
  assert.ok(entries > 5, String(entries));
});

for (const name of damaged) {
  test(`nothing is lost that the official server keeps: ${name}`, () => {
    for (const { expected, reader, label } of streamsOf(name)) {
      if (expected.info === undefined) continue;
      // A purge was interrupted: which directory counts is decided when the store is opened.
      if (name.startsWith('crash-partial-purge')) continue;
      const content = contentOf(reader.blocks, expected.info.config);
      const kept = new Map(content.messages.map((message) => [message.sequence, message]));
      for (const message of expected.messages!) {
        assert.ok(kept.has(message.seq), `${label} ${message.seq}`);
        compareMessage(kept.get(message.seq)!, message, `${label} ${message.seq}`);
      }
    }
  });
}

/** The store opens every directory that the official server left, whole or damaged, and finds in it what that server found, or more. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { CipherName } from '../../../src/jetstream/store/encryption.js';
import { FileStore } from '../../../src/jetstream/store/file-store.js';
import { StoreKeys } from '../../../src/jetstream/store/file-store-keys.js';
import { GroupCommit } from '../../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import { NO_LIMITS, type StoreLimits } from '../../../src/jetstream/store/message-store.js';
import { NodeClock } from '../../../src/runtime/clock.js';
import { NodeDisk } from '../../../src/runtime/disk.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { unpack } from '../../support/store-directory.js';
import { storeVectors } from '../../support/vectors.js';

interface Message {
  seq: number;
  subject: string;
  time: string;
  payload_base64?: string;
  payload_len?: number;
  payload_sha256?: string;
  headers_raw_base64?: string;
}

interface Stream {
  name: string;
  info: {
    config: Record<string, number & string & boolean>;
    state: Record<string, number> & { deleted?: number[] };
  };
  messages: Message[];
}

interface Vector {
  server_config: { jetstream: string[] };
  accounts: Record<string, { streams: Stream[] }>;
}

const hash = new HighwayHash();
/** In these the official server loses what could be kept. */
const KEEPS_MORE = ['crash-bad-sum-no-index', 'crash-bad-length-index'];
/** Messages that only it has: deleted ones that came back, one completed from a batch, one that it counts but cannot serve. */
const NOT_OURS: Readonly<Record<string, { absent: number[]; messages: number }>> = {
  'batch-partial': { absent: [4], messages: -1 },
  'crash-no-mid-block': { absent: [4], messages: -1 },
  'crash-torn-clean': { absent: [70], messages: -1 },
  'crash-bad-sum-index': { absent: [], messages: -1 },
};

function limitsOf(config: Stream['info']['config']): StoreLimits {
  return {
    ...NO_LIMITS,
    maxMessages: config.max_msgs!,
    maxBytes: config.max_bytes!,
    maxMessagesPerSubject: config.max_msgs_per_subject!,
    maxAge: config.max_age! / 1e6,
    allowTtl: Boolean(config.allow_msg_ttl),
    allowSchedules: Boolean(config.allow_msg_schedules),
    deleteMarkers: Boolean(config.subject_delete_marker_ttl),
  };
}

function keysOf(vector: Vector, account: string): StoreKeys | null {
  const text = vector.server_config.jetstream.join('\n');
  const key = /(?:^|\s)(?:key|ek|encryption_key)\s*[:=]\s*"?([^"\n]+)"?/.exec(text)?.[1];
  const cipher = /cipher\s*[:=]\s*"?(\w+)/.exec(text)?.[1] ?? 'chacha';
  if (key === undefined) return null;
  return new StoreKeys({ cipher: (cipher.startsWith('aes') ? 'aes' : 'chacha') as CipherName, key }, account);
}

function open(directory: string, stream: Stream, keys: StoreKeys | null, readBelow?: number): FileStore {
  const disk = new NodeDisk();
  const clock = new NodeClock();
  const commit = new GroupCommit(disk, { interval: 0, clock });
  const limits = limitsOf(stream.info.config);
  const compress = String(stream.info.config.compression) === 's2';
  const memory = new StoreMemory();
  const common = { disk, clock, commit, memory, hash, name: stream.name, directory, blockSize: 32000 };
  return new FileStore({
    ...common,
    limits,
    compress,
    keys,
    ...(readBelow === undefined ? {} : { readBelow }),
  });
}

const toTime = (time: bigint) => {
  const seconds = new Date(Number(time / 1_000_000n)).toISOString().slice(0, 19);
  const fraction = String(time % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${seconds}${fraction === '' ? '' : `.${fraction}`}Z`;
};

function compare(store: FileStore, stream: Stream, name: string): void {
  const { absent, messages } = NOT_OURS[name] ?? { absent: [], messages: 0 };
  for (const expected of stream.messages) {
    if (absent.includes(expected.seq)) {
      assert.equal(store.load(expected.seq), null);
      continue;
    }
    const message = store.load(expected.seq);
    assert.ok(message, `${stream.name} ${expected.seq} is missing`);
    assert.equal(message.subject, expected.subject);
    assert.equal(toTime(message.time), expected.time);
    assert.equal(message.header?.toString('base64') ?? '', expected.headers_raw_base64 ?? '');
    if (expected.payload_base64 !== undefined) {
      assert.equal(message.payload.toString('base64'), expected.payload_base64);
    } else if (expected.payload_sha256 !== undefined) {
      assert.equal(createHash('sha256').update(message.payload).digest('hex'), expected.payload_sha256);
    }
  }
  const { state } = stream.info;
  const last = state.last_seq! - (name === 'batch-partial' ? 1 : 0);
  assert.equal(store.state.lastSequence, last, `${stream.name} last`);
  if (KEEPS_MORE.includes(name)) {
    assert.ok(store.state.messages > state.messages!);
    return;
  }
  assert.equal(store.state.messages, state.messages! + messages, `${stream.name} messages`);
  assert.equal(store.state.firstSequence, state.first_seq, `${stream.name} first`);
  if (messages !== 0) return;
  assert.equal(store.state.bytes, state.bytes, `${stream.name} bytes`);
  // A stream that was never used has a deleted sequence 0 there.
  assert.deepEqual(store.deletedSequences(), state.last_seq === 0 ? [] : (state.deleted ?? []));
}

const stopped = (store: FileStore) =>
  new Promise<void>((resolve, reject) => store.stop((error) => (error ? reject(error) : resolve())));

const names = readdirSync(storeVectors)
  .filter((name) => name.endsWith('.tar.gz') && !name.startsWith('backup-') && name !== 'cluster-r3.tar.gz')
  .map((name) => name.slice(0, -'.tar.gz'.length));

for (const name of names) {
  test(`${name} is opened, stopped and opened again`, async () => {
    const vector = JSON.parse(readFileSync(join(storeVectors, `${name}.json`), 'utf8')) as Vector;
    const root = mkdtempSync(join(tmpdir(), 'weft-vector-'));
    for (const [path, content] of unpack(`${name}.tar.gz`)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    for (const [account, { streams }] of Object.entries(vector.accounts)) {
      for (const stream of streams) {
        // A stream that the official server did not load has no answers.
        if (stream.info === undefined || String(stream.info.config.storage) !== 'file') continue;
        const directory = join(root, 'jetstream', account, 'streams', stream.name);
        for (const readBelow of [undefined, 0, undefined]) {
          const store = open(directory, stream, keysOf(vector, account), readBelow);
          compare(store, stream, name);
          await stopped(store);
        }
      }
    }
    rmSync(root, { recursive: true });
  });
}

test('a flipped bit in a compressed block costs no more than its chunk', async () => {
  const root = mkdtempSync(join(tmpdir(), 'weft-vector-'));
  for (const [path, content] of unpack('crash-s2-corrupt.tar.gz')) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  const whole = JSON.parse(readFileSync(join(storeVectors, 's2-kill9.json'), 'utf8')) as Vector;
  const stream = whole.accounts.$G!.streams.find((each) => each.name === 'COMP')!;
  const directory = join(root, 'jetstream', '$G', 'streams', 'COMP');
  const store = open(directory, stream, null);
  assert.equal(store.state.lastSequence, stream.info.state.last_seq);
  let kept = 0;
  for (const expected of stream.messages) {
    const message = store.load(expected.seq);
    if (message === null) continue;
    kept++;
    assert.equal(message.subject, expected.subject);
    assert.equal(toTime(message.time), expected.time);
  }
  assert.ok(kept > 0 && kept < stream.messages.length, `${kept} of ${stream.messages.length}`);
  assert.equal(store.reports.length, 1);
  assert.equal(readdirSync(join(directory, 'damaged')).length, 1);
  await stopped(store);
  const again = open(directory, stream, null);
  assert.equal(again.state.messages, kept);
  assert.deepEqual(again.reports, []);
  rmSync(root, { recursive: true });
});

// Every directory of the official server, opened by a whole server, which has to answer what the official one did.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { ZERO_TIME } from '../../../src/protocol/rfc3339.js';
import { type ApiAnswer, JetStreamServer, StoreFolder } from '../../support/jetstream-server.js';
import { readVector, storeVectors } from '../../support/vectors.js';

interface ExpectedMessage {
  seq: number;
  subject: string;
  time: string;
  payload_base64?: string;
  payload_len?: number;
  payload_sha256?: string;
  headers_raw_base64?: string;
}

interface ExpectedStream {
  name: string;
  info?: ApiAnswer;
  messages?: ExpectedMessage[];
  consumers?: ApiAnswer[];
}

interface Vector {
  archive: string;
  server_config?: { jetstream: string[]; other: string[] };
  accounts: Record<string, { streams: ExpectedStream[] }>;
}

const names = readdirSync(storeVectors)
  .filter((name) => name.endsWith('.json') && name !== 'primitives.json')
  .map((name) => name.slice(0, -'.json'.length))
  .filter((name) => !name.startsWith('backup-') && name !== 'cluster-r3');

/**
 * What is damaged: how many messages and consumers there are here. Officially the stream is lost, or what lies behind the damage, or what
 * was deleted comes back, in those that say so.
 */
const damaged: Record<string, { messages: number; consumers?: number; back?: number[]; log?: RegExp }> = {
  'crash-bad-length-index': { messages: 98 },
  'crash-bad-sum-index': { messages: 97, log: /damaged/ },
  'crash-bad-sum-no-index': { messages: 97, log: /damaged/ },
  'crash-consumer-no-odat': { messages: 98 },
  'crash-consumer-no-sum': { messages: 98, log: /checksum file is missing/ },
  'crash-consumer-odat-empty': { messages: 98 },
  'crash-consumer-odat-garbage': {
    messages: 98,
    consumers: 0,
    log: /Error adding consumer .* corrupt state file/,
  },
  'crash-consumer-odat-short': {
    messages: 98,
    consumers: 0,
    log: /Error adding consumer .* corrupt state file/,
  },
  'crash-consumer-sum': { messages: 98, log: /checksums do not match/ },
  'crash-empty-last-block': { messages: 67, log: /damaged/ },
  'crash-enc-torn': { messages: 7 },
  'crash-extra-block': { messages: 98 },
  'crash-extra-files': { messages: 98 },
  'crash-index-flip': { messages: 98 },
  'crash-index-short': { messages: 98 },
  'crash-meta-sum': { messages: 98, log: /checksums do not match/ },
  'crash-meta-unknown-field': { messages: 98, log: /unknown field "zz"/ },
  'crash-no-blocks': { messages: 0, log: /damaged/ },
  'crash-no-last-block-no-index': { messages: 67 },
  'crash-no-last-block': { messages: 67, log: /damaged/ },
  'crash-no-meta-sum': { messages: 98, log: /checksum file is missing/ },
  'crash-no-mid-block-no-index': { messages: 65 },
  'crash-no-mid-block': { messages: 64, back: [4], log: /damaged/ },
  'crash-partial-purge-early': { messages: 98 },
  'crash-partial-purge-late': { messages: 98 },
  'crash-partial-purge': { messages: 0 },
  'crash-s2-corrupt': { messages: 16, consumers: 0, log: /damaged/ },
  'crash-stale-index': { messages: 98 },
  'crash-torn-clean': { messages: 98, back: [70] },
  'crash-torn-header': { messages: 98 },
  'crash-torn-tail': { messages: 99 },
  'crash-zero-tail-index': { messages: 98 },
  'crash-zero-tail': { messages: 98 },
};

/** What moves with the clock, or says where a server is, or how far it has come in copying from others. */
function comparable(answer: ApiAnswer): ApiAnswer {
  const shown = structuredClone(answer);
  for (const field of [
    'ts',
    'cluster',
    'type',
    'total',
    'offset',
    'limit',
    'mirror',
    'sources',
    'pause_remaining',
  ])
    delete shown[field];
  return shown;
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function messagesOf(server: JetStreamServer, account: string, stream: string, sequences: number[]) {
  const found = new Map<number, ApiAnswer>();
  for (const seq of sequences) {
    const { message } = await server.api(`STREAM.MSG.GET.${stream}`, { seq }, account);
    if (message !== undefined) found.set(seq, message);
  }
  return found;
}

function compareMessage(message: ApiAnswer | undefined, expected: ExpectedMessage, label: string): void {
  assert.ok(message, `${label}: message ${expected.seq} is there`);
  assert.equal(message.subject, expected.subject, label);
  if (expected.subject !== 'bt.3') assert.equal(message.time, expected.time, label);
  assert.equal(message.hdrs ?? '', expected.headers_raw_base64 ?? '', label);
  const data = Buffer.from(message.data ?? '', 'base64');
  if (expected.payload_sha256 !== undefined) assert.equal(digest(data), expected.payload_sha256, label);
  else assert.equal(data.toString('base64'), expected.payload_base64 ?? '', label);
}

async function compareStream(
  server: JetStreamServer,
  account: string,
  { name, info, messages, consumers }: ExpectedStream,
  label: string,
): Promise<void> {
  const answer = await server.api(
    `STREAM.INFO.${name}`,
    { deleted_details: true, subjects_filter: '>' },
    account,
  );
  if (info === undefined) return;
  assert.equal(answer.error, undefined, label);
  const wanted = comparable(info);
  // The official server forgets the time of a last message that was erased.
  if (wanted.state.last_ts === ZERO_TIME) wanted.state.last_ts = answer.state.last_ts;
  // A stream that begins at a higher sequence and never had a message: the official server takes sequence 0 for deleted.
  if (wanted.state.deleted?.length === 1 && wanted.state.deleted[0] === 0) {
    delete wanted.state.deleted;
    delete wanted.state.num_deleted;
  }
  // What was missing of a batch is stored now.
  if (name === 'BAT') wanted.state.last_ts = answer.state.last_ts;
  assert.deepEqual(comparable(answer), wanted, label);
  const found = await messagesOf(
    server,
    account,
    name,
    (messages ?? []).map(({ seq }) => seq),
  );
  for (const expected of messages ?? []) compareMessage(found.get(expected.seq), expected, label);
  for (const expected of consumers ?? []) {
    const consumer = await server.api(`CONSUMER.INFO.${name}.${expected.name}`, '', account);
    const shown = comparable(consumer);
    const wanted = comparable(expected);
    // Ephemeral consumers get a new time at each start of the official server.
    if (wanted.config.durable_name === undefined) shown.created = wanted.created;
    delete shown.config.metadata;
    delete wanted.config.metadata;
    assert.deepEqual(shown, wanted, `${label} > ${expected.name}`);
  }
}

async function compareDamaged(server: JetStreamServer, { accounts }: Vector, name: string): Promise<void> {
  const { messages, consumers = 1, back = [] } = damaged[name]!;
  const { streams } = await server.api('STREAM.LIST', {});
  assert.equal(streams.length, 1);
  const [{ config, state }] = streams;
  assert.deepEqual([state.messages, state.consumer_count], [messages, consumers]);
  const [stream] = accounts.$G!.streams;
  const expected = stream?.messages?.filter(({ seq }) => !back.includes(seq)) ?? [];
  const found = await messagesOf(
    server,
    '$G',
    config.name,
    expected.map(({ seq }) => seq),
  );
  for (const each of expected) compareMessage(found.get(each.seq), each, name);
  const [consumer] = stream?.consumers ?? [];
  if (consumer === undefined) return;
  const shown = await server.api(`CONSUMER.INFO.${config.name}.${consumer.name}`);
  assert.deepEqual(shown.delivered, consumer.delivered);
  assert.deepEqual(shown.ack_floor, consumer.ack_floor);
}

test('what is called damaged is all of it', () => {
  const known = [...Object.keys(damaged), 'crash-deleted-stream'].sort();
  assert.deepEqual(names.filter((name) => name.startsWith('crash-')).sort(), known);
});

for (const name of names) {
  test(`opens ${name}, and again what it has left`, async () => {
    const vector = readVector<Vector>(`${name}.json`);
    const { jetstream = [], other = [] } = vector.server_config ?? {};
    const folder = new StoreFolder();
    try {
      folder.unpack(vector.archive);
      for (const run of ['first', 'second']) {
        await using server = await JetStreamServer.start(folder, jetstream, other);
        const { log } = damaged[name] ?? {};
        if (log !== undefined && run === 'first') assert.match(server.log.lines.join('\n'), log);
        if (name in damaged) {
          await compareDamaged(server, vector, name);
          continue;
        }
        for (const [account, { streams }] of Object.entries(vector.accounts)) {
          for (const stream of streams)
            await compareStream(server, account, stream, `${run} start: ${account} > ${stream.name}`);
        }
      }
    } finally {
      folder.remove();
    }
  });
}

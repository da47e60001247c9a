// Limits by the number of replicas, as account JWTs can give them. What is expected here is what the official server (2.15.2, alone) says
// with such a JWT.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JetStreamTiers, noJetStreamLimits } from '../../../src/config/jetstream-options.js';
import { jsz } from '../../../src/monitoring/jsz.js';
import type { MonitorView } from '../../../src/monitoring/view.js';
import { type ApiAnswer, JetStreamServer, StoreFolder } from '../../support/jetstream-server.js';
import { noJszOptions } from '../../support/jsz-options.js';

const R1 = {
  maxMemory: 10240,
  maxStore: 20480,
  maxStreams: 2,
  maxConsumers: 1,
  maxAckPending: 50,
  memoryMaxStreamBytes: 5120,
  storeMaxStreamBytes: 8192,
  maxBytesRequired: false,
};
const R3 = { ...noJetStreamLimits, maxMemory: 4096, maxStore: 4096, maxStreams: 1 };

const none = {
  memory: 0,
  storage: 0,
  reserved_memory: 0,
  reserved_storage: 0,
  streams: 0,
  consumers: 0,
};
const noLimits = {
  max_memory: 0,
  max_storage: 0,
  max_streams: 0,
  max_consumers: 0,
  max_ack_pending: 0,
  memory_max_stream_bytes: 0,
  storage_max_stream_bytes: 0,
  max_bytes_required: false,
};
const limitsOfR1 = {
  max_memory: 10240,
  max_storage: 20480,
  max_streams: 2,
  max_consumers: 1,
  max_ack_pending: 50,
  memory_max_stream_bytes: 5120,
  storage_max_stream_bytes: 8192,
  max_bytes_required: false,
};
const tierR3 = {
  ...none,
  limits: {
    max_memory: 4096,
    max_storage: 4096,
    max_streams: 1,
    max_consumers: -1,
    max_ack_pending: -1,
    memory_max_stream_bytes: -1,
    storage_max_stream_bytes: -1,
    max_bytes_required: false,
  },
};

async function withTiers(tiers: JetStreamTiers['tiers'], run: (server: JetStreamServer) => Promise<void>) {
  const folder = new StoreFolder();
  try {
    await using server = await JetStreamServer.start(folder, ['max_mem: 1MB', 'max_file: 2MB']);
    server.server.jetstream!.enable(server.server.broker.globalAccount, { tiers });
    await run(server);
  } finally {
    folder.remove();
  }
}

const codeOf = ({ error }: ApiAnswer) => error?.err_code;

test('streams, consumers and messages count in the tier of their replicas', async () => {
  await withTiers({ R1, R3 }, async (server) => {
    const create = (name: string, more: object) => server.api(`STREAM.CREATE.${name}`, { name, ...more });
    const before = await server.api('INFO');
    assert.deepEqual(before, {
      type: 'io.nats.jetstream.api.v1.account_info_response',
      ...none,
      limits: noLimits,
      api: { level: 5, total: 0, errors: 0 },
      tiers: { R1: { ...none, limits: limitsOfR1 }, R3: tierR3 },
    });
    assert.equal(codeOf(await create('S', { max_bytes: 8000, subjects: ['s.>'] })), undefined);
    assert.equal(codeOf(await create('M', { storage: 'memory', subjects: ['m'] })), undefined);
    assert.equal(codeOf(await create('X', { storage: 'memory' })), 10027);
    assert.equal(codeOf(await create('X', { num_replicas: 3 })), 10074);
    assert.equal(codeOf(await create('X', { num_replicas: 2 })), 10120);
    const update = { name: 'S', subjects: ['s.>'] };
    assert.equal(codeOf(await server.api('STREAM.UPDATE.S', { ...update, max_bytes: 8193 })), 10122);
    assert.equal(
      codeOf(await server.api('STREAM.UPDATE.S', { ...update, max_bytes: 8000, num_replicas: 3 })),
      10074,
    );
    const consumer = (name: string, more = {}) =>
      server.api(`CONSUMER.CREATE.S.${name}`, {
        stream_name: 'S',
        config: { name, ack_policy: 'explicit', ...more },
      });
    assert.equal((await consumer('c')).config.max_ack_pending, 50);
    assert.equal(codeOf(await consumer('d')), 10026);
    assert.equal(codeOf(await consumer('c', { max_ack_pending: 51 })), 10121);
    assert.equal((await server.publish('m', 'x'.repeat(6000))).seq, 1);
    assert.equal(codeOf(await server.publish('m', 'x'.repeat(6000))), 10002);
    const used = {
      memory: 6017,
      storage: 0,
      reserved_memory: 0,
      reserved_storage: 8000,
      streams: 2,
      consumers: 1,
    };
    const after = await server.api('INFO');
    assert.deepEqual(
      { ...after, type: '', api: {} },
      {
        type: '',
        ...used,
        limits: noLimits,
        api: {},
        tiers: { R1: { ...used, limits: limitsOfR1 }, R3: tierR3 },
      },
    );
  });
});

test('without a tier for it, nothing is made', async () => {
  await withTiers({ R3 }, async (server) => {
    assert.deepEqual((await server.api('INFO')).tiers, { R3: tierR3 });
    const created = await server.api('STREAM.CREATE.S', { name: 'S' });
    assert.deepEqual(created.error, {
      code: 400,
      err_code: 10120,
      description: 'no JetStream default or applicable tiered limit present',
    });
    assert.equal(codeOf(await server.api('STREAM.CREATE.S', { name: 'S', num_replicas: 3 })), 10074);
  });
});

test('a tier that goes leaves its streams readable, and shows them', async () => {
  await withTiers({ R1 }, async (server) => {
    await server.api('STREAM.CREATE.S', { name: 'S', storage: 'memory', subjects: ['s'] });
    await server.publish('s', 'x');
    server.server.jetstream!.enable(server.server.broker.globalAccount, { tiers: { R3 } });
    assert.equal(codeOf(await server.publish('s', 'x')), 10120);
    assert.equal((await server.api('STREAM.INFO.S')).state.messages, 1);
    const { tiers } = await server.api('INFO');
    assert.equal(tiers.R1.streams, 1);
    assert.deepEqual(tiers.R1.limits, noLimits);
    const consumer = { stream_name: 'S', config: { name: 'c' } };
    assert.equal(codeOf(await server.api('CONSUMER.CREATE.S.c', consumer)), 10120);
  });
});

test('/jsz shows no reservation for tiers, as officially', async () => {
  await withTiers({ R1, R3 }, async ({ server }) => {
    const view = { server, cpu: { percent: () => 0 }, requests: new Map(), ready: () => true };
    const options = { ...noJszOptions, accounts: true };
    const shown = jsz(view as unknown as MonitorView, options) as { account_details?: object[] };
    const { reserved_memory: memory, reserved_storage: storage } = shown.account_details![0] as ApiAnswer;
    assert.deepEqual([memory, storage], [0, 0]);
  });
});

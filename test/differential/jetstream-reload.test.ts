// JetStream while the configuration changes, beside the official server: log lines, refusals, and what requests get afterwards.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { officialBinary, WITHOUT_OFFICIAL, weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';

const enabled = 'jetstream: enabled';
/** A configuration with other values in the block of JetStream, other words on the account, and more at the top. */
function conf(block: Record<string, string> | null, account = enabled, more = ''): string {
  const own = { store_dir: '"$DIR/js"', max_mem: '10MB', max_file: '20MB', sync_interval: '"2m"', ...block };
  const text = Object.entries(own).map(([key, value]) => `${key}: ${value}`);
  const accounts = `accounts { A { users: [{user: a, password: a}], ${account} }, B { users: [{user: b, password: b}] } }`;
  return `server_name: srv\n${block === null ? '' : `jetstream { ${text.join(', ')} }`}\n${accounts}\n${more}`;
}

const plain = conf({});
const limited = 'jetstream: {max_mem: 1KB, max_file: 2KB, max_streams: 1, max_consumers: 2}';
const changes: Record<string, string[]> = {
  'more memory': [plain, conf({ max_mem: '30MB' })],
  'less memory': [plain, conf({ max_mem: '5MB' })],
  'more files': [plain, conf({ max_file: '40MB' })],
  'less files': [plain, conf({ max_file: '4MB' })],
  domain: [plain, conf({ domain: 'hub' })],
  'time between syncs': [plain, conf({ sync_interval: '"1m"' })],
  'syncs at once': [plain, conf({ sync_interval: 'always' })],
  'no syncs at once': [conf({ sync_interval: 'always' }), plain],
  strict: [plain, conf({ strict: 'false' })],
  limits: [plain, conf({ limits: '{max_ack_pending: 5, duplicate_window: 1s}' })],
  queues: [plain, conf({ request_queue_limit: '50' })],
  cipher: [plain, conf({ cipher: 'aes' })],
  'work of the disk': [plain, conf({ max_concurrent_io: '4' })],
  tag: [plain, conf({ unique_tag: '"az:"' })],
  directory: [plain, conf({ store_dir: '"$DIR/other"' })],
  on: [conf(null, ''), plain],
  'an account off': [plain, conf({}, '')],
  'an account off and on': [plain, conf({}, ''), plain],
  'limits of an account': [plain, conf({}, limited)],
  'limits of an account go': [conf({}, limited), plain],
  'a domain by default': [plain, conf({}, enabled, 'default_js_domain { B: hub }')],
  flags: [plain, conf({}, enabled, 'feature_flags { js_ack_fc_v2: true }')],
};

const requests: [subject: string, body: unknown][] = [
  ['$JS.API.INFO', ''],
  ['$JS.API.STREAM.CREATE.S', { name: 'S', subjects: ['s'] }],
  ['$JS.API.STREAM.CREATE.M', { name: 'M', subjects: ['m'], storage: 'memory', bogus: 1 }],
  [
    '$JS.API.CONSUMER.CREATE.S.c',
    { stream_name: 'S', config: { durable_name: 'c', ack_policy: 'explicit' } },
  ],
  ['s', 'x'.repeat(900)],
  ['$JS.API.STREAM.INFO.S', ''],
  ['$JS.hub.API.INFO', ''],
];

async function ask(port: number): Promise<string[]> {
  const nc = await connect({ port, user: 'a', pass: 'a', reconnect: false });
  const lines: string[] = [];
  for (const [subject, body] of requests) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await nc.request(subject, text, { timeout: 3000 }).then(
      (message) => message.string(),
      (error: Error) => error.message,
    );
    lines.push(
      `${subject} ${answer.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (time) => (time < '0002' ? time : '<time>')).replace(/"api":\{[^}]*\}/, '')}`,
    );
  }
  await nc.close();
  return lines;
}

async function run(binary: string, [first, ...rest]: readonly string[]): Promise<string[]> {
  await using server = await ServerProcess.start({ binary, conf: first!, http: false });
  const { folder, port } = server;
  const lines = await ask(port);
  for (const next of rest) {
    const before = server.log.length;
    const text = `listen: "127.0.0.1:-1"\n${next.replaceAll('$DIR', folder)}\n`;
    writeFileSync(join(folder, 'server.conf'), text);
    server.kill('SIGHUP');
    const since = () => server.log.slice(before);
    for (let i = 0; i < 500 && !/Reloaded server configuration|Failed to reload/.test(since()); i++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    lines.push(...told(since(), folder), ...(await ask(port)));
  }
  return lines;
}

/** What the reload said; connections come in no order, and how long it took does not matter. */
function told(log: string, folder: string): string[] {
  return log
    .replaceAll(folder, '')
    .split('\n')
    .map((line) =>
      line.replace(/^\[\d+\] [\d/]+ [\d:.]+ /, '').replace(/sha256:[0-9a-f]+|[\d.]+(µs|ms|s)\b/g, '-'),
    )
    .filter((line) => line !== '' && !/ cid:/.test(line));
}

describe('reloads of JetStream against the official server', {
  skip: officialBinary() ? false : WITHOUT_OFFICIAL,
}, () => {
  for (const [name, configurations] of Object.entries(changes)) {
    test(name, async () => {
      const [theirs, ours] = await Promise.all([
        run(officialBinary()!, configurations),
        run(weftBinary(), configurations),
      ]);
      assert.deepEqual(ours, theirs);
    });
  }
});

/** Accounts change while both servers run: the same log lines, the same refusals, and the same for those connected. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { officialBinary, WITHOUT_OFFICIAL, weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';
import { WireClient } from '../support/wire-client.js';

interface Change {
  from: string;
  to: string;
  /** What clients say before, by user name; `-` has none. */
  clients?: Record<string, string>;
}

const a = (rest: string) => `accounts { A { ${rest} } }`;
const userA = 'users: [{user: a, pass: p}]';
const system = 'accounts { "$SYS" { users: [{user: s, pass: p}] } }';
const pair = (exports: string, imports: string) =>
  `accounts { A { exports: [${exports}] }, B { imports: [${imports}] } }`;

const changes: Change[] = [
  // Accounts come, go, and say other things of themselves.
  { from: 'accounts { A {} }', to: 'accounts { A {}, B {} }' },
  { from: 'accounts { A {}, B {} }', to: 'accounts { A {} }' },
  { from: 'accounts { A {} }', to: a('limits: {max_conn: 5}') },
  { from: 'accounts { A {} }', to: a('exports: [{service: x}]') },
  { from: '', to: a(userA) },
  { from: a(userA), to: '' },
  // What they exchange.
  { from: 'accounts { A {} }', to: a('imports: [{service: {account: B, subject: x}}]') },
  {
    from: pair('{service: x}', '{service: {account: A, subject: x}}'),
    to: pair('', '{service: {account: A, subject: x}}'),
  },
  {
    from: pair('{stream: x}', '{stream: {account: A, subject: x}}'),
    to: pair('{stream: y}', '{stream: {account: A, subject: y}}'),
  },
  { from: a(''), to: a('exports: [{service: x, response: never}]') },
  // Warnings are forgiven.
  { from: a(''), to: a('msg_trace: {sampling: 5}') },
  { from: '', to: 'ping_interval: 5' },
  { from: 'authorization { timeout: 100 }', to: 'authorization { timeout: 120 }' },
  // The system account.
  { from: 'accounts { S {} }\nsystem_account: S', to: 'accounts { A {} }\nsystem_account: S' },
  { from: 'accounts { S {} }\nsystem_account: S', to: '' },
  { from: '', to: `${system}\nsystem_account: "$SYS"` },
  { from: `${system}\nsystem_account: "$SYS"`, to: system },
  { from: '', to: 'system_account: "$SYS"' },
  { from: '', to: 'accounts { A {} }\nsystem_account: A' },
  { from: 'accounts { "$SYS" {} }', to: 'accounts { A {} }\nsystem_account: A' },
  { from: '', to: 'no_system_account: true' },
  // Who needs no credentials.
  { from: `${a('users: [{user: a}]')}\nno_auth_user: a`, to: a('users: [{user: b}]') },
  { from: `${a('users: [{user: a}]')}\nno_auth_user: a`, to: a('users: [{user: a}]') },
  { from: a('users: [{user: a}]'), to: `${a('users: [{user: a}]')}\nno_auth_user: a` },
  // Connections: of an account that goes, that stays, of a user that moves.
  { from: a(userA), to: 'accounts { B { users: [{user: b, pass: p}] } }', clients: { a: 'SUB x 1\r\n' } },
  { from: a(userA), to: '', clients: { a: 'SUB x 1\r\n' } },
  { from: a(userA), to: a(`${userA}, limits: {max_conn: 5}`), clients: { a: 'SUB x 1\r\n' } },
  { from: a(userA), to: 'accounts { B { users: [{user: a, pass: p}] } }', clients: { a: 'SUB x 1\r\n' } },
  {
    from: a(userA),
    to: `accounts { A {} }\nauthorization { users: [{user: a, pass: p}] }`,
    clients: { a: 'SUB x 1\r\n' },
  },
  { from: a(userA), to: a('users: [{user: a, pass: q}]'), clients: { a: 'SUB x 1\r\n' } },
  {
    from: a(userA),
    to: a(`${userA}, default_permissions: {subscribe: y}`),
    clients: { a: 'SUB x 1\r\nSUB y 2\r\n' },
  },
  {
    from: a(`${userA}, default_permissions: {subscribe: y}`),
    to: a(`${userA}, default_permissions: {publish: y}`),
    clients: { a: 'SUB y 2\r\n' },
  },
  // Clients without credentials, and those of the system account.
  { from: '', to: a(userA), clients: { '-': 'SUB x 1\r\n' } },
  { from: '', to: system, clients: { '-': 'SUB x 1\r\n' } },
  { from: system, to: '', clients: { s: 'SUB x 1\r\n' } },
  {
    from: system,
    to: 'accounts { "$SYS" { users: [{user: s, pass: p}] }, A {} }',
    clients: { '-': '', s: '' },
  },
  { from: system, to: `${system}\nping_max: 5`, clients: { '-': 'SUB x 1\r\n', s: 'SUB x 1\r\n' } },
  {
    from: `${a('users: [{user: a}]')}\nno_auth_user: a`,
    to: a('users: [{user: b}]'),
    clients: { '-': 'SUB x 1\r\n' },
  },
  // Users that were in no list. While they are in none, the official server ends them at every reload; we do not.
  { from: '', to: a(userA), clients: { a: 'SUB x 1\r\n' } },
  { from: '', to: 'authorization { users: [{user: a, pass: p}] }', clients: { a: 'SUB x 1\r\n' } },
  // A refusal changes nothing.
  {
    from: a(userA),
    to: 'accounts { A { imports: [{stream: {account: C, subject: x}}] } }',
    clients: { a: 'SUB x 1\r\n' },
  },
];

interface Outcome {
  log: string[];
  clients: Record<string, string>;
}

async function run(binary: string, { from, to, clients = {} }: Change): Promise<Outcome> {
  await using server = await ServerProcess.start({ binary, conf: from, http: false });
  const connected = new Map<string, WireClient>();
  for (const [user, say] of Object.entries(clients)) {
    const client = await WireClient.connect(server.port);
    const credentials = user === '-' ? {} : { user, pass: 'p' };
    await client.sync(`CONNECT ${JSON.stringify({ verbose: false, ...credentials })}\r\n${say}`);
    connected.set(user, client);
  }
  const before = server.log.length;
  writeFileSync(join(server.folder, 'server.conf'), `listen: "127.0.0.1:-1"\n\n${to}\n`);
  server.kill('SIGHUP');
  await server.waitForLog(/Reloaded server configuration|Failed to reload/);
  const seen: Record<string, string> = {};
  for (const [user, client] of connected) {
    const open = await client.sync('PUB x 1\r\nx\r\nPUB y 1\r\ny\r\n', 2000);
    const lines = client.received.replace(/^INFO .*\r\n/gm, '').replaceAll('\r\n', ' ');
    seen[user] = `${open ? 'open' : 'closed'}: ${lines}`;
    client.destroy();
  }
  return { log: reloadLines(server.log.slice(before), server.folder), clients: seen };
}

/** What the reload said; connections come in no order. */
function reloadLines(log: string, folder: string): string[] {
  return log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      line
        .replace(/^\[\d+\] [\d/]+ [\d:.]+ /, '')
        .replace(/sha256:[0-9a-f]+/, 'DIGEST')
        .replace(/cid:\d+/, 'cid:N')
        .replaceAll(`${folder}/`, '')
        .replace(/127\.0\.0\.1:\d+/, 'ADDRESS'),
    )
    .sort();
}

describe('reloads of accounts against the official server', {
  skip: officialBinary() ? false : WITHOUT_OFFICIAL,
}, () => {
  for (const change of changes) {
    test(`from ${JSON.stringify(change.from)} to ${JSON.stringify(change.to)}`, async () => {
      const [theirs, ours] = await Promise.all([run(officialBinary()!, change), run(weftBinary(), change)]);
      assert.deepEqual(ours, theirs);
    });
  }
});

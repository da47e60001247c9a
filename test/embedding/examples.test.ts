import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { distributionBuilt, root, runNode } from './support.js';

const expected: Record<string, RegExp> = {
  'hello.mjs': /^greet\.joe: hello joe\ngreet\.sue: hello sue\n$/,
  'request-reply.mjs': /^calculator says \{"sum":5\}\n$/,
  'with-a-clock.test.mjs': /pass 1/,
  'jetstream-time.test.mjs': /pass 3/,
  'fixture.test.mjs': /pass 4/,
  'auth-hook.mjs': /bob read: all is well\nPermissions Violation for Subscription to "secrets\.>"\n$/,
  'events.mjs': /5 left: Slow Consumer \(Pending Bytes\)\nclosed\n$/,
  'billing.mjs':
    /^Invoice for acme\n +15000 messages +6\.00\n(?:.*\n)+Invoice for globex\n +600 messages +0\.24\n(?:.*\n)+ +total +0\.00\n$/,
  'commonjs.cjs': /behaves like .*: true\n$/,
};

test('every example is tried', () => {
  const files = readdirSync(join(root, 'examples')).filter((name) => !name.endsWith('.md'));
  assert.deepEqual(files.sort(), Object.keys(expected).sort());
});

for (const [name, output] of Object.entries(expected)) {
  test(`examples/${name}`, { skip: !distributionBuilt }, async () => {
    const isTest = name.includes('.test.');
    const done = await runNode([...(isTest ? ['--test'] : []), join('examples', name)]);
    assert.equal(done.code, 0, done.stderr + done.stdout);
    assert.match(done.stdout, output);
    assert.equal(done.stderr, '');
  });
}

const program = `
import { wsconnect } from '@nats-io/nats-core';
import { ConfigError, WeftServer, type ServerConfig } from '../types/index.js';
import { MemoryDisk, SimulatedClock } from '../types/sim/index.js';
const config: ServerConfig = { max_payload: 100, authorization: { token: 'x' } };
const server = await WeftServer.create(config, { clock: new SimulatedClock(), authenticate: ({ user }) => user === 'a' });
server.on('disconnect', ({ reason, id }) => { const text: string = reason; const number: number = id; console.log(text, number); });
const nc = await wsconnect(server.inProcess({ name: 'typed' }));
server.client().subscribe('a', (message) => message.respond(message.text()), { max: 1 });
const answer: number = (await server.client().request('a')).json<{ n: number }>().n;
// @ts-expect-error no such key
await WeftServer.create({ max_payloads: 1 });
// @ts-expect-error no such event
server.on('nothing', () => {});
console.log(answer, ConfigError.name, nc.info);
const stored: ServerConfig = { jetstream: { store_dir: '/x', max_file_store: '1G', sync_interval: 'always', limits: { duplicate_window: '1m' } } };
const streams = await WeftServer.create(stored, { disk: 'memory' });
const snapshot: Uint8Array = await streams.snapshot();
await streams.restore(snapshot);
await WeftServer.create({ jetstream: true }, { disk: new MemoryDisk(), snapshot });
// @ts-expect-error no such disk
await WeftServer.create({ jetstream: true }, { disk: 'paper' });
// @ts-expect-error no such key
await WeftServer.create({ jetstream: { stores: 1 } });
await server.close();
`;

test('the declarations that are shipped', async () => {
  const folder = mkdtempSync(join(root, 'build', 'types-'));
  try {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const emitted = await runNode(
      [tsc, '-p', 'tsconfig.types.json', '--outDir', join(folder, 'types')],
      60_000,
    );
    assert.equal(emitted.code, 0, emitted.stdout);
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const source = join(folder, 'program.ts');
    writeFileSync(source, program.replaceAll('../types/', './types/'));
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--types',
      'node',
    ];
    for (const lib of ['es2023', 'es2023,dom']) {
      const checked = await runNode([tsc, ...options, '--lib', lib, '--skipLibCheck', source], 60_000);
      assert.equal(checked.code, 0, checked.stdout);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

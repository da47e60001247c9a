// `npm test [-- options] [-- name parts]`: sets up, builds, checks types and style, and runs the tests.
//
//   --quick    leave out the tests under test/stress and test/differential
//   NAME       only test files whose path contains NAME
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

setUp();
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { buildDist, buildTests } = await import('./build.mjs');
await buildDist();
await buildTests();

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const names = args.filter((arg) => !arg.startsWith('--'));

function run(label, command, commandArgs) {
  const done = spawnSync(command, commandArgs, { cwd: root, stdio: 'inherit' });
  if (done.status === 0) return;
  process.stderr.write(`${label} failed\n`);
  process.exit(done.status ?? 1);
}

function* testFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* testFiles(path);
    else if (entry.name.endsWith('.test.js')) yield path;
  }
}

if (names.length === 0) {
  run('type check', process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--noEmit']);
  run('lint', process.execPath, [
    join(root, 'node_modules/@biomejs/biome/bin/biome'),
    'check',
    '--error-on-warnings',
    '.',
  ]);
}

// The differential tests need the official binary; `.ci/run` runs them on their own.
const left = (path) => !(quick && /\/(stress|differential)\//.test(path));
const folder = join(root, 'build', 'test');
const files = (existsSync(folder) ? [...testFiles(folder)] : [])
  .filter(left)
  .filter((path) => names.length === 0 || names.some((name) => path.includes(name)))
  .sort()
  .map((path) => relative(root, path));
run('tests', process.execPath, ['--enable-source-maps', '--test', '--test-concurrency=2', ...files]);

// `npm test [-- options] [-- name parts]`: sets up, builds, checks types and style, and runs the tests.
//
//   --quick       leave out the tests under test/stress
//   --tests-only  leave out the checks of types and style
//   NAME          only test files whose path contains NAME, and neither of those checks
//
// The tests under test/differential compare with the official server's binary and run only when asked for by name:
// `npm test -- differential/`. They mostly wait, so more of them run side by side. Their files that fail are run once more, alone: what
// two servers do at one moment falls either way on a busy machine, so what differs has to differ again.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setUp } from './setup.mjs';

setUp();
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { buildDist, buildTests } = await import('./build.mjs');
await buildDist();
await buildTests();

const args = process.argv.slice(2);
const options = new Set(args.filter((arg) => arg.startsWith('--')));
const names = args.filter((arg) => !arg.startsWith('--'));
for (const option of options) {
  if (option === '--quick' || option === '--tests-only') continue;
  process.stderr.write(`unknown option ${option}\n`);
  process.exit(2);
}

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

function wanted(path) {
  if (options.has('--quick') && path.startsWith('build/test/stress/')) return false;
  const differential = path.startsWith('build/test/differential/');
  if (names.length === 0) return !differential;
  return names.some((name) => path.includes(name) && (!differential || name.startsWith('differential')));
}

if (names.length === 0 && !options.has('--tests-only')) {
  run('type check', process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--noEmit']);
  run('lint', process.execPath, [
    join(root, 'node_modules/@biomejs/biome/bin/biome'),
    'check',
    '--error-on-warnings',
    '.',
  ]);
}

/** Gives the exit code of a run, and the files that did not end well. */
function runTests(files, concurrency) {
  const work = mkdtempSync(join(tmpdir(), 'weft-tests-'));
  const list = join(work, 'passed');
  const options = [
    '--enable-source-maps',
    '--test',
    `--test-concurrency=${concurrency}`,
    '--test-reporter=spec',
  ];
  const preload = `--import=${pathToFileURL(join(root, 'scripts/note-success.mjs'))}`;
  const { status } = spawnSync(process.execPath, [preload, ...options, ...files], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, WEFT_PASSED_TESTS: list },
  });
  const noted = existsSync(list) ? readFileSync(list, 'utf8').split('\n') : [];
  rmSync(work, { recursive: true });
  const passed = noted.map((path) => relative(root, path).replaceAll('\\', '/'));
  return { status: status ?? 1, failed: files.filter((file) => !passed.includes(file)) };
}

const folder = join(root, 'build', 'test');
const files = (existsSync(folder) ? [...testFiles(folder)] : [])
  .map((path) => relative(root, path).replaceAll('\\', '/'))
  .filter(wanted)
  .sort();
// Without files node would go looking for some itself.
if (files.length === 0) {
  process.stderr.write(`no test file matches ${names.join(' ')}\n`);
  process.exit(1);
}
const isDifferential = files.every((path) => path.startsWith('build/test/differential/'));
const { status, failed } = runTests(files, isDifferential ? 3 : 2);
if (status === 0) process.exit(0);
if (isDifferential && failed.length > 0) {
  process.stderr.write(`once more, alone: ${failed.join(' ')}\n`);
  if (runTests(failed, 1).status === 0) process.exit(0);
}
process.stderr.write('tests failed\n');
process.exit(status);

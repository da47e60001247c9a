// Bundles the package into dist/ (what runs) or transpiles sources and tests file by file into build/ (what tests run).
//
//   node scripts/build.mjs           dist/, skipped when it is newer than every source
//   node scripts/build.mjs --types   dist/ with type declarations
//   node scripts/build.mjs --tests   build/
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildCommandLine } from './command-line.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function* filesBelow(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else yield path;
  }
}

function newest(paths) {
  let time = 0;
  for (const path of paths) time = Math.max(time, statSync(path).mtimeMs);
  return time;
}

/** dist/: two entry points (library, simulated world) with the chunks they load when first used, and the command line. */
export async function buildDist({ force = false } = {}) {
  const stamp = join(root, 'dist', '.built');
  const inputs = [
    ...filesBelow(join(root, 'src')),
    join(root, 'package.json'),
    join(root, 'scripts', 'build.mjs'),
    join(root, 'scripts', 'command-line.mjs'),
    join(root, 'scripts', 'code-cache.cjs'),
    join(root, 'scripts', 'warm-up.cjs'),
    join(root, 'bin', 'weft-server'),
  ];
  if (!force && existsSync(stamp) && statSync(stamp).mtimeMs > newest(inputs)) return;
  const { build } = await import('esbuild');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  await build({
    ...common(),
    absWorkingDir: root,
    entryPoints: { index: 'src/index.ts', sim: 'src/sim/index.ts' },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    chunkNames: 'chunk-[name]-[hash]',
    sourcemap: 'linked',
  });
  await buildCommandLine({ build, root, options: common() });
  writeFileSync(stamp, '');
}

/** What all of the package's scripts have in common. */
function common() {
  return {
    platform: 'node',
    target: 'node20',
    packages: 'external',
    define: { WEFT_VERSION: JSON.stringify(packageVersion()) },
    sourcesContent: false,
    logLevel: 'warning',
  };
}

/** build/: every source and test as its own file, so that stack traces and coverage point at real files. */
export async function buildTests() {
  const { build } = await import('esbuild');
  rmSync(join(root, 'build'), { recursive: true, force: true });
  const entryPoints = [];
  for (const folder of ['src', 'test', 'examples', 'bench']) {
    for (const path of filesBelow(join(root, folder))) if (path.endsWith('.ts')) entryPoints.push(path);
  }
  await build({
    absWorkingDir: root,
    entryPoints,
    outbase: root,
    outdir: 'build',
    bundle: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    define: { WEFT_VERSION: JSON.stringify(packageVersion()) },
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
  });
}

function packageVersion() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
}

function emitTypes() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', join(root, 'tsconfig.types.json')];
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--tests')) await buildTests();
  else await buildDist({ force: process.argv.includes('--force') || process.argv.includes('--types') });
  if (process.argv.includes('--types')) emitTypes();
}

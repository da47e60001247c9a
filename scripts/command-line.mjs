// Builds the command line, dist/cli/: scripts that bin/weft-server runs, each with V8's compiled form of it beside it.
//
// Node starts one CommonJS script faster than modules, and it can keep the compiled form of scripts alone. So esbuild splits the
// sources into modules, as it does for the library, and these become functions of scripts here:
//
//     ({ 'chunk-a'(require, part) { const { b } = part('chunk-b'); ...; return { a }; }, ... })
//
// main.cjs has the parts that every start needs; each other part is a script of its own, loaded when it is first used.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** Parts that are loaded late, but at every start. */
const ALWAYS = ['src/system/room.ts'];

export async function buildCommandLine({ build, root, options }) {
  const { outputFiles, metafile } = await build({
    ...options,
    absWorkingDir: root,
    entryPoints: { main: 'src/cli.ts' },
    outdir: 'dist/cli',
    bundle: true,
    splitting: true,
    format: 'esm',
    chunkNames: '[name]-[hash]',
    sourcemap: 'external',
    metafile: true,
    write: false,
  });
  const text = new Map(outputFiles.map((file) => [basename(file.path), file.text]));
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output]));
  const folder = join(root, 'dist', 'cli');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const write = (name, parts) => {
    const script = scriptOf(
      parts.map((part) => ({ part, text: text.get(part), map: text.get(`${part}.map`) })),
    );
    writeFileSync(join(folder, `${name}.cjs`), `${script.text}\n//# sourceMappingURL=${name}.cjs.map\n`);
    writeFileSync(join(folder, `${name}.cjs.map`), JSON.stringify(script.map));
  };
  const main = startParts(outputs);
  write('main', [...main]);
  for (const part of outputs.keys()) {
    if (part.endsWith('.js') && !main.has(part)) write(part.slice(0, -'.js'.length), [part]);
  }
  keepCompiled(root);
}

/** What is imported on the way from the command line and from what else every start loads. */
function startParts(outputs) {
  const found = new Set();
  const add = (part) => {
    if (found.has(part)) return;
    found.add(part);
    for (const { path, kind, external } of outputs.get(part).imports) {
      if (kind === 'import-statement' && !external) add(basename(path));
    }
  };
  for (const [part, { entryPoint }] of outputs)
    if (part === 'main.js' || ALWAYS.includes(entryPoint)) add(part);
  return found;
}

/** One script of modules, with a source map of as many sections. */
function scriptOf(modules) {
  const lines = ['"use strict";({'];
  const sections = [];
  for (const { part, text, map } of modules) {
    lines.push(`"${part.slice(0, -'.js'.length)}"(require, part) {`);
    sections.push({ offset: { line: lines.length, column: 0 }, map: JSON.parse(map) });
    lines.push(...functionBody(text, part).split('\n'), '},');
  }
  lines.push('})');
  return { text: lines.join('\n'), map: { version: 3, sections } };
}

/** A module as esbuild writes it, with the same lines, as the body of a function that returns what the module exports. */
function functionBody(module, part) {
  const from = (name) =>
    name.startsWith('./') ? `part("${name.slice(2, -'.js'.length)}")` : `require("${name}")`;
  const body = module
    .replace(
      /^import \{([^}]*)\} from "([^"]+)";$/gm,
      (_, names, name) => `const {${renamed(names)}} = ${from(name)};`,
    )
    .replace(/^import "([^"]+)";$/gm, (_, name) => `${from(name)};`)
    .replace(/^export \{([^}]*)\};$/gm, (_, names) => `return {${renamed(names, true)}};`)
    .replace(/\bimport\("([^"]+)"\)/g, (_, name) => `Promise.resolve().then(() => ${from(name)})`)
    .replace(
      /\bimport\.meta\.resolve\(("[^"]+")\)/g,
      'require("node:url").pathToFileURL(require.resolve($1)).href',
    );
  const left = /^(?:import|export)\b.*|\bimport\.meta.*/m.exec(body);
  if (left !== null) throw new Error(`${part}: no rule for ${left[0]}`);
  if (/[^\x00-\x7f]/.test(body)) throw new Error(`${part}: not all of it is ASCII`);
  return body;
}

/** `a as b` is `a: b` where it is taken out of an object, and `b: a` where it is put into one. */
function renamed(names, exported = false) {
  return names.replace(/([\w$]+) as ([\w$]+)/g, exported ? '$2: $1' : '$1: $2');
}

/** Starts a server as most do, and one with what many switch on. */
function keepCompiled(root) {
  const store = mkdtempSync(join(tmpdir(), 'weft-build-'));
  for (const flags of [[], ['-m', '-1', '-js', '-sd', store]]) {
    const done = spawnSync(process.execPath, [join(root, 'scripts', 'code-cache.cjs'), ...flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    // Without it the server starts all the same, only later.
    if (done.status !== 0) process.stderr.write(`The code cache could not be made:\n${done.stderr}`);
  }
  rmSync(store, { recursive: true, force: true });
}

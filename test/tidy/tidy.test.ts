/** The house rules that a machine can check. CONTRIBUTING.md says why they are there. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** From the world outwards; a room imports from those before it and from itself. */
const rooms = [
  'runtime',
  'protocol',
  'subjects',
  'config',
  'security',
  'accounts',
  'broker',
  'jetstream',
  'monitoring',
  'system',
  'embedding',
];
/** What puts the rooms together, and may import all of them. */
const top = [
  'src/announcements.ts',
  'src/cli.ts',
  'src/index.ts',
  'src/lame-duck.ts',
  'src/reload.ts',
  'src/server.ts',
  'src/warm-up.ts',
  'src/weft-server.ts',
];
const topRooms = ['cli'];
const maxLines = 800;
const hotPath = [
  'src/broker/delivery-plan.ts',
  'src/broker/flush-queue.ts',
  'src/broker/inbound.ts',
  'src/broker/outbound.ts',
  'src/broker/publisher.ts',
  'src/protocol/bytes.ts',
  'src/protocol/client-parser.ts',
  'src/subjects/subject-cache.ts',
];

interface Source {
  path: string;
  text: string;
  lines: string[];
}

function read(folder: string, keep: (name: string) => boolean): Source[] {
  const full = join(root, folder);
  if (!existsSync(full)) return [];
  return readdirSync(full, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && keep(entry.name))
    .map((entry) => {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      const text = readFileSync(path, 'utf8');
      return { path: relative(root, path).split(sep).join('/'), text, lines: text.split('\n') };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

const isTypeScript = (name: string) => name.endsWith('.ts');
const sources = read('src', isTypeScript);
const code = [...sources, ...['test', 'bench', 'examples'].flatMap((folder) => read(folder, isTypeScript))];

/** Every line of `files` that matches, as `path:line: text`. */
function matching(files: Source[], pattern: RegExp): string[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

/** The line without its comment, as far as that can be told without parsing. */
const withoutComments = (files: Source[]): Source[] =>
  files.map((file) => ({
    ...file,
    lines: file.lines.map((line) => (/^\s*(\/?\*|\/\/)/.test(line) ? '' : line.replace(/\s\/\/ .*$/, ''))),
  }));

/** `src/broker/x.ts` is in `broker`; a file directly below src has none. */
const roomOf = (path: string) => /^src\/([^/]+)\//.exec(path)?.[1];

/** The repository paths that a source imports or re-exports, statically or not. */
function imports({ path, text }: Source): string[] {
  const found = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']*)'/g);
  return [...found].map((match) =>
    join(dirname(path), match[1]!).split(sep).join('/').replace(/\.js$/, '.ts'),
  );
}

function mayImport(from: string, to: string): boolean {
  if (to === 'src/version.ts') return true;
  const fromRoom = roomOf(from);
  const toRoom = roomOf(to);
  if (top.includes(from)) return true;
  if (fromRoom === undefined) return false;
  if (fromRoom === toRoom || topRooms.includes(fromRoom)) return true;
  if (toRoom === undefined) return false;
  if (fromRoom === 'sim') return toRoom === 'runtime';
  return rooms.indexOf(toRoom) >= 0 && rooms.indexOf(toRoom) < rooms.indexOf(fromRoom);
}

test('there is something to check', () => {
  assert.ok(sources.some(({ path }) => path === 'src/version.ts'));
});

test(`no source is longer than ${maxLines} lines`, () => {
  const long = sources.filter(({ lines }) => lines.length > maxLines).map(({ path }) => path);
  assert.deepEqual(long, []);
});

test('every source is in a known room', () => {
  const known = [...rooms, ...topRooms, 'sim'];
  const lost = sources.filter(({ path }) => {
    const room = roomOf(path);
    return room === undefined ? ![...top, 'src/version.ts'].includes(path) : !known.includes(room);
  });
  assert.deepEqual(
    lost.map(({ path }) => path),
    [],
  );
});

test('rooms import only from rooms above them', () => {
  const wrong = sources.flatMap((source) =>
    imports(source)
      .filter((target) => !mayImport(source.path, target))
      .map((target) => `${source.path} imports ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test('the import rule itself', () => {
  const example = {
    path: 'src/config/a.ts',
    text: "export { x } from '../broker/b.js';\nawait import('./c.js')",
    lines: [],
  };
  assert.deepEqual(imports(example), ['src/broker/b.ts', 'src/config/c.ts']);
  assert.equal(mayImport('src/config/a.ts', 'src/broker/b.ts'), false);
  assert.equal(mayImport('src/broker/b.ts', 'src/config/a.ts'), true);
  assert.equal(mayImport('src/runtime/a.ts', 'src/server.ts'), false);
  assert.equal(mayImport('src/runtime/a.ts', 'src/version.ts'), true);
  assert.equal(mayImport('src/sim/a.ts', 'src/protocol/b.ts'), false);
});

test('file names are kebab-case', () => {
  const wrong = code.filter(({ path }) => !/^([a-z0-9-]+\/)*[a-z0-9-]+(\.test|\.d)?\.ts$/.test(path));
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

test('every source opens with what it is for', () => {
  const silent = sources.filter(({ text }) => !/^(\/\*\*|\/\/ )/.test(text));
  assert.deepEqual(
    silent.map(({ path }) => path),
    [],
  );
});

test('nothing is left for later', () => {
  // Written in pieces, because this file is checked too.
  const words = ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'];
  assert.deepEqual(matching(code, new RegExp(`\\b(${words.join('|')})\\b`)), []);
});

test('sources print through the log and keep their types', () => {
  const checked = withoutComments(sources);
  assert.deepEqual(matching(checked, /\bconsole\.log\b/), []);
  assert.deepEqual(matching(checked, /\bas any\b|<any>|@ts-ignore|@ts-nocheck/), []);
});

test('no state at module level', () => {
  assert.deepEqual(matching(withoutComments(sources), /^(export )?(let|var) /), []);
});

test('the hot path does not wait', () => {
  const files = withoutComments(sources.filter(({ path }) => hotPath.includes(path)));
  assert.deepEqual(
    files.map(({ path }) => path),
    hotPath,
  );
  assert.deepEqual(matching(files, /\bawait\b|\basync\b|\.then\(/), []);
});

interface Document {
  path: string;
  /** Without blocks of code. */
  prose: string;
}

function documents(): Document[] {
  const isMarkdown = (name: string) => name.endsWith('.md');
  const atRoot = readdirSync(root)
    .filter(isMarkdown)
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
  const inFolders = ['docs', 'examples', 'bench', 'test'].flatMap((folder) => read(folder, isMarkdown));
  return [...atRoot, ...inFolders].map(({ path, text }) => ({
    path,
    prose: text.replace(/```[\s\S]*?```/g, ''),
  }));
}

/** The anchors that headings get when they are shown. */
function anchors(prose: string): string[] {
  const headings = [...prose.matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!.toLowerCase());
  return headings.map((heading) => heading.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
}

test('relative links in the documents lead somewhere', () => {
  const all = documents();
  const broken = all.flatMap(({ path, prose }) =>
    [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => match[1]!)
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [file, anchor] = decodeURIComponent(link).split('#');
        const target = file === '' ? path : join(dirname(path), file!).split(sep).join('/');
        if (!existsSync(join(root, target))) return true;
        const document = all.find((each) => each.path === target);
        return anchor !== undefined && document !== undefined && !anchors(document.prose).includes(anchor);
      })
      .map((link) => `${path}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

test('sources that the documents name are there', () => {
  const scripts = ['bin', 'scripts', 'examples', 'bench'].flatMap((folder) =>
    read(folder, (name) => /\.[cm]?js$/.test(name)),
  );
  const known = [...code, ...scripts].map(({ path }) => `/${path}`);
  const lost = documents().flatMap(({ path, prose }) =>
    [...prose.matchAll(/`([\w./-]+\.(?:ts|mjs|cjs))`/g)]
      .map((match) => match[1]!)
      .filter((name) => !name.startsWith('dist/') && !known.some((each) => each.endsWith(`/${name}`)))
      .map((name) => `${path}: ${name}`),
  );
  assert.deepEqual(lost, []);
});

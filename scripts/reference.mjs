// Writes config.md, flags.md and errors.md in docs/reference from the tables that the server itself goes by.
//
//   node scripts/reference.mjs           writes the pages
//   node scripts/reference.mjs --check   fails when a page on disk is not what would be written
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The tables, bundled on the fly, so that no build has to come first. */
async function loadTables() {
  const source = `
    export { keyGroups } from './keys.js';
    export { flagTable } from './flag-table.js';
    export { errorReference } from '../protocol/error-reference.js';`;
  const result = await build({
    stdin: { contents: source, resolveDir: join(root, 'src', 'config'), loader: 'ts' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
  });
  const code = Buffer.from(result.outputFiles[0].text).toString('base64');
  return import(`data:text/javascript;base64,${code}`);
}

const groupTitles = {
  general: 'General',
  security: 'Authorization',
  tls: 'TLS and OCSP',
  accounts: 'Accounts',
  cluster: 'Clusters and gateways',
  leafnodes: 'Leaf nodes',
  jetstream: 'JetStream',
  doors: 'WebSocket and MQTT',
};

const introduction = `# Configuration keys

Every key of the configuration file. Keys are known in any case. A path names the blocks around a key; \`[]\` is an element
of an array, \`<name>\` a name of your choice. \`users[]\` is the form of a user in \`authorization.users\` and in
\`accounts.<name>.users\`, \`permissions\` that of every block of permissions, \`tls\` that of every TLS block.

- **Reload**: whether a change takes effect without a restart.
- **Since**: the version of the official server that brought the key, where known.
- **Available**: \`yes\`, or what this version does not have yet. Using such a key is an error, unless its value only
  switches it off.

This page is written by \`node scripts/reference.mjs\` from the table that the server reads configurations with.
`;

const flagIntroduction = `# Command line flags

One dash or two. Values follow as the next word or after \`=\`; switches take a value only after \`=\`. Flags win over the
configuration file, also when it is reloaded.

This page is written by \`node scripts/reference.mjs\` from the table that the server reads its command line with.
`;

function code(text) {
  return text === '' ? '' : `\`${text}\``;
}

function cell(text) {
  return text.replaceAll('|', '\\|').replace(/<(?=[a-z=])/g, '&lt;');
}

function available(capability) {
  return capability === 'core' ? 'yes' : `not yet (${capability})`;
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

function configPage(keyGroups) {
  const head = ['Key', 'Type', 'Default', 'Reload', 'Since', 'Available', 'Meaning'];
  let page = introduction;
  for (const [group, keys] of Object.entries(keyGroups)) {
    const rows = keys.map((key) => [
      [key.path, ...key.aliases].map(code).join(', '),
      cell(key.type),
      code(key.default),
      cell(key.reload),
      key.since,
      available(key.capability),
      cell(key.meaning),
    ]);
    page += `\n## ${groupTitles[group]}\n\n${table(head, rows)}`;
  }
  return page;
}

function flagsPage(flagTable) {
  const head = ['Flag', 'Type', 'Default', 'Available', 'Meaning'];
  const rows = flagTable.map((flag) => [
    flag.names.map((name) => code(name.length <= 3 ? `-${name}` : `--${name}`)).join(', '),
    flag.type,
    code(flag.default),
    available(flag.capability),
    cell(flag.meaning),
  ]);
  return `${flagIntroduction}\n${table(head, rows)}`;
}

const errorIntroduction = `# Errors that clients get

What stands in \`-ERR '...'\`, word for word as the official server says it. Where a connection is closed without a word
(wrong number of arguments, a bad size, bad JSON in CONNECT, HPUB without headers negotiated), \`/connz\` gives
\`Protocol Violation\` as the reason. Texts of the command line and of configurations are those of the official server, or
name what this version does not have.

This page is written by \`node scripts/reference.mjs\`.
`;

function errorsPage(errorReference) {
  const head = ['Text', 'Closes the connection', 'When'];
  const rows = errorReference.map(({ text, closes, when }) => [
    code(text),
    closes === null ? 'no' : code(closes),
    cell(when),
  ]);
  return `${errorIntroduction}\n${table(head, rows)}`;
}

const { keyGroups, flagTable, errorReference } = await loadTables();
const pages = {
  'config.md': configPage(keyGroups()),
  'flags.md': flagsPage(flagTable),
  'errors.md': errorsPage(errorReference),
};
const folder = join(root, 'docs', 'reference');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(pages)) {
  const path = join(folder, name);
  if (!process.argv.includes('--check')) writeFileSync(path, text);
  else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
    process.stderr.write(`docs/reference/${name} is out of date: run node scripts/reference.mjs\n`);
    process.exitCode = 1;
  }
}

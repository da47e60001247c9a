// Writes config.md, flags.md, errors.md and a page for each option of streams and consumers in docs/reference, from the tables that the
// server itself goes by.
//
//   node scripts/reference.mjs           writes the pages
//   node scripts/reference.mjs --check   fails when a page on disk is not what would be written
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The tables, bundled on the fly, so that no build has to come first. */
async function loadTables() {
  const source = `
    export { keyGroups } from './keys.js';
    export { flagTable } from './flag-table.js';
    export { errorReference } from '../protocol/error-reference.js';
    export { streamOptions } from '../jetstream/reference/stream-options.js';
    export { streamFeatureOptions } from '../jetstream/reference/stream-feature-options.js';
    export { consumerOptions } from '../jetstream/reference/consumer-options.js';`;
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

const optionKinds = {
  stream: {
    title: 'Stream options',
    about:
      "The fields of a stream's configuration, in requests to `$JS.API.STREAM.CREATE.<stream>` and `STREAM.UPDATE.<stream>`.",
    index: 'the options of streams',
  },
  consumer: {
    title: 'Consumer options',
    about:
      'The fields of `config` in requests to `$JS.API.CONSUMER.CREATE.<stream>.<consumer>`, which also changes a consumer that is there.',
    index: 'the options of consumers',
  },
};

const optionNotes = `Durations are nanoseconds, -1 in a limit is none. Fields that are left out take their default, also in an update. Unknown fields are
refused, unless the server is configured with \`strict: false\`. \`"pedantic": true\` in the request asks the server to refuse what it
would put right by itself (error 10157). **Level** is the API level that an option
needs: it is kept in the metadata, and a server that does not have it leaves the stream or consumer alone.
`;

const sinceText = ({ since, level }) => `nats-server ${since}, API level ${level}`;

function optionPage(kind, option) {
  const { index } = optionKinds[kind];
  const facts = [
    ['JSON type', cell(option.type)],
    ['Default', cell(option.default)],
    ['Since', cell(sinceText(option))],
    ['Can be updated', cell(option.update)],
  ];
  let page = `# \`${option.name}\`\n\nOne of [${index}](README.md).\n\n${table(['', ''], facts)}`;
  page += `\n${option.meaning.join('\n\n')}\n`;
  if (option.fields) {
    const rows = option.fields.map(({ name, type, meaning }) => [code(name), cell(type), cell(meaning)]);
    page += `\n## Fields\n\n${table(['Field', 'JSON type', 'Meaning'], rows)}`;
  }
  if (option.errors.length > 0) {
    const rows = option.errors.map((error) => [
      `${error.errorCode}`,
      `${error.code}`,
      code(error.text.replaceAll('|', '\\|')),
      cell(error.when),
    ]);
    page += `\n## Errors\n\n${table(['`err_code`', '`code`', 'Text', 'When'], rows)}`;
  }
  if (option.differences) {
    const list = option.differences.map((text) => `- ${text}\n`).join('');
    page += `\n## Differences from the official server\n\n${list}`;
  }
  return page;
}

function optionIndex(kind, options) {
  const { title, about } = optionKinds[kind];
  const rows = options.map((option) => [
    `[\`${option.name}\`](${option.name}.md)`,
    cell(option.type),
    cell(option.default),
    cell(option.since),
    `${option.level}`,
    cell(option.update),
  ]);
  const head = ['Option', 'JSON type', 'Default', 'Since', 'Level', 'Can be updated'];
  const origin =
    'These pages are written by `node scripts/reference.mjs`; the codes and texts of errors are those of the server.\n';
  return `# ${title}\n\n${about}\n\n${optionNotes}\n${origin}\n${table(head, rows)}`;
}

function optionPages(kind, options) {
  const pages = { [`${kind}/README.md`]: optionIndex(kind, options) };
  for (const option of options) pages[`${kind}/${option.name}.md`] = optionPage(kind, option);
  return pages;
}

const tables = await loadTables();
const pages = {
  'config.md': configPage(tables.keyGroups()),
  'flags.md': flagsPage(tables.flagTable),
  'errors.md': errorsPage(tables.errorReference),
  ...optionPages('stream', [...tables.streamOptions, ...tables.streamFeatureOptions]),
  ...optionPages('consumer', tables.consumerOptions),
};
const folder = join(root, 'docs', 'reference');
const outOfDate = [];
for (const [name, text] of Object.entries(pages)) {
  const path = join(folder, name);
  if (process.argv.includes('--check')) {
    if (!existsSync(path) || readFileSync(path, 'utf8') !== text) outOfDate.push(name);
    continue;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
for (const kind of Object.keys(optionKinds)) {
  for (const file of existsSync(join(folder, kind)) ? readdirSync(join(folder, kind)) : []) {
    if (`${kind}/${file}` in pages) continue;
    if (process.argv.includes('--check')) outOfDate.push(`${kind}/${file}`);
    else rmSync(join(folder, kind, file));
  }
}
for (const name of outOfDate) {
  process.stderr.write(`docs/reference/${name} is out of date: run node scripts/reference.mjs\n`);
  process.exitCode = 1;
}

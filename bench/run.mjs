// `npm run bench`: the same bounded loads against the official server and Weft in turn, and the ratios.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { loads } from './loads.mjs';
import { runOnce } from './measure.mjs';
import { renderPage } from './report-html.mjs';
import { renderTable } from './report-text.mjs';
import { findOfficial, findWeft, makeCertificate, versionOf } from './server.mjs';
import { sides, sidesOf } from './sides.mjs';
import { summarize } from './summary.mjs';

const USAGE = `Usage: npm run bench -- [options]

  --only LOAD     only this load, or those whose name starts so; may be repeated
  --rounds N      rounds of each load, official and Weft in turn (default 2, with --quick 1)
  --full          all loads, also those that take minutes or draw plots and are run only by name otherwise
  --quick         smaller runs, for a first impression
  --weft-only     do not run the official server
  --json          print the results as JSON instead of a table
  --dir FOLDER    where JetStream keeps its files during a run (default: the system's folder for temporary files)
  --list          print the names of the loads; + marks those that are run only by name or with --full
  --help

Environment: WEFT_BIN and NATS_SERVER_BIN name the two programs.
`;

const QUICK_SCALE = 0.35;

function options() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      full: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      'weft-only': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      dir: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 2));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a number from 1');
  const chosen = chooseLoads(values);
  if (chosen.length === 0) throw new Error(`no load is called ${values.only}; --list shows the names`);
  return { ...values, rounds, loads: chosen };
}

/**
 * Which loads are meant: all but those that have to be named, or those that are named: one by its name, several by the start of
 * theirs. `js` alone does not name the long ones.
 * @param {{only?: string[], full: boolean}} wanted
 */
function chooseLoads({ only, full }) {
  if (!only) return loads.filter(({ onlyNamed }) => full || !onlyNamed);
  const exact = new Set(loads.map(({ id }) => id));
  return loads.filter(({ id, onlyNamed }) =>
    only.some((name) => {
      if (exact.has(name)) return id === name;
      return id.startsWith(name) && (full || !onlyNamed || name.length > 'js-'.length);
    }),
  );
}

const say = (text) => process.stderr.write(text);

/** The programs to compare. @returns {Record<string, string>} */
function findPrograms(weftOnly) {
  const weft = findWeft();
  if (weftOnly) return { weft };
  const official = findOfficial();
  if (official) return { official, weft };
  say('The official server was not found (NATS_SERVER_BIN, PATH, Go): measuring Weft alone.\n');
  return { weft };
}

/** All rounds of one load, sides in turn: a slow spell of the machine then meets all of them. */
async function runLoad(load, programs, { rounds, quick, certificate, dir }) {
  const results = [];
  const contestants = sidesOf(load)
    .map((side) => ({ side, program: programs[sides[side].program] }))
    .filter(({ program }) => program !== undefined);
  for (let round = rounds * (load.repeat ?? 1); round > 0; round--) {
    const result = {};
    for (const contestant of contestants) {
      const { side } = contestant;
      say(` ${sides[side].letter}`);
      const how = { scale: quick ? QUICK_SCALE : 1, certificate, directory: dir };
      result[side] = await runOnce(load, contestant, how);
      if (result[side].failed) say('!');
    }
    results.push(result);
  }
  return results;
}

function machine() {
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${process.arch}`,
    node: process.version,
  };
}

async function main() {
  const chosen = options();
  if (chosen.help || chosen.list) {
    process.stdout.write(
      chosen.help
        ? USAGE
        : loads
            .map(({ id, title, onlyNamed }) => `${id.padEnd(16)}${onlyNamed ? '+ ' : '  '}${title}\n`)
            .join(''),
    );
    return;
  }
  const programs = findPrograms(chosen['weft-only']);
  const certificate = chosen.loads.some((load) => load.tls) ? makeCertificate() : undefined;
  const started = Date.now();
  const report = {
    date: new Date(started).toISOString(),
    machine: machine(),
    versions: Object.fromEntries(
      Object.entries(programs).map(([name, program]) => [name, versionOf(program) ?? 'unknown']),
    ),
    rounds: chosen.rounds,
    quick: chosen.quick,
    seconds: 0,
    loads: /** @type {ReturnType<typeof summarize>[]} */ ([]),
  };
  for (const load of chosen.loads) {
    if (load.tls && !certificate) {
      say(`${load.id}: skipped, a certificate needs the openssl command\n`);
      continue;
    }
    say(load.id.padEnd(16));
    const results = await runLoad(load, programs, { ...chosen, certificate });
    report.loads.push(summarize(load, results));
    say('\n');
  }
  report.seconds = Math.round((Date.now() - started) / 1000);
  publish(report, chosen.json);
  const failed = report.loads.some(({ rounds }) =>
    rounds.some((round) => Object.values(round).some((run) => run.failed)),
  );
  if (failed) process.exitCode = 1;
}

function publish(report, asJson) {
  const folder = fileURLToPath(new URL('./results/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const json = `${JSON.stringify(report, null, 2)}\n`;
  const page = join(folder, 'latest.html');
  writeFileSync(join(folder, 'latest.json'), json);
  writeFileSync(join(folder, `${report.date.replace(/[:.]/g, '-')}.json`), json);
  writeFileSync(page, renderPage(report));
  process.stdout.write(asJson ? json : renderTable(report));
  say(`\nPage with plots: ${pathToFileURL(page).href}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
try {
  await main();
  process.exit();
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}

/** The same configurations and command lines for the official server and for ours: the same verdicts and texts. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { parseFlags } from '../../src/config/flags.js';
import { loadOptions } from '../../src/config/load.js';
import { caseEnvironment, caseFiles, configCases, flagCases, startCases } from '../config/cases.js';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';

const official = officialBinary() ?? '';
const missing = official === '' ? WITHOUT_OFFICIAL : false;

const fixtures = join(import.meta.dirname, '..', '..', '..', 'test', 'config', 'fixtures');

/** How often the official server is asked before a difference counts. */
const TRIES = 8;

interface Outcome {
  stdout: string;
  stderr: string;
  code: number;
}

describe('configurations against the official server', { skip: missing }, () => {
  let folder = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'weft-config-'));
    for (const [name, text] of Object.entries(caseFiles)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    for (const name of ['cert.pem', 'key.pem', 'other-key.pem']) {
      copyFileSync(join(fixtures, name), join(folder, name));
    }
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  const sources = {
    env: caseEnvironment,
    readFile: (path: string) => readFileSync(join(folder, path)),
  };

  function runOfficial(args: readonly string[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const options = { cwd: folder, env: { ...caseEnvironment }, timeout: 20_000 };
      execFile(official, [...args], options, (error, stdout, stderr) => {
        resolve({ stdout, stderr, code: typeof error?.code === 'number' ? error.code : error ? -1 : 0 });
      });
    });
  }

  /** What our command line prints and returns, short of starting a server. */
  function runOurs(args: readonly string[]): Outcome {
    const flags = parseFlags(args, 'nats-server');
    if (flags.kind === 'error') return { stdout: flags.stdout, stderr: flags.stderr, code: flags.exitCode };
    if (flags.kind === 'help') return { stdout: flags.text, stderr: '', code: 0 };
    assert.ok(flags.kind === 'run' || flags.kind === 'check', `${args} starts a server`);
    const check = flags.kind === 'check';
    const loaded = loadOptions({
      ...sources,
      flags: flags.flags,
      configFile: flags.configFile,
      purpose: flags.kind === 'check' ? 'check' : 'start',
    });
    const failed = loaded.errors.length > 0 || (check && loaded.warnings.length > 0);
    if (failed) return { stdout: '', stderr: `nats-server: ${loaded.text}\n`, code: 1 };
    assert.ok(check, `${args} starts a server`);
    const stderr = `nats-server: configuration file ${flags.configFile} is valid (${loaded.digest})\n`;
    return { stdout: '', stderr, code: 0 };
  }

  /** Go reports in the order of its maps, which is random, and sometimes trips over its own errors. */
  function comparable({ stdout, stderr, code }: Outcome): unknown {
    const lines = stderr
      .replace(/^nats-server: /, '')
      .split('\n')
      .filter((line) => !line.includes('runtime error: invalid memory address'));
    const help = stdout.replaceAll('nats-server', 'weft-server').split('\n').sort();
    return { code, stderr: lines.sort(), help };
  }

  async function compareAll(commands: readonly { shown: string; args: readonly string[] }[]): Promise<void> {
    const different: string[] = [];
    let next = 0;
    const worker = async () => {
      while (next < commands.length) {
        const { shown, args } = commands[next++]!;
        const ours = comparable(runOurs(args));
        let theirs: unknown;
        // What it says may depend on the order of its maps, too: it has some tries to say the same.
        for (let tries = 0; tries === 0 || (tries < TRIES && !isDeepStrictEqual(ours, theirs)); tries++)
          theirs = comparable(await runOfficial(args));
        if (!isDeepStrictEqual(ours, theirs)) different.push(JSON.stringify({ shown, ours, theirs }));
      }
    };
    await Promise.all(Array.from({ length: 6 }, worker));
    assert.equal(different.join('\n'), '');
  }

  test(`${configCases.length} configurations with -t`, async () => {
    await compareAll(
      configCases.map((text, index) => {
        const name = `case-${index}.conf`;
        writeFileSync(join(folder, name), text);
        return { shown: text, args: ['-t', '-c', name] };
      }),
    );
  });

  test(`${flagCases.length} command lines`, async () => {
    await compareAll(flagCases.map((args) => ({ shown: args.join(' '), args })));
  });

  test(`${startCases.length} configurations that do not start`, async () => {
    await compareAll(
      startCases.map((text, index) => {
        const name = `start-${index}.conf`;
        writeFileSync(join(folder, name), text);
        return { shown: text, args: ['-c', name] };
      }),
    );
  });
});

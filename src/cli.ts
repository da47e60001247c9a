/** The command line: flags and files in, a running server, exit codes out. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { installSignalHandlers } from './cli/signals.js';
import { parseFlags } from './config/flags.js';
import { type LoadInput, type LoadResult, loadOptions } from './config/load.js';
import type { ServerOptions } from './config/options.js';
import { NodeClock } from './runtime/clock.js';
import { Logger } from './runtime/logger.js';
import { Server } from './server.js';
import { natsVersion, weftVersion } from './version.js';

const readFile = (path: string): string => readFileSync(path, 'utf8');

async function main(): Promise<void> {
  const exe = basename(process.argv[1] ?? 'weft-server');
  const parsed = parseFlags(process.argv.slice(2), exe);
  switch (parsed.kind) {
    case 'help':
      process.stdout.write(parsed.text);
      return;
    case 'version':
      process.stdout.write(`nats-server: v${natsVersion}\nweft-server: v${weftVersion}\n`);
      return;
    case 'error':
      process.stderr.write(parsed.stderr);
      process.stdout.write(parsed.stdout);
      process.exitCode = parsed.exitCode;
      return;
    case 'signal': {
      const { sendSignal } = await import('./cli/signal.js');
      const { command, target } = parsed;
      try {
        sendSignal(target === undefined ? command : `${command}=${target}`, 'weft-server');
      } catch (error) {
        fail(`${exe}: ${messageOf(error)}\n`);
      }
      return;
    }
    case 'check':
    case 'run':
      break;
  }
  const { flags, configFile } = parsed;
  const read = (purpose: LoadInput['purpose']) =>
    loadOptions({ flags, configFile, readFile, env: process.env, purpose });
  const loaded = read(parsed.kind === 'check' ? 'check' : 'start');
  if (parsed.kind === 'check') {
    if (loaded.text !== '') fail(`${exe}: ${loaded.text}\n`);
    else process.stderr.write(`${exe}: configuration file ${configFile} is valid (${loaded.digest})\n`);
    return;
  }
  if (loaded.errors.length > 0) {
    fail(`${exe}: ${loaded.text}\n`);
    return;
  }
  process.stderr.write(loaded.text);
  await run(loaded.options, configFile === '' ? undefined : () => read('reload'));
}

async function run(options: ServerOptions, readOptions: (() => LoadResult) | undefined): Promise<void> {
  process.title = 'weft-server';
  const clock = new NodeClock();
  let log: Logger;
  try {
    log = new Logger(options, { clock, onFatal: () => process.exit(1) });
  } catch (error) {
    // There is no log to say it in.
    fail(`${goLogTime(new Date())} ${messageOf(error)}\n`);
    return;
  }
  // The state after an error that nobody expected is unknown: say what happened, and end.
  process.on('uncaughtException', (error) => log.fatal(`Unexpected error: ${error?.stack ?? error}`));
  const server = new Server(options, {
    clock,
    log,
    copyKernel: true,
    prepareLog: (next) => log.prepare(next),
    ...(readOptions === undefined ? {} : { readOptions }),
  });
  installSignalHandlers(
    {
      get lameDuckMode() {
        return server.lameDuckMode;
      },
      shutdown: () => server.shutdown(),
      reopenLog: () => log.reopen(),
      reload: () => server.reload(),
      lameDuck: async () => {
        await server.lameDuck();
        if (!server.shuttingDown) return;
        await server.shutdown();
        process.exit(0);
      },
    },
    log,
  );
  // In lame duck mode there may be nothing else to keep the process.
  setInterval(() => {}, 0x7fff_ffff);
  try {
    await server.start();
  } catch (error) {
    log.fatal(messageOf(error));
  }
}

/** As Go's `log` package begins its lines. */
function goLogTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('/');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

function fail(text: string): void {
  process.stderr.write(text);
  process.exitCode = 1;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

void main();

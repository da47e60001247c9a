/** The command line: flags and files in, a running server, exit codes out. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { installSignalHandlers } from './cli/signals.js';
import { parseFlags } from './config/flags.js';
import { loadOptions } from './config/load.js';
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
  const read = (check: boolean) => loadOptions({ flags, configFile, readFile, env: process.env, check });
  const loaded = read(parsed.kind === 'check');
  if (parsed.kind === 'check') {
    if (loaded.text !== '') fail(`${exe}: ${loaded.text}`);
    else process.stderr.write(`${exe}: configuration file ${configFile} is valid (${loaded.digest})\n`);
    return;
  }
  if (loaded.errors.length > 0) {
    fail(`${exe}: ${loaded.text}${loaded.text.endsWith('\n') ? '' : '\n'}`);
    return;
  }
  if (loaded.text !== '') process.stderr.write(`${exe}: ${loaded.text}`);
  await run(read(false).options, () => read(false));
}

async function run(
  options: ReturnType<typeof loadOptions>['options'],
  readOptions: () => ReturnType<typeof loadOptions>,
) {
  process.title = 'weft-server';
  const clock = new NodeClock();
  const log = new Logger(options, { clock, onFatal: () => process.exit(1) });
  const server = new Server(options, { clock, log, readOptions, copyKernel: true });
  const signals = installSignalHandlers(
    {
      get lameDuckMode() {
        return server.lameDuckMode;
      },
      shutdown: () => server.shutdown(),
      reopenLog: () => log.reopen(),
      reload: async () => {},
      lameDuck: async () => {},
    },
    log,
  );
  try {
    await server.start();
  } catch (error) {
    signals.dispose();
    log.fatal(messageOf(error));
  }
}

function fail(text: string): void {
  process.stderr.write(text);
  process.exitCode = 1;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

await main();

/**
 * `--signal <command>[=<pid | pid file | prefix*>]`: finds running servers and sends them the signal a command stands
 * for. The error texts are the official server's.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { systemErrorReason } from '../runtime/system-error.js';

const signals: Readonly<Record<string, NodeJS.Signals>> = {
  stop: 'SIGKILL',
  quit: 'SIGINT',
  term: 'SIGTERM',
  reopen: 'SIGUSR1',
  reload: 'SIGHUP',
  ldm: 'SIGUSR2',
};

/** What sending a signal needs of the machine. */
export interface ProcessTable {
  readonly self: number;
  /** Pids of the processes with this name; throws where they cannot be found out. */
  find(name: string): number[];
  /** Throws the system's error. */
  kill(pid: number, signal: NodeJS.Signals): void;
  /** The file's text, undefined where there is no such readable file. */
  readFile(path: string): string | undefined;
}

export const systemProcesses: ProcessTable = {
  self: process.pid,
  find(name) {
    const done = spawnSync('pgrep', [name], { encoding: 'utf8' });
    if (done.error) throw done.error;
    return done.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map(parsePid);
  },
  kill(pid, signal) {
    process.kill(pid, signal);
  },
  readFile(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  },
};

/** Throws the text the command line prints after `<exe>: `. */
export function sendSignal(
  argument: string,
  processName: string,
  table: ProcessTable = systemProcesses,
): void {
  const [command, target, ...rest] = argument.split('=') as [string, ...string[]];
  if (rest.length > 0) throw new Error(`invalid signal parameters: [${rest.join(' ')}]`);
  // An editor's or a shell's line end in the pid file is no reason to refuse it.
  const expression = target === undefined ? '' : (table.readFile(target)?.trim() ?? target);
  const pids = resolvePids(expression, processName, table);
  const signal = signals[command];
  if (!Object.hasOwn(signals, command) || !signal)
    throw new Error(`unknown signal ${JSON.stringify(command)}`);

  let failures = '';
  for (const pid of pids) {
    try {
      table.kill(pid, signal);
    } catch (error) {
      failures += `\nsignal "${command}" ${pid}: ${killFailure(error)}`;
    }
  }
  if (failures !== '') throw new Error(failures);
}

/** A pid, a prefix of pids with `*` at the end, or nothing for the only server there is. */
function resolvePids(expression: string, processName: string, table: ProcessTable): number[] {
  const glob = expression.endsWith('*');
  const prefix = glob ? expression.slice(0, -1) : expression;
  const pid = prefix === '' ? undefined : parsePid(prefix);
  if (pid !== undefined && !glob) return [pid];

  const running = runningServers(processName, table);
  if (running.length > 1 && !glob) {
    throw new Error(`multiple ${processName} processes running:\n${running.join('\n')}`);
  }
  if (running.length === 0) throw new Error(`no ${processName} processes running`);
  return running.filter((candidate) => String(candidate).startsWith(prefix));
}

function runningServers(processName: string, table: ProcessTable): number[] {
  try {
    return table.find(processName).filter((pid) => pid !== table.self);
  } catch {
    throw new Error('unable to resolve pid, try providing one');
  }
}

function parsePid(text: string): number {
  const pid = Number(text);
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(pid)) throw new Error(`invalid pid: ${text}`);
  return pid;
}

/** Numbers that do not fit a pid are refused by Node before the system sees them. */
function killFailure(error: unknown): string {
  return (error as NodeJS.ErrnoException).code === 'ERR_INVALID_ARG_TYPE'
    ? 'no such process'
    : systemErrorReason(error);
}

// Runs a server executable (official or ours) on random ports with a given configuration, for tests that look at a
// server from outside. Ports are read from the log, whose lines both servers share.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ServerProcessOptions {
  /** The executable. One without a file extension whose first line names node is run by this very node. */
  readonly binary: string;
  /** Conf text. `listen` and, unless `http` is false, `http` are put in front of it; `$DIR` becomes the folder. */
  readonly conf?: string;
  /** More command line arguments, after `-c <conf>`. */
  readonly args?: readonly string[];
  /** Whether to open a monitoring port (default true). */
  readonly http?: boolean;
  /** More files for the temporary folder, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Milliseconds to wait until the server says it is ready (default 10,000). */
  readonly startTimeout?: number;
}

const CLIENT_PORT = /Listening for client connections on .*:(\d+)/;
const HTTP_PORT = /Starting http monitor on .*:(\d+)/;
const READY = 'Server is ready';

export class ServerProcess {
  /** Everything the process wrote to stdout and stderr so far. */
  log = '';
  exitCode: number | null | undefined;
  signal: NodeJS.Signals | null = null;

  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #watchers = new Set<() => void>();

  private constructor(
    readonly folder: string,
    command: readonly string[],
  ) {
    this.#child = spawn(command[0]!, command.slice(1), { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        this.log += text;
        for (const watcher of this.#watchers) watcher();
      });
    }
    this.#exited = new Promise((resolve) => {
      const ended = () => {
        if (this.exitCode === undefined) this.exitCode = null;
        for (const watcher of this.#watchers) watcher();
        resolve();
      };
      this.#child.once('error', (error) => {
        this.log += `\n${error.message}\n`;
        ended();
      });
      this.#child.once('close', (code, signal) => {
        this.exitCode = code;
        this.signal = signal;
        ended();
      });
    });
  }

  /** Starts the server and resolves when it is ready. Rejects, with the log, when it ends or stays silent. */
  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-test-'));
    for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(folder, name), text);
    const head = ['listen: "127.0.0.1:-1"', options.http === false ? '' : 'http: "127.0.0.1:-1"'];
    const conf = join(folder, 'server.conf');
    writeFileSync(conf, `${head.join('\n')}\n${(options.conf ?? '').replaceAll('$DIR', folder)}\n`);
    const command = [...launcher(options.binary), '-c', conf, ...(options.args ?? [])];
    const server = new ServerProcess(folder, command);
    try {
      await server.waitForLog(READY, options.startTimeout ?? 10_000);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The port for clients. */
  get port(): number {
    return this.#portIn(CLIENT_PORT);
  }

  get hasHttp(): boolean {
    return HTTP_PORT.test(this.log);
  }

  /** The monitoring port. */
  get httpPort(): number {
    return this.#portIn(HTTP_PORT);
  }

  /** Resolves when the log holds `text`; rejects when the process ends first or after `timeout` milliseconds. */
  async waitForLog(text: string | RegExp, timeout = 5000): Promise<void> {
    const holds = () => (typeof text === 'string' ? this.log.includes(text) : text.test(this.log));
    if (holds()) return;
    await new Promise<void>((resolve, reject) => {
      const finish = (problem?: string) => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        if (problem === undefined) resolve();
        else reject(new Error(`${problem} while waiting for ${text} in the log:\n${this.log}`));
      };
      const look = () => {
        if (holds()) finish();
        else if (this.exitCode !== undefined) finish(`the server ended (code ${this.exitCode})`);
      };
      const timer = setTimeout(() => finish(`${timeout} ms passed`), timeout);
      this.#watchers.add(look);
      look();
    });
  }

  /** Sends a signal to the process, as an operator would. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves with the exit code when the process has ended. */
  async exited(): Promise<number | null> {
    await this.#exited;
    return this.exitCode ?? null;
  }

  /** Ends the process (SIGTERM, after five seconds SIGKILL) and removes its folder. */
  async stop(): Promise<void> {
    if (this.exitCode === undefined) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await this.#exited;
    clearTimeout(timer);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #portIn(pattern: RegExp): number {
    const found = pattern.exec(this.log);
    if (!found) throw new Error(`no port in the log:\n${this.log}`);
    return Number(found[1]);
  }
}

function launcher(binary: string): string[] {
  const start = readFileSync(binary).subarray(0, 64).toString('latin1');
  return /^#!.*\bnode\b/.test(start) ? [process.execPath, binary] : [binary];
}

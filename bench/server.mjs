// Starts and stops the servers under test and reads what the operating system knows about them.
import { execFileSync, spawn } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpuOf, memoryOf } from './proc.mjs';

const START_TIMEOUT = 15_000;

const executable = (path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

export function findWeft() {
  return process.env.WEFT_BIN ?? fileURLToPath(new URL('../bin/weft-server', import.meta.url));
}

/** The official binary: NATS_SERVER_BIN, the PATH, Go's bin folder. */
export function findOfficial() {
  if (process.env.NATS_SERVER_BIN) return process.env.NATS_SERVER_BIN;
  const folders = (process.env.PATH ?? '').split(delimiter);
  try {
    const found = execFileSync('go', ['env', 'GOBIN', 'GOPATH'], { encoding: 'utf8' }).split('\n');
    if (found[0]) folders.push(found[0]);
    if (found[1]) folders.push(join(found[1].split(delimiter)[0], 'bin'));
  } catch {
    // No Go here: the PATH has to do.
  }
  const names = process.platform === 'win32' ? ['nats-server.exe'] : ['nats-server'];
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(executable);
}

/** What `--version` prints, or undefined when the program cannot run. */
export function versionOf(program) {
  try {
    const [command, args] = commandLine(program, ['--version']);
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  } catch {
    return undefined;
  }
}

/** A script is given to this very Node, so that no wrapper process stands between us and the one to measure. */
function commandLine(program, args) {
  if (!existsSync(program)) return [program, args];
  const head = Buffer.alloc(64);
  const file = openSync(program, 'r');
  const size = readSync(file, head, 0, 64, 0);
  closeSync(file);
  const script = /^#!.*\bnode\b/.test(head.latin1Slice(0, size)) || /\.[cm]?js$/.test(program);
  return script ? [process.execPath, [program, ...args]] : [program, args];
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {net.AddressInfo} */ (probe.address());
      probe.close(() => resolve(port));
    });
  });
}

/** A self-signed certificate in a folder of its own, or undefined when there is no openssl. */
export function makeCertificate() {
  const folder = makeFolder();
  const cert = join(folder, 'cert.pem');
  const key = join(folder, 'key.pem');
  try {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const files = ['-keyout', key, '-out', cert, '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, ...files], { stdio: 'ignore' });
    return { cert, key };
  } catch {
    return undefined;
  }
}

const running = new Set();
const folders = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) removeFolder(folder);
});

/** A folder that goes with this process at the latest. */
function makeFolder(parent = tmpdir()) {
  const folder = mkdtempSync(join(parent, 'weft-bench-'));
  folders.add(folder);
  return folder;
}

/** Tries again where a server that is about to end still writes. */
function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  folders.delete(folder);
}

const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

/** Where the streams of one run are: a fresh folder. */
export class StoreFolder {
  /** @param {string} [parent] the system's folder for temporary files where none is given */
  constructor(parent) {
    this.path = makeFolder(parent);
  }

  /** Whether there is no disk behind it. Known on Linux only. */
  get inMemory() {
    return process.platform === 'linux' && [TMPFS, RAMFS].includes(statfsSync(this.path).type);
  }

  remove() {
    removeFolder(this.path);
  }
}

export class Server {
  #output = '';
  #folder = '';
  #restarting = false;
  /** @type {[string, string[]]} */ #command = ['', []];
  /** @type {(error: Error) => void} */ #reportEnd = () => {};
  /** @type {import('node:child_process').ChildProcess} */ child;

  /** @param {string} program @param {string[]} extra more flags @param {string} [config] text of a configuration */
  static async start(program, extra = [], config = '') {
    const server = new Server();
    server.port = await freePort();
    server.monitorPort = await freePort();
    const flags = ['-a', '127.0.0.1', '-p', String(server.port), '-m', String(server.monitorPort), ...extra];
    if (config !== '') flags.push('-c', server.#writeConfig(config));
    server.#command = commandLine(program, flags);
    /** Rejects when the server ends unasked; for races with what needs it. */
    server.ended = new Promise((_, reject) => {
      server.#reportEnd = reject;
    });
    server.ended.catch(() => {});
    server.#launch();
    await Promise.race([server.#ready(START_TIMEOUT), server.ended]);
    return server;
  }

  #launch() {
    const [command, args] = this.#command;
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    running.add(child);
    const keep = (text) => {
      this.#output = (this.#output + text).slice(-2000);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    this.gone = new Promise((resolve) => {
      const end = (how) => {
        running.delete(child);
        const last = this.#output.trim().split('\n').slice(-3).join(' | ');
        if (!this.#restarting) this.#reportEnd(new Error(`server ${how}: ${last}`));
        resolve(how);
      };
      child.on('error', (error) => end(error.message));
      child.on('exit', (code, signal) => end(`ended with ${signal ?? code}`));
    });
  }

  /** Ends it as an operator would and starts it again. @returns when the new process was started and when it greeted */
  async restart({ timeout }) {
    this.#restarting = true;
    this.child.kill('SIGTERM');
    await this.gone;
    this.#restarting = false;
    const start = performance.now();
    this.#launch();
    await Promise.race([this.#ready(timeout), this.ended]);
    return { start, greeted: performance.now() };
  }

  #writeConfig(text) {
    this.#folder = makeFolder();
    const file = join(this.#folder, 'bench.conf');
    writeFileSync(file, text);
    return file;
  }

  async #ready(timeout) {
    const deadline = Date.now() + timeout;
    while (Date.now() < deadline) {
      if (await greets(this.port)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await this.stop();
    throw new Error('server did not greet in time');
  }

  /** Milliseconds of CPU so far, see `cpuOf`. */
  cpu() {
    return cpuOf(this.child.pid);
  }

  memory() {
    return memoryOf(this.child.pid);
  }

  /** `/varz`, or undefined when monitoring does not answer. */
  varz() {
    return new Promise((resolve) => {
      const request = http.get({ host: '127.0.0.1', port: this.monitorPort, path: '/varz', timeout: 5000 });
      const nothing = () => resolve(undefined);
      request.on('error', nothing);
      request.on('timeout', () => request.destroy());
      request.on('response', async (response) => {
        try {
          let text = '';
          for await (const part of response) text += part;
          resolve(JSON.parse(text));
        } catch {
          nothing();
        }
      });
    });
  }

  /** There is nothing to lose in it, so it is killed. */
  async stop() {
    this.child.kill('SIGKILL');
    await this.gone;
    if (this.#folder !== '') removeFolder(this.#folder);
  }
}

function greets(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    const done = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('error', () => done(false));
    socket.on('close', () => done(false));
    socket.once('data', () => done(true));
    socket.setTimeout(2000, () => done(false));
  });
}

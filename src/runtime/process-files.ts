/**
 * The two files by which a server process tells others about itself: the pid file (`-P`) and the ports file
 * (`--ports_file_dir`), which is how a script that started a server on port -1 learns where it listens.
 */
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { hostPort } from './address.js';
import type { Log } from './log.js';
import { fileErrorText } from './system-error.js';

/** Decimal pid, no line end. */
export class PidFile {
  readonly path: string;
  readonly #pid: number;

  constructor(path: string, pid = process.pid) {
    this.path = path;
    this.#pid = pid;
  }

  /** Throws `open <path>: <reason>`; the server's fatal line puts `Could not write pidfile: ` in front. */
  write(): void {
    try {
      writeFileSync(this.path, String(this.#pid), { mode: 0o600 });
    } catch (error) {
      throw new Error(fileErrorText('open', this.path, error));
    }
  }

  /** Removes the file where it still names this process; a successor that took it over keeps it. */
  remove(): void {
    try {
      if (readFileSync(this.path, 'utf8').trim() === String(this.#pid)) unlinkSync(this.path);
    } catch {
      // Already gone, or not ours to remove any more.
    }
  }
}

/** Urls under which a server can be reached; in the file keys without urls are left out. */
export interface PortUrls {
  nats?: string[];
  monitoring?: string[];
  cluster?: string[];
  profile?: string[];
  websocket?: string[];
}

const portKeys = ['nats', 'monitoring', 'cluster', 'profile', 'websocket'] as const;

export class PortsFile {
  readonly path: string;
  readonly #log: Log;

  /** The file is `<folder>/<executable>_<pid>.ports`; errors are logged, never thrown. */
  constructor(folder: string, executable: string, log: Log, pid = process.pid) {
    this.path = join(folder, `${executable}_${pid}.ports`);
    this.#log = log;
  }

  /** Writes the file once the listeners are up; `undefined` says that they did not come up in time. */
  write(urls: PortUrls | undefined): void {
    if (!urls) {
      this.#log.error('Unable to resolve the ports in the specified time');
      return;
    }
    const shown: PortUrls = {};
    for (const key of portKeys) if (urls[key]?.length) shown[key] = urls[key];
    try {
      writeFileSync(this.path, JSON.stringify(shown), { mode: 0o666 });
    } catch (error) {
      this.#log.error(`Error writing ports file (${this.path}): ${fileErrorText('open', this.path, error)}`);
    }
  }

  remove(): void {
    try {
      unlinkSync(this.path);
    } catch (error) {
      this.#log.error(
        `Error cleaning up ports file ${this.path}: ${fileErrorText('remove', this.path, error)}`,
      );
    }
  }
}

/** The addresses of this machine, as `os.networkInterfaces` gives them. */
export type InterfaceAddresses = Record<string, { address: string }[] | undefined>;

/**
 * `<protocol>://<host>:<port>` for the address a listener is bound to; for the unspecified address one url for each
 * address of the machine.
 */
export function listenerUrls(
  protocol: string,
  bound: { address: string; port: number },
  interfaces: InterfaceAddresses = networkInterfaces(),
): string[] {
  const unspecified = bound.address === '0.0.0.0' || bound.address === '::';
  const addresses = unspecified
    ? Object.values(interfaces).flatMap((list) => (list ?? []).map((entry) => entry.address))
    : [bound.address];
  return addresses.map((address) => `${protocol}://${hostPort(address, bound.port)}`);
}

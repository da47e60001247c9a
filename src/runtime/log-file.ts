/**
 * A log file that rotates itself: when it has grown over its limit it is renamed to
 * `<file>.<year>.<month>.<day>.<hour>.<minute>.<second>.<nanoseconds>` (local time) and begun anew, and the oldest such
 * backups are removed so that at most `maxFiles` files remain, the current one included.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Clock } from './clock.js';
import { dateParts, type LogLevel } from './log-format.js';
import { type LogSink, writeAll } from './log-sink.js';
import { fileErrorText, systemErrorReason } from './system-error.js';

export interface LogFileLimits {
  /** Bytes after which the file is rotated; 0 is never. */
  sizeLimit: number;
  /** Files to keep, the current one included; 0 is all of them. */
  maxFiles: number;
}

/** Turns a text of the file's own into a line without its line end. */
export type LineFormat = (level: LogLevel, text: string) => string;

const logFileMode = 0o640;
const stampPattern = /^\d{4}\.(\d\d)\.(\d\d)\.(\d\d)\.(\d\d)\.(\d\d)\.\d{1,9}$/;

function openForAppending(path: string): number {
  try {
    return openSync(path, 'a', logFileMode);
  } catch (error) {
    throw new Error(`error opening file: ${fileErrorText('open', path, error)}`);
  }
}

export class LogFile implements LogSink {
  readonly path: string;
  readonly #clock: Clock;
  readonly #format: LineFormat;
  readonly #limits: LogFileLimits;
  #fd: number;
  #size: number;
  /** The limit that counts at the moment: a rotation that failed doubles it until the next one that works. */
  #limit: number;
  #lastStamp = '';
  #lastNanos = 0;

  /** Opens `path` for appending; throws `error opening file: open <path>: <reason>`. */
  constructor(path: string, limits: LogFileLimits, clock: Clock, format: LineFormat) {
    this.path = path;
    this.#clock = clock;
    this.#format = format;
    this.#limits = limits;
    this.#limit = limits.sizeLimit;
    this.#fd = openForAppending(path);
    this.#size = fstatSync(this.#fd).size;
  }

  /** To be called once the logger writes here: a file found over its limit is rotated at once. */
  rotateIfOver(): void {
    if (this.#limit > 0 && this.#size > this.#limit)
      this.write(`${this.#format('INF', 'Rotating logfile...')}\n`);
  }

  write(line: string): void {
    if (this.#fd < 0) return;
    this.#append(line);
    if (this.#limit > 0 && this.#size > this.#limit) this.#rotate();
  }

  /** Opens the path again, after somebody moved the file away. Throws like the constructor and then keeps the old file. */
  reopen(): void {
    const fd = openForAppending(this.path);
    this.close();
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
    this.#limit = this.#limits.sizeLimit;
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    try {
      closeSync(fd);
    } catch {
      // The descriptor is gone either way, and every line was written before.
    }
  }

  #append(line: string): void {
    try {
      this.#size += writeAll(this.#fd, line);
    } catch {
      // A full disk must not stop the server; the lines are lost until there is room again.
    }
  }

  /** Lines about the rotation itself end in CR LF, as the official server's do. */
  #appendOwn(level: LogLevel, text: string): void {
    this.#append(`${this.#format(level, text)}\r\n`);
  }

  /** Keeps the old file open until the new one is, so that no failure in between leaves nowhere to write to. */
  #rotate(): void {
    const backup = this.#backupPath();
    let renamed = false;
    let fd: number;
    try {
      renameSync(this.path, backup);
      renamed = true;
      fd = openForAppending(this.path);
    } catch (error) {
      if (renamed) this.#renameBack(backup);
      this.#limit *= 2;
      const reason = systemErrorReason(error);
      this.#appendOwn(
        'ERR',
        `Unable to rotate logfile (${reason}), will attempt next rotation at size ${this.#limit}`,
      );
      return;
    }
    this.close();
    this.#fd = fd;
    this.#size = 0;
    this.#limit = this.#limits.sizeLimit;
    this.#appendOwn('INF', `Rotated log, backup saved as ${JSON.stringify(backup)}`);
    if (this.#limits.maxFiles > 0) this.#purge();
  }

  #renameBack(backup: string): void {
    try {
      renameSync(backup, this.path);
    } catch {
      // Then the lines go on in the backup, which is still open.
    }
  }

  #backupPath(): string {
    const now = this.#clock.now();
    const stamp = dateParts(now, false).join('.');
    let nanos = Math.floor((now - Math.floor(now / 1000) * 1000) * 1e6);
    // Two rotations within one tick of the clock must neither share a name nor change their order.
    if (stamp === this.#lastStamp) nanos = Math.max(nanos, this.#lastNanos + 1);
    const path = () => `${this.path}.${stamp}.${String(nanos).padStart(9, '0')}`;
    while (existsSync(path())) nanos++;
    this.#lastStamp = stamp;
    this.#lastNanos = nanos;
    return path();
  }

  /** The names sort by age. */
  #backups(): string[] {
    const folder = dirname(this.path);
    const prefix = `${basename(this.path)}.`;
    return readdirSync(folder)
      .filter((name) => name.startsWith(prefix) && isStamp(name.slice(prefix.length)))
      .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile())
      .sort();
  }

  #purge(): void {
    const folder = dirname(this.path);
    let names: string[];
    try {
      names = this.#backups();
    } catch (error) {
      const reason = fileErrorText('open', folder, error);
      this.#appendOwn(
        'ERR',
        `Unable to read directory ${JSON.stringify(folder)} for log purge (${reason}), will attempt next rotation`,
      );
      return;
    }
    for (const name of names.slice(0, Math.max(0, names.length - (this.#limits.maxFiles - 1)))) {
      const path = join(folder, name);
      try {
        unlinkSync(path);
      } catch (error) {
        const reason = fileErrorText('remove', path, error);
        this.#appendOwn(
          'ERR',
          `Unable to remove backup log file ${JSON.stringify(name)} (${reason}), will attempt next rotation`,
        );
        return;
      }
      this.#appendOwn('INF', `Purged log file ${JSON.stringify(name)}`);
    }
  }
}

/** Tells backups from other people's files that happen to begin with the same name. */
function isStamp(text: string): boolean {
  const match = stampPattern.exec(text);
  if (!match) return false;
  const [month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 && second < 60;
}

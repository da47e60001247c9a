/**
 * Where finished log lines go. Writes are synchronous: a line that was logged is with the operating system before the
 * next statement runs, so a crash right after it loses nothing.
 */
import { fstatSync, writeSync } from 'node:fs';

/** Takes whole lines, line end included. Neither call may throw: losing a log line must not stop the server. */
export interface LogSink {
  write(line: string): void;
  close(): void;
}

/** How long to stand still when a pipe's reader does not keep up before a line is given up, in milliseconds. */
const fullPipePatience = 1000;

/** Writes all of `text`, waiting where the descriptor is a full non-blocking pipe. Throws what the system reports. */
export function writeAll(fd: number, text: string): number {
  const bytes = Buffer.from(text, 'utf8');
  let written = 0;
  let waited = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || waited >= fullPipePatience) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      waited++;
    }
  }
  return written;
}

/** Standard error, or any other descriptor that somebody else opened and will close. */
export class DescriptorSink implements LogSink {
  readonly #fd: number;

  constructor(fd = 2) {
    this.#fd = fd;
  }

  write(line: string): void {
    try {
      writeAll(this.#fd, line);
    } catch {
      // The reader is gone or stuck. There is nowhere left to say so.
    }
  }

  close(): void {}
}

/** True for terminals and other character devices: what the official server takes as the reason for colours. */
export function isCharacterDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    return false;
  }
}

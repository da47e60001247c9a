/** What the tests of the embedding API share. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** The bundled package, which children load by its name. */
export const distributionBuilt = existsSync(join(root, 'dist', 'index.js'));

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs Node on a script; a child that does not exit by itself is killed and has the code null. */
export function runNode(args: string[], timeout = 20_000): Promise<Finished> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      timeout,
      // The test runner's own variables would make a child that is a test report in another format.
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.on('error', failed);
    child.on('close', (code) => done({ code, stdout, stderr }));
  });
}

/** Collects what a stream brings; `until` resolves with all of it once it matches, and rejects when the stream ends first. */
export class Reader {
  text = '';
  ended = false;
  readonly #stream: Duplex;
  #check: (() => void) | null = null;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', (data: Buffer) => {
      this.text += data.toString('latin1');
      this.#check?.();
    });
    stream.on('close', () => {
      this.ended = true;
      this.#check?.();
    });
    stream.on('error', () => {});
  }

  send(text: string): void {
    this.#stream.write(Buffer.from(text, 'latin1'));
  }

  until(pattern: RegExp): Promise<string> {
    return new Promise((done, failed) => {
      this.#check = () => {
        if (pattern.test(this.text)) done(this.text);
        else if (this.ended) failed(new Error(`ended without ${pattern}: ${JSON.stringify(this.text)}`));
      };
      this.#check();
    });
  }

  untilClosed(): Promise<string> {
    return new Promise((done) => {
      this.#check = () => {
        if (this.ended) done(this.text);
      };
      this.#check();
    });
  }
}

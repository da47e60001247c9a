/**
 * bcrypt in a thread of its own.
 *
 * One comparison at the cost the official tool uses takes about 200 ms. The asynchronous functions of `bcryptjs` give way
 * only every 100 ms, which would stop all other connections for that long; so the work goes to a worker, started with
 * the first hash and ended after a while without one.
 */
import type { Worker } from 'node:worker_threads';
import type { BcryptComparer } from './passwords.js';

/** Milliseconds without work after which the thread ends. */
const IDLE_TIMEOUT = 10_000;

const WORKER_SOURCE = `
const { parentPort, workerData } = require('node:worker_threads');
const loaded = import(workerData);
parentPort.on('message', async ({ id, password, hash }) => {
  let equal = false;
  // The library is found as a module or as CommonJS, depending on how the server itself was bundled.
  try { const { default: bcrypt } = await loaded; equal = bcrypt.compareSync(password, hash); } catch {}
  parentPort.postMessage({ id, equal });
});`;

/** `$2a$`, `$2x$` and `$2y$` name repaired or broken versions of other implementations; the computation is that of `$2b$`. */
function normalize(hash: string): string {
  return `$2b${hash.slice(3)}`;
}

export class BcryptWorker implements BcryptComparer {
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  #nextId = 0;
  #starting: Promise<void> = Promise.resolve();
  readonly #waiting = new Map<number, (equal: boolean) => void>();

  compare(password: string, hash: string): Promise<boolean> {
    return new Promise((resolve) => {
      const id = this.#nextId++;
      this.#waiting.set(id, resolve);
      const work = { id, password, hash: normalize(hash) };
      this.#starting = this.#starting
        .then(async () => {
          if (this.#waiting.has(id)) (await this.#start()).postMessage(work);
        })
        .catch(() => this.#answer(id, false));
    });
  }

  /** Comparisons under way; the number of connections bounds it. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** Ends the thread; comparisons under way answer false. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#forget();
    await worker?.terminate();
  }

  async #start(): Promise<Worker> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    if (this.#worker !== null) return this.#worker;
    // Loading threads costs time that a server without hashes need not spend.
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker(WORKER_SOURCE, {
      eval: true,
      workerData: import.meta.resolve('bcryptjs'),
      // Flags of the parent process, such as an inspector or a loader, are not for this thread.
      execArgv: [],
    });
    worker.unref();
    worker.on('message', ({ id, equal }: { id: number; equal: boolean }) => this.#answer(id, equal));
    // A thread that dies has checked nothing: whoever waits is refused.
    worker.on('error', () => this.#lost(worker));
    worker.on('exit', () => this.#lost(worker));
    this.#worker = worker;
    return worker;
  }

  #answer(id: number, equal: boolean): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    resolve?.(equal);
    if (this.#waiting.size > 0) return;
    this.#idle = setTimeout(() => void this.close(), IDLE_TIMEOUT);
    this.#idle.unref();
  }

  #lost(worker: Worker): void {
    if (this.#worker === worker) this.#forget();
  }

  #forget(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    this.#worker = null;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const resolve of waiting) resolve(false);
  }
}

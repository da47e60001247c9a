// A whole server with JetStream in this process, without sockets, and requests to its API.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { InternalClient, InternalMessage } from '../../src/broker/internal-client.js';
import { loadOptions } from '../../src/config/load.js';
import type { Clock } from '../../src/runtime/clock.js';
import type { Log } from '../../src/runtime/log.js';
import { Server } from '../../src/server.js';
import { unpack } from './store-directory.js';

export interface ApiAnswer {
  error?: { code: number; err_code: number; description: string };
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into field by field
  [field: string]: any;
}

/** A log that is kept. */
export class KeptLog implements Log {
  readonly debugEnabled = false;
  readonly traceEnabled = false;
  readonly lines: string[] = [];
  notice = (text: string) => void this.lines.push(`[INF] ${text}`);
  warn = (text: string) => void this.lines.push(`[WRN] ${text}`);
  error = (text: string) => void this.lines.push(`[ERR] ${text}`);
  fatal = (text: string) => void this.lines.push(`[FTL] ${text}`);
  debug(): void {}
  trace(): void {}
}

/** A folder for a store, removed by `remove`. */
export class StoreFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'weft-store-'));

  /** Puts the files of a vector's archive there. */
  unpack(archive: string): void {
    for (const [name, content] of unpack(archive)) this.write(name, content);
  }

  write(name: string, content: Uint8Array): void {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, content, { mode: 0o600 });
  }

  read(name: string): Buffer {
    return readFileSync(join(this.path, name));
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export class JetStreamServer {
  readonly server: Server;
  readonly log = new KeptLog();
  readonly #clients = new Map<string, InternalClient>();
  #inbox = 0;

  constructor(
    folder: StoreFolder,
    jetstream: readonly string[] = [],
    other: readonly string[] = [],
    clock?: Clock,
  ) {
    const conf = `jetstream { store_dir: ${JSON.stringify(folder.path)}\n${jetstream.join('\n')} }\n${other.join('\n')}`;
    const { options, errors } = loadOptions({ configText: conf, readFile: () => '', env: {} });
    if (errors.length > 0) throw new Error(errors.join('\n'));
    this.server = new Server(options, { noListen: true, log: this.log, ...(clock && { clock }) });
  }

  static async start(
    folder: StoreFolder,
    jetstream: readonly string[] = [],
    other: readonly string[] = [],
    clock?: Clock,
  ): Promise<JetStreamServer> {
    const started = new JetStreamServer(folder, jetstream, other, clock);
    await started.server.start();
    return started;
  }

  client(account = '$G'): InternalClient {
    let client = this.#clients.get(account);
    if (client === undefined) {
      client = this.server.broker.internalClient(this.server.broker.account(account));
      this.#clients.set(account, client);
    }
    return client;
  }

  /** The answer to a message that is published with a reply subject. */
  async reply(subject: string, body: string | Uint8Array = '', account = '$G', header: Buffer | null = null) {
    const client = this.client(account);
    const inbox = `_INBOX.test.${++this.#inbox}`;
    return new Promise<InternalMessage>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${subject}`)), 10_000);
      const sub = client.subscribe(inbox, (message) => {
        clearTimeout(timer);
        client.unsubscribe(sub);
        resolve(message);
      });
      client.publish(subject, body, inbox, header);
    });
  }

  /** A request of the JetStream API: the subject behind `$JS.API.`. */
  async api(subject: string, body: unknown = '', account = '$G'): Promise<ApiAnswer> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const { payload } = await this.reply(`$JS.API.${subject}`, text, account);
    return JSON.parse(payload.toString('utf8')) as ApiAnswer;
  }

  /** Publishes and waits for the ack. */
  async publish(subject: string, body: string | Uint8Array, account = '$G'): Promise<ApiAnswer> {
    const { payload } = await this.reply(subject, body, account);
    return JSON.parse(payload.toString('utf8')) as ApiAnswer;
  }

  async close(): Promise<void> {
    await this.server.shutdown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

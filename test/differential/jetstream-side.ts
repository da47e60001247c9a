// One server of a comparison that is stopped and started again, or killed, in the middle; what it answers is written down.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { officialBinary, WITHOUT_OFFICIAL, weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';
import { persistently } from './again.js';

// biome-ignore lint/suspicious/noExplicitAny: answers are JSON of many shapes.
type Json = any;
export type Config = { name: string } & Record<string, unknown>;

export class Side {
  readonly lines: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'weft-sources-'));
  readonly #conf: string;
  readonly #binary: string;
  #process: ServerProcess | undefined;
  #client: NatsConnection | undefined;

  constructor(binary: string, conf: string) {
    this.#binary = binary;
    this.#conf = conf.replaceAll('$STORE', this.#folder);
  }

  async start(): Promise<void> {
    this.#process = await ServerProcess.start({ binary: this.#binary, conf: this.#conf, http: false });
    this.#client = await this.connect();
  }

  connect(user?: string): Promise<NatsConnection> {
    const port = Number(/client connections on .*:(\d+)/.exec(this.#process!.log)![1]);
    return connect({ servers: `127.0.0.1:${port}`, ...(user ? { user, pass: user } : {}) });
  }

  async stop(): Promise<void> {
    await this.#client?.close();
    await this.#process?.stop();
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** From here on another user. */
  async become(user: string): Promise<void> {
    await this.#client?.close();
    this.#client = await this.connect(user);
  }

  async api(subject: string, body?: unknown): Promise<Json> {
    const text = body === undefined ? '' : JSON.stringify(body);
    const answer = await this.#client!.request(`$JS.API.${subject}`, text, { timeout: 5000 });
    const { error, ...rest } = answer.json<Json>();
    if (error) this.lines.push(`${subject} ${JSON.stringify(error)}`);
    return rest;
  }

  create(config: Config): Promise<Json> {
    return this.api(`STREAM.CREATE.${config.name}`, config);
  }

  update(config: Config): Promise<Json> {
    return this.api(`STREAM.UPDATE.${config.name}`, config);
  }

  async publish(subject: string, payload: string, fields: Record<string, string> = {}): Promise<void> {
    const block = headers();
    for (const [name, value] of Object.entries(fields)) block.set(name, value);
    await this.#client!.request(subject, payload, { headers: block, timeout: 5000 });
  }

  /** Writes down what a stream says of itself, and every message of it. */
  async dump(name: string): Promise<void> {
    const { state = {}, mirror, sources } = await this.api(`STREAM.INFO.${name}`);
    this.lines.push(`${name} ${JSON.stringify(normal({ state, mirror, sources }))}`);
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const { message } = await this.#answer(`STREAM.MSG.GET.${name}`, { seq });
      if (!message) continue;
      const text = (base64?: string) => Buffer.from(base64 ?? '', 'base64').toString();
      const block = text(message.hdrs).replace(
        /(Nats-Stream-Source: ([^ ]+ ){4}[^ \r]+) \S{8}\r/,
        '$1 <identity>\r',
      );
      this.lines.push(`  ${seq} ${message.subject} ${text(message.data)} ${JSON.stringify(block)}`);
    }
  }

  async #answer(subject: string, body: unknown): Promise<Json> {
    const answer = await this.#client!.request(`$JS.API.${subject}`, JSON.stringify(body), { timeout: 5000 });
    return answer.json();
  }

  /** Writes down a whole answer, without what differs from run to run. */
  async tell(subject: string, body: unknown = ''): Promise<void> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const lines = await this.all(subject, text);
    for (const line of lines) this.lines.push(`${subject} ${text} => ${line}`);
  }

  /** All answers to a request, until nothing comes any more. */
  async all(subject: string, body: string, fields: Record<string, string> = {}): Promise<string[]> {
    const answers: string[] = [];
    let last = Date.now();
    const inbox = `_INBOX.${Math.random().toString(36).slice(2)}`;
    const sub = this.#client!.subscribe(inbox, {
      callback: (_, message) => {
        last = Date.now();
        const block = [...(message.headers ?? [])].map(([name, values]) => `${name}: ${values.join('|')}`);
        const status = message.headers?.code ? `${message.headers.code} ${message.headers.description}` : '';
        const place = message.subject === inbox ? '' : message.subject;
        answers.push(shown([place, message.reply ?? '', status, ...block, message.string()].join(' ; ')));
      },
    });
    const block = headers();
    for (const [name, value] of Object.entries(fields)) block.set(name, value);
    this.#client!.publish(subject, body, { reply: inbox, headers: block });
    await this.#client!.flush();
    while (Date.now() - last < (answers.length === 0 ? 3000 : 200)) await sleep(10);
    sub.unsubscribe();
    return answers.length === 0 ? ['nothing'] : answers;
  }

  get client(): NatsConnection {
    return this.#client!;
  }

  /** Writes down where consumers of a stream are. */
  async consumers(name: string): Promise<void> {
    const { consumers = [] } = await this.api(`CONSUMER.LIST.${name}`, {});
    for (const { config, delivered, ack_floor, num_ack_pending, num_pending } of consumers) {
      const { deliver_subject: _subject, metadata, ...rest } = config;
      delete metadata['_nats.ver'];
      for (const place of [delivered, ack_floor]) delete place.last_active;
      this.lines.push(
        JSON.stringify(normal({ rest, metadata, delivered, ack_floor, num_ack_pending, num_pending })),
      );
    }
  }
}

/** Without times and what is there by chance. */
function shown(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z/g, (time) => (time < '0002' ? time : '<time>'))
    .replace(/(\$JS\.ACK\.[^.]+\.[^.]+\.\d+\.\d+\.\d+)\.\d+\./, '$1.<ns>.')
    .replace(/"(pause_remaining|active)":-?\d+/g, '"$1":0')
    .replace(/"pinned_client_id":"\w+"/g, '"pinned_client_id":"<id>"')
    .replace(/Nats-Pin-Id: \w+/, 'Nats-Pin-Id: <id>');
}

/** Without what differs from run to run; fields in the order of their names, as the official server has no order for sources. */
function normal(value: Json): Json {
  if (Array.isArray(value))
    return value.map(normal).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (value === null || typeof value !== 'object') return value;
  const fields = Object.entries(value)
    .filter(([name]) => !['first_ts', 'last_ts', 'domain'].includes(name))
    .map(([name, each]) => [name, name === 'active' ? (each as number) >= 0 : normal(each)] as const);
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Plays a script on both servers and compares what was written down. `$STORE` in the configuration is a folder that restarts keep. */
export function compare(title: string, conf: string, script: (side: Side) => Promise<void>): void {
  const official = officialBinary();
  const play = async (): Promise<void> => {
    const sides = [new Side(official!, conf), new Side(weftBinary(), conf)];
    try {
      await Promise.all(
        sides.map(async (side) => {
          await side.start();
          await script(side);
        }),
      );
      assert.deepEqual(sides[1]!.lines, sides[0]!.lines);
    } finally {
      await Promise.all(sides.map((side) => side.end()));
    }
  };
  test(title, { skip: official === undefined ? WITHOUT_OFFICIAL : false }, () => persistently(play));
}

// Backups and restores on the wire, beside the official server: how chunks come and are answered, how both end, and what is refused on the
// way. What the archives hold is compared by the directories' tests.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { headers as makeHeaders, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { type Pair, startPair, stopPair } from './pair.js';

const conf = 'server_name: srv\njetstream { store_dir: "$DIR/js", max_mem: 64MB, max_file: 64MB }';
/** After which nothing more is expected. */
const QUIET = 300;

// biome-ignore lint/suspicious/noExplicitAny: answers are JSON of many shapes.
type Json = any;

/** A client of one server, and what it has seen. */
class Visitor {
  readonly lines: string[] = [];
  readonly #nc: NatsConnection;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
  }

  async api(subject: string, body: unknown = ''): Promise<Json> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return (await this.#nc.request(`$JS.API.${subject}`, text, { timeout: 5000 })).json();
  }

  /** Asks for a backup, and answers its chunks. Gives the bytes of it. */
  async backup(request: object, answers = true, wait = QUIET): Promise<Buffer> {
    const parts: Buffer[] = [];
    let last = Date.now();
    let kinds = '';
    const inbox = `backup.${Math.random().toString(36).slice(2)}`;
    const sub = this.#nc.subscribe(inbox, {
      callback: (_, message) => {
        last = Date.now();
        parts.push(Buffer.from(message.data));
        const { code = 0, description = '' } = message.headers ?? {};
        const reply = (message.reply ?? '').replace(/\.\w{22}\.\d+\.(\d+)$/, '.<id>.<size>.$1');
        const size = message.data.length === 0 ? 'empty' : '';
        kinds += `[${[code || '', description, reply, size].filter(Boolean).join(' ')}]`;
        if (answers && message.reply) message.respond();
      },
    });
    const { error } = await this.api('STREAM.SNAPSHOT.S', { deliver_subject: inbox, ...request });
    this.lines.push(`${JSON.stringify(request)} ${error?.description ?? ''}`);
    while (Date.now() - last < wait) await delay(10);
    sub.unsubscribe();
    this.lines.push(kinds);
    return Buffer.concat(parts);
  }

  /** Sends chunks for a stream, then the end. */
  async restore(name: string, config: object, chunks: readonly Uint8Array[], end = true): Promise<void> {
    const { error, deliver_subject: to } = await this.api(`STREAM.RESTORE.${name}`, { config, state: {} });
    this.lines.push(`restore ${JSON.stringify(config)}: ${error?.description ?? 'begins'}`);
    if (error) return;
    for (const chunk of [...chunks, ...(end ? [new Uint8Array(0)] : [])]) {
      const answer = await this.#nc.request(to, chunk, { timeout: 2000 }).then(
        (message) => message.string(),
        (problem: Error) => problem.message,
      );
      this.lines.push(`${chunk.length === 0 ? 'end' : 'chunk'} ${shown(answer)}`);
    }
    const after = await this.api(`STREAM.INFO.${name}`, '');
    this.lines.push(shown(JSON.stringify([after.error, after.state])));
    await this.api(`STREAM.DELETE.${name}`);
  }

  async fill(messages: number): Promise<void> {
    await this.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'], storage: 'memory' });
    await this.api('CONSUMER.CREATE.S.c', {
      stream_name: 'S',
      config: { durable_name: 'c', ack_policy: 'explicit' },
    });
    const block = makeHeaders();
    block.set('A', 'b');
    for (let i = 0; i < messages; i++)
      await this.#nc.request(`s.${i % 3}`, Buffer.alloc(700, `${Math.random()}`), {
        timeout: 5000,
        ...(i % 2 ? { headers: block } : {}),
      });
  }
}

function shown(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replace(/\$JS\.SNAPSHOT\.RESTORE\.(\w+)\.\w+/g, '$JS.SNAPSHOT.RESTORE.$1.<id>');
}

const scripts: Record<string, (visitor: Visitor) => Promise<void>> = {
  'chunks and their ends': async (v) => {
    await v.fill(60);
    for (const request of [{}, { no_consumers: true }, { jsck: true }, { window_size: 1 }])
      await v.backup(request);
    await v.backup({ deliver_subject: 'nobody.is.there' }, true, 3000);
  },
  'a client that does not answer': async (v) => {
    await v.fill(200);
    await v.backup({ chunk_size: 1024, window_size: 2048 }, false, 6500);
  },
  'what was backed up comes back': async (v) => {
    await v.fill(30);
    const content = await v.backup({});
    await v.api('STREAM.DELETE.S');
    const halves = [content.subarray(0, content.length / 2), content.subarray(content.length / 2)];
    await v.restore('S', { name: 'S', subjects: ['s.>'] }, halves);
    await v.restore('S', { name: 'S', subjects: ['other'], storage: 'memory', max_msgs: 4 }, [content]);
    await v.restore('S', { name: 'S', subjects: ['s.>'], retention: 'workqueue' }, [content]);
    await v.restore('T', { name: 'T', subjects: ['s.>'] }, [content]);
    await v.restore('S', { name: 'S', subjects: ['s.>'] }, [content.subarray(0, -20)]);
    await v.restore('S', { name: 'S', subjects: ['s.>'] }, [halves[0]!]);
    await v.restore('S', { name: 'S', subjects: ['s.>'] }, []);
  },
};

describe('backups and restores on the wire', { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
  let pair: Pair;
  before(async () => {
    pair = await startPair({ conf });
  });
  after(() => stopPair(pair));

  for (const [name, play] of Object.entries(scripts)) {
    test(name, async () => {
      const run = async (port: number): Promise<string[]> => {
        const nc = await connect({ port });
        const visitor = new Visitor(nc);
        try {
          await play(visitor);
          return visitor.lines;
        } finally {
          await visitor.api('STREAM.DELETE.S');
          await nc.close();
        }
      };
      const [expected, actual] = await Promise.all([run(pair.official.port), run(pair.weft.port)]);
      if (process.env.DIFFERENTIAL_SHOW) console.log(expected);
      assert.deepEqual(actual, expected);
    });
  }
});

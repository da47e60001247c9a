// Makes a server send every advisory and metric that a single server has, but those of a full disk, and keeps them.
import { setTimeout as delay } from 'node:timers/promises';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';

export const advisoryConf = `
server_name: srv
jetstream {
  store_dir: "$DIR/js", max_mem: 64MB, max_file: 256MB, domain: hub, request_queue_limit: 50
  limits { batch { timeout: 500ms } }
}
accounts {
  A {
    users: [{user: a, password: a}], jetstream: enabled
    imports: [{service: {account: B, subject: help}}]
  }
  B { users: [{user: b, password: b}], exports: [{service: help, latency: {sampling: 100%, subject: latency}}] }
  SYS { users: [{user: s, password: s}] }
}
system_account: SYS
`;

export interface Advisory {
  subject: string;
  // biome-ignore lint/suspicious/noExplicitAny: fields of many shapes, which tests look into
  body: any;
}

const SECOND = 1e9;
/** For what has to come. */
const PATIENCE = 4000;

export class AdvisoryScenario {
  readonly heard: Advisory[] = [];
  readonly #port: number;
  readonly #connections: NatsConnection[] = [];
  #client!: NatsConnection;

  constructor(port: number) {
    this.#port = port;
  }

  /** Plays all of it. */
  async run(): Promise<Advisory[]> {
    const [system, other] = [await this.#connect('s'), await this.#connect('b')];
    this.#listen(system, '$JS.EVENT.>');
    this.#listen(system, '$SYS.ACCOUNT.A.>');
    this.#listen(other, 'latency');
    other.subscribe('help', { callback: (_, message) => void message.respond('yes') });
    await Promise.all([system.flush(), other.flush()]);
    this.#client = await this.#connect('a');
    this.#listen(this.#client, '$JS.EVENT.>');
    await this.#client.request('help', '', { timeout: PATIENCE });
    await this.#api('INFO');
    await this.#streams();
    await this.#acks();
    await this.#pauses();
    await this.#pins();
    await this.#batches();
    await this.#backup();
    await this.#flood();
    const visitor = await this.#connect('a');
    await visitor.close();
    await this.#until('$SYS.ACCOUNT.A.DISCONNECT');
    for (const connection of this.#connections) await connection.close();
    return this.heard;
  }

  async #connect(user: string): Promise<NatsConnection> {
    const connection = await connect({ port: this.#port, user, pass: user, name: `the one of ${user}` });
    this.#connections.push(connection);
    return connection;
  }

  #listen(connection: NatsConnection, subject: string): void {
    connection.subscribe(subject, {
      callback: (_, message) => {
        this.heard.push({ subject: message.subject, body: message.json() });
      },
    });
  }

  /** Waits for so many advisories whose subject begins so. */
  async #until(subject: string, count = 1): Promise<void> {
    for (let waited = 0; waited < PATIENCE; waited += 10) {
      if (this.heard.filter((each) => each.subject.startsWith(subject)).length >= count) return;
      await delay(10);
    }
    throw new Error(`no ${count} advisories on ${subject}`);
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
  async #api(subject: string, body: unknown = ''): Promise<any> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return (await this.#client.request(`$JS.API.${subject}`, text, { timeout: PATIENCE })).json();
  }

  async #streams(): Promise<void> {
    const config = { name: 'S', subjects: ['s.>'], storage: 'file', allow_atomic: true };
    await this.#api('STREAM.CREATE.S', config);
    await this.#api('STREAM.UPDATE.S', { ...config, description: '<changed> & "quoted"' });
    await this.#api('STREAM.CREATE.S', { name: 'T' });
    await this.#api('STREAM.INFO.NONE', '{');
    for (let i = 0; i < 8; i++) await this.#client.request('s.a', `${i}`, { timeout: PATIENCE });
  }

  async #consumer(name: string, config: object): Promise<void> {
    const body = { stream_name: 'S', config: { durable_name: name, ack_policy: 'explicit', ...config } };
    const { error } = await this.#api(`CONSUMER.CREATE.S.${name}`, body);
    if (error !== undefined) throw new Error(error.description);
  }

  /** Fetches messages of a consumer; their ack subjects. */
  async #fetch(consumer: string, request: object): Promise<string[]> {
    const replies: string[] = [];
    const inbox = `fetched.${consumer}.${Math.random()}`;
    this.#client.subscribe(inbox, {
      callback: (_, message) => {
        if (message.reply) replies.push(message.reply);
      },
    });
    this.#client.publish(`$JS.API.CONSUMER.MSG.NEXT.S.${consumer}`, JSON.stringify(request), {
      reply: inbox,
    });
    for (let waited = 0; waited < PATIENCE && replies.length === 0; waited += 10) await delay(10);
    await delay(50);
    return replies;
  }

  async #acks(): Promise<void> {
    await this.#consumer('acks', { max_deliver: 1, ack_wait: SECOND, sample_freq: '100%' });
    const replies = await this.#fetch('acks', { batch: 8 });
    const say = (at: number, text: string) => this.#client.publish(replies[at]!, text);
    say(0, '+ACK');
    say(1, '-NAK');
    say(2, '-NAK {"delay": 1000000}');
    say(3, '+TERM');
    say(4, '+TERM because of <this>');
    await this.#until('$JS.EVENT.METRIC.CONSUMER.ACK.S.acks', 1);
    await this.#until('$JS.EVENT.ADVISORY.CONSUMER.MSG_NAKED.S.acks', 2);
    await this.#until('$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.S.acks', 2);
    await this.#until('$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.acks', 4);
    // Messages that go while somebody has them.
    await this.#consumer('gone', { ack_wait: SECOND / 5 });
    await this.#fetch('gone', { batch: 2 });
    await this.#api('STREAM.MSG.DELETE.S', { seq: 1 });
    await delay(400);
    await this.#api('CONSUMER.DELETE.S.gone');
  }

  async #pauses(): Promise<void> {
    await this.#consumer('paused', {});
    await this.#api('CONSUMER.PAUSE.S.paused', { pause_until: '2100-01-01T00:00:00Z' });
    await this.#api('CONSUMER.PAUSE.S.paused', {});
    await this.#until('$JS.EVENT.ADVISORY.CONSUMER.PAUSE.S.paused', 2);
  }

  async #pins(): Promise<void> {
    const config = { priority_policy: 'pinned_client', priority_groups: ['g'], priority_timeout: SECOND / 2 };
    await this.#consumer('pins', config);
    await this.#fetch('pins', { batch: 1, group: 'g', expires: 2 * SECOND });
    await this.#until('$JS.EVENT.ADVISORY.CONSUMER.PINNED.S.pins');
    await this.#api('CONSUMER.UNPIN.S.pins', { group: 'g' });
    await this.#until('$JS.EVENT.ADVISORY.CONSUMER.UNPINNED.S.pins');
    await this.#fetch('pins', { batch: 1, group: 'g', expires: 2 * SECOND });
    await this.#until('$JS.EVENT.ADVISORY.CONSUMER.PINNED.S.pins', 2);
    await this.#until('$JS.EVENT.ADVISORY.CONSUMER.UNPINNED.S.pins', 2);
    await this.#api('CONSUMER.DELETE.S.pins');
  }

  async #batches(): Promise<void> {
    const publish = (id: string, sequence: number) => {
      const said = headers();
      said.set('Nats-Batch-Id', id);
      said.set('Nats-Batch-Sequence', `${sequence}`);
      this.#client.publish('s.b', 'x', { headers: said, reply: 'batched' });
    };
    publish('late', 1);
    publish('torn', 1);
    publish('torn', 3);
    await this.#until('$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.S', 2);
  }

  async #backup(): Promise<void> {
    const chunks: Uint8Array[] = [];
    let ended = false;
    const client = this.#client;
    client.subscribe('chunks', {
      callback: (_, message) => {
        if (message.headers !== undefined) ended = true;
        else if (message.data.length > 0) chunks.push(message.data.slice());
        if (message.reply) message.respond('');
      },
    });
    await this.#api('STREAM.SNAPSHOT.S', { deliver_subject: 'chunks' });
    for (let waited = 0; waited < PATIENCE && !ended; waited += 10) await delay(10);
    await this.#until('$JS.EVENT.ADVISORY.STREAM.SNAPSHOT_COMPLETE.S');
    const info = await this.#api('STREAM.INFO.S');
    await this.#api('STREAM.DELETE.S');
    const { config, state } = info;
    const { deliver_subject: to } = await this.#api('STREAM.RESTORE.S', { config, state });
    for (const chunk of [...chunks, '']) await client.request(to, chunk, { timeout: PATIENCE });
    await this.#until('$JS.EVENT.ADVISORY.STREAM.RESTORE_COMPLETE.S');
    await this.#until('$JS.EVENT.ADVISORY.STREAM.CREATED.S', 2);
    // The consumer goes on where it was: with a message that it may not deliver again.
    await this.#until('$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.acks', 5);
  }

  async #flood(): Promise<void> {
    const { length } = this.heard;
    for (let i = 0; i < 2000; i++) this.#client.publish('$JS.API.STREAM.DELETE.NONE', '', { reply: 'flood' });
    await this.#client.flush();
    await this.#until('$JS.EVENT.ADVISORY.API.LIMIT_REACHED');
    await delay(200);
    // One of the answers is enough.
    const told = this.heard.splice(length);
    const first = (subject: string) => told.find((each) => each.subject === `$JS.EVENT.ADVISORY.${subject}`);
    this.heard.push(first('API.LIMIT_REACHED')!, first('API')!);
  }
}

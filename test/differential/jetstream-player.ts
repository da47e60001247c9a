// A client that plays a script against one server with JetStream and keeps what came back, without what differs between two runs
// of the same server: times, ids, names by chance.
import { setTimeout as sleep } from 'node:timers/promises';
import { WireClient } from '../support/wire-client.js';
import { readSaid, type WireMessage } from '../support/wire-messages.js';

export type Received = Omit<WireMessage, 'sid'>;

const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z/g;
/** How long a script waits for what has to come, and for what may come behind it. Milliseconds. */
const PATIENCE = 4000;
const CALM = 120;

export class Player {
  readonly log: string[] = [];
  readonly messages: Received[] = [];
  readonly #client: WireClient;
  #read = 0;
  #shown = 0;
  #requests = 0;
  /** Length of the log at the last error. */
  #refused = 0;
  #sids = 10;

  private constructor(
    client: WireClient,
    /** The stream of the script, which is made anew for each. */
    readonly stream: string,
  ) {
    this.#client = client;
  }

  /** `user` is its own password. */
  static async connect(port: number, stream: string, user = ''): Promise<Player> {
    const client = await WireClient.connect(port);
    const player = new Player(client, stream);
    const options = { verbose: false, headers: true, no_responders: true };
    const said = user === '' ? options : { ...options, user, pass: user };
    await client.write(`CONNECT ${JSON.stringify(said)}\r\nSUB answers.* 1\r\n`);
    await player.sync();
    return player;
  }

  close(): void {
    this.#client.destroy();
  }

  async sync(): Promise<void> {
    const { pongs } = this.#client;
    await this.#client.write('PING\r\n');
    await this.#client.until(() => this.#client.pongs > pongs, PATIENCE);
    this.#parse();
  }

  #parse(): void {
    const next = () => readSaid(this.#client.received, this.#read);
    for (let said = next(); said !== null; said = next()) {
      const { words, message, end } = said;
      if (message !== null) this.messages.push(message);
      else if (words[0] === '-ERR') this.#refused = this.log.push(normal(words.join(' ')));
      this.#read = end;
    }
  }

  /** Asks the API below `$JS.API.` and keeps the answer. */
  async api(subject: string, body: unknown = ''): Promise<Record<string, unknown>> {
    const answer = await this.request(
      `$JS.API.${subject}`,
      typeof body === 'string' ? body : JSON.stringify(body),
    );
    this.log.push(`${subject}: ${shown(answer)}`);
    try {
      return JSON.parse(answer.payload) as Record<string, unknown>;
    } catch {
      return {};
    }
  }

  /** The same without keeping it. */
  async quietly(subject: string, body: unknown = ''): Promise<void> {
    const { length } = this.log;
    await this.api(subject, body);
    this.log.length = length;
  }

  async request(subject: string, body: string): Promise<Received> {
    const reply = `answers.${++this.#requests}`;
    const { length } = this.log;
    await this.pub(subject, body, reply);
    const found = () => {
      this.#parse();
      return this.messages.findIndex((message) => message.subject === reply);
    };
    await this.#client.until(() => found() !== -1 || this.#refused > length, PATIENCE);
    const at = found();
    if (at === -1) return { subject: '', reply: '', header: '', payload: '(no answer)' };
    const [answer] = this.messages.splice(at, 1);
    return answer!;
  }

  async pub(subject: string, payload = '', reply = '', header = ''): Promise<void> {
    const to = reply === '' ? subject : `${subject} ${reply}`;
    if (header === '') return this.#client.write(`PUB ${to} ${payload.length}\r\n${payload}\r\n`);
    const block = `NATS/1.0\r\n${header}\r\n\r\n`;
    return this.#client.write(
      `HPUB ${to} ${block.length} ${block.length + payload.length}\r\n${block}${payload}\r\n`,
    );
  }

  /** Stores messages and waits for their acknowledgements. */
  async store(...subjects: string[]): Promise<void> {
    for (const subject of subjects) await this.request(subject, `to ${subject}`);
  }

  async sub(subject: string, queue = ''): Promise<number> {
    const sid = ++this.#sids;
    await this.#client.write(`SUB ${subject}${queue === '' ? '' : ` ${queue}`} ${sid}\r\n`);
    await this.sync();
    return sid;
  }

  async unsub(sid: number): Promise<void> {
    await this.#client.write(`UNSUB ${sid}\r\n`);
    await this.sync();
  }

  /** Keeps what has come since the last look, once so many have and nothing more does. */
  async look(count: number, wait = PATIENCE): Promise<void> {
    const enough = () => {
      this.#parse();
      return this.messages.length - this.#shown >= count;
    };
    await this.#client.until(enough, wait);
    await sleep(CALM);
    await this.sync();
    const fresh = this.messages.slice(this.#shown);
    this.#shown = this.messages.length;
    this.log.push(`${fresh.length} messages`, ...fresh.map(shown));
  }

  /** Says something about the n-th message with an ack subject (from 0). */
  async ack(n: number, body = '', confirmed = false): Promise<void> {
    const delivered = this.messages.filter(({ reply }) => reply.startsWith('$JS.ACK.'));
    const reply = delivered[n]?.reply;
    if (reply === undefined) {
      this.log.push(`no message ${n}`);
      return;
    }
    if (!confirmed) return this.pub(reply, body);
    const answer = await this.request(reply, body);
    this.log.push(`ack ${n} ${body}: ${shown(answer)}`);
  }

  /** Waits, as both servers do. */
  wait(milliseconds: number): Promise<void> {
    return sleep(milliseconds);
  }

  /** Creates a consumer, quietly. */
  async consumer(name: string, config: Record<string, unknown> = {}): Promise<void> {
    await this.quietly(`CONSUMER.CREATE.${this.stream}.${name}`, {
      stream_name: this.stream,
      config: { name, durable_name: name, ack_policy: 'explicit', ...config },
    });
  }

  info(name: string): Promise<Record<string, unknown>> {
    return this.api(`CONSUMER.INFO.${this.stream}.${name}`);
  }

  /** Asks for messages; they come on `to`. */
  async next(name: string, request: unknown, to = 'in'): Promise<void> {
    const body = typeof request === 'string' ? request : JSON.stringify(request);
    await this.pub(`$JS.API.CONSUMER.MSG.NEXT.${this.stream}.${name}`, body, to);
    await this.sync();
  }
}

function shown({ subject, reply, header, payload }: Received): string {
  const to = subject.startsWith('answers.') ? '' : normal(subject);
  return JSON.stringify([to, normal(reply), normal(header), normal(payload)]);
}

function normal(text: string): string {
  return text
    .replace(TIME, '<time>')
    .replace(/^((?:-ERR .*")?\$JS\.ACK\.(?:[^.]+\.){2,4}\d+\.\d+\.\d+)\.\d+\./, '$1.<ns>.')
    .replace(/(Nats-Subject: \$JS\.ACK\.\S+\.\d+\.\d+\.\d+)\.\d+\./, '$1.<ns>.')
    .replace(/Nats-Stream-Identity: \w+/, 'Nats-Stream-Identity: <id>')
    .replace(/(\$JS\.FC\.(?:[^.]+\.){2,4})\w{4}(?![.\w])/, '$1<id>')
    .replace(/"(id|pinned_client_id|pinned_id)":"[^"]+"/g, '"$1":"<id>"')
    .replace(/Nats-Pin-Id: \w+/, 'Nats-Pin-Id: <id>')
    .replace(/"(pause_remaining|ack_time)":\d+/g, '"$1":<ns>');
}

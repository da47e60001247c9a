// One server under a random script: says what it is told to, and keeps what comes back in order, by where it came from and
// without what differs between two runs of the same server.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerProcess } from '../support/server-process.js';
import { WireClient } from '../support/wire-client.js';
import { readSaid, type WireMessage } from '../support/wire-messages.js';
import { bodyText, type Operation } from './jetstream-random-script.js';

const CONF = 'server_name: srv\njetstream { store_dir: "$STORE", max_mem: 64MB, max_file: 256MB }';
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z/g;
const DELETED = 'Unacknowledged message was deleted';
/** Groups in which the order is nobody's promise. */
const ADVISORIES = 'advisories';
/** How often a server may let a second go by without an answer. Not one long time: this process may be stopped for a while, too. */
const PATIENCE = 20;

export class RandomClient {
  /** What came, by group: all of it since the last `forget`. */
  readonly events = new Map<string, string[]>();
  readonly #binary: string;
  readonly #store = mkdtempSync(join(tmpdir(), 'weft-random-'));
  #process: ServerProcess | undefined;
  #wire: WireClient | undefined;
  #read = 0;
  /** Of subscriptions: the subject, the queue, and the group of what comes there. */
  readonly #subscriptions = new Map<number, { subject: string; queue: string; group: string }>();
  /** Ack subjects by stream and consumer, in order. */
  readonly #delivered = new Map<string, string[]>();
  #sids = 0;
  #pings = 0;
  #asked = 0;
  #script = 0;
  /** After a purge the floors of acks differ, on purpose (docs/DIFFERENCES.md). */
  #purged = false;
  /** After a rollup consumers show another position. */
  #rolled = false;
  #restarted = false;
  /** Answers of which no more is looked at than whether they are errors. */
  readonly #stale = new Set<string>();
  /** A consumer begins ahead of what is stored: officially it counts what comes before as pending. */
  #ahead = false;

  constructor(binary: string) {
    this.#binary = binary;
  }

  async start(): Promise<void> {
    const conf = CONF.replaceAll('$STORE', this.#store);
    this.#process = await ServerProcess.start({
      binary: this.#binary,
      conf,
      http: false,
      startTimeout: 60_000,
    });
    await this.#connect();
  }

  async #connect(): Promise<void> {
    this.#wire?.destroy();
    this.#wire = await WireClient.connect(this.#process!.port);
    this.#read = 0;
    this.#pings = 0;
    let text = 'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n';
    for (const [sid, { subject, queue }] of this.#subscriptions) text += `SUB ${subject} ${queue} ${sid}\r\n`;
    await this.#wire.write(text);
    await this.sync();
  }

  async stop(): Promise<void> {
    this.#wire?.destroy();
    await this.#process?.stop();
  }

  async restart(): Promise<void> {
    this.#restarted = true;
    await this.stop();
    await this.start();
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.#store, { recursive: true, force: true });
  }

  get log(): string {
    return this.#process?.log ?? '';
  }

  /** Begins a script: no streams, nothing heard. */
  async begin(): Promise<void> {
    this.#script++;
    this.#asked = 0;
    this.#purged = this.#rolled = this.#ahead = this.#restarted = false;
    this.#stale.clear();
    this.#delivered.clear();
    this.#subscriptions.clear();
    await this.#connect();
    await this.#subscribe(`r${this.#script}.>`, 'answers');
    for (const kind of ['STREAM', 'CONSUMER'])
      await this.#subscribe(`$JS.EVENT.ADVISORY.${kind}.>`, ADVISORIES);
    await this.#subscribe('$JS.EVENT.METRIC.>', ADVISORIES);
    await this.#subscribe('rp.>', 'republished');
    await this.sync();
    this.events.clear();
  }

  async clear(streams: readonly string[]): Promise<void> {
    for (const name of streams)
      await this.say({ op: 'ask', subject: `$JS.API.STREAM.DELETE.${name}`, body: '' });
    const wanted = this.#asked;
    await this.#until(() => {
      this.parse();
      for (let n = wanted; n > wanted - streams.length; n--)
        if (!this.events.has(`answer ${n}`)) return false;
      return true;
    });
  }

  async #until(condition: () => boolean): Promise<boolean> {
    for (let n = 0; n < PATIENCE && !this.#wire!.closed; n++)
      if (await this.#wire!.until(condition, 1000)) return true;
    return false;
  }

  /** Everything that was said before has been read by the server, and what it answered at once is here. */
  async sync(): Promise<void> {
    const wanted = ++this.#pings;
    await this.#wire!.write('PING\r\n');
    if (!(await this.#until(() => this.#wire!.pongs >= wanted)))
      throw new Error(`a server is silent\n${this.log.slice(-3000)}`);
    this.parse();
  }

  /** Says it, and tells the groups where an answer is to be expected. */
  async say(operation: Operation): Promise<string[]> {
    switch (operation.op) {
      case 'ask':
        return [await this.#ask(operation)];
      case 'pull': {
        const group = `pull ${++this.#asked}`;
        const inbox = `p${this.#script}.${this.#asked}`;
        await this.#subscribe(inbox, group);
        const subject = `$JS.API.CONSUMER.MSG.NEXT.${operation.stream}.${operation.consumer}`;
        await this.#publish(subject, bodyText(operation.body), inbox);
        return [];
      }
      case 'ack':
        return this.#ack(operation);
      case 'forged': {
        const { stream, consumer, tokens, verb } = operation;
        await this.#publish(
          `$JS.ACK.${stream}.${consumer}.${tokens}`,
          verb,
          `r${this.#script}.${++this.#asked}`,
        );
        return [];
      }
      case 'listen':
        await this.#subscribe(
          operation.subject,
          `push ${operation.subject} ${operation.queue ?? ''}`,
          operation.queue,
        );
        return [];
      case 'deaf':
        for (const [sid, { subject }] of [...this.#subscriptions])
          if (subject === operation.subject) await this.#unsubscribe(sid);
        return [];
      case 'look': {
        const groups: string[] = [];
        for (const name of operation.streams) {
          const body = '{"subjects_filter":">","deleted_details":true}';
          groups.push(await this.#ask({ subject: `$JS.API.STREAM.INFO.${name}`, body }));
          groups.push(await this.#ask({ subject: `$JS.API.CONSUMER.LIST.${name}`, body: '' }));
        }
        return groups;
      }
      default:
        throw new Error(`${operation.op} is not said to a server`);
    }
  }

  /** All of a stream's messages, as events of a group of the stream. */
  async dump(name: string): Promise<void> {
    const state = /"first_seq":(\d+).*"last_seq":(\d+)/.exec(
      await this.#answer(`$JS.API.STREAM.INFO.${name}`, ''),
    );
    const [first, last] = [Number(state?.[1] ?? 1), Number(state?.[2] ?? 0)];
    for (let seq = first; seq <= Math.min(last, first + 200); seq++) {
      const text = await this.#answer(`$JS.API.STREAM.MSG.GET.${name}`, { seq });
      this.#keep(`dump of ${name}`, text);
    }
  }

  async #answer(subject: string, body: unknown): Promise<string> {
    const group = await this.#ask({ subject, body });
    const come = () => {
      this.parse();
      return this.events.has(group);
    };
    await this.#until(come);
    const text = this.events.get(group)?.[0] ?? '(no answer)';
    this.events.delete(group);
    return text;
  }

  async #ask(operation: {
    subject: string;
    body: unknown;
    headers?: [string, string][];
    reply?: string;
  }): Promise<string> {
    const { subject, body, headers = [], reply } = operation;
    // Officially the first answer about a consumer tells how it was when the server started.
    if (this.#restarted && /^\$JS\.API\.CONSUMER\.(DURABLE\.)?CREATE\./.test(subject))
      this.#stale.add(`answer ${this.#asked + 1}`);
    if (/STREAM\.PURGE/.test(subject)) this.#purged = true;
    if (headers.some(([name]) => name === 'Nats-Rollup')) this.#rolled = true;
    if (/CONSUMER\.RESET|"opt_start_seq":/.test(subject + bodyText(body))) this.#ahead = true;
    const at = ++this.#asked;
    // A fast batch has one inbox for all its messages: its first token is the batch's.
    const inbox = reply === undefined ? `r${this.#script}.${at}` : `r${this.#script}.f${reply}`;
    await this.#publish(subject, bodyText(body), inbox, headers);
    return reply === undefined ? `answer ${at}` : `fast ${reply.split('.')[0]}`;
  }

  async #ack(operation: Extract<Operation, { op: 'ack' }>): Promise<string[]> {
    const replies = this.#delivered.get(`${operation.stream}.${operation.consumer}`) ?? [];
    const subject = replies[replies.length - 1 - operation.back];
    if (subject === undefined) return [];
    const next = operation.verb.startsWith('+NXT');
    const inbox = operation.confirmed || next ? `r${this.#script}.${++this.#asked}` : '';
    await this.#publish(subject, operation.verb, inbox);
    return operation.confirmed && !next ? [`answer ${this.#asked}`] : [];
  }

  async #publish(subject: string, body: string, reply = '', headers: [string, string][] = []): Promise<void> {
    const to = reply === '' ? subject : `${subject} ${reply}`;
    if (headers.length === 0) return this.#wire!.write(`PUB ${to} ${body.length}\r\n${body}\r\n`);
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const block = `NATS/1.0\r\n${lines}\r\n`;
    const sizes = `${block.length} ${block.length + body.length}`;
    return this.#wire!.write(`HPUB ${to} ${sizes}\r\n${block}${body}\r\n`);
  }

  async #subscribe(subject: string, group: string, queue = ''): Promise<void> {
    const sid = ++this.#sids;
    this.#subscriptions.set(sid, { subject, queue, group });
    await this.#wire!.write(`SUB ${subject} ${queue} ${sid}\r\n`);
  }

  async #unsubscribe(sid: number): Promise<void> {
    this.#subscriptions.delete(sid);
    await this.#wire!.write(`UNSUB ${sid}\r\n`);
  }

  /** Takes what has come. */
  parse(): void {
    const next = () => readSaid(this.#wire!.received, this.#read);
    for (let said = next(); said !== null; said = next()) {
      const { words, message, end } = said;
      if (message !== null) this.#take(message);
      else if (words[0] === '-ERR') this.#keep('errors', words.join(' '));
      this.#read = end;
    }
  }

  #take({ subject, sid, reply, header, payload }: WireMessage): void {
    const known = this.#subscriptions.get(sid);
    if (known === undefined) return;
    const [, stream, consumer] = /^\$JS\.ACK\.([^.]+)\.([^.]+)\./.exec(reply) ?? [];
    if (stream !== undefined) {
      const key = `${stream}.${consumer}`;
      if (!this.#delivered.has(key)) this.#delivered.set(key, []);
      this.#delivered.get(key)!.push(reply);
    }
    let { group } = known;
    let place = subject;
    // Officially chance decides whether what is purged counts as deleted.
    if (group === ADVISORIES && this.#purged && payload.includes(DELETED)) return;
    // How often a copy asks its origin anew is nobody's promise.
    if (group === ADVISORIES && /JS_(SRC|MIRROR)_/.test(subject)) return;
    if (group === 'answers') {
      const [, token = ''] = subject.split('.');
      group = token.startsWith('f') ? `fast ${token.slice(1)}` : `answer ${token}`;
      if (/^\d+$/.test(token)) place = '';
    } else if (group === 'republished') group = `republished ${subject.split('.')[1]}`;
    if (this.#stale.has(group) && !payload.includes('"error":')) {
      this.#keep(group, 'done');
      return;
    }
    const parts = [place, reply, header, payload].map((part) => this.#normal(part));
    this.#keep(group, parts.filter((part) => part !== '').join(' ; '));
  }

  #keep(group: string, text: string): void {
    const list = this.events.get(group);
    if (list === undefined) this.events.set(group, [text]);
    // The official server takes a PUB that two reads brought apart twice, and complains of its subject twice.
    else if (group === 'errors' && list.at(-1) === text) return;
    else list.push(text);
  }

  #normal(text: string): string {
    let shown = text.replace(
      /"hdrs":"([^"]*)"/g,
      (_, block: string) => `"hdrs":${Buffer.from(block, 'base64').toString('latin1')}`,
    );
    if (this.#rolled) shown = shown.replace(/("delivered":\{[^}]*"stream_seq":)\d+/g, '$10');
    if (this.#purged || this.#rolled)
      shown = shown
        .replace(/"(num_ack_pending|num_redelivered)":\d+/g, '"$1":0')
        .replace(/"ack_floor":\{[^}]*\}/g, '"ack_floor":{}');
    if (this.#ahead)
      shown = shown
        .replace(/(?<="num_pending":)\d+/g, '0')
        .replace(/(\$JS\.ACK\.(?:[^.]+\.){6})\d+/g, '$1<pending>');
    return masked(shown, this.#script);
  }
}

function masked(text: string, script: number): string {
  return (
    text
      .replaceAll(`r${script}.`, 'r.')
      .replaceAll(`p${script}.`, 'p.')
      .replace(TIME, (time) => (/^(0001|20[0129]0|2099)-01-01/.test(time) ? time : '<time>'))
      .replace(/(\$JS\.ACK\.(?:[^.]+\.){2,4}\d+\.\d+\.\d+)\.\d+\./g, '$1.<ns>.')
      .replace(/(\$JS\.FC\.(?:[^.]+\.){2,4})\w{4}(?![.\w])/g, '$1<id>')
      .replace(/(\$JS\.[SM]\.)\w{8}/g, '$1<id>')
      .replace(/(JS_(?:SRC|MIRROR)_)[\w-]+/g, '$1<id>')
      .replace(/"id":"[^"]{22}"/g, '"id":"<id>"')
      .replace(/"(pinned_client_id|pinned_id)":"[^"]+"/g, '"$1":"<id>"')
      .replace(/Nats-Pin-Id: \w+/g, 'Nats-Pin-Id: <id>')
      .replace(/(\\?)"(pause_remaining|ack_time|active|deliveries_time)\1":-?\d+/g, '"$2":0')
      .replace(/(Nats-Stream-Source: ([^ ]+ ){4}[^ \r]+) \w{8}/g, '$1 <identity>')
      .replace(/Nats-Stream-Identity: \w+/g, 'Nats-Stream-Identity: <id>')
      // An empty stream in files has officially lost the message 0.
      .replace('"num_deleted":1,"deleted":[0],', '')
      // Officially 1 after a purge of nothing.
      .replace(/"first_seq":1,(?="first_ts":"0001-01-01T00:00:00Z","last_seq":0,)/g, '"first_seq":0,')
      // When a copy looks for its origin again is nobody's promise.
      .replaceAll(',"error":{"code":404,"err_code":10059,"description":"stream not found"}', '')
      // Officially in no order, and with `interest` without what was copied for nobody (docs/DIFFERENCES.md).
      .replace(/(?<="sources":\[)\{"name":"[^"]*","lag".*(?=\],"ts":)/, (list) =>
        (text.includes('"retention":"interest"') ? list.replace(/"seq":\d+,(?="active")/g, '') : list)
          .split(/,(?=\{"name":)/)
          .sort()
          .join(','),
      )
  );
}

/** The first group whose events differ, in words; null where all are the same. */
export function difference(official: RandomClient, weft: RandomClient): string | null {
  for (const group of new Set([...official.events.keys(), ...weft.events.keys()])) {
    let [theirs, ours] = [official, weft].map((side) => side.events.get(group) ?? []) as [string[], string[]];
    if (group === ADVISORIES) [theirs, ours] = [without(theirs, ours), without(ours, theirs)];
    const at = theirs.findIndex((text, index) => text !== ours[index]);
    if (at === -1 && theirs.length === ours.length) continue;
    const from = at === -1 ? theirs.length : at;
    return `in ${group}, event ${from}\n${parting(theirs[from] ?? '(nothing)', ours[from] ?? '(nothing)')}`;
  }
  return null;
}

/** What is in the list, sorted, and as often not in the other one. */
function without(list: readonly string[], other: readonly string[]): string[] {
  const left = [...other];
  return list
    .filter((text) => {
      const at = left.indexOf(text);
      if (at !== -1) left.splice(at, 1);
      return at === -1;
    })
    .sort();
}

function parting(theirs: string, ours: string): string {
  let at = 0;
  while (at < theirs.length && theirs[at] === ours[at]) at++;
  const from = Math.max(0, at - 120);
  const part = (text: string) => JSON.stringify(text.slice(from, at + 260));
  return `    official ${part(theirs)}\n    weft     ${part(ours)}`;
}

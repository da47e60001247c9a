// Scripts of JetStream requests and publishes, run against both servers; every answer is compared, field by field and in order.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Msg, headers as makeHeaders, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { persistently } from './again.js';
import { type Pair, startPair, stopPair } from './pair.js';

export interface Step {
  subject: string;
  /** Text as it is, anything else as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  /** As whom: a key of `users`. */
  as?: string;
  /** Wait for more than one answer, or for none: until nothing has come for a while. */
  all?: boolean;
  /** Subject of the reply instead of a fresh one; answers to it are collected all the same. */
  reply?: string;
  /** Milliseconds to wait before it. */
  pause?: number;
  /** Waits, behind the pause, until so many milliseconds of a second have gone. */
  phase?: number;
}

/** A request of the API. */
export const api = (subject: string, body: unknown = '', more: Partial<Step> = {}): Step => ({
  subject: `$JS.API.${subject}`,
  body,
  ...more,
});

/** A message for a stream. */
export const publish = (subject: string, body = '', headers: Record<string, string> = {}): Step => ({
  subject,
  body,
  headers,
});

export interface ScriptCase {
  name: string;
  steps: Step[];
  /** Subject to listen to all the while; what comes is part of the transcript. */
  listen?: string;
  /** What is heard there comes from several streams, in no order. */
  unordered?: boolean;
}

export interface ScriptOptions {
  conf: string;
  /** Users by name, with their passwords. */
  users?: Record<string, string>;
}

/** For the first answer, on a machine that has much else to do. */
const PATIENCE = 4000;
/** After the last answer of several, or without any. */
const QUIET = 250;

/** Declares a test per case, all on one pair of servers. Streams of a case should have names of their own. */
export function jetStreamScripts(title: string, options: ScriptOptions, cases: readonly ScriptCase[]): void {
  describe(title, { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
    let shared: Servers;
    before(async () => {
      shared = await startServers(options);
    });
    after(() => stopServers(shared));
    for (const each of cases) {
      test(each.name, () =>
        persistently(async (isFirst) => {
          // What the first attempt has left must not be in the way of another.
          const servers = isFirst ? shared : await startServers(options);
          try {
            const [official, weft] = await Promise.all(servers.clients.map((own) => run(own, each)));
            if (process.env.DIFFERENTIAL_SHOW) console.log(official!.join('\n'));
            assert.equal(differences(official!, weft!), '');
          } finally {
            if (!isFirst) await stopServers(servers);
          }
        }),
      );
    }
  });
}

/** Two servers, and clients of the official one and of ours by the names of their users. */
interface Servers {
  pair: Pair;
  clients: Map<string, NatsConnection>[];
}

async function startServers({ conf, users = { '': '' } }: ScriptOptions): Promise<Servers> {
  const pair = await startPair({ conf });
  const clients: Servers['clients'] = [];
  for (const { port } of [pair.official, pair.weft]) {
    const connections = new Map<string, NatsConnection>();
    for (const [user, pass] of Object.entries(users)) {
      const login = user === '' ? {} : { user, pass };
      connections.set(user, await connect({ port, ...login }));
    }
    clients.push(connections);
  }
  return { pair, clients };
}

async function stopServers({ pair, clients }: Servers): Promise<void> {
  for (const connections of clients) for (const nc of connections.values()) await nc.close();
  await stopPair(pair);
}

/** Where transcripts part, line by line with a little of what stands before. */
function differences(official: readonly string[], weft: readonly string[]): string {
  const found: string[] = [];
  for (let i = 0; i < Math.max(official.length, weft.length); i++) {
    const [theirs = '(nothing)', ours = '(nothing)'] = [official[i], weft[i]];
    if (theirs === ours) continue;
    let at = 0;
    while (theirs[at] === ours[at]) at++;
    const from = Math.max(0, at - 40);
    const part = (text: string) => text.slice(from, at + 160);
    found.push(`${theirs.slice(0, 60)}\n    official ${part(theirs)}\n    weft     ${part(ours)}`);
  }
  return found.join('\n');
}

async function run(
  connections: Map<string, NatsConnection>,
  { steps, listen, unordered }: ScriptCase,
): Promise<string[]> {
  const transcript: string[] = [];
  const first = [...connections.values()][0]!;
  const heard = listen === undefined ? null : first.subscribe(listen);
  const advisories: string[] = [];
  if (heard !== null) {
    (async () => {
      for await (const message of heard) advisories.push(show(message));
    })();
    await first.flush();
  }
  for (const [at, step] of steps.entries()) {
    if (step.pause !== undefined) await delay(step.pause);
    if (step.phase !== undefined) await delay((step.phase + 1000 - (Date.now() % 1000)) % 1000);
    const nc = step.as === undefined ? first : connections.get(step.as)!;
    for (const answer of await ask(nc, step)) transcript.push(`${at} ${step.subject}: ${answer}`);
  }
  if (heard !== null) {
    await delay(QUIET);
    heard.unsubscribe();
    if (unordered) advisories.sort();
    for (const text of advisories) transcript.push(`heard ${text}`);
  }
  return transcript;
}

async function ask(nc: NatsConnection, step: Step): Promise<string[]> {
  const inbox = step.reply ?? `_INBOX.${Math.random().toString(36).slice(2)}`;
  const answers: string[] = [];
  let last = Date.now();
  const sub = nc.subscribe(step.reply === undefined ? inbox : inbox.replace(/^([^.]+)\..*/, '$1.>'), {
    callback: (_error, message) => {
      answers.push(show(message));
      last = Date.now();
    },
  });
  const options: Parameters<NatsConnection['publish']>[2] = { reply: inbox };
  if (step.headers && Object.keys(step.headers).length > 0) {
    options.headers = makeHeaders();
    for (const [name, value] of Object.entries(step.headers)) options.headers.append(name, value);
  }
  nc.publish(step.subject, typeof step.body === 'string' ? step.body : JSON.stringify(step.body), options);
  await nc.flush();
  const begin = Date.now();
  while (step.all ? Date.now() - last < QUIET : answers.length === 0 && Date.now() - begin < PATIENCE)
    await delay(5);
  sub.unsubscribe();
  return answers.length === 0 ? ['no answer'] : answers;
}

function show(message: Msg): string {
  const parts: string[] = [];
  const { headers } = message;
  if (headers !== undefined) {
    if (headers.code !== 0) parts.push(`${headers.code} ${headers.description}`);
    for (const name of headers.keys()) parts.push(`${name}: ${headers.values(name).join(' | ')}`);
  }
  parts.push(message.string());
  return mask(parts.join('; '));
}

/** What differs between servers and runs. */
function mask(text: string): string {
  return (
    text
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (time) =>
        time.startsWith('0001') ? time : '<time>',
      )
      .replace(/"id":"[^"]{22}"/g, '"id":"<id>"')
      .replace(/(SNAPSHOT\.(ACK|RESTORE)\.[^.]+)\.\w{22}/g, '$1.<id>')
      .replace(/(\\?)"(rtt|start|id|active|pause_remaining)\1":-?\d+/g, '$1"$2$1":0')
      // Officially in no order.
      .replace(/(?<="sources":\[\{)[^[\]]*(?=\}\],"ts":)/, (list) => list.split('},{').sort().join('},{'))
      .replace(/(Nats-Stream-Source: ([^ ]+ ){4}[^ ]+) \w{8}/g, '$1 <identity>')
      .replace(/"rtt":"[^"]*"/g, '"rtt":""')
      .replace(/"name":"\w{8}"(?=,"created")/, '"name":"<name>"')
      // An empty stream in files has officially lost the message 0.
      .replace('"num_deleted":1,"deleted":[0],', '')
      .replace(/_INBOX\.[a-z0-9]+/g, '_INBOX.x')
      .replace(/"server_id":"[^"]*"/g, '"server_id":""')
      .replace(/(\\?"api\\?":\{[^}]*?)\\?"total\\?":\d+,\\?"errors\\?":\d+/g, '$1')
  );
}

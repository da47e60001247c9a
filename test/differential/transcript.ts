// The script language of the differential tests: what clients do, and the transcript of what they got back.
//
// A case is a list of steps. Clients are named 'A', 'B', ... and connect when first named. Bytes given to `send` are
// kept back and written together with a PING when the script turns to anything else, and the PONG is awaited: so each
// step finds the effects of the ones before it, and no case depends on time. The same script runs against two servers
// and the transcripts must be equal.
import type { Monitor } from '../support/monitor.js';
import { WireClient } from '../support/wire-client.js';
import { frames, maskInfo } from './normalise.js';

/** What happened to one server: by client name the lines it received, and the values that `look` steps asked for. */
export type Transcript = Record<string, unknown>;

export type Step = (run: Run) => Promise<void> | void;

export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Keeps the PINGs of the server, which depend on time unless the case is about them. */
  readonly pings?: boolean;
  /** Leaves the case out of the comparison, because we differ there on purpose: the reason. */
  readonly differs?: string;
}

/** Bytes (latin1), or a function of the connection, for what depends on its INFO. */
export type Bytes = string | ((client: WireClient) => string);

interface Speaker {
  readonly client: WireClient;
  readonly id: number;
  /** Bytes not yet written. */
  kept: Bytes[];
  /** The script has ended this connection or stopped reading it: nothing more to wait for. */
  silent: boolean;
  /** What it received is left to chance and does not belong in the transcript. */
  hidden?: boolean;
  /** Notes that belong at the end of its transcript. */
  readonly notes: string[];
}

/** The server that a script runs against. */
export interface Server {
  readonly port: number;
  readonly monitor?: Monitor;
  /** The server's own number of subscriptions, when nobody is connected. */
  readonly quiet: number;
  /** Counts what was waited for in vain. */
  silences: number;
}

/** One execution of a script against one server. */
export class Run {
  readonly speakers = new Map<string, Speaker>();
  readonly looks: Record<string, unknown> = {};

  constructor(readonly server: Server) {}

  get port(): number {
    return this.server.port;
  }

  get monitor(): Monitor | undefined {
    return this.server.monitor;
  }

  /** Notes that the server did not do in time what was waited for. */
  silence(speaker: Speaker | undefined, note: string): void {
    this.server.silences++;
    speaker?.notes.push(`<${note}>`);
  }

  async speaker(name: string): Promise<Speaker> {
    const known = this.speakers.get(name);
    if (known) return known;
    await this.settle();
    const client = await WireClient.connect(this.port).catch((error) => {
      this.server.silences++;
      throw error;
    });
    const id = Number(client.info.client_id ?? 0);
    const speaker: Speaker = { client, id, kept: [], silent: false, notes: [] };
    this.speakers.set(name, speaker);
    return speaker;
  }

  /** Writes what was kept back for every client (but one) and waits until the server has dealt with it. */
  async settle(except?: string): Promise<void> {
    for (const [name, speaker] of this.speakers) {
      if (name !== except && speaker.kept.length > 0) await this.sync(speaker);
    }
  }

  async sync(speaker: Speaker): Promise<void> {
    const text = this.takeKept(speaker);
    if (speaker.silent || speaker.client.closed) return;
    if (!(await speaker.client.sync(text)) && !speaker.client.closed) this.silence(speaker, 'no PONG');
  }

  takeKept(speaker: Speaker): string {
    const texts = speaker.kept.map((bytes) => (typeof bytes === 'string' ? bytes : bytes(speaker.client)));
    speaker.kept = [];
    return texts.join('');
  }

  /** Asks the server why it closed a connection. */
  async closedReason(id: number): Promise<string> {
    if (!this.monitor) return 'unknown';
    for (let attempt = 0; attempt < 50; attempt++) {
      const answer = await this.monitor.json<{ connections?: { cid: number; reason?: string }[] }>(
        `/connz?state=closed&cid=${id}`,
      );
      const reason = answer.connections?.find((connection) => connection.cid === id)?.reason;
      if (reason) return reason;
      await pause(10);
    }
    this.silence(undefined, '');
    return 'not in the list';
  }

  async finish(pings: boolean): Promise<Transcript> {
    // The second round fetches what the first one made the server send: to others, and the INFO behind the first PONG.
    for (let round = 0; round < 2; round++) {
      for (const speaker of this.speakers.values()) await this.sync(speaker);
    }
    const first = Math.min(...[...this.speakers.values()].map((speaker) => speaker.id));
    const transcript: Transcript = {};
    for (const [name, { client, id, silent, hidden, notes }] of this.speakers) {
      if (hidden) continue;
      const all = frames(maskInfo(client.received, first));
      const heard = pings ? all : all.filter((frame) => frame !== 'PING\r\n');
      if (client.closed && !silent) heard.push(`<closed: ${await this.closedReason(id)}>`);
      transcript[name] = [...heard, ...notes];
    }
    return { ...transcript, ...this.looks };
  }

  /** Ends all connections and waits until the server has forgotten their subscriptions. */
  async close(): Promise<void> {
    for (const { client } of this.speakers.values()) client.destroy();
    for (let attempt = 0; this.monitor && attempt < 100; attempt++) {
      const count = await subscriptionCount(this.monitor);
      if (count <= this.server.quiet) return;
      // The official server keeps a subscription for answers in each account whose service was asked from another one.
      if (attempt > 1 && count - (await answerSubscriptions(this.monitor)) <= this.server.quiet) return;
      await pause(2);
    }
    if (this.monitor) this.silence(undefined, 'subscriptions left');
  }
}

/** The subscriptions that the server holds now. */
export async function subscriptionCount(monitor: Monitor): Promise<number> {
  return (await monitor.json<{ num_subscriptions: number }>('/subsz')).num_subscriptions;
}

async function answerSubscriptions(monitor: Monitor): Promise<number> {
  interface Subsz {
    subscriptions_list?: { subject: string }[];
  }
  const { subscriptions_list: list = [] } = await monitor.json<Subsz>('/subsz?subs=1&limit=4096');
  return list.filter(({ subject }) => subject.startsWith('_R_.')).length;
}

/** Runs a script against one server. */
export async function runScript(script: Case, server: Server): Promise<Transcript> {
  const run = new Run(server);
  try {
    for (const step of script.steps) await step(run);
    return await run.finish(script.pings ?? false);
  } finally {
    await run.close();
  }
}

// The steps.

/** Connects without saying anything. */
export function open(name: string): Step {
  return async (run) => {
    await run.speaker(name);
  };
}

/** Sends bytes, in one write with everything else this client says in a row. */
export function send(name: string, ...bytes: Bytes[]): Step {
  return async (run) => {
    await run.settle(name);
    (await run.speaker(name)).kept.push(...bytes);
  };
}

/** PING and wait for PONG. Needed only to have one in the middle of what a single client says. */
export function sync(name: string): Step {
  return async (run) => {
    await run.settle(name);
    await run.sync(await run.speaker(name));
  };
}

/** Writes the pieces one by one, each likely to be a read of its own on the server's side, then syncs. */
export function pieces(name: string, ...texts: string[]): Step {
  return async (run) => {
    await run.settle();
    const speaker = await run.speaker(name);
    for (const text of texts) {
      await speaker.client.write(text);
      // Not to wait for anything: only so that the kernel does not glue the pieces together.
      await pause(2);
    }
    if (!speaker.client.closed) await run.sync(speaker);
  };
}

/** Writes bytes and says that no more will come; then waits for the server to close. */
export function end(name: string, bytes = ''): Step {
  return async (run) => {
    await run.settle(name);
    const speaker = await run.speaker(name);
    await speaker.client.write(run.takeKept(speaker) + bytes);
    speaker.client.end();
    await waitForClose(run, speaker);
  };
}

/** Writes bytes without a PING behind them and waits for the server to close the connection. */
export function closed(name: string, bytes = ''): Step {
  return async (run) => {
    await run.settle(name);
    const speaker = await run.speaker(name);
    await speaker.client.write(run.takeKept(speaker) + bytes);
    await waitForClose(run, speaker);
  };
}

/** Waits until the client has received so many lines in all (INFO is the first). */
export function lines(name: string, count: number): Step {
  return async (run) => {
    await run.settle();
    const speaker = await run.speaker(name);
    const enough = () => speaker.client.received.split('\r\n').length > count;
    if (!(await speaker.client.until(enough))) run.silence(speaker, `fewer than ${count} lines`);
  };
}

/** Stops reading. What this client received is then left out of the comparison, but not why it was closed. */
export function stopReading(name: string): Step {
  return async (run) => {
    await run.settle();
    const speaker = await run.speaker(name);
    speaker.client.pause();
    speaker.silent = true;
    speaker.hidden = true;
  };
}

/** Waits until the server lists the client as closed, and puts the reason into the transcript. */
export function reasonOf(name: string): Step {
  return async (run) => {
    await run.settle();
    run.looks[`${name} reason`] = await run.closedReason((await run.speaker(name)).id);
  };
}

/** Breaks the connection off from the client's side, after what it said has been dealt with. */
export function drop(name: string): Step {
  return async (run) => {
    await run.settle();
    const speaker = await run.speaker(name);
    speaker.silent = true;
    speaker.client.destroy();
    await run.closedReason(speaker.id);
  };
}

/**
 * Asks the monitoring port and keeps what `pick` makes of the answer. `{A}` in the path is the connection id of client
 * A. With `until`, asks again (for at most three seconds) until it holds.
 */
export function look<T = Record<string, unknown>>(
  label: string,
  path: string,
  pick: (json: T, run: Run) => unknown,
  until: (json: T) => boolean = () => true,
): Step {
  return async (run) => {
    await run.settle();
    if (!run.monitor) throw new Error('this server has no monitoring port');
    const asked = path.replace(/\{([A-Z])\}/g, (_, name: string) => String(run.speakers.get(name)?.id));
    const deadline = Date.now() + 3000;
    for (;;) {
      const json = await run.monitor.json<T>(asked);
      if (until(json) || Date.now() > deadline) {
        run.looks[label] = pick(json, run);
        return;
      }
      await pause(10);
    }
  };
}

/** Answers the last request that came from another account, whose reply subject the server has made up. */
export function answer(name: string, payload: string, header = ''): Step {
  return async (run) => {
    await run.settle();
    const { client } = await run.speaker(name);
    const replies = () => [...client.received.matchAll(/_R_\.\w+\.\w+(?= [\d ]+\r)/g)];
    await client.until(() => replies().length > 0);
    const reply = replies().at(-1)?.[0] ?? 'none';
    await client.sync(header === '' ? pub(reply, payload) : hpub(reply, header, payload));
  };
}

/** Leaves out of the comparison what a client got. */
export function hide(name: string): Step {
  return async (run) => {
    (await run.speaker(name)).hidden = true;
  };
}

// Short forms.

/** A case with one client that sends these bytes. */
export function one(name: string, ...bytes: Bytes[]): Case {
  return { name, steps: [send('A', ...bytes)] };
}

/** A case of any steps. */
export function script(name: string, ...steps: Step[]): Case {
  return { name, steps };
}

/** A CONNECT line with the noise switched off, and more fields. */
export function connect(fields: Record<string, unknown> = {}): string {
  return `CONNECT ${JSON.stringify({ verbose: false, pedantic: false, ...fields })}\r\n`;
}

/** PUB with the size worked out. */
export function pub(subject: string, payload = '', reply = ''): string {
  return `PUB ${subject} ${reply}${reply ? ' ' : ''}${payload.length}\r\n${payload}\r\n`;
}

/** HPUB with the sizes worked out. */
export function hpub(subject: string, header: string, payload = '', reply = ''): string {
  const sizes = `${header.length} ${header.length + payload.length}`;
  return `HPUB ${subject} ${reply}${reply ? ' ' : ''}${sizes}\r\n${header}${payload}\r\n`;
}

async function waitForClose(run: Run, speaker: Speaker): Promise<void> {
  await speaker.client.until(() => speaker.client.closed, 5000);
  if (!speaker.client.closed) {
    run.silence(speaker, 'not closed');
    speaker.silent = true;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

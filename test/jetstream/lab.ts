// JetStream of one server on a disk and by a clock that the test moves, without sockets: restarts, crashes and power cuts take no time.
import { setImmediate as turn } from 'node:timers/promises';
import { Broker } from '../../src/broker/broker.js';
import type { InternalClient, InternalMessage } from '../../src/broker/internal-client.js';
import { defaultJetStreamOptions, noJetStreamLimits } from '../../src/config/jetstream-options.js';
import { defaultOptions } from '../../src/config/options.js';
import { FileStorage } from '../../src/jetstream/file-storage.js';
import { headerBlock } from '../../src/jetstream/headers.js';
import { JetStream } from '../../src/jetstream/jetstream.js';
import { GroupCommit } from '../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../src/jetstream/store/message-block-cache.js';
import { HighwayHash } from '../../src/runtime/highway-hash.js';
import { type Log, silentLog } from '../../src/runtime/log.js';
import { SeededRandom } from '../../src/runtime/random.js';
import { BcryptWorker } from '../../src/security/bcrypt-worker.js';
import { ConfigAuthenticator } from '../../src/security/config-authenticator.js';
import { createServerIdentity } from '../../src/security/nkeys.js';
import { SimulatedClock } from '../../src/sim/clock.js';
import { SimulatedDisk } from '../../src/sim/disk.js';

// biome-ignore lint/suspicious/noExplicitAny: answers are JSON of many shapes, which tests know.
export type Json = any;

export interface Stored {
  sequence: number;
  subject: string;
  payload: string;
  /** Text of the block, '' without headers. */
  header: string;
  time: bigint;
}

const DIRECTORY = '/store/jetstream';
/** Turns of the event loop after which an answer does not come any more. */
const MOST_TURNS = 500;
/** Enough for what is under way to reach the disk. */
const SETTLING_TURNS = 10;

export class Lab {
  clock = new SimulatedClock();
  readonly disk: SimulatedDisk;
  readonly warnings: string[] = [];
  readonly errors: string[] = [];
  readonly #random: SeededRandom;
  readonly #hash = new HighwayHash();
  readonly #identity = createServerIdentity();
  broker!: Broker;
  jetstream!: JetStream;
  client!: InternalClient;
  memory!: StoreMemory;
  #running = { alive: false };

  constructor(seed = 1) {
    this.#random = new SeededRandom(seed);
    this.disk = new SimulatedDisk(this.#random);
    this.disk.makeDirectory('/store');
    this.disk.makeDirectory(DIRECTORY);
    this.start();
  }

  start(): void {
    const options = { ...defaultOptions(), jetstream: { ...defaultJetStreamOptions(), enabled: true } };
    const log: Log = {
      ...silentLog,
      warn: (text) => this.warnings.push(text),
      error: (text) => this.errors.push(text),
    };
    this.broker = new Broker({
      copyKernel: false,
      arena: { chunks: 4, slabChunks: 4, pages: 32 },
      options,
      identity: this.#identity,
      authenticator: new ConfigAuthenticator(options, { bcrypt: new BcryptWorker(), implicitUser: null }),
      clock: this.clock,
      random: this.#random,
      log,
    });
    const running = { alive: true };
    this.#running = running;
    const { clock, disk } = this;
    const commit = new GroupCommit(disk, {
      clock,
      interval: 0,
      defer: (callback) => setImmediate(() => running.alive && callback()),
      journal: {
        hash: this.#hash,
        directory: DIRECTORY,
        areaSize: 64 * 1024,
        after: 3,
        log,
      },
    });
    this.memory = new StoreMemory();
    const storage = new FileStorage({
      disk,
      clock,
      log,
      commit,
      memory: this.memory,
      hash: this.#hash,
      directory: DIRECTORY,
      encryption: null,
      maxPayload: () => 0,
    });
    const parts = { broker: this.broker, options: options.jetstream, storage };
    this.jetstream = new JetStream({ ...parts, maxMemory: 2 ** 40, maxStore: 2 ** 40 });
    this.jetstream.enable(this.broker.globalAccount, { ...noJetStreamLimits });
    this.client = this.broker.internalClient(this.broker.globalAccount);
  }

  /** Ends in good order, and starts again. */
  async restart(): Promise<void> {
    await this.jetstream.close();
    this.#abandon();
    this.start();
  }

  /** The process dies, with what it has written (`crash`) or without what was not synced (`cut`); then it starts again. */
  die(how: 'crash' | 'cut', meanwhile = (): void => {}): void {
    this.#abandon();
    if (how === 'crash') this.disk.crash();
    else this.disk.powerCut();
    meanwhile();
    this.start();
  }

  /** Nothing of the old server happens any more. */
  #abandon(): void {
    this.#running.alive = false;
    this.clock = new SimulatedClock(this.clock.now());
  }

  /** Lets time pass, and what it began come to its end. */
  async pass(milliseconds: number): Promise<void> {
    await this.clock.advanceAsync(milliseconds);
    for (let i = 0; i < SETTLING_TURNS; i++) await turn();
  }

  /** Waits, a second at a time, until it is so. */
  async until(what: string, isSo: () => boolean, seconds = 60): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      if (isSo()) return;
      await this.pass(1000);
    }
    if (!isSo()) throw new Error(`it never came to this: ${what}`);
  }

  async request(
    subject: string,
    body: string,
    headers: Record<string, string> = {},
  ): Promise<InternalMessage> {
    let answer: InternalMessage | null = null;
    const { client } = this;
    const listener = client.subscribe('_INBOX.lab', (message) => {
      answer = message;
    });
    const block = Object.keys(headers).length === 0 ? null : Buffer.from(headerBlock(headers), 'latin1');
    client.publish(subject, body, '_INBOX.lab', block);
    for (let i = 0; i < MOST_TURNS && answer === null; i++) await turn();
    client.unsubscribe(listener);
    if (answer === null) throw new Error(`no answer on ${subject}; ${this.errors.join('; ')}`);
    return answer;
  }

  /** A request of the API; errors come as they are. */
  async api(subject: string, body: unknown = ''): Promise<Json> {
    const text = body === '' ? '' : JSON.stringify(body);
    return JSON.parse((await this.request(`$JS.API.${subject}`, text)).payload.toString());
  }

  async create(config: { name: string } & Record<string, unknown>): Promise<Json> {
    const answer = await this.api(`STREAM.CREATE.${config.name}`, config);
    if (answer.error) throw new Error(answer.error.description);
    return answer;
  }

  async update(config: { name: string } & Record<string, unknown>): Promise<Json> {
    const answer = await this.api(`STREAM.UPDATE.${config.name}`, config);
    if (answer.error) throw new Error(answer.error.description);
    return answer;
  }

  info(stream: string): Promise<Json> {
    return this.api(`STREAM.INFO.${stream}`);
  }

  /** Gives the sequence. Throws for a refusal. */
  async publish(subject: string, payload: string, headers: Record<string, string> = {}): Promise<number> {
    const answer: Json = JSON.parse((await this.request(subject, payload, headers)).payload.toString());
    if (answer.error) throw new Error(answer.error.description);
    return answer.seq;
  }

  /** What a stream has. */
  stored(name: string): Stored[] {
    const { store } = this.stream(name);
    const all: Stored[] = [];
    for (let message = store.loadNext(null, 0); message !== null; ) {
      const { sequence, subject, payload, header, time } = message;
      all.push({
        sequence,
        subject,
        payload: payload.toString(),
        header: header?.toString('latin1') ?? '',
        time,
      });
      message = store.loadNext(null, sequence + 1);
    }
    return all;
  }

  payloads(name: string): string[] {
    return this.stored(name).map(({ payload }) => payload);
  }

  stream(name: string) {
    return this.jetstream.accounts.get('$G')!.stream(name);
  }

  async close(): Promise<void> {
    await this.jetstream.close();
    this.#abandon();
  }
}

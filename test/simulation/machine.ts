/**
 * A machine on which a server with JetStream runs: a disk that outlives the server, a clock, and one client on a connection without a
 * socket. The power may go at any change of the disk; then the machine starts again.
 */
import { Broker } from '../../src/broker/broker.js';
import { defaultJetStreamOptions, noJetStreamLimits } from '../../src/config/jetstream-options.js';
import { defaultOptions } from '../../src/config/options.js';
import { FileStorage } from '../../src/jetstream/file-storage.js';
import { JetStream } from '../../src/jetstream/jetstream.js';
import { Slices } from '../../src/jetstream/slices.js';
import { GroupCommit } from '../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../src/jetstream/store/message-block-cache.js';
import type { Stream } from '../../src/jetstream/stream.js';
import { HighwayHash } from '../../src/runtime/highway-hash.js';
import { type Log, silentLog } from '../../src/runtime/log.js';
import { SeededRandom } from '../../src/runtime/random.js';
import { BcryptWorker } from '../../src/security/bcrypt-worker.js';
import { ConfigAuthenticator } from '../../src/security/config-authenticator.js';
import { createServerIdentity } from '../../src/security/nkeys.js';
import { SimulatedClock } from '../../src/sim/clock.js';
import { SimulatedDisk } from '../../src/sim/disk.js';
import { Peer } from '../broker/harness.js';
import { CuttingDisk } from './cutting-disk.js';
import { Turns } from './turns.js';

export const STORE = '/store/jetstream';

const hash = new HighwayHash();
const identity = createServerIdentity();

/** What a client gets. */
export interface Delivered {
  subject: string;
  reply: string;
  /** Latin1, '' without. */
  header: string;
  payload: string;
}

export interface MachineOptions {
  /** Milliseconds; 0 for always. */
  syncInterval: number;
  encrypted: boolean;
  blockSize: number;
  /** Of the journal, and the number of commits without one. */
  areaSize: number;
  journalAfter: number;
  /** See `GroupCommitOptions`. */
  halvedFrom: number | undefined;
  /** Subjects that consumers push to. */
  interest: readonly string[];
}

export class Machine {
  readonly random: SeededRandom;
  readonly turns: Turns;
  /** What outlives a power cut. */
  readonly device: SimulatedDisk;
  readonly options: MachineOptions;
  disk!: CuttingDisk;
  clock = new SimulatedClock();
  broker!: Broker;
  jetstream!: JetStream;
  client!: Peer;
  /** Warnings and errors since the start. */
  complaints: string[] = [];
  /** What the server has said and nobody has looked at. */
  #heard = '';
  onMessage: (message: Delivered) => void = () => {};

  constructor(seed: number, options: MachineOptions) {
    this.random = new SeededRandom(Math.imul(seed, 7_368_787));
    for (let i = 0; i < 4; i++) this.random.next();
    this.turns = new Turns(this.random);
    this.device = new SimulatedDisk(this.random, false);
    this.options = options;
    this.device.makeDirectory(STORE);
    this.device.losesDirectories = true;
  }

  get off(): boolean {
    return this.disk.off;
  }

  /** The streams of the server. */
  found(): ReadonlyMap<string, Stream> {
    return this.jetstream.accounts.get('$G')!.streams;
  }

  /** Starts the server. Where the power goes meanwhile `off` is true afterwards. */
  start(fuse = Number.POSITIVE_INFINITY): void {
    this.turns.forget();
    this.complaints = [];
    this.#heard = '';
    this.clock = new SimulatedClock(this.clock.now());
    this.disk = new CuttingDisk(this.device);
    this.disk.fuse = fuse;
    try {
      this.#begin();
    } catch (error) {
      if (!this.off) throw error;
    }
    this.disk.fuse = Number.POSITIVE_INFINITY;
  }

  #begin(): void {
    const { clock, disk } = this;
    const options = { ...defaultOptions(), maxClosedClients: 1 };
    const authenticator = new ConfigAuthenticator(options, {
      bcrypt: new BcryptWorker(),
      implicitUser: null,
    });
    const log: Log = {
      ...silentLog,
      warn: (text) => void this.complaints.push(text),
      error: (text) => void this.complaints.push(text),
    };
    const { random } = this;
    this.broker = new Broker({
      copyKernel: false,
      arena: { chunks: 4, slabChunks: 4, pages: 32 },
      options,
      identity,
      authenticator,
      clock,
      random,
      log,
    });
    const { syncInterval, encrypted, blockSize, areaSize, journalAfter, halvedFrom } = this.options;
    const slices = new Slices();
    const storage = new FileStorage({
      disk,
      clock,
      log,
      commit: new GroupCommit(disk, {
        clock,
        interval: syncInterval,
        halvedFrom,
        journal: { hash, directory: STORE, areaSize, after: journalAfter, log },
      }),
      memory: new StoreMemory({ clock }),
      hash,
      slices,
      directory: STORE,
      encryption: encrypted ? { cipher: 'chacha', key: 'key' } : null,
      maxPayload: () => 0,
      blockSize,
    });
    this.jetstream = new JetStream({
      broker: this.broker,
      options: { ...defaultJetStreamOptions(), enabled: true, syncInterval },
      storage,
      slices,
      maxMemory: 1e9,
      maxStore: 1e9,
    });
    this.jetstream.enable(this.broker.globalAccount, noJetStreamLimits);
    this.client = Peer.connected(this, { headers: true, no_responders: true });
    this.send('SUB _R.> 1\r\nSUB _P.> 2\r\n');
    // A wildcard does not count as interest in what a consumer delivers.
    for (const [i, subject] of this.options.interest.entries()) this.send(`SUB ${subject} ${i + 3}\r\n`);
  }

  /** Bytes from the client. What the server says is heard while the power is on. */
  send(text: string): void {
    this.#guarded(() => this.client.send(text));
  }

  /** A call into the server ends where the power goes; any other error would end a real one, too. */
  #guarded(call: () => void): void {
    if (this.off) return;
    try {
      call();
    } catch (error) {
      if (!this.off) throw error;
    }
  }

  /** One turn of the event loop. */
  turn(): void {
    this.#guarded(() => void this.turns.run());
    this.hear();
  }

  /** Syncs that were asked for end. */
  settle(): void {
    this.#guarded(() => this.device.settle());
    this.hear();
  }

  pass(milliseconds: number): void {
    this.#guarded(() => this.clock.advance(milliseconds));
    this.hear();
  }

  /** Until nothing is left to do. */
  rest(): void {
    for (let i = 0; i < 40 && !this.off; i++) {
      let busy = false;
      this.#guarded(() => {
        busy = this.turns.run();
      });
      this.settle();
      if (!busy && i > 4) return;
    }
  }

  hear(): void {
    if (this.off) return;
    const { transport } = this.client;
    while (transport.taken !== '') {
      this.#heard += transport.taken;
      transport.forget();
      for (let message = this.#next(); message !== null && !this.off; message = this.#next())
        if (message !== 'other') this.onMessage(message);
    }
  }

  /** The next operation that is there as a whole. */
  #next(): Delivered | 'other' | null {
    const text = this.#heard;
    const end = text.indexOf('\r\n');
    if (end === -1) return null;
    const [verb, subject = '', , ...rest] = text.slice(0, end).split(' ');
    const isMessage = verb === 'MSG' || verb === 'HMSG';
    const total = isMessage ? Number(rest.at(-1)) + 2 : 0;
    const at = end + 2;
    if (text.length < at + total) return null;
    this.#heard = text.slice(at + total);
    if (verb === 'PING' || verb === 'PONG' || verb === 'INFO') return 'other';
    if (!isMessage) throw new Error(`the server said ${text.slice(0, end)}`);
    const headerSize = verb === 'HMSG' ? Number(rest.at(-2)) : 0;
    const reply = rest.length > (verb === 'HMSG' ? 2 : 1) ? rest[0]! : '';
    const header = text.slice(at, at + headerSize);
    return { subject, reply, header, payload: text.slice(at + headerSize, at + total - 2) };
  }

  /** Ends the server in good order. */
  async stop(): Promise<void> {
    let over = false;
    const closing = this.jetstream.close().then(
      () => (over = true),
      (error) => {
        if (!this.off) throw error;
      },
    );
    for (let i = 0; i < 200 && !over && !this.off; i++) {
      this.turn();
      this.settle();
      await Promise.resolve();
    }
    if (this.off) return;
    if (!over) throw new Error('the server did not stop');
    await closing;
    this.hear();
    this.broker.close();
    this.disk.kill();
  }
}

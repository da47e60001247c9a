/** A random workload on a machine that loses power, by a seed, and what it makes of the model. */
import assert from 'node:assert/strict';
import type { Consumer } from '../../src/jetstream/consumer.js';
import type { Stream } from '../../src/jetstream/stream.js';
import { Client } from './client.js';
import type { ConsumerModel } from './consumer-model.js';
import { CONSUMER_NAMES, ConsumerWork, pushSubject } from './consumer-work.js';
import { Damage } from './damage.js';
import { Machine } from './machine.js';
import type { StreamModel } from './model.js';
import { STREAM_NAMES, StreamWork } from './stream-work.js';

const ROUNDS = 4;
/** Milliseconds: enough for what is due to go. */
const LONG = 3000;

export class Simulation {
  readonly machine: Machine;
  readonly #client: Client;
  readonly #streams: StreamWork;
  readonly #consumers: ConsumerWork;
  /** The last life ended by a power cut: what is found is on the device. */
  #cut = false;
  readonly #damage: Damage;
  readonly #mayDamage: boolean;
  readonly #mayFail: boolean;
  readonly #mayLosePower: boolean;

  constructor(seed: number) {
    // Without a sync before each answer only the end of the process is survived.
    const lazy = seed % 10 === 9;
    this.machine = new Machine(seed, {
      syncInterval: lazy ? 1000 : 0,
      encrypted: seed % 7 === 3,
      blockSize: seed % 13 === 5 ? 64 * 1024 : 400 + (seed % 5) * 500,
      areaSize: [16, 64, 8, 16][seed % 4]! * 1024,
      journalAfter: [4, 0, Number.POSITIVE_INFINITY][seed % 3]!,
      halvedFrom: seed % 5 === 2 ? 2 : undefined,
      interest: STREAM_NAMES.flatMap((stream) => CONSUMER_NAMES.map((name) => pushSubject(stream, name))),
    });
    this.#mayFail = seed % 4 === 1;
    this.machine.device.dropsUnsynced = seed % 8 === 1;
    this.#mayDamage = seed % 6 === 2;
    this.#mayLosePower = !lazy;
    this.#client = new Client(this.machine);
    this.#streams = new StreamWork(this.#client);
    this.#consumers = new ConsumerWork(this.#client);
    this.#damage = new Damage(this.#client);
    this.machine.onMessage = (message) => {
      if (!this.#client.heard(message) && message.reply.startsWith('$JS.ACK.')) this.#consumers.got(message);
    };
  }

  /** What has happened so far, for whoever looks into a failure. */
  get trace(): readonly string[] {
    return this.#client.trace;
  }

  async run(): Promise<void> {
    const { machine } = this;
    machine.turns.install();
    try {
      this.#start();
      for (let round = 0; round < ROUNDS; round++) {
        if (this.#mayLosePower && this.#below(2) === 0) machine.disk.fuse = 1 + this.#below(60);
        for (let step = 10 + this.#below(40); step > 0 && !machine.off; step--) this.#step();
        await this.#end();
        this.#cut = machine.disk.lostPower;
        if (this.#mayDamage && this.#below(2) === 0) {
          await this.#damage.probe();
          // As it was found, and all of it is on the device now.
          this.#cut = true;
        }
        this.#start();
      }
      machine.rest();
      this.#consumers.drain();
      machine.pass(LONG);
      machine.rest();
      this.#compare(true);
    } finally {
      machine.turns.remove();
    }
  }

  #below(limit: number): number {
    return this.#client.below(limit);
  }

  #note(text: string): void {
    this.#client.note(text);
  }

  // --- Start and end ------------------------------------------------------------------------------------------------

  #start(): void {
    const { machine } = this;
    this.#client.forget();
    for (let tries = 0; ; tries++) {
      const fuse = this.#mayLosePower && tries < 2 && this.#below(4) === 0 ? 1 + this.#below(12) : Infinity;
      machine.start(fuse);
      if (!machine.off) break;
      this.#note('power cut while starting');
      this.#cut = true;
    }
    this.#adopt();
    this.#compare(false);
  }

  async #end(): Promise<void> {
    const { machine } = this;
    this.#wellAgain();
    if (machine.off) {
      this.#note('the power was cut');
      return;
    }
    const kind = this.#below(3);
    if (kind === 0) {
      this.#note('stop');
      await machine.stop();
    } else if (kind === 1 || !this.#mayLosePower) {
      this.#note('kill');
      machine.disk.kill();
    } else {
      this.#note('power cut');
      machine.disk.cut();
    }
  }

  /** What was under way has happened, or not. */
  #adopt(): void {
    const { streams } = this.#client;
    const found = this.machine.found();
    for (const model of [...streams.values()]) {
      const stream = found.get(model.name);
      if (stream !== undefined) {
        this.#adoptStream(model, stream);
        continue;
      }
      const lost = model.state === 'there' && model.promised;
      assert.ok(!lost, `stream ${model.name} is missing: ${this.machine.complaints}`);
      streams.delete(model.name);
    }
    for (const name of found.keys()) assert.ok(streams.has(name), `stream ${name} is back`);
  }

  #adoptStream(model: StreamModel, stream: Stream): void {
    model.state = 'there';
    model.updating = model.mayGo = false;
    if (this.#cut) model.promised = true;
    // What servers add to the metadata depends on who asks.
    const { metadata: _metadata, ...shown } = JSON.parse(stream.info()).config;
    assert.ok(model.descriptions.has(shown.description), `${model.name}: ${shown.description}`);
    if (shown.description === model.config?.description) assert.deepEqual(shown, model.config);
    if (this.#cut) {
      model.config = shown;
      model.descriptions.clear();
      model.descriptions.add(shown.description);
    }
    for (const { name } of stream.consumers.all()) {
      if (model.consumers.has(name)) continue;
      const consumer = model.doubtful.get(name);
      assert.ok(consumer, `consumer ${model.name} > ${name} is back`);
      model.consumers.set(name, consumer);
    }
    for (const newest of [...model.consumers.values()]) {
      const there = stream.consumers.get(newest.name);
      const consumer = there === undefined ? newest : this.#whichIsThere(model, newest, there);
      if (there === undefined) {
        const lost = consumer.state === 'there' && consumer.promised;
        assert.ok(!lost, `consumer ${consumer.path} is missing: ${this.machine.complaints}`);
        consumer.state = 'gone';
        model.consumers.delete(consumer.name);
        model.doubtful.set(consumer.name, consumer);
        continue;
      }
      consumer.state = 'there';
      if (this.#cut) consumer.promised = true;
      consumer.found(there, this.#client.now);
    }
  }

  /** One that nobody was told to be there may have given way to the one whose end nobody was told. */
  #whichIsThere(model: StreamModel, newest: ConsumerModel, there: Consumer): ConsumerModel {
    const before = model.doubtful.get(newest.name);
    const description = there.config.description;
    if (before === undefined || (newest.state === 'there' && newest.promised)) return newest;
    if (newest.descriptions.has(description) || !before.descriptions.has(description)) return newest;
    model.consumers.set(before.name, before);
    return before;
  }

  #compare(atRest: boolean): void {
    const found = this.machine.found();
    for (const model of this.#client.streams.values()) {
      const stream = found.get(model.name);
      if (stream !== undefined) model.compare(stream, this.#client.now, atRest);
    }
  }

  // --- Steps --------------------------------------------------------------------------------------------------------

  #step(): void {
    const { machine } = this;
    const streams = this.#streams;
    const consumers = this.#consumers;
    const choice = this.#below(200);
    if (this.#client.streams.size === 0 || choice < 8) streams.create();
    else if (choice < 66) streams.publish();
    else if (choice < 74) streams.burst();
    else if (choice < 78) streams.batch();
    else if (choice < 86) streams.retry();
    else if (choice < 96) consumers.create();
    else if (choice < 118) consumers.pull();
    else if (choice < 121) consumers.update();
    else if (choice < 128) streams.deleteMessage();
    else if (choice < 131) streams.purge();
    else if (choice < 134) streams.update();
    else if (choice < 136) streams.remove();
    else if (choice < 138) consumers.remove();
    else if (choice < 163) this.#do('turn', () => machine.turn());
    else if (choice < 183) this.#do('settle', () => machine.settle());
    else if (choice < 188) this.#pass(1 + this.#below(200));
    else if (choice < 190) this.#pass(this.#below(20_000));
    else if (choice < 196) this.#do('rest', () => machine.rest());
    else if (this.#mayFail) this.#makeTrouble();
  }

  #do(what: string, step: () => void): void {
    this.#note(what);
    step();
  }

  #pass(milliseconds: number): void {
    this.#do(`pass ${milliseconds}`, () => this.machine.pass(milliseconds));
  }

  // --- Trouble ------------------------------------------------------------------------------------------------------

  #wellAgain(): void {
    const { device } = this.machine;
    device.failSyncs = device.failWrites = false;
    device.capacity = Number.POSITIVE_INFINITY;
  }

  #makeTrouble(): void {
    const { device } = this.machine;
    const kind = this.#below(4);
    this.#note(`trouble ${kind}`);
    if (kind === 0) device.failSyncs = true;
    else if (kind === 1) device.failWrites = true;
    else if (kind === 2) {
      let used = 0;
      for (const content of device.snapshot().values()) used += content?.length ?? 0;
      device.capacity = used + this.#below(1500);
    } else this.#wellAgain();
  }
}

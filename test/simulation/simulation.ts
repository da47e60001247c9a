/** A random workload on a machine that loses power, by a seed, and what it makes of the model. */
import assert from 'node:assert/strict';
import { type Delivered, Machine } from './machine.js';
import { ConsumerModel, type Publication, StreamModel } from './model.js';

type Answer = (payload: string, header: string) => void;

export class Simulation {
  readonly machine: Machine;
  readonly trace: string[] = [];
  readonly streams = new Map<string, StreamModel>();
  #answers = new Map<string, Answer>();
  #count = 0;
  /** The disk refused things since the start: answers may tell of errors, and what was refused may be there. */
  #trouble = false;
  /** The last life ended by a power cut: what is found is on the device. */
  #cut = false;
  readonly #mayFail: boolean;
  readonly #mayLosePower: boolean;

  constructor(seed: number) {
    // Without a sync before each answer only the end of the process is survived.
    const lazy = seed % 10 === 9;
    this.machine = new Machine(seed, {
      syncInterval: lazy ? 1000 : 0,
      encrypted: seed % 7 === 3,
      blockSize: 400 + (seed % 5) * 500,
    });
    this.#mayFail = seed % 4 === 1;
    this.#mayLosePower = !lazy;
    this.machine.onMessage = (message) => this.#heard(message);
  }

  below(limit: number): number {
    return this.machine.random.next() % limit;
  }

  note(text: string): void {
    this.trace.push(text);
  }

  async run(): Promise<void> {
    const { machine } = this;
    machine.turns.install();
    try {
      this.#start();
      for (let round = 0; round < 4; round++) {
        if (this.#mayLosePower && this.below(2) === 0) machine.disk.fuse = 1 + this.below(60);
        for (let step = 10 + this.below(40); step > 0 && !machine.off; step--) this.#step();
        await this.#end();
        this.#start();
      }
      machine.rest();
      this.#compare();
    } finally {
      machine.turns.remove();
    }
  }

  // --- Start and end ------------------------------------------------------------------------------------------------

  #start(): void {
    const { machine } = this;
    this.#answers = new Map();
    for (let tries = 0; ; tries++) {
      const fuse = this.#mayLosePower && tries < 2 && this.below(4) === 0 ? 1 + this.below(12) : Infinity;
      machine.start(fuse);
      if (!machine.off) break;
      this.note('power cut while starting');
      this.#cut = true;
    }
    this.#adopt();
    this.#trouble = false;
    this.#compare();
  }

  async #end(): Promise<void> {
    const { machine } = this;
    this.#cut = machine.off;
    this.#wellAgain();
    if (machine.off) {
      this.note('the power was cut');
      return;
    }
    const kind = this.below(3);
    if (kind === 0) {
      this.note('stop');
      await machine.stop();
    } else if (kind === 1 || !this.#mayLosePower) {
      this.note('kill');
      machine.disk.kill();
    } else {
      this.note('power cut');
      machine.disk.cut();
      this.#cut = true;
    }
  }

  /** What was under way has happened, or not. */
  #adopt(): void {
    const found = this.machine.jetstream.accounts.get('$G')!.streams;
    for (const model of [...this.streams.values()]) {
      const stream = found.get(model.name);
      if (stream === undefined) {
        const lost = model.state === 'there' && model.promised;
        assert.ok(!lost, `stream ${model.name} is missing: ${this.machine.complaints}`);
        this.streams.delete(model.name);
        continue;
      }
      model.state = 'there';
      if (this.#cut) model.promised = true;
      // What servers add to the metadata depends on who asks.
      const { metadata: _metadata, ...shown } = JSON.parse(stream.info()).config;
      assert.ok(model.descriptions.has(shown.description), `${model.name}: ${shown.description}`);
      if (shown.description === model.config?.description) assert.deepEqual(shown, model.config);
      model.config = shown;
      model.descriptions.clear();
      model.descriptions.add(shown.description);
      for (const consumer of [...model.consumers.values()]) {
        const there = stream.consumers.get(consumer.name);
        if (there === undefined) {
          const what = `consumer ${model.name} > ${consumer.name}`;
          assert.ok(
            consumer.state !== 'there' || !consumer.promised,
            `${what} is missing: ${this.machine.complaints}`,
          );
          model.consumers.delete(consumer.name);
          continue;
        }
        consumer.state = 'there';
        if (this.#cut) consumer.promised = true;
        for (const sequence of consumer.acked) {
          const { acks } = there;
          const done = sequence <= acks.deliveredStream && !acks.pending.has(sequence);
          assert.ok(done, `${consumer.name}: the ack of ${sequence} is lost`);
        }
      }
    }
    for (const name of found.keys()) assert.ok(this.streams.has(name), `stream ${name} is back`);
  }

  #compare(): void {
    const found = this.machine.jetstream.accounts.get('$G')!.streams;
    for (const model of this.streams.values()) {
      const stream = found.get(model.name);
      if (stream !== undefined) model.compare(stream);
    }
  }

  #wellAgain(): void {
    const { device } = this.machine;
    device.failSyncs = device.failWrites = false;
    device.capacity = Number.POSITIVE_INFINITY;
  }

  // --- Steps --------------------------------------------------------------------------------------------------------

  #step(): void {
    const { machine } = this;
    const choice = this.below(100);
    if (this.streams.size === 0 || choice < 4) this.#createStream();
    else if (choice < 40) this.#publish();
    else if (choice < 44) this.#retry();
    else if (choice < 48) this.#createConsumer();
    else if (choice < 60) this.#pull();
    else if (choice < 64) this.#deleteMessage();
    else if (choice < 66) this.#purge();
    else if (choice < 68) this.#updateStream();
    else if (choice < 69) this.#deleteStream();
    else if (choice < 70) this.#deleteConsumer();
    else if (choice < 82) this.#do('turn', () => machine.turn());
    else if (choice < 92) this.#do('settle', () => machine.settle());
    else if (choice < 95) this.#do('pass', () => machine.pass(1 + this.below(200)));
    else if (choice < 98) this.#do('rest', () => machine.rest());
    else if (this.#mayFail) this.#makeTrouble();
  }

  #do(what: string, step: () => void): void {
    this.note(what);
    step();
  }

  #some<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : list[this.below(list.length)];
  }

  #stream(): StreamModel | undefined {
    return this.#some([...this.streams.values()].filter(({ state }) => state === 'there'));
  }

  #request(subject: string, body: string, answer: Answer, header = ''): void {
    const reply = `_R.${++this.#count}`;
    this.#answers.set(reply, answer);
    this.machine.send(
      header === ''
        ? `PUB ${subject} ${reply} ${body.length}\r\n${body}\r\n`
        : `HPUB ${subject} ${reply} ${header.length} ${header.length + body.length}\r\n${header}${body}\r\n`,
    );
    this.machine.hear();
  }

  #api(verb: string, body: unknown, done: (answer: Record<string, unknown>) => void): void {
    this.note(`${verb} ${body === null ? '' : JSON.stringify(body)}`);
    this.#request(`$JS.API.${verb}`, body === null ? '' : JSON.stringify(body), (payload) => {
      const answer = JSON.parse(payload);
      this.note(`  ${verb}: ${answer.error ? JSON.stringify(answer.error) : 'done'}`);
      if (!answer.error) done(answer);
    });
  }

  #createStream(): void {
    const name = this.#some(['A', 'B', 'C'])!;
    if (this.streams.has(name)) return;
    const model = new StreamModel(name, this.below(5) === 0);
    if (this.below(3) === 0) model.maxMessages = 3 + this.below(10);
    if (this.below(4) === 0) model.maxPerSubject = 1 + this.below(4);
    this.streams.set(name, model);
    this.#saveStream(model, 'CREATE');
  }

  #saveStream(model: StreamModel, verb: 'CREATE' | 'UPDATE'): void {
    const description = `version ${++this.#count}`;
    model.descriptions.add(description);
    const config = {
      name: model.name,
      description,
      subjects: [`${model.name}.>`],
      retention: model.workQueue ? 'workqueue' : 'limits',
      max_msgs: model.maxMessages || -1,
      max_msgs_per_subject: model.maxPerSubject || -1,
      compression: model.name === 'C' ? 's2' : 'none',
      storage: 'file',
      allow_direct: true,
    };
    this.#api(`STREAM.${verb}.${model.name}`, config, (answer) => {
      if (model.state === 'creating') model.state = 'there';
      model.promised = true;
      const { metadata: _metadata, ...config } = answer.config as Record<string, unknown>;
      model.config = config;
      model.descriptions.clear();
      model.descriptions.add(description);
    });
  }

  #updateStream(): void {
    const model = this.#stream();
    // One at a time: otherwise it is not known which one counts.
    if (model === undefined || model.descriptions.size > 1) return;
    if (this.below(2) === 0) model.maxMessages = Math.min(model.maxMessages || 99, 3 + this.below(10));
    this.#saveStream(model, 'UPDATE');
  }

  #deleteStream(): void {
    const model = this.#stream();
    if (model === undefined || model.descriptions.size > 1) return;
    model.state = 'deleting';
    this.#api(`STREAM.DELETE.${model.name}`, null, () => this.streams.delete(model.name));
  }

  #publish(): void {
    const model = this.#stream();
    if (model === undefined) return;
    const id = `m${++this.#count}`;
    const payload = `${id} `.padEnd(this.below(5) === 0 ? this.below(700) : 12, id);
    const messageId = this.below(3) === 0 ? id : '';
    const lines = messageId === '' ? '' : `Nats-Msg-Id: ${id}\r\n`;
    const expects = this.below(12) === 0 ? `Nats-Expected-Last-Sequence: ${model.last}\r\n` : '';
    const header = lines + expects === '' ? '' : `NATS/1.0\r\n${lines}${expects}\r\n`;
    const subject = `${model.name}.${this.below(4)}`;
    const publication: Publication = {
      id,
      subject,
      payload,
      header,
      messageId,
      sequence: 0,
      refused: false,
      removal: '',
      at: this.#count,
    };
    model.published.push(publication);
    model.byPayload.set(payload, publication);
    this.#send(model, publication);
  }

  #send(model: StreamModel, publication: Publication): void {
    const { id, subject, payload, header } = publication;
    this.note(`publish ${id} on ${subject}`);
    const answer: Answer = (body, status) => {
      if (status !== '') return;
      const { error, seq, duplicate } = JSON.parse(body);
      this.note(`  ${id}: ${error ? error.description : `${seq}${duplicate ? ' again' : ''}`}`);
      if (error === undefined) model.stored(publication, seq, duplicate === true);
      else if (error.err_code !== 10077) publication.refused ||= publication.sequence === 0;
    };
    this.#request(subject, payload, answer, header);
  }

  /** A client that has got no answer, or an old one, publishes again under the same id. */
  #retry(): void {
    const model = this.#stream();
    const known = model?.published.slice(-12).filter((each) => each.messageId !== '' && !each.refused);
    const publication = this.#some(known ?? []);
    // What is gone may be forgotten, and what was asked for with a last sequence does not hold any more.
    if (!publication || model!.mayBeGone(publication) || publication.header.includes('Expected')) return;
    // Where it was not stored before it comes behind what was published since.
    if (publication.sequence === 0) model!.published.push(publication);
    this.#send(model!, publication);
  }

  #deleteMessage(): void {
    const model = this.#stream();
    const publication = this.#some(model?.published.filter((each) => each.sequence > 0) ?? []);
    if (publication === undefined) return;
    const { sequence: seq } = publication;
    if (publication.removal === '') publication.removal = 'asked';
    this.#api(`STREAM.MSG.DELETE.${model!.name}`, { seq, no_erase: this.below(2) === 0 }, () => {
      publication.removal = 'confirmed';
    });
  }

  #purge(): void {
    const model = this.#stream();
    if (model === undefined) return;
    const filter = this.below(2) === 0 ? '' : `${model.name}.${this.below(4)}`;
    const touched = model.published.filter((each) => filter === '' || each.subject === filter);
    for (const each of touched) if (each.removal === '') each.removal = 'asked';
    this.#api(`STREAM.PURGE.${model.name}`, filter === '' ? null : { filter }, () => {
      for (const each of touched) each.removal = 'confirmed';
    });
  }

  // --- Consumers ----------------------------------------------------------------------------------------------------

  #createConsumer(): void {
    const model = this.#stream();
    const name = this.#some(['c0', 'c1'])!;
    if (model === undefined || model.consumers.has(name) || (model.workQueue && model.consumers.size > 0))
      return;
    const filter = !model.workQueue && this.below(2) === 0 ? `${model.name}.1` : '';
    const consumer = new ConsumerModel(name, filter, this.below(3) === 0);
    model.consumers.set(name, consumer);
    const config = {
      durable_name: name,
      ack_policy: 'explicit',
      deliver_policy: 'all',
      ack_wait: 2e9,
      ...(filter === '' ? {} : { filter_subject: filter }),
      ...(consumer.push ? { deliver_subject: `push.${model.name}.${name}` } : {}),
    };
    this.#api(`CONSUMER.DURABLE.CREATE.${model.name}.${name}`, { stream_name: model.name, config }, () => {
      if (consumer.state === 'creating') consumer.state = 'there';
      consumer.promised = true;
    });
  }

  #consumer(): [StreamModel, ConsumerModel] | undefined {
    const model = this.#stream();
    const there = [...(model?.consumers.values() ?? [])].filter(({ state }) => state === 'there');
    const consumer = this.#some(there);
    return consumer && [model!, consumer];
  }

  #deleteConsumer(): void {
    const [model, consumer] = this.#consumer() ?? [];
    if (model === undefined || consumer === undefined) return;
    consumer.state = 'deleting';
    this.#api(`CONSUMER.DELETE.${model.name}.${consumer.name}`, null, () => {
      model.consumers.delete(consumer.name);
    });
  }

  #pull(): void {
    const [model, consumer] = this.#consumer() ?? [];
    if (model === undefined || consumer === undefined || consumer.push) return;
    const body = JSON.stringify({ batch: 1 + this.below(5), expires: 1e9 });
    this.note(`pull ${model.name} ${consumer.name}`);
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${model.name}.${consumer.name}`;
    this.machine.send(`PUB ${subject} _P.${++this.#count} ${body.length}\r\n${body}\r\n`);
    this.machine.hear();
  }

  #heard(message: Delivered): void {
    const answer = this.#answers.get(message.subject);
    if (answer !== undefined) {
      this.#answers.delete(message.subject);
      answer(message.payload, message.header);
    } else if (message.reply.startsWith('$JS.ACK.')) this.#got(message);
  }

  #got({ subject, reply, header, payload }: Delivered): void {
    const [, , streamName = '', name = '', , sequenceText = ''] = reply.split('.');
    const sequence = Number(sequenceText);
    const model = this.streams.get(streamName);
    const consumer = model?.consumers.get(name);
    if (model === undefined || consumer === undefined || consumer.state === 'deleting') return;
    this.note(`  ${streamName} ${name} got ${sequence}`);
    const publication = model.byPayload.get(payload);
    assert.ok(publication, `${reply}: was never published like that`);
    assert.equal(header, publication.header, `${reply}: header`);
    assert.ok(subject.startsWith('_P.') || subject === publication.subject || subject.startsWith('push.'));
    assert.ok(!consumer.acked.has(sequence), `${reply} comes again after a confirmed ack`);
    assert.notEqual(publication.removal, 'confirmed', `${reply} was removed`);
    model.stored(publication, sequence, true);
    this.#acknowledge(model, consumer, reply, sequence);
  }

  #acknowledge(model: StreamModel, consumer: ConsumerModel, reply: string, sequence: number): void {
    const choice = this.below(10);
    if (choice < 3) return;
    if (choice < 5) {
      this.machine.send(`PUB ${reply} 4\r\n-NAK\r\n`);
      return;
    }
    model.asked.add(sequence);
    const word = choice === 5 ? '+TERM' : '+ACK';
    if (choice < 7) this.machine.send(`PUB ${reply} ${word.length}\r\n${word}\r\n`);
    else
      this.#request(reply, word, (_body, status) => {
        if (status === '') consumer.acked.add(sequence);
      });
  }

  // --- Trouble ------------------------------------------------------------------------------------------------------

  #makeTrouble(): void {
    const { device } = this.machine;
    const kind = this.below(4);
    this.note(`trouble ${kind}`);
    this.#trouble = true;
    if (kind === 0) device.failSyncs = true;
    else if (kind === 1) device.failWrites = true;
    else if (kind === 2) {
      let used = 0;
      for (const content of device.snapshot().values()) used += content?.length ?? 0;
      device.capacity = used + this.below(1500);
    } else this.#wellAgain();
  }

  get troubled(): boolean {
    return this.#trouble;
  }
}

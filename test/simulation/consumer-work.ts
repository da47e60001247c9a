/** What a client does with consumers and what they deliver, by chance. */
import assert from 'node:assert/strict';
import type { Client } from './client.js';
import { type AckPolicy, ConsumerModel } from './consumer-model.js';
import type { Delivered } from './machine.js';
import type { StreamModel } from './model.js';

export const CONSUMER_NAMES = ['c0', 'c1'];
const ACK_WAIT = 2000;

export const pushSubject = (stream: string, consumer: string) => `push.${stream}.${consumer}`;

export class ConsumerWork {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  create(): void {
    const client = this.#client;
    const model = client.stream();
    const name = client.some(CONSUMER_NAMES)!;
    if (model === undefined || model.consumers.has(name)) return;
    const isQueue = model.kind.retention === 'workqueue';
    // Those of a work queue must not want the same.
    const alone = isQueue && model.consumers.size === 0;
    const own = `${model.name}.${name === 'c0' ? 1 : 2}`;
    if (isQueue && !alone && [...model.consumers.values()].some(({ filters }) => filters.has(''))) return;
    const filter = (isQueue && !alone) || client.oneIn(2) ? own : '';
    const policy: AckPolicy = isQueue || client.oneIn(2) ? 'explicit' : client.oneIn(3) ? 'none' : 'all';
    const consumer = new ConsumerModel(name, model, {
      policy,
      push: client.oneIn(3),
      filter,
      fromNow: !isQueue && client.oneIn(6),
    });
    model.consumers.set(name, consumer);
    this.#save(consumer, filter);
  }

  #save(consumer: ConsumerModel, filter: string): void {
    const { name, stream, kind } = consumer;
    const client = this.#client;
    const description = `version ${client.number()}`;
    consumer.descriptions.add(description);
    consumer.updating = true;
    const config = {
      durable_name: name,
      description,
      ack_policy: kind.policy,
      deliver_policy: kind.fromNow ? 'new' : 'all',
      ack_wait: ACK_WAIT * 1e6,
      ...(filter === '' ? {} : { filter_subject: filter }),
      ...(kind.push ? { deliver_subject: pushSubject(stream.name, name) } : {}),
    };
    const done = () => {
      if (consumer.state === 'creating') {
        consumer.state = 'there';
        stream.doubtful.delete(name);
        if (kind.fromNow) consumer.since = client.number();
      }
      consumer.promised = true;
      // Another filter does not bring back what the consumer has passed.
      if (consumer.filters.size > 1) consumer.since = client.number();
      consumer.filters.clear();
      consumer.filters.add(filter);
      consumer.descriptions.clear();
      consumer.descriptions.add(description);
    };
    const over = () => {
      consumer.updating = false;
    };
    const body = { stream_name: stream.name, config };
    client.api(`CONSUMER.DURABLE.CREATE.${stream.name}.${name}`, body, done, over);
  }

  #some(): ConsumerModel | undefined {
    const model = this.#client.stream();
    const there = [...(model?.consumers.values() ?? [])].filter(({ state }) => state === 'there');
    return this.#client.some(there);
  }

  update(): void {
    const consumer = this.#some();
    if (consumer === undefined || consumer.updating || consumer.filters.size > 1) return;
    const { stream, name } = consumer;
    const [filter] = consumer.filters;
    const isQueue = stream.kind.retention === 'workqueue';
    const other = filter === '' ? `${stream.name}.${name === 'c0' ? 1 : 2}` : '';
    if (isQueue || this.#client.oneIn(2)) {
      this.#save(consumer, filter!);
      return;
    }
    consumer.filters.add(other);
    consumer.since = Number.POSITIVE_INFINITY;
    consumer.release();
    this.#save(consumer, other);
  }

  remove(): void {
    const consumer = this.#some();
    if (consumer === undefined || consumer.updating) return;
    const { stream, name } = consumer;
    consumer.state = 'deleting';
    consumer.promised = false;
    consumer.release();
    this.#client.api(`CONSUMER.DELETE.${stream.name}.${name}`, null, () => {
      consumer.state = 'gone';
      stream.consumers.delete(name);
    });
  }

  pull(): void {
    const consumer = this.#some();
    if (consumer !== undefined && !consumer.kind.push) this.#pull(consumer, 1 + this.#client.below(5));
  }

  #pull({ stream, name }: ConsumerModel, batch: number): void {
    const client = this.#client;
    client.note(`pull ${stream.name} ${name}`);
    const body = JSON.stringify({ batch, expires: 1e9 });
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream.name}.${name}`;
    client.publish(subject, body, '', `_P.${client.number()}`);
    client.machine.hear();
  }

  // --- Deliveries ---------------------------------------------------------------------------------------------------

  got({ subject, reply, header, payload }: Delivered): void {
    const [, , streamName = '', name = '', times, sequence, consumerSequence] = reply.split('.');
    const client = this.#client;
    const model = client.streams.get(streamName);
    const consumer = model?.consumers.get(name);
    if (model === undefined || consumer === undefined || consumer.state === 'deleting') return;
    client.note(`  ${streamName} ${name} got ${sequence}`);
    const publication = model.byPayload.get(payload);
    assert.ok(publication, `${reply}: ${JSON.stringify(payload.slice(0, 60))} was never published`);
    assert.equal(header, publication.header, `${reply}: header`);
    assert.equal(subject, publication.subject, `${reply}: subject`);
    assert.notEqual(publication.removal, 'confirmed', `${reply} was removed`);
    model.stored(publication, Number(sequence), true);
    const delivery = {
      sequence: Number(sequence),
      times: Number(times),
      consumerSequence: Number(consumerSequence),
    };
    consumer.delivered(delivery, publication, client.now);
    if (consumer.kind.policy !== 'none') this.#acknowledge(model, consumer, reply, delivery.sequence);
    else model.asked.add(delivery.sequence);
  }

  #acknowledge(model: StreamModel, consumer: ConsumerModel, reply: string, sequence: number): void {
    const client = this.#client;
    const choice = client.below(10);
    if (choice < 3) return;
    if (choice < 5) {
      client.publish(reply, '-NAK');
      return;
    }
    model.asked.add(sequence);
    consumer.ask(sequence);
    const word = choice === 5 ? '+TERM' : '+ACK';
    if (choice < 7) client.publish(reply, word);
    else
      client.request(reply, word, (_body, status) => {
        if (status === '') consumer.confirm(sequence);
      });
  }

  /** Everything that is there is asked for. */
  drain(): void {
    const { machine, streams } = this.#client;
    const all = [...streams.values()].flatMap(({ consumers }) => [...consumers.values()]);
    const pulls = all.filter(({ state, kind }) => state === 'there' && !kind.push);
    for (let round = 0; round < 3; round++) {
      for (const consumer of pulls) this.#pull(consumer, 100);
      machine.rest();
      machine.pass(ACK_WAIT + 100);
      machine.rest();
    }
    for (const consumer of all) if (consumer.state === 'there') consumer.checkComplete(this.#client.now);
  }
}

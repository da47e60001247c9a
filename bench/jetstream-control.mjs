// A connection for JetStream's API, used by the loads around what they measure: to create, to ask, and to check what has arrived.
import { setTimeout as sleep } from 'node:timers/promises';
import { readMessages } from './message-reader.mjs';
import { openConnection } from './wire.mjs';

const INBOX = '_INBOX.control';
const SECOND = 1_000_000_000; // nanoseconds, as the API counts
const SETTLE_TIMEOUT = 10_000;

export class JetStreamControl {
  #waiting = new Map();
  #nextId = 2; // of requests, and of the subscriptions of those that are answered with stored messages

  static async open(port) {
    const control = new JetStreamControl();
    control.connection = await openConnection({ port });
    readMessages(control.connection, (bytes, at, sizeAt, payloadAt, size) => {
      const [, subject, sid, reply] = bytes.latin1Slice(at, sizeAt).split(' ');
      const id = sid === '1' ? subject.slice(INBOX.length + 1) : sid;
      const waiting = control.#waiting.get(id);
      control.#waiting.delete(id);
      waiting?.resolve({ text: bytes.toString('utf8', payloadAt, payloadAt + size), reply });
    });
    control.connection.write(`SUB ${INBOX}.* 1\r\n`);
    await control.connection.flush();
    control.connection.onError = (error) => {
      for (const { reject } of control.#waiting.values()) reject(error);
    };
    return control;
  }

  close() {
    this.connection.close();
  }

  /** Publishes and waits for one answer. @returns {Promise<{text: string, reply?: string}>} */
  ask(subject, body = '') {
    const id = String(this.#nextId++);
    this.connection.write(`PUB ${subject} ${INBOX}.${id} ${Buffer.byteLength(body)}\r\n${body}\r\n`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** One message of a pull consumer, which comes under its own subject. @returns {Promise<{text: string, reply?: string}>} */
  next(stream, consumer) {
    const id = String(this.#nextId++);
    const inbox = `_INBOX.next.${id}`;
    const body = '{"batch":1}';
    const pull = `PUB $JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer} ${inbox} ${body.length}\r\n${body}\r\n`;
    this.connection.write(`SUB ${inbox} ${id}\r\nUNSUB ${id} 1\r\n${pull}`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** A request of the API; rejects with the error of the answer. */
  async api(name, body = {}) {
    const { text } = await this.ask(`$JS.API.${name}`, JSON.stringify(body));
    const answer = JSON.parse(text.startsWith('{') ? text : '{}'); // no responders answer with headers alone
    if (!answer.type) throw new Error(`${name}: no answer from JetStream`);
    if (answer.error) throw new Error(`${name}: ${answer.error.description}`);
    return answer;
  }

  /** A stream as clients create it. @param {string} name @param {string[]} subjects @param {object} [more] */
  createStream(name, subjects, more = {}) {
    const limits = { max_consumers: -1, max_msgs: -1, max_bytes: -1, max_age: 0, max_msg_size: -1 };
    const kind = { retention: 'limits', discard: 'old', storage: 'file', num_replicas: 1 };
    return this.api(`STREAM.CREATE.${name}`, { name, subjects, ...kind, ...limits, ...more });
  }

  /** The stream of a key-value bucket as clients create it. */
  createBucket(name) {
    return this.createStream(`KV_${name}`, [`$KV.${name}.>`], {
      discard: 'new',
      max_msgs_per_subject: 1,
      allow_rollup_hdrs: true,
      deny_delete: true,
      allow_direct: true,
      duplicate_window: 120 * SECOND,
    });
  }

  /** @param {string} stream @param {string} name @param {object} config */
  createConsumer(stream, name, config) {
    const body = { stream_name: stream, config: { name, ...config } };
    return this.api(`CONSUMER.CREATE.${stream}.${name}`, body);
  }

  deleteConsumer(stream, name) {
    return this.api(`CONSUMER.DELETE.${stream}.${name}`);
  }

  /** Waits until a consumer has nothing left to deliver or to have acknowledged. */
  async finishConsumer(stream, name, { count }) {
    const deadline = Date.now() + SETTLE_TIMEOUT;
    for (;;) {
      const info = await this.api(`CONSUMER.INFO.${stream}.${name}`);
      const { num_pending, num_ack_pending, num_redelivered, delivered } = info;
      if (num_pending === 0 && num_ack_pending === 0 && delivered.consumer_seq === count) return;
      if (Date.now() > deadline) {
        const state = `${num_pending} pending, ${num_ack_pending} unacknowledged, ${num_redelivered} redelivered`;
        throw new Error(`consumer ended with ${state}, ${delivered.consumer_seq} of ${count} delivered`);
      }
      await sleep(5);
    }
  }

  /** Fails unless the stream has these messages, and its last sequence tells that all that were published came. */
  async verify(stream, { messages, last = messages }) {
    const { state } = await this.api(`STREAM.INFO.${stream}`);
    if (state.messages !== messages || state.last_seq !== last) {
      const found = `${state.messages} messages up to ${state.last_seq}`;
      throw new Error(`the stream has ${found}, acknowledged were ${messages} up to ${last}`);
    }
  }
}

/** Runs `action` for 0 to `count - 1`, some at a time. */
export async function manyAtOnce(count, concurrency, action) {
  let next = 0;
  const worker = async () => {
    while (next < count) await action(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

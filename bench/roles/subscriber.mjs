// A process that subscribes and counts what it receives.
import { deliveredLength, expandSubjects, firstSid, now, openConnections } from '../wire.mjs';

const SUBSCRIBE_BATCH = 2000; // SUBs per write, each followed by a PING

/**
 * @typedef {object} SubscriberParams
 * @property {number} port
 * @property {number} [connections]
 * @property {import('../wire.mjs').SubjectSpec[]} subscriptions
 * @property {boolean} [split] share the subscriptions out instead of giving all of them to each connection
 * @property {string} [queue] queue group
 * @property {string} subject a subject as delivered, for its length
 * @property {number} size payload bytes
 * @property {number} [ackStep] deliveries per acknowledgement to the publishers
 */

export class Subscriber {
  #received = 0;
  #expected = 0;
  #unacked = 0;
  /** @type {((value: unknown) => void) | undefined} */ #done;
  /** @type {(error: Error) => void} */ #fail = () => {};

  /** @param {SubscriberParams} params */
  async open(params) {
    this.params = { connections: 1, ...params };
    this.connections = await openConnections(this.params, this.params.connections);
    this.nextSids = this.connections.map(() => 0);
    if (params.subscriptions.length > 0) await this.subscribe({ subscriptions: params.subscriptions });
  }

  /**
   * Adds subscriptions. `total` is how many each connection will have in the end, where that is more than now: it
   * decides the width of the subscription ids.
   */
  async subscribe({ subscriptions, total }) {
    const subjects = subscriptions.flatMap(expandSubjects);
    const { split } = this.params;
    const start = now();
    const share = split ? Math.ceil(subjects.length / this.connections.length) : subjects.length;
    const width = total ?? share;
    await Promise.all(
      this.connections.map((connection, i) => {
        const mine = split ? subjects.slice(i * share, (i + 1) * share) : subjects;
        return this.#subscribeOne(connection, i, mine, firstSid(width));
      }),
    );
    return { start, end: now() };
  }

  async #subscribeOne(connection, index, subjects, base) {
    const { queue, subject, size } = this.params;
    connection.expectFrames(deliveredLength(subject, base, size));
    connection.onFrames = (frames) => this.#count(frames);
    for (let at = 0; at < subjects.length; at += SUBSCRIBE_BATCH) {
      let text = '';
      for (const name of subjects.slice(at, at + SUBSCRIBE_BATCH)) {
        text += `SUB ${name} ${queue ? `${queue} ` : ''}${base + this.nextSids[index]++}\r\n`;
      }
      connection.write(text);
      await connection.flush();
    }
    connection.onError = (error) => this.#fail(error);
  }

  #count(frames) {
    this.#received += frames;
    const { ackStep } = this.params;
    if (ackStep) {
      this.#unacked += frames;
      let acks = '';
      for (; this.#unacked >= ackStep; this.#unacked -= ackStep) acks += 'PUB _ack 0\r\n\r\n';
      if (acks !== '') this.connections[0].write(acks);
    }
    if (this.#received >= this.#expected) this.#done?.({ end: now() });
  }

  /** Resolves when `count` more messages have arrived over all connections. */
  expect({ count }) {
    return new Promise((resolve, reject) => {
      this.#expected += count;
      this.#done = resolve;
      this.#fail = reject;
      for (const connection of this.connections) if (connection.error) reject(connection.error);
      if (this.#received >= this.#expected) resolve({ end: now() });
    });
  }

  /** Deliveries beyond the expected ones, after all that the server had to send. */
  async surplus() {
    for (const connection of this.connections) await connection.flush();
    return this.#received - this.#expected;
  }
}

// A process that publishes to streams without waiting for each acknowledgement, as `PublishAsync` of the clients does: so many
// messages may be unacknowledged. Every acknowledgement is counted and looked at.
import { FrameRing, subjectsOf } from '../frame-ring.mjs';
import { checkAcknowledged, readMessages } from '../message-reader.mjs';
import { now, openConnections } from '../wire.mjs';

const WRITE_BYTES = 32 * 1024;

/**
 * @typedef {object} AsyncPublisherParams
 * @property {number} port
 * @property {import('../wire.mjs').SubjectSpec | string[]} subjects
 * @property {number} size payload bytes
 * @property {number} window messages of a connection that may be unacknowledged
 * @property {number} [connections]
 */

export class AsyncPublisher {
  /** @param {AsyncPublisherParams} params */
  async open(params) {
    const subjects = subjectsOf(params.subjects);
    const connections = await openConnections(params, params.connections ?? 1);
    this.pumps = connections.map((connection, i) => {
      const inbox = `_INBOX.bench${String(i).padStart(4, '0')}`;
      connection.write(`SUB ${inbox}.* 1\r\n`);
      return new Pump(connection, new FrameRing({ ...params, subjects, inbox }), params.window);
    });
    for (const { connection } of this.pumps) await connection.flush();
  }

  /**
   * Publishes `count` messages over all connections, or for some time; resolves when all are acknowledged.
   * @param {{count?: number, milliseconds?: number}} amount
   */
  async run({ count, milliseconds }) {
    const start = now();
    const each = count === undefined ? Number.POSITIVE_INFINITY : Math.ceil(count / this.pumps.length);
    const deadline = performance.now() + (milliseconds ?? Number.POSITIVE_INFINITY);
    const sent = await Promise.all(this.pumps.map((pump) => pump.run(each, deadline)));
    return { start, end: now(), count: sent.reduce((sum, one) => sum + one, 0) };
  }
}

class Pump {
  #sent = 0; // of this run
  #acked = 0;
  #wanted = 0;
  #deadline = 0;
  #blocked = false; // waiting for the socket to drain
  /** @type {(sent: number) => void} */ #done = () => {};

  constructor(connection, ring, window) {
    this.connection = connection;
    this.ring = ring;
    this.window = window;
    this.chunk = Math.max(1, Math.min(Math.floor(window / 8), Math.floor(WRITE_BYTES / ring.length)));
    this.write = (bytes) => {
      this.#blocked = !connection.write(bytes);
    };
    const onMessage = (bytes, at, sizeAt, payloadAt, size) => {
      checkAcknowledged(bytes, at, sizeAt, payloadAt, size);
      this.#acked++;
    };
    readMessages(connection, onMessage, () => this.#pump());
    connection.socket.on('drain', () => {
      this.#blocked = false;
      this.#pump();
    });
  }

  run(count, deadline) {
    return new Promise((resolve, reject) => {
      this.connection.onError = reject;
      this.#sent = 0;
      this.#acked = 0;
      this.#wanted = count;
      this.#deadline = deadline;
      this.#done = resolve;
      this.#pump();
    });
  }

  #pump() {
    if (performance.now() >= this.#deadline) this.#wanted = this.#sent;
    while (!this.#blocked) {
      const rest = this.#wanted - this.#sent;
      const take = Math.min(rest, this.chunk);
      if (take === 0 || this.window - (this.#sent - this.#acked) < take) break;
      this.#sent += take;
      this.ring.take(take, this.write);
    }
    if (this.#sent === this.#wanted && this.#acked === this.#sent) this.#done(this.#sent);
  }
}

// A process with clients that ask something of JetStream and wait for the answer: publishes, reads by key or subject. Each client has one
// request under way, or as many as `window` says.
import { FrameRing, subjectsOf } from '../frame-ring.mjs';
import { checkAcknowledged, hasHeaders, readMessages } from '../message-reader.mjs';
import { percentiles } from '../numbers.mjs';
import { now, openConnections } from '../wire.mjs';

const CARRIAGE_RETURN = 0x0d;
const VERSION = 'NATS/1.0'.length;

/**
 * @typedef {object} CallerParams
 * @property {number} port
 * @property {import('../wire.mjs').SubjectSpec | string[]} subjects
 * @property {boolean} [own] each connection has one of the subjects instead of all
 * @property {number} size bytes of a request
 * @property {'ack' | 'message'} answer what is right
 * @property {number} [answerSize] bytes of payload that a message must have
 * @property {number} [connections]
 * @property {number} [window]
 */

export class Caller {
  /** @param {CallerParams} params */
  async open(params) {
    const subjects = subjectsOf(params.subjects);
    const window = params.window ?? 1;
    this.window = window;
    const connections = await openConnections(params, params.connections ?? 1);
    this.clients = connections.map((connection, i) => {
      const inbox = `_INBOX.bench${String(i).padStart(4, '0')}`;
      const mine = params.own ? [subjects[i]] : subjects;
      const offset = Math.floor((i * subjects.length) / connections.length);
      connection.write(`SUB ${inbox}.* 1\r\n`);
      return {
        connection,
        ring: new FrameRing({ subjects: mine, size: params.size, inbox, window, offset }),
      };
    });
    for (const { connection } of this.clients) await connection.flush();
    this.check = params.answer === 'ack' ? checkAcknowledged : messageCheck(params.answerSize ?? 0);
  }

  /** Asks for some time, or `count` times over all clients; latencies are microseconds of each request, where one is under way. */
  run({ count = Number.POSITIVE_INFINITY, milliseconds = Number.POSITIVE_INFINITY }) {
    const latencies = [];
    const start = now();
    const state = { left: count, done: 0, active: this.clients.length };
    const deadline = performance.now() + milliseconds;
    return new Promise((resolve, reject) => {
      for (const { connection, ring } of this.clients) {
        let [underway, answered, sentAt] = [0, 0, 0];
        connection.onError = reject;
        const write = (bytes) => connection.write(bytes);
        const ask = (time) => {
          const take = time < deadline ? Math.min(state.left, this.window - underway) : 0;
          state.left -= take;
          underway += take;
          sentAt = time;
          if (take > 0) ring.take(take, write);
          else if (underway === 0 && --state.active === 0) {
            const latency = this.window === 1 ? percentiles(latencies) : {};
            resolve({ start, end: now(), count: state.done, latency });
          }
        };
        const onMessage = (bytes, at, sizeAt, payloadAt, size) => {
          this.check(bytes, at, sizeAt, payloadAt, size);
          answered++;
        };
        readMessages(connection, onMessage, () => {
          if (answered === 0) return;
          const time = performance.now();
          if (this.window === 1) latencies.push((time - sentAt) * 1000);
          state.done += answered;
          underway -= answered;
          answered = 0;
          ask(time);
        });
        ask(performance.now());
      }
    });
  }
}

/** Stored messages come with headers but without a status. @returns {import('../message-reader.mjs').OnMessage} */
function messageCheck(answerSize) {
  return (bytes, at, _sizeAt, payloadAt, size) => {
    const found =
      hasHeaders(bytes, at) && bytes[payloadAt + VERSION] === CARRIAGE_RETURN && size > answerSize;
    if (!found)
      throw new Error(`not a message: ${bytes.latin1Slice(payloadAt, payloadAt + Math.min(size, 80))}`);
  };
}

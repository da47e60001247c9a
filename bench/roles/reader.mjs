// A process that reads from consumers, as the official Go client does it: `Consume` and `Fetch` of pull consumers, with or
// without acknowledgements, and push consumers with flow control.
import { hasHeaders, readMessages } from '../message-reader.mjs';
import { now, openConnection } from '../wire.mjs';

const BATCH = 500; // what `Consume` asks for; half of it is its threshold to ask for more
const EXPIRES = 30_000_000_000;
const ANSWER_BYTES = 64 * 1024;
const COPIED = 4 * 1024;
const SPACE = 0x20;
const PUB = Buffer.from('PUB ');
const ACK = Buffer.from(' 4\r\n+ACK\r\n');

export class Reader {
  async open({ port }) {
    this.connection = await openConnection({ port });
    this.sid = 999; // all ids have four digits
  }

  /**
   * Reads `count` messages with pull requests that overlap.
   * @param {{stream: string, consumer: string, count: number, ack: boolean}} what
   */
  consume({ stream, consumer, count, ack }) {
    const inbox = this.#nextInbox();
    let underway = 0; // asked for and not yet here
    const ask = () => {
      if (underway >= BATCH / 2) return;
      this.connection.write(pullRequest(stream, consumer, inbox, BATCH - underway));
      underway = BATCH;
    };
    const onRead = (messages) => {
      underway -= messages;
      ask();
    };
    this.connection.write(`SUB ${inbox} ${this.sid}\r\n`);
    const read = this.#read(count, ack, onRead);
    ask();
    return read;
  }

  /**
   * Reads `count` messages with one pull request after the other; each has a subscription of its own.
   * @param {{stream: string, consumer: string, count: number, batch: number}} what
   */
  async fetch({ stream, consumer, count, batch }) {
    const start = now();
    for (let got = 0; got < count; got += batch) {
      const inbox = this.#nextInbox();
      const size = Math.min(batch, count - got);
      const read = this.#read(size, true);
      this.connection.write(`SUB ${inbox} ${this.sid}\r\n${pullRequest(stream, consumer, inbox, size)}`);
      await read;
    }
    return { start, end: now() };
  }

  /**
   * Subscribes for a push consumer that is made afterwards, which will deliver `count` messages.
   * @returns its deliver subject
   */
  async subscribe({ count }) {
    const inbox = this.#nextInbox();
    this.connection.write(`SUB ${inbox} ${this.sid}\r\n`);
    await this.connection.flush();
    // It counts from now on: the first messages may be here before the call that waits for the last.
    this.received = this.#read(count, false);
    this.received.catch(() => {});
    return inbox;
  }

  /** Resolves with the last of these messages. */
  receive() {
    return this.received;
  }

  /** Messages that came after the last one that was waited for. */
  async surplus() {
    let more = 0;
    readMessages(this.connection, (bytes, at) => {
      if (!hasHeaders(bytes, at)) more++;
    });
    await this.connection.flush();
    return more;
  }

  #nextInbox() {
    if (++this.sid === 10_000) this.sid = 1000;
    return `_INBOX.bench.${this.sid}`;
  }

  /** @param {number} count @param {boolean} ack @param {(messages: number) => void} [onRead] */
  #read(count, ack, onRead = () => {}) {
    const { connection, sid } = this;
    const start = now();
    let received = 0;
    let counted = 0;
    const answers = new Answers(connection);
    return new Promise((resolve, reject) => {
      connection.onError = reject;
      const onMessage = (bytes, at, sizeAt, payloadAt, size) => {
        if (hasHeaders(bytes, at)) return answers.status(bytes, at, sizeAt, payloadAt, size);
        received++;
        if (ack) answers.acknowledge(bytes, sizeAt);
      };
      readMessages(connection, onMessage, () => {
        const messages = received - counted;
        counted = received;
        answers.send();
        if (received < count) onRead(messages);
        else if (messages > 0) {
          const end = now();
          connection.write(`UNSUB ${sid}\r\n`);
          if (received === count) resolve({ start, end });
          else reject(new Error(`${received - count} messages too many`));
        }
      });
    });
  }
}

/** What a client answers to what it reads, gathered for one write per read. */
class Answers {
  #bytes = Buffer.allocUnsafeSlow(ANSWER_BYTES);
  #end = 0;

  constructor(connection) {
    this.connection = connection;
  }

  /** The reply subject ends at `to`; the subject before it may be any of the stream. */
  acknowledge(bytes, to) {
    let from = to;
    while (bytes[from - 1] !== SPACE) from--;
    if (this.#end + to - from + 32 > this.#bytes.length) this.send();
    const out = this.#bytes;
    let at = this.#end;
    for (let i = 0; i < PUB.length; i++) out[at++] = PUB[i];
    at += bytes.copy(out, at, from, to);
    for (let i = 0; i < ACK.length; i++) out[at++] = ACK[i];
    this.#end = at;
  }

  /** Flow control and stalled heartbeats want an answer; heartbeats do not; all else is a failure. */
  status(bytes, at, sizeAt, payloadAt, size) {
    const text = bytes.latin1Slice(payloadAt, payloadAt + size);
    if (!text.startsWith('NATS/1.0 100')) throw new Error(`status ${text.split('\r\n')[0]}`);
    const words = bytes.latin1Slice(at, sizeAt).split(' '); // HMSG subject sid [reply] headers
    const reply = words.length === 5 ? words[3] : /Nats-Consumer-Stalled: *(\S+)/.exec(text)?.[1];
    if (reply !== undefined) this.connection.write(`PUB ${reply} 0\r\n\r\n`);
  }

  send() {
    if (this.#end === 0) return;
    const answers = this.#bytes.subarray(0, this.#end);
    this.#end = 0;
    // The socket may hold on to what it was given: a copy of little, the whole buffer of much.
    if (answers.length <= COPIED) this.connection.write(Buffer.from(answers));
    else {
      this.connection.write(answers);
      this.#bytes = Buffer.allocUnsafeSlow(ANSWER_BYTES);
    }
  }
}

function pullRequest(stream, consumer, inbox, batch) {
  const body = JSON.stringify({ expires: EXPIRES, batch, idle_heartbeat: EXPIRES / 2 });
  return `PUB $JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer} ${inbox} ${body.length}\r\n${body}\r\n`;
}

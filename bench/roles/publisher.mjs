// A process that publishes: prebuilt bytes, as fast as flow control lets it or at a steady rate.
//
// Flow control keeps the bytes that wait inside the server bounded, so that a run measures a steady state and nobody
// becomes a slow consumer: with subscribers, by their acknowledgements on `_ack`; without, by PONGs.
import { deliveredLength, expandSubjects, now, openConnections, publishFrame } from '../wire.mjs';

const PING = Buffer.from('PING\r\n');
const PACE_INTERVAL = 1; // ms between the bursts of a paced publisher
const LONGEST_BURST = 0.05; // seconds' worth of messages

/**
 * @typedef {object} PublisherParams
 * @property {number} port
 * @property {import('../wire.mjs').SubjectSpec} subjects
 * @property {number} size payload bytes
 * @property {number} [connections]
 * @property {number} [chunkBytes] bytes per write, rounded to whole messages
 * @property {number} [ackStep] deliveries per acknowledgement; without it PONGs are used
 * @property {number} [ackFactor] deliveries that belong to one message of one connection of this process
 * @property {number} [window] messages per connection that may be under way
 */

export class Publisher {
  /** @param {PublisherParams} params */
  async open(params) {
    this.params = { connections: 1, chunkBytes: 64 * 1024, ackFactor: 1, ...params };
    const frames = buildFrames(this.params);
    const connections = await openConnections(this.params, this.params.connections);
    this.pumps = connections.map((connection) => new Pump(connection, frames, this.params));
    for (const pump of this.pumps) await pump.prepare();
  }

  /** Publishes `count` messages per connection; resolves when the server has read them all. */
  async run({ count }) {
    const start = now();
    await Promise.all(this.pumps.map((pump) => pump.run(count)));
    return { start, end: now() };
  }

  /** Starts to publish `rate` messages a second on the first connection, until `stopPacing`. */
  async startPacing({ rate }) {
    const { connection, frames } = this.pumps[0];
    const pace = { start: now(), sent: 0, skipped: 0 };
    const burst = () => {
      let due = Math.floor(((now() - pace.start) / 1000) * rate) - pace.sent - pace.skipped;
      // A server that does not take the bytes must not make the generator's memory grow; the report shows the shortfall.
      if (connection.socket.writableLength > 4 * 1024 * 1024) return;
      // What a stall has delayed for long is left out: a burst to catch up would be another load than the one wanted.
      const late = Math.max(0, due - Math.ceil(rate * LONGEST_BURST));
      pace.skipped += late;
      due -= late;
      while (due > 0) {
        const take = Math.min(due, frames.count);
        connection.write(frames.bytes.subarray(0, take * frames.length));
        pace.sent += take;
        due -= take;
      }
    };
    this.pace = pace;
    this.timer = setInterval(burst, PACE_INTERVAL);
  }

  async stopPacing() {
    clearInterval(this.timer);
    const seconds = (now() - this.pace.start) / 1000;
    return { rate: this.pace.sent / seconds };
  }
}

/** All frames in one buffer: one per subject, or as many copies of a single one as fill a chunk. */
function buildFrames({ subjects, size, chunkBytes }) {
  const names = expandSubjects(subjects);
  const length = publishFrame(names[0], size).length;
  const perChunk = Math.max(1, Math.floor(chunkBytes / length));
  const count = Math.ceil(Math.max(perChunk, names.length) / names.length) * names.length;
  const bytes = Buffer.allocUnsafeSlow(count * length);
  // A stride instead of counting up, so that neighbours in time are not neighbours in the server's tables.
  const stride = 7919;
  for (let i = 0; i < count; i++)
    publishFrame(names[(i * stride) % names.length], size).copy(bytes, i * length);
  return { bytes, count, length, perChunk };
}

class Pump {
  #sent = 0; // messages, over all runs
  #target = 0;
  #next = 0; // position in the prebuilt frames
  #released = 0; // messages known to have left the server
  #pings = 0;
  #blocked = false; // waiting for the socket to drain
  /** @type {(() => void) | undefined} */ #done;

  constructor(connection, frames, params) {
    this.connection = connection;
    this.frames = frames;
    this.params = params;
    this.acked = params.ackStep !== undefined;
    this.window = Math.max(params.window ?? 8 * frames.perChunk, 1);
    this.chunk = Math.max(1, Math.min(frames.perChunk, Math.floor(this.window / 4)));
    /** @type {number[]} messages sent when each PING that has no PONG yet was sent */
    this.marks = [];
  }

  async prepare() {
    const { connection } = this;
    if (this.acked) {
      connection.expectFrames(deliveredLength('_ack', 1, 0));
      connection.write('SUB _ack 1\r\n');
    }
    await connection.flush();
    connection.socket.on('drain', () => {
      this.#blocked = false;
      this.#pump();
    });
    connection.onFrames = (frames) => {
      this.#released += (frames * this.params.ackStep) / this.params.ackFactor;
      this.#pump();
    };
    connection.onPong = () => {
      const mark = this.marks.shift() ?? 0;
      this.#pings--;
      if (!this.acked) this.#released = mark;
      if (this.#sent === this.#target && this.#pings === 0) this.#done?.();
      else this.#pump();
    };
  }

  run(count) {
    return new Promise((resolve, reject) => {
      this.connection.onError = reject;
      this.#target += count;
      this.#done = () => resolve(undefined);
      this.#pump();
    });
  }

  #pump() {
    const { frames, connection } = this;
    const { socket } = connection;
    while (!this.#blocked && this.#sent < this.#target) {
      const room = Math.floor(this.#released + this.window - this.#sent);
      const rest = this.#target - this.#sent;
      if (room < this.chunk && room < rest) return;
      const take = Math.min(this.chunk, rest, frames.count - this.#next);
      const bytes = frames.bytes.subarray(this.#next * frames.length, (this.#next + take) * frames.length);
      this.#next = (this.#next + take) % frames.count;
      this.#sent += take;
      const last = this.#sent === this.#target;
      if (last || !this.acked) {
        socket.cork();
        socket.write(bytes);
        this.#blocked = !socket.write(PING);
        socket.uncork();
        this.#pings++;
        this.marks.push(this.#sent);
      } else this.#blocked = !socket.write(bytes);
    }
  }
}

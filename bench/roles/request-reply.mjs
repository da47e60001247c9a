// Requesters that wait for each answer before the next request, and the responder that answers them.
import { percentiles } from '../numbers.mjs';
import { deliveredLength, now, openConnection, openConnections, publishFrame } from '../wire.mjs';

const inboxOf = (number) => `_INBOX.bench.${String(number).padStart(4, '0')}`;
const SERVICE = 'svc';

export class Responder {
  async open({ port, size, requesters }) {
    const connection = await openConnection({ port });
    const replies = [];
    for (let i = 0; i < requesters; i++) replies.push(publishFrame(inboxOf(i), size));
    const digits = `MSG ${SERVICE} 1 ${inboxOf(0)}`.length - 4;
    connection.expectFrames(deliveredLength(SERVICE, 1, size, inboxOf(0)));
    const pending = [];
    connection.onFrame = (bytes, at) => {
      let number = 0;
      for (let i = 0; i < 4; i++) number = number * 10 + bytes[at + digits + i] - 48;
      pending.push(replies[number]);
    };
    connection.onFrames = () => {
      if (pending.length === 0) return;
      connection.write(pending.length === 1 ? pending[0] : Buffer.concat(pending));
      pending.length = 0;
    };
    connection.write(`SUB ${SERVICE} 1\r\n`);
    await connection.flush();
  }
}

export class Requester {
  async open({ port, size, requesters }) {
    this.connections = await openConnections({ port }, requesters);
    this.requests = this.connections.map((_, i) => publishFrame(SERVICE, size, inboxOf(i)));
    for (const [i, connection] of this.connections.entries()) {
      connection.expectFrames(deliveredLength(inboxOf(i), 1, size));
      connection.write(`SUB ${inboxOf(i)} 1\r\n`);
      await connection.flush();
    }
  }

  /** Each requester makes requests until `count` are done in total or `milliseconds` have passed. */
  run({ count = Number.POSITIVE_INFINITY, milliseconds = Number.POSITIVE_INFINITY }) {
    const latencies = [];
    const start = now();
    const deadline = performance.now() + milliseconds;
    let started = 0;
    return new Promise((resolve, reject) => {
      let active = this.connections.length;
      for (const [i, connection] of this.connections.entries()) {
        const request = this.requests[i];
        let sentAt = 0;
        connection.onError = reject;
        const next = (time) => {
          if (started < count && time < deadline) {
            started++;
            sentAt = performance.now();
            connection.write(request);
          } else if (--active === 0) {
            resolve({ start, end: now(), count: latencies.length, latency: percentiles(latencies) });
          }
        };
        connection.onFrames = () => {
          const time = performance.now();
          latencies.push((time - sentAt) * 1000);
          next(time);
        };
        next(performance.now());
      }
    });
  }
}

// A process that connects: again and again for the connection rate, or many times at once for idle connections.
import { now, openConnection } from '../wire.mjs';

export class Connector {
  async open({ port, tls = false }) {
    this.target = { port, tls };
    this.held = [];
  }

  /** Connects, completes the handshake and disconnects, `count` times, `concurrency` at once. */
  async cycle({ count, concurrency }) {
    const start = now();
    let left = count;
    const worker = async () => {
      while (left-- > 0) {
        const connection = await openConnection(this.target);
        connection.close();
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    return { start, end: now() };
  }

  /** Opens `count` connections with one subscription each, and keeps them. */
  async hold({ count, prefix }) {
    const start = now();
    let next = 0;
    const worker = async () => {
      while (next < count) {
        const number = next++;
        const connection = await openConnection(this.target);
        this.held.push(connection);
        connection.write(`SUB ${prefix}.${number} 1\r\n`);
        await connection.flush();
        connection.onError = undefined;
      }
    };
    await Promise.all(Array.from({ length: 64 }, worker));
    return { start, end: now() };
  }

  /** How many of the kept connections the server has closed meanwhile. */
  async lost() {
    return this.held.filter((connection) => connection.error).length;
  }
}

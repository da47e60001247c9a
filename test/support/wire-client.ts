// A client that knows nothing: it writes the bytes it is given and keeps the bytes it gets. Tests that are about the
// wire use it so that no client library hides anything. Text is latin1: one character per byte.
import { connect, type Socket } from 'node:net';

export class WireClient {
  /** True when the server ended the connection or it broke. */
  closed = false;

  readonly #socket: Socket;
  readonly #waiting = new Set<() => void>();
  #received = '';
  #pongs = 0;
  #pongScan = 0;
  #pings = 0;
  #openLine = '';

  private constructor(
    socket: Socket,
    /** The server's port. */
    readonly port: number,
  ) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      this.#received += bytes.toString('latin1');
      this.#look();
    });
    // A broken connection is an answer like any other: what counts is what arrived before it.
    socket.on('error', () => undefined);
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
  }

  /** Connects and, unless told otherwise, waits for the INFO line (or the end of the connection). */
  static async connect(port: number, { info = true } = {}): Promise<WireClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const client = new WireClient(socket, port);
    if (info && !(await client.until(() => client.received.includes('\r\n')))) {
      throw new Error('no INFO line');
    }
    return client;
  }

  get received(): string {
    return this.#received;
  }

  /** The first INFO as an object. */
  get info(): Record<string, unknown> {
    const found = /^INFO (.*?)\r\n/.exec(this.#received);
    return found ? JSON.parse(found[1]!) : {};
  }

  /** PONG lines received so far. */
  get pongs(): number {
    for (;;) {
      const at = this.#received.indexOf('PONG\r\n', this.#pongScan);
      if (at < 0) {
        this.#pongScan = Math.max(this.#pongScan, this.#received.length - 5);
        return this.#pongs;
      }
      if (at === 0 || this.#received[at - 1] === '\n') this.#pongs++;
      this.#pongScan = at + 6;
    }
  }

  /** Writes bytes; resolves when the kernel has taken them (at once when the connection is gone). */
  write(text: string): Promise<void> {
    this.#countPings(text);
    return new Promise((resolve) => {
      if (this.closed || this.#socket.destroyed) resolve();
      else this.#socket.write(Buffer.from(text, 'latin1'), () => resolve());
    });
  }

  /** Says that nothing more will be written; what the server still sends is received. */
  end(): void {
    this.#socket.end();
  }

  /** Stops reading, so that the server's output queue grows. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Waits until the condition holds; false when the connection ended or `timeout` milliseconds passed first. */
  async until(condition: () => boolean, timeout = 3000): Promise<boolean> {
    if (condition()) return true;
    if (this.closed) return false;
    return await new Promise<boolean>((resolve) => {
      const finish = (holds: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(holds);
      };
      const look = () => {
        if (condition()) finish(true);
        else if (this.closed) finish(false);
      };
      const timer = setTimeout(() => finish(false), timeout);
      this.#waiting.add(look);
    });
  }

  /**
   * Writes `before` and PING in one go and waits until every PING ever written has its PONG: everything has then been
   * dealt with. False when they did not come.
   */
  async sync(before = '', timeout = 3000): Promise<boolean> {
    void this.write(`${before}PING\r\n`);
    return await this.until(() => this.pongs >= this.#pings, timeout);
  }

  /** Counts the lines that begin with PING, also when they are written in pieces. */
  #countPings(text: string): void {
    const lines = (this.#openLine + text).split('\n');
    this.#openLine = lines.pop()!.slice(0, 4);
    this.#pings += lines.filter((line) => /^ping/i.test(line)).length;
  }

  #end(): void {
    if (!this.closed) {
      this.closed = true;
      this.#socket.destroy();
    }
    this.#look();
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}

// The load generator's own NATS client: raw protocol, fixed-length frames, one read buffer per process.
// It does as little as possible per message, so that the server and not the generator is what a run measures.
import net from 'node:net';
import tls from 'node:tls';

const READ_BUFFER = 256 * 1024;
const LETTER_M = 0x4d;
const LINE_FEED = 0x0a;

/** The CONNECT line; a user's password is its name. */
function connectLine(user) {
  const options = { verbose: false, pedantic: false, headers: true, no_responders: true, protocol: 1 };
  const who = user === undefined ? {} : { user, pass: user };
  return `CONNECT ${JSON.stringify({ ...options, lang: 'bench', version: '1', ...who })}\r\n`;
}

/**
 * A connection after its handshake. Everything received after it is expected to be MSG frames of one fixed length
 * (set with `expectFrames`), with control lines allowed between them.
 */
export class Connection {
  /** @type {net.Socket} */ socket;
  /** @type {Error | undefined} */ error;
  /** @type {((error: Error) => void) | undefined} */ onError;
  /** @type {() => void} */ onPong = () => {};
  /** @type {(frames: number) => void} */ onFrames = () => {};
  /** Called for each frame with its bytes, when set; it must not keep the buffer. @type {((bytes: Buffer, at: number) => void) | undefined} */
  onFrame;
  #frameLength = 0;
  #skip = 0; // bytes of the current frame that have not arrived yet
  #line = ''; // a control line that has not ended yet
  #carry = Buffer.alloc(0); // the start of a frame, kept only for `onFrame`

  /** Bytes of one whole MSG frame, head and trailing CRLF included. */
  expectFrames(length) {
    this.#frameLength = length;
  }

  write(bytes) {
    return this.socket.write(bytes);
  }

  /** Sends PING and waits for its PONG. Not to be mixed with own use of `onPong`. */
  flush() {
    return new Promise((resolve, reject) => {
      this.onError = reject;
      this.onPong = () => resolve(undefined);
      this.socket.write('PING\r\n');
    });
  }

  close() {
    this.onError = undefined;
    this.socket.destroy();
  }

  fail(error) {
    this.error ??= error;
    if (this.onError) this.onError(error);
  }

  /** Takes `size` received bytes at the start of `buffer`, which is reused by the next read. */
  receive(buffer, size) {
    if (this.onFrame) {
      this.#receiveWhole(buffer, size);
      return;
    }
    if (this.#skip > size) {
      this.#skip -= size;
      return;
    }
    const length = this.#frameLength;
    let frames = this.#skip > 0 ? 1 : 0;
    let at = this.#line === '' ? this.#skip : this.#controlLine(buffer, 0, size);
    while (at < size) {
      if (buffer[at] === LETTER_M) {
        at += length;
        frames++;
      } else at = this.#controlLine(buffer, at, size);
    }
    this.#skip = at - size;
    if (at > size) frames--;
    if (frames > 0) this.onFrames(frames);
  }

  #receiveWhole(buffer, size) {
    let bytes = buffer;
    if (this.#carry.length > 0) {
      bytes = Buffer.concat([this.#carry, buffer.subarray(0, size)]);
      size = bytes.length;
      this.#carry = Buffer.alloc(0);
    }
    let at = this.#line === '' ? 0 : this.#controlLine(bytes, 0, size);
    while (at < size) {
      if (bytes[at] !== LETTER_M) at = this.#controlLine(bytes, at, size);
      else if (at + this.#frameLength <= size) {
        this.onFrame(bytes, at);
        at += this.#frameLength;
      } else {
        this.#carry = Buffer.from(bytes.subarray(at, size));
        break;
      }
    }
    this.onFrames(0);
  }

  #controlLine(buffer, at, size) {
    let end = at;
    while (end < size && buffer[end] !== LINE_FEED) end++;
    this.#line += buffer.latin1Slice(at, Math.min(end + 1, size));
    if (end === size) return size;
    const line = this.#line.trimEnd();
    this.#line = '';
    this.controlLine(line);
    return end + 1;
  }

  /** A whole line that is not a message. */
  controlLine(line) {
    if (line === 'PONG') this.onPong();
    else if (line === 'PING') this.socket.write('PONG\r\n');
    else if (!line.startsWith('INFO ')) this.fail(new Error(`the server sent ${line.slice(0, 120)}`));
  }
}

const shared = { buffer: /** @type {Buffer | undefined} */ (undefined) };

/**
 * Connects, answers INFO with CONNECT and PING, and waits for PONG.
 * @param {{port: number, tls?: boolean, user?: string}} target a server on 127.0.0.1
 * @returns {Promise<Connection>}
 */
export function openConnection(target) {
  return target.tls ? openSecured(target.port) : openPlain(target);
}

function openPlain({ port, user }) {
  shared.buffer ??= Buffer.allocUnsafeSlow(READ_BUFFER);
  const connection = new Connection();
  return new Promise((resolve, reject) => {
    connection.onError = reject;
    let greeting = true;
    const socket = net.connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: shared.buffer,
        callback(size, buffer) {
          // INFO is the first thing a server says, and fits the first read but for rare splits that `receive` handles.
          connection.receive(buffer, size);
          if (greeting) {
            greeting = false;
            socket.write(`${connectLine(user)}PING\r\n`);
          }
          return true;
        },
      },
    });
    watch(connection, socket);
    connection.onPong = () => resolve(connection);
  });
}

function openSecured(port) {
  const connection = new Connection();
  return new Promise((resolve, reject) => {
    connection.onError = reject;
    const plain = net.connect({ host: '127.0.0.1', port, noDelay: true });
    plain.on('error', reject);
    plain.once('data', () => {
      plain.removeListener('error', reject);
      const socket = tls.connect({ socket: plain, rejectUnauthorized: false }, () => {
        socket.write(`${connectLine()}PING\r\n`);
      });
      socket.on('data', (bytes) => connection.receive(bytes, bytes.length));
      watch(connection, socket);
    });
    connection.onPong = () => resolve(connection);
  });
}

function watch(connection, socket) {
  connection.socket = socket;
  socket.on('error', (error) => connection.fail(error));
  socket.on('close', () => connection.fail(new Error('the server closed the connection')));
}

/** Opens `count` connections, a few at a time. */
export async function openConnections(target, count) {
  const connections = [];
  while (connections.length < count) {
    const batch = [];
    for (let i = Math.min(64, count - connections.length); i > 0; i--) batch.push(openConnection(target));
    connections.push(...(await Promise.all(batch)));
  }
  return connections;
}

/**
 * Subjects of equal length: each `#` in the pattern becomes a zero-padded number below the matching size.
 * `{pattern: 'a.#.b.#', sizes: [10, 3]}` gives `a.0.b.0` to `a.9.b.2`.
 * @typedef {{pattern: string, sizes?: number[], from?: number, to?: number}} SubjectSpec
 */

/** @param {SubjectSpec} spec @returns {string[]} */
export function expandSubjects(spec) {
  const sizes = spec.sizes ?? [];
  const total = sizes.reduce((product, size) => product * size, 1);
  const subjects = [];
  for (let i = spec.from ?? 0; i < (spec.to ?? total); i++) {
    let rest = i;
    let part = 0;
    const numbers = sizes.map((size) => {
      const digits = String(rest % size).padStart(String(size - 1).length, '0');
      rest = Math.floor(rest / size);
      return digits;
    });
    subjects.push(spec.pattern.replace(/#/g, () => numbers[part++]));
  }
  return subjects;
}

/** The first subscription id of `count`, chosen so that all of them have the same number of digits. */
export function firstSid(count) {
  return count === 1 ? 1 : 10 ** String(count - 1).length;
}

/** Bytes of a MSG frame as a subscriber receives it. */
export function deliveredLength(subject, sid, size, reply = '') {
  const head = `MSG ${subject} ${sid} ${reply === '' ? '' : `${reply} `}${size}\r\n`;
  return head.length + size + 2;
}

/** One PUB with a payload of `size` letters. */
export function publishFrame(subject, size, reply = '') {
  const head = `PUB ${subject} ${reply === '' ? '' : `${reply} `}${size}\r\n`;
  return Buffer.from(`${head}${'x'.repeat(size)}\r\n`, 'latin1');
}

/** Milliseconds on the clock that all processes of the machine share. */
export function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}

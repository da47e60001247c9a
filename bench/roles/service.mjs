// A service that answers whatever comes, with headers or without, and one who asks it many things at a time: what a request costs
// the server rather than what the turns of waiting for it cost. Each request has a reply subject of its own, as those of clients have.
import { deliveredLength, now, openConnection, publishFrame } from '../wire.mjs';

const LINE_FEED = 0x0a;
const DIGITS = 8;
const inboxOf = (number) => `_INBOX.bench.${String(number).padStart(DIGITS, '0')}`;

export class Service {
  async open({ port, user, subject, size }) {
    this.connection = await openConnection({ port, user });
    this.payload = `${size}\r\n${'x'.repeat(size)}\r\n`;
    this.carry = Buffer.alloc(0);
    this.connection.write(`SUB ${subject} 1\r\n`);
    await this.connection.flush();
    this.connection.receive = (buffer, size) => this.#receive(buffer.subarray(0, size));
  }

  #receive(part) {
    const bytes = this.carry.length === 0 ? part : Buffer.concat([this.carry, part]);
    let answers = '';
    let at = 0;
    for (;;) {
      const end = bytes.indexOf(LINE_FEED, at);
      if (end < 0) break;
      const words = bytes.latin1Slice(at, end - 1).split(' ');
      if (words[0] === 'PING') answers += 'PONG\r\n';
      const isMessage = words[0] === 'MSG' || words[0] === 'HMSG';
      const next = isMessage ? end + 1 + Number(words.at(-1)) + 2 : end + 1;
      if (next > bytes.length) break;
      if (isMessage) answers += `PUB ${words[3]} ${this.payload}`;
      at = next;
    }
    this.carry = Buffer.from(bytes.subarray(at));
    if (answers !== '') this.connection.write(Buffer.from(answers, 'latin1'));
  }
}

export class Asker {
  async open({ port, user, subject, size, window }) {
    this.window = window;
    this.connection = await openConnection({ port, user });
    this.connection.expectFrames(deliveredLength(inboxOf(0), 1, size));
    this.request = publishFrame(subject, size, inboxOf(0));
    this.digitsAt = this.request.indexOf(inboxOf(0)) + inboxOf(0).length - DIGITS;
    this.connection.write('SUB _INBOX.bench.* 1\r\n');
    await this.connection.flush();
    this.sent = 0;
  }

  /** Asks `count` times, with a window of requests that have no answer yet. */
  run({ count }) {
    const { connection } = this;
    const start = now();
    let left = count;
    let answered = 0;
    return new Promise((resolve, reject) => {
      connection.onError = reject;
      connection.onFrames = (frames) => {
        answered += frames;
        if (answered >= count) resolve({ start, end: now() });
        else left -= this.#ask(Math.min(left, frames));
      };
      left -= this.#ask(Math.min(left, this.window));
    });
  }

  #ask(count) {
    if (count === 0) return 0;
    const { request, digitsAt } = this;
    const bytes = Buffer.allocUnsafe(count * request.length);
    for (let i = 0; i < count; i++) {
      request.copy(bytes, i * request.length);
      let number = this.sent++;
      for (let digit = DIGITS - 1; digit >= 0; digit--) {
        bytes[i * request.length + digitsAt + digit] = 48 + (number % 10);
        number = Math.floor(number / 10);
      }
    }
    this.connection.write(bytes);
    return count;
  }
}

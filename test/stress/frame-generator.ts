// Endless input of clients, good and bad, from a seed: operations in all their forms, and damage done to them. Text is
// latin1: one character per byte.
import { SeededRandom } from '../../src/runtime/random.js';

export interface GeneratorOptions {
  /** Payloads above this are violations; some are generated. */
  maxPayload: number;
  /** Lines above this are violations; some are generated. */
  maxControlLine: number;
  /** Out of 100 operations, this many are damaged. */
  damage: number;
}

const TOKENS = ['a', 'b', 'foo', 'bar', 'a-b', '\xc3\xa9', 'x\xff', '$SYS', '_INBOX', 'foo*', '>x'];
const BLANKS = [' ', ' ', ' ', ' ', ' ', ' ', '  ', '\t', ' \t '];
const ENDS = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n'];
const CONNECTS = [
  '{"verbose":false,"pedantic":false}',
  '{"verbose":false,"pedantic":false,"headers":true,"protocol":1}',
  '{"verbose":false,"pedantic":false,"headers":true,"no_responders":true}',
  '{"verbose":true,"pedantic":false,"echo":false}',
  '{"Verbose":false,"PEDANTIC":true,"lang":"x","unknown":[1,{"a":null}]}',
  '{}',
  '{"verbose":"no"}',
  '{"protocol":2}',
  '{"no_responders":true}',
  'null',
  '[1]',
  '{"verbose":false',
];

export class FrameGenerator {
  readonly #random: SeededRandom;
  readonly #options: GeneratorOptions;
  #nextSid = 1;
  /** Operations made so far. */
  frames = 0;

  constructor(seed: number, options: Partial<GeneratorOptions> = {}) {
    this.#random = new SeededRandom(seed);
    this.#options = { maxPayload: 1024 * 1024, maxControlLine: 4096, damage: 5, ...options };
  }

  /** A number from 0 up to, but not including, `limit`. */
  below(limit: number): number {
    return this.#random.next() % limit;
  }

  /** What one client says: `count` operations, mostly after a CONNECT. */
  conversation(count: number): string {
    this.#nextSid = 1;
    let text = this.below(8) === 0 ? '' : this.#connect(this.below(6) === 0 ? CONNECTS.length : 3);
    for (let i = 0; i < count; i++) text += this.frame();
    return text;
  }

  frame(): string {
    this.frames++;
    const good = this.#operation();
    return this.below(100) < this.#options.damage ? this.#damaged(good) : good;
  }

  #operation(): string {
    switch (this.below(16)) {
      case 0:
        return this.#line(this.#pick(['PING', 'ping', 'PiNG', 'PING x y']));
      case 1:
        return this.#line(this.#pick(['PONG', 'pong', '+OK', '+ok']));
      case 2:
      case 3:
      case 4:
        return this.#subscribe();
      case 5:
        return this.#unsubscribe();
      case 6:
      case 7:
        return this.#headerPublish();
      default:
        return this.#publish();
    }
  }

  #connect(choices: number): string {
    return `CONNECT ${CONNECTS[this.below(choices)]}\r\n`;
  }

  #subscribe(): string {
    const sid = this.#nextSid++;
    // A group of its own for every subscription: who of several members gets a message is left to chance.
    const group = this.below(4) === 0 ? [`q${sid}`] : [];
    return this.#line(this.#pick(['SUB', 'SUB', 'sub']), this.#pattern(), ...group, String(sid));
  }

  #unsubscribe(): string {
    const sid = String(1 + this.below(this.#nextSid + 1));
    const max = this.below(2) === 0 ? [this.#pick(['1', '2', '5', '0', '-1', 'x', '9999999999'])] : [];
    return this.#line('UNSUB', sid, ...max);
  }

  #publish(): string {
    const payload = this.#payload();
    const reply = this.below(3) === 0 ? [this.#subject()] : [];
    const line = this.#line(
      this.#pick(['PUB', 'PUB', 'pub']),
      this.#subject(),
      ...reply,
      this.#size(payload.length),
    );
    return `${line}${payload}\r\n`;
  }

  #headerPublish(): string {
    const header = this.below(5) === 0 ? this.#bytes(this.below(20)) : 'NATS/1.0\r\nA: b\r\n\r\n';
    const payload = this.#payload();
    const reply = this.below(3) === 0 ? [this.#subject()] : [];
    const sizes = [this.#size(header.length), this.#size(header.length + payload.length)];
    return `${this.#line('HPUB', this.#subject(), ...reply, ...sizes)}${header}${payload}\r\n`;
  }

  /** What an operation may suffer on its way. */
  #damaged(text: string): string {
    const at = this.below(text.length);
    const byte = String.fromCharCode(this.below(256));
    switch (this.below(10)) {
      case 0:
        return text.slice(0, at) + byte + text.slice(at + 1);
      case 1:
        return text.slice(0, at) + byte + text.slice(at);
      case 2:
        return text.slice(0, at) + text.slice(at + 1);
      case 3:
        return text.slice(0, at);
      case 4:
        return this.#bytes(1 + this.below(64));
      case 5:
        return this.#pick([
          'MSG a 1 2\r\nok\r\n',
          'HMSG a 1 2 2\r\nok\r\n',
          "-ERR 'x'\r\n",
          '-err\r\n',
          'RS+ a b\r\n',
          '\r\n',
        ]);
      case 6:
        return this.#pick([
          'INFO {}\r\n',
          'INFO x\r\n',
          'info {"a":1}\n',
          'CONNECT\r\n',
          'UNSUB\r\n',
          'SUB a\r\n',
          'PUB a\r\n',
        ]);
      case 7:
        return this.#connect(CONNECTS.length);
      case 8: {
        const { maxControlLine } = this.#options;
        const length = maxControlLine - 8 + this.below(16);
        return this.#pick([`PUB ${'s'.repeat(length)} 2\r\nok\r\n`, `SUB ${'s'.repeat(length)} 9\r\n`]);
      }
      default: {
        const size = this.#options.maxPayload + 1 - this.below(3);
        // The payload that belongs to it is as long as announced only where that is not too long.
        return `PUB foo ${size}\r\n${size > this.#options.maxPayload ? '' : `${'p'.repeat(size)}\r\n`}`;
      }
    }
  }

  #line(verb: string, ...args: string[]): string {
    let text = verb;
    for (const arg of args) text += this.#pick(BLANKS) + arg;
    return text + this.#pick(ENDS);
  }

  #subject(): string {
    let text = this.#pick(TOKENS);
    for (let more = this.below(3); more > 0; more--) text += `.${this.#pick(TOKENS)}`;
    if (this.below(40) === 0)
      return this.#pick([
        'a..b',
        '.a',
        'a.',
        '*',
        'foo.>',
        'a.*.b',
        '$NRG.x',
        '_GR_.x',
        '$JS.ACK.x',
        '_R_.x',
      ]);
    return text;
  }

  #pattern(): string {
    if (this.below(3) > 0) return this.#subject();
    return this.#pick([
      '>',
      '*',
      '*.*',
      'foo.>',
      'foo.*',
      '*.bar',
      'a.*.b',
      'foo.*.>',
      '>.a',
      'a.>.b',
      '_INBOX.*',
    ]);
  }

  #payload(): string {
    switch (this.below(8)) {
      case 0:
        return '';
      case 1:
        return this.#bytes(this.below(300));
      case 2:
        return '\r\nPING\r\n'.repeat(this.below(4));
      case 3:
        return 'x'.repeat(this.below(3000) % this.#options.maxPayload);
      default:
        return this.#bytes(this.below(24));
    }
  }

  #size(size: number): string {
    return this.below(30) === 0 ? String(size).padStart(this.below(9), '0') : String(size);
  }

  #bytes(count: number): string {
    let text = '';
    for (let i = 0; i < count; i++) text += String.fromCharCode(this.below(256));
    return text;
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

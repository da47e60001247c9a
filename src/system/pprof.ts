/** Profiles in the form that `go tool pprof` reads (github.com/google/pprof, profile.proto), gzipped as it expects. */
import { gzipSync } from 'node:zlib';

/** A place in the code, as V8 tells it. */
export interface Frame {
  functionName: string;
  url: string;
  /** From 0. */
  lineNumber: number;
}

/** What was measured in one place. */
export interface ProfileSample {
  /** The innermost frame first. */
  stack: Frame[];
  /** One for each value type. */
  values: number[];
}

export interface Profile {
  /** What the values are, such as `['cpu', 'nanoseconds']`. */
  types: [type: string, unit: string][];
  samples: ProfileSample[];
  /** Milliseconds since 1970. */
  time: number;
  /** Milliseconds. */
  duration: number;
  /** Between two samples, in `periodType`. */
  period: number;
  periodType: [type: string, unit: string];
}

export function encodeProfile(profile: Profile): Buffer {
  const tables = new Tables();
  const whole = new Message();
  for (const type of profile.types) whole.message(1, valueType(type, tables));
  for (const { stack, values } of profile.samples) {
    const sample = new Message();
    sample.numbers(
      1,
      stack.map((frame) => tables.location(frame)),
    );
    sample.numbers(2, values);
    whole.message(2, sample);
  }
  for (const location of tables.locations) whole.message(4, location);
  for (const each of tables.functions) whole.message(5, each);
  whole.number(9, profile.time * 1e6);
  whole.number(10, profile.duration * 1e6);
  whole.message(11, valueType(profile.periodType, tables));
  whole.number(12, profile.period);
  // Everything that has a name comes before the names.
  for (const text of tables.strings.keys()) whole.bytes(6, Buffer.from(text));
  return gzipSync(whole.buffer());
}

function valueType([type, unit]: [string, string], tables: Tables): Message {
  const message = new Message();
  message.number(1, tables.string(type));
  message.number(2, tables.string(unit));
  return message;
}

/** Names and places, each of which is written once. */
class Tables {
  readonly strings = new Map<string, number>([['', 0]]);
  readonly locations: Message[] = [];
  readonly functions: Message[] = [];
  readonly #locationIds = new Map<string, number>();
  readonly #functionIds = new Map<string, number>();

  string(text: string): number {
    let at = this.strings.get(text);
    if (at === undefined) {
      at = this.strings.size;
      this.strings.set(text, at);
    }
    return at;
  }

  location(frame: Frame): number {
    const key = `${frame.url}\n${frame.functionName}\n${frame.lineNumber}`;
    let id = this.#locationIds.get(key);
    if (id === undefined) {
      id = this.#locationIds.size + 1;
      this.#locationIds.set(key, id);
      const line = new Message();
      line.number(1, this.#function(frame));
      line.number(2, frame.lineNumber + 1);
      const location = new Message();
      location.number(1, id);
      location.message(4, line);
      this.locations.push(location);
    }
    return id;
  }

  #function({ functionName, url }: Frame): number {
    const key = `${url}\n${functionName}`;
    let id = this.#functionIds.get(key);
    if (id === undefined) {
      id = this.#functionIds.size + 1;
      this.#functionIds.set(key, id);
      const name = this.string(functionName || '(anonymous)');
      const message = new Message();
      message.number(1, id);
      message.number(2, name);
      message.number(3, name);
      message.number(4, this.string(url));
      this.functions.push(message);
    }
    return id;
  }
}

const VARINT = 0;
const LENGTH = 2;

/** A message of protocol buffers, as bytes. */
class Message {
  #bytes: number[] = [];

  number(field: number, value: number): void {
    if (value === 0) return;
    this.#varint((field << 3) | VARINT);
    this.#varint(value);
  }

  /** Several numbers under one head. */
  numbers(field: number, values: number[]): void {
    const packed = new Message();
    for (const value of values) packed.#varint(value);
    this.message(field, packed);
  }

  message(field: number, inner: Message): void {
    this.bytes(field, inner.#bytes);
  }

  bytes(field: number, bytes: ArrayLike<number> & Iterable<number>): void {
    this.#varint((field << 3) | LENGTH);
    this.#varint(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
  }

  buffer(): Buffer {
    return Buffer.from(this.#bytes);
  }

  /** Not negative. */
  #varint(value: number): void {
    let rest = Math.round(value);
    while (rest > 0x7f) {
      this.#bytes.push((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes.push(rest);
  }
}

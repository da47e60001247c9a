/**
 * JSON text to a tree that still knows how numbers were written, with the official server's error texts: what Go's scanner says, and
 * at which byte.
 */

/** A number as it was written: `1.0` and `1` are not the same to a field of whole numbers. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Fields in the order they came; a name may come twice. */
export class JsonObject {
  readonly fields: [name: string, value: JsonNode][] = [];
}

export type JsonNode = string | boolean | null | JsonNumber | JsonObject | JsonNode[];

/** The text is no JSON. */
export class JsonSyntaxError extends Error {
  /** Bytes read when the error was found; undefined where the text ended too early. */
  readonly offset: number | undefined;

  constructor(message: string, offset?: number) {
    super(message);
    this.offset = offset;
  }
}

/** No request of the API comes near; Go's decoder goes ten times as deep. */
const MAX_DEPTH = 1000;
const WHITE = new Set([0x20, 0x09, 0x0d, 0x0a]);
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = Buffer.from(' ');
const ESCAPES: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** All values of a text in which one may follow the other, as a stream of them may. Throws `JsonSyntaxError`. */
export function parseJsonValues(text: Uint8Array): { node: JsonNode; raw: string }[] {
  const reader = new Reader(text);
  const values: { node: JsonNode; raw: string }[] = [];
  while (!reader.atEnd()) values.push(reader.whole());
  return values;
}

/** The one value that a text has to hold. Throws `JsonSyntaxError`. */
export function parseJsonValue(text: Uint8Array): JsonNode {
  // Go's scanner takes the end of the text for white space first: half a literal ends in a wrong character.
  const reader = new Reader(Buffer.concat([text, SPACE]));
  try {
    const { node } = reader.whole();
    reader.expectEnd();
    return node;
  } catch (error) {
    const early = error instanceof JsonSyntaxError && error.offset === undefined;
    throw early ? new JsonSyntaxError('unexpected end of JSON input') : error;
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  atEnd(): boolean {
    this.#skipWhite();
    return this.#at >= this.#bytes.length;
  }

  whole(): { node: JsonNode; raw: string } {
    const start = this.#at;
    const node = this.#value();
    return { node, raw: this.#bytes.toString('utf8', start, this.#at) };
  }

  expectEnd(): void {
    if (!this.atEnd()) this.#fail('after top-level value');
  }

  #skipWhite(): void {
    while (this.#at < this.#bytes.length && WHITE.has(this.#bytes[this.#at]!)) this.#at++;
  }

  /** The next byte that is not white; it stays the next one. */
  #peek(): number {
    this.#skipWhite();
    return this.#here();
  }

  #here(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new JsonSyntaxError('unexpected EOF');
    return byte;
  }

  #fail(context: string): never {
    throw new JsonSyntaxError(
      `invalid character ${quoteByte(this.#bytes[this.#at]!)} ${context}`,
      this.#at + 1,
    );
  }

  #value(): JsonNode {
    const byte = this.#peek();
    switch (byte) {
      case 0x7b:
        return this.#object();
      case 0x5b:
        return this.#array();
      case QUOTE:
        return this.#string();
      case 0x74:
        return this.#literal('true', true);
      case 0x66:
        return this.#literal('false', false);
      case 0x6e:
        return this.#literal('null', null);
      default:
        if (byte === 0x2d || isDigit(byte)) return this.#number();
        return this.#fail('looking for beginning of value');
    }
  }

  #enter(): void {
    if (++this.#depth > MAX_DEPTH) throw new JsonSyntaxError('exceeded max depth', this.#at + 1);
    this.#at++;
  }

  #leave<T>(value: T): T {
    this.#at++;
    this.#depth--;
    return value;
  }

  #object(): JsonObject {
    this.#enter();
    const object = new JsonObject();
    if (this.#peek() === 0x7d) return this.#leave(object);
    for (;;) {
      if (this.#peek() !== QUOTE) this.#fail('looking for beginning of object key string');
      const name = this.#string();
      if (this.#peek() !== 0x3a) this.#fail('after object key');
      this.#at++;
      object.fields.push([name, this.#value()]);
      const next = this.#peek();
      if (next === 0x7d) return this.#leave(object);
      if (next !== 0x2c) this.#fail('after object key:value pair');
      this.#at++;
    }
  }

  #array(): JsonNode[] {
    this.#enter();
    const list: JsonNode[] = [];
    if (this.#peek() === 0x5d) return this.#leave(list);
    for (;;) {
      list.push(this.#value());
      const next = this.#peek();
      if (next === 0x5d) return this.#leave(list);
      if (next !== 0x2c) this.#fail('after array element');
      this.#at++;
    }
  }

  #literal<T>(text: string, value: T): T {
    for (let i = 0; i < text.length; i++) {
      if (this.#here() !== text.charCodeAt(i)) this.#fail(`in literal ${text} (expecting '${text[i]}')`);
      this.#at++;
    }
    return value;
  }

  #number(): JsonNumber {
    const start = this.#at;
    if (this.#here() === 0x2d) this.#at++;
    if (!isDigit(this.#here())) this.#fail('in numeric literal');
    if (this.#here() === 0x30) this.#at++;
    else this.#digits();
    if (this.#bytes[this.#at] === 0x2e) {
      this.#at++;
      if (!isDigit(this.#here())) this.#fail('after decimal point in numeric literal');
      this.#digits();
    }
    if (this.#bytes[this.#at] === 0x65 || this.#bytes[this.#at] === 0x45) {
      this.#at++;
      if (this.#here() === 0x2b || this.#here() === 0x2d) this.#at++;
      if (!isDigit(this.#here())) this.#fail('in exponent of numeric literal');
      this.#digits();
    }
    return new JsonNumber(this.#bytes.toString('latin1', start, this.#at));
  }

  #digits(): void {
    while (this.#at < this.#bytes.length && isDigit(this.#bytes[this.#at]!)) this.#at++;
  }

  #string(): string {
    this.#at++;
    let text = '';
    let start = this.#at;
    for (;;) {
      const byte = this.#here();
      if (byte === QUOTE) {
        text += this.#bytes.toString('utf8', start, this.#at++);
        return text;
      }
      if (byte < 0x20) this.#fail('in string literal');
      if (byte !== BACKSLASH) {
        this.#at++;
        continue;
      }
      text += this.#bytes.toString('utf8', start, this.#at++);
      text += this.#escape();
      start = this.#at;
    }
  }

  #escape(): string {
    const letter = String.fromCharCode(this.#here());
    if (letter !== 'u') {
      const char = ESCAPES[letter];
      if (char === undefined) this.#fail('in string escape code');
      this.#at++;
      return char;
    }
    this.#at++;
    let code = 0;
    for (let i = 0; i < 4; i++) {
      const digit = Number.parseInt(String.fromCharCode(this.#here()), 16);
      if (Number.isNaN(digit)) this.#fail('in \\u hexadecimal character escape');
      code = code * 16 + digit;
      this.#at++;
    }
    return String.fromCharCode(code);
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** One byte as the scanner of Go shows it. */
function quoteByte(byte: number): string {
  if (byte === 0x27) return `'\\''`;
  if (byte === QUOTE) return `'"'`;
  if (byte === BACKSLASH) return `'\\\\'`;
  const short = { 7: 'a', 8: 'b', 9: 't', 10: 'n', 11: 'v', 12: 'f', 13: 'r' }[byte];
  if (short !== undefined) return `'\\${short}'`;
  if (byte < 0x20 || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, '0')}'`;
  // Go looks at a byte as if it were a character; those that cannot be printed are shown by their number.
  if (byte >= 0x80 && byte < 0xa1) return `'\\u00${byte.toString(16)}'`;
  if (byte === 0xad) return `'\\u00ad'`;
  return `'${String.fromCharCode(byte)}'`;
}

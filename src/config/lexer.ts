/**
 * Reads the words of the configuration language: keys, strings of all kinds, numbers, dates, comments. It knows where
 * it stands; what may follow what is the parser's.
 *
 * The text is held as UTF-8 bytes, one per char, because positions in error texts count bytes.
 */
import {
  decodeRune,
  endOfText,
  fromBytes,
  isBlank,
  isDigit,
  isKeySeparator,
  isLineEnd,
  isSizeSuffix,
  isSpace,
  newline,
  shown,
} from './runes.js';
import { ConfigSyntaxError } from './syntax.js';

export interface Word {
  kind: 'key' | 'string' | 'variable' | 'bool' | 'integer' | 'float' | 'date' | 'include';
  text: string;
  line: number;
  position: number;
}

/** Thrown where the text stops in a place that the language takes for its end. */
export class TextEnded {
  readonly line: number;
  readonly position: number;

  constructor(line: number, position: number) {
    this.line = line;
    this.position = position;
  }
}

const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', '"': '"', '\\': '\\' };
const booleans = new Set(['true', 'false', 'on', 'off', 'yes', 'no']);
const dateShape = '00-00T00:00:00Z';

export class Lexer {
  readonly #bytes: string;
  #at = 0;
  #width = 0;
  #line = 1;
  /** The newline that starts the current line; 0 on the first line. */
  #lineStart = 0;

  constructor(bytes: string) {
    this.#bytes = bytes;
  }

  /** True at the end itself, false at a NUL character. */
  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get line(): number {
    return this.#line;
  }

  get position(): number {
    return this.#at - this.#lineStart;
  }

  /** The next character, which stays. */
  peek(): number {
    if (this.#at >= this.#bytes.length) {
      this.#width = 0;
      return endOfText;
    }
    const code = this.#bytes.charCodeAt(this.#at);
    if (code < 0x80) {
      this.#width = 1;
      return code;
    }
    const { rune, width } = decodeRune(this.#bytes, this.#at);
    this.#width = width;
    return rune;
  }

  /** Takes the next character. */
  next(): number {
    const rune = this.peek();
    if (rune === newline) {
      this.#line++;
      this.#lineStart = this.#at;
    }
    this.#at += this.#width;
    return rune;
  }

  fail(text: string): never {
    throw new ConfigSyntaxError(`Parse error on line ${this.#line}: '${text}'`);
  }

  /** Fails at a character that was peeked at: the official server has taken it already when it complains. */
  failAfterNext(text: string): never {
    this.next();
    this.fail(text);
  }

  skipSpace(): void {
    while (isSpace(this.peek())) this.next();
  }

  skipBlanks(): void {
    while (isBlank(this.peek())) this.next();
  }

  /** Takes `#...` or `//...` up to the line end. False where no comment starts here; then nothing is taken. */
  skipComment(): boolean {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== '#' && !bytes.startsWith('//', this.#at)) return false;
    for (let rune = this.peek(); rune !== endOfText && !isLineEnd(rune); rune = this.peek()) this.next();
    return true;
  }

  /** The text stops here for good: without complaint where nothing was left lying before it. */
  end(): never {
    throw new TextEnded(this.#line, this.position);
  }

  /** A key up to white space or a separator. The first character is taken whatever it is. */
  bareKey(onEnd?: string): Word {
    const word = this.#mark('key');
    this.next();
    for (let rune = this.peek(); !isSpace(rune) && !isKeySeparator(rune); rune = this.peek()) {
      if (rune === endOfText) {
        if (onEnd !== undefined) this.fail(onEnd);
        break;
      }
      this.next();
    }
    return this.#close(word);
  }

  /** A key in quotes, without escapes. The opening quote comes next. */
  quotedKey(onEnd?: string): Word {
    const quote = this.next();
    const word = this.#mark('key');
    for (let rune = this.peek(); rune !== quote; rune = this.peek()) {
      if (rune === endOfText) {
        if (onEnd !== undefined || this.#at > word.start) this.fail(onEnd ?? 'Unexpected EOF.');
        this.end();
      }
      this.next();
    }
    this.#close(word);
    this.next();
    return word;
  }

  /** A string in single quotes, raw. The opening quote comes next. */
  singleQuoted(): Word {
    this.next();
    const word = this.#mark('string');
    for (;;) {
      const rune = this.peek();
      if (rune === 0x27) break;
      if (rune === endOfText) this.#unterminated(word, word.start);
      this.next();
    }
    this.#close(word);
    this.next();
    return word;
  }

  /** A string in double quotes, with escapes. The opening quote comes next. */
  doubleQuoted(): Word {
    this.next();
    const word = this.#mark('string');
    let done = '';
    let from = this.#at;
    for (let rune = this.peek(); rune !== 0x22; rune = this.peek()) {
      if (rune === endOfText) this.#unterminated(word, from, done.length);
      if (rune === 0x5c) {
        done += this.#bytes.slice(from, this.#at) + this.#escape();
        from = this.#at;
      } else {
        this.next();
      }
    }
    this.#finish(word, done + this.#bytes.slice(from, this.#at));
    this.next();
    return word;
  }

  /** `(` newline, text, newline `)`: the text with both newlines. The opening parenthesis comes next. */
  blockString(): Word {
    this.next();
    const word = this.#mark('string');
    for (;;) {
      const rune = this.peek();
      if (rune === endOfText) this.failAfterNext('Unexpected EOF processing block.');
      const before = this.#at;
      this.next();
      if (rune !== 0x29 || this.#bytes[before - 1] !== '\n') continue;
      const after = this.peek();
      if (after === newline) {
        this.#finish(word, this.#bytes.slice(word.start, before), before);
        return word;
      }
      // At the very end of the text the parenthesis belongs to the string: an official quirk.
      if (after === endOfText) {
        this.#finish(word, this.#bytes.slice(word.start, this.#at));
        return word;
      }
    }
  }

  /** A string, boolean or variable without quotes. `start` is where it began when something was taken already. */
  bareString(start = this.#at): Word {
    const word = this.#mark('string');
    word.start = start;
    let done = '';
    let escaped = false;
    let from = start;
    let quoted = false;
    for (;;) {
      const rune = this.peek();
      if (rune === 0x5c) {
        done += this.#bytes.slice(from, this.#at) + this.#escape();
        escaped = true;
        from = this.#at;
        continue;
      }
      quoted = rune === 0x27;
      if (quoted || endsBareString(rune)) break;
      this.next();
    }
    const text = done + this.#bytes.slice(from, this.#at);
    if (!quoted && !escaped) {
      if (booleans.has(text.toLowerCase())) word.kind = 'bool';
      else if (text.startsWith('$')) word.kind = 'variable';
    }
    this.#finish(word, word.kind === 'variable' ? text.slice(1) : text);
    if (quoted) this.next();
    return word;
  }

  /** What starts with `-`, which comes next. */
  negativeNumber(): Word {
    const word = this.#mark('integer');
    this.next();
    const first = this.next();
    if (!isDigit(first)) {
      if (first === 0x2e) this.fail("Floats must start with a digit, not '.'.");
      this.fail(`Expected a digit but got '${shown(first)}'.`);
    }
    this.#digits();
    const rune = this.peek();
    if (rune === 0x2e) return this.#float(word);
    if (isSizeSuffix(rune)) return this.#size(word);
    return this.#close(word);
  }

  /** What starts with a digit, which comes next: integer, size, float, date, address, or a string after all. */
  numberDateOrString(): Word {
    const word = this.#mark('integer');
    this.#digits();
    const rune = this.peek();
    if (rune === 0x2d) {
      if (this.#at - word.start !== 4) this.failAfterNext('All ISO8601 dates must be in full Zulu form.');
      return this.#date(word);
    }
    if (rune === 0x2e) return this.#float(word);
    if (isSizeSuffix(rune)) return this.#size(word);
    if (endsNumber(rune)) return this.#close(word);
    // Whatever it is, a bracket or quote included, it belongs to the string that this turned out to be.
    this.next();
    return this.bareString(word.start);
  }

  /** The file name after `include`. */
  includePath(): Word {
    this.skipBlanks();
    const rune = this.peek();
    if (rune === 0x27 || rune === 0x22) return this.#quotedInclude(rune);
    const wrong = wrongInclude(rune);
    if (wrong !== '') this.failAfterNext(`Expected include value but found ${wrong}`);
    const word = this.#mark('include');
    for (let next = this.peek(); !endsInclude(next); next = this.peek()) this.next();
    this.#close(word);
    if (this.peek() === 0x27) this.next();
    return word;
  }

  #quotedInclude(quote: number): Word {
    this.next();
    const word = this.#mark('include');
    for (let rune = this.peek(); rune !== quote; rune = this.peek()) {
      if (rune === endOfText) {
        this.failAfterNext(`Unexpected EOF in ${quote === 0x22 ? 'double quoted' : 'quoted'} include`);
      }
      this.next();
    }
    this.#close(word);
    this.next();
    return word;
  }

  #mark(kind: Word['kind']): Word & { start: number; lineStart: number } {
    return { kind, text: '', line: this.#line, position: 0, start: this.#at, lineStart: this.#lineStart };
  }

  #close(word: Word & { start: number; lineStart: number }): Word {
    return this.#finish(word, this.#bytes.slice(word.start, this.#at));
  }

  /** The line is where the word ends; the position is counted back from there by the length of its value. */
  #finish(word: Word & { lineStart: number }, bytes: string, end = this.#at): Word {
    word.text = fromBytes(bytes);
    word.line = this.#line;
    word.position = end - word.lineStart - bytes.length;
    return word;
  }

  #unterminated(word: { lineStart: number }, from: number, kept = 0): never {
    if (this.#at > from) this.fail('Unexpected EOF.');
    throw new TextEnded(this.#line, this.#at - word.lineStart - kept);
  }

  /** One escape sequence; the backslash comes next. */
  #escape(): string {
    this.next();
    const rune = this.next();
    if (rune === 0x78) return this.#hexByte();
    const text = rune < 0x80 ? escapes[String.fromCharCode(rune)] : undefined;
    if (text !== undefined) return text;
    return this.fail(
      `Invalid escape character '${shown(rune)}'. Only the following escape characters are allowed: ` +
        '\\xXX, \\t, \\n, \\r, \\", \\\\.',
    );
  }

  #hexByte(): string {
    for (let digit = 0; digit < 2; digit++) {
      if (isLineEnd(this.next())) {
        this.fail("Expected two hexadecimal digits after '\\x', but hit end of line");
      }
    }
    const digits = this.#bytes.slice(this.#at - 2, this.#at);
    if (!/^[0-9a-fA-F]{2}$/.test(digits)) {
      this.fail(`Expected two hexadecimal digits after '\\x', but got '${fromBytes(digits)}'`);
    }
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #digits(): void {
    while (isDigit(this.peek())) this.next();
  }

  /** An integer with a size suffix, unless what follows makes it a string. */
  #size(word: Word & { start: number; lineStart: number }): Word {
    this.next();
    while ('bBiI'.includes(String.fromCodePoint(this.peek()))) this.next();
    return endsNumber(this.peek()) ? this.#close(word) : this.bareString(word.start);
  }

  /** A float, or an address when another point follows. The point comes next. */
  #float(word: Word & { start: number; lineStart: number }): Word {
    this.next();
    const first = this.next();
    if (!isDigit(first)) {
      this.fail(`Floats must have a digit after the '.', but got '${shown(first)}' instead.`);
    }
    this.#digits();
    if (this.peek() !== 0x2e) {
      word.kind = 'float';
      return this.#close(word);
    }
    word.kind = 'string';
    this.next();
    for (let rune = this.peek(); isDigit(rune) || inAddress(rune); rune = this.peek()) this.next();
    return this.#close(word);
  }

  #date(word: Word & { start: number; lineStart: number }): Word {
    this.next();
    for (const wanted of dateShape) {
      const rune = this.next();
      if (wanted === '0') {
        if (!isDigit(rune)) {
          this.fail(`Expected digit in ISO8601 datetime, but found '${shown(rune)}' instead.`);
        }
      } else if (String.fromCodePoint(rune) !== wanted) {
        this.fail(`Expected '${wanted}' in ISO8601 datetime, but found '${shown(rune)}' instead.`);
      }
    }
    word.kind = 'date';
    return this.#close(word);
  }
}

/** Line end, end of text, blank, `;`, `,`, `}`. */
function endsNumber(rune: number): boolean {
  return (
    isLineEnd(rune) || rune === endOfText || isBlank(rune) || rune === 0x3b || rune === 0x2c || rune === 0x7d
  );
}

/** The same, and `]`. */
function endsBareString(rune: number): boolean {
  return endsNumber(rune) || rune === 0x5d;
}

/** Line end, end of text, blank, `;`, `}`, `'`. */
function endsInclude(rune: number): boolean {
  return (endsNumber(rune) && rune !== 0x2c) || rune === 0x27;
}

/** `.`, `:` and `-`. */
function inAddress(rune: number): boolean {
  return rune === 0x2e || rune === 0x3a || rune === 0x2d;
}

function wrongInclude(rune: number): string {
  if (rune === 0x5b) return 'start of an array';
  if (rune === 0x7b) return 'start of a map';
  if (rune === 0x28) return 'start of a block';
  if (isDigit(rune) || rune === 0x2d) return 'start of a number';
  if (rune === 0x5c) return 'escape sequence';
  return isLineEnd(rune) ? 'new line' : '';
}

/**
 * The structure of the configuration language: maps, arrays, keys with their values, variables and includes. Error
 * texts, and the places they name, are the official server's.
 */
import { posix } from 'node:path';
import { Lexer, TextEnded, type Word } from './lexer.js';
import { endOfText, isBlank, isDigit, isKeySeparator, isLineEnd, isSpace, shown, toBytes } from './runes.js';
import { scalarOf } from './scalars.js';
import {
  type ConfigMap,
  type ConfigSources,
  ConfigSyntaxError,
  type ConfigValue,
  fileErrorText,
} from './syntax.js';

const maxNesting = 1000;
const maxIncludes = 64;

const left = { brace: 0x7b, bracket: 0x5b, parenthesis: 0x28 };
const right = { brace: 0x7d, bracket: 0x5d };
const comma = 0x2c;
const semicolon = 0x3b;
const slash = 0x2f;
const singleQuote = 0x27;
const doubleQuote = 0x22;

interface Key {
  name: string;
  line: number;
  position: number;
}

type Context = ConfigMap | ConfigValue[];

/** Reads a file and all it includes. Throws `ConfigSyntaxError`. */
export function parseConfigFile(path: string, sources: ConfigSources): ConfigMap {
  return new Parser(readText(path, sources), path, sources, 0, new Set()).parse();
}

/**
 * Reads a text. `path` is the file it came from, for error texts and for the folder that includes are looked up in.
 * Throws `ConfigSyntaxError`.
 */
export function parseConfigText(text: string, sources: ConfigSources, path = ''): ConfigMap {
  return new Parser(toBytes(text), path, sources, 0, new Set()).parse();
}

function readText(path: string, sources: ConfigSources): string {
  let content: string | Uint8Array;
  try {
    content = sources.readFile(path);
  } catch (error) {
    throw new ConfigSyntaxError(fileErrorText(path, error));
  }
  return typeof content === 'string' ? toBytes(content) : Buffer.from(content).toString('latin1');
}

class Parser {
  readonly #lexer: Lexer;
  readonly #path: string;
  readonly #folder: string;
  readonly #sources: ConfigSources;
  /** How many files deep this one is included. */
  readonly #depth: number;
  /** Environment variables being read, to find cycles. */
  readonly #openVariables: Set<string>;
  readonly #root: ConfigMap = new Map();
  readonly #contexts: Context[] = [this.#root];
  /** Keys that have no value yet. A key without any, as in `{ a }`, stays and gives its name to the map around it. */
  readonly #keys: Key[] = [];
  /** The key just read, while nothing has followed it. */
  #bareKey: string | undefined;

  constructor(
    bytes: string,
    path: string,
    sources: ConfigSources,
    depth: number,
    openVariables: Set<string>,
  ) {
    this.#lexer = new Lexer(bytes);
    this.#path = path;
    this.#folder = posix.dirname(path);
    this.#sources = sources;
    this.#depth = depth;
    this.#openVariables = openVariables;
  }

  parse(): ConfigMap {
    try {
      this.#topLevel();
    } catch (error) {
      if (!(error instanceof TextEnded)) throw error;
      // A lone brace at the end is forgiven, so that JSON can be pasted in.
      if (this.#bareKey !== undefined && this.#bareKey !== '}') {
        throw new ConfigSyntaxError(`config is invalid (${this.#path}:${error.line}:${error.position})`);
      }
    }
    return this.#root;
  }

  #topLevel(): never {
    const lexer = this.#lexer;
    for (;;) {
      lexer.skipSpace();
      if (this.#comment()) continue;
      const rune = lexer.peek();
      if (rune === left.brace) {
        lexer.next();
        this.#bareBlock();
      } else if (rune === endOfText || rune === slash) {
        this.#endHere();
      } else if (this.#keyAndValue()) {
        this.#afterTopValue();
      }
    }
  }

  /** The rest of a top-level line. */
  #afterTopValue(): void {
    for (;;) {
      if (this.#comment()) return;
      const rune = this.#lexer.next();
      if (isLineEnd(rune) || rune === endOfText) return;
      if (rune === semicolon || rune === comma || rune === right.brace) return;
      if (isBlank(rune) || rune === slash) continue;
      this.#lexer.fail(
        `Expected a top-level value to end with a new line, comment or EOF, but got '${shown(rune)}' instead.`,
      );
    }
  }

  /** Braces around the whole text, possibly several. The first one has been taken. */
  #bareBlock(): void {
    const lexer = this.#lexer;
    let open = 1;
    let closing = false;
    while (open > 0) {
      if (closing) {
        closing = this.#blockEnd();
        if (closing) open--;
        continue;
      }
      lexer.skipSpace();
      if (this.#comment()) continue;
      const rune = lexer.peek();
      if (rune === left.brace) {
        lexer.next();
        open++;
      } else if (rune === right.brace) {
        lexer.next();
        open--;
        closing = true;
      } else if (rune === endOfText || rune === slash) {
        this.#endHere();
      } else if (this.#keyAndValue() && this.#afterBlockValue()) {
        open--;
        closing = true;
      }
    }
  }

  /** After a value within bare braces. True where the brace closes. */
  #afterBlockValue(): boolean {
    for (;;) {
      if (this.#comment()) continue;
      const rune = this.#lexer.next();
      if (rune === right.brace) return true;
      if (isLineEnd(rune) || rune === semicolon || rune === comma) return false;
      if (isBlank(rune) || rune === slash) continue;
      this.#lexer.fail(
        `Expected a block-level value to end with a new line, comment or EOF, but got '${shown(rune)}' instead.`,
      );
    }
  }

  /** Between the closing braces of several bare blocks. True where the next one closes too. */
  #blockEnd(): boolean {
    for (;;) {
      if (this.#comment()) return false;
      const rune = this.#lexer.next();
      if (rune === right.brace) return true;
      if (rune === semicolon || rune === comma) return false;
      if (isLineEnd(rune) || isBlank(rune) || rune === slash) continue;
      this.#lexer.fail(`Expected a block-level to end with a '}', but got '${shown(rune)}' instead.`);
    }
  }

  /** The end of the text, or what is taken for it: a NUL character, a slash that starts no comment. */
  #endHere(): never {
    if (!this.#lexer.atEnd) this.#lexer.fail('Unexpected EOF.');
    return this.#lexer.end();
  }

  #comment(): boolean {
    if (!this.#lexer.skipComment()) return false;
    this.#bareKey = undefined;
    return true;
  }

  /** One entry outside of a map. True where a value was read and its line has to end. */
  #keyAndValue(): boolean {
    const lexer = this.#lexer;
    const rune = lexer.peek();
    if (isKeySeparator(rune)) lexer.fail(`Unexpected key separator '${shown(rune)}'`);
    if (rune === singleQuote || rune === doubleQuote) {
      this.#pushKey(lexer.quotedKey());
    } else {
      const word = lexer.bareKey();
      if (this.#isInclude(word)) {
        this.#include();
        return true;
      }
      this.#pushKey(word);
    }
    lexer.skipSpace();
    const next = lexer.peek();
    if (next === endOfText) lexer.end();
    if (isKeySeparator(next)) lexer.next();
    this.#value();
    return true;
  }

  #isInclude(word: Word): boolean {
    const { text } = word;
    return text.length === 7 && text.toLowerCase() === 'include' && isSpace(this.#lexer.peek());
  }

  #value(): void {
    const lexer = this.#lexer;
    lexer.skipBlanks();
    const rune = lexer.peek();
    if (rune === left.bracket) this.#array();
    else if (rune === left.brace) this.#map();
    else this.#word(this.#scalarWord(rune));
  }

  #scalarWord(rune: number): Word {
    const lexer = this.#lexer;
    if (rune === left.parenthesis) return lexer.blockString();
    if (rune === singleQuote) return lexer.singleQuoted();
    if (rune === doubleQuote) return lexer.doubleQuoted();
    if (rune === 0x2d) return lexer.negativeNumber();
    if (rune === 0x2e) return lexer.failAfterNext('Floats must start with a digit');
    if (isDigit(rune)) return lexer.numberDateOrString();
    if (isLineEnd(rune)) return lexer.failAfterNext('Expected value but found new line');
    return lexer.bareString();
  }

  #array(): void {
    const lexer = this.#lexer;
    lexer.next();
    this.#open([]);
    for (;;) {
      lexer.skipSpace();
      if (this.#comment()) continue;
      const rune = lexer.peek();
      if (rune === comma || rune === slash) {
        lexer.failAfterNext("Unexpected array value terminator ','.");
      }
      if (rune === right.bracket) break;
      this.#value();
      if (this.#afterArrayValue()) break;
    }
    lexer.next();
    this.#closeContext();
  }

  /** True where the array ends; the bracket comes next. */
  #afterArrayValue(): boolean {
    const lexer = this.#lexer;
    for (;;) {
      lexer.skipBlanks();
      if (this.#comment()) continue;
      const rune = lexer.peek();
      if (rune === right.bracket) return true;
      lexer.next();
      if (rune === comma || isLineEnd(rune) || rune === slash) return false;
      lexer.fail(
        'Expected an array value terminator "," or an array terminator "]", ' +
          `but got '${shown(rune)}' instead.`,
      );
    }
  }

  #map(): void {
    const lexer = this.#lexer;
    lexer.next();
    this.#open(new Map());
    for (;;) {
      lexer.skipSpace();
      if (this.#comment()) continue;
      const rune = lexer.peek();
      if (rune === right.brace) break;
      if (this.#mapEntry(rune)) break;
    }
    lexer.next();
    this.#closeContext();
  }

  /** One entry of a map and what parts it from the next. True where the map ends; the brace comes next. */
  #mapEntry(rune: number): boolean {
    const lexer = this.#lexer;
    if (isKeySeparator(rune)) lexer.fail(`Unexpected key separator '${shown(rune)}'.`);
    if (rune === right.bracket) lexer.fail(`Unexpected array end '${shown(rune)}' processing map.`);
    if (rune === endOfText) lexer.fail('Unexpected EOF processing map.');
    if (rune === singleQuote) {
      this.#pushKey(lexer.quotedKey('Unexpected EOF processing quoted map key.'));
    } else if (rune === doubleQuote) {
      this.#pushKey(lexer.quotedKey('Unexpected EOF processing double quoted map key.'));
    } else {
      // A slash that starts no comment is dropped.
      if (rune === slash) lexer.next();
      const word = lexer.bareKey('Unexpected EOF processing map key.');
      if (this.#isInclude(word)) {
        this.#include();
        return this.#afterMapValue();
      }
      this.#pushKey(word);
    }
    lexer.skipSpace();
    if (isKeySeparator(lexer.peek())) lexer.next();
    lexer.skipSpace();
    const next = lexer.peek();
    if (next === comma) lexer.failAfterNext('Unexpected map value terminator ",".');
    if (next === right.brace) return true;
    this.#value();
    return this.#afterMapValue();
  }

  /** True where the map ends; the brace comes next. */
  #afterMapValue(): boolean {
    const lexer = this.#lexer;
    for (;;) {
      lexer.skipBlanks();
      if (this.#comment()) continue;
      const rune = lexer.peek();
      if (rune === right.brace) return true;
      lexer.next();
      if (rune === semicolon || rune === comma || isLineEnd(rune) || rune === slash) return false;
      lexer.fail(
        `Expected a map value terminator "," or a map terminator "}", but got '${shown(rune)}' instead.`,
      );
    }
  }

  #open(context: Context): void {
    this.#bareKey = undefined;
    if (this.#contexts.length > maxNesting) {
      this.#lexer.fail(`Values are nested deeper than ${maxNesting} levels.`);
    }
    this.#contexts.push(context);
  }

  #closeContext(): void {
    this.#bareKey = undefined;
    const value = this.#contexts.pop()!;
    this.#set(value, this.#lexer.line, this.#lexer.position);
  }

  #pushKey(word: Word): void {
    this.#keys.push({ name: word.text, line: word.line, position: word.position });
    this.#bareKey = word.text;
  }

  #word(word: Word): void {
    this.#bareKey = undefined;
    if (word.kind === 'variable') this.#variable(word);
    else this.#set(scalarOf(word), word.line, word.position);
  }

  #set(value: ConfigValue['value'], line: number, position: number): void {
    this.#place({ value, line, position, source: this.#path, used: false, place: 'file' });
  }

  #place(value: ConfigValue): void {
    const context = this.#contexts[this.#contexts.length - 1]!;
    if (Array.isArray(context)) {
      context.push(value);
      return;
    }
    const key = this.#keys.pop();
    if (key === undefined) return;
    value.line = key.line;
    value.position = key.position;
    context.set(key.name, value);
  }

  /** `$name`: the nearest key of that name seen so far, or else the environment. */
  #variable(word: Word): void {
    // Hashes made by bcrypt start like a variable and need no quotes.
    if (word.text.startsWith('2a$')) {
      this.#set(`$${word.text}`, word.line, word.position);
      return;
    }
    const target = this.#lookUp(word.text) ?? this.#fromEnvironment(word);
    if (target === undefined) {
      throw new ConfigSyntaxError(
        `variable reference for '${word.text}' on line ${word.line} can not be found`,
      );
    }
    target.used = true;
    this.#set(target.value, word.line, word.position);
  }

  #lookUp(name: string): ConfigValue | undefined {
    for (let index = this.#contexts.length - 1; index >= 0; index--) {
      const context = this.#contexts[index]!;
      if (Array.isArray(context)) continue;
      const value = context.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** The environment holds values in this same language: `8MB`, `[a, b]`, `$other`. */
  #fromEnvironment(word: Word): ConfigValue | undefined {
    const name = word.text;
    const unreadable = (why: string) =>
      new ConfigSyntaxError(
        `variable reference for '${name}' on line ${word.line} could not be parsed: ${why}`,
      );
    if (this.#openVariables.has(name)) throw unreadable(`variable reference cycle for '${name}'`);
    const text = Object.hasOwn(this.#sources.env, name) ? this.#sources.env[name] : undefined;
    if (text === undefined) return undefined;
    this.#openVariables.add(name);
    try {
      const bytes = toBytes(`pk=${text}`);
      const inner = new Parser(bytes, '', this.#sources, this.#depth + 1, this.#openVariables);
      const value = inner.parse().get('pk');
      return value === undefined ? undefined : withoutPlace(value);
    } catch (error) {
      if (error instanceof ConfigSyntaxError) throw unreadable(error.message);
      throw error;
    } finally {
      this.#openVariables.delete(name);
    }
  }

  /** `include path`: the keys of that file as if they stood here. The path comes next. */
  #include(): void {
    const { text: name } = this.#lexer.includePath();
    this.#bareKey = undefined;
    const fail = (why: string) => new ConfigSyntaxError(`error parsing include file '${name}', ${why}`);
    if (this.#depth >= maxIncludes) throw fail(`files include each other more than ${maxIncludes} deep`);
    const path = posix.join(this.#folder, name).replace(/(?<=.)\/$/, '');
    let values: ConfigMap;
    try {
      const bytes = readText(path, this.#sources);
      values = new Parser(bytes, path, this.#sources, this.#depth + 1, this.#openVariables).parse();
    } catch (error) {
      if (error instanceof ConfigSyntaxError) throw fail(error.message);
      throw error;
    }
    for (const [key, value] of values) {
      this.#keys.push({ name: key, line: value.line, position: value.position });
      this.#place(value);
    }
  }
}

/** Errors about the insides of an environment variable name no place. */
function withoutPlace(value: ConfigValue): ConfigValue {
  let inner = value.value;
  if (Array.isArray(inner)) inner = inner.map(withoutPlace);
  else if (inner instanceof Map) {
    inner = new Map([...inner].map(([key, item]) => [key, withoutPlace(item)]));
  }
  return { ...value, value: inner, place: 'none' };
}

/**
 * Subject transforms: from a source pattern to a destination, whose tokens may be made of what the source's wildcards stand
 * for. Subject mappings, imports under another subject, and streams that store under other subjects are made of these.
 *
 * Subjects are latin1 text, one character per byte, so lengths and hashes are those of bytes.
 */
import type { Random } from '../runtime/random.js';
import { hasEmptyToken, isValidLiteral, subjectMatches } from './subject.js';
import {
  destinationErrors,
  isPlaceholder,
  looksLikeFunction,
  namesFunction,
  readFunction,
  TransformError,
  type TransformFunction,
} from './transform-function.js';

export { TransformError } from './transform-function.js';

const invalidSubject = 'invalid subject';

/** Chance for those who bring none of their own. */
const anyRandom: Random = { next: () => Math.floor(Math.random() * 0x1_0000_0000) };

/** One UTF-8 character in latin1 text, or a byte that begins none. */
const character = /[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[\x00-\xff]/g;

/** A token of the destination, as text or with the source's tokens that it is made of. */
type DestinationToken = string | (TransformFunction & { tokens: number[] });

export interface TransformOptions {
  /** For imports, which have to be reversible: `$1` and `wildcard` alone, and every wildcard of the source is used. */
  strict?: boolean;
}

export class SubjectTransform {
  readonly source: string;
  readonly destination: string;
  readonly #sourceTokens: string[];
  readonly #parts: DestinationToken[];
  /** Source and destination end in `>`: what it stands for is passed on. */
  readonly #rest: boolean;
  /** The result is another one each time, or may be. */
  readonly isRandom: boolean;

  private constructor(source: string, destination: string, parts: DestinationToken[]) {
    this.source = source;
    this.destination = destination;
    this.#sourceTokens = source.split('.');
    this.#rest = parts.at(-1) === '>';
    this.#parts = this.#rest ? parts.slice(0, -1) : parts;
    this.isRandom = parts.some((part) => typeof part !== 'string' && part.name === 'random');
  }

  /**
   * Throws `TransformError` with the official text. No source is `>`. A destination has to be given: those who take none for
   * "leave the subject as it is" see to that before.
   */
  static create(
    source: string,
    destination: string,
    { strict = false }: TransformOptions = {},
  ): SubjectTransform {
    const from = source === '' ? '>' : source;
    const sourceTokens = patternTokens(from);
    const tokens = patternTokens(destination);
    if (
      sourceTokens === null ||
      tokens === null ||
      tokens.includes('*') ||
      (sourceTokens.at(-1) === '>') !== (tokens.at(-1) === '>')
    ) {
      throw new TransformError(invalidSubject);
    }
    const wildcards = sourceTokens.flatMap((token, at) => (token === '*' ? [at] : []));
    const parts =
      wildcards.length > 0 || sourceTokens.at(-1) === '>'
        ? bindToWildcards(tokens, wildcards, destination, strict)
        : bindToLiteral(tokens);
    return new SubjectTransform(from, destination, parts);
  }

  /** The transformed subject; null when the subject is not a valid literal one, or not under the source. */
  match(subject: string, random: Random = anyRandom): string | null {
    if (this.source === '>' && this.destination === '>') return subject;
    if (!isValidLiteral(subject) || !subjectMatches(subject, this.source)) return null;
    return this.transform(subject, random);
  }

  /** Transforms a subject that is known to be under the source. It may have wildcards itself. */
  transform(subject: string, random: Random = anyRandom): string {
    return this.transformTokens(subject.split('.'), random);
  }

  transformTokens(tokens: string[], random: Random = anyRandom): string {
    const parts = this.#parts.map((part) =>
      typeof part === 'string' ? part : callFunction(part, tokens, random),
    );
    // An empty token at the end stays where the source's `>` stands for nothing.
    if (this.#rest) parts.push(tokens.slice(this.#sourceTokens.length - 1).join('.'));
    return parts.join('.');
  }

  /**
   * From the destination's pattern back to the source; null when the destination does not tell all of it. Placeholders stand
   * in the reverse as they stood in the destination (official behaviour): that undoes exchanges of two wildcards, not
   * rotations of three.
   */
  reverse(): SubjectTransform | null {
    const { pattern, placeholders } = placeholdersToWildcards(this.destination);
    const left = [...placeholders];
    const back = this.#sourceTokens.map((token) => (token === '*' ? left.shift() : token));
    if (back.includes(undefined)) return null;
    try {
      return SubjectTransform.create(pattern, back.join('.'), { strict: true });
    } catch (error) {
      if (error instanceof TransformError) return null;
      throw error;
    }
  }
}

/** The tokens of a pattern, or null when it is not valid: `>` may only stand at the end. */
function patternTokens(subject: string): string[] | null {
  if (hasEmptyToken(subject)) return null;
  const tokens = subject.split('.');
  return tokens.indexOf('>', 0) === -1 || tokens.indexOf('>') === tokens.length - 1 ? tokens : null;
}

function bindToWildcards(
  tokens: string[],
  wildcards: number[],
  destination: string,
  strict: boolean,
): DestinationToken[] {
  let used = 0;
  const parts = tokens.map((token) => {
    const called = readFunction(token);
    if (called === null) return token;
    if (strict && called.name !== 'wildcard')
      throw new TransformError(destinationErrors.notForImports, token);
    used += called.wildcards.length;
    for (const index of called.wildcards) {
      if (index > wildcards.length) {
        throw new TransformError(destinationErrors.indexOutOfRange, `${token}: [${index}]`);
      }
    }
    // Numbers below 1 are the source's first token, whatever that is (official behaviour).
    return { ...called, tokens: called.wildcards.map((index) => wildcards[index - 1] ?? 0) };
  });
  if (strict && used < wildcards.length)
    throw new TransformError(destinationErrors.unusedWildcards, destination);
  return parts;
}

/** A source without wildcards leaves only functions that need none. */
function bindToLiteral(tokens: string[]): DestinationToken[] {
  return tokens.map((token) => {
    const called = readFunction(token);
    if (called === null) return token;
    if (called.name !== 'random' && called.name !== 'partition') {
      throw new TransformError(destinationErrors.indexOutOfRange, token);
    }
    return { ...called, tokens: [] };
  });
}

function callFunction(
  { name, tokens, amount, separator }: TransformFunction & { tokens: number[] },
  subject: string[],
  random: Random,
): string {
  const token = subject[tokens[0] ?? -1] ?? '';
  /** Too short to be cut there: stays whole. */
  const whole = amount <= 0 || amount >= token.length;
  switch (name) {
    case 'wildcard':
      return token;
    case 'partition':
      return partition(
        tokens.length === 0 ? subject.join('.') : tokens.map((at) => subject[at] ?? '').join(''),
        amount,
      );
    case 'splitFromLeft':
      return whole ? token : `${token.slice(0, amount)}.${token.slice(amount)}`;
    case 'splitFromRight':
      return whole ? token : `${token.slice(0, -amount)}.${token.slice(-amount)}`;
    case 'sliceFromLeft':
      return whole ? token : slices(token, 0, amount);
    case 'sliceFromRight':
      return whole ? token : slices(token, token.length % amount, amount);
    case 'left':
      return whole ? token : token.slice(0, amount);
    case 'right':
      return whole ? token : token.slice(-amount);
    case 'split':
      return split(token, separator);
    case 'random':
      return String(amount === 0 ? 0 : (random.next() >>> 1) % amount);
  }
}

/** Pieces of a length, behind a first one of `first` bytes. */
function slices(token: string, first: number, length: number): string {
  const pieces = first > 0 ? [token.slice(0, first)] : [];
  for (let at = first; at < token.length; at += length) pieces.push(token.slice(at, at + length));
  return pieces.join('.');
}

/**
 * The parts between separators, or the characters where there is no separator. Empty ones are left out, except that two
 * separators in front leave an empty token (official behaviour: such a subject reaches nobody).
 */
function split(token: string, separator: string): string {
  const parts = separator === '' ? (token.match(character) ?? []) : token.split(separator);
  const kept = parts.filter((part) => part !== '');
  if (kept.length > 0 && parts[0] === '' && parts[1] === '') kept.unshift('');
  return kept.join('.');
}

/** FNV-1a of 32 bits, modulo the number of partitions: clients compute the same. */
function partition(key: string, partitions: number): string {
  if (partitions === 0) return '0';
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return String((hash >>> 0) % (partitions >>> 0));
}

/** `foo.*.*` as a destination: `foo.$1.$2`. */
export function wildcardsToPlaceholders(subject: string): string {
  let index = 0;
  return subject
    .split('.')
    .map((token) => (token === '*' ? `$${++index}` : token))
    .join('.');
}

/** `foo.$2.$1` as a pattern, `foo.*.*`, and what stood in the place of its wildcards. */
export function placeholdersToWildcards(destination: string): { pattern: string; placeholders: string[] } {
  const placeholders: string[] = [];
  const tokens = destination.split('.').map((token) => {
    if (!isPlaceholder(token)) return token;
    placeholders.push(token);
    return '*';
  });
  return { pattern: tokens.join('.'), placeholders };
}

/** Whether a subject may be mapped to the destination; throws `TransformError`. Stricter than `create` about white space. */
export function validateDestination(source: string, destination: string): void {
  const tokens = destination.split('.');
  for (const [i, token] of tokens.entries()) {
    if (token === '' || tokens[i - 1] === '>') throw new TransformError(destinationErrors.subject, token);
    if (looksLikeFunction(token)) {
      if (!namesFunction(token)) throw new TransformError(destinationErrors.unknownFunction, token);
    } else if (/[\t\n\f\r ]/.test(token)) {
      throw new TransformError(destinationErrors.subject);
    }
  }
  SubjectTransform.create(source, destination);
}

/**
 * What may stand in the place of a token in the destination of a subject transform: `$1`, or a function like
 * `{{partition(3,1,2)}}`. Which texts are accepted, and what the errors say, is as in the official server.
 */
import { toUtf8 } from '../protocol/bytes.js';

export const transformFunctions = [
  'wildcard',
  'partition',
  'splitFromLeft',
  'splitFromRight',
  'sliceFromLeft',
  'sliceFromRight',
  'right',
  'left',
  'split',
  'random',
] as const;

export type TransformFunctionName = (typeof transformFunctions)[number];

/** A function as it was written: nothing is known yet of the source that its wildcards are in. */
export interface TransformFunction {
  name: TransformFunctionName;
  /** Wildcards of the source by number, the first is 1. What does not fit into a number was out of range anyway. */
  wildcards: number[];
  /** Number of partitions, position, length, or the bound of a random number; an int32. */
  amount: number;
  /** Of `split`. */
  separator: string;
}

const invalid = 'invalid mapping destination';

/** Official error texts about destinations. */
export const destinationErrors = {
  subject: `${invalid}: invalid transform`,
  unusedWildcards: `${invalid}: not using all of the token wildcard(s)`,
  unknownFunction: `${invalid}: unknown function`,
  indexOutOfRange: `${invalid}: wildcard index out of range`,
  notEnoughArguments: `${invalid}: not enough arguments passed to the function`,
  invalidArgument: `${invalid}: function argument is invalid or in the wrong format`,
  tooManyArguments: `${invalid}: too many arguments passed to the function`,
  notForImports: `${invalid}: the only mapping function allowed for import transforms is {{Wildcard()}}`,
} as const;

/** A source or a destination that is no good; the message is the official server's, as UTF-8 text. */
export class TransformError extends Error {
  /** `token` is the latin1 text that it is about. */
  constructor(text: string, token = '') {
    super(token === '' ? text : `${text} in ${toUtf8(token)}`);
    this.name = 'TransformError';
  }
}

/** Each word of a name may begin in either case, and spaces may stand around it: `{{ SplitFromLeft (1,2) }}`. */
function callPattern(name: TransformFunctionName): RegExp {
  const anyCase = name.replace(/^[a-z]|[A-Z]/g, (first) => `[${first.toLowerCase()}${first.toUpperCase()}]`);
  return new RegExp(`\\{\\{[\\t\\n\\f\\r ]*${anyCase}[\\t\\n\\f\\r ]*\\(([^\\n]*)\\)[\\t\\n\\f\\r ]*\\}\\}`);
}

const callPatterns = transformFunctions.map((name) => [name, callPattern(name)] as const);
const wildcardPattern = callPattern('wildcard');
const comma = /,[\t\n\f\r ]*/;

/** Whether a token is written as a function, known or not. */
export function looksLikeFunction(token: string): boolean {
  return token.length > 4 && token.startsWith('{{') && token.endsWith('}}');
}

/** Whether a token is written as one of the functions there are, whatever its arguments. */
export function namesFunction(token: string): boolean {
  return callPatterns.some(([, pattern]) => pattern.test(token));
}

/** Whether a token of a destination stands for a wildcard of the source: `$1` or `{{wildcard(1)}}`. */
export function isPlaceholder(token: string): boolean {
  if (/^\$[1-9]/.test(token)) return true;
  const inside = wildcardPattern.exec(token)?.[1];
  return inside !== undefined && inside !== '' && !inside.includes(',');
}

/** Reads a token of a destination; null when it stands for itself. Throws `TransformError`. */
export function readFunction(token: string): TransformFunction | null {
  if (token.length > 1 && token.startsWith('$')) {
    const index = readInteger(token.slice(1));
    // Other things begin with `$`, too.
    return index === null ? null : call('wildcard', [Number(index)]);
  }
  if (!looksLikeFunction(token)) return null;
  for (const [name, pattern] of callPatterns) {
    const inside = pattern.exec(token)?.[1];
    if (inside !== undefined) return readCall(name, inside.split(comma), token);
  }
  throw new TransformError(destinationErrors.unknownFunction, token);
}

function readCall(name: TransformFunctionName, args: string[], token: string): TransformFunction {
  switch (name) {
    case 'wildcard':
      if (args[0] === '' && args.length === 1) {
        throw new TransformError(destinationErrors.notEnoughArguments, token);
      }
      if (args.length > 1) throw new TransformError(destinationErrors.tooManyArguments, token);
      return call(name, [integerArgument(args[0]!, token)]);
    case 'partition': {
      const [partitions, ...wildcards] = args;
      const amount = boundArgument(partitions!, token);
      return call(
        name,
        wildcards.map((each) => integerArgument(each, token)),
        amount,
      );
    }
    case 'random':
      if (args.length !== 1) throw new TransformError(destinationErrors.notEnoughArguments, token);
      return call(name, [], boundArgument(args[0]!, token));
    default:
      return readCallOfTwo(name, args, token);
  }
}

function readCallOfTwo(name: TransformFunctionName, args: string[], token: string): TransformFunction {
  if (args.length < 2) throw new TransformError(destinationErrors.notEnoughArguments, token);
  if (args.length > 2) throw new TransformError(destinationErrors.tooManyArguments, token);
  const wildcard = integerArgument(args[0]!, token);
  const second = args[1]!;
  if (name === 'split') {
    if (/[ .]/.test(second)) throw new TransformError(destinationErrors.invalidArgument, token);
    return { ...call(name, [wildcard]), separator: second };
  }
  const amount = readInteger(trimSpaces(second));
  if (amount === null || amount !== BigInt.asIntN(32, amount)) {
    throw new TransformError(destinationErrors.invalidArgument, token);
  }
  return call(name, [wildcard], Number(amount));
}

function call(name: TransformFunctionName, wildcards: number[], amount = -1): TransformFunction {
  return { name, wildcards, amount, separator: '' };
}

function integerArgument(text: string, token: string): number {
  const value = readInteger(trimSpaces(text));
  if (value === null) throw new TransformError(destinationErrors.invalidArgument, token);
  return Number(value);
}

/** Below zero it wraps around, as officially. */
function boundArgument(text: string, token: string): number {
  const value = readInteger(trimSpaces(text));
  if (value === null || value > 0x7fff_ffffn) {
    throw new TransformError(destinationErrors.invalidArgument, token);
  }
  return Number(BigInt.asIntN(32, value));
}

/** Decimal digits with or without a sign, at most 64 bits; null for anything else. */
function readInteger(text: string): bigint | null {
  if (!/^[+-]?[0-9]+$/.test(text)) return null;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return value === BigInt.asIntN(64, value) ? value : null;
}

function trimSpaces(text: string): string {
  return text.replace(/^ +| +$/g, '');
}

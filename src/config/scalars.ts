/** From the words of the configuration language to numbers, booleans and dates. */
import { goQuote } from './go-format.js';
import type { Word } from './lexer.js';
import { type ConfigScalar, ConfigSyntaxError, ZuluTime } from './syntax.js';

/** The value a word stands for. Throws `ConfigSyntaxError`. */
export function scalarOf(word: Word): ConfigScalar {
  switch (word.kind) {
    case 'integer':
      return integer(word.text);
    case 'float':
      return float(word.text);
    case 'bool':
      return ['true', 'yes', 'on'].includes(word.text.toLowerCase());
    case 'date':
      return date(word.text);
    default:
      return word.text;
  }
}

const sizes = ['', 'k', 'm', 'g', 't', 'p', 'e'];

/** Sizes wrap around at 64 bits, as they do officially. */
function integer(text: string): bigint {
  const [, digits, suffix] = /^(-?[0-9]+)([a-z]*)$/i.exec(text) ?? [];
  const wrong = () => new ConfigSyntaxError(`expected integer, but got '${text}'`);
  if (digits === undefined) throw wrong();
  const value = BigInt(digits);
  if (BigInt.asIntN(64, value) !== value) {
    throw new ConfigSyntaxError(`integer '${text}' is out of the range`);
  }
  if (!suffix) return value;
  const power = BigInt(sizes.indexOf(suffix[0]!.toLowerCase()));
  const unit = suffix.slice(1).toLowerCase();
  if (!['', 'b', 'i', 'ib'].includes(unit)) throw wrong();
  return BigInt.asIntN(64, value * (unit === '' ? 1000n : 1024n) ** power);
}

function float(text: string): number {
  const value = Number(text);
  if (Number.isNaN(value)) throw new ConfigSyntaxError(`expected float, but got '${text}'`);
  if (!Number.isFinite(value)) throw new ConfigSyntaxError(`float '${text}' is out of the range`);
  return value;
}

function date(text: string): ZuluTime {
  const time = Date.parse(text);
  // A day that the month does not have rolls over into the next one.
  const valid = !Number.isNaN(time) && new Date(time).toISOString() === `${text.slice(0, -1)}.000Z`;
  if (!valid) throw new ConfigSyntaxError(`expected Zulu formatted DateTime, but got '${text}'`);
  return new ZuluTime(text);
}

/** A whole number, maybe with a percent sign behind it, or the text that Go's `Atoi` has for what is wrong. */
export function parsePercent(text: string): number | string {
  const digits = text.endsWith('%') ? text.slice(0, -1) : text;
  if (!/^[-+]?[0-9]+$/.test(digits)) return `strconv.Atoi: parsing ${goQuote(digits)}: invalid syntax`;
  const value = BigInt(digits.replace('+', ''));
  if (BigInt.asIntN(64, value) !== value) {
    return `strconv.Atoi: parsing ${goQuote(digits)}: value out of range`;
  }
  return Number(value);
}

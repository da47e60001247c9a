/** Times as the JetStream API has them: RFC 3339 text with up to nine digits of fraction, nanoseconds since 1970 inside. */
import type { Stamp } from '../runtime/stamp.js';
import { writeNumber, writeText } from './bytes.js';
import type { JsonType } from './json-type.js';

/** How the official server shows that there is no time. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

/** Nanoseconds. */
const SECOND = 1_000_000_000;
const ZERO = 48;
const DOT = 46;
const CAPITAL_Z = 90;

const LAYOUT: [pattern: RegExp, name: string][] = [
  [/^[0-9]{4}/, '2006'],
  [/^-/, '-'],
  [/^[0-9]{2}/, '01'],
  [/^-/, '-'],
  [/^[0-9]{2}/, '02'],
  [/^T/, 'T'],
  [/^[0-9]{2}/, '15'],
  [/^:/, ':'],
  [/^[0-9]{2}/, '04'],
  [/^:/, ':'],
  [/^[0-9]{2}/, '05'],
  [/^(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})/, 'Z07:00'],
];

/**
 * Brings the text of a time into the form that Go writes: no zeros at the end of the fraction, `Z` for no offset. Throws with
 * Go's text for what is no time.
 */
export function normalizeTime(text: string): string {
  const problem = (rest: string, part: string) =>
    new Error(
      `parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(part)}`,
    );
  let rest = text;
  for (const [pattern, name] of LAYOUT) {
    const found = pattern.exec(rest);
    if (found === null) throw problem(rest, name);
    rest = rest.slice(found[0].length);
  }
  if (rest !== '') {
    throw new Error(`parsing time ${JSON.stringify(text)}: extra text: ${JSON.stringify(rest)}`);
  }
  const range = outOfRange(text);
  if (range !== '') throw new Error(`parsing time ${JSON.stringify(text)}: ${range} out of range`);
  const fraction = /[.,]([0-9]+)/.exec(text)?.[1]?.slice(0, 9).replace(/0+$/, '') ?? '';
  const zone = text.slice(19).replace(/^[.,][0-9]+/, '');
  const offset = zone === '+00:00' || zone === '-00:00' ? 'Z' : zone;
  return `${text.slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}${offset}`;
}

function outOfRange(text: string): string {
  const part = (start: number) => Number(text.slice(start, start + 2));
  const month = part(5);
  if (month < 1 || month > 12) return 'month';
  if (part(8) < 1 || part(8) > new Date(Date.UTC(Number(text.slice(0, 4)), month, 0)).getUTCDate())
    return 'day';
  if (part(11) > 23) return 'hour';
  if (part(14) > 59) return 'minute';
  return part(17) > 59 ? 'second' : '';
}

/** Nanoseconds since 1970 of a normalized time. */
export function timeToNanoseconds(text: string): bigint {
  const fraction = /\.([0-9]+)/.exec(text)?.[1] ?? '';
  const seconds = Date.parse(text.replace(/\.[0-9]+/, '')) / 1000;
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** UTC text of nanoseconds since 1970. */
export function nanosecondsToTime(nanoseconds: bigint): string {
  let seconds = nanoseconds / 1_000_000_000n;
  let fraction = nanoseconds % 1_000_000_000n;
  if (fraction < 0n) {
    seconds -= 1n;
    fraction += 1_000_000_000n;
  }
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${fractionText(Number(fraction))}Z`;
}

/** The same for stamps, as bytes. Most come in the same second as the one before, whose text is kept. */
export class TimeTexts {
  #second = Number.NaN;
  #text = '';

  /** Writes the text, which takes 30 bytes at most; returns the offset behind it. */
  write(stamp: Stamp, to: Uint8Array, at: number): number {
    let end = writeText(this.#toSecond(stamp), to, at);
    const { fraction } = stamp;
    if (fraction > 0) {
      const dot = end;
      // The first digit makes nine of the others.
      end = writeNumber(SECOND + fraction, to, dot);
      to[dot] = DOT;
      while (to[end - 1] === ZERO) end--;
    }
    to[end] = CAPITAL_Z;
    return end + 1;
  }

  #toSecond({ seconds }: Stamp): string {
    if (seconds !== this.#second) {
      this.#text = new Date(seconds * 1000).toISOString().slice(0, 19);
      this.#second = seconds;
    }
    return this.#text;
  }
}

/** Nanoseconds behind a second, without zeros at the end: '' or `.5`. */
function fractionText(nanoseconds: number): string {
  if (nanoseconds === 0) return '';
  const digits = String(SECOND + nanoseconds);
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === ZERO) end--;
  return `.${digits.slice(1, end)}`;
}

/** A time; its value is the normalized text. */
export const time: JsonType<string> = {
  goName: 'time.Time',
  zero: () => ZERO_TIME,
  read(node, known) {
    if (node === null) return known;
    if (typeof node !== 'string') throw new Error('Time.UnmarshalJSON: input is not a JSON string');
    return normalizeTime(node);
  },
  write: (value) => `"${value}"`,
  isEmpty: () => false,
};

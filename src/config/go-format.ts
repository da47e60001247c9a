/**
 * How Go prints values, as far as official texts contain them: quoted strings, durations, floats, names of types.
 */
import { fromUtf8, toUtf8 } from '../protocol/bytes.js';
import { quote } from '../protocol/errors.js';
import { type ConfigValue, ZuluTime } from './syntax.js';

/** Go's `%q`. */
export function goQuote(text: string): string {
  return toUtf8(quote(fromUtf8(text)));
}

/** Go's `%q` of a list of strings. */
export function goQuoteList(texts: readonly string[]): string {
  return `[${texts.map(goQuote).join(' ')}]`;
}

/** Go's `%v` of a float64. */
export function goFloat(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return Object.is(value, -0) ? '-0' : String(value);
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-4 && magnitude < 1e21) return String(value);
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

/** Go's `%T` of a value of the configuration language. */
export function goType(value: ConfigValue['value']): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'bigint') return 'int64';
  if (typeof value === 'number') return 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (value instanceof ZuluTime) return 'time.Time';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}

/** Go's `%v` of a value; maps and arrays show their values where Go shows pointers. */
export function goValue(value: ConfigValue['value']): string {
  if (typeof value === 'number') return goFloat(value);
  if (value instanceof ZuluTime) return `${value.text.slice(0, 10)} ${value.text.slice(11, -1)} +0000 UTC`;
  if (Array.isArray(value)) return `[${value.map((item) => goValue(item.value)).join(' ')}]`;
  if (value instanceof Map) {
    const items = [...value].map(([key, item]) => `${key}:${goValue(item.value)}`);
    return `map[${items.sort().join(' ')}]`;
  }
  return String(value);
}

/** A map of strings or booleans as Go's `%v` prints it. */
export function goMap(map: Readonly<Record<string, string | boolean>>): string {
  const keys = Object.keys(map).sort();
  return `map[${keys.map((key) => `${key}:${map[key]}`).join(' ')}]`;
}

const unitNanoseconds: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const longest = 2n ** 63n;

/** A duration that Go would not parse; the message is Go's. */
export class DurationError extends Error {
  override readonly name = 'DurationError';
}

/** Milliseconds of a Go duration such as `1h15m30.5s`. Throws `DurationError`. */
export function parseGoDuration(text: string): number {
  const [, sign, body] = /^([-+]?)(.*)$/s.exec(text)!;
  if (body === '0') return 0;
  const invalid = () => new DurationError(`time: invalid duration ${goQuote(text)}`);
  if (body === '') throw invalid();
  let total = 0n;
  for (let rest = body!; rest !== ''; ) {
    const [whole, integer, point, fraction] = /^([0-9]*)(\.?)([0-9]*)/.exec(rest)!;
    if (integer === '' && fraction === '') throw invalid();
    rest = rest.slice(whole.length);
    const unit = /^[^.0-9]*/.exec(rest)![0];
    if (unit === '') throw new DurationError(`time: missing unit in duration ${goQuote(text)}`);
    const nanoseconds = Object.hasOwn(unitNanoseconds, unit) ? unitNanoseconds[unit] : undefined;
    if (nanoseconds === undefined) {
      throw new DurationError(`time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`);
    }
    rest = rest.slice(unit.length);
    total += BigInt(integer || '0') * nanoseconds;
    if (point !== '' && fraction !== '') {
      total += (BigInt(fraction!) * nanoseconds) / 10n ** BigInt(fraction!.length);
    }
    if (total > longest) throw invalid();
  }
  if (total === longest && sign !== '-') throw invalid();
  const milliseconds = Number(total / 1_000_000n) + Number(total % 1_000_000n) / 1e6;
  return sign === '-' ? -milliseconds : milliseconds;
}

/** Milliseconds as Go prints a duration: `2m0s`, `1.5s`, `250ms`, `0s`. */
export function goDuration(milliseconds: number): string {
  const whole = Math.trunc(milliseconds);
  let nanoseconds = BigInt(whole) * 1_000_000n + BigInt(Math.round((milliseconds - whole) * 1e6));
  if (nanoseconds === 0n) return '0s';
  const sign = nanoseconds < 0n ? '-' : '';
  if (nanoseconds < 0n) nanoseconds = -nanoseconds;
  if (nanoseconds < 1000n) return `${sign}${nanoseconds}ns`;
  if (nanoseconds < 1_000_000n) return `${sign}${decimal(nanoseconds, 3)}µs`;
  if (nanoseconds < 1_000_000_000n) return `${sign}${decimal(nanoseconds, 6)}ms`;
  const minutes = nanoseconds / 60_000_000_000n;
  const seconds = `${decimal(nanoseconds % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return sign + seconds;
  if (minutes < 60n) return `${sign}${minutes}m${seconds}`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** `value` / 10^`places`, without zeros at the end. */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  const integer = digits.slice(0, -places);
  return fraction === '' ? integer : `${integer}.${fraction}`;
}

const UNITS = ['K', 'M', 'G', 'T', 'P', 'E'];

/** Bytes with the unit that fits, as the official log shows them. */
export function friendlyBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log(bytes) / Math.log(1024)), UNITS.length);
  return `${(bytes / 1024 ** power).toFixed(2)} ${UNITS[power - 1]}B`;
}

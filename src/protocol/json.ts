/**
 * JSON as the official server's encoder writes it: Go's escapes, RFC 3339 times, durations in nanoseconds. A field that is
 * `undefined` is left out, which is how `omitempty` is written here.
 */

/** JSON in which everything is escaped that Go escapes: also what HTML would trip over, and two line ends of Unicode. */
export function escapeForGo(json: string): string {
  return json.replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** 2^64 as JavaScript prints it: what a number is here that Go shows as the largest unsigned one. */
const UNSIGNED_LIMIT = /:( ?)18446744073709552000\b/g;

/** JSON as Go's encoder writes it; `indent` 0 is on one line. */
export function goJson(value: unknown, indent = 2): string {
  const json = JSON.stringify(value, null, indent);
  return escapeForGo(
    json.includes('18446744073709552000') ? json.replace(UNSIGNED_LIMIT, ':$118446744073709551615') : json,
  );
}

/** Text from a client, in which half a surrogate pair becomes U+FFFD as in Go; absent when empty. */
export function textOrAbsent(text: string): string | undefined {
  if (text === '') return undefined;
  return /[\ud800-\udfff]/.test(text) ? Buffer.from(text, 'utf8').toString('utf8') : text;
}

/** A time in milliseconds since 1970 as RFC 3339 with microseconds (all that the clock knows), in UTC. */
export function utcTime(time: number): string {
  return `${dateAndTime(time, 0)}Z`;
}

/** The same in the machine's time zone. */
export function localTime(time: number): string {
  const offset = -new Date(time).getTimezoneOffset();
  if (offset === 0) return utcTime(time);
  const minutes = Math.abs(offset);
  const zone = `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return `${dateAndTime(time, offset)}${offset < 0 ? '-' : '+'}${zone}`;
}

function dateAndTime(time: number, offsetMinutes: number): string {
  const microseconds = Math.round(time * 1000);
  const seconds = Math.floor(microseconds / 1e6);
  const fraction = microseconds - seconds * 1e6;
  const whole = new Date((seconds + offsetMinutes * 60) * 1000).toISOString().slice(0, 19);
  return fraction === 0 ? whole : `${whole}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** Milliseconds as the nanoseconds of a Go duration. */
export function nanoseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1e6);
}

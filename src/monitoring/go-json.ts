/**
 * Values as the official server's JSON shows them: Go's escapes, RFC 3339 times, durations in nanoseconds, uptimes. A field that
 * is `undefined` is left out, which is how `omitempty` is written here.
 */
import { goDuration } from '../config/go-format.js';
import { escapeForGo } from '../protocol/json.js';

/** JSON as Go's encoder writes it; `indent` 0 is on one line. */
export function goJson(value: unknown, indent = 2): string {
  return escapeForGo(JSON.stringify(value, null, indent));
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

/** A time span as `uptime` and `idle` show it: `1y2d3h4m5s`, leading units of zero left out. */
export function uptimeText(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  const minutes = Math.trunc(seconds / 60);
  const hours = Math.trunc(minutes / 60);
  const days = Math.trunc(hours / 24);
  const years = Math.trunc(days / 365);
  let text = `${seconds % 60}s`;
  if (minutes > 0) text = `${minutes % 60}m${text}`;
  if (hours > 0) text = `${hours % 24}h${text}`;
  if (days > 0) text = `${days % 365}d${text}`;
  return years > 0 ? `${years}y${text}` : text;
}

/** A round-trip time: whole microseconds below a millisecond, all there is above; `0s` while unknown. */
export function roundTripText(milliseconds: number): string {
  const short = milliseconds > 0.001 && milliseconds < 1;
  // The next float below a whole number of microseconds still means that number.
  return goDuration(short ? Math.floor(milliseconds * 1000 + 1e-6) / 1000 : milliseconds);
}

/**
 * Values as the official server's JSON shows them: Go's escapes, RFC 3339 times, durations in nanoseconds, uptimes. A field that
 * is `undefined` is left out, which is how `omitempty` is written here.
 */
import { goDuration } from '../config/go-format.js';

export { goJson, localTime, nanoseconds, textOrAbsent, utcTime } from '../protocol/json.js';

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

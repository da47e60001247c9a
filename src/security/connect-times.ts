/**
 * Times of the day at which a user may be connected: windows in some time zone, which may go beyond midnight. Inside of several, the
 * one that ends last counts.
 */

/** `HH:MM:SS` each. */
export interface TimeRange {
  start: string;
  end: string;
}

const TIME = /^([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,][0-9]+)?$/;
const DAY = 86_400_000;

export function isTimeOfDay(text: string): boolean {
  return parseTime(text) !== null;
}

/** Milliseconds since midnight. */
function parseTime(text: string): number | null {
  const [hours, minutes, seconds] = (TIME.exec(text) ?? []).slice(1).map(Number);
  if (hours === undefined || hours > 23 || minutes! > 59 || seconds! > 59) return null;
  return ((hours * 60 + minutes!) * 60 + seconds!) * 1000;
}

/** Whether a name stands in the time zone database, or means the server's own zone. */
export function isTimeZone(name: string): boolean {
  return name === 'Local' || formatter(name) !== null;
}

function formatter(zone: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat('en-US', {
      ...(zone !== '' && zone !== 'Local' && { timeZone: zone }),
      calendar: 'iso8601',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return null;
  }
}

/**
 * Milliseconds until the end of the window that `now` (milliseconds since 1970) is in; 0 without windows, which is for ever; null
 * outside of all of them, or where one or the zone is not valid.
 */
export function timeLeft(ranges: readonly TimeRange[], zone: string, now: number): number | null {
  if (ranges.length === 0) return 0;
  const format = formatter(zone);
  if (format === null) return null;
  const wall = wallClock(format, now);
  const midnight = Math.floor(wall / DAY) * DAY;
  let longest: number | null = null;
  for (const range of ranges) {
    const [from, to] = [parseTime(range.start), parseTime(range.end)];
    if (from === null || to === null) return null;
    const at = (time: number) => instant(format, midnight + time);
    const left = leftOfWindow(at(from), at(to), at(to + DAY), now);
    if (left !== null && left > (longest ?? 0)) longest = left;
  }
  return longest;
}

function leftOfWindow(start: number, end: number, endTomorrow: number, now: number): number | null {
  if (start < now && now < end) return end - now;
  if (start <= end) return null;
  // Beyond midnight: it began yesterday, or ends tomorrow.
  if (now < end) return end - now;
  return start < now && now < endTomorrow ? endTomorrow - now : null;
}

/** What a clock on the wall shows, as if it were UTC. */
function wallClock(format: Intl.DateTimeFormat, time: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(time)) parts[type] = Number(value);
  const { year, month, day, hour, minute, second } = parts as Record<string, number>;
  const whole = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
  return whole + (((time % 1000) + 1000) % 1000);
}

/** When the clock on the wall shows that; the offset at hand is looked at twice because of summer time. */
function instant(format: Intl.DateTimeFormat, wall: number): number {
  let time = wall;
  for (let i = 0; i < 2; i++) time = wall - (wallClock(format, time) - time);
  return time;
}

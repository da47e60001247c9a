/** When a scheduled message is published: what its headers say of it, and the next time. Pure functions of headers and time. */
import { parseGoDuration } from '../config/go-format.js';
import { normalizeTime, timeToNanoseconds } from '../protocol/rfc3339.js';
import { nextCron, parseCron } from './cron.js';
import { headerValue } from './headers.js';
import { WallClock } from './wall-clock.js';

export interface NextRun {
  /** Nanoseconds since 1970. */
  at: bigint;
  /** Whether there are more to come. */
  repeats: boolean;
  /** The same time as text, in the time zone of the schedule. */
  text: string;
}

/** Why there is no next time. */
export type ScheduleProblem = 'messageSchedulesPatternInvalid' | 'messageSchedulesTimeZoneInvalid';

const SECOND = 1_000_000_000n;

const WORDS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 0 1 1 *',
  '@annually': '0 0 0 1 1 *',
  '@monthly': '0 0 0 1 * *',
  '@weekly': '0 0 0 * * 0',
  '@daily': '0 0 0 * * *',
  '@midnight': '0 0 0 * * *',
  '@hourly': '0 0 * * * *',
};

/**
 * The next time after `from` of the schedule in a header block; null when there is none in it. Periods that lie before `now` are
 * missed: they do not fire one after the other. All in nanoseconds.
 */
export function nextSchedule(header: string, from: bigint, now: bigint): NextRun | ScheduleProblem | null {
  const zone = headerValue(header, 'Nats-Schedule-Time-Zone');
  const clock = zone === undefined ? undefined : WallClock.of(zone);
  if (clock === null) return 'messageSchedulesTimeZoneInvalid';
  const pattern = headerValue(header, 'Nats-Schedule') ?? '';
  if (pattern === '') return null;
  return nextRun(pattern, clock, from, now) ?? 'messageSchedulesPatternInvalid';
}

function nextRun(pattern: string, clock: WallClock | undefined, from: bigint, now: bigint): NextRun | null {
  try {
    // Only cron patterns have a time zone.
    if (/^@(at|every) /.test(pattern)) return clock === undefined ? nextInUtc(pattern, from, now) : null;
  } catch {
    return null;
  }
  const cron = parseCron(WORDS[pattern] ?? pattern);
  if (cron === null) return null;
  const zone = clock ?? WallClock.utc;
  let next = nextCron(cron, zone, Number(from / 1_000_000n));
  if (next !== null && BigInt(next) * 1_000_000n < now)
    next = nextCron(cron, zone, Number(toSeconds(now) / 1_000_000n));
  return next === null ? null : run(BigInt(next) * 1_000_000n, true, zone);
}

/** Throws for what is no time. */
function nextInUtc(pattern: string, from: bigint, now: bigint): NextRun | null {
  const rest = pattern.slice(pattern.indexOf(' ') + 1);
  if (pattern.startsWith('@at ')) return run(timeToNanoseconds(normalizeTime(rest)), false);
  const milliseconds = parseGoDuration(rest);
  if (milliseconds < 1000) return null;
  const interval = BigInt(Math.round(milliseconds * 1e6));
  const next = toSeconds(from) + interval;
  return run(next < now ? toSeconds(now) + interval : next, true);
}

function run(at: bigint, repeats: boolean, zone = WallClock.utc): NextRun {
  return { at, repeats, text: zone.text(at) };
}

/** Rounded to whole seconds. */
function toSeconds(nanoseconds: bigint): bigint {
  return ((nanoseconds + SECOND / 2n) / SECOND) * SECOND;
}

/** When a stored message is due whose schedule has to be worked out again; null where there is none. */
export function scheduleOf(header: string, stored: bigint, now: bigint): bigint | null {
  const next = nextSchedule(header, stored, now);
  return next === null || typeof next === 'string' ? null : next.at;
}

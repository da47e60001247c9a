/**
 * Cron patterns of six fields (second, minute, hour, day of month, month, day of week) and when they come round, in any time zone. A
 * pure function of the pattern and the time. The fields are Go's and the official server's: `*`, `?`, lists, ranges, steps, names.
 */
import type { WallClock } from './wall-clock.js';

interface Bounds {
  min: number;
  max: number;
  names: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Names count from `min`. */
const FIELDS: readonly Bounds[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: DAYS },
];

/** The values that a field allows; `any` when it was left open. */
interface Field {
  values: ReadonlySet<number>;
  any: boolean;
}

export interface CronPattern {
  second: Field;
  minute: Field;
  hour: Field;
  dayOfMonth: Field;
  month: Field;
  dayOfWeek: Field;
}

/** Null for what is no pattern. */
export function parseCron(text: string): CronPattern | null {
  const parts = text.split(/[\s\u0085\u00a0]+/).filter((part) => part !== '');
  if (parts.length !== FIELDS.length) return null;
  const fields: Field[] = [];
  for (const [at, part] of parts.entries()) {
    const field = parseField(part, FIELDS[at]!);
    if (field === null) return null;
    fields.push(field);
  }
  const [second, minute, hour, dayOfMonth, month, dayOfWeek] = fields as [
    Field,
    Field,
    Field,
    Field,
    Field,
    Field,
  ];
  return { second, minute, hour, dayOfMonth, month, dayOfWeek };
}

/** A list of ranges; empty ones are passed over. */
function parseField(text: string, bounds: Bounds): Field | null {
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(',')) {
    if (part === '') continue;
    const range = parseRange(part, bounds);
    if (range === null) return null;
    for (let value = range.from; value <= range.to; value += range.step) values.add(value);
    any ||= range.any;
  }
  return { values, any };
}

/** `*`, `7`, `1-5`, each with `/step` behind it; `7/2` goes on to the end. */
function parseRange(
  text: string,
  bounds: Bounds,
): { from: number; to: number; step: number; any: boolean } | null {
  const [range = '', stepText, ...more] = text.split('/');
  const [low = '', high, ...others] = range.split('-');
  if (more.length > 0) return null;
  const open = low === '*' || low === '?';
  if (!open && others.length > 0) return null;
  const step = stepText === undefined ? 1 : number(stepText);
  const from = open ? bounds.min : value(low, bounds);
  let to = open ? bounds.max : high === undefined ? from : value(high, bounds);
  if (stepText !== undefined && high === undefined) to = bounds.max;
  if (from === null || to === null || step === null || step === 0) return null;
  if (from < bounds.min || to > bounds.max || from > to) return null;
  return { from, to, step, any: open && step === 1 };
}

function value(text: string, { min, names }: Bounds): number | null {
  const at = names.indexOf(text.toLowerCase());
  return at === -1 ? number(text) : at + min;
}

function number(text: string): number | null {
  return /^[+]?[0-9]+$|^-0+$/.test(text) ? Math.abs(Number(text)) : null;
}

/** Years that are looked at; a pattern that never comes round in them is none. */
const YEARS = 5;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * The first time after `after`, milliseconds since 1970, that a pattern names; null when there is none within five years. A field that
 * does not match is counted up, with all behind it at their beginning, until it does; where it wraps the ones before it are looked at
 * again.
 */
export function nextCron(pattern: CronPattern, clock: WallClock, after: number): number | null {
  let at = Math.floor(after / SECOND) * SECOND + SECOND;
  const lastYear = clock.fields(at).year + YEARS;
  for (;;) {
    const now = clock.fields(at);
    if (now.year > lastYear) return null;
    if (!pattern.month.values.has(now.month)) at = clock.time(now.year, now.month + 1, 1);
    else if (!dayMatches(pattern, now.day, now.weekday)) at = clock.time(now.year, now.month, now.day + 1);
    else if (!pattern.hour.values.has(now.hour)) at = at + HOUR - now.minute * MINUTE - now.second * SECOND;
    else if (!pattern.minute.values.has(now.minute)) at = at + MINUTE - now.second * SECOND;
    else if (!pattern.second.values.has(now.second)) at += SECOND;
    else return at;
  }
}

/** Where both days are restricted one of them is enough. */
function dayMatches({ dayOfMonth, dayOfWeek }: CronPattern, day: number, weekday: number): boolean {
  const ofMonth = dayOfMonth.values.has(day);
  const ofWeek = dayOfWeek.values.has(weekday);
  return dayOfMonth.any || dayOfWeek.any ? ofMonth && ofWeek : ofMonth || ofWeek;
}

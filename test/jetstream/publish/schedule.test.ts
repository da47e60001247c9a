// When schedules fire: intervals, times, cron patterns with their fields, time zones and changes of the clock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextSchedule } from '../../../src/jetstream/schedule.js';
import { nanosecondsToTime, timeToNanoseconds } from '../../../src/protocol/rfc3339.js';

const header = (pattern: string, zone?: string): string =>
  `NATS/1.0\r\nNats-Schedule: ${pattern}\r\n${zone === undefined ? '' : `Nats-Schedule-Time-Zone: ${zone}\r\n`}\r\n`;

/** The next times, each from the one before. */
function times(pattern: string, from: string, count: number, zone?: string): string[] {
  const found: string[] = [];
  for (let at = timeToNanoseconds(from); found.length < count; ) {
    const next = nextSchedule(header(pattern, zone), at, at);
    if (next === null || typeof next === 'string') return [...found, String(next)];
    at = next.at;
    found.push(nanosecondsToTime(at));
    if (!next.repeats) break;
  }
  return found;
}

const FROM = '2026-01-31T23:59:58.4Z';

test('patterns and what comes next', () => {
  const cases: [pattern: string, expected: string[], zone?: string][] = [
    ['@at 2026-05-01T12:00:00+02:00', ['2026-05-01T10:00:00Z']],
    ['@every 90s', ['2026-02-01T00:01:28Z', '2026-02-01T00:02:58Z']],
    ['@hourly', ['2026-02-01T00:00:00Z', '2026-02-01T01:00:00Z']],
    ['@daily', ['2026-02-01T00:00:00Z', '2026-02-02T00:00:00Z']],
    ['@weekly', ['2026-02-01T00:00:00Z', '2026-02-08T00:00:00Z']],
    ['@monthly', ['2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z']],
    ['@yearly', ['2027-01-01T00:00:00Z', '2028-01-01T00:00:00Z']],
    ['*/20 59 23 * * *', ['2026-02-01T23:59:00Z', '2026-02-01T23:59:20Z']],
    ['0 0 12 29 2 *', ['2028-02-29T12:00:00Z']],
    // Of two restricted days one is enough.
    ['0 0 0 13 * fri', ['2026-02-06T00:00:00Z', '2026-02-13T00:00:00Z', '2026-02-20T00:00:00Z']],
    ['0 0 0 13 * *', ['2026-02-13T00:00:00Z', '2026-03-13T00:00:00Z']],
    ['0 0 9-17/4 * MAR-APR mon', ['2026-03-02T09:00:00Z', '2026-03-02T13:00:00Z', '2026-03-02T17:00:00Z']],
    ['0 0 9 * * *', ['2026-02-01T08:00:00Z'], 'Europe/Berlin'],
    ['0 30 9 * * *', ['2026-02-01T04:00:00Z'], 'Asia/Kolkata'],
  ];
  for (const [pattern, expected, zone] of cases)
    assert.deepEqual(times(pattern, FROM, expected.length, zone), expected, pattern);
});

test('a day that is an hour shorter or longer', () => {
  // Berlin: 02:00 to 03:00 is left out on 29 March and comes twice on 25 October.
  assert.deepEqual(times('0 0 3 * * *', '2026-03-27T12:00:00Z', 3, 'Europe/Berlin'), [
    '2026-03-28T02:00:00Z',
    '2026-03-29T01:00:00Z',
    '2026-03-30T01:00:00Z',
  ]);
  assert.deepEqual(times('0 30 2 * * *', '2026-10-24T12:00:00Z', 3, 'Europe/Berlin'), [
    '2026-10-25T00:30:00Z',
    '2026-10-25T01:30:00Z',
    '2026-10-26T01:30:00Z',
  ]);
});

test('periods that were missed do not fire one after the other', () => {
  const from = timeToNanoseconds('2026-01-01T00:00:00Z');
  const now = timeToNanoseconds('2026-01-01T10:30:00Z');
  for (const [pattern, expected] of [
    ['@hourly', '2026-01-01T11:00:00Z'],
    ['@every 1h', '2026-01-01T11:30:00Z'],
  ] as const) {
    const next = nextSchedule(header(pattern), from, now);
    assert.ok(next !== null && typeof next !== 'string');
    assert.equal(nanosecondsToTime(next.at), expected);
  }
});

test('what is no schedule', () => {
  const invalid = 'messageSchedulesPatternInvalid';
  const zone = 'messageSchedulesTimeZoneInvalid';
  const now = timeToNanoseconds(FROM);
  const cases: [pattern: string, zone: string | undefined, expected: string][] = [
    ['@every 999ms', undefined, invalid],
    ['@every', undefined, invalid],
    ['@at tomorrow', undefined, invalid],
    ['@every 5s', 'UTC', invalid],
    ['* * * * *', undefined, invalid],
    ['60 * * * * *', undefined, invalid],
    ['* * * 0 * *', undefined, invalid],
    ['* * * * * 7', undefined, invalid],
    ['5-1 * * * * *', undefined, invalid],
    ['*/0 * * * * *', undefined, invalid],
    ['0 0 0 30 2 *', undefined, invalid],
    ['@hourly', 'Mars/Base', zone],
    ['@hourly', '', zone],
    ['@hourly', '+01:00', zone],
  ];
  for (const [pattern, where, expected] of cases)
    assert.equal(nextSchedule(header(pattern, where), now, now), expected, `${pattern} ${where}`);
  assert.equal(nextSchedule('NATS/1.0\r\nX: y\r\n\r\n', now, now), null);
});

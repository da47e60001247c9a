import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isTimeOfDay, isTimeZone, timeLeft } from '../../src/security/connect-times.js';

const HOUR = 3_600_000;
const range = (text: string) => {
  const [start, end] = text.split('-') as [string, string];
  return { start: `${start}:00`, end: `${end}:00` };
};
/** Hours left at a time of the day in UTC; null outside. */
const left = (now: string, zone: string, ...ranges: string[]) => {
  const found = timeLeft(ranges.map(range), zone, Date.parse(now));
  return found === null ? null : found / HOUR;
};

describe('connect times', () => {
  it('within, before and after a window', () => {
    assert.equal(left('2026-01-05T13:00:00Z', 'UTC'), 0);
    assert.equal(left('2026-01-05T13:00:00Z', 'UTC', '11:00-22:00'), 9);
    assert.equal(left('2026-01-05T10:59:59Z', 'UTC', '11:00-22:00'), null);
    assert.equal(left('2026-01-05T11:00:00Z', 'UTC', '11:00-22:00'), null);
    assert.equal(left('2026-01-05T22:00:00Z', 'UTC', '11:00-22:00'), null);
  });

  it('beyond midnight', () => {
    assert.equal(left('2026-01-05T05:00:00Z', 'UTC', '22:00-06:00'), 1);
    assert.equal(left('2026-01-05T23:30:00Z', 'UTC', '22:00-06:00'), 6.5);
    assert.equal(left('2026-01-05T12:00:00Z', 'UTC', '22:00-06:00'), null);
  });

  it('of several the one that ends last', () => {
    assert.equal(left('2026-01-05T13:00:00Z', 'UTC', '12:00-14:00', '11:00-15:00', '16:00-17:00'), 2);
  });

  it('in other time zones, also where the clocks change', () => {
    assert.equal(left('2026-01-05T23:00:00Z', 'Asia/Tokyo', '07:00-09:00'), 1);
    assert.equal(left('2026-07-05T12:00:00Z', 'America/New_York', '07:00-09:00'), 1);
    // On 29 March 2026 the hour between 2 and 3 does not exist in Berlin.
    assert.equal(left('2026-03-29T00:30:00Z', 'Europe/Berlin', '01:00-04:00'), 1.5);
    assert.equal(left('2026-10-25T00:30:00Z', 'Europe/Berlin', '01:00-04:00'), 2.5);
  });

  it('what is not valid allows nothing', () => {
    assert.equal(left('2026-01-05T13:00:00Z', 'Nowhere/City', '11:00-22:00'), null);
    assert.equal(left('2026-01-05T13:00:00Z', 'UTC', '11:00-25:00'), null);
    for (const good of ['00:00:00', '5:04:05', '23:59:59', '01:02:03.5']) assert.ok(isTimeOfDay(good), good);
    for (const bad of ['', '1', '24:00:00', '1:2:3', '12:60:00', '12:00:60', '12:00', 'x']) {
      assert.ok(!isTimeOfDay(bad), bad);
    }
    for (const zone of ['UTC', 'Local', 'Europe/Berlin']) assert.ok(isTimeZone(zone), zone);
    assert.ok(!isTimeZone('Nowhere/City'));
  });

  it('what is left ends the window', () => {
    const time = fc.nat(86_399).map((seconds) => new Date(seconds * 1000).toISOString().slice(11, 19));
    const now = fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2030, 0) });
    fc.assert(
      fc.property(time, time, now, (start, end, at) => {
        const found = timeLeft([{ start, end }], 'UTC', at);
        if (found === null) return;
        assert.ok(found > 0 && found < 24 * HOUR);
        assert.equal(new Date(at + found).toISOString().slice(11, 19), end);
      }),
    );
  });
});

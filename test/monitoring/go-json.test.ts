import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  goJson,
  localTime,
  nanoseconds,
  roundTripText,
  textOrAbsent,
  uptimeText,
  utcTime,
} from '../../src/monitoring/go-json.js';
import { jsonWithList } from '../../src/monitoring/list-pieces.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('JSON as Go writes it', () => {
  it('escapes what HTML would trip over', () => {
    assert.equal(goJson({ a: '<b>&\u2028\u2029é' }, 0), '{"a":"\\u003cb\\u003e\\u0026\\u2028\\u2029é"}');
  });

  it('indents by two and leaves empty maps and lists on a line', () => {
    assert.equal(goJson({ a: {}, b: [], c: [1] }), '{\n  "a": {},\n  "b": [],\n  "c": [\n    1\n  ]\n}');
  });

  it('leaves out what is undefined', () => {
    assert.equal(goJson({ a: undefined, b: 0 }, 0), '{"b":0}');
  });

  it('makes half a surrogate pair a replacement character', () => {
    assert.equal(textOrAbsent('a\ud800b'), 'a\ufffdb');
    assert.equal(textOrAbsent('a😀b'), 'a😀b');
    assert.equal(textOrAbsent(''), undefined);
  });

  it('is the same in pieces', () => {
    const text = (body: string | Iterable<string>) => (typeof body === 'string' ? body : [...body].join(''));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 350 }), fc.string(), (count, name) => {
        const entries = Array.from({ length: count }, (_, i) => ({ i, name, sub: { x: [i] } }));
        const head = { id: 'x', n: count };
        const inPieces = text(jsonWithList(head, 'list', entries, (entry) => entry));
        assert.equal(inPieces, goJson({ ...head, list: entries }));
      }),
    );
  });
});

describe('times', () => {
  it('have microseconds without zeros at the end', () => {
    const time = Date.UTC(2026, 10, 23, 1, 2, 3);
    assert.equal(utcTime(time), '2026-11-23T01:02:03Z');
    assert.equal(utcTime(time + 120), '2026-11-23T01:02:03.12Z');
    assert.equal(utcTime(time + 0.001), '2026-11-23T01:02:03.000001Z');
    assert.equal(utcTime(time + 999.9999), '2026-11-23T01:02:04Z');
  });

  it('show the zone of the machine', () => {
    const before = process.env.TZ;
    const time = Date.UTC(2026, 10, 23, 1, 2, 3, 500);
    try {
      process.env.TZ = 'America/New_York';
      assert.equal(localTime(time), '2026-11-22T20:02:03.5-05:00');
      process.env.TZ = 'Asia/Kolkata';
      assert.equal(localTime(time), '2026-11-23T06:32:03.5+05:30');
      process.env.TZ = 'UTC';
      assert.equal(localTime(time), '2026-11-23T01:02:03.5Z');
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });

  it('mean the same instant in any zone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), (time) => {
        assert.equal(Date.parse(utcTime(time)), time);
        assert.equal(Date.parse(localTime(time)), time);
      }),
    );
  });
});

describe('spans of time', () => {
  it('leave out leading units of zero', () => {
    const cases: [number, string][] = [
      [0, '0s'],
      [999, '0s'],
      [59_999, '59s'],
      [MINUTE, '1m0s'],
      [HOUR, '1h0m0s'],
      [DAY + 5 * SECOND, '1d0h0m5s'],
      [365 * DAY, '1y0d0h0m0s'],
      [365 * DAY + 2 * DAY + 3 * HOUR + 4 * MINUTE + 5 * SECOND, '1y2d3h4m5s'],
    ];
    for (const [span, text] of cases) assert.equal(uptimeText(span), text);
  });

  it('are nanoseconds on the wire', () => {
    assert.equal(nanoseconds(90_500), 90_500_000_000);
    assert.equal(nanoseconds(0.000001), 1);
  });

  it('of a round trip are cut to microseconds below a millisecond', () => {
    assert.equal(roundTripText(0), '0s');
    assert.equal(roundTripText(0.754321), '754µs');
    assert.equal(roundTripText(0.0005), '500ns');
    assert.equal(roundTripText(3.341798), '3.341798ms');
    assert.equal(roundTripText(1500), '1.5s');
  });
});

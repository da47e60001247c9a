import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nanosecondsToTime, TimeTexts } from '../../src/protocol/rfc3339.js';
import { Stamp } from '../../src/runtime/stamp.js';

const times = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

function stamp(nanoseconds: bigint): Stamp {
  const made = new Stamp();
  made.nanoseconds = nanoseconds;
  return made;
}

test('a stamp is the time it was given', () => {
  fc.assert(
    fc.property(times, (time) => {
      const bytes = Buffer.alloc(11);
      bytes.writeBigInt64LE(time, 2);
      const read = new Stamp();
      read.read(bytes, 2);
      assert.equal(read.nanoseconds, time);
      assert.deepEqual({ ...read }, { ...stamp(time) });
      assert.ok(Math.abs(read.milliseconds - Number(time) / 1e6) <= Math.abs(Number(time)) * 1e-15);
      const copy = new Stamp();
      copy.copy(read);
      assert.equal(copy.nanoseconds, time);
    }),
  );
});

test('seconds and what is behind them', () => {
  const texts = new TimeTexts();
  const bytes = Buffer.alloc(40);
  const textOf = (time: bigint) => bytes.toString('latin1', 5, texts.write(stamp(time), bytes, 5));
  fc.assert(
    fc.property(times, (time) => {
      const { seconds, fraction } = stamp(time);
      assert.equal(BigInt(seconds) * 1_000_000_000n + BigInt(fraction), time);
      assert.ok(fraction >= 0 && fraction < 1e9);
      assert.equal(textOf(time), nanosecondsToTime(time));
      assert.equal(textOf(time), nanosecondsToTime(time));
    }),
    { numRuns: 1000 },
  );
});

test('milliseconds become nanoseconds without loss', () => {
  const whole = fc.integer({ min: 0, max: 9_000_000_000_000 });
  fc.assert(
    fc.property(whole, fc.integer({ min: 0, max: 4095 }), (milliseconds, part) => {
      const fraction = part / 4096;
      const expected = BigInt(milliseconds) * 1_000_000n + BigInt(Math.floor(fraction * 1e6));
      const now = milliseconds + fraction;
      // Beyond 2^41 ms a number has no such fractions any more.
      const exact = now - milliseconds === fraction;
      const got = new Stamp().setMilliseconds(now).nanoseconds;
      if (exact) assert.equal(got, expected);
      else assert.ok(got - expected < 1_000_000n && expected - got < 1_000_000n);
    }),
    { numRuns: 2000 },
  );
});

test('the distance of two stamps', () => {
  const near = fc.bigInt({ min: -(2n ** 52n), max: 2n ** 52n });
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), near, (time, distance) => {
      assert.equal(stamp(time + distance).since(stamp(time)), Number(distance));
    }),
  );
  assert.ok(stamp(2n ** 62n).since(stamp(0n)) > 2 ** 53);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SyncPace } from '../../../src/jetstream/store/sync-pace.js';
import { SimulatedClock } from '../../../src/sim/clock.js';

const SMALL = 3000;

function paceAfter(beside: number): {
  pace: SyncPace;
  inline(...took: number[]): void;
  pass(time: number): void;
} {
  const clock = new SimulatedClock();
  const pace = new SyncPace(clock);
  pace.started();
  clock.advance(beside);
  pace.ended();
  return {
    pace,
    inline(...took) {
      for (const time of took) pace.inline(() => clock.advance(time));
    },
    pass(time) {
      clock.advance(time);
    },
  };
}

test('a device that nobody knows, and a slow one, is waited for beside the loop', () => {
  assert.equal(new SyncPace(new SimulatedClock()).allowsInline(SMALL), false);
  assert.equal(paceAfter(1.6).pace.allowsInline(SMALL), false);
  const { pace } = paceAfter(0.3);
  assert.equal(pace.allowsInline(SMALL), true);
  assert.equal(pace.allowsInline(100_000), false);
});

test('one slow sync while the machine is busy changes nothing, several do', () => {
  const { pace, inline } = paceAfter(0.3);
  inline(0.2, 0.2, 8, 0.2);
  assert.equal(pace.allowsInline(SMALL), true);
  inline(8, 8);
  assert.equal(pace.allowsInline(SMALL), false);
});

test('a device that gets slower is found out', () => {
  const { pace, inline } = paceAfter(0.3);
  inline(0.3);
  let syncs = 0;
  while (pace.allowsInline(SMALL) && syncs < 100) {
    inline(0.9);
    syncs++;
  }
  assert.ok(syncs > 5 && syncs < 30, `after ${syncs}`);
});

test('after a very slow sync the loop is spared, twice as long each time until many were quick', () => {
  const { pace, inline, pass } = paceAfter(0.3);
  const again = (time: number) => {
    inline(20);
    // What is found out beside the loop meanwhile.
    pace.started();
    pass(0.3);
    pace.ended();
    pass(time - 1);
    assert.equal(pace.allowsInline(SMALL), false);
    pass(1);
    assert.equal(pace.allowsInline(SMALL), true);
  };
  again(250);
  again(500);
  again(1000);
  for (let i = 0; i < 100; i++) inline(0.2);
  again(250);
});

test('a commit waits the longer the more clients are to come, but no longer than is saved by it', () => {
  const { pace, inline } = paceAfter(0.3);
  inline(0.3);
  const waits = [1, 4, 8, 16, 32, 33].map((clients) => Number(pace.patience(clients).toFixed(3)));
  assert.deepEqual(waits, [0.25, 0.25, 0.36, 0.6, 0.6, 1.5]);
  const quick = paceAfter(0.02);
  quick.inline(0.02);
  assert.ok(quick.pace.patience(16) <= 0.041, 'a quick device is not worth waiting');
  assert.equal(new SyncPace(new SimulatedClock()).patience(16), 0);
});

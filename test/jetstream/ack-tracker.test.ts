// The bookkeeping of acks: tables for what is said of single calls, and a naive model that any row of calls must agree with.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type AckRules, AckTracker } from '../../src/jetstream/ack-tracker.js';

const explicit: AckRules = { policy: 'explicit', ackWait: 1000, backoff: [], maxDeliver: -1 };

function tracker(rules: Partial<AckRules> = {}, delivered = 0, now = 0): AckTracker {
  const acks = new AckTracker({ ...explicit, ...rules });
  acks.startAt(1);
  for (let sequence = 1; sequence <= delivered; sequence++) acks.delivered(sequence, now);
  return acks;
}

const floors = (acks: AckTracker) => [acks.floorConsumer, acks.floorStream];

describe('floors', () => {
  test('explicit acks in any order', () => {
    const acks = tracker({}, 4);
    acks.ack(2, 2);
    assert.deepEqual(floors(acks), [0, 0]);
    acks.ack(1, 1);
    assert.deepEqual(floors(acks), [2, 2]);
    acks.ack(4, 4);
    assert.deepEqual(floors(acks), [2, 2]);
    acks.ack(3, 3);
    assert.deepEqual(floors(acks), [4, 4]);
    assert.equal(acks.pending.size, 0);
  });

  test('a redelivery keeps the sequence of the first delivery', () => {
    const acks = tracker({}, 2);
    acks.nak(1);
    assert.equal(acks.takeRedelivery(), 1);
    assert.equal(acks.delivered(1, 5), 3);
    acks.ack(2, 2);
    assert.deepEqual(floors(acks), [0, 0]);
    acks.ack(1, 3);
    assert.deepEqual(floors(acks), [3, 2]);
  });

  test('what is skipped moves the working floor alone', () => {
    const acks = tracker({}, 2);
    acks.skipTo(9);
    acks.ack(1, 1);
    acks.ack(2, 2);
    assert.deepEqual(floors(acks), [2, 2]);
    assert.equal(acks.workingFloor, 9);
    assert.equal(acks.next, 10);
  });

  test('an ack of all takes those below with it', () => {
    const acks = tracker({ policy: 'all' }, 5);
    assert.deepEqual(acks.ack(3, 3), [1, 2, 3]);
    assert.deepEqual(acks.ack(2, 2), []);
    assert.deepEqual(floors(acks), [3, 3]);
    assert.deepEqual(acks.ack(5, 5), [4, 5]);
  });

  test('without acks the floor is where the deliveries are', () => {
    const acks = tracker({ policy: 'none' }, 3);
    assert.deepEqual(floors(acks), [3, 3]);
    assert.equal(acks.pending.size, 0);
  });

  test('a message that is given up is needed still, and its floor is stored with the next ack', () => {
    const acks = tracker({ maxDeliver: 1 }, 2);
    acks.giveUp(1);
    assert.deepEqual(floors(acks), [0, 0]);
    assert.ok(acks.needs(1));
    acks.ack(2, 2);
    assert.deepEqual(floors(acks), [2, 2]);
    assert.deepEqual(acks.ack(1, 1), [1]);
    assert.ok(!acks.needs(1));
  });
});

describe('time', () => {
  test('what waits too long is delivered again in the order of the stream', () => {
    const acks = tracker({}, 3, 100);
    acks.progress(2, 600);
    acks.nakIn(3, 0, 50);
    const first = acks.expire(1100);
    assert.deepEqual(first, { exhausted: [], expired: true, next: 500 });
    assert.deepEqual([acks.takeRedelivery(), acks.takeRedelivery(), acks.takeRedelivery()], [1, 3, 0]);
  });

  test('backoff counts by deliveries', () => {
    const acks = tracker({ backoff: [100, 300, 500] }, 1);
    for (const wait of [100, 300, 500, 500]) {
      assert.equal(acks.waitOf(1), wait);
      acks.nak(1);
      assert.equal(acks.takeRedelivery(), 1);
    }
  });

  test('delivered once only: given up as soon as its time is over', () => {
    const acks = tracker({ maxDeliver: 1 }, 1);
    assert.deepEqual(acks.expire(1000), { exhausted: [1], expired: false, next: Number.POSITIVE_INFINITY });
    assert.equal(acks.pending.size, 0);
  });
});

describe('positions', () => {
  test('are restored as they were', () => {
    const acks = tracker({}, 5);
    acks.ack(2, 2);
    acks.nak(3);
    acks.takeRedelivery();
    const copy = new AckTracker(explicit);
    copy.restore(structuredClone(acks.position()), 9);
    assert.deepEqual(copy.position(), acks.position());
    copy.ack(1, 1);
    assert.deepEqual(floors(copy), [2, 2]);
  });

  test('fit into a stream that has lost messages', () => {
    const acks = tracker({}, 5);
    acks.ack(1, 1);
    const copy = new AckTracker(explicit);
    copy.restore(structuredClone(acks.position()), 3);
    assert.equal(copy.next, 4);
    assert.deepEqual([...copy.pending.keys()], [2, 3]);
    copy.restore({ ...structuredClone(acks.position()), ackFloor: { consumer: 5, stream: 5 } }, 3);
    assert.equal(copy.floorStream, 3);
  });
});

/** What a consumer with explicit acks knows, as simply as can be. */
class Model {
  next = 1;
  last = 0;
  delivered = 0;
  /** Nothing at or below it is pending. */
  floor = 0;
  readonly pending = new Map<number, { sequence: number; at: number }>();
  readonly counts = new Map<number, number>();
  readonly queue: number[] = [];

  deliver(sequence: number, now: number): void {
    this.delivered++;
    this.last = Math.max(this.last, sequence);
    this.next = Math.max(this.next, sequence + 1);
    const known = this.pending.get(sequence);
    if (known === undefined) this.pending.set(sequence, { sequence: this.delivered, at: now });
    else known.at = now;
  }

  forget(sequence: number): void {
    const wasLowest = this.pending.has(sequence) && sequence === Math.min(...this.pending.keys());
    this.pending.delete(sequence);
    // Only what is acknowledged moves the floor.
    if (wasLowest) this.floor = this.pending.size === 0 ? this.last : Math.min(...this.pending.keys()) - 1;
    this.counts.delete(sequence);
    const at = this.queue.indexOf(sequence);
    if (at !== -1) this.queue.splice(at, 1);
  }

  nak(sequence: number): void {
    if (this.pending.has(sequence) && !this.queue.includes(sequence)) this.queue.push(sequence);
  }

  take(): number {
    const sequence = this.queue.shift() ?? 0;
    if (sequence !== 0) this.counts.set(sequence, (this.counts.get(sequence) ?? 0) + 1);
    return sequence;
  }

  expire(now: number, wait: number): void {
    const expired = [...this.pending].filter(
      ([sequence, { at }]) => at + wait <= now && !this.queue.includes(sequence),
    );
    for (const [sequence, known] of expired.sort(([a], [b]) => a - b)) {
      this.queue.push(sequence);
      known.at = now;
    }
  }
}

type Step =
  | { do: 'new'; skip: number }
  | { do: 'again' | 'expire' | 'restart' }
  | { do: 'ack' | 'nak' | 'gone' | 'putBack' | 'progress'; pick: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('new' as const), skip: fc.nat(2) }),
  fc.record({ do: fc.constantFrom('again' as const, 'expire' as const, 'restart' as const) }),
  fc.record({
    do: fc.constantFrom(
      'ack' as const,
      'nak' as const,
      'gone' as const,
      'putBack' as const,
      'progress' as const,
    ),
    pick: fc.nat(20),
  }),
);

test('any row of explicit acks agrees with a naive model', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      let acks = tracker();
      const model = new Model();
      let now = 0;
      for (const each of steps) {
        now += 150;
        const some = 'pick' in each ? each.pick + 1 : 0;
        switch (each.do) {
          case 'new': {
            const sequence = model.next + each.skip;
            acks.delivered(sequence, now);
            model.deliver(sequence, now);
            break;
          }
          case 'again': {
            const sequence = model.take();
            assert.equal(acks.takeRedelivery(), sequence);
            if (sequence === 0) break;
            acks.delivered(sequence, now);
            model.deliver(sequence, now);
            break;
          }
          case 'putBack': {
            const sequence = model.take();
            assert.equal(acks.takeRedelivery(), sequence);
            if (sequence === 0) break;
            acks.putBack(sequence);
            model.counts.set(sequence, model.counts.get(sequence)! - 1);
            if (model.counts.get(sequence) === 0) model.counts.delete(sequence);
            model.queue.push(sequence);
            break;
          }
          case 'ack':
            if (some >= model.next) break;
            acks.ack(some, model.pending.get(some)?.sequence ?? some);
            model.forget(some);
            break;
          case 'gone':
            assert.equal(acks.gone(some) !== null, model.pending.has(some));
            model.forget(some);
            break;
          case 'nak':
            acks.nak(some);
            model.nak(some);
            break;
          case 'progress':
            acks.progress(some, now);
            if (model.pending.has(some)) model.pending.get(some)!.at = now;
            break;
          case 'expire':
            acks.expire(now);
            model.expire(now, 1000);
            break;
          case 'restart': {
            const copy = new AckTracker(explicit);
            copy.restore(structuredClone(acks.position()), Number.MAX_SAFE_INTEGER);
            acks = copy;
            model.queue.length = 0;
            break;
          }
        }
        const pending = [...acks.pending].map(([sequence, known]) => [
          sequence,
          known.sequence,
          known.deliveredAt,
        ]);
        assert.deepEqual(
          pending,
          [...model.pending].map(([sequence, known]) => [sequence, known.sequence, known.at]),
        );
        assert.deepEqual([...acks.redelivered].sort(), [...model.counts].sort());
        assert.equal(acks.redeliveries, model.queue.length);
        assert.equal(acks.next, model.next);
        assert.equal(acks.deliveredConsumer, model.delivered);
        assert.equal(acks.floorStream, model.floor, 'floor');
        for (let sequence = 1; sequence < model.next + 2; sequence++)
          if (sequence >= model.next || model.pending.has(sequence)) assert.ok(acks.needs(sequence));
      }
    }),
    { numRuns: 1000 },
  );
});

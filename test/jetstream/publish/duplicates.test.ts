// The window of message ids, and the queue of what is not durable yet.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AckQueue } from '../../../src/jetstream/ack-queue.js';
import { parseFastReply } from '../../../src/jetstream/batch-fast.js';
import { DuplicateWindow } from '../../../src/jetstream/duplicates.js';
import { Visibility } from '../../../src/jetstream/visibility.js';

test('an id is known within the window and no longer', () => {
  const window = new DuplicateWindow(1e9);
  window.remember('a', 1, 0);
  window.remember('b', 2, 500);
  assert.equal(window.find('a', 999), 1);
  assert.equal(window.find('a', 1000), undefined);
  assert.equal(window.find('b', 1000), 2);
  window.remember('c', 3, 1100);
  window.dropAbove(2);
  assert.equal(window.find('c', 1100), undefined);
  assert.equal(window.find('b', 1100), 2);
});

test('very many ids that are old go a few at a time, and are not known any more', () => {
  const window = new DuplicateWindow(1e9);
  const count = 50_000;
  for (let i = 0; i < count; i++) window.remember(`id-${i}`, i + 1, i / 100);
  // One comes again and is young, one was taken back and comes again under the same sequence.
  window.remember('id-0', count + 1, 1400);
  window.remember('gone', count + 2, 1400);
  window.dropAbove(count + 1);
  window.remember('gone', count + 2, 1450);
  for (let i = 1, size = window.size; i < count; i++) {
    assert.equal(window.find(`id-${i}`, 1600), undefined);
    assert.ok(size - window.size <= 256);
    size = window.size;
  }
  assert.equal(window.size, 2);
  assert.equal(window.find('id-0', 2399), count + 1);
  assert.equal(window.find('gone', 2449), count + 2);
  assert.equal(window.find('gone', 2450), undefined);
});

/** What a window is to do, with nothing clever. */
class NaiveWindow {
  readonly #known = new Map<string, { sequence: number; time: number }>();

  find(id: string, now: number): number | undefined {
    const known = this.#known.get(id);
    return known === undefined || now - known.time >= 1000 ? undefined : known.sequence;
  }

  remember(id: string, sequence: number, time: number): void {
    this.#known.set(id, { sequence, time });
  }

  dropAbove(sequence: number): void {
    for (const [id, known] of this.#known) if (known.sequence > sequence) this.#known.delete(id);
  }
}

test('a window does what a plain map would do', () => {
  const operation = fc.record({
    kind: fc.constantFrom('remember', 'remember', 'remember', 'find', 'drop', 'rest'),
    id: fc.nat(400),
    pause: fc.nat(3),
    count: fc.integer({ min: 1, max: 300 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
      const [window, naive] = [new DuplicateWindow(1e9), new NaiveWindow()];
      let [now, last] = [1e12, 0];
      // Ids of all lengths, with every byte.
      const nameOf = (id: number) => String.fromCharCode(id & 0xff).repeat(1 + (id % 90)) + id;
      for (const { kind, id, pause, count } of operations) {
        if (kind === 'rest') now += pause * 400;
        if (kind === 'drop') {
          last = Math.max(0, last - count);
          for (const each of [window, naive]) each.dropAbove(last);
        }
        for (let i = 0; kind === 'remember' && i < count; i++) {
          const name = nameOf((id + i * 7) % 401);
          now += pause;
          const known = window.find(name, now);
          assert.equal(known, naive.find(name, now));
          if (known !== undefined) continue;
          last++;
          for (const each of [window, naive]) each.remember(name, last, now);
        }
        for (let each = id; each < 401; each += 50)
          assert.equal(window.find(nameOf(each), now), naive.find(nameOf(each), now));
      }
    }),
    { numRuns: 60 },
  );
});

test('places of a window are used again, and what lies in many segments is taken back', () => {
  const window = new DuplicateWindow(1e9);
  for (let i = 1; i <= 100_000; i++) window.remember(`id-${i}`, i, i / 10);
  // Those of the last second.
  assert.ok(window.size >= 10_000 && window.size < 11_000, `${window.size}`);
  window.dropAbove(95_000);
  assert.equal(window.size, 5_000);
  assert.equal(window.find('id-95000', 10_000), 95_000);
  assert.equal(window.find('id-95001', 10_000), undefined);
  for (let i = 95_001; i <= 100_000; i++) window.remember(`new-${i}`, i, i / 10);
  for (let i = 95_001; i <= 100_000; i++) assert.equal(window.find(`new-${i}`, 10_000), i);
  window.dropAbove(0);
  assert.equal(window.size, 0);
});

test('what is read late does not hide what is known already', () => {
  const window = new DuplicateWindow(1e9);
  window.remember('a', 7, 500);
  window.rememberBytes(Buffer.from('<a>'), 1, 2, 3, 400);
  assert.equal(window.find('a', 1000), 7);
});

test('nothing is shown or promised before it is durable', () => {
  const sent: string[] = [];
  const acks = new AckQueue({
    acknowledge: (bytes, start, end, sequence) =>
      sent.push(`${Buffer.from(bytes).toString('latin1', start, end)} ${sequence}`),
    send: (reply, body) => sent.push(`${reply} ${body}`),
    awaited: () => {},
  });
  const visibility = new Visibility();
  for (let n = 1; n <= 10_000; n++) {
    const subject = Buffer.from(`..r${n}.`);
    if (n % 3 === 0) acks.addStored(n * 2, n, subject, 2, subject.length - 1);
    else acks.add(n * 2, `r${n}`, 'ok');
    visibility.add(n * 2, n, 10);
  }
  acks.addTask(20_000, () => sent.push('task'));
  assert.equal(visibility.durable(1), 0);
  assert.equal(visibility.durable(5000), 2500);
  assert.equal(visibility.bytes, 75_000);
  acks.durable(5000);
  assert.equal(sent.length, 2500);
  assert.deepEqual(sent.slice(-3), ['r2498 ok', 'r2499 2499', 'r2500 ok']);
  acks.durable(19_990);
  acks.failed(19_996, 'no');
  assert.deepEqual(sent.slice(-5), ['r9996 9996', 'r9997 ok', 'r9998 ok', 'r9999 no', 'r10000 no']);
  assert.deepEqual(
    sent.slice(2500, -5),
    Array.from({ length: 7495 }, (_, i) => `r${i + 2501} ${(i + 2501) % 3 === 0 ? i + 2501 : 'ok'}`),
  );
  assert.equal(acks.length, 0);
  assert.equal(visibility.durable(20_000), 10_000);
  assert.deepEqual([visibility.count, visibility.bytes], [0, 0]);
});

test('replies of fast batches', () => {
  const read = (text: string) => {
    const fast = parseFastReply(text);
    return fast && `${fast.id} ${fast.sequence} ${fast.flow} ${fast.gapOk} ${fast.operation}`;
  };
  assert.equal(read('_INBOX.a.b1.100.fail.1.0.$FI'), 'b1 1 100 false append');
  assert.equal(read('p.b1.0.ok.7.1.$FI'), 'b1 7 10 true append');
  assert.equal(read('p.b1.99999.ok.7.2.$FI'), 'b1 7 65535 true commit');
  assert.equal(read('p.b1.x.ok.7.3.$FI'), 'b1 7 10 true end');
  for (const bad of [
    'b1.1.ok.1.0.$FI',
    'p.b.1.ok.0.0.$FI',
    'p.b.1.ok.2.0.$FI',
    'p.b.1.ok.1.1.$FI',
    'p.b.1.ok.1.3.$FI',
    'p.b.1.no.1.0.$FI',
    'p.b.1.ok.1.5.$FI',
    'p.b.1.ok.-1.1.$FI',
  ])
    assert.equal(read(bad), null, bad);
});

// Batches of direct gets whose pending messages take several turns to be counted: what goes or comes back meanwhile.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Lab } from '../lab.js';

const COUNT = 12_000;
/** Of the subject that is asked for: every third from here on, up to the last. */
const FROM = 6000;
const MATCHING = 2000;

/** A stream with nothing of it in memory. */
async function largeStream(): Promise<Lab> {
  const lab = new Lab();
  await lab.create({ name: 'S', subjects: ['s.*'], allow_direct: true });
  const { store } = lab.stream('S');
  const payload = Buffer.alloc(2000);
  for (let i = 1; i <= COUNT; i++) store.append(`s.${i % 3}`, null, payload, BigInt(i));
  await lab.restart();
  return lab;
}

/** Asks for a batch; `meanwhile` is done when its counting has begun. Gives what the messages and the end say is pending. */
async function ask(lab: Lab, batch: number, meanwhile: () => void | Promise<void>): Promise<number[]> {
  const pending: number[] = [];
  let over = false;
  lab.client.subscribe('in', ({ header }) => {
    const text = header!.toString('latin1');
    pending.push(Number(/Nats-Num-Pending: (\d+)/.exec(text)?.[1] ?? -1));
    over ||= /^NATS\/1.0 \d/.test(text);
  });
  const body = JSON.stringify({ seq: FROM, next_by_subj: 's.1', batch });
  lab.client.publish('$JS.API.DIRECT.GET.S', body, 'in');
  assert.equal(pending.length, 0, 'it takes more than one turn');
  await meanwhile();
  for (let i = 0; i < 500 && !over; i++) await turn();
  assert.ok(over);
  return pending;
}

describe('a batch whose pending messages are being counted', () => {
  test('counts everything when nothing happens', async () => {
    const lab = await largeStream();
    const pending = await ask(lab, 2, () => {});
    assert.deepEqual(pending, [MATCHING - 1, MATCHING - 2, MATCHING - 2]);
    await lab.close();
  });

  test('leaves out what is removed meanwhile, wherever it lies', async () => {
    const lab = await largeStream();
    const pending = await ask(lab, 2, () => {
      const { store } = lab.stream('S');
      // Before the first; of another subject; near the beginning; near the end.
      for (const sequence of [1, 7, 6002, 11_997, 6004, 6010, 11_998, 9001]) store.remove(sequence);
    });
    const left = MATCHING - 4;
    assert.deepEqual(pending, [left - 1, left - 2, left - 2]);
    await lab.close();
  });

  test('begins anew when everything before is purged', async () => {
    const lab = await largeStream();
    const pending = await ask(lab, 1, () => {
      lab.stream('S').store.purge({ before: 9001 });
    });
    assert.deepEqual(pending, [999, 999]);
    await lab.close();
  });

  test('ends when nothing is left', async () => {
    const lab = await largeStream();
    const pending = await ask(lab, 1, () => {
      lab.stream('S').store.purge({});
    });
    assert.deepEqual(pending, [-1]);
    await lab.close();
  });

  test('goes on when the stream is deleted, without an answer', async () => {
    const lab = await largeStream();
    let answers = 0;
    lab.client.subscribe('in', () => answers++);
    lab.client.publish('$JS.API.DIRECT.GET.S', '{"seq":6000,"next_by_subj":"s.1","batch":1}', 'in');
    await lab.api('STREAM.DELETE.S');
    for (let i = 0; i < 50; i++) await turn();
    assert.equal(answers, 0);
    assert.deepEqual(lab.errors, []);
    await lab.close();
  });
});

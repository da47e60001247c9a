// Atomic batches of which the store takes only a part, on a disk with and without space: the publisher is told why, and nothing is left.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { headerBlock } from '../../../src/jetstream/headers.js';
import { type Json, Lab } from '../lab.js';

/** More than there is for subjects. */
const PLENTY = 2 ** 42;
/** Batches of large messages take several blocks. */
const SIZES = [10, 200_000];

function used(lab: Lab): number {
  let bytes = 0;
  for (const content of lab.disk.snapshot().values()) bytes += content?.length ?? 0;
  return bytes;
}

/** Gives what the last message is answered. */
async function batch(lab: Lab, size: number, subjects: readonly string[]): Promise<Json> {
  const headers = (n: number): Record<string, string> => ({
    'Nats-Batch-Id': 'b',
    'Nats-Batch-Sequence': String(n),
    ...(n === subjects.length ? { 'Nats-Batch-Commit': '1' } : {}),
  });
  const body = (n: number) => `b${n} `.padEnd(size, 'x');
  for (let n = 1; n < subjects.length; n++) {
    const block = Buffer.from(headerBlock(headers(n)), 'latin1');
    lab.client.publish(subjects[n - 1]!, body(n), '', block);
  }
  const n = subjects.length;
  return JSON.parse((await lab.request(subjects[n - 1]!, body(n), headers(n))).payload.toString());
}

/** A batch of ten messages, of which the last has a subject for which there is no memory. */
async function refused(lab: Lab, size: number): Promise<Json> {
  lab.memory.subjectsUsed += PLENTY;
  const { error } = await batch(lab, size, [...Array(9).fill('s.a'), 's.new']);
  lab.memory.subjectsUsed -= PLENTY;
  return error;
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn();
}

const shown = (lab: Lab) => lab.payloads('S').map((payload) => payload.split(' ')[0]);

for (const size of SIZES)
  describe(`a batch of ${10 * size} bytes of which an append is refused`, () => {
    for (const room of [Number.POSITIVE_INFINITY, 0, 20, 60, 100, 200, 400, 1000])
      test(`leaves nothing and is answered, with room for ${room} bytes`, async () => {
        const lab = new Lab();
        await lab.create({ name: 'S', subjects: ['s.>'], allow_atomic: true });
        assert.equal(await lab.publish('s.a', 'a'), 1);
        await settle();
        lab.disk.capacity = used(lab) + room;
        const error = await refused(lab, size);
        assert.equal(error?.err_code, 10077);
        assert.match(error.description, /memory for subjects is used up/);
        assert.deepEqual(shown(lab), ['a']);
        assert.equal(lab.stream('S').store.state.lastSequence, 1);
        lab.disk.capacity = Number.POSITIVE_INFINITY;
        assert.equal((await batch(lab, size, ['s.a', 's.new'])).seq, 3);
        lab.die('cut');
        assert.deepEqual(shown(lab), ['a', 'b1', 'b2']);
        await lab.close();
      });

    test('does not harm what is published, and removed, before and behind it in the same commit', async () => {
      for (let seed = 1; seed <= 20; seed++) {
        const lab = new Lab(seed);
        await lab.create({ name: 'S', subjects: ['s.>'], allow_atomic: true });
        for (const body of ['a', 'b', 'c']) await lab.publish('s.a', body);
        await settle();
        const answers: number[] = [];
        lab.client.subscribe('ack', ({ payload }) => answers.push(JSON.parse(payload.toString()).seq));
        lab.client.publish('s.a', 'd', 'ack');
        const { store } = lab.stream('S');
        assert.ok(store.remove(2));
        const answer = refused(lab, size);
        lab.client.publish('s.a', 'e', 'ack');
        assert.ok(store.remove(3));
        assert.match((await answer).description, /memory for subjects/);
        await settle();
        assert.deepEqual(answers, [4, 5], `seed ${seed}`);
        lab.die(seed % 2 === 0 ? 'crash' : 'cut');
        assert.deepEqual(shown(lab), ['a', 'd', 'e'], `seed ${seed}`);
        await lab.close();
      }
    });
  });

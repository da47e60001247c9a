// Fast batches: what becomes of one whose message is not the one that was expected.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { headerBlock } from '../../../src/jetstream/headers.js';
import { Lab } from '../lab.js';

const APPEND_FIRST = 0;
const APPEND = 1;
const COMMIT = 2;
const WRONG = { 'Nats-Expected-Last-Msg-Id': 'nobody' };
const REFUSED = { code: 400, err_code: 10070, description: 'wrong last msg ID: ' };

/** A batch of one message after the other: its operation, and its headers. Gives what is answered to each. */
async function play(
  gap: 'ok' | 'fail',
  messages: readonly (readonly [operation: number, headers?: Record<string, string>])[],
): Promise<{ answers: unknown[][]; stored: string[] }> {
  const lab = new Lab();
  await lab.create({ name: 'S', subjects: ['s.>'], allow_batched: true });
  const answers: unknown[][] = [];
  lab.client.subscribe('in.>', ({ payload }) => answers.at(-1)!.push(JSON.parse(payload.toString())));
  for (const [at, [operation, headers]] of messages.entries()) {
    answers.push([]);
    const block = headers === undefined ? null : Buffer.from(headerBlock(headers), 'latin1');
    lab.client.publish('s.a', `m${at + 1}`, `in.b.b.1.${gap}.${at + 1}.${operation}.$FI`, block);
    for (let i = 0; i < 10; i++) await turn();
  }
  const stored = lab.payloads('S');
  await lab.close();
  return { answers, stored };
}

describe('a last id that is not the expected one', () => {
  test('ends a batch that wants no gaps: nothing behind it is stored', async () => {
    const { answers, stored } = await play('fail', [[APPEND_FIRST], [APPEND, WRONG], [APPEND], [COMMIT]]);
    assert.deepEqual(stored, ['m1']);
    assert.deepEqual(answers[1], [
      { type: 'err', seq: 2, error: REFUSED },
      { stream: 'S', seq: 1, batch: 'b', count: 1 },
    ]);
    for (const later of answers.slice(2))
      assert.equal((later[0] as { error: { err_code: number } }).error.err_code, 10208);
  });

  test('leaves a gap where that is allowed', async () => {
    const { answers, stored } = await play('ok', [[APPEND_FIRST], [APPEND, WRONG], [APPEND], [COMMIT]]);
    assert.deepEqual(stored, ['m1', 'm3', 'm4']);
    assert.deepEqual(answers[1], [{ type: 'err', seq: 2, error: REFUSED }]);
    assert.deepEqual(answers[3], [{ stream: 'S', seq: 3, batch: 'b', count: 4 }]);
  });

  for (const gap of ['ok', 'fail'] as const)
    test(`in the last message still ends the batch, with gaps ${gap}`, async () => {
      const { answers, stored } = await play(gap, [[APPEND_FIRST], [COMMIT, WRONG]]);
      assert.deepEqual(stored, ['m1']);
      assert.deepEqual(answers[1], [
        { type: 'err', seq: 2, error: REFUSED },
        { stream: 'S', seq: 1, batch: 'b', count: 1 },
      ]);
    });
});

// Ids of messages that were stored before a start: where there are many they are read in later turns, and known to whoever asks before.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { findHeader, headerBlock, headerValue } from '../../../src/jetstream/headers.js';
import { SimulatedClock } from '../../../src/sim/clock.js';
import { Lab } from '../lab.js';

const MANY = 2000;

/** A server that has read a few ids of many, as each look at the clock takes so long that a step ends. */
async function started(t: TestContext): Promise<Lab> {
  const lab = new Lab();
  await lab.create({ name: 'S', subjects: ['s.*'], allow_msg_ttl: true });
  const { publishing } = lab.stream('S');
  for (let i = 1; i <= MANY; i++)
    publishing.storeOwn('s.a', headerBlock({ 'Nats-Msg-Id': `id-${i}` }), Buffer.from('x'));
  await lab.pass(1000);
  await lab.jetstream.close();
  const { monotonic } = SimulatedClock.prototype;
  let looks = 0;
  t.mock.method(SimulatedClock.prototype, 'monotonic', function (this: SimulatedClock) {
    return monotonic.call(this) + 10 * looks++;
  });
  lab.die('crash');
  assert.ok(lab.stream('S').publishing.isRecovering);
  return lab;
}

const again = (lab: Lab, id: string) => lab.request('s.b', 'again', { 'Nats-Msg-Id': id });

test('a publisher that comes before all ids were read', async (t) => {
  const lab = await started(t);
  assert.match(
    (await again(lab, `id-${MANY}`)).payload.toString(),
    new RegExp(`"seq":${MANY},"duplicate": true`),
  );
  assert.equal(lab.stream('S').publishing.isRecovering, false);
  assert.match((await again(lab, 'another')).payload.toString(), new RegExp(`"seq":${MANY + 1}}`));
  await lab.close();
});

test('ids of messages that go before they were read, and of those that come', async (t) => {
  const lab = await started(t);
  const stream = lab.stream('S');
  assert.ok(stream.deleteMessage(MANY, false));
  const done = lab.jetstream.recovered();
  assert.ok(stream.publishing.isRecovering);
  await done;
  assert.equal(stream.publishing.isRecovering, false);
  for (const i of [1, 1000, MANY - 1, MANY]) {
    const answer = (await again(lab, `id-${i}`)).payload.toString();
    assert.match(answer, new RegExp(`"seq":${i},"duplicate": true`));
  }
  assert.equal(stream.store.state.lastSequence, MANY);
  await lab.close();
});

test('a server that ends before all ids were read', async (t) => {
  const lab = await started(t);
  const done = lab.jetstream.recovered();
  await lab.close();
  await done;
});

test('while ids cannot be read, messages with ids are refused and others are not', async (t) => {
  const lab = await started(t);
  const { store } = lab.stream('S');
  let broken = true;
  const { loadNext } = store;
  t.mock.method(store, 'loadNext', (...given: Parameters<typeof loadNext>) => {
    if (broken) throw new Error('the disk is gone');
    return loadNext.apply(store, given);
  });
  await lab.jetstream.recovered();
  assert.match(lab.errors.join(), /Stream '\$G > S' could not read its message ids: the disk is gone/);
  assert.match((await again(lab, `id-${MANY}`)).payload.toString(), /the disk is gone/);
  assert.equal(await lab.publish('s.b', 'without'), MANY + 1);
  broken = false;
  assert.match((await again(lab, `id-${MANY}`)).payload.toString(), /"duplicate": true/);
  await lab.close();
});

test('a header is found in bytes as it is in text', () => {
  const name = 'Nats-Msg-Id';
  const bytes = Buffer.from(`${name}:`);
  const piece = fc.constantFrom(
    name,
    ':',
    ' ',
    '\r',
    '\n',
    '\r\n',
    `\r\n${name}:`,
    'x',
    '\xa0',
    '\t',
    'NATS/1.0',
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const block = Buffer.from(`<${pieces.join('')}>`, 'latin1');
      const found = { start: 0, end: 0 };
      const is = findHeader(block, 1, block.length - 1, bytes, found);
      const value = is ? block.toString('latin1', found.start, found.end) : undefined;
      assert.equal(value, headerValue(pieces.join(''), name));
    }),
    { numRuns: 2000 },
  );
});

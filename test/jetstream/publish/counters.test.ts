// Counters as pure functions: sums of any size, contributions of other streams, what is no counter.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addToCounter, type CounterState, readCounter } from '../../../src/jetstream/counters.js';
import { ApiError } from '../../../src/jetstream/errors.js';
import { headerValue } from '../../../src/jetstream/headers.js';

const EMPTY = Buffer.alloc(0);
const incr = (n: bigint): string => `NATS/1.0\r\nNats-Incr: ${n}\r\n\r\n`;
const sourced = (origin: string, subject: string): string =>
  `NATS/1.0\r\nNats-Incr: 1\r\nNats-Stream-Source: ${origin} 1 > > ${subject}\r\n\r\n`;

test('the stored message is what the next increment begins at', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n })), (increments) => {
      let state: CounterState = readCounter(null);
      for (const n of increments) {
        const step = addToCounter(state, n, 'c', incr(n), EMPTY);
        state = readCounter({ header: step.header, payload: step.payload });
        assert.deepEqual(state, step.state);
      }
      assert.equal(
        state.total,
        increments.reduce((sum, n) => sum + n, 0n),
      );
    }),
  );
});

test('sums of other streams count once, however often they are told', () => {
  let state: CounterState = readCounter(null);
  const tell = (origin: string, sum: bigint) => {
    const step = addToCounter(state, 1n, 'all', sourced(origin, 'c'), Buffer.from(`{"val":"${sum}"}`));
    state = readCounter({ header: step.header, payload: step.payload });
    return step;
  };
  tell('A', 5n);
  tell('B', 7n);
  const again = tell('A', 9n);
  assert.equal(headerValue(again.header, 'Nats-Incr'), '4');
  tell('A', 9n);
  assert.equal(state.total, 16n);
  assert.deepEqual(JSON.parse(headerValue(again.header, 'Nats-Counter-Sources')!), {
    A: { c: '9' },
    B: { c: '7' },
  });
  state = addToCounter(state, -6n, 'all', incr(-6n), EMPTY).state;
  assert.equal(state.total, 10n);
});

test('a message that is no counter is not counted on', () => {
  for (const body of ['', 'x', '[]', '{"val":5}'])
    assert.throws(() => readCounter({ header: '', payload: Buffer.from(body) }), ApiError, body);
  const bad = { header: 'NATS/1.0\r\nNats-Counter-Sources: {\r\n\r\n', payload: Buffer.from('{"val":"1"}') };
  assert.throws(() => readCounter(bad), ApiError);
});

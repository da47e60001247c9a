// Requests of pull consumers: how they are read, refused, and in which order they are served.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Route } from '../../src/broker/route.js';
import { PullQueue, PullRequest, PullStatus, readPullRequest } from '../../src/jetstream/pull-requests.js';

const read = (text: string) => readPullRequest(Buffer.from(text));
/** What nobody sends to. */
const nowhere = {} as Route;

function request(reply: string, batch: number, priority = 0, noWait = false): PullRequest {
  const wanted = { ...read('{}'), batch, noWait };
  wanted.priority = { ...wanted.priority!, priority };
  return new PullRequest(reply, wanted, 0, nowhere);
}

describe('reading', () => {
  const batches: [string, number][] = [
    ['', 1],
    ['7', 7],
    [' 7 ', 7],
    ['-2', -2],
    ['x', 1],
    ['[1]', 1],
    ['{}', 0],
    ['{"batch":5}', 5],
    ['{"batch":5,"bogus":[1,{}]}', 5],
  ];
  for (const [text, batch] of batches)
    test(`batch of ${JSON.stringify(text)}`, () => assert.equal(read(text).batch, batch));

  test('times are milliseconds here', () => {
    const { expires, heartbeat, noWait, maxBytes } = read(
      '{"expires":5000000000,"idle_heartbeat":1000000,"no_wait":true,"max_bytes":9}',
    );
    assert.deepEqual([expires, heartbeat, noWait, maxBytes], [5000, 1, true, 9]);
  });

  const bad: [string, string][] = [
    ['{"batch":"x"}', 'of type int'],
    ['{"batch":1', 'unexpected end of JSON input'],
    ['{"batch":1} x', "invalid character 'x' after top-level value"],
    ['{"expires":1000,"idle_heartbeat":501}', 'heartbeat value too large'],
  ];
  for (const [text, reason] of bad)
    test(`refused: ${text}`, () =>
      assert.throws(
        () => read(text),
        (error) => error instanceof PullStatus && error.code === 400 && error.message.includes(reason),
      ));
});

describe('the queue', () => {
  /** Serves so many messages; gives who got them. */
  function serve(queue: PullQueue, count: number, prioritized: boolean): string {
    let served = '';
    for (let i = 0; i < count; i++) {
      const { first } = queue;
      if (first === null) break;
      served += first.reply;
      first.batch--;
      if (first.batch <= 0) queue.remove(first);
      else queue.requeue(first, prioritized);
    }
    return served;
  }

  const cases: [string, boolean, PullRequest[], string][] = [
    ['each in turn', false, [request('a', 3), request('b', 1), request('c', 2)], 'abcaca'],
    [
      'by priority',
      true,
      [request('a', 2, 5), request('b', 2, 1), request('c', 2), request('d', 2, 1)],
      'ccbdbdaa',
    ],
    ['one alone', false, [request('a', 3)], 'aaa'],
  ];
  for (const [name, prioritized, requests, expected] of cases) {
    test(name, () => {
      const queue = new PullQueue(10);
      for (const each of requests) queue.add(each, prioritized);
      assert.equal(serve(queue, 99, prioritized), expected);
      assert.equal(queue.size, 0);
    });
  }

  test('is what an array would be', () => {
    const step = fc.record({
      what: fc.constantFrom('add', 'remove', 'requeue'),
      at: fc.nat(9),
      priority: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 60 }), (prioritized, steps) => {
        const queue = new PullQueue(100);
        const model: PullRequest[] = [];
        const put = (each: PullRequest) => {
          const own = each.priority!.priority;
          const at = prioritized ? model.findIndex((other) => other.priority!.priority > own) : -1;
          model.splice(at === -1 ? model.length : at, 0, each);
        };
        let names = 0;
        for (const { what, at, priority } of steps) {
          const known = model[at];
          if (what === 'add') {
            const added = request(String(++names), 1, priority, at % 2 === 0);
            queue.add(added, prioritized);
            put(added);
          } else if (known !== undefined) {
            model.splice(at, 1);
            if (what === 'remove') queue.remove(known);
            else {
              queue.requeue(known, prioritized);
              put(known);
            }
          }
          assert.deepEqual(
            [...queue].map(({ reply }) => reply),
            model.map(({ reply }) => reply),
          );
          assert.equal(queue.size, model.length);
          assert.equal(queue.hasty, model.filter(({ noWait }) => noWait).length);
        }
        assert.equal(queue.clear().length, model.length);
        assert.equal(queue.first, null);
      }),
    );
  });
});

// Readers that do not read, on both servers: who is cut off, what is counted and logged, and what producers notice. How much the
// kernel takes before anybody is slow differs from run to run, so that what is compared is what happens, not when.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { WireClient } from '../support/wire-client.js';
import { type Pair, type Side, startPair, stopPair } from './pair.js';

const HELLO = 'CONNECT {"verbose":false,"pedantic":false,"name":"NAME"}\r\n';
const PAYLOAD = 32_768;
const MESSAGE = `PUB flood ${PAYLOAD}\r\n${'x'.repeat(PAYLOAD)}\r\n`;
/** More than the kernel keeps for one connection. */
const FLOOD = 600;

interface Varz {
  slow_consumers: number;
  stalled_clients: number;
  slow_consumer_stats: Record<string, number>;
}

async function json<T>(side: Side, path: string): Promise<T> {
  return (await (await fetch(`http://127.0.0.1:${side.process.httpPort}${path}`)).json()) as T;
}

async function join(side: Side, name: string, more = ''): Promise<WireClient> {
  const wire = await WireClient.connect(side.port);
  assert.ok(await wire.sync(HELLO.replace('NAME', name) + more));
  return wire;
}

/** The log lines that are about slow consumers, without what differs each time. */
const slowLines = (side: Side) =>
  side.process.log
    .split('\n')
    .filter((line) => line.includes('Slow Consumer'))
    .map((line) =>
      line
        .replace(/^\[\d+\] .*?\[/, '[')
        .replace(/127\.0\.0\.1:\d+ - cid:\d+/, 'CLIENT')
        .replace(/with \d+ chunks of \d+ total bytes/, 'with N chunks of N total bytes'),
    );

/** Floods a reader that does not read; `resumed` lets it read in the end. */
async function flood(side: Side, { resume }: { resume: boolean }) {
  const reader = await join(side, 'reader', 'SUB flood 1\r\nPING\r\n');
  const other = await join(side, 'other', 'SUB check 1\r\n');
  const producer = await join(side, 'producer');
  reader.pause();
  for (let sent = 0; sent < FLOOD; sent += 20) {
    assert.ok(await producer.sync(MESSAGE.repeat(20), 20_000), 'the producer gets its PONG');
  }
  if (resume) reader.resume();
  else await side.process.waitForLog('Slow Consumer', 8000);
  // Everybody else is served on.
  assert.ok(await producer.sync('PUB check 2\r\nok\r\n'));
  assert.ok(await other.until(() => other.received.includes('MSG check 1 2\r\nok\r\n')));
  if (resume) await reader.sync('', 10_000);
  const messages = reader.received.split('MSG flood 1').length - 1;
  const { slow_consumers, stalled_clients, slow_consumer_stats } = await json<Varz>(side, '/varz');
  const closed = await json<{ connections: { name: string; reason: string }[] }>(side, '/connz?state=closed');
  for (const wire of [reader, other, producer]) wire.destroy();
  return {
    slow_consumers,
    slow_consumer_stats,
    stalled: stalled_clients > 0,
    lines: slowLines(side),
    closed: closed.connections.map(({ name, reason }) => [name, reason]),
    allCame: messages === FLOOD,
    someCame: messages > 0,
  };
}

function compared(title: string, conf: string, options: { resume: boolean }, expected: object): void {
  describe(title, { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
    let pair: Pair | undefined;
    before(async () => {
      pair = await startPair({ conf, args: ['-T=false'] });
    });
    after(() => stopPair(pair));

    for (const name of ['official', 'weft'] as const) {
      test(name, async () => {
        const found = await flood(pair![name], options);
        const { lines, slow_consumer_stats, ...rest } = found;
        assert.deepEqual(rest, expected);
        assert.deepEqual(slow_consumer_stats, {
          clients: found.slow_consumers,
          routes: 0,
          gateways: 0,
          leafs: 0,
        });
        assert.equal(lines.length, found.slow_consumers);
      });
    }

    test('the same lines', () => {
      assert.deepEqual(slowLines(pair!.weft), slowLines(pair!.official));
    });
  });
}

const cutOff = (reason: string) => ({
  slow_consumers: 1,
  closed: [['reader', reason]],
  allCame: false,
  someCame: false,
});

compared(
  'write_deadline ends a reader that takes nothing',
  'write_deadline: "500ms", max_pending: 256MB',
  { resume: false },
  { ...cutOff('Slow Consumer (Write Deadline)'), stalled: false },
);

compared(
  'max_pending ends one for which too much waits',
  'write_deadline: "20s", max_pending: 2MB, no_fast_producer_stall: false',
  { resume: false },
  { ...cutOff('Slow Consumer (Pending Bytes)'), stalled: true },
);

compared(
  'no_fast_producer_stall leaves messages out rather than making producers wait, and nobody is cut off',
  'write_deadline: "20s", max_pending: 8MB, no_fast_producer_stall: true',
  { resume: true },
  { slow_consumers: 0, closed: [], allCame: false, someCame: true, stalled: false },
);

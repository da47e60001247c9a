// Traces of messages, in memory: what chance, streams that store later, and slow receivers have to do with them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MessageTrace } from '../../src/broker/message-trace.js';
import type { AccountOptions } from '../../src/config/options.js';
import { createWorld, Peer, type World } from './harness.js';

const header = (...lines: string[]) => `NATS/1.0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const TRACED = header('Nats-Trace-Dest: t');
const PARENT = header('traceparent: 00-1-2-01');

function hpub(subject: string, block: string, payload = ''): string {
  return `HPUB ${subject} ${block.length} ${block.length + payload.length}\r\n${block}${payload}\r\n`;
}

/** A world whose traces are collected. */
function tracing(world: World): { world: World; traces: MessageTrace[] } {
  const traces: MessageTrace[] = [];
  world.broker.traceSink = (trace) => traces.push(trace);
  return { world, traces };
}

function inAccount(account: Partial<AccountOptions>) {
  const options = {
    accounts: [{ name: 'A', ...account }],
    authorization: { users: [{ username: 'a', password: 'x', account: 'A' }], proxyRequired: false },
  };
  const { world, traces } = tracing(createWorld(options));
  const peer = Peer.connected(world, { user: 'a', pass: 'x', headers: true });
  return { world, traces, peer };
}

describe('message traces', () => {
  test('sampling takes about its share, and switches the others off', async () => {
    const { peer, traces } = inAccount({ trace: { destination: 't', sampling: 25 } });
    peer.send('SUB foo 1\r\n');
    for (let i = 0; i < 1000; i++) peer.send(hpub('foo', PARENT));
    const switchedOff = (await peer.heard()).split('Nats-Trace-Dest: trace disabled\r\n').length - 1;
    assert.equal(traces.length + switchedOff, 1000);
    assert.ok(traces.length > 190 && traces.length < 330, `${traces.length}`);
    assert.ok(traces.every(({ destination, only }) => destination === 't' && !only));
  });

  test('a destination follows a reload', async () => {
    const { world, peer, traces } = inAccount({});
    peer.send(hpub('foo', PARENT));
    world.broker.options = {
      ...world.broker.options,
      accounts: [{ name: 'A', trace: { destination: 'other', sampling: 100 } }],
    };
    world.broker.applyAccounts();
    peer.send(hpub('foo', PARENT));
    assert.deepEqual(
      traces.map(({ destination }) => destination),
      ['other'],
    );
  });

  test('a room inside the server gets the trace along, and a stream holds it back', async () => {
    const { world, traces } = tracing(createWorld());
    const client = world.broker.internalClient();
    const steps: (() => void)[] = [];
    client.subscribe('foo', ({ trace }) => {
      const step = trace?.jetStream('S');
      if (step !== undefined) {
        steps.push(() => {
          step.stored('stored.as', true);
          step.end('no room');
        });
      }
    });
    const peer = Peer.connected(world, { headers: true });
    peer.send(hpub('foo', TRACED));
    peer.send('PUB foo 0\r\n\r\n');
    assert.equal(traces.length, 0);
    assert.equal(steps.length, 1);
    steps[0]!();
    assert.deepEqual(
      traces[0]!.events.map(({ ts, cid, ...rest }) => JSON.parse(JSON.stringify(rest))),
      [
        { type: 'in', kind: 0, acc: '$G', subj: 'foo' },
        { type: 'js', stream: 'S', subject: 'stored.as', nointerest: true, error: 'no room' },
      ],
    );
  });

  test('what is only there to be traced reaches handlers that know of it', () => {
    const { world, traces } = tracing(createWorld());
    const client = world.broker.internalClient();
    const got: string[] = [];
    client.subscribe('foo', () => got.push('unaware'));
    client.subscribe('foo', ({ trace }) => got.push(`aware, ${trace?.only}`)).heedsTraces = true;
    const peer = Peer.connected(world, { headers: true });
    peer.send(hpub('foo', header('Nats-Trace-Dest: t', 'Nats-Trace-Only: 1'), 'y'));
    assert.deepEqual(got, ['aware, true']);
    assert.equal(traces.length, 1);
  });

  test('nobody there to send traces: messages go their way', async () => {
    const world = createWorld();
    const peer = Peer.connected(world, { headers: true });
    peer.send(
      `SUB foo 1\r\n${hpub('foo', TRACED, 'x')}${hpub('foo', header('Nats-Trace-Dest: t', 'Nats-Trace-Only: 1'), 'y')}`,
    );
    assert.match(await peer.heard(), /^HMSG foo 1 32 33\r\n(?:.|\n|\r)*\r\nx\r\n$/);
  });

  test('a slow receiver that is left out', async () => {
    const { world, traces } = tracing(createWorld({ noFastProducerStall: true, maxPending: 1_000_000 }));
    const receiver = Peer.connected(world, { headers: true });
    receiver.send('SUB foo 1\r\n');
    await receiver.heard();
    receiver.transport.open = false;
    const producer = Peer.connected(world, { headers: true });
    for (let i = 0; i < 14; i++) {
      producer.send(`PUB foo 64000\r\n${'x'.repeat(64_000)}\r\n`);
      await producer.heard();
    }
    producer.send(hpub('foo', TRACED));
    assert.equal(
      traces[0]?.events.at(-1)?.error,
      'Not delivered because fast producer not stalled and consumer is slow',
    );
    receiver.leave();
  });

  test('a trace leaves nothing behind for the next message', async () => {
    const { world, traces } = tracing(createWorld());
    const peer = Peer.connected(world, { headers: true });
    peer.send(`SUB foo 1\r\n${hpub('foo', header('Nats-Trace-Dest: t', 'Nats-Trace-Only: 1'), 'y')}`);
    peer.send(hpub('foo', header('A: b'), 'z'));
    assert.equal(traces.length, 1);
    assert.equal(traces[0]!.events.length, 2);
    assert.match(await peer.heard(), /^HMSG foo 1 18 19\r\n(?:.|\n|\r)*\r\nz\r\n$/);
  });
});

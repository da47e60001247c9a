// A million operations of clients that behave well, badly, or not like clients at all: the server answers or ends the
// connection, never breaks, and keeps nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createWorld, Peer, turn } from '../broker/harness.js';
import { FrameGenerator } from './frame-generator.js';

const FRAMES = 1_000_000;
const PER_CONNECTION = 25;
const LIMITS = { maxPayload: 4096, maxControlLine: 512 };
/** Whatever a connection still waits for, a payload or the end of a line: this is more than enough of it. */
const ENOUGH = 'PING\r\n'.repeat(Math.ceil((LIMITS.maxPayload + LIMITS.maxControlLine) / 6) + 2);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test('a million generated operations', { timeout: 120_000 }, async (t) => {
  const world = createWorld(LIMITS);
  const { broker } = world;
  const generator = new FrameGenerator(20_261_123, { ...LIMITS, damage: 4 });
  let heapAtStart = 0;
  let closed = 0;
  const reasons = new Map<string, number>();
  for (let number = 0; generator.frames < FRAMES; number++) {
    const peer = new Peer(world);
    const input = generator.conversation(PER_CONNECTION);
    for (let at = 0; at < input.length; ) {
      const count = generator.below(4) === 0 ? 1 + generator.below(200) : 1 + generator.below(input.length);
      peer.send(input.slice(at, at + count));
      at += count;
    }
    if (!peer.connection.closed) {
      await turn();
      peer.transport.forget();
      peer.send(ENOUGH);
      const answer = await peer.heard();
      assert.ok(
        peer.connection.closed || answer.includes('PONG\r\n'),
        `silence after ${JSON.stringify(input)}`,
      );
    }
    if (peer.connection.closed) {
      closed++;
      assert.ok(peer.transport.ended || peer.transport.destroyed, 'closed, but not its transport');
      const reason = peer.connection.closedReason ?? '';
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    peer.leave();
    if (number === 2000) heapAtStart = heapInUse();
  }
  await turn();
  assert.equal(broker.connections.size, 0);
  assert.equal(broker.arena.chunksInUse, 0);
  assert.equal(broker.wheel.size, 0, 'timers left');
  for (const account of broker.accounts.values()) {
    assert.equal(account.interest.count, 0);
    assert.equal([...account.interest.all()].length, 0);
    assert.equal(account.connections.size, 0);
  }
  const growth = heapInUse() - heapAtStart;
  t.diagnostic(
    `${generator.frames} operations, ${closed} connections ended by the server, heap +${growth} bytes`,
  );
  for (const [reason, count] of reasons) t.diagnostic(`${reason}: ${count}`);
  assert.ok(reasons.size >= 5, 'the generator reaches too few kinds of errors');
  assert.ok(growth < 16 * 1024 * 1024, `the heap grew by ${growth} bytes`);
});

function heapInUse(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

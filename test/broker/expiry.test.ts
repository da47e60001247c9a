import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Authenticator } from '../../src/security/authenticator.js';
import { UserIdentity } from '../../src/security/authenticator.js';
import { createWorld, Peer } from './harness.js';

const DAY = 86_400_000;

/** Lets everybody in for so many milliseconds; a CONNECT without a name for ever. */
function withExpiry(now: () => number, duration: number): Authenticator {
  const check: Authenticator['authenticate'] = ({ connect }) => ({
    ok: true,
    user: new UserIdentity({ kind: 'user', name: 'a', expires: connect.name ? now() + duration : null }),
  });
  return {
    ...{ authRequired: true, infoAuthRequired: true, nonceRequired: false },
    ...{ authenticate: check, renew: (_, request) => check(request), anonymous: () => false },
  };
}

test('a connection ends when its credentials expire, and not before', async () => {
  for (const duration of [0, 50, 1500, 100 * DAY]) {
    const world = createWorld({ pingInterval: 1000 * DAY });
    world.broker.authenticator = withExpiry(() => world.clock.now(), duration);
    const peer = Peer.connected(world, { name: 'x' });
    world.clock.advance(Math.max(0, duration - 1));
    if (duration > 0) assert.equal(peer.connection.closed, false, `${duration}`);
    world.clock.advance(1000);
    assert.equal(peer.connection.closedReason, 'Authentication Expired');
    assert.match(await peer.heard(), /-ERR 'User Authentication Expired'\r\n$/);
    world.broker.close();
  }
});

test('another CONNECT counts anew, and the end of the connection ends the waiting', async () => {
  const world = createWorld({ pingInterval: 1000 * DAY });
  world.broker.authenticator = withExpiry(() => world.clock.now(), 1000);
  const [forever, later, gone] = ['a', 'b', 'c'].map((name) => Peer.connected(world, { name }));
  world.clock.advance(500);
  forever!.send('CONNECT {"name":""}\r\n');
  later!.send('CONNECT {}\r\n');
  gone!.leave();
  world.clock.advance(700);
  assert.deepEqual(
    [forever, later, gone].map((peer) => peer!.connection.closedReason),
    [null, null, 'Client Closed'],
  );
  world.clock.advance(1000);
  assert.equal(later!.connection.closedReason, 'Authentication Expired');
  assert.equal(forever!.connection.closed, false);
  world.broker.close();
});

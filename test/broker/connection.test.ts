import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Log, silentLog } from '../../src/runtime/log.js';
import { type Authenticator, type AuthResult, UserIdentity } from '../../src/security/authenticator.js';
import { FrameGenerator } from '../stress/frame-generator.js';
import { createWorld, Peer, turn } from './harness.js';

const WELCOME: AuthResult = { ok: true, user: new UserIdentity({ kind: 'none', name: '' }) };

/** Lets everybody in, after a while. */
function slowAuthenticator(required: boolean): Authenticator & { answers: ((result: AuthResult) => void)[] } {
  const answers: ((result: AuthResult) => void)[] = [];
  const authenticate = () => new Promise<AuthResult>((resolve) => answers.push(resolve));
  return {
    answers,
    authRequired: required,
    infoAuthRequired: required,
    nonceRequired: false,
    authenticate,
    renew: authenticate,
    anonymous: () => true,
  };
}

describe('reads', () => {
  test('it does not matter how the input is cut, nor whether it comes in the shared buffer', async () => {
    const cuts = fc.array(fc.nat(), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1 }), cuts, fc.boolean(), async (seed, places, shared) => {
        const limits = { maxPayload: 40_000, maxControlLine: 300 };
        const input = new FrameGenerator(seed, { ...limits, damage: 3 }).conversation(12);
        const whole = Peer.connected(createWorld(limits), { headers: true });
        whole.send(input);
        const world = createWorld(limits);
        const cut = Peer.connected(world, { headers: true });
        const ends = [...places.map((place) => place % input.length), input.length].sort((a, b) => a - b);
        let at = 0;
        for (const end of ends) {
          const piece = Buffer.from(input.slice(at, end), 'latin1');
          at = end;
          if (shared) {
            world.broker.arena.readBuffer.set(piece);
            cut.connection.onRead(piece.length);
            // Somebody else reads into the same memory.
            world.broker.arena.readBuffer.fill(63);
          } else {
            cut.connection.onData(piece);
          }
        }
        assert.equal(await cut.heard(), await whole.heard());
        assert.equal(cut.connection.closedReason, whole.connection.closedReason);
      }),
      { numRuns: 300 },
    );
  });

  test('a payload of several megabytes in small pieces', async () => {
    const world = createWorld({ maxPayload: 8 * 1024 * 1024 });
    const peer = Peer.connected(world);
    const payload = Buffer.alloc(5_000_000, 'abcdefghijk').toString('latin1');
    const input = `SUB a 1\r\nPUB a ${payload.length}\r\n${payload}\r\nPING\r\n`;
    for (let at = 0; at < input.length; at += 60_000) peer.send(input.slice(at, at + 60_000));
    assert.equal(await peer.heard(), `MSG a 1 ${payload.length}\r\n${payload}\r\nPONG\r\n`);
    assert.equal(world.broker.arena.chunksInUse, 0);
  });

  test('announcing large payloads takes no memory', () => {
    const world = createWorld({ maxPayload: 512 * 1024 * 1024, maxPending: 1024 * 1024 * 1024 });
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 50; i++) Peer.connected(world).send(`PUB a ${500 * 1024 * 1024}\r\nx`);
    assert.ok(process.memoryUsage().arrayBuffers - before < 256 * 1024 * 1024);
  });

  test('what a closed connection still sends is ignored', async () => {
    const world = createWorld();
    const peer = Peer.connected(world);
    peer.transport.open = false;
    peer.send('PING\r\nBAD\r\n');
    peer.send('SUB a 1\r\nPUB a 1\r\nx\r\n');
    assert.equal(world.broker.globalAccount.interest.count, 0);
    peer.transport.take();
    assert.equal(await peer.heard(), "PONG\r\n-ERR 'Unknown Protocol Operation'\r\n");
  });
});

describe('input on hold', () => {
  for (const first of ['PING\r\n', 'CONNECT {"verbose":false}\r\n']) {
    test(`waits for the authenticator, all of it, after ${first.slice(0, 4)}`, async () => {
      const authenticator = slowAuthenticator(true);
      const world = createWorld({}, { authenticator });
      const peer = new Peer(world);
      peer.transport.forget();
      peer.send(`${first}SUB a 1\r\nPUB a 2\r\no`);
      assert.ok(peer.transport.paused);
      peer.send('k\r\nPI');
      peer.send('NG\r\n');
      assert.equal(await peer.heard(), '');
      authenticator.answers.shift()!(WELCOME);
      await turn();
      const heard = await peer.heard();
      assert.equal(
        heard.replaceAll('+OK\r\n', ''),
        `${first === 'PING\r\n' ? 'PONG\r\n' : ''}MSG a 1 2\r\nok\r\nPONG\r\n`,
      );
      assert.equal(peer.transport.paused, false);
    });
  }

  test('a connection that ends meanwhile stays ended', async () => {
    const authenticator = slowAuthenticator(true);
    const world = createWorld({}, { authenticator });
    const peer = new Peer(world);
    peer.send('CONNECT {}\r\nSUB a 1\r\n');
    peer.leave();
    authenticator.answers.shift()!(WELCOME);
    await turn();
    assert.equal(world.broker.globalAccount.interest.count, 0);
    assert.equal(world.broker.globalAccount.connections.size, 0);
    assert.equal(world.broker.wheel.size, 0);
  });
});

describe('time', () => {
  test('a client that does not answer is stale after ping_max pings', async () => {
    const world = createWorld({ pingInterval: 10_000, pingMax: 2 });
    const peer = Peer.connected(world);
    world.clock.advance(1900);
    assert.equal(await peer.heard(), '');
    world.clock.advance(600);
    // The round-trip time of CONNECT is known, so the first short interval brings no ping.
    world.clock.advance(8000 + 10_000);
    const heard: string[] = [];
    for (let i = 0; i < 4; i++) {
      heard.push(await peer.heard());
      world.clock.advance(10_100);
    }
    heard.push(await peer.heard());
    assert.equal(heard.join(''), "PING\r\nPING\r\n-ERR 'Stale Connection'\r\n");
    assert.equal(peer.connection.closedReason, 'Stale Connection');
    assert.equal(world.broker.staleConnections, 1);
    assert.equal(world.broker.wheel.size, 0);
  });

  test('a client that answers lives on', async () => {
    const world = createWorld({ pingInterval: 1000, pingMax: 2 });
    const peer = Peer.connected(world);
    let pings = 0;
    for (let i = 0; i < 20; i++) {
      world.clock.advance(1100);
      if ((await peer.heard()).includes('PING')) {
        pings++;
        peer.send('PONG\r\n');
      }
    }
    assert.ok(pings >= 10, `${pings} pings`);
    assert.equal(peer.connection.closed, false);
  });

  test('CONNECT is due within the timeout where credentials are', async () => {
    const authenticator = slowAuthenticator(true);
    const world = createWorld({}, { authenticator });
    const peer = new Peer(world);
    const waiting = new Peer(world);
    waiting.send('CONNECT {}\r\n');
    peer.transport.forget();
    world.clock.advance(1900);
    assert.equal(peer.connection.closed, false);
    world.clock.advance(200);
    assert.equal(peer.connection.closedReason, 'Authentication Timeout');
    assert.equal(await peer.heard(), "-ERR 'Authentication Timeout'\r\n");
    assert.equal(waiting.connection.closed, false, 'the server itself is what takes so long');
  });
});

describe('closing', () => {
  test('what waited for a slow reader is sent, then the connection ends', async () => {
    const world = createWorld();
    const peer = Peer.connected(world);
    peer.transport.open = false;
    peer.send('PING\r\n');
    await turn();
    peer.send('PING\r\nPING\r\nBAD\r\n');
    assert.ok(peer.connection.closed && peer.transport.ended && !peer.transport.destroyed);
    peer.transport.take();
    assert.equal(await peer.heard(), "PONG\r\nPONG\r\nPONG\r\n-ERR 'Unknown Protocol Operation'\r\n");
    assert.equal(world.broker.arena.chunksInUse, 0);
    assert.equal(world.broker.wheel.size, 0);
  });

  test('a reader that takes nothing is cut off when the write deadline is over', async () => {
    const world = createWorld({ writeDeadline: 3000 });
    const peer = Peer.connected(world);
    peer.transport.open = false;
    peer.send('PING\r\nBAD\r\n');
    world.clock.advance(2900);
    assert.equal(peer.transport.destroyed, false);
    world.clock.advance(200);
    assert.equal(peer.transport.destroyed, true);
    await turn();
    assert.equal(world.broker.arena.chunksInUse, 0);
    assert.equal(world.broker.wheel.size, 0);
    assert.equal(world.broker.slowConsumers, 0);
  });

  test('a receiver that ends while a message is delivered', async () => {
    const world = createWorld({ maxPending: 1024 * 1024 });
    const slow = Peer.connected(world);
    slow.send('SUB a 1\r\nSUB a 2\r\nSUB a q 3\r\n');
    const good = Peer.connected(world);
    good.send('SUB a 1\r\n');
    slow.transport.open = false;
    const publisher = Peer.connected(world);
    const message = `PUB a 100000\r\n${'x'.repeat(100_000)}\r\n`;
    for (let i = 0; i < 20; i++) {
      publisher.send(message);
      await turn();
      world.clock.advance(20);
    }
    assert.equal(slow.connection.closedReason, 'Slow Consumer (Pending Bytes)');
    assert.equal(world.broker.slowConsumers, 1);
    assert.equal(world.broker.globalAccount.interest.count, 1);
    assert.equal((await good.heard()).split('MSG ').length - 1, 20);
    assert.equal(world.broker.arena.chunksInUse, 0);
  });

  test('the last of an auto-unsubscribe is the last, also with several on one subject', async () => {
    const world = createWorld();
    const peer = Peer.connected(world);
    peer.send('SUB a 1\r\nUNSUB 1 2\r\nSUB a 2\r\nUNSUB 2 1\r\nSUB a 3\r\n');
    peer.send('PUB a 1\r\n1\r\nPUB a 1\r\n2\r\nPUB a 1\r\n3\r\n');
    const lines = (await peer.heard())
      .match(/MSG .*\r\n\d/g)!
      .map((each) => each.replace(/MSG a (\d) 1\r\n/, '$1:'));
    assert.deepEqual(lines.sort(), ['1:1', '1:2', '2:1', '3:1', '3:2', '3:3']);
    assert.equal(world.broker.globalAccount.interest.count, 1);
  });

  test('a handler that throws, and one that unsubscribes everybody, harm nobody else', async () => {
    const errors: string[] = [];
    const log: Log = { ...silentLog, error: (text) => errors.push(text) };
    const world = createWorld({}, { log });
    const client = world.broker.internalClient();
    client.subscribe('a', () => {
      throw new Error('broken');
    });
    let calls = 0;
    client.subscribe('a', () => {
      calls++;
      client.close();
    });
    const peer = Peer.connected(world);
    peer.send('SUB a 1\r\nPUB a 1\r\nx\r\nPUB a 1\r\ny\r\n');
    assert.equal(await peer.heard(), 'MSG a 1 1\r\nx\r\nMSG a 1 1\r\ny\r\n');
    assert.equal(calls, 1);
    assert.equal(errors.length, 1);
    assert.match(errors[0]!, /"a" failed: Error: broken/);
  });
});

describe('slow receivers', () => {
  /** Fills a receiver that does not read to a share of what may wait for it. */
  async function filled(share: number, changes = {}) {
    const world = createWorld({ maxPending: 1024 * 1024, ...changes });
    const receiver = Peer.connected(world);
    receiver.send('SUB a 1\r\n');
    receiver.transport.open = false;
    const producer = Peer.connected(world);
    const message = `PUB a 10000\r\n${'x'.repeat(10_000)}\r\n`;
    for (let bytes = 0; bytes < share * 1024 * 1024; bytes += 10_020) {
      producer.send(message);
      await turn();
      world.clock.advance(6);
    }
    return { world, receiver, producer, message };
  }

  test('a producer does not wait for one that is less than three quarters full', async () => {
    const { world, receiver, producer, message } = await filled(0.7);
    producer.send(message);
    assert.equal(producer.connection.suspended, false);
    assert.equal(receiver.connection.stalls, 0);
    assert.equal(world.broker.stalledClients, 0);
  });

  test('a producer waits for one that is fuller, at most 10 ms for 64 KiB of input', async () => {
    const { world, receiver, producer, message } = await filled(0.85);
    const before = world.broker.stalledClients;
    assert.ok(before > 0);
    producer.send(`${message.repeat(6)}PING\r\n`);
    assert.ok(producer.connection.suspended && producer.transport.paused);
    for (let ms = 0; ms < 11; ms++) world.clock.advance(1);
    assert.equal(producer.connection.suspended, false);
    assert.equal(world.broker.stalledClients - before, 5);
    assert.equal(receiver.connection.stalls, world.broker.stalledClients);
    assert.match(await producer.heard(), /PONG/);
    // Once it has caught up nobody waits for it.
    receiver.transport.take();
    receiver.transport.open = true;
    producer.send(message);
    assert.equal(producer.connection.suspended, false);
  });

  test('no_fast_producer_stall leaves the message out instead', async () => {
    const { world, receiver, producer } = await filled(0.85, { noFastProducerStall: true });
    const { outMsgs } = receiver.connection;
    producer.send('PUB a 4\r\nlost\r\nPING\r\n');
    assert.equal(producer.connection.suspended, false);
    assert.equal(receiver.connection.outMsgs, outMsgs);
    assert.equal(world.broker.stalledClients, 0);
    receiver.transport.take();
    receiver.transport.open = true;
    receiver.transport.take();
    producer.send('PUB a 4\r\nkept\r\n');
    const heard = await receiver.heard();
    assert.ok(!heard.includes('lost') && heard.endsWith('kept\r\n'));
  });

  test('write_deadline ends a connection; write_timeout: retry keeps it as long as it takes something', async () => {
    for (const writeTimeout of ['default', 'close', 'retry'] as const) {
      const { world, receiver } = await filled(0.2, { writeDeadline: 1000, writeTimeout });
      receiver.transport.take(100);
      world.clock.advance(900);
      assert.equal(receiver.connection.closed, writeTimeout !== 'retry');
      if (writeTimeout !== 'retry') continue;
      receiver.transport.take(100);
      world.clock.advance(1000);
      assert.equal(receiver.connection.closed, false);
      world.clock.advance(1100);
      assert.equal(receiver.connection.closedReason, 'Slow Consumer (Write Deadline)');
      assert.equal(world.broker.slowConsumers, 3);
    }
  });

  test('when all that waits reaches its limit producers wait until there is room again', async () => {
    const world = createWorld({ writeDeadline: 2000 });
    const { broker, clock } = world;
    broker.outboundLimit = 4 * 1024 * 1024;
    const receivers = Array.from({ length: 20 }, () => Peer.connected(world));
    for (const receiver of receivers) {
      receiver.send('SUB a 1\r\n');
      receiver.transport.open = false;
    }
    const other = Peer.connected(world);
    other.send('SUB b 1\r\n');
    const producer = Peer.connected(world);
    const message = `PUB a 50000\r\n${'x'.repeat(50_000)}\r\n`;
    let sent = 0;
    for (; sent < 100 && !producer.connection.suspended; sent++) {
      producer.send(message);
      await turn();
    }
    assert.ok(sent < 100 && broker.outboundShort);
    // Far beyond what a stall is otherwise.
    clock.advance(500);
    assert.ok(producer.connection.suspended);
    assert.ok(broker.shortageStalls > 50);
    // Those who do not publish to slow receivers go on.
    const second = Peer.connected(world);
    second.send('PUB b 1\r\nx\r\n');
    assert.equal(await other.heard(), 'MSG b 1 1\r\nx\r\n');
    for (const receiver of receivers) receiver.transport.take();
    await turn();
    clock.advance(10);
    assert.equal(producer.connection.suspended, false);
    assert.equal(broker.outboundShort, false);
    // Those who never read are ended by the write deadline, and nobody waits for ever.
    for (let i = 0; i < 100; i++) producer.send(message);
    for (let ms = 0; ms < 6000; ms += 50) {
      clock.advance(50);
      await turn();
    }
    assert.equal(producer.connection.suspended, false);
    assert.equal(broker.connections.size, 3);
    assert.equal(broker.slowConsumers, 20);
    assert.equal(broker.arena.chunksInUse, 0);
  });
});

describe('queue groups', () => {
  test('all members get their share, and one that does not echo leaves its own messages to others', async () => {
    const world = createWorld({}, { seed: 5 });
    const members = Array.from({ length: 4 }, () => Peer.connected(world));
    for (const member of members) member.send('SUB a q 1\r\n');
    const silent = Peer.connected(world, { echo: false });
    silent.send('SUB a q 1\r\n');
    for (let i = 0; i < 400; i++) silent.send('PUB a 1\r\nx\r\n');
    const shares = await Promise.all(
      members.map(async (member) => (await member.heard()).split('MSG').length - 1),
    );
    assert.equal(
      shares.reduce((sum, share) => sum + share),
      400,
    );
    assert.ok(
      shares.every((share) => share > 50),
      `${shares}`,
    );
    assert.equal(await silent.heard(), '');
  });
});

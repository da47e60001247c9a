// Messages that cross accounts, in memory: imports of streams and services, and what is left behind.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AccountOptions, ExportOptions, ImportOptions } from '../../src/config/options.js';
import { createWorld, Peer, type World } from './harness.js';

const stream = (subject: string, more: Partial<ExportOptions> = {}): ExportOptions => ({
  kind: 'stream',
  subject,
  allowTrace: false,
  ...more,
});
const service = (subject: string, more: Partial<ExportOptions> = {}): ExportOptions => ({
  kind: 'service',
  subject,
  allowTrace: false,
  ...more,
});
const from = (
  kind: 'stream' | 'service',
  account: string,
  subject: string,
  more: Partial<ImportOptions> = {},
): ImportOptions => ({ kind, account, subject, share: false, allowTrace: false, ...more });

/** A broker with these accounts, each with a user of its name. */
function worldOf(accounts: AccountOptions[]): World {
  const users = accounts.map(({ name }) => ({ username: name, password: 'x', account: name }));
  return createWorld({ accounts, authorization: { users, proxyRequired: false } });
}

function join(world: World, account: string, fields: Record<string, unknown> = {}): Peer {
  return Peer.connected(world, { user: account, pass: 'x', headers: true, no_responders: true, ...fields });
}

/** Client information without what depends on time. */
function plain(text: string): string {
  return text
    .replace(/,"rtt":\d+/g, '')
    .replace(/_R_\.\w{6}\.\w{6}/g, '_R_')
    .replace(/^(H?MSG .*?)( \d+)?( \d+)$/gm, '$1');
}

/** Changes the accounts as a reload does. */
function reload(world: World, accounts: AccountOptions[]): void {
  world.broker.options = { ...world.broker.options, accounts };
  world.broker.applyAccounts();
}

describe('stream imports', () => {
  const A: AccountOptions = { name: 'A', exports: [stream('s.>'), stream('one'), stream('p.*.*')] };

  test('arrive with the subject that the importer sees', async () => {
    const world = worldOf([
      A,
      {
        name: 'B',
        imports: [
          from('stream', 'A', 's.>', { prefix: 'from.a' }),
          from('stream', 'A', 'one', { to: 'uno' }),
          from('stream', 'A', 'p.*.*', { to: 'q.$2.x.$1' }),
        ],
      },
    ]);
    const a = join(world, 'A');
    const b = join(world, 'B');
    b.send('SUB from.a.s.1 1\r\nSUB uno 2\r\nSUB q.*.x.k 3\r\nSUB > 4\r\n');
    a.send(
      'PUB s.1 1\r\na\r\nPUB one 1\r\nb\r\nPUB p.k.l 1\r\nc\r\nPUB p.l.k 1\r\nd\r\nPUB other 1\r\ne\r\n',
    );
    const lines = (await b.heard()).split('\r\n').filter((line) => line.startsWith('MSG'));
    assert.deepEqual(lines.sort(), [
      'MSG from.a.s.1 1 1',
      'MSG from.a.s.1 4 1',
      'MSG q.k.x.l 4 1',
      'MSG q.l.x.k 3 1',
      'MSG q.l.x.k 4 1',
      'MSG uno 2 1',
      'MSG uno 4 1',
    ]);
    assert.equal(await a.heard(), '');
  });

  test('UNSUB, a maximum and the end of the connection take the shadows away', async () => {
    const world = worldOf([A, { name: 'B', imports: [from('stream', 'A', 's.>')] }]);
    const { interest } = world.broker.account('A');
    const a = join(world, 'A');
    const b = join(world, 'B');
    b.send('SUB s.1 1\r\nSUB s.1 2\r\nUNSUB 2 2\r\nSUB s.* 3\r\n');
    assert.equal(interest.count, 3);
    a.send('PUB s.1 1\r\na\r\n'.repeat(3));
    const heard = await b.heard();
    assert.equal(heard.match(/MSG s\.1 2 /g)?.length, 2);
    assert.equal(heard.match(/MSG s\.1 1 /g)?.length, 3);
    assert.equal(interest.count, 2);
    b.send('UNSUB 1\r\n');
    assert.equal(interest.count, 1);
    b.leave();
    assert.equal(interest.count, 0);
  });

  test('a queue group has members in both accounts', async () => {
    const world = worldOf([A, { name: 'B', imports: [from('stream', 'A', 's.>')] }]);
    const [a, b, c] = [join(world, 'A'), join(world, 'B'), join(world, 'A')];
    b.send('SUB s.1 q 1\r\n');
    c.send('SUB s.1 q 1\r\n');
    a.send('PUB s.1 1\r\na\r\n'.repeat(200));
    const counts = [b, c].map(async (peer) => (await peer.heard()).split('MSG').length - 1);
    const [inB, inC] = await Promise.all(counts);
    assert.equal(inB! + inC!, 200);
    assert.ok(inB! > 50 && inC! > 50, `${inB} ${inC}`);
  });

  test('are not subject to what another account may not see, but to the importer’s permissions', async () => {
    const accounts = [A, { name: 'B', imports: [from('stream', 'A', 's.>', { prefix: 'x' })] }];
    const world = createWorld({
      accounts,
      authorization: {
        proxyRequired: false,
        users: [
          { username: 'A', password: 'x', account: 'A' },
          {
            username: 'B',
            password: 'x',
            account: 'B',
            permissions: { subscribe: { allow: ['>'], deny: ['x.s.2'] } },
          },
        ],
      },
    });
    const [a, b] = [join(world, 'A'), join(world, 'B')];
    b.send('SUB > 1\r\n');
    a.send('PUB s.1 1\r\na\r\nPUB s.2 1\r\nb\r\n');
    assert.equal(await b.heard(), 'MSG x.s.1 1 1\r\na\r\n');
  });

  test('are counted for the account that they come from', async () => {
    const world = worldOf([A, { name: 'B', imports: [from('stream', 'A', 's.>')] }]);
    const [a, b] = [join(world, 'A'), join(world, 'B')];
    b.send('SUB s.> 1\r\n');
    a.send('PUB s.1 3\r\nabc\r\nPUB s.1 3\r\nabc\r\n');
    const out = (name: string) => {
      const account = world.broker.account(name);
      let { outMsgs, outBytes } = account.closedTraffic;
      for (const each of account.connections) {
        outMsgs += each.outMsgs;
        outBytes += each.outBytes;
      }
      return [outMsgs, outBytes];
    };
    assert.deepEqual(
      [out('A'), out('B')],
      [
        [2, 6],
        [0, 0],
      ],
    );
    assert.equal(b.connection.outMsgs, 2);
    b.leave();
    assert.deepEqual(
      [out('A'), out('B')],
      [
        [2, 6],
        [0, 0],
      ],
    );
  });

  test('a reload adds and removes them while clients stay', async () => {
    const world = worldOf([A, { name: 'B' }]);
    const [a, b] = [join(world, 'A'), join(world, 'B')];
    b.send('SUB s.1 1\r\n');
    a.send('PUB s.1 1\r\na\r\n');
    reload(world, [A, { name: 'B', imports: [from('stream', 'A', 's.>')] }]);
    a.send('PUB s.1 1\r\nb\r\n');
    reload(world, [A, { name: 'B', imports: [from('stream', 'A', 's.>', { prefix: 'p' })] }]);
    a.send('PUB s.1 1\r\nc\r\n');
    b.send('SUB p.> 2\r\n');
    a.send('PUB s.1 1\r\nd\r\n');
    reload(world, [A, { name: 'B' }]);
    a.send('PUB s.1 1\r\ne\r\n');
    assert.equal(await b.heard(), 'MSG s.1 1 1\r\nb\r\nMSG p.s.1 2 1\r\nd\r\n');
    assert.equal(world.broker.account('A').interest.count, 0);
  });

  test('rooms inside the server have them, too', () => {
    const world = worldOf([A, { name: 'B', imports: [from('stream', 'A', 's.>', { prefix: 'p' })] }]);
    const a = join(world, 'A');
    const insider = world.broker.internalClient(world.broker.account('B'));
    const seen: string[] = [];
    insider.subscribe('p.>', (message) => seen.push(`${message.subject} from ${message.from?.account.name}`));
    a.send('PUB s.1 1\r\na\r\n');
    insider.close();
    a.send('PUB s.1 1\r\na\r\n');
    assert.deepEqual(seen, ['p.s.1 from A']);
  });
});

describe('service imports', () => {
  const A: AccountOptions = {
    name: 'A',
    exports: [service('q.*'), service('many', { responseType: 'stream' })],
  };
  const B: AccountOptions = {
    name: 'B',
    imports: [from('service', 'A', 'q.*', { to: 'ask.*' }), from('service', 'A', 'many')],
  };

  /** Answers every request that the peer got. */
  async function answerAll(peer: Peer, ...answers: string[]): Promise<number> {
    const replies = (await peer.heard()).match(/_R_\.\S+/g) ?? [];
    for (const reply of replies)
      for (const answer of answers) peer.send(`PUB ${reply} ${answer.length}\r\n${answer}\r\n`);
    return replies.length;
  }

  function left(world: World): number[] {
    return [...world.broker.accounts.values()].flatMap((account) => [
      account.responses?.size ?? 0,
      account.awaited?.size ?? 0,
      ...[...(account.serviceExports ?? [])].map(({ pending }) => pending?.count ?? 0),
    ]);
  }

  const nothing = (world: World) =>
    assert.ok(
      left(world).every((count) => count === 0),
      `${left(world)}`,
    );

  test('a request, its header, and one answer', async () => {
    const world = worldOf([A, B]);
    const [a, b] = [join(world, 'A'), join(world, 'B')];
    a.send('SUB q.* 1\r\n');
    b.send('SUB in.* 2\r\nPUB ask.x in.1 2\r\nhi\r\n');
    assert.equal(
      plain(await a.heard()),
      'HMSG q.x 1 _R_\r\nNATS/1.0\r\nNats-Request-Info: {"acc":"B"}\r\n\r\nhi\r\n',
    );
    b.send('HPUB ask.y in.2 18 20\r\nNATS/1.0\r\nK: 1\r\n\r\nhi\r\n');
    const [response] = [...world.broker.account('A').responses!.values()];
    a.send(`PUB ${response!.subject} 3\r\none\r\nPUB ${response!.subject} 3\r\ntwo\r\n`);
    assert.equal(await b.heard(), 'MSG in.1 2 3\r\none\r\n');
    assert.equal(
      plain(await a.heard()),
      'HMSG q.y 1 _R_\r\nNATS/1.0\r\nK: 1\r\nNats-Request-Info: {"acc":"B"}\r\n\r\nhi\r\n',
    );
  });

  test('nobody there: 503 with the requestor’s subject', async () => {
    const world = worldOf([A, B]);
    const b = join(world, 'B');
    b.send('SUB in.* 2\r\nPUB ask.x in.1 2\r\nhi\r\n');
    assert.equal(await b.heard(), 'HMSG in.1 2 37 37\r\nNATS/1.0 503\r\nNats-Subject: ask.x\r\n\r\n\r\n');
    nothing(world);
  });

  test('a stream of answers ends with an empty one', async () => {
    const world = worldOf([A, B]);
    const [a, b] = [join(world, 'A'), join(world, 'B')];
    a.send('SUB many 1\r\n');
    b.send('SUB in 2\r\nPUB many in 0\r\n\r\n');
    await answerAll(a, 'a', 'b', '', 'c');
    assert.equal(await b.heard(), 'MSG in 2 1\r\na\r\nMSG in 2 1\r\nb\r\nMSG in 2 0\r\n\r\n');
    nothing(world);
  });

  test('nothing is left of requests, answered, unanswered or forgotten', async () => {
    const world = worldOf([A, B]);
    const [a, b] = [join(world, 'A'), join(world, 'B')];
    a.send('SUB q.* 1\r\n');
    b.send('SUB in.> 2\r\n');
    for (let i = 0; i < 100; i++) b.send(`PUB ask.${i} in.${i} 0\r\n\r\n`);
    assert.equal(await answerAll(a, 'x'), 100);
    nothing(world);
    // Never answered: the time that a responder has runs out.
    for (let i = 0; i < 100; i++) b.send(`PUB ask.${i} in.${i} 0\r\n\r\n`);
    assert.equal(world.broker.account('A').responses!.size, 100);
    world.clock.advance(119_000);
    assert.equal(world.broker.account('A').responses!.size, 100);
    world.clock.advance(1_200);
    nothing(world);
    // The requestor goes away: at once for a literal reply, soon for a wildcard.
    const c = join(world, 'B');
    c.send('SUB own 1\r\nPUB ask.1 own 0\r\n\r\nPUB ask.1 own 0\r\n\r\n');
    assert.equal(world.broker.account('A').responses!.size, 2);
    c.send('UNSUB 1\r\n');
    nothing(world);
    b.send('PUB ask.1 in.1 0\r\n\r\n');
    b.leave();
    world.clock.advance(100);
    nothing(world);
  });

  test('chains, and what is told of the requestor on the way', async () => {
    const world = worldOf([
      { name: 'A', exports: [service('a')] },
      { name: 'B', imports: [from('service', 'A', 'a', { to: 'b' })], exports: [service('b')] },
      { name: 'C', imports: [from('service', 'B', 'b', { to: 'c', share: true })] },
    ]);
    const [a, c] = [join(world, 'A'), join(world, 'C', { name: 'asker' })];
    a.send('SUB a 1\r\n');
    c.send('SUB in 1\r\nPUB c in 0\r\n\r\n');
    const heard = await a.heard();
    const info = JSON.parse(/Nats-Request-Info: (.*)\r/.exec(heard)![1]!);
    assert.deepEqual([info.acc, info.svc, info.name, info.kind], ['C', 'B', 'asker', 'Client']);
    a.send(`PUB ${/_R_\S+/.exec(heard)![0]} 2\r\nok\r\n`);
    assert.equal(await c.heard(), 'MSG in 1 2\r\nok\r\n');
    nothing(world);
  });

  test('a responder may ask back', async () => {
    const world = worldOf([A, B]);
    const [a, b] = [join(world, 'A'), join(world, 'B')];
    a.send('SUB q.* 1\r\nSUB back 2\r\n');
    b.send('SUB in 2\r\nPUB ask.1 in 0\r\n\r\n');
    const reply = /_R_\S+/.exec(await a.heard())![0];
    a.send(`PUB ${reply} back 4\r\nwhy?\r\n`);
    const asked = await b.heard();
    assert.match(asked, /^MSG in 2 _R_\.\w{6}\.\w{6} 4\r\nwhy\?\r\n$/);
    b.send(`PUB ${/_R_\S+/.exec(asked)![0]} 7\r\nbecause\r\n`);
    assert.equal(await a.heard(), 'MSG back 2 7\r\nbecause\r\n');
    nothing(world);
  });

  test('what a stream delivers keeps its subject and the way of its acknowledgement, also over a chain', async () => {
    const world = worldOf([
      { name: 'A', exports: [service('next', { responseType: 'stream' })] },
      {
        name: 'B',
        imports: [from('service', 'A', 'next')],
        exports: [service('next', { responseType: 'stream' })],
      },
      { name: 'C', imports: [from('service', 'B', 'next')] },
    ]);
    const insider = world.broker.internalClient(world.broker.account('A'));
    insider.subscribe('next', ({ reply }) => {
      insider.deliver(reply, 'orders.1', '$JS.ACK.1', null, Buffer.from('one'));
      insider.deliver(reply, 'orders.2', '', Buffer.from('NATS/1.0\r\n\r\n'), Buffer.from('two'));
    });
    for (const name of ['B', 'C']) {
      const peer = join(world, name);
      peer.send('SUB in 1\r\nPUB next in 0\r\n\r\n');
      assert.equal(
        await peer.heard(),
        'MSG orders.1 1 $JS.ACK.1 3\r\none\r\nHMSG orders.2 1 12 15\r\nNATS/1.0\r\n\r\ntwo\r\n',
      );
    }
  });

  test('handlers inside the server learn who asks, and answer at once', async () => {
    const world = worldOf([A, { name: 'B' }]);
    const { broker } = world;
    const system = broker.internalClient(broker.account('$SYS'));
    system.subscribe('$SYS.REQ.USER.*.INFO', (message) => {
      system.publish(message.reply, `${message.subject} ${message.from?.account.name}`);
    });
    const b = join(world, 'B');
    for (let i = 0; i < 3; i++) b.send('SUB in.* 1\r\nPUB $SYS.REQ.USER.INFO in.1 0\r\n\r\n');
    assert.equal(await b.heard(), 'MSG in.1 1 22\r\n$SYS.REQ.USER.B.INFO B\r\n'.repeat(3));
    assert.equal(broker.account('B').interest.count, 1);
    nothing(world);
  });

  test('a large message, and one to a service and a subscriber at once', async () => {
    const world = worldOf([A, B]);
    const [a, b] = [join(world, 'A'), join(world, 'B')];
    const payload = 'z'.repeat(300_000);
    a.send('SUB q.* 1\r\n');
    b.send(`SUB ask.* 3\r\nSUB in 2\r\nPUB ask.1 in ${payload.length}\r\n${payload}\r\n`);
    assert.ok((await a.heard()).endsWith(`\r\n\r\n${payload}\r\n`));
    assert.equal(await b.heard(), `MSG ask.1 3 in ${payload.length}\r\n${payload}\r\n`);
  });
});

// What messages across accounts leave behind: nothing, whatever clients do, and however often.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import type { AccountOptions, ExportOptions, ImportOptions } from '../../src/config/options.js';
import { createWorld, Peer, turn, type World } from './harness.js';

const give = (
  kind: 'stream' | 'service',
  subject: string,
  more: Partial<ExportOptions> = {},
): ExportOptions => ({
  kind,
  subject,
  allowTrace: false,
  ...more,
});
const take = (
  kind: 'stream' | 'service',
  account: string,
  subject: string,
  more: Partial<ImportOptions> = {},
): ImportOptions => ({ kind, account, subject, share: false, allowTrace: false, ...more });

const accounts: AccountOptions[] = [
  {
    name: 'A',
    exports: [
      give('stream', 's.>'),
      give('service', 'q.*'),
      give('service', 'many', { responseType: 'stream', responseThreshold: 5000 }),
    ],
  },
  {
    name: 'B',
    exports: [give('service', 'b.>'), give('stream', 't.*')],
    imports: [
      take('stream', 'A', 's.>', { prefix: 'p' }),
      take('service', 'A', 'q.*', { to: 'b.*' }),
      take('service', 'A', 'many', { share: true }),
    ],
  },
  {
    name: 'C',
    imports: [
      take('stream', 'B', 't.*', { to: 's.$1' }),
      take('stream', 'A', 's.*'),
      take('service', 'B', 'b.>', { to: 'c.>' }),
    ],
  },
];

function newWorld(): World {
  const users = accounts.map(({ name }) => ({ username: name, password: 'x', account: name }));
  return createWorld({ accounts, authorization: { users, proxyRequired: false } });
}

const join = (world: World, name: string) =>
  Peer.connected(world, { user: name, pass: 'x', headers: true, no_responders: true });

/** What accounts hold beyond their imports. */
function held(world: World): Record<string, number> {
  const sums = { subscriptions: 0, responses: 0, awaited: 0, pending: 0 };
  for (const account of world.broker.accounts.values()) {
    sums.subscriptions += account.interest.count - (account.serviceImports?.length ?? 0);
    sums.responses += account.responses?.size ?? 0;
    sums.awaited += account.awaited?.size ?? 0;
    for (const each of account.serviceExports ?? []) sums.pending += each.pending?.count ?? 0;
  }
  return sums;
}

const nothing = { subscriptions: 0, responses: 0, awaited: 0, pending: 0 };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const names = fc.constantFrom('A', 'B', 'C');
const subjects = fc.constantFrom(
  ...['s.1', 's.2', 'p.s.1', 't.1', 'q.1', 'b.1', 'c.1', 'many', 'in', 'in.1', 'in.2', '_INBOX.a'],
);
const patterns = fc.constantFrom(
  ...[
    '>',
    's.*',
    'p.>',
    '*.1',
    't.*',
    'q.*',
    'b.>',
    'many',
    'in',
    'in.*',
    'in.1',
    '_INBOX.*',
    's.1',
    '_R_.>',
  ],
);
const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('sub' as const),
      who: fc.nat(5),
      subject: patterns,
      sid: fc.nat(6),
      queue: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('unsub' as const),
      who: fc.nat(5),
      sid: fc.nat(6),
      max: fc.nat(3),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('pub' as const),
      who: fc.nat(5),
      subject: subjects,
      reply: fc.option(subjects),
      size: fc.nat(2),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      who: fc.nat(5),
      reply: fc.option(subjects),
      size: fc.nat(1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), who: fc.nat(5), name: names }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reload' as const), without: fc.option(names) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), time: fc.nat(70_000) }) },
);

function relink(world: World, without: string | null): void {
  const kept = accounts.map((each) => (each.name === without ? { name: each.name } : each));
  const fitting = kept.map(({ imports, ...rest }) => ({
    ...rest,
    imports: imports?.filter(({ account }) => account !== without),
  }));
  world.broker.options = { ...world.broker.options, accounts: fitting };
  world.broker.applyAccounts();
}

describe('nothing is left', () => {
  test('when everybody has gone, whatever they did', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const world = newWorld();
        const peers = ['A', 'B', 'C', 'A', 'B', 'C'].map((name) => join(world, name));
        const seen: string[] = [];
        for (const each of actions) {
          const peer = 'who' in each ? peers[each.who]! : peers[0]!;
          if (each.do === 'sub') peer.send(`SUB ${each.subject} ${each.queue ? 'g ' : ''}${each.sid}\r\n`);
          else if (each.do === 'unsub')
            peer.send(`UNSUB ${each.sid}${each.max > 0 ? ` ${each.max}` : ''}\r\n`);
          else if (each.do === 'pub') peer.send(message(each.subject, each.reply, each.size));
          else if (each.do === 'answer') peer.send(message(seen.at(-1) ?? 'none', each.reply, each.size));
          else if (each.do === 'wait') world.clock.advance(each.time);
          else if (each.do === 'reload') relink(world, each.without);
          else {
            peer.leave();
            peers[each.who] = join(world, each.name);
          }
          if (each.do !== 'pub') continue;
          for (const one of peers) seen.push(...((await one.heard()).match(/_R_\.\w+\.\w+/g) ?? []));
        }
        for (const peer of peers) assert.equal(peer.connection.closedReason, null);
        for (const peer of peers) peer.leave();
        relink(world, null);
        world.clock.advance(125_000);
        assert.deepEqual(held(world), nothing);
      }),
      { numRuns: 150 },
    );
  });

  test('of many requests, of which some are never answered', { timeout: 120_000 }, async () => {
    const world = newWorld();
    const [a, c] = [join(world, 'A'), join(world, 'C')];
    a.send('SUB q.* 1\r\n');
    c.send('SUB _INBOX.c.* 1\r\n');
    let number = 0;
    const round = async (requests: number) => {
      for (let i = 0; i < requests; i += 100) {
        let text = '';
        for (let k = 0; k < 100; k++) text += `PUB c.${number % 50} _INBOX.c.${number++} 1\r\nx\r\n`;
        c.send(text);
        // One of ten gets no answer.
        const replies = ((await a.heard()).match(/_R_\.\w+\.\w+/g) ?? []).filter((_, k) => k % 10 !== 0);
        a.send(replies.map((reply) => `PUB ${reply} 1\r\ny\r\n`).join(''));
        await c.heard();
        world.clock.advance(1000);
      }
    };
    await round(20_000);
    const settled = held(world);
    const pages = world.broker.account('C').cache.pageBytes;
    const before = heapUsed();
    await round(100_000);
    // Those of the last two minutes are still waited for, twice, as they pass two accounts.
    assert.deepEqual(held(world), settled);
    assert.ok(settled.responses <= 2 * 1300, `${settled.responses}`);
    assert.ok(world.broker.account('C').cache.pageBytes <= pages + 64 * 1024);
    const growth = (heapUsed() - before) / 1024 / 1024;
    assert.ok(growth < 8, `${growth.toFixed(1)} MiB more`);
    world.clock.advance(125_000);
    assert.deepEqual(held(world), { ...nothing, subscriptions: 2 });
  });

  test('of the cache of an account that is only asked by others', async () => {
    const world = newWorld();
    const [a, b] = [join(world, 'A'), join(world, 'B')];
    a.send('SUB q.* 1\r\n');
    for (let i = 0; i < 300_000; i += 1000) {
      let text = '';
      for (let k = 0; k < 1000; k++) text += `PUB b.${i + k} 0\r\n\r\n`;
      b.send(text);
      a.transport.forget();
      await turn();
    }
    for (const name of ['A', 'B']) assert.ok(world.broker.account(name).cache.size <= 131_072 + 1000);
  });
});

function message(subject: string, reply: string | null, size: number): string {
  return `PUB ${subject} ${reply === null ? '' : `${reply} `}${size}\r\n${'x'.repeat(size)}\r\n`;
}

function heapUsed(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

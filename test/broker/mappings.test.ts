// Mapped subjects in memory, while interest comes and goes and the cache forgets: what arrives is what a naive model says.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { subjectMatches } from '../../src/subjects/subject.js';
import { createWorld, Peer } from './harness.js';

const to = (subject: string) => [{ subject, weight: 100 }];
const mappings = [
  { subject: 'a', destinations: to('b') },
  { subject: 'b', destinations: to('c') },
  { subject: 'w.*', destinations: to('m.$1') },
  { subject: 'inbox', destinations: to('_INBOX.x') },
  { subject: 'lost', destinations: [{ subject: 'lost', weight: 0 }] },
];
const goes: Record<string, string> = {
  a: 'b',
  b: 'c',
  'w.1': 'm.1',
  'w.2': 'm.2',
  inbox: '_INBOX.x',
  lost: '',
};
const subjects = ['a', 'b', 'c', 'w.1', 'w.2', 'm.1', 'inbox', '_INBOX.x', 'lost'];
const patterns = [...subjects, '>', 'm.*', '_INBOX.*', 'w.>'];

describe('mapped subjects', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('sub' as const), at: fc.nat({ max: patterns.length - 1 }) }),
    fc.record({ kind: fc.constant('unsub' as const), at: fc.nat({ max: patterns.length - 1 }) }),
    fc.record({ kind: fc.constant('reload' as const), at: fc.constant(0) }),
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('pub' as const), at: fc.nat({ max: subjects.length - 1 }) }),
    },
  );
  for (const disableSublistCache of [false, true]) {
    test(`while interest changes${disableSublistCache ? ', almost without a cache' : ''}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
          const accounts = [{ name: '$G', mappings }];
          const world = createWorld({ accounts, disableSublistCache });
          const peer = Peer.connected(world);
          const interest = new Set<number>();
          let mapped = true;
          for (const [number, { kind, at }] of steps.entries()) {
            if (kind === 'sub') {
              interest.add(at);
              peer.send(`SUB ${patterns[at]} ${at}\r\n`);
            } else if (kind === 'unsub') {
              interest.delete(at);
              peer.send(`UNSUB ${at}\r\n`);
            } else if (kind === 'reload') {
              mapped = !mapped;
              world.broker.options = { ...world.broker.options, accounts: mapped ? accounts : [] };
              world.broker.applyAccounts();
            } else {
              const published = subjects[at]!;
              const subject: string = mapped ? (goes[published] ?? published) : published;
              peer.send(`PUB ${published} ${String(number).length}\r\n${number}\r\n`);
              const expected = [...interest]
                .filter((each) => subject !== '' && subjectMatches(subject, patterns[each]!))
                .map((each) => `MSG ${subject} ${each} ${String(number).length}\r\n${number}\r\n`);
              const heard = (await peer.heard()).match(/MSG [^\r]*\r\n[^\r]*\r\n/g) ?? [];
              assert.deepEqual([...heard].sort(), expected.sort());
            }
          }
        }),
        { numRuns: 150 },
      );
    });
  }
});

// Random scripts of JetStream, played to the official server and to ours: all that comes back must be the same.
//
// WEFT_RANDOM_SEEDS: how many seeds, or `from-to`. With it everything is played; without it few seeds, of what is stable.
// WEFT_RANDOM_SCRIPT: a file with the operations of a script, one in a line, as they are printed; it is played alone, and what the official
// server says is shown.
// WEFT_RANDOM_SHRINK: seconds that making one script smaller may take (default 20).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { officialBinary, WITHOUT_OFFICIAL, weftBinary } from '../support/official.js';
import { RandomClient } from './jetstream-random-client.js';
import { randomScript } from './jetstream-random-generator.js';
import { FAST, Pair, SLOW, shrink } from './jetstream-random-play.js';
import type { Operation, RandomScript } from './jetstream-random-script.js';

const WANTED = process.env.WEFT_RANDOM_SEEDS;
/** Pairs of servers at work side by side. */
const LANES = Number(process.env.WEFT_RANDOM_LANES ?? 2);
const SHRINK = Number(process.env.WEFT_RANDOM_SHRINK ?? 20) * 1000;
const [FROM, TO] = seeds(WANTED ?? '30');
const OPTIONS =
  WANTED === undefined
    ? { length: 50, without: ['copies', 'restarts', 'timed'] as const }
    : { length: 60, without: (process.env.WEFT_RANDOM_WITHOUT ?? '').split(',').filter(Boolean) as never[] };

function seeds(text: string): [number, number] {
  const [first = 1, last] = text.split('-').map(Number);
  return last === undefined ? [1, first] : [first, last];
}

describe('random scripts', { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
  const pairs: Pair[] = [];
  before(async () => {
    for (let n = 0; n < LANES; n++)
      pairs.push(new Pair(new RandomClient(officialBinary()!), new RandomClient(weftBinary())));
    for (const pair of pairs) await pair.both((side) => side.start());
  });
  after(() => Promise.all(pairs.map((pair) => pair.both((side) => side.end()))));

  const file = process.env.WEFT_RANDOM_SCRIPT;
  if (file !== undefined) {
    test('the script of a file', async () => {
      const operations = readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Operation);
      const script = { seed: 0, patient: true, streams: ['A', 'B', 'C'], operations };
      const found = await pairs[0]!.play(script, SLOW, true);
      console.log(found === null ? 'no difference' : `behind operation ${found.at}, ${found.text}`);
    });
    return;
  }
  test(`seeds ${FROM} to ${TO}`, async () => {
    const found: string[] = [];
    let next = FROM;
    const lane = async (pair: Pair): Promise<void> => {
      while (next <= TO) {
        const script = randomScript(next++, OPTIONS);
        const text = await compare(pair, script).catch(async (error: Error) => {
          await pair.both((side) => side.restart());
          await pair.both((side) => side.clear(script.streams));
          return `seed ${script.seed}: ${error.message}\n${shownScript(script)}`;
        });
        if (text === null) continue;
        found.push(text);
        if (WANTED !== undefined) console.log(text);
      }
    };
    await Promise.all(pairs.map(lane));
    console.log(`${TO - FROM + 1} scripts, ${found.length} with a difference`);
    if (WANTED === undefined) assert.equal(found.join('\n\n'), '');
    else assert.equal(found.length, 0);
  });
});

/** What differs, with the smallest script that shows it; null where nothing does. */
async function compare(pair: Pair, script: RandomScript): Promise<string | null> {
  if ((await pair.play(script, FAST)) === null) return null;
  const again = await pair.play(script, SLOW);
  if (again === null) {
    if (WANTED !== undefined) console.log(`seed ${script.seed}: differed once`);
    return null;
  }
  const [small, difference] = await shrink(pair, script, again, Date.now() + SHRINK);
  return `seed ${script.seed}: behind operation ${difference.at}, ${difference.text}\n${shownScript(small)}`;
}

function shownScript({ operations }: RandomScript): string {
  return operations.map((operation) => JSON.stringify(operation)).join('\n');
}

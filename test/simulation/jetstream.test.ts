/**
 * JetStream as a whole on a disk that loses power, refuses, and damages what it has: `WEFT_SEEDS` says how many seeds, `WEFT_SEED` which
 * single one. This process runs the first half of them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ONLY, runSeed, runSeeds, SEEDS } from './seeds.js';

test(`nothing confirmed is lost, nothing comes back, nothing is served wrong: ${ONLY || SEEDS >> 1}`, () =>
  ONLY ? runSeeds(ONLY, ONLY) : runSeeds(1, SEEDS >> 1));

test('a seed replays exactly', async () => {
  for (const seed of [77, 80]) assert.deepEqual(await runSeed(seed), await runSeed(seed));
});

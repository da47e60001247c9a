/**
 * JetStream as a whole on a disk that loses power: `WEFT_SEEDS` says how many seeds, `WEFT_SEED` which single one; a seed that fails
 * tells its last steps.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Simulation } from './simulation.js';

const SEEDS = Number(process.env.WEFT_SEEDS ?? 300);
const ONLY = Number(process.env.WEFT_SEED ?? 0);

async function run(seed: number): Promise<readonly string[]> {
  const simulation = new Simulation(seed);
  try {
    await simulation.run();
  } catch (error) {
    const last = simulation.trace.slice(ONLY ? 0 : -40).join('\n');
    throw new Error(`WEFT_SEED=${seed}: ${(error as Error).message}\n${last}`, { cause: error });
  }
  return simulation.trace;
}

test(`nothing confirmed is lost, nothing comes back, nothing is served wrong: ${SEEDS} seeds`, async () => {
  const failures: string[] = [];
  for (let seed = ONLY || 1; seed <= (ONLY || SEEDS); seed++) {
    try {
      await run(seed);
    } catch (error) {
      if (ONLY || failures.length === 0) console.error(error);
      failures.push((error as Error).message.split('\n')[0]!);
    }
  }
  assert.deepEqual(failures, []);
});

test('a seed replays exactly', async () => {
  assert.deepEqual(await run(77), await run(77));
});

/** Runs simulations by their seeds, and tells of those that fail. Beside the tests, as several processes share the seeds. */
import assert from 'node:assert/strict';
import { Simulation } from './simulation.js';

/** How many seeds there are for all processes together; `WEFT_SEED` is a single one, whose whole trace is shown. */
export const SEEDS = Number(process.env.WEFT_SEEDS ?? 2000);
export const ONLY = Number(process.env.WEFT_SEED ?? 0);

export async function runSeed(seed: number): Promise<readonly string[]> {
  const simulation = new Simulation(seed);
  try {
    await simulation.run();
  } catch (error) {
    const last = simulation.trace.slice(ONLY ? 0 : -40).join('\n');
    throw new Error(`WEFT_SEED=${seed}: ${(error as Error).message}\n${last}`, { cause: error });
  }
  return simulation.trace;
}

export async function runSeeds(from: number, to: number): Promise<void> {
  const failures: string[] = [];
  for (let seed = from; seed <= to; seed++) {
    try {
      await runSeed(seed);
    } catch (error) {
      if (ONLY || failures.length === 0) console.error(error);
      failures.push((error as Error).message.split('\n')[0]!);
    }
  }
  assert.deepEqual(failures, []);
}

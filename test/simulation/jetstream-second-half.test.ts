// The other half of the seeds of `jetstream.test.ts`, in a process of its own.
import { test } from 'node:test';
import { ONLY, runSeeds, SEEDS } from './seeds.js';

test(
  `nothing confirmed is lost, nothing comes back, nothing is served wrong: up to ${SEEDS}`,
  {
    skip: ONLY > 0,
  },
  () => runSeeds((SEEDS >> 1) + 1, SEEDS),
);

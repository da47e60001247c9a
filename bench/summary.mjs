// From the runs of a load to medians, ratios and verdicts.
import { metrics } from './loads.mjs';
import { median } from './numbers.mjs';
import { sides } from './sides.mjs';

/**
 * @typedef {{metrics?: Record<string, number>, notes: string[], failed?: string}} Result of one run
 * @typedef {{official?: Result, always?: Result, weft?: Result, lazy?: Result}} Round
 * @typedef {{official?: number, always?: number, weft?: number, lazy?: number, ratio?: number, ratios: number[],
 *   alwaysRatio?: number, lazyRatio?: number}} Figure medians over the rounds; `ratio` is Weft divided by the official server, both
 *   as they are by default, `alwaysRatio` by that server when it syncs always, `lazyRatio` is of both with `sync_interval: 2m`
 * @typedef {{metric: string, max?: number, min?: number, of: 'ratio' | 'absolute', than: 'official' | 'always', value?: number,
 *   met?: boolean}} Check
 */

/** @param {import('./loads.mjs').Load} load @param {Round[]} rounds */
export function summarize(load, rounds) {
  /** @type {Record<string, Figure>} */
  const figures = {};
  for (const metric of Object.keys(metrics)) {
    const figure = figureOf(metric, rounds);
    if (figure) figures[metric] = figure;
  }
  const runs = rounds.flatMap((round) => Object.entries(round));
  const remarks = runs.flatMap(([side, { notes, failed }]) => [
    ...notes.map((note) => `${sides[side].label}: ${note}`),
    ...(failed ? [`${sides[side].label} FAILED: ${failed}`] : []),
  ]);
  return {
    id: load.id,
    title: load.title,
    unit: load.unit,
    jetstream: load.jetstream === true,
    size: load.size,
    figures,
    checks: load.targets.map((target) => check(target, figures, rounds)),
    remarks: counted(remarks),
    rounds,
  };
}

/** Each remark once, with how often it was made. */
function counted(remarks) {
  const times = new Map();
  for (const remark of remarks) times.set(remark, (times.get(remark) ?? 0) + 1);
  return [...times].map(([remark, count]) => (count > 1 ? `${remark} (${count} times)` : remark));
}

/** @returns {Figure | undefined} */
function figureOf(metric, rounds) {
  const value = (round, side) => round[side]?.metrics?.[metric] ?? Number.NaN;
  const medians = Object.keys(sides)
    .map((side) => [side, median(rounds.map((round) => value(round, side)))])
    .filter(([, of]) => of !== undefined);
  if (medians.length === 0) return undefined;
  // The sides of a round ran one after the other, under the same other load on the machine: pairs first, then the median.
  const quotients = (side, than) =>
    rounds.map((round) => value(round, side) / value(round, than)).filter((ratio) => Number.isFinite(ratio));
  const ratios = quotients('weft', 'official');
  return {
    ...Object.fromEntries(medians),
    ratio: median(ratios),
    ratios,
    alwaysRatio: median(quotients('weft', 'always')),
    lazyRatio: median(quotients('lazy', 'official')),
  };
}

/** A target that Weft could not be measured for because it failed is missed. @returns {Check} */
function check({ metric, max, min, of = 'ratio', than = 'official' }, figures, rounds) {
  const figure = figures[metric];
  const ratio = than === 'always' ? figure?.alwaysRatio : figure?.ratio;
  const value = of === 'ratio' ? ratio : figure?.weft;
  const failed = rounds.every(({ weft }) => weft?.failed);
  const reached = value !== undefined && value <= (max ?? Infinity) && value >= (min ?? -Infinity);
  const met = failed ? false : value === undefined ? undefined : reached;
  return { metric, max, min, of, than, value, met };
}

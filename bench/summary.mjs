// From the runs of a load to medians, ratios and verdicts.
import { metrics } from './loads.mjs';
import { median } from './numbers.mjs';

/**
 * @typedef {{metrics?: Record<string, number>, notes: string[], failed?: string}} Result of one run
 * @typedef {{official?: Result, weft?: Result}} Round
 * @typedef {{official?: number, weft?: number, ratio?: number, ratios: number[]}} Figure medians over the rounds
 * @typedef {{metric: string, max: number, of: 'ratio' | 'absolute', value?: number, met?: boolean}} Check
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
    ...notes.map((note) => `${side}: ${note}`),
    ...(failed ? [`${side} FAILED: ${failed}`] : []),
  ]);
  return {
    id: load.id,
    title: load.title,
    unit: load.unit,
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
  const of = (side) => median(rounds.map((round) => round[side]?.metrics?.[metric] ?? Number.NaN));
  const official = of('official');
  const weft = of('weft');
  if (official === undefined && weft === undefined) return undefined;
  // The sides of a round ran one after the other, under the same other load on the machine: pairs first, then the median.
  const ratios = rounds
    .map(
      ({ official: a, weft: b }) =>
        (b?.metrics?.[metric] ?? Number.NaN) / (a?.metrics?.[metric] ?? Number.NaN),
    )
    .filter((ratio) => Number.isFinite(ratio));
  return { official, weft, ratio: median(ratios), ratios };
}

/** A target that Weft could not be measured for because it failed is missed. @returns {Check} */
function check({ metric, max, of = 'ratio' }, figures, rounds) {
  const figure = figures[metric];
  const value = of === 'ratio' ? figure?.ratio : figure?.weft;
  const failed = rounds.every(({ weft }) => weft?.failed);
  return { metric, max, of, value, met: failed ? false : value === undefined ? undefined : value <= max };
}

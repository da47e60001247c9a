// The table on the terminal.
import { metrics } from './loads.mjs';
import { format } from './numbers.mjs';
import { sides } from './sides.mjs';

const WIDTHS = [42, 12, 12, 7, 0];

/** Figures that are worth a line of their own for the other mode of each server. */
const IN_BOTH_MODES = ['rate', 'cpu', 'p50', 'p99'];

const row = (cells) =>
  `  ${cells.map((cell, i) => (i === 0 || i === 4 ? cell.padEnd(WIDTHS[i]) : cell.padStart(WIDTHS[i]))).join('  ')}`.trimEnd();

/** What to say about a target. @param {import('./summary.mjs').Check} check */
export function verdict(check) {
  const target = check.max ?? `at least ${check.min}`;
  if (check.met === undefined) return `target ${target}: not measured`;
  if (check.value === undefined) return `MISSED (target ${target}: Weft failed)`;
  const unit = check.of === 'absolute' ? ` ${metrics[check.metric].unit}` : '';
  return `${check.met ? 'met' : 'MISSED'} (target ${target}${unit})`;
}

/**
 * The lines of a figure in a table: the official server and Weft as they are by default, and where it was measured the official
 * server when it syncs always, and Weft when it does not.
 */
export function figureLines(load, metric) {
  const figure = load.figures[metric];
  const checkOf = (side) => load.checks.find((check) => check.metric === metric && check.than === side);
  const { official, weft, ratio, always, alwaysRatio, lazy, lazyRatio } = figure;
  const lines = [{ official, weft, ratio, check: checkOf('official') }];
  if (!IN_BOTH_MODES.includes(metric)) return lines;
  if (always !== undefined)
    lines.push({
      of: sides.always.label,
      official: always,
      weft,
      ratio: alwaysRatio,
      check: checkOf('always'),
    });
  if (lazy !== undefined) lines.push({ of: sides.lazy.label, official, weft: lazy, ratio: lazyRatio });
  return lines;
}

function loadLines(load) {
  const lines = [`${load.title}  [${load.id}]`];
  for (const name of Object.keys(load.figures)) {
    const { label, unit } = metrics[name];
    const per = name === 'cpu' ? ` per ${load.unit}` : '';
    const counted = name === 'rate' ? `${load.unit === 'delivery' ? 'deliveries' : `${load.unit}s`}` : label;
    for (const { of, official, weft, ratio, check } of figureLines(load, name)) {
      lines.push(
        row([
          of ? `  ${of}` : `${counted}${per} (${unit})`,
          format(official),
          format(weft),
          ratio === undefined ? '-' : ratio.toFixed(2),
          check ? verdict(check) : '',
        ]),
      );
    }
  }
  for (const check of load.checks) {
    if (!load.figures[check.metric])
      lines.push(row([metrics[check.metric].label, '-', '-', '-', verdict(check)]));
  }
  return [...lines, ...load.remarks.map((remark) => `  ! ${remark}`), ''];
}

/** The loads with medians over the rounds, and how many targets were met. */
export function renderTable(report) {
  const { machine, versions } = report;
  const checks = report.loads.flatMap((load) => load.checks);
  const judged = checks.filter(({ met }) => met !== undefined);
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}`,
    ...Object.entries(versions).map(([side, version]) => `${side}: ${version}`),
    `${report.rounds} round(s)${report.quick ? ', quick' : ''}, ${report.seconds} s`,
    '',
    row(['', 'official', 'weft', 'ratio', '']),
    ...report.loads.flatMap(loadLines),
    `Targets met: ${judged.filter(({ met }) => met).length} of ${judged.length} measured, ${checks.length} in all.`,
  ];
  return `${lines.join('\n')}\n`;
}

// The table on the terminal.
import { metrics } from './loads.mjs';
import { format } from './numbers.mjs';

const WIDTHS = [42, 12, 12, 7, 0];

const row = (cells) =>
  `  ${cells.map((cell, i) => (i === 0 || i === 4 ? cell.padEnd(WIDTHS[i]) : cell.padStart(WIDTHS[i]))).join('  ')}`.trimEnd();

/** What to say about a target. @param {import('./summary.mjs').Check} check */
export function verdict(check) {
  if (check.met === undefined) return `target ${check.max}: not measured`;
  if (check.value === undefined) return `MISSED (target ${check.max}: Weft failed)`;
  const unit = check.of === 'absolute' ? ` ${metrics[check.metric].unit}` : '';
  return `${check.met ? 'met' : 'MISSED'} (target ${check.max}${unit})`;
}

function loadLines(load) {
  const lines = [`${load.title}  [${load.id}]`];
  for (const [name, figure] of Object.entries(load.figures)) {
    const { label, unit } = metrics[name];
    const per = name === 'cpu' ? ` per ${load.unit}` : '';
    const counted = name === 'rate' ? `${load.unit === 'delivery' ? 'deliveries' : `${load.unit}s`}` : label;
    const check = load.checks.find(({ metric }) => metric === name);
    lines.push(
      row([
        `${counted}${per} (${unit})`,
        format(figure.official),
        format(figure.weft),
        figure.ratio === undefined ? '-' : figure.ratio.toFixed(2),
        check ? verdict(check) : '',
      ]),
    );
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

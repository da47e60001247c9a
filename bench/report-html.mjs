// The page with plots: one self-contained HTML file, figures as inline SVG, no scripts.
import { metrics } from './loads.mjs';
import { format } from './numbers.mjs';
import { escapeText, latencyPlot, ratioPlot, sizePlot } from './plots.mjs';
import { figureLines, verdict } from './report-text.mjs';

const STYLE = `
:root{color-scheme:light dark;--text:#1d2330;--soft:#667085;--line:#d5dae3;--back:#fff;--official:#8a94a6;--weft:#0b7a75;--bad:#c2410c}
@media (prefers-color-scheme:dark){:root{--text:#e6e9ef;--soft:#98a2b3;--line:#384152;--back:#12161f;--official:#7d889c;--weft:#2cb5ad;--bad:#fb923c}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);max-width:960px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}p,.soft{color:var(--soft)}
svg{width:100%;height:auto;display:block}svg text{font:12px system-ui,sans-serif;fill:var(--text)}svg .soft{fill:var(--soft)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
td,th{padding:.2rem .5rem;text-align:right;border-bottom:1px solid var(--line)}
td:first-child,th:first-child,td:last-child,th:last-child{text-align:left}
tr.head td{font-weight:600;padding-top:.8rem}.met{color:var(--weft)}.missed{color:var(--bad);font-weight:600}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:1rem}tr.mode td:first-child{padding-left:1.5rem;color:var(--soft)}
.key span{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .3em 0 1em}`;

function figureRows(load, name) {
  const { label, unit } = metrics[name];
  const counted =
    name === 'cpu' || name === 'rate' ? `${label} per ${name === 'cpu' ? load.unit : 'second'}` : label;
  return figureLines(load, name).map(({ of, official, weft, ratio, check }) => {
    const title = of ?? `${counted}${name === 'rate' ? '' : ` (${unit})`}`;
    const cells = [format(official), format(weft), ratio?.toFixed(2) ?? '-']
      .map((cell) => `<td>${cell}</td>`)
      .join('');
    const mark = check
      ? `<span class="${check.met ? 'met' : 'missed'}">${escapeText(verdict(check))}</span>`
      : '';
    return `<tr${of ? ' class="mode"' : ''}><td>${escapeText(title)}</td>${cells}<td>${mark}</td></tr>`;
  });
}

function table(report) {
  const rows = report.loads.flatMap((load) => [
    `<tr class="head"><td colspan="5">${escapeText(load.title)} <span class="soft">${load.id}</span></td></tr>`,
    ...Object.keys(load.figures).flatMap((name) => figureRows(load, name)),
    ...load.remarks.map((remark) => `<tr><td colspan="5" class="missed">${escapeText(remark)}</td></tr>`),
  ]);
  const head = '<tr><th></th><th>official</th><th>weft</th><th>ratio</th><th></th></tr>';
  return `<table>${head}${rows.join('')}</table>`;
}

function section(title, remark, body) {
  return body === '' ? '' : `<h2>${title}</h2><p>${remark}</p>${body}`;
}

const RATIO_REMARK =
  'Weft divided by the official server, median over rounds. Dots: rounds. Dashed: the target.';
const CURVES_REMARK =
  "Solid: an acknowledgement means that the disk has it (<code>sync_interval: always</code>, Weft's default). Dashed: it is synced every two minutes (the official default).";

/** Plots side by side. */
function grid(plots) {
  const shown = plots.filter((plot) => plot !== '');
  if (shown.length === 0) return '';
  return `<div class="grid">${shown.join('')}</div>`;
}

function coreSections(loads) {
  return [
    section('Server CPU', `${RATIO_REMARK} Less is better.`, ratioPlot(loads, 'cpu')),
    section('Throughput', `${RATIO_REMARK} More is better.`, ratioPlot(loads, 'rate')),
    section(
      'Latency',
      'Request-reply, microseconds on a logarithmic axis.',
      grid(loads.map((load) => latencyPlot(load))),
    ),
    section(
      'Memory',
      `${RATIO_REMARK} Resident memory at the end of a run; less is better.`,
      ratioPlot(loads, 'rss'),
    ),
  ].join('\n');
}

function jetStreamSections(loads, all) {
  const defaults = 'Both with their default settings: Weft syncs before it acknowledges.';
  const megabytes = (rate, { size }) => (rate * size) / 1e6;
  return [
    section('JetStream: throughput', `${RATIO_REMARK} ${defaults} More is better.`, ratioPlot(loads, 'rate')),
    section(
      'JetStream: throughput when both sync always',
      'More is better.',
      ratioPlot(loads, 'rate', 'always'),
    ),
    section('JetStream: server CPU', `${RATIO_REMARK} ${defaults} Less is better.`, ratioPlot(loads, 'cpu')),
    section(
      'JetStream: latency',
      `Microseconds from request to answer. ${CURVES_REMARK}`,
      grid(loads.map((load) => latencyPlot(load))),
    ),
    section(
      'JetStream: throughput over message size',
      `Asynchronous publish, one client, files. ${CURVES_REMARK}`,
      grid([
        sizePlot(all, 'Messages per second', 'rate'),
        sizePlot(all, 'Megabytes of payload per second', 'rate', megabytes),
        sizePlot(all, 'Server CPU per message (us)', 'cpu'),
      ]),
    ),
    section('JetStream: restart', `${RATIO_REMARK} Less is better.`, ratioPlot(loads, 'restart')),
    section(
      'JetStream: memory',
      `${RATIO_REMARK} Resident memory at the end of a run; less is better.`,
      ratioPlot(loads, 'rss'),
    ),
  ].join('\n');
}

/** @returns {string} a whole HTML page */
export function renderPage(report) {
  const { machine, versions } = report;
  const facts = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memory}, ${machine.system}, Node ${machine.node}`,
    ...Object.entries(versions).map(([side, version]) => `${side}: ${version}`),
    `${report.date}, ${report.rounds} round(s)${report.quick ? ', quick' : ''}`,
  ];
  const core = report.loads.filter((load) => !load.jetstream);
  const streams = report.loads.filter((load) => load.jetstream && load.size === undefined);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Weft bench</title>
<style>${STYLE}</style></head><body>
<h1>Weft beside the official server</h1>
<p>${facts.map(escapeText).join('<br>')}</p>
<p class="key"><span style="background:var(--official)"></span>official<span style="background:var(--weft)"></span>Weft</p>
${coreSections(core)}${jetStreamSections(streams, report.loads)}
${section('All figures', 'Medians over rounds.', table(report))}
</body></html>
`;
}

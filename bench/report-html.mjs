// The page with plots: one self-contained HTML file, figures as inline SVG, no scripts.
import { metrics } from './loads.mjs';
import { format } from './numbers.mjs';
import { verdict } from './report-text.mjs';

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
.key span{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .3em 0 1em}`;

const escapeText = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const LEFT = 330; // room for the titles beside a plot
const WIDTH = 900;

const text = (x, y, content, attributes = '') =>
  `<text x="${x}" y="${y}" ${attributes}>${escapeText(content)}</text>`;
const line = (x1, y1, x2, y2, colour, attributes = '') =>
  `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="var(--${colour})" ${attributes}/>`;

/** One bar per load: Weft divided by official, rounds as dots, the target as a dashed mark. */
function ratioPlot(report, metric) {
  const rows = report.loads.filter((load) => load.figures[metric]?.ratio !== undefined);
  if (rows.length === 0) return '';
  const pitch = 26;
  const height = rows.length * pitch + 28;
  const most = Math.max(1.25, ...rows.flatMap((load) => load.figures[metric].ratios));
  const top = Math.min(most * 1.05, 4);
  const x = (ratio) => LEFT + (Math.min(ratio, top) / top) * (WIDTH - LEFT - 60);
  const bars = rows.map((load, i) => {
    const { ratio, ratios } = load.figures[metric];
    const y = i * pitch + 4;
    const target = load.checks.find((check) => check.metric === metric && check.of === 'ratio');
    const colour = target?.met === false ? 'bad' : 'weft';
    return [
      text(LEFT - 10, y + 13, load.title, 'text-anchor="end"'),
      `<rect x="${LEFT}" y="${y}" width="${x(ratio) - LEFT}" height="16" rx="2" fill="var(--${colour})" opacity=".75"/>`,
      ...ratios.map((one) => `<circle cx="${x(one)}" cy="${y + 8}" r="2.5" fill="var(--text)"/>`),
      target
        ? line(x(target.max), y - 3, x(target.max), y + 19, 'text', 'stroke-width="2" stroke-dasharray="3 2"')
        : '',
      text(x(Math.max(ratio, ...ratios)) + 8, y + 13, ratio.toFixed(2)),
    ].join('');
  });
  const base = height - 26;
  const axis =
    line(x(1), 0, x(1), base, 'official') +
    text(x(1), height - 10, 'as the official server', 'text-anchor="middle" class="soft"');
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img">${axis}${bars.join('')}</svg>`;
}

/** Percentiles of one load on a logarithmic axis, both sides. */
function latencyPlot(load) {
  const names = ['p50', 'p90', 'p99', 'p999'];
  const sides = ['official', 'weft'].filter((side) => load.figures.p50?.[side] !== undefined);
  if (sides.length === 0) return '';
  const [width, height, left, base] = [440, 220, 50, 185];
  const values = sides.flatMap((side) => names.map((name) => load.figures[name][side]));
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const y = (value) => base - ((Math.log10(value) - low) / (high - low)) * (base - 20);
  const x = (i) => left + 30 + i * 110;
  const grid = [];
  for (let power = low; power <= high; power++) {
    const at = y(10 ** power);
    grid.push(
      line(left, at, width, at, 'line'),
      text(left - 6, at + 4, format(10 ** power), 'text-anchor="end" class="soft"'),
    );
  }
  const curves = sides.map((side) => {
    const points = names.map((name, i) => [x(i), y(load.figures[name][side])]);
    const dots = points
      .map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3.5" fill="var(--${side})"/>`)
      .join('');
    return `<polyline points="${points.join(' ')}" fill="none" stroke="var(--${side})" stroke-width="2"/>${dots}`;
  });
  const labels = names.map((name, i) =>
    text(x(i), base + 20, metrics[name].label, 'text-anchor="middle" class="soft"'),
  );
  const title = text(left, 12, `${load.title} (us)`);
  return `<svg viewBox="0 0 ${width} ${height}" role="img">${title}${[...grid, ...curves, ...labels].join('')}</svg>`;
}

function table(report) {
  const rows = report.loads.flatMap((load) => [
    `<tr class="head"><td colspan="5">${escapeText(load.title)} <span class="soft">${load.id}</span></td></tr>`,
    ...Object.entries(load.figures).map(([name, figure]) => {
      const check = load.checks.find(({ metric }) => metric === name);
      const mark = check
        ? `<span class="${check.met ? 'met' : 'missed'}">${escapeText(verdict(check))}</span>`
        : '';
      const { label, unit } = metrics[name];
      const counted =
        name === 'cpu' || name === 'rate' ? `${label} per ${name === 'cpu' ? load.unit : 'second'}` : label;
      const cells = [format(figure.official), format(figure.weft), figure.ratio?.toFixed(2) ?? '-'];
      return `<tr><td>${escapeText(`${counted}${name === 'rate' ? '' : ` (${unit})`}`)}</td>${cells.map((cell) => `<td>${cell}</td>`).join('')}<td>${mark}</td></tr>`;
    }),
    ...load.remarks.map((remark) => `<tr><td colspan="5" class="missed">${escapeText(remark)}</td></tr>`),
  ]);
  const head = '<tr><th></th><th>official</th><th>weft</th><th>ratio</th><th></th></tr>';
  return `<table>${head}${rows.join('')}</table>`;
}

function section(title, remark, body) {
  return body === '' ? '' : `<h2>${title}</h2><p>${remark}</p>${body}`;
}

/** @returns {string} a whole HTML page */
export function renderPage(report) {
  const { machine, versions } = report;
  const facts = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memory}, ${machine.system}, Node ${machine.node}`,
    ...Object.entries(versions).map(([side, version]) => `${side}: ${version}`),
    `${report.date}, ${report.rounds} round(s)${report.quick ? ', quick' : ''}`,
  ];
  const latencies = report.loads.map(latencyPlot).filter((plot) => plot !== '');
  const grid =
    latencies.length === 0
      ? ''
      : `<div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:1rem">${latencies.join('')}</div>`;
  const ratioRemark =
    'Weft divided by the official server, median over rounds. Dots: rounds. Dashed: the target.';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Weft bench</title>
<style>${STYLE}</style></head><body>
<h1>Weft beside the official server</h1>
<p>${facts.map(escapeText).join('<br>')}</p>
<p class="key"><span style="background:var(--official)"></span>official<span style="background:var(--weft)"></span>Weft</p>
${section('Server CPU', `${ratioRemark} Less is better.`, ratioPlot(report, 'cpu'))}
${section('Throughput', `${ratioRemark} More is better.`, ratioPlot(report, 'rate'))}
${section('Latency', 'Request-reply, microseconds on a logarithmic axis.', grid)}
${section('Memory', `${ratioRemark} Resident memory at the end of a run; less is better.`, ratioPlot(report, 'rss'))}
${section('All figures', 'Medians over rounds.', table(report))}
</body></html>
`;
}

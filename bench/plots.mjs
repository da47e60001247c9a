// The plots of the page, as inline SVG. What is known of a metric or a side comes from loads.mjs and sides.mjs.
import { metrics } from './loads.mjs';
import { format } from './numbers.mjs';
import { sides } from './sides.mjs';

export const escapeText = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

const text = (x, y, content, attributes = '') =>
  `<text x="${x}" y="${y}" ${attributes}>${escapeText(content)}</text>`;
const line = (x1, y1, x2, y2, colour, attributes = '') =>
  `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="var(--${colour})" ${attributes}/>`;

const LEFT = 330; // room for the titles beside a plot
const WIDTH = 900;
const MOST = 6; // ratios beyond it end there
const TICK = 'stroke-width="2" stroke-dasharray="3 2"';

/** What a plot of ratios shows: Weft by the official server, or by that one when it syncs always. */
const RATIOS = {
  official: { of: 'ratio', axis: 'as the official server' },
  always: { of: 'alwaysRatio', axis: 'as the official server that syncs always' },
};

/** One bar per load: Weft divided by the official server, rounds as dots, the target as a dashed mark. */
export function ratioPlot(loads, metric, than = 'official') {
  const { of, axis: axisText } = RATIOS[than];
  const ratioOf = (load) => load.figures[metric]?.[of];
  const dotsOf = (load) => (than === 'official' ? load.figures[metric].ratios : []);
  const rows = loads.filter((load) => ratioOf(load) !== undefined);
  if (rows.length === 0) return '';
  const pitch = 26;
  const height = rows.length * pitch + 28;
  const targetOf = (load) =>
    load.checks.find((check) => check.metric === metric && check.of === 'ratio' && check.than === than);
  const aimOf = (load) => targetOf(load)?.max ?? targetOf(load)?.min;
  const most = Math.max(1.25, ...rows.flatMap((load) => [ratioOf(load), ...dotsOf(load), aimOf(load) ?? 0]));
  const top = Math.min(most * 1.05, MOST);
  const x = (ratio) => LEFT + (Math.min(ratio, top) / top) * (WIDTH - LEFT - 60);
  const bars = rows.map((load, i) => {
    const ratio = ratioOf(load);
    const dots = dotsOf(load);
    const y = i * pitch + 4;
    const colour = targetOf(load)?.met === false ? 'bad' : 'weft';
    const aim = aimOf(load);
    return [
      text(LEFT - 10, y + 13, load.title, 'text-anchor="end"'),
      `<rect x="${LEFT}" y="${y}" width="${x(ratio) - LEFT}" height="16" rx="2" fill="var(--${colour})" opacity=".75"/>`,
      ...dots.map((one) => `<circle cx="${x(one)}" cy="${y + 8}" r="2.5" fill="var(--text)"/>`),
      aim === undefined ? '' : line(x(aim), y - 3, x(aim), y + 19, 'text', TICK),
      text(x(Math.max(ratio, ...dots)) + 8, y + 13, ratio.toFixed(2)),
    ].join('');
  });
  const base = height - 26;
  const axis =
    line(x(1), 0, x(1), base, 'official') +
    text(x(1), height - 10, axisText, 'text-anchor="middle" class="soft"');
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img">${axis}${bars.join('')}</svg>`;
}

/**
 * Curves over evenly spaced places, on a logarithmic axis that holds all values.
 * @param {string} title
 * @param {string[]} places names below the axis
 * @param {{side: string, dashed: boolean, values: (number | undefined)[]}[]} curves
 */
function curvePlot(title, places, curves) {
  const [width, height, left, base] = [440, 220, 62, 185];
  const values = curves.flatMap((curve) => curve.values).filter((value) => value !== undefined && value > 0);
  if (values.length === 0) return '';
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const y = (value) => base - ((Math.log10(value) - low) / (high - low)) * (base - 20);
  const x = (i) => left + 30 + (i * (width - left - 60)) / Math.max(1, places.length - 1);
  const grid = [];
  for (let power = low; power <= high; power++) {
    const at = y(10 ** power);
    grid.push(
      line(left, at, width, at, 'line'),
      text(left - 6, at + 4, format(10 ** power), 'text-anchor="end" class="soft"'),
    );
  }
  const drawn = curves.map(({ side, dashed, values: of }) => {
    const points = of.flatMap((value, i) => (value ? [[x(i), y(value)]] : []));
    const colour = `var(--${sides[side].program})`;
    const dots = points
      .map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3.5" fill="${colour}"/>`)
      .join('');
    const dash = dashed ? ' stroke-dasharray="6 4"' : '';
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>${dots}`;
  });
  const labels = places.map((place, i) => text(x(i), base + 20, place, 'text-anchor="middle" class="soft"'));
  const head = text(left, 12, title);
  return `<svg viewBox="0 0 ${width} ${height}" role="img">${head}${[...grid, ...drawn, ...labels].join('')}</svg>`;
}

const measured = (load, metric) =>
  Object.keys(sides).filter((side) => load.figures[metric]?.[side] !== undefined);

/** With JetStream the curves of the servers that do not sync before they acknowledge are dashed. */
const isLazy = (load, side) => load.jetstream && (side === 'official' || side === 'lazy');

/** Percentiles of one load, all sides. */
export function latencyPlot(load) {
  const names = ['p50', 'p90', 'p99', 'p999'];
  const curves = measured(load, 'p50').map((side) => ({
    side,
    dashed: isLazy(load, side),
    values: names.map((name) => load.figures[name][side]),
  }));
  const places = names.map((name) => metrics[name].label);
  return curvePlot(`${load.title} (us)`, places, curves);
}

/** A metric of the loads that differ in the size of the messages. @param {(value: number, load: any) => number} [scaled] */
export function sizePlot(loads, title, metric, scaled = (value) => value) {
  const points = loads.filter((load) => load.size !== undefined);
  const shown = Object.keys(sides).filter((side) =>
    points.some((load) => load.figures[metric]?.[side] !== undefined),
  );
  const curves = shown.map((side) => ({
    side,
    dashed: isLazy(points[0], side),
    values: points.map((load) => {
      const value = load.figures[metric]?.[side];
      return value === undefined ? undefined : scaled(value, load);
    }),
  }));
  const places = points.map(({ size }) => (size < 1024 ? `${size} B` : `${size / 1024} KiB`));
  return curvePlot(title, places, curves);
}

import type { Curve } from './samples.ts';

const WIDTH = 1000;
const HEIGHT = 170;
const LEFT = 60;
const RIGHT = 250;
const TOP = 26;
const GAP = 34;
const COLORS = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e', '#17becf', '#8c564b', '#e377c2', '#7f7f7f'];

/** A fault as a line through all charts. */
interface Mark {
  atMs: number;
  kind: string;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function panel(figure: string, curves: readonly Curve[], endMs: number, top: number): string {
  const values = curves.flatMap(({ points }) => points.map(({ value }) => value));
  const most = Math.max(1, ...values);
  const x = (atMs: number): string => (LEFT + (atMs / Math.max(1, endMs)) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (value: number): string => (top + HEIGHT - (value / most) * HEIGHT).toFixed(1);
  const names = [...new Set(curves.map(({ name }) => name))];
  const color = (name: string): string => COLORS[names.indexOf(name) % COLORS.length] ?? '#000';
  const lines = curves.map(({ name, points }) => {
    const path = points.map(({ atMs, value }) => `${x(atMs)},${y(value)}`).join(' ');
    return `<polyline fill="none" stroke="${color(name)}" stroke-width="1.3" points="${path}"/>`;
  });
  const legend = names.map(
    (name, at) =>
      `<text x="${WIDTH - RIGHT + 12}" y="${top + 12 + at * 15}" fill="${color(name)}">${escaped(name)}</text>`,
  );
  return [
    `<text x="${LEFT}" y="${top - 7}" font-weight="bold">${escaped(figure)}</text>`,
    `<rect x="${LEFT}" y="${top}" width="${WIDTH - LEFT - RIGHT}" height="${HEIGHT}" fill="none" stroke="#ccc"/>`,
    `<text x="${LEFT - 6}" y="${top + 10}" text-anchor="end">${Math.round(most * 10) / 10}</text>`,
    `<text x="${LEFT - 6}" y="${top + HEIGHT}" text-anchor="end">0</text>`,
    ...lines,
    ...legend,
  ].join('\n');
}

/** All curves as one SVG, a panel for each figure, with the faults as lines from top to bottom. */
export function chart(curves: readonly Curve[], marks: readonly Mark[], title: string): string {
  const figures = [...new Set(curves.map(({ figure }) => figure))];
  const endMs = Math.max(1, ...curves.flatMap(({ points }) => points.map(({ atMs }) => atMs)));
  const height = TOP + 20 + figures.length * (HEIGHT + GAP);
  const at = (ms: number): string => (LEFT + (ms / endMs) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const faults = marks
    .filter(({ kind }) => kind !== 'replica')
    .map(
      ({ atMs, kind }) =>
        `<line x1="${at(atMs)}" x2="${at(atMs)}" y1="${TOP + 20}" y2="${height - 8}" stroke="#bbb" stroke-dasharray="3 3"><title>${escaped(kind)}</title></line>`,
    );
  const panels = figures.map((figure, index) =>
    panel(
      figure,
      curves.filter((one) => one.figure === figure),
      endMs,
      TOP + 34 + index * (HEIGHT + GAP),
    ),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height + 20}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
<text x="${LEFT}" y="18" font-size="13" font-weight="bold">${escaped(title)}</text>
${[...faults, ...panels].join('\n')}
</svg>
`;
}

import type { Dashboard, Unit } from './dashboard.ts';
import type { PanelData } from './query-panels.ts';
import type { Series } from './start-prometheus.ts';

const WIDTH = 1200,
  MARGIN = 12,
  PANEL_HEIGHT = 150,
  ROW_HEIGHT = 26,
  HEADER_HEIGHT = 44;
const COLOURS = [
  '#3274d9',
  '#e0752d',
  '#37872d',
  '#c4162a',
  '#8f3bb8',
  '#0f9bb0',
  '#b5a000',
  '#806eb7',
  '#8a6d3b',
  '#5b6470',
];
/** Lines of a legend that fit under a panel. */
const MAX_LEGEND = 6;

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}
interface Line {
  name: string;
  points: [number, number][];
}

/** A dashboard's panels with real data as one picture: for the README, where no Grafana runs. */
export function renderSvg(dashboard: Dashboard, panels: readonly PanelData[]): string {
  const times = panels.flatMap(({ data }) =>
    data.flatMap(({ series }) => series.flatMap(({ points }) => points.map(([seconds]) => seconds))),
  );
  const range: [number, number] = [
    times.reduce((a, b) => Math.min(a, b), Infinity),
    times.reduce((a, b) => Math.max(a, b), -Infinity),
  ];
  let y = HEADER_HEIGHT;
  const parts: string[] = [];
  for (const { title } of dashboard.rows) {
    const own = panels.filter(({ row }) => row === title),
      perLine = Math.min(own.length, 4);
    const width = (WIDTH - MARGIN * (perLine + 1)) / perLine;
    parts.push(text(MARGIN, y + 17, title, 13, '#1f2933', 'bold'));
    y += ROW_HEIGHT;
    own.forEach((panel, index) => {
      parts.push(
        panelSvg(panel, range, {
          x: MARGIN + (index % perLine) * (width + MARGIN),
          y: y + Math.floor(index / perLine) * (PANEL_HEIGHT + MARGIN),
          width,
          height: PANEL_HEIGHT,
        }),
      );
    });
    y += Math.ceil(own.length / perLine) * (PANEL_HEIGHT + MARGIN);
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" font-family="Inter, Helvetica, Arial, sans-serif">\n` +
    `<rect width="100%" height="100%" fill="#f4f5f8"/>\n${text(MARGIN, 28, dashboard.title, 18, '#1f2933', 'bold')}\n${text(WIDTH - MARGIN, 28, dashboard.says, 11, '#5b6470', 'normal', 'end')}\n${parts.join('\n')}\n</svg>\n`
  );
}

function panelSvg({ panel, data }: PanelData, range: [number, number], box: Box): string {
  const all = data
    .flatMap(({ query, series }) =>
      shownSeries(series, panel.kind === 'now' ? range[1] : undefined).map(
        ({ labels, points }): Line => ({
          name: legend(query.legend, labels),
          points: points.filter(([, value]) => Number.isFinite(value)),
        }),
      ),
    )
    .filter(({ points }) => points.length > 0);
  const frame = `<rect x="${box.x}" y="${box.y}" width="${box.width.toFixed(1)}" height="${box.height}" rx="3" fill="#ffffff" stroke="#d8dbe0"/>\n${text(box.x + 8, box.y + 17, panel.title, 11, '#1f2933', 'bold')}`;
  return `${frame}\n${panel.kind === 'now' ? values(all, panel.unit, box) : chart(all, panel.unit, range, box)}`;
}

/** Without the 0 that stands for "nothing yet" where there is something by now; for present values, without what is not there any more. */
function shownSeries(series: readonly Series[], present: number | undefined): Series[] {
  const named = series.filter(({ labels }) => Object.keys(labels).length > 0);
  const all = named.length > 0 ? named : [...series];
  return present === undefined ? all : all.filter(({ points }) => (points.at(-1)?.[0] ?? 0) >= present - 1);
}

function values(lines: readonly Line[], unit: Unit, box: Box): string {
  return lines
    .slice(0, 12)
    .map(({ name, points }, index) => {
      const value = points.at(-1)![1],
        perColumn = 6;
      const x = box.x + 12 + Math.floor(index / perColumn) * (box.width / 2),
        y = box.y + 38 + (index % perColumn) * 18;
      const colour = unit === 'bool' ? (value > 0 ? '#37872d' : '#c4162a') : '#1f2933';
      return (
        text(x, y, shown(value, unit), 12, colour, 'bold') +
        text(
          x + 52,
          y,
          clip(name || 'value', Math.floor(box.width / (lines.length > perColumn ? 14 : 8)) - 8),
          10,
          '#5b6470',
        )
      );
    })
    .join('');
}

function chart(lines: readonly Line[], unit: Unit, [from, last]: [number, number], box: Box): string {
  const left = box.x + 46,
    right = box.x + box.width - 8,
    top = box.y + 28,
    bottom = box.y + box.height - 34;
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0)
    return text(box.x + box.width / 2, box.y + box.height / 2, 'no data', 11, '#8a919c', 'normal', 'middle');
  const to = Math.max(from + 1, last);
  const max = Math.max(...points.map(([, value]) => value)) || 1;
  const at = ([seconds, value]: [number, number]): string =>
    `${(left + ((seconds - from) / (to - from)) * (right - left)).toFixed(1)},${(bottom - (value / max) * (bottom - top)).toFixed(1)}`;
  const grid = [0, 0.5, 1]
    .map((share) => {
      const y = bottom - share * (bottom - top);
      return `<line x1="${left}" y1="${y}" x2="${right}" y2="${y}" stroke="#e6e8ec"/>${text(left - 4, y + 3, shown(share * max, unit), 9, '#8a919c', 'normal', 'end')}`;
    })
    .join('');
  // The liveliest lines are drawn last, so that they are on top, and named first.
  const byPeak = [...lines].sort((a, b) => peak(b) - peak(a)).slice(0, COLOURS.length);
  const drawn = byPeak
    .map(
      (line, index) =>
        `<polyline fill="none" stroke="${COLOURS[index]}" stroke-width="1.4" points="${line.points.map(at).join(' ')}"/>`,
    )
    .reverse()
    .join('');
  const perLine = 3,
    width = (box.width - 16) / perLine;
  const names = byPeak
    .slice(0, MAX_LEGEND)
    .map(({ name }, index) => {
      const x = box.x + 8 + (index % perLine) * width,
        y = box.y + box.height - 20 + Math.floor(index / perLine) * 13;
      return `<rect x="${x.toFixed(1)}" y="${y - 6}" width="7" height="3" fill="${COLOURS[index]}"/>${text(x + 11, y, clip(name || 'value', Math.floor(width / 5.2) - 3), 9, '#5b6470')}`;
    })
    .join('');
  return grid + drawn + names;
}

const peak = ({ points }: Line): number => Math.max(...points.map(([, value]) => value));
const legend = (template: string, labels: Record<string, string>): string =>
  template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => labels[name] ?? '').trim();
const clip = (name: string, length: number): string =>
  name.length > length ? `${name.slice(0, Math.max(1, length - 1))}…` : name;
const escapeXml = (content: string): string =>
  content.replace(/[&<>"]/g, (each) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[each]!);

function text(
  x: number,
  y: number,
  content: string,
  size: number,
  fill: string,
  weight: 'normal' | 'bold' = 'normal',
  anchor: 'start' | 'middle' | 'end' = 'start',
): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" fill="${fill}" font-weight="${weight}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

function shown(value: number, unit: Unit): string {
  const short = (number: number): string =>
    number === 0
      ? '0'
      : number >= 1000
        ? `${(number / 1000).toPrecision(3)}k`
        : number >= 99.5
          ? number.toFixed(0)
          : number.toPrecision(2).replace(/\.0$/, '');
  switch (unit) {
    case 'bool':
      return value > 0 ? 'yes' : 'no';
    case 's':
      return value >= 1 || value === 0
        ? `${short(value)} s`
        : value >= 0.001
          ? `${short(value * 1000)} ms`
          : `${short(value * 1e6)} µs`;
    case 'reqps':
      return `${short(value)}/s`;
    case 'percentunit':
      return `${short(value * 100)} %`;
    case 'percent':
      return `${short(value)} %`;
    case 'bytes':
      return `${short(value / (1 << 20))} MB`;
    case 'd':
      return `${short(value)} d`;
    default:
      return short(value);
  }
}

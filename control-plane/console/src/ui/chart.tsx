import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clock } from './words.ts';

export interface Line {
  label: string;
  /** Name of a colour of the style sheet. */
  colour: string;
}

const HEIGHT = 180;
const colourOf = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || 'gray';

/** Lines over the last minutes. Screen readers get `summary`; the figures stand in tables beside it. */
export function Chart({
  title,
  summary,
  lines,
  data,
  format,
}: {
  title: string;
  summary: string;
  lines: readonly Line[];
  /** Seconds since 1970, then a list of values for each line. */
  data: uPlot.AlignedData;
  format: (value: number) => string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const axis = {
      stroke: () => colourOf('muted'),
      grid: { stroke: () => colourOf('line'), width: 1 },
      ticks: { show: false },
    };
    const made = new uPlot(
      {
        width: element.clientWidth || 300,
        height: HEIGHT,
        cursor: { y: false },
        legend: { live: false },
        scales: { y: { range: (_plot, _min, max) => [0, Math.max(max || 0, 0.001) * 1.15] } },
        axes: [
          { ...axis, size: 28, values: (_plot, values) => values.map((value) => clock(value * 1000)) },
          { ...axis, size: 64, values: (_plot, values) => values.map((value) => format(value)) },
        ],
        series: [
          {},
          ...lines.map(({ label, colour }) => ({
            label,
            stroke: () => colourOf(colour),
            width: 2,
            points: { show: false },
          })),
        ],
      },
      data,
      element,
    );
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({ width: element.clientWidth || 300, height: HEIGHT }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      made.destroy();
    };
  }, []);
  useEffect(() => {
    plot.current?.setData(data);
  }, [data]);
  return (
    <figure class="chart">
      <figcaption>
        {title} <span class="hidden">{summary}</span>
      </figcaption>
      <div ref={box} aria-hidden="true" />
    </figure>
  );
}

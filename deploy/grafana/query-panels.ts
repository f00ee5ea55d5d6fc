import type { Dashboard, Panel, Query } from './dashboard.ts';
import type { Prometheus, Series } from './start-prometheus.ts';

export interface PanelData {
  row: string;
  panel: Panel;
  data: { query: Query; series: Series[] }[];
}

/** What a person would see: every query of every panel, over the last `seconds`. */
export async function queryPanels(
  prometheus: Prometheus,
  dashboard: Dashboard,
  seconds: number,
  toSeconds = Date.now() / 1000,
): Promise<PanelData[]> {
  const step = Math.max(1, Math.round(seconds / 100));
  const ask = (expr: string): Promise<Series[]> =>
    prometheus.range(
      expr.replaceAll('$server', '.+').replaceAll('$__rate_interval', '10s'),
      toSeconds - seconds,
      toSeconds,
      step,
    );
  const all: PanelData[] = [];
  for (const { title: row, panels } of dashboard.rows) {
    for (const panel of panels)
      all.push({
        row,
        panel,
        data: await Promise.all(panel.queries.map(async (query) => ({ query, series: await ask(query.expr) }))),
      });
  }
  return all;
}

/** Panels' queries that have nothing to show, as `panel: query`. */
export const emptyQueries = (panels: readonly PanelData[]): string[] =>
  panels.flatMap(({ panel, data }) =>
    data
      .filter(({ series }) => !series.some(({ points }) => points.some(([, value]) => Number.isFinite(value))))
      .map(({ query }) => `${panel.title}: ${query.expr}`),
  );

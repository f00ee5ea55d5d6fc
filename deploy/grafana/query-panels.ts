import type { Dashboard as Json, Panel as JsonPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';
import type { Prometheus, Series } from './start-prometheus.ts';

/** A panel of a dashboard's file, with the queries that it asks. */
export interface FilePanel {
  row: string;
  title: string;
  description: string;
  panel: JsonPanel;
  queries: string[];
}

export interface PanelData extends FilePanel {
  data: { query: string; series: Series[] }[];
}

/** The panels of a dashboard as Grafana gets it, rows apart. */
export function panelsOf({ panels = [] }: Json): FilePanel[] {
  let row = '';
  return panels.flatMap((panel) => {
    if (panel.type === 'row') row = panel.title ?? '';
    if (!('targets' in panel)) return [];
    const queries = (panel.targets as Dataquery[]).map(({ expr }) => expr);
    return [{ row, title: panel.title ?? '', description: panel.description ?? '', panel, queries }];
  });
}

/** What a person would see: every query of every panel, over the last `seconds`. */
export async function queryPanels(
  prometheus: Prometheus,
  dashboard: Json,
  seconds: number,
  toSeconds = Date.now() / 1000,
): Promise<PanelData[]> {
  const step = Math.max(1, Math.round(seconds / 100));
  const ask = (expr: string): Promise<Series[]> =>
    prometheus.range(
      expr.replaceAll(/\$(server|gateway)/g, '.+').replaceAll('$__rate_interval', '10s'),
      toSeconds - seconds,
      toSeconds,
      step,
    );
  const all: PanelData[] = [];
  for (const panel of panelsOf(dashboard))
    all.push({
      ...panel,
      data: await Promise.all(panel.queries.map(async (query) => ({ query, series: await ask(query) }))),
    });
  return all;
}

/** Panels' queries that have nothing to show, as `panel: query`. */
export const emptyQueries = (panels: readonly PanelData[]): string[] =>
  panels.flatMap(({ title, data }) =>
    data
      .filter(({ series }) => !series.some(({ points }) => points.some(([, value]) => Number.isFinite(value))))
      .map(({ query }) => `${title}: ${query}`),
  );

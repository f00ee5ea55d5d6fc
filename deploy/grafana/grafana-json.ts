import type { Dashboard, Panel, Row } from './dashboard.ts';

const DATASOURCE = { type: 'prometheus', uid: 'holdfast' };
const WIDTH = 24,
  HEIGHT = 8;

/** The dashboard as Grafana (schema 39, Grafana 10 and later) keeps it. */
export function grafanaJson(dashboard: Dashboard): object {
  let id = 0,
    y = 0;
  const panels = dashboard.rows.flatMap((row: Row) => {
    const made: object[] = [
      {
        id: ++id,
        type: 'row',
        title: row.title,
        collapsed: false,
        panels: [],
        gridPos: { x: 0, y: y++, w: WIDTH, h: 1 },
      },
    ];
    const perLine = Math.min(row.panels.length, 4),
      width = Math.floor(WIDTH / perLine);
    row.panels.forEach((panel, index) => {
      made.push(
        panelJson(panel, ++id, {
          x: (index % perLine) * width,
          y: y + Math.floor(index / perLine) * HEIGHT,
          w: width,
          h: HEIGHT,
        }),
      );
    });
    y += Math.ceil(row.panels.length / perLine) * HEIGHT;
    return made;
  });
  return {
    uid: dashboard.uid,
    title: dashboard.title,
    description: dashboard.description,
    tags: ['holdfast'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    graphTooltip: 1,
    templating: { list: dashboard.hasServerChoice ? [serverChoice] : [] },
    links: [
      {
        type: 'dashboards',
        tags: ['holdfast'],
        title: 'Holdfast',
        asDropdown: true,
        includeVars: true,
        keepTime: true,
      },
    ],
    panels,
  };
}

const serverChoice = {
  name: 'server',
  label: 'Server',
  type: 'query',
  datasource: DATASOURCE,
  query: { query: 'label_values(mcp_server_health, server_id)', refId: 'server' },
  definition: 'label_values(mcp_server_health, server_id)',
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: '.+',
  current: { text: ['All'], value: ['$__all'] },
};

function panelJson(panel: Panel, id: number, gridPos: object): object {
  const steps =
    panel.alarm === undefined
      ? [{ color: panel.kind === 'now' ? 'text' : 'green', value: null }]
      : [
          { color: panel.isGoodAbove ? 'red' : 'green', value: null },
          { color: panel.isGoodAbove ? 'green' : 'red', value: panel.alarm },
        ];
  return {
    id,
    gridPos,
    title: panel.title,
    description: panel.description,
    datasource: DATASOURCE,
    type: panel.kind === 'lines' ? 'timeseries' : 'stat',
    fieldConfig: {
      defaults: {
        unit: panel.unit === 'bool' ? 'short' : panel.unit,
        min: 0,
        thresholds: { mode: 'absolute', steps },
        ...(panel.unit === 'bool' && {
          mappings: [
            { type: 'value', options: { 0: { text: 'no', color: 'red' }, 1: { text: 'yes', color: 'green' } } },
          ],
        }),
        ...(panel.kind === 'lines' && {
          custom: {
            lineWidth: 1,
            fillOpacity: 8,
            showPoints: 'never',
            ...(panel.alarm !== undefined && { thresholdsStyle: { mode: 'line' } }),
          },
        }),
      },
      overrides: [],
    },
    options:
      panel.kind === 'lines'
        ? {
            legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
            tooltip: { mode: 'multi', sort: 'desc' },
          }
        : {
            reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
            colorMode: 'value',
            graphMode: 'area',
            textMode: 'value_and_name',
            orientation: 'auto',
          },
    targets: panel.queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      editorMode: 'code',
      range: true,
      exemplar: /_bucket/.test(expr),
    })),
  };
}

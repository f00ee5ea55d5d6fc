import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  VariableRefresh,
  VariableSort,
  type Dashboard as Json,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { CONSOLE_URL } from '../prometheus/console-link.ts';
import { DATASOURCE, sideBySide, type AnyPanel } from './panel.ts';

export interface Row {
  title: string;
  panels: AnyPanel[];
}

export interface Dashboard {
  uid: string;
  title: string;
  description: string;
  rows: Row[];
}

const ALL = { text: ['All'], value: ['$__all'] };
const choice = (name: string, label: string, description: string, definition: string): QueryVariableBuilder =>
  new QueryVariableBuilder(name)
    .label(label)
    .description(description)
    .datasource(DATASOURCE)
    .query({ query: definition, refId: name })
    .definition(definition)
    // Whenever the time range changes: a server that came today is there to choose.
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current(ALL);

/** The alerts that fire, drawn over every graph of a dashboard. */
const alerts = new AnnotationQueryBuilder()
  .name('Alerts')
  .datasource(DATASOURCE)
  .enable(true)
  .iconColor('red')
  .expr('ALERTS{alertstate="firing",alertname!=""}')
  .titleFormat('{{alertname}}')
  .textFormat('{{severity}} {{server_id}} {{node}}')
  .target(new DataqueryBuilder().refId('Anno').expr('ALERTS{alertstate="firing",alertname!=""}'));

/** A dashboard as Grafana keeps it: variables for data source, server and gateway, links to the others and to the console. */
export function grafanaJson({ uid, title, description, rows }: Dashboard): Json {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['holdfast'])
    .readonly()
    .version(1)
    .refresh('10s')
    .time({ from: 'now-1h', to: 'now' })
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(choice('server', 'Server', 'MCP servers', 'label_values(mcp_server_health, server_id)'))
    .withVariable(
      choice('gateway', 'Gateway', 'Gateway nodes', 'label_values(up{job=~"holdfast-gateway|holdfast-sidecar"}, node)'),
    )
    .withVariable(
      new TextBoxVariableBuilder('console')
        .label('Console')
        .description('Where your browser reaches the control plane; the links to its console begin with it')
        .defaultValue(CONSOLE_URL),
    )
    .annotation(alerts)
    .link(
      new DashboardLinkBuilder('Holdfast')
        .type(DashboardLinkType.Dashboards)
        .tags(['holdfast'])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
    .link(
      new DashboardLinkBuilder('Alerts and runbooks')
        .type(DashboardLinkType.Link)
        .icon('bolt')
        .tooltip('Rules of Prometheus; each alert has its runbook')
        .url('/alerting/list?search=holdfast'),
    )
    .link(
      new DashboardLinkBuilder('Console')
        .type(DashboardLinkType.Link)
        .icon('external link')
        .tooltip('The mesh as it is now')
        .url('${console}/console')
        .targetBlank(true),
    );
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title));
    const panels = row.panels.map((each) => each.build());
    sideBySide(panels);
    for (const panel of panels) builder.withPanel({ build: () => panel });
  }
  const json = builder.build();
  json.panels?.forEach((panel, index) => {
    panel.id = index + 1;
  });
  return json;
}

/** The file of a dashboard. */
export const dashboardFile = (dashboard: Dashboard): string => `${JSON.stringify(grafanaJson(dashboard), null, 1)}\n`;

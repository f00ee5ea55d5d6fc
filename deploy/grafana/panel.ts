import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
  GraphThresholdsStyleConfigBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type Panel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat, QueryEditorMode } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StatesBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as LinesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** PromQL and the name of each line, with labels as `{{label}}`. */
export type Query = [expr: string, legend: string];
export type AnyPanel = Builder<Panel>;

/** Units by Grafana's names. */
export type Unit = 'short' | 's' | 'reqps' | 'percentunit' | 'bytes' | 'percent' | 'd';

export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const COLUMNS = 24;

const query = ([expr, legend]: Query, index: number): DataqueryBuilder =>
  new DataqueryBuilder()
    .refId(String.fromCharCode(65 + index))
    .datasource(DATASOURCE)
    .expr(expr)
    .legendFormat(legend)
    .editorMode(QueryEditorMode.Code)
    .range()
    .exemplar(/_bucket/.test(expr));
const targets = (queries: readonly Query[]): Builder<Dataquery>[] => queries.map(query);

/** From `alarm` on the colour is red, or below it with `isGoodAbove`. */
const thresholds = (alarm: number, isGoodAbove: boolean, bad = 'red'): ThresholdsConfigBuilder =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([
    { color: isGoodAbove ? bad : 'green', value: null },
    { color: isGoodAbove ? 'green' : bad, value: alarm },
  ]);

/** Lines over time. */
export const lines = (title: string, unit: Unit, description: string, ...queries: Query[]): LinesBuilder =>
  new LinesBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .min(0)
    .height(8)
    .lineWidth(1)
    .fillOpacity(8)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .targets(targets(queries));

/** Lines with a line where it is too much. */
export const linesUpTo = (
  alarm: number,
  title: string,
  unit: Unit,
  description: string,
  ...queries: Query[]
): LinesBuilder =>
  lines(title, unit, description, ...queries)
    .thresholds(thresholds(alarm, false))
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));

export interface Limit {
  alarm: number;
  isGoodAbove?: boolean;
  /** Colour of what is not good; red unless it can wait. */
  bad?: 'red' | 'orange';
  decimals?: number;
}

/** One number on a field of green or red: what the top row is made of. */
export const verdict = (
  title: string,
  unit: Unit,
  description: string,
  expr: string,
  { alarm, isGoodAbove = false, bad, decimals }: Limit,
): StatBuilder => {
  const panel = new StatBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .height(4)
    .thresholds(thresholds(alarm, isGoodAbove, bad))
    .colorMode(BigValueColorMode.Background)
    .graphMode(BigValueGraphMode.Area)
    .targets(targets([[expr, title]]));
  return decimals === undefined ? panel : panel.decimals(decimals);
};

const YES_NO = [
  {
    type: MappingType.ValueToText as const,
    options: { 0: { text: 'no', color: 'red', index: 0 }, 1: { text: 'yes', color: 'green', index: 1 } },
  },
];

/** What is 1 while it is well and 0 while it is not, one bar for each series. */
export const states = (title: string, description: string, ...queries: Query[]): StatesBuilder =>
  new StatesBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit('short')
    .height(6)
    .showValue(VisibilityMode.Never)
    .rowHeight(0.8)
    .mappings(YES_NO)
    .thresholds(thresholds(1, true))
    .targets(targets(queries));

/** A bar for each series while its number is not 0: phases, open breakers. */
export const spans = (title: string, description: string, ...queries: Query[]): StatesBuilder =>
  states(title, description, ...queries)
    .mappings([
      {
        type: MappingType.ValueToText,
        options: { 0: { text: '–', color: 'transparent', index: 0 }, 1: { text: 'now', color: 'blue', index: 1 } },
      },
    ])
    .showValue(VisibilityMode.Never);

export interface Column {
  name: string;
  expr: string;
  unit: Unit;
  limit?: Limit;
  /** Names of values, instead of numbers. */
  words?: Record<string, string>;
}

/** A table with a line for each value of `by`; the first column leads to `link`. */
export const tableBy = (
  title: string,
  description: string,
  by: readonly string[],
  columns: readonly Column[],
  link: { title: string; url: string },
): TableBuilder => {
  const panel = new TableBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit('short')
    .height(7)
    .noValue('none')
    .targets(columns.map(({ expr }, index) => query([expr, ''], index).instant().format(PromQueryFormat.Table)))
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries(by.map((name, index) => [name, index])),
        renameByName: Object.fromEntries(
          columns.map(({ name }, index) => [
            columns.length === 1 ? 'Value' : `Value #${String.fromCharCode(65 + index)}`,
            name,
          ]),
        ),
      },
    })
    .overrideByName(by[0] ?? '', [{ id: 'links', value: [link] }]);
  for (const { name, unit, limit, words } of columns)
    panel.overrideByName(name, [
      { id: 'unit', value: unit },
      ...(words
        ? [
            {
              id: 'mappings',
              value: [
                {
                  type: 'value',
                  options: Object.fromEntries(Object.entries(words).map(([value, text]) => [value, { text }])),
                },
              ],
            },
          ]
        : []),
      ...(limit
        ? [
            { id: 'thresholds', value: thresholds(limit.alarm, limit.isGoodAbove ?? false, limit.bad).build() },
            { id: 'custom.cellOptions', value: { type: 'color-text' } },
          ]
        : []),
    ]);
  return panel;
};

/** A row's panels side by side, as wide as fits; those with a width of their own keep it. */
export const sideBySide = (panels: readonly Panel[]): void => {
  const perLine = panels.length > 4 ? Math.min(panels.length, 8) : panels.length;
  for (const panel of panels)
    panel.gridPos = { x: 0, y: 0, h: panel.gridPos?.h ?? 8, w: Math.floor(COLUMNS / perLine) };
};

/** Selector of what the chosen server has, at the chosen gateways. */
export const of = (metric: string, more = ''): string =>
  `${metric}{server_id=~"$server",node=~"$gateway"${more && `,${more}`}}`;
/** Selector of what the control plane says of the chosen server. */
export const ofMesh = (metric: string, more = ''): string => `${metric}{server_id=~"$server"${more && `,${more}`}}`;
/** Selector of what a gateway says of itself. */
export const at = (metric: string, more = ''): string => `${metric}{node=~"$gateway"${more && `,${more}`}}`;
/** Rate of a counter over what Grafana thinks right, summed by labels. */
export const rate = (by: string, counter: string): string => `sum by (${by}) (rate(${counter}[$__rate_interval]))`;
/** What nothing has counted yet shows as 0. */
export const orZero = (expr: string): string => `${expr} or on() vector(0)`;
/** Quantile of a histogram. */
export const quantile = (q: number, by: string, bucket: string): string =>
  `histogram_quantile(${q}, sum by (${by}, le) (rate(${bucket}[$__rate_interval])))`;

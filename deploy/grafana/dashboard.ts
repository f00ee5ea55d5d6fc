/** A dashboard in our own words; grafana-json.ts says it in Grafana's. */
export type Unit = 'short' | 's' | 'reqps' | 'percentunit' | 'bytes' | 'percent' | 'd' | 'bool';

export interface Query {
  /** PromQL. `$server` is the server chosen above (a regular expression), `$__rate_interval` Grafana's own. */
  expr: string;
  /** Name of each line, with labels as `{{label}}`. */
  legend: string;
}

export interface Panel {
  title: string;
  /** What one sees and when to worry. */
  description: string;
  /** lines over time, or the present value of each series. */
  kind: 'lines' | 'now';
  unit: Unit;
  queries: Query[];
  /** From here on it is shown in red; `isGoodAbove` turns that round. */
  alarm?: number;
  isGoodAbove?: boolean;
}

export interface Row {
  title: string;
  panels: Panel[];
}

export interface Dashboard {
  uid: string;
  title: string;
  description: string;
  hasServerChoice: boolean;
  rows: Row[];
}

export const lines = (
  title: string,
  unit: Unit,
  description: string,
  ...queries: [expr: string, legend: string][]
): Panel => ({ title, description, kind: 'lines', unit, queries: queries.map(([expr, legend]) => ({ expr, legend })) });
export const now = (
  title: string,
  unit: Unit,
  description: string,
  ...queries: [expr: string, legend: string][]
): Panel => ({
  ...lines(title, unit, description, ...queries),
  kind: 'now',
});

/** Rate of a counter over what Grafana thinks right, summed by labels. */
export const rate = (by: string, counter: string): string => `sum by (${by}) (rate(${counter}[$__rate_interval]))`;
/** What nothing has counted yet shows as 0. */
export const orZero = (expr: string): string => `${expr} or on() vector(0)`;
/** Quantile of a histogram. */
export const quantile = (q: number, by: string, bucket: string): string =>
  `histogram_quantile(${q}, sum by (${by}, le) (rate(${bucket}[$__rate_interval])))`;

/** Series as `promtool test rules` takes them: `values` is its own notation (`0+1x10`, `1 1 0`). */
export interface Series {
  series: string;
  values: string;
}

/** What must (or must not) make an alert fire. Samples come every 15 s; `atMinutes` is when one looks. */
export interface Situation {
  description: string;
  series: Series[];
  atMinutes: number;
}

export interface Alert {
  name: string;
  expr: string;
  /** How long it must hold, as Prometheus writes it. */
  for: string;
  severity: 'critical' | 'warning' | 'info';
  /** What is wrong, with Prometheus's templates. */
  summary: string;
  /** What it means and what to do: a paragraph. */
  runbook: string;
  /** The labels (besides severity) that the alert of `fires` carries. */
  labels: Record<string, string>;
  fires: Situation;
  quiet: Situation;
}

/** A value that stays for `minutes`. */
export const steady = (value: number, minutes = 60): string => `${value}x${minutes * 4}`;
/** A counter that begins at 0 and grows by `perSecond`. */
export const growing = (perSecond: number, minutes = 60): string => `0+${perSecond * 15}x${minutes * 4}`;

/** One goal of a benchmark, chaos, conformance or doctor run. `measured` is null when it could not be measured, and then not met. */
export interface Objective {
  name: string;
  /** For people: `≥ 0.75`, `0 errors`. */
  goal: string;
  measured: number | string | null;
  met: boolean;
  /** It can't be tried on this machine; `measured` says why. Neither met nor missed. */
  isSkipped?: true;
}

export const atLeast = (name: string, least: number, measured: number): Objective => ({
  name,
  goal: `≥ ${least}`,
  measured: round(measured),
  met: measured >= least,
});

export const atMost = (name: string, most: number, measured: number): Objective => ({
  name,
  goal: `≤ ${most}`,
  measured: round(measured),
  met: measured <= most,
});

export const exactly = (name: string, wanted: number | string, measured: number | string): Objective => ({
  name,
  goal: `= ${wanted}`,
  measured,
  met: measured === wanted,
});

/** Three significant digits after the point at most: figures are for people. */
export const round = (value: number): number => Math.round(value * 1000) / 1000;

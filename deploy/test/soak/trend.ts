/** One value at a time, ms since the start. */
export interface Point {
  atMs: number;
  value: number;
}

export interface Trend {
  /** Of the mean, per hour. */
  percentPerHour: number;
  /** Two standard errors of that: the slope that chance alone could show. */
  error: number;
}

const HOUR_MS = 3_600_000;
/** A heap grows until the collector runs: the least of each of so many windows is what is really held. */
const WINDOWS = 20;

const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;

/** The point of the least value of each window. */
export function floors(points: readonly Point[], windows = WINDOWS): Point[] {
  const size = Math.max(1, Math.ceil(points.length / windows));
  const parts = Array.from({ length: Math.ceil(points.length / size) }, (_, at) =>
    points.slice(at * size, (at + 1) * size),
  );
  return parts.map((part) => part.reduce((least, one) => (one.value < least.value ? one : least)));
}

/** Least squares. Null for fewer than four points, which show no trend. */
export function trendOf(points: readonly Point[]): Trend | null {
  if (points.length < 4) return null;
  const hours = points.map(({ atMs }) => atMs / HOUR_MS),
    values = points.map(({ value }) => value);
  const middle = mean(hours),
    level = mean(values);
  const spread = hours.reduce((sum, at) => sum + (at - middle) ** 2, 0);
  const slope = points.reduce((sum, { value }, at) => sum + ((hours[at] ?? 0) - middle) * (value - level), 0) / spread;
  const left = values.reduce((sum, value, at) => sum + (value - level - slope * ((hours[at] ?? 0) - middle)) ** 2, 0);
  const error = Math.sqrt(left / (points.length - 2) / spread);
  const inPercent = (value: number): number => (level === 0 ? 0 : (value * 100) / level);
  return { percentPerHour: inPercent(slope), error: inPercent(2 * error) };
}

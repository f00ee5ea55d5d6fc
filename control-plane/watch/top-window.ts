import { quantileMs } from '../../proto/watch/latency-buckets.ts';
import { MAX_OUTCOMES, type Tally } from '../../proto/watch/watch-messages.ts';

export const TOP_GROUPS = ['server', 'tool', 'replica'] as const;
export type TopGroup = (typeof TOP_GROUPS)[number];

/** What the last seconds were like for one server, tool or replica. */
export interface TopRow {
  server: string;
  /** The tool, or the method of what is no tool call; absent where rows are servers or replicas. */
  name?: string;
  slot?: string | null;
  perSecond: number;
  p50Ms: number | null;
  p99Ms: number | null;
  /** Share of calls, by outcome, that were no success. */
  errors: number;
  outcomes: Record<string, number>;
}

/** Rates are means of this long. */
const WINDOW_MS = 10_000;
/** What comes within this time is kept as one. */
const PART_MS = 1000;
/** Rows of one part; calls beyond are counted in one row. Whoever writes to Redis may send reports without end. */
const MAX_ROWS = 5000;
const OTHER = 'other';

interface Sum {
  labels: Pick<TopRow, 'server' | 'name' | 'slot'>;
  outcomes: Map<string, number>;
  buckets: Map<number, number>;
}

/** The reports of all gateways of the last seconds, as tables. */
export class TopWindow {
  readonly #by: TopGroup;
  readonly #startedMs: number;
  #parts: { atMs: number; sums: Map<string, Sum> }[] = [];

  constructor(by: TopGroup, nowMs: number) {
    this.#by = by;
    this.#startedMs = nowMs;
  }

  add(tallies: readonly Tally[], nowMs: number): void {
    if (tallies.length === 0) return;
    this.#forget(nowMs);
    let part = this.#parts.at(-1);
    if (!part || nowMs - part.atMs >= PART_MS) {
      part = { atMs: nowMs, sums: new Map() };
      this.#parts.push(part);
    }
    for (const tally of tallies) addTo(part.sums, this.#labels(tally), Object.entries(tally.outcomes), tally.buckets);
  }

  rows(nowMs: number): TopRow[] {
    this.#forget(nowMs);
    const seconds = Math.max(1, Math.min(WINDOW_MS, nowMs - this.#startedMs) / 1000);
    const all = new Map<string, Sum>();
    for (const { sums } of this.#parts)
      for (const { labels, outcomes, buckets } of sums.values()) addTo(all, labels, outcomes, buckets);
    return [...all.values()]
      .map((sum) => rowOf(sum, seconds))
      .sort((one, other) => other.perSecond - one.perSecond || (one.server < other.server ? -1 : 1));
  }

  #forget(nowMs: number): void {
    this.#parts = this.#parts.filter(({ atMs }) => atMs > nowMs - WINDOW_MS);
  }

  #labels({ server, name, slot }: Tally): Sum['labels'] {
    if (this.#by === 'server') return { server };
    return this.#by === 'tool' ? { server, name } : { server, slot };
  }
}

function addTo(
  sums: Map<string, Sum>,
  labels: Sum['labels'],
  outcomes: Iterable<readonly [string, number]>,
  buckets: Iterable<readonly [number, number]>,
): void {
  const sum = sumOf(sums, labels);
  for (const [outcome, count] of outcomes) {
    const kind = sum.outcomes.has(outcome) || sum.outcomes.size < MAX_OUTCOMES ? outcome : OTHER;
    sum.outcomes.set(kind, (sum.outcomes.get(kind) ?? 0) + count);
  }
  for (const [bucket, count] of buckets) sum.buckets.set(bucket, (sum.buckets.get(bucket) ?? 0) + count);
}

function sumOf(sums: Map<string, Sum>, labels: Sum['labels']): Sum {
  const isFull = sums.size >= MAX_ROWS;
  const key = JSON.stringify(labels);
  const known = sums.get(key) ?? (isFull ? sums.get(OTHER) : undefined);
  if (known) return known;
  const sum: Sum = { labels: isFull ? { server: OTHER } : labels, outcomes: new Map(), buckets: new Map() };
  sums.set(isFull ? OTHER : key, sum);
  return sum;
}

function rowOf({ labels, outcomes, buckets }: Sum, seconds: number): TopRow {
  const total = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
  return {
    ...labels,
    perSecond: Math.round((total / seconds) * 100) / 100,
    p50Ms: rounded(quantileMs(buckets, 0.5)),
    p99Ms: rounded(quantileMs(buckets, 0.99)),
    errors: total === 0 ? 0 : Math.round((1 - (outcomes.get('success') ?? 0) / total) * 10_000) / 10_000,
    outcomes: Object.fromEntries(outcomes),
  };
}

const rounded = (ms: number | null): number | null => (ms === null ? null : Math.round(ms * 10) / 10);

import { quantileMs } from '../../proto/watch/latency-buckets.ts';
import type { Tally } from '../../proto/watch/watch-messages.ts';

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

/** The reports of all gateways of the last seconds, as tables. */
export class TopWindow {
  readonly #by: TopGroup;
  readonly #startedMs: number;
  #heard: { atMs: number; tallies: readonly Tally[] }[] = [];

  constructor(by: TopGroup, nowMs: number) {
    this.#by = by;
    this.#startedMs = nowMs;
  }

  add(tallies: readonly Tally[], nowMs: number): void {
    if (tallies.length > 0) this.#heard.push({ atMs: nowMs, tallies });
  }

  rows(nowMs: number): TopRow[] {
    this.#heard = this.#heard.filter(({ atMs }) => atMs > nowMs - WINDOW_MS);
    const seconds = Math.max(1, Math.min(WINDOW_MS, nowMs - this.#startedMs) / 1000);
    const groups = Map.groupBy(
      this.#heard.flatMap(({ tallies }) => tallies),
      (tally) => JSON.stringify(this.#labels(tally)),
    );
    return [...groups.values()]
      .map((tallies) => this.#row(tallies, seconds))
      .sort((one, other) => other.perSecond - one.perSecond || (one.server < other.server ? -1 : 1));
  }

  #labels({ server, name, slot }: Tally): Pick<TopRow, 'server' | 'name' | 'slot'> {
    if (this.#by === 'server') return { server };
    return this.#by === 'tool' ? { server, name } : { server, slot };
  }

  #row(tallies: readonly Tally[], seconds: number): TopRow {
    const outcomes: Record<string, number> = {};
    const buckets = new Map<number, number>();
    for (const tally of tallies) {
      for (const [outcome, count] of Object.entries(tally.outcomes))
        outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
      for (const [bucket, count] of tally.buckets) buckets.set(bucket, (buckets.get(bucket) ?? 0) + count);
    }
    const total = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
    const [first] = tallies;
    return {
      ...(first ? this.#labels(first) : { server: '' }),
      perSecond: Math.round((total / seconds) * 100) / 100,
      p50Ms: rounded(quantileMs(buckets, 0.5)),
      p99Ms: rounded(quantileMs(buckets, 0.99)),
      errors: total === 0 ? 0 : Math.round((1 - (outcomes['success'] ?? 0) / total) * 10_000) / 10_000,
      outcomes,
    };
  }
}

const rounded = (ms: number | null): number | null => (ms === null ? null : Math.round(ms * 10) / 10);

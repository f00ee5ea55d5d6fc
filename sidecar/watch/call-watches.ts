import type { Outcome } from '../../proto/outcome.ts';
import { sessionDigest } from '../../proto/session-record.ts';
import { bucketOf } from '../../proto/watch/latency-buckets.ts';
import {
  matches,
  MAX_CALLS_AT_A_TIME,
  MAX_TALLIES,
  MAX_WATCHES,
  WATCH_LEASE_MS,
  type Tally,
  type Watch,
  type WatchedCall,
  type WatchReport,
} from '../../proto/watch/watch-messages.ts';

interface Row {
  server: string;
  name: string;
  slot: string | null;
  outcomes: Map<string, number>;
  buckets: Map<number, number>;
}

const DIGEST_DIGITS = 12;
const MAX_TEXT = 128;
const OTHER = 'other';

/** Calls that operators watch now. While nobody does, an outcome costs one comparison; while somebody does, what is kept is bounded. */
export class CallWatches {
  readonly #now: () => number;
  readonly #watches = new Map<string, { watch: Watch; untilMs: number }>();
  #calls: WatchedCall[] = [];
  #dropped = 0;
  readonly #rows = new Map<string, Row>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether somebody watches. */
  get isWatched(): boolean {
    return this.#watches.size > 0;
  }

  /** Somebody watches, or goes on watching. */
  hear(watch: Watch): void {
    if (!this.#watches.has(watch.id) && this.#watches.size >= MAX_WATCHES) return;
    this.#watches.set(watch.id, { watch, untilMs: this.#now() + WATCH_LEASE_MS });
  }

  /** A sink of the OutcomeBus. */
  readonly note = (outcome: Outcome): void => {
    if (this.#watches.size === 0) return;
    const call = { server: outcome.server, tool: outcome.tool, slot: outcome.slot, outcome: outcome.kind };
    let isCall = false,
      isTallied = false;
    for (const { watch } of this.#watches.values()) {
      if (watch.wants === 'calls') isCall ||= matches(watch.filter, call);
      else isTallied ||= matches(watch.filter, call);
    }
    if (isTallied) this.#tally(outcome);
    if (!isCall) return;
    if (this.#calls.length >= MAX_CALLS_AT_A_TIME) this.#dropped++;
    else this.#calls.push(watchedCall(outcome));
  };

  /** What there is to tell of calls; null: nothing. Forgets it, and watches that nobody asked for again. */
  takeCalls(node: string): WatchReport | null {
    const nowMs = this.#now();
    for (const [id, { untilMs }] of this.#watches) if (untilMs < nowMs) this.#watches.delete(id);
    if (this.#calls.length === 0 && this.#dropped === 0) return null;
    const report = { node, calls: this.#calls, dropped: this.#dropped, tallies: [] };
    this.#calls = [];
    this.#dropped = 0;
    return report;
  }

  /** The same of the tables; empty ones are told as well, so that a viewer knows who is there. */
  takeTallies(node: string): WatchReport | null {
    if (![...this.#watches.values()].some(({ watch }) => watch.wants === 'tallies')) {
      this.#rows.clear();
      return null;
    }
    const tallies = [...this.#rows.values()].map(
      ({ server, name, slot, outcomes, buckets }): Tally => ({
        ...{ server, name, slot },
        outcomes: Object.fromEntries(outcomes),
        buckets: [...buckets],
      }),
    );
    this.#rows.clear();
    return { node, calls: [], dropped: 0, tallies };
  }

  #tally({ server, method, tool, slot, kind, durationMs }: Outcome): void {
    const row = this.#row(server, (tool ?? method).slice(0, MAX_TEXT), slot);
    row.outcomes.set(kind, (row.outcomes.get(kind) ?? 0) + 1);
    const bucket = bucketOf(durationMs);
    row.buckets.set(bucket, (row.buckets.get(bucket) ?? 0) + 1);
  }

  #row(server: string, name: string, slot: string | null): Row {
    const key = `${server}\n${name}\n${slot ?? ''}`;
    const known = this.#rows.get(key);
    if (known) return known;
    if (this.#rows.size >= MAX_TALLIES && name !== OTHER) return this.#row(OTHER, OTHER, null);
    const row: Row = { server, name, slot, outcomes: new Map(), buckets: new Map() };
    this.#rows.set(key, row);
    return row;
  }
}

const watchedCall = (outcome: Outcome): WatchedCall => ({
  atMs: outcome.startedAtMs,
  server: outcome.server,
  method: outcome.method.slice(0, MAX_TEXT),
  tool: outcome.tool?.slice(0, MAX_TEXT) ?? null,
  slot: outcome.slot,
  outcome: outcome.kind,
  status: outcome.status,
  errorCode: outcome.errorCode,
  durationMs: Math.round(outcome.durationMs * 10) / 10,
  session: outcome.session === null ? null : sessionDigest(outcome.session).slice(0, DIGEST_DIGITS),
  traceId: outcome.traceId,
});

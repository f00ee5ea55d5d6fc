import type { WatchReport } from '../../proto/watch/watch-messages.ts';
import { TopWindow, type TopRow } from './top-window.ts';

/** What gateways carry now, as a page of the console draws it. */
export interface Rates {
  atMs: number;
  isKnown: true;
  servers: TopRow[];
  tools: TopRow[];
  /** `[server, slot, calls a second, p99 in ms, share of calls that were no success]` of each replica that was called. */
  replicas: (readonly [string, string, number, number | null, number])[];
  /** Calls a second of each gateway that told of any. */
  nodes: Record<string, number>;
}

/** Rates are means of this long, as those of TopWindow. */
const WINDOW_MS = 10_000;
/** A thousand gateways tell so many times in it; more is not from gateways. */
const MAX_REPORTS = 10_000;

/** Reports of all gateways of the last seconds: by server, tool, replica and gateway. */
export class LiveRates {
  readonly #servers: TopWindow;
  readonly #tools: TopWindow;
  readonly #replicas: TopWindow;
  readonly #startedMs: number;
  #nodes: { atMs: number; node: string; calls: number }[] = [];

  constructor(nowMs: number) {
    this.#startedMs = nowMs;
    this.#servers = new TopWindow('server', nowMs);
    this.#tools = new TopWindow('tool', nowMs);
    this.#replicas = new TopWindow('replica', nowMs);
  }

  add({ node, tallies }: WatchReport, nowMs: number): void {
    if (tallies.length === 0) return;
    for (const window of [this.#servers, this.#tools, this.#replicas]) window.add(tallies, nowMs);
    const calls = tallies.reduce(
      (sum, { outcomes }) => sum + Object.values(outcomes).reduce((all, count) => all + count, 0),
      0,
    );
    this.#nodes = this.#nodes.filter(({ atMs }) => atMs > nowMs - WINDOW_MS);
    if (this.#nodes.length < MAX_REPORTS) this.#nodes.push({ atMs: nowMs, node, calls });
  }

  now(nowMs: number): Rates {
    this.#nodes = this.#nodes.filter(({ atMs }) => atMs > nowMs - WINDOW_MS);
    const seconds = Math.max(1, Math.min(WINDOW_MS, nowMs - this.#startedMs) / 1000);
    const nodes = new Map<string, number>();
    for (const { node, calls } of this.#nodes)
      nodes.set(node, Math.round(((nodes.get(node) ?? 0) + calls / seconds) * 100) / 100);
    return {
      atMs: nowMs,
      isKnown: true,
      servers: this.#servers.rows(nowMs),
      tools: this.#tools.rows(nowMs),
      replicas: this.#replicas
        .rows(nowMs)
        .flatMap(({ server, slot, perSecond, p99Ms, errors }) =>
          slot ? [[server, slot, perSecond, p99Ms, errors] as const] : [],
        ),
      nodes: Object.fromEntries(nodes),
    };
  }
}

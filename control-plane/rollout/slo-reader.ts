import { parseJson } from '../../proto/parse-json.ts';
import type { Cluster, Redis } from 'ioredis';
import { combine, noCounters, sloReportSchema, type SloCounters, type SloReport } from '../../proto/slo-window.ts';
import { REDIS } from '../../proto/wire.ts';

/** What the gateways counted of one server. */
export interface SloView {
  /** Sums over all gateways, living or not, by backend: numbers that only grow. */
  counters: ReadonlyMap<string, SloCounters>;
  /** Calls that relays hold now, by slot. */
  inFlight: ReadonlyMap<string, number>;
  /** The same by gateway process: a node's name, or that with `-2`, `-3` … where it runs several. */
  inFlightByNode: ReadonlyMap<string, number>;
  /** When the oldest process began whose counters are among them; null when there are none. */
  sinceMs: number | null;
}

/** Calls in flight of a gateway that has said nothing for this long no longer count, because the gateway is gone. */
const FRESH_MS = 15_000;

/** Reads the counters that sidecars publish. */
export async function readSlo(redis: Pick<Redis | Cluster, 'hgetall'>, server: string, now: number): Promise<SloView> {
  const fields = await redis.hgetall(REDIS.slo(server));
  return sumReports(
    Object.values(fields).flatMap((text) => parse(text) ?? []),
    now,
  );
}

export function sumReports(reports: readonly SloReport[], now: number): SloView {
  const counters = new Map<string, SloCounters>(),
    inFlight = new Map<string, number>(),
    inFlightByNode = new Map<string, number>();
  let sinceMs: number | null = null;
  for (const report of reports) {
    counters.set(report.backend, combine(counters.get(report.backend) ?? noCounters(), report.counters, 1));
    sinceMs = Math.min(sinceMs ?? Infinity, report.startedAtMs);
    if (now - report.atMs > FRESH_MS) continue;
    for (const [slot, calls] of Object.entries(report.inFlight)) {
      inFlight.set(slot, (inFlight.get(slot) ?? 0) + calls);
      inFlightByNode.set(report.node, (inFlightByNode.get(report.node) ?? 0) + calls);
    }
  }
  return { counters, inFlight, inFlightByNode, sinceMs };
}

/** undefined for what another version wrote and this one can't read. */
function parse(text: string): SloReport | undefined {
  return sloReportSchema.safeParse(parseJson(text)).data;
}

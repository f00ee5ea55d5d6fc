import { anyMatcher } from '../../proto/authorization/text-pattern.ts';
import type { FleetLimit } from '../../proto/fleet-limit.ts';
import type { RpcMessage } from '../../proto/json-rpc.ts';

/** A bucket that calls take from. `key` says whose it is, without a separator that a name could have. */
export interface Bucket {
  limit: string;
  key: string;
  requests: number;
  perMs: number;
  burst: number;
  /** Calls of one body. */
  count: number;
}

/** What came of asking for calls. `limit`: the first that is reached; `retryAfterMs`: when there will be enough again. */
export type Taken = { is: 'taken' } | { is: 'refused'; limit: string; retryAfterMs: number };

const matchers = new WeakMap<FleetLimit, (tool: string) => boolean>();

function isAbout(limit: FleetLimit, tool: string): boolean {
  if (limit.tools === undefined) return true;
  const matches = matchers.get(limit) ?? anyMatcher(limit.tools);
  matchers.set(limit, matches);
  return matches(tool);
}

/** The buckets that a body's calls take from, each once. `caller`: the principal, or who stands for it. */
export function bucketsOf(limits: readonly FleetLimit[], messages: readonly RpcMessage[], caller: string): Bucket[] {
  const buckets = new Map<string, Bucket>();
  for (const { method, name } of messages) {
    if (method !== 'tools/call') continue;
    for (const limit of limits) {
      const tool = name ?? '';
      if (!isAbout(limit, tool)) continue;
      const key = JSON.stringify([
          limit.per.includes('principal') ? caller : null,
          limit.per.includes('tool') ? tool : null,
        ]),
        id = `${limit.name} ${key}`,
        { requests, perMs, burst = requests } = limit,
        bucket = buckets.get(id) ?? { limit: limit.name, key, requests, perMs, burst, count: 0 };
      bucket.count++;
      buckets.set(id, bucket);
    }
  }
  return [...buckets.values()];
}

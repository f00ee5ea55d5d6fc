import type { BreakerPolicy } from '../../proto/server-policy.ts';

/** How long the `openings`-th opening in a row (1, 2, …) lasts: doubled each time, up to the policy's longest. */
export function openTimeMs(policy: Pick<BreakerPolicy, 'timeoutMs' | 'maxTimeoutMs'>, openings: number): number {
  // Beyond 31 doublings any allowed longest time is reached; the bound keeps the number finite.
  const doubled = policy.timeoutMs * 2 ** Math.min(openings - 1, 31);
  return Math.max(policy.timeoutMs, Math.min(doubled, policy.maxTimeoutMs));
}

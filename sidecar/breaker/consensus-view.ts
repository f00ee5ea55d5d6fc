import type { FleetBreaker } from '../../proto/breaker-state.ts';
import type { BreakerPolicy } from '../../proto/server-policy.ts';
import type { GateState } from './gate-state.ts';
import { openTimeMs } from './open-time.ts';

/** How long the gateway that opened a breaker has for its first trial before any other may try. It may have no traffic for it. */
export const TRIAL_GRACE_MS = 2000;
/** How long a gateway may try alone. After that another may: it may have died, or its trial hangs. */
export const TRIAL_LEASE_MS = 10_000;

export type FleetView = { kind: 'closed' } | { kind: 'open'; untilMs: number; openings: number };

/**
 * What a decision of the fleet means to this gateway's gate. Only one gateway tries at a time. To all others, a
 * breaker that one of them tries, or may try first, is open a little longer. `lasts` are counted from now, so that
 * clocks need not agree.
 */
export function viewOf(decision: FleetBreaker, self: string, nowMs: number): FleetView {
  const { state, openings, sinceMs, untilMs, by } = decision;
  if (state === 'closed') return { kind: 'closed' };
  const isOwn = by === self;
  if (state === 'half-open') return { kind: 'open', untilMs: isOwn ? nowMs : nowMs + TRIAL_LEASE_MS, openings };
  const latestMs = Math.min(untilMs, nowMs + Math.max(0, untilMs - sinceMs));
  return { kind: 'open', untilMs: latestMs + (isOwn ? 0 : TRIAL_GRACE_MS), openings };
}

/** This gateway's own change of state as a decision; undefined for what an operator orders, which is not the gateways' to decide. */
export function decisionOf(
  state: Readonly<GateState>,
  self: string,
  last: FleetBreaker | undefined,
): FleetBreaker | undefined {
  const common = { generation: 0, sinceMs: state.sinceMs, by: self };
  switch (state.kind) {
    case 'closed':
      return { ...common, state: 'closed', openings: last?.openings ?? 0, untilMs: state.sinceMs };
    case 'open':
      return { ...common, state: 'open', openings: state.openings, untilMs: state.untilMs };
    case 'half-open':
      return { ...common, state: 'half-open', openings: state.openings, untilMs: state.sinceMs };
    default:
      return undefined;
  }
}

/**
 * Damping, for gateways that disagree about a replica. A gateway opens what another one closed less than the longest
 * open time ago: it most likely saw the old fault. So its opening counts as one more in a row, and lasts longer.
 * Undefined when there is nothing to damp.
 */
export function dampedOpening(
  state: Readonly<GateState>,
  last: FleetBreaker | undefined,
  self: string,
  policy: BreakerPolicy,
): { untilMs: number; openings: number } | undefined {
  if (
    state.kind !== 'open' ||
    state.openings > 1 ||
    last?.state !== 'closed' ||
    last.by === self ||
    last.openings === 0
  )
    return undefined;
  if (state.sinceMs - last.sinceMs >= policy.maxTimeoutMs) return undefined;
  const openings = last.openings + 1;
  return { openings, untilMs: state.sinceMs + openTimeMs(policy, openings) };
}

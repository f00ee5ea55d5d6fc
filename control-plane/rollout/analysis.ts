import { latencyQuantileMs, type SloCounters } from '../../proto/slo-window.ts';
import type { RolloutPlan } from './rollout.ts';

export interface Check {
  name: 'errors' | 'p99' | 'initialize' | 'recoveries';
  isGood: boolean;
  description: string;
}

/** Fewer bad events than this prove nothing: one error among twenty calls is 5 %. */
const MIN_BAD = 3;

/** The new backend's objectives in a step, compared with the old one's in the same time. */
export function analyse(plan: RolloutPlan, from: SloCounters, to: SloCounters): Check[] {
  return [errors(plan, from, to), p99(plan, from, to), initialize(plan, to), recoveries(plan, to)];
}

function errors({ maxErrorPercent, minCalls }: RolloutPlan, from: SloCounters, to: SloCounters): Check {
  const bad = to.toolErrors + to.faults,
    rate = percent(bad, to.calls),
    was = percent(from.toolErrors + from.faults, from.calls);
  const isGood = to.calls < minCalls || bad < MIN_BAD || rate <= was + maxErrorPercent;
  return {
    name: 'errors',
    isGood,
    description: `${show(rate)} % of ${to.calls} calls failed (old backend ${show(was)} %, at most ${show(maxErrorPercent)} % more)`,
  };
}

function p99({ maxP99Ms, maxP99Ratio, minCalls }: RolloutPlan, from: SloCounters, to: SloCounters): Check {
  const is = latencyQuantileMs(to, 0.99),
    was = latencyQuantileMs(from, 0.99);
  if (is === null || to.calls < minCalls)
    return { name: 'p99', isGood: true, description: `${to.calls} calls, too few for p99` };
  const isAbsolute = maxP99Ms === null || is <= maxP99Ms;
  // Below a few dozen ms the classes are as wide as what a ratio would tell.
  const isRelative = was === null || from.calls < minCalls || is <= Math.max(was, 30) * maxP99Ratio;
  return {
    name: 'p99',
    isGood: isAbsolute && isRelative,
    description: `p99 ${show(is)} ms (old backend ${was === null ? 'unknown' : `${show(was)} ms`}, at most ${maxP99Ms === null ? '' : `${maxP99Ms} ms and `}${maxP99Ratio} times as long)`,
  };
}

function initialize({ minInitializePercent }: RolloutPlan, to: SloCounters): Check {
  const total = to.sessions + to.initializeFailed,
    good = total === 0 ? 100 : percent(to.sessions, total);
  return {
    name: 'initialize',
    isGood: to.initializeFailed < MIN_BAD || good >= minInitializePercent,
    description: `${show(good)} % of ${total} initialize requests succeeded (at least ${minInitializePercent} %)`,
  };
}

function recoveries({ maxRecoveryPercent }: RolloutPlan, to: SloCounters): Check {
  const rate = percent(to.recoveries, to.sessions);
  return {
    name: 'recoveries',
    isGood: to.recoveries < MIN_BAD || (to.sessions > 0 && rate <= maxRecoveryPercent),
    description: `${to.recoveries} recoveries in ${to.sessions} sessions (at most ${maxRecoveryPercent} per hundred)`,
  };
}

const percent = (part: number, whole: number): number => (whole === 0 ? 0 : (100 * part) / whole);
const show = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1));

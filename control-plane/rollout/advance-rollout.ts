import { combine, type SloCounters } from '../../proto/slo-window.ts';
import { analyse } from './analysis.ts';
import type { ContractChange } from './contract-diff.ts';
import { isOver, type Rollout, type RolloutPhase } from './rollout.ts';

/** What a transition looks at. */
export interface RolloutInput {
  now: number;
  /** Healthy replicas of each backend. */
  healthy: { from: number; to: number };
  /** null while either backend's tools are not known. */
  contract: readonly ContractChange[] | null;
  /** Counters since ever; null while nobody counts (no Redis). */
  counters: { from: SloCounters; to: SloCounters } | null;
}

export type RolloutCommand = 'pause' | 'resume' | 'promote' | 'abort';
export interface RolloutNews {
  kind: string;
  level: 'info' | 'warning' | 'error';
  message: string;
}
export interface RolloutTransition {
  rollout: Rollout;
  news: RolloutNews[];
}

type StepPhase = Extract<RolloutPhase, { kind: 'step' }>;

/** One look at a rollout: where it goes from here, if anywhere. Pure; called again and again by the leader. */
export function advanceRollout(rollout: Rollout, input: RolloutInput): RolloutTransition {
  const { phase } = rollout;
  if (phase.kind === 'preflight') return preflight(rollout, phase, input);
  if (phase.kind === 'step') return step(rollout, phase, input);
  return { rollout, news: [] };
}

/** What an operator asked for; a problem when it makes no sense now. */
export function commandRollout(
  rollout: Rollout,
  command: RolloutCommand,
  now: number,
): RolloutTransition | { problem: string } {
  const name = `${rollout.plan.server} ${rollout.plan.from} → ${rollout.plan.to}`;
  if (isOver(rollout))
    return { problem: `the rollout ${name} is over: ${rollout.phase.kind}, ${rollout.phase.reason}` };
  switch (command) {
    case 'pause':
      if (rollout.isPaused) return { problem: `the rollout ${name} is paused already` };
      return {
        rollout: { ...rollout, isPaused: true },
        news: [
          {
            kind: 'rollout.paused',
            level: 'info',
            message: `${name}: paused; analysis goes on and may still roll back`,
          },
        ],
      };
    case 'resume': {
      const isHeld = rollout.phase.kind === 'preflight' && rollout.phase.isHeld;
      if (!rollout.isPaused && !isHeld) return { problem: `the rollout ${name} is neither paused nor held` };
      return {
        rollout: { ...rollout, isPaused: false, isContractApproved: rollout.isContractApproved || isHeld },
        news: [
          {
            kind: 'rollout.resumed',
            level: 'info',
            message: `${name}: ${isHeld ? 'differences of the tools approved' : 'resumed'}`,
          },
        ],
      };
    }
    case 'promote':
      return end(rollout, 'promoted', 'promoted by an operator', now);
    case 'abort':
      return end(rollout, 'aborted', 'aborted by an operator', now);
  }
}

function preflight(
  rollout: Rollout,
  phase: Extract<RolloutPhase, { kind: 'preflight' }>,
  { now, healthy, contract, counters }: RolloutInput,
): RolloutTransition {
  const { plan } = rollout;
  const wait = (reason: string, isHeld = false): RolloutTransition => {
    if (now - phase.sinceMs >= plan.holdTimeoutMs)
      return end(rollout, 'rolled-back', `not started within ${plan.holdTimeoutMs / 1000} s: ${reason}`, now);
    const isNews = isHeld && !phase.isHeld;
    return {
      rollout: { ...rollout, phase: { ...phase, isHeld, reason } },
      news: isNews
        ? [{ kind: 'rollout.held', level: 'warning', message: `${title(rollout)}: held before it began: ${reason}` }]
        : [],
    };
  };
  if (healthy.to === 0) return wait(`backend ${plan.to} has no healthy replica`);
  if (plan.contract !== 'off' && !rollout.isContractApproved) {
    if (contract === null)
      return wait('the tools of both backends are not known yet; contract off goes on without them');
    const stops = contract.filter(
      ({ level }) => level === 'breaking' || (plan.contract === 'warning' && level === 'warning'),
    );
    if (stops.length > 0)
      return wait(
        `${stops.length} ${plan.contract === 'warning' ? '' : 'breaking '}difference(s) of the tools: ${stops
          .slice(0, 3)
          .map(({ tool, description }) => `${tool}: ${description}`)
          .join('; ')}`,
        true,
      );
  }
  return rollout.isPaused ? wait('paused') : enter(rollout, 0, now, counters);
}

function step(rollout: Rollout, phase: StepPhase, input: RolloutInput): RolloutTransition {
  const { plan } = rollout;
  const { now, healthy, counters } = input;
  if (healthy.to === 0) return end(rollout, 'rolled-back', `backend ${plan.to} has no healthy replica left`, now);
  const baseline = phase.baseline ?? counters;
  const seen = { ...phase, baseline };
  if (now - phase.analysedAtMs < plan.intervalMs) return { rollout: { ...rollout, phase: seen }, news: [] };

  const since =
    counters && baseline
      ? { from: combine(counters.from, baseline.from, -1), to: combine(counters.to, baseline.to, -1) }
      : null;
  const checks = since ? analyse(plan, since.from, since.to) : [];
  const bad = checks.filter(({ isGood }) => !isGood);
  const analysed = { ...seen, analysedAtMs: now, checks };
  if (bad.length > 0)
    return failed(
      rollout,
      { ...analysed, failures: phase.failures + 1 },
      bad.map(({ description }) => description).join('; '),
      now,
    );

  const sessions = since?.to.sessions ?? null;
  const isLongEnough = now - phase.sinceMs >= plan.stepMs,
    hasEnough = plan.minSessions === 0 || (sessions ?? 0) >= plan.minSessions;
  const good = {
    ...analysed,
    failures: 0,
    reason: `objectives are met${sessions === null ? '' : `; ${sessions} of at least ${plan.minSessions} new sessions`}`,
  };
  if (isLongEnough && hasEnough && !rollout.isPaused) return next(rollout, phase, now, counters);
  if (now - phase.sinceMs >= Math.max(plan.stepTimeoutMs, plan.stepMs) && !rollout.isPaused) {
    return end(
      rollout,
      'rolled-back',
      sessions === null
        ? 'no counts from the gateways, so the objectives can’t be judged'
        : `only ${sessions} of ${plan.minSessions} new sessions within ${plan.stepTimeoutMs / 1000} s`,
      now,
    );
  }
  return {
    rollout: { ...rollout, phase: good },
    news:
      phase.failures > 0
        ? [{ kind: 'rollout.recovered', level: 'info', message: `${title(rollout)}: objectives are met again` }]
        : [],
  };
}

function failed(rollout: Rollout, phase: StepPhase, reason: string, now: number): RolloutTransition {
  if (phase.failures >= rollout.plan.failuresToRollBack) return end(rollout, 'rolled-back', reason, now);
  return {
    rollout: { ...rollout, phase: { ...phase, reason } },
    news: [
      {
        kind: 'rollout.held',
        level: 'warning',
        message: `${title(rollout)}: held at ${rollout.steps[phase.index]} %: ${reason}`,
      },
    ],
  };
}

function next(rollout: Rollout, phase: StepPhase, now: number, counters: RolloutInput['counters']): RolloutTransition {
  return phase.index + 1 < rollout.steps.length
    ? enter(rollout, phase.index + 1, now, counters)
    : end(rollout, 'promoted', 'every step met its objectives', now);
}

function enter(rollout: Rollout, index: number, now: number, baseline: RolloutInput['counters']): RolloutTransition {
  const phase: StepPhase = {
    kind: 'step',
    index,
    sinceMs: now,
    analysedAtMs: now,
    failures: 0,
    baseline,
    reason: 'waiting for the first analysis',
  };
  return {
    rollout: { ...rollout, phase },
    news: [
      { kind: 'rollout.step', level: 'info', message: `${title(rollout)}: ${rollout.steps[index]} % of new sessions` },
    ],
  };
}

function end(
  rollout: Rollout,
  kind: 'promoted' | 'rolled-back' | 'aborted',
  reason: string,
  now: number,
): RolloutTransition {
  const level = kind === 'promoted' ? 'info' : kind === 'aborted' ? 'warning' : 'error';
  return {
    rollout: { ...rollout, isPaused: false, phase: { kind, sinceMs: now, reason } },
    news: [{ kind: `rollout.${kind}`, level, message: `${title(rollout)}: ${kind}: ${reason}` }],
  };
}

const title = ({ plan }: Rollout): string => `${plan.server} ${plan.from} → ${plan.to}`;

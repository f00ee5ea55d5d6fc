import { rolloutPlanSchema, type Rollout, type RolloutPlan } from './rollout.ts';

/** What is known of the server when somebody starts a rollout. */
export interface RolloutContext {
  backends: ReadonlyArray<{ name: string; weight: number; healthy: number | null }>;
  running: Rollout | null;
}

/** A new rollout, or why it can't be. */
export function beginRollout(
  input: unknown,
  context: RolloutContext,
  id: string,
  now: number,
): { rollout: Rollout } | { problem: string } {
  const parsed = rolloutPlanSchema.safeParse(input);
  if (!parsed.success)
    return {
      problem: parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'plan'}: ${message}`).join('; '),
    };
  const plan = parsed.data;
  const names = context.backends.map(({ name }) => name);
  if (context.running)
    return {
      problem: `a rollout of ${plan.server} is under way (${context.running.plan.from} → ${context.running.plan.to}): promote or abort it first`,
    };
  for (const each of [plan.from, plan.to])
    if (!names.includes(each)) return { problem: `${plan.server} has no backend ${each}; it has ${names.join(', ')}` };
  if (plan.from === plan.to) return { problem: 'from and to are the same backend' };
  const third = context.backends.find(({ name, weight }) => name !== plan.from && name !== plan.to && weight > 0);
  if (third)
    return {
      problem: `backend ${third.name} takes new sessions too (weight ${third.weight}): a rollout is between two`,
    };
  const healthy = context.backends.find(({ name }) => name === plan.to)?.healthy ?? null;
  if (healthy === null)
    return { problem: 'this control plane has just started and does not know the replicas yet; try again' };
  const steps = stepsOf(plan, healthy);
  if (steps.some((percent, index) => percent <= (steps[index - 1] ?? -Infinity)))
    return { problem: `steps must rise: ${steps.join(', ')}` };
  if (steps.at(-1) !== 100) return { problem: `the last step must be 100, not ${steps.at(-1)}` };
  return {
    rollout: {
      id,
      plan,
      steps,
      startedAtMs: now,
      isPaused: false,
      isContractApproved: false,
      phase: { kind: 'preflight', sinceMs: now, isHeld: false, reason: 'just started' },
    },
  };
}

function stepsOf({ strategy, steps }: RolloutPlan, replicas: number): number[] {
  if (strategy === 'canary') return steps;
  if (strategy === 'blue-green') return [100];
  const count = Math.min(Math.max(1, replicas), 100);
  return Array.from({ length: count }, (_, index) => Math.round((100 * (index + 1)) / count));
}

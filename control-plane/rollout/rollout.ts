import * as z from 'zod';
import { sloCountersSchema } from '../../proto/slo-window.ts';

/** What an operator may ask of a rollout; `holdfast rollout start` has an option for each. */
export const rolloutPlanSchema = z.strictObject({
  server: z.string().describe('Server whose new sessions move.'),
  from: z.string().describe('Backend that serves now.'),
  to: z.string().describe('Backend that is to serve.'),
  strategy: z
    .enum(['canary', 'blue-green', 'rolling'])
    .default('canary')
    .describe(
      'canary: by `steps`. blue-green: all new sessions at once. rolling: in as many even steps as the new backend has replicas.',
    ),
  steps: z
    .array(z.int().min(1).max(100))
    .min(1)
    .max(100)
    .default([10, 50, 100])
    .describe('canary: percent of new sessions, rising to 100.'),
  intervalMs: z.int().min(50).max(86_400_000).default(30_000).describe('Between two analyses.'),
  stepMs: z
    .int()
    .min(0)
    .max(7 * 86_400_000)
    .default(60_000)
    .describe('Shortest time in a step.'),
  stepTimeoutMs: z
    .int()
    .min(100)
    .max(30 * 86_400_000)
    .default(3_600_000)
    .describe('A step without enough sessions for this long is rolled back.'),
  holdTimeoutMs: z
    .int()
    .min(100)
    .max(30 * 86_400_000)
    .default(600_000)
    .describe('A contract that holds the rollout for this long, unapproved, is rolled back.'),
  minSessions: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(5)
    .describe('New sessions that a step must have seen before the next.'),
  minCalls: z.int().min(0).max(1_000_000).default(20).describe('Calls before rates are looked at.'),
  maxErrorPercent: z
    .number()
    .min(0)
    .max(100)
    .default(1)
    .describe('Share of tool errors and faults among calls, beyond what the old backend has in the same time.'),
  maxP99Ms: z.int().min(1).max(86_400_000).nullable().default(null).describe('p99 of calls; null: only compared.'),
  maxP99Ratio: z.number().min(1).max(1000).default(3).describe('p99 compared with the old backend’s in the same time.'),
  minInitializePercent: z
    .number()
    .min(0)
    .max(100)
    .default(99)
    .describe('Share of initialize requests that must succeed.'),
  maxRecoveryPercent: z.number().min(0).max(1000).default(10).describe('Recoveries per hundred sessions.'),
  failuresToRollBack: z
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe('Failed analyses in a row: the first holds the step, this many roll back.'),
  contract: z
    .enum(['breaking', 'warning', 'off'])
    .default('breaking')
    .describe(
      'Differences of tools/list that hold the rollout before it begins: breaking ones, warnings too, or none.',
    ),
  onRollback: z
    .enum(['recall', 'leave'])
    .default('recall')
    .describe('The new backend’s sessions after a rollback: rebuilt on the old one, or left where they are.'),
});
export type RolloutPlan = z.infer<typeof rolloutPlanSchema>;

const base = { reason: z.string() };

/** Where a rollout is. Weights are percent of new sessions for the new backend. */
export const rolloutPhaseSchema = z.discriminatedUnion('kind', [
  /** Waiting for healthy replicas and, when `isHeld`, for somebody to approve the contract's differences. */
  z.object({ kind: z.literal('preflight'), sinceMs: z.number(), isHeld: z.boolean(), ...base }),
  z.object({
    kind: z.literal('step'),
    index: z.int(),
    sinceMs: z.number(),
    analysedAtMs: z.number(),
    failures: z.int(),
    /** What the last analysis found, a line for each objective; absent before the first. */
    checks: z.array(z.object({ name: z.string(), isGood: z.boolean(), description: z.string() })).optional(),
    /** Counters of both backends when the step began; null until they were read. */
    baseline: z.object({ from: sloCountersSchema, to: sloCountersSchema }).nullable(),
    ...base,
  }),
  z.object({ kind: z.literal('promoted'), sinceMs: z.number(), ...base }),
  z.object({ kind: z.literal('rolled-back'), sinceMs: z.number(), ...base }),
  z.object({ kind: z.literal('aborted'), sinceMs: z.number(), ...base }),
]);
export type RolloutPhase = z.infer<typeof rolloutPhaseSchema>;

export const rolloutSchema = z.object({
  id: z.string(),
  plan: rolloutPlanSchema,
  steps: z.array(z.int()),
  startedAtMs: z.number(),
  isPaused: z.boolean(),
  isContractApproved: z.boolean(),
  phase: rolloutPhaseSchema,
});
export type Rollout = z.infer<typeof rolloutSchema>;

export const isOver = ({ phase }: Rollout): boolean =>
  phase.kind === 'promoted' || phase.kind === 'rolled-back' || phase.kind === 'aborted';

/** Percent of new sessions that the new backend should get; what it does get depends on health, see `rolloutWeights`. */
export function targetPercent({ phase, steps }: Rollout): number {
  if (phase.kind === 'promoted') return 100;
  return phase.kind === 'step' ? (steps[phase.index] ?? 100) : 0;
}

/**
 * Weights of both backends. A backend without a healthy replica gets no new sessions, whatever the rollout says; the other one takes them all.
 * Percents of 100, so that they can stand in for the configured weights.
 */
export function rolloutWeights(rollout: Rollout, healthy: { from: number; to: number }): Map<string, number> {
  const percent = targetPercent(rollout);
  // The new backend stands in for a dead old one only once it was let in at all.
  const to = healthy.to === 0 || percent === 0 ? 0 : healthy.from === 0 ? 100 : percent;
  const from = healthy.from === 0 || (percent === 100 && healthy.to > 0) ? 0 : 100 - to;
  return new Map([
    [rollout.plan.from, from],
    [rollout.plan.to, to],
  ]);
}

/** Whether the new backend's sessions must be rebuilt on the old one. */
export const isRecalling = ({ plan, phase }: Rollout): boolean =>
  plan.onRollback === 'recall' && (phase.kind === 'rolled-back' || phase.kind === 'aborted');

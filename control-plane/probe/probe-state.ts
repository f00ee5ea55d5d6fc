import type { Era, Observation } from './observation.ts';
import type { ToolDescription } from './tool-description.ts';

export type ProbeHealth = 'unknown' | 'healthy' | 'unhealthy';

/** What is known of one replica; all times are ms since the epoch. */
export interface ProbeState {
  health: ProbeHealth;
  /** Failures in a row while healthy or unknown, successes in a row while unhealthy. */
  streak: number;
  /** Counts incarnations seen by this process, from 0. */
  incarnation: number;
  /**
   * When the incarnation before this one last answered; null while there was only one. A slot allotted at or before this moment belongs to a former incarnation.
   */
  formerIncarnationSeenAtMs: number | null;
  lastAnswerAtMs: number | null;
  /** A refusal was seen since the last answer: without a session to ask by, that means the process is another one. */
  wasRefused: boolean;
  eras: readonly Era[];
  tools: readonly ToolDescription[] | null;
  detail: string;
  checkedAtMs: number | null;
  responseTimeMs: number | null;
  sinceMs: number;
}

export interface Thresholds {
  healthyAfter: number;
  unhealthyAfter: number;
}

export const initialProbeState = (now: number): ProbeState => ({
  health: 'unknown',
  streak: 0,
  incarnation: 0,
  formerIncarnationSeenAtMs: null,
  lastAnswerAtMs: null,
  wasRefused: false,
  eras: [],
  tools: null,
  detail: 'not probed yet',
  checkedAtMs: null,
  responseTimeMs: null,
  sinceMs: now,
});

/**
 * The state after one observation. `isReported`: a gateway complained about the replica just before, so that one refusal, or one silence, is certainty.
 * A first observation decides at once: nobody must wait for a threshold to learn what a new replica is like.
 */
export function observe(
  state: ProbeState,
  seen: Observation,
  thresholds: Thresholds,
  now: number,
  isReported = false,
): ProbeState {
  const checked = { ...state, checkedAtMs: now, responseTimeMs: seen.durationMs };
  return seen.kind === 'answered'
    ? onAnswer(checked, seen, thresholds, now)
    : onFailure(checked, seen, thresholds, now, isReported);
}

function onAnswer(
  state: ProbeState,
  seen: Extract<Observation, { kind: 'answered' }>,
  thresholds: Thresholds,
  now: number,
): ProbeState {
  const next = {
    ...withIncarnation(state, seen.session, now),
    eras: seen.eras,
    tools: seen.tools ?? state.tools,
    wasRefused: false,
    lastAnswerAtMs: now,
    detail: seen.note ?? 'answers',
  };
  if (state.health === 'healthy') return { ...next, streak: 0 };
  const streak = state.health === 'unknown' ? thresholds.healthyAfter : state.streak + 1;
  return streak >= thresholds.healthyAfter
    ? { ...next, health: 'healthy', streak: 0, sinceMs: now }
    : { ...next, streak };
}

function onFailure(
  state: ProbeState,
  seen: Exclude<Observation, { kind: 'answered' }>,
  thresholds: Thresholds,
  now: number,
  isReported: boolean,
): ProbeState {
  const base = seen.kind === 'wrong' && seen.session === 'lost' ? withIncarnation(state, 'lost', now) : state;
  const next = { ...base, detail: seen.detail, wasRefused: state.wasRefused || seen.kind === 'refused' };
  if (state.health === 'unhealthy') return { ...next, streak: 0 };
  const isCertain = state.health === 'unknown' || (isReported && seen.kind !== 'wrong');
  const streak = state.streak + 1;
  // An overloaded machine is silent as well, and taking its replicas out makes the overload worse. Silence that no call confirms therefore
  // has to last.
  const needed = seen.kind === 'silent' ? 2 * thresholds.unhealthyAfter : thresholds.unhealthyAfter;
  return isCertain || streak >= needed
    ? { ...next, health: 'unhealthy', streak: 0, sinceMs: now }
    : { ...next, streak };
}

function withIncarnation(state: ProbeState, session: 'same' | 'lost' | 'none', now: number): ProbeState {
  const isNew = session === 'lost' || (session === 'none' && state.wasRefused && state.lastAnswerAtMs !== null);
  return isNew
    ? { ...state, incarnation: state.incarnation + 1, formerIncarnationSeenAtMs: state.lastAnswerAtMs ?? now }
    : state;
}

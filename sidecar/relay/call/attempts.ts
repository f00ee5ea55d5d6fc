import { setTimeout as sleepFor } from 'node:timers/promises';
import type { ServerPolicy } from '../../../proto/server-policy.ts';
import type { RetryBudget } from '../../recovery/retry-budget.ts';
import { pauseBefore } from './pause-before.ts';

export type Admission = 'granted' | 'capped' | 'over-budget';

export interface AttemptRules {
  budget: Pick<RetryBudget, 'acquire' | 'release'>;
  policy: Pick<ServerPolicy, 'retryBudget' | 'timeouts'>;
  random: () => number;
  /** Hears what became of each repetition that needed the budget. */
  counted: (result: 'sent' | 'budget') => void;
  sleep?: (ms: number) => Promise<unknown>;
}

/** What a relay has for the attempts of every request. */
interface RelayRules {
  budget: (server: string) => AttemptRules['budget'];
  random: AttemptRules['random'];
  metrics: { retry(server: string, result: 'sent' | 'budget'): void };
}

/** The attempts of one request to `server`, by the rules of a relay. */
export const attemptsAt = (relay: RelayRules, server: string, policy: AttemptRules['policy']): Attempts =>
  new Attempts({
    budget: relay.budget(server),
    policy,
    random: relay.random,
    counted: (result) => relay.metrics.retry(server, result),
  });

/**
 * Counts the attempts of one request. It says how many there may be and when each may begin, and holds the retry budget's place of each
 * repetition.
 */
export class Attempts {
  readonly #rules: AttemptRules;
  /** Attempts that reached a replica. */
  sent = 0;
  /** Attempts that a breaker refused. */
  rejected = 0;
  #holdsPlace = false;

  constructor(rules: AttemptRules) {
    this.#rules = rules;
  }

  /** May one more be made, of `most`? Only a repetition waits: for its pause, and for a place in the budget. */
  async admit(most: number): Promise<Admission> {
    if (this.sent + this.rejected >= most) return 'capped';
    if (this.sent === 0) return 'granted';
    this.release();
    const { budget, policy, random, counted, sleep = sleepFor } = this.#rules;
    const { percent, floor } = policy.retryBudget;
    const pauseMs = pauseBefore(this.sent, random);
    if (pauseMs > 0) await sleep(pauseMs);
    const isGranted = await budget.acquire(percent, floor, policy.timeouts.recoveryMs);
    counted(isGranted ? 'sent' : 'budget');
    this.#holdsPlace = isGranted;
    return isGranted ? 'granted' : 'over-budget';
  }

  /** The answer began, or the attempt is over: its place is free for another request. */
  release(): void {
    if (!this.#holdsPlace) return;
    this.#holdsPlace = false;
    this.#rules.budget.release();
  }
}

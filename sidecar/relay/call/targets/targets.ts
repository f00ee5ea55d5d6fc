import type { AnswerWatch } from '../attempt.ts';
import type { Errand } from '../call.ts';
import type { Finding } from '../next-step.ts';

/** What a kind of target can do for a call; only calls on a session are ever asked to ping or to recover. */
export type TargetErrand = Exclude<Errand, { do: 'neighbour' }>;

/** Where one call may go: on its session, to any replica, or to the one that holds what it names. */
export interface Targets extends AnswerWatch {
  begin(): Finding | Promise<Finding>;
  carryOut(errand: TargetErrand): Finding | Promise<Finding>;
  /** The deadline of the call is over. */
  expired(): void;
}

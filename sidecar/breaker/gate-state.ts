/**
 * Where a gate is, with only the data of that place. `sinceMs`: results of requests that began earlier say nothing here.
 * `openings`: how many times in a row it opened without closing in between.
 */
export type GateState =
  | { kind: 'closed'; sinceMs: number }
  | { kind: 'open'; sinceMs: number; untilMs: number; openings: number }
  | { kind: 'half-open'; sinceMs: number; openings: number; successes: number; held: Set<Permit> }
  | { kind: OperatorState; sinceMs: number };

/** What an operator can order. `observe` counts and would open, but admits everything. */
export type OperatorState = 'forced-open' | 'disabled' | 'observe';

/** Leave to send one request. Settled exactly once; settling it again does nothing. */
export interface Permit {
  /** The gate's generation when it was given: results of an earlier one say nothing. */
  readonly generation: number;
  /** When it stops counting as under way, should nobody ever settle it. */
  readonly expiresMs: number;
  isSettled: boolean;
}

export type Admission = { kind: 'admit'; permit: Permit } | { kind: 'reject'; retryAfterMs: number };

/** Decides from what came before whether it is broken. Knows no HTTP and admits nothing. Memory is fixed when it is made. */
export interface Policy {
  /** Takes one result; true when it is broken now. */
  record(isFailure: boolean, isSlow: boolean, nowMs: number): boolean;
  reset(): void;
  /** Whether a slow call that succeeded must not count as a success while half open. */
  readonly isSlowAFault: boolean;
}

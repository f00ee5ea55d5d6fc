/** A sliding window over results: sums are kept, never recounted, so a record costs the same however large the window is. */
export interface Window {
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
  record(isFailure: boolean, isSlow: boolean, nowMs: number): void;
  reset(): void;
}

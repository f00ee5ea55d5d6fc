import type { RecoveryReason, RecoveryResult } from '../metrics/session-metrics.ts';

/** What recoveries say of themselves. */
export interface RecoveryMetrics {
  recovery(server: string, reason: RecoveryReason, result: RecoveryResult, durationMs: number): void;
  recoveryQueue(server: string, waiting: number, running: number): void;
}

import type { RecoveryReason } from '../../proto/recovery-reason.ts';
import type { RecoveryResult } from '../metrics/session-metrics.ts';

/** What recoveries say of themselves. */
export interface RecoveryMetrics {
  recovery(server: string, reason: RecoveryReason, result: RecoveryResult, durationMs: number): void;
  /** Moves that no longer fit a session's record. */
  movesDropped(server: string, count: number): void;
  recoveryQueue(server: string, waiting: number, running: number): void;
}

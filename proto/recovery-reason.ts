/** Why a session is rebuilt on another replica: a label of metrics and spans, and a part of the session's story. */
export const RECOVERY_REASONS = [
  'unreachable',
  'unknown-session',
  'uninitialized',
  'unhealthy',
  'drain',
  'breaker',
  'hanging',
  'stream-held',
  'split-brain',
] as const;
export type RecoveryReason = (typeof RECOVERY_REASONS)[number];

import type { RecoveryResult } from '../metrics/session-metrics.ts';
import type { Recovered } from './recovery.ts';

/** What a recovery came to, as its metric says it. */
export function resultLabel(result: Recovered): RecoveryResult {
  if (result.kind === 'recovered') return result.isFollowed ? 'followed' : 'recovered';
  return result.reason === 'unauthorized' || result.reason === 'unsure' || result.reason === 'policy'
    ? 'failed'
    : result.reason;
}

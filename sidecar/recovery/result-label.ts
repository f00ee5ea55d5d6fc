import type { RecoveryResult } from '../metrics/session-metrics.ts';
import type { Recovered } from './recovery-request.ts';

/** What a recovery came to, as its metric says it. */
export function resultLabel(result: Recovered): RecoveryResult {
  if (result.kind === 'recovered') return result.isFollowed ? 'followed' : 'recovered';
  const { reason } = result;
  return reason === 'unauthorized' || reason === 'unsure' || reason === 'policy' || reason === 'foreign'
    ? 'failed'
    : reason;
}

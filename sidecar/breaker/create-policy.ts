import type { BreakerPolicy } from '../../proto/server-policy.ts';
import { ConsecutivePolicy } from './consecutive-policy.ts';
import { RatePolicy } from './rate-policy.ts';

import type { Policy } from './policy.ts';

export function createPolicy(policy: BreakerPolicy): Policy {
  return policy.form === 'consecutive' ? new ConsecutivePolicy(policy.threshold) : new RatePolicy(policy);
}

import { limitRefusal, type LimitRefusal } from '../budget/limit-error.ts';
import type { Taken } from './buckets-of.ts';

/** How a call beyond a limit of the fleet is refused. `limit`: the name that the operator gave it. */
export function fleetRefusal(
  { limit, retryAfterMs }: Extract<Taken, { is: 'refused' }>,
  server: string,
): Omit<LimitRefusal, 'limit'> & { limit: string; retryAfterMs: number } {
  const { status, code } = limitRefusal('fleet_rate', server);
  const message = `Too many calls in the fleet (limit: servers[${server}].fleetLimits, ${limit})`;
  return { status, code, message, limit, retryAfterMs };
}

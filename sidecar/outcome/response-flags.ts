import type { OutcomeKind } from '../../proto/outcome.ts';

/**
 * What Envoy says went wrong, by the short names of its response flags; `answer` when the answer itself says more. First match wins: a client
 * that left explains all that follows.
 */
const FLAGS: readonly [flag: string, kind: OutcomeKind | 'answer'][] = [
  // The client closed, reset, or broke the protocol
  ['DC', 'cancelled'],
  ['DR', 'cancelled'],
  ['DPE', 'client_fault'],
  // Beyond a rate that the operator set: no client may spend the mesh's objective
  ['RL', 'client_fault'],
  ['RLSE', 'client_fault'],
  // Shed here or told to shed: a circuit breaker's limit, the overload manager
  ['UO', 'overload'],
  ['OM', 'overload'],
  // No route, not authorized, headers that Envoy refuses
  ['NR', 'client_fault'],
  ['UAEX', 'client_fault'],
  ['IH', 'client_fault'],
  // Connection failed, ended, was reset by the replica or here, spoke no HTTP, took too long
  ['UF', 'replica_fault'],
  ['UC', 'replica_fault'],
  ['UR', 'replica_fault'],
  ['LR', 'replica_fault'],
  ['UPE', 'replica_fault'],
  ['UT', 'replica_fault'],
  ['UMSDR', 'replica_fault'],
  ['DT', 'replica_fault'],
  ['SI', 'replica_fault'],
  // No replica to be had: failed checks, none healthy, no address, no cluster, no filter configuration
  ['LH', 'replica_fault'],
  ['UH', 'replica_fault'],
  ['DF', 'replica_fault'],
  ['NC', 'replica_fault'],
  ['NFCF', 'replica_fault'],
  // Retries are used up: the last attempt's own answer passed; where there was none, another flag stands beside it
  ['URX', 'answer'],
];

/** Envoy's response flags as an outcome; undefined when none of them says anything. */
export function kindOfFlags(flags: string | null): OutcomeKind | 'answer' | undefined {
  if (flags === null) return undefined;
  const set = flags.split(',');
  for (const [flag, kind] of FLAGS) if (set.includes(flag)) return kind;
  return undefined;
}

/** Flags of requests that Envoy ended because nothing came for too long. */
const TIMEOUTS = ['UT', 'SI', 'DT', 'UMSDR'];

/** Whether Envoy's own clock ended it: the replica may only have been slow. */
export const isTimeout = (flags: string | null): boolean =>
  flags?.split(',').some((flag) => TIMEOUTS.includes(flag)) ?? false;

export const hasFlag = (flags: string | null, flag: string): boolean => flags?.split(',').includes(flag) ?? false;

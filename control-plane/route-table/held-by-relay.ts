import type { ServerTopology } from '../topology/topology.ts';

/** What the gateway's relay holds of a server, asked by everything that has to know. */
export interface HeldByRelay {
  /** POSTs of sessions. */
  calls: boolean;
  /** GET streams of sessions. */
  streams: boolean;
  /** Every request, of whatever session: the relay compares it with rules, or counts it for the fleet. */
  everything: boolean;
}

/** Of a server with `jwt` the streams, too: only the relay ends them when their token does, and compares what they say with rules. */
export function heldByRelay({ policy, jwt }: Pick<ServerTopology, 'policy' | 'jwt'>): HeldByRelay {
  const { guard, authorization, fleetLimits } = policy;
  const everything = authorization !== undefined || fleetLimits.length > 0;
  return {
    calls: guard.includes('calls'),
    streams: guard.includes('streams') || jwt !== null || everything,
    everything,
  };
}

/** HTTP methods of sessions that the relay holds. A DELETE always is, so that nobody rebuilds the session afterwards. */
export const heldMethods = ({ calls, streams }: HeldByRelay): string[] => [
  'DELETE',
  ...(calls ? ['POST'] : []),
  ...(streams ? ['GET'] : []),
];

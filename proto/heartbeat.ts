import * as z from 'zod';

/**
 * What a gateway node says of itself. It is in Redis under `holdfast:gateway:<node id>` (JSON, kept for three
 * intervals), and in the node metadata of its sidecar's xDS stream. Addresses are `ip:port` that other machines can
 * reach. A newer version may add keys.
 */
export const heartbeatSchema = z.looseObject({
  nodeId: z.string().min(1),
  version: z.string(),
  /** Relay of each sidecar process, for neighbours whose own sidecar is gone; none when only its own Envoy reaches it. */
  relay: z.array(z.string()),
  /** Those relays want mTLS. */
  isRelayTls: z.boolean().optional(),
  /** ext_proc over TCP for neighbours; null when it offers none. */
  peer: z.string().nullable(),
  /** Admin port of the sidecar. */
  admin: z.string().nullable(),
  /** Where clients or an edge reach its Envoy; null when the sidecar was not told. */
  listen: z.string().nullable(),
  isDraining: z.boolean(),
  atMs: z.number(),
  /** How long it is kept in Redis. One that is read for longer was written again by somebody else. */
  validForMs: z.number().optional(),
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;

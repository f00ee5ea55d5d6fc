import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import type { ServerTool } from '../../proto/server-tool.ts';
import type { BackendConfig } from '../config/backend-schema.ts';
import type { EdgeConfig, GatewayConfig } from '../config/config-schema.ts';
import type { CorsConfig, JwtConfig, RateLimitConfig } from '../config/server-schema.ts';
import type { SharedSettings } from '../../proto/settings.ts';
import type { Tracing } from '../../proto/tracing.ts';

/** One backend as the resources need it. */
export interface BackendTopology {
  name: string;
  /** Share of new sessions relative to the other backends'; a rollout's weight where there is one, 0 while no replica of it takes any. */
  weight: number;
  hostOverride: string | null;
  tls: BackendConfig['tls'] | null;
}

/** How tokens are verified, and how clients are told to get one. */
export type JwtTopology = JwtConfig;

export interface ServerTopology {
  name: string;
  policy: ServerPolicy;
  backends: BackendTopology[];
  /** Sorted by slot. Incarnations that are over are not here. */
  endpoints: ReplicaEndpoint[];
  /** Slots of incarnations that are over, but that sessions may still name. */
  lostSlots: string[];
  /** The tools that its replicas list, by name; null while nobody knows them. */
  tools: readonly ServerTool[] | null;
  /** Some tool's breaker is not closed: unguarded calls must be decided on. */
  hasOpenToolBreaker: boolean;
  allowedOrigins: readonly string[];
  allowedHosts: readonly string[];
  cors: CorsConfig | null;
  /** Whether a replica's 401 may name a document that is not at its public place: it is put right then. */
  mapsChallenge: boolean;
  /** With all defaults filled in. */
  jwt: JwtTopology | null;
  rateLimit: RateLimitConfig;
}

/** A gateway node that is there, by its heartbeat or its xDS stream. Addresses are `ip:port`. */
export interface GatewayNode {
  id: string;
  /** Relay addresses that other nodes can reach. */
  relay: string[];
  /** They want mTLS: `gateway.peerTls`. */
  isRelayTls?: boolean;
  /** ext_proc over TCP for other nodes; null when it offers none. */
  peer: string | null;
  /** Where clients (or an edge) reach its Envoy; null when unknown. */
  listen: string | null;
  /** No new requests from edges. */
  isDraining: boolean;
}

/** Everything that resources are made of. Plain data, equal inputs give deeply equal snapshots. */
export interface TopologySnapshot {
  servers: ServerTopology[];
  /** Sorted by id. */
  gateways: GatewayNode[];
  /**
   * Ids of those that an operator takes out, also while nothing is heard of them. Their Envoys stop listening, and let open requests go on.
   */
  gatewaysOut: readonly string[];
  gateway: GatewayConfig;
  /** The mesh whose certificates are believed; null when this control plane has none. */
  trustDomain: string | null;
  edge: EdgeConfig | null;
  loadBalancer: SharedSettings['loadBalancer'];
  port: number;
  /** Where spans go; null: nothing is traced. */
  tracing: Tracing | null;
}

import type { ServerTool } from '../../proto/server-tool.ts';
import type { Config } from '../config/config-schema.ts';
import type { GatewayNode } from './topology.ts';

/** A replica that the configuration names or discovery found. */
export interface KnownReplica {
  server: string;
  backend: string;
  /** Unique in its server. */
  name: string;
  /** `ip:port`. */
  address: string;
  /** Its owner is taking it down: it takes no new sessions. */
  isTerminating?: boolean;
  /** False: its own readiness probe fails. It keeps its sessions as long as the mesh's probe finds it healthy, and takes no new ones. Default true. */
  isReady?: boolean;
  /** Which process is meant, where discovery knows (a pod's uid). */
  identity?: string;
}

/** Key of the maps below: a replica is one address of one server. */
export const replicaKey = (server: string, address: string): string => `${server} ${address}`;

export interface TopologyInputs {
  config: Config;
  replicas: readonly KnownReplica[];
  /**
   * By replicaKey. Absent: not looked at yet. It counts as healthy, or a fresh mesh would refuse its first requests. Beside a healthy one of its
   * backend it takes nothing new: it may be one that takes connections and answers nothing.
   */
  health: ReadonlyMap<string, 'healthy' | 'unhealthy'>;
  /** Slot of each replica's present incarnation, by replicaKey. A replica without one is not in the mesh yet. */
  slots: ReadonlyMap<string, string>;
  /** By server: the tools that its replicas list. Absent: nobody knows them. Default: of no server. */
  tools?: ReadonlyMap<string, readonly ServerTool[]>;
  /** By server: slots of incarnations that are over. */
  lostSlots: ReadonlyMap<string, readonly string[]>;
  /** What an operator takes out: a replica (by name or address) or a whole backend. */
  drains: ReadonlyArray<{ server: string; replica?: string | null; backend?: string | null }>;
  /** Weights that a rollout sets, by server and backend; they win over the configuration's. */
  weights: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /**
   * Breakers that are not closed. `slot` null: of the server as a whole; `tool` null: the replica's own. `isTrialDue`:
   * its time is over, so new sessions may come again. Otherwise nothing would ever show that the replica is well.
   * Gateways let through as many as the breaker permits.
   */
  openBreakers: ReadonlyArray<{ server: string; slot: string | null; tool: string | null; isTrialDue?: boolean }>;
  gateways: readonly GatewayNode[];
  /** Default null. */
  trustDomain?: string | null;
  /** Ids of the gateways that an operator takes out, there or not. Default none. */
  gatewaysOut?: readonly string[];
}

/** Before anything is known but the configuration: no replica, no gateway, nobody's orders. */
export const nothingKnown = (): Omit<TopologyInputs, 'config'> & { health: Map<string, 'healthy' | 'unhealthy'> } => ({
  replicas: [],
  health: new Map(),
  slots: new Map(),
  lostSlots: new Map(),
  drains: [],
  weights: new Map(),
  openBreakers: [],
  gateways: [],
});

import type { ExpectedPeer } from './identity/expected-peer.ts';

/**
 * What each endpoint in EDS says of its replica, below `metadata.filter_metadata.holdfast`. Envoy carries it to ext_proc and the
 * access log; the sidecar, an xDS client like Envoy, reads the same resource.
 */
export type ReplicaState =
  /** Takes new sessions. */
  | 'active'
  /** Takes no new sessions, keeps what it has; idle sessions are moved. */
  | 'draining'
  /** Healthy, of a backend whose weight is 0: keeps what it has, nothing is moved. */
  | 'standby'
  /** Probes fail or gateways report it: its sessions move when they next speak. */
  | 'unhealthy'
  /** This incarnation is over: kept for as long as sessions may name its slot. Has no usable address. */
  | 'lost';

/** TLS towards a replica; files are read where the gateway runs. */
export interface ReplicaTls {
  caFile?: string | undefined;
  serverName?: string | undefined;
  certificateFile?: string | undefined;
  keyFile?: string | undefined;
  /** A neighbour's relay: what its certificate must name. */
  expects?: ExpectedPeer | undefined;
}

export interface ReplicaEndpoint {
  server: string;
  /** Replica's name of the configuration or discovery; unique in its server. */
  replica: string;
  backend: string;
  slot: string;
  /** `ip:port`. */
  address: string;
  state: ReplicaState;
  /** Envoy alone pins this slot's sessions. */
  isSteady: boolean;
  /** Share of new sessions, 0–10000, already multiplied with the backend's weight. */
  weight: number;
  /** Host header towards this replica; the client's when null or absent. */
  host?: string | null;
  /** Speak TLS to it; plain when null or absent. */
  tls?: ReplicaTls | null;
}

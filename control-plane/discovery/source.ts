import { beforePort } from '../../proto/identity/host.ts';

/** One replica as a source names it. */
export interface DiscoveredReplica {
  /** Unique in its backend: the configured name, the pod's name, or the address. */
  name: string;
  /** `ip:port`, or `[ipv6]:port`. */
  address: string;
  /** Its owner is taking it down (a terminating pod): it takes no new sessions. */
  isTerminating: boolean;
  /** False: its own readiness probe fails just now. It takes no new sessions, and the mesh's probe decides on those that it has. Default true. */
  isReady?: boolean;
  /** Which process is meant, where the source knows (a pod's uid): another identity at the same address is another incarnation. */
  identity?: string;
}

/** What a source knows. */
export interface SourceReport {
  /** Ordered by name; null until the source has answered for the first time. */
  replicas: readonly DiscoveredReplica[] | null;
  /** Why `replicas` may be old; null while the source works. */
  problem: string | null;
  /** When `replicas` were last confirmed; ms since the epoch. */
  confirmedAtMs: number | null;
}

/** A running source. It reports through the callback that it was started with, until it is stopped. */
export interface Source {
  stop(): Promise<void>;
}

/** The two things a source may say. */
export interface SourceSink {
  replicas(found: DiscoveredReplica[]): void;
  problem(text: string): void;
}

export const formatAddress = (ip: string, port: number): string => `${beforePort(ip)}:${port}`;
export const replicaAt = (address: string, name = address): DiscoveredReplica => ({
  name,
  address,
  isTerminating: false,
});

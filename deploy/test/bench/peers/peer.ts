import type { Mesh } from '../../mesh/start-mesh.ts';
import type { Replica } from '../../mesh/start-replica.ts';

/** The servers of the mesh that every peer stands before, and where Holdfast reaches the same program with and without its guard. */
export interface Stage {
  mesh: Mesh;
  server: string;
  /** An Envoy that keeps sessions on the replicas of `server`: for peers that take one URL. */
  envelope: RunningPeer;
}

export interface RunningPeer {
  port: number;
  path: string;
  /** Every process of it, for its CPU. */
  pids(): number[];
  /** Those that it sends to. */
  replicas: readonly Replica[];
  close(): Promise<void>;
}

export interface Peer {
  name: string;
  version: string;
  /** How it was set up, in a sentence. */
  configuration: string;
  start(stage: Stage): Promise<RunningPeer>;
}

/** What could not be compared, and what would have to be done. */
export interface SkippedPeer {
  name: string;
  why: string;
}

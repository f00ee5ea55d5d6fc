import type { Objective } from '../../../report/objectives.ts';
import type { MeshOnCluster, ServerName } from './mesh-on-cluster.ts';
import type { Cluster } from './whole-cluster.ts';

/** What a row may use. */
export interface Stage {
  cluster: Cluster;
  mesh: MeshOnCluster;
  say(line: string): void;
  /** Tells that a pod to which clients connect themselves is gone at once: what was in flight on its connections has nobody who could answer. */
  entryLost(fromMs: number, toMs: number): void;
}

/** One event that a cluster lives through while clients go on calling. */
export interface Row {
  name: string;
  /** Which server the clients call. */
  server: ServerName;
  /** short: mixed calls of at most 600 ms, some of them unsafe. long: safe ones of 25 s. */
  calls: 'short' | 'long';
  /** It takes so long that it is played only where its name is asked for. */
  isOnDemand?: true;
  /** Makes the event happen, and returns when it is over. What it gives are objectives of its own. */
  play(stage: Stage): Promise<Objective[] | undefined>;
}

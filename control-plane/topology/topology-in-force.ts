import type { TopologySnapshot } from './topology.ts';

/** The topology that gateways are told. The control loop writes it; parts that act on what runs read it. */
export class TopologyInForce {
  /** Null before the first. */
  snapshot: TopologySnapshot | null = null;
}

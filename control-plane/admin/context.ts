import type { Config } from '../config/config-schema.ts';
import type { ConfigVersions } from '../config-versions/config-versions.ts';
import type { SourceReport } from '../discovery/source.ts';
import type { Drains } from '../drain/drains.ts';
import type { EventLog } from '../events/event.ts';
import type { Lease } from '../lease/lease.ts';
import type { Probes } from '../probe/probes.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import type { SlaHistory } from '../sla/sla-history.ts';
import type { TopologySnapshot } from '../topology/topology.ts';
import type { CallWatch } from '../watch/call-watch.ts';
import type { LiveFeed } from '../watch/live-feed.ts';
import type { BreakerControl } from './breaker-control.ts';
import type { ConfigFile } from './config-file.ts';
import type { SessionReader } from './session-reader.ts';

/** An xDS client that is connected to this control plane. */
export interface ConnectedNode {
  id: string;
  role: string;
}

/** Everything that the admin API shows and changes; control-plane.ts puts it together. */
export interface AdminContext {
  id: string;
  version: string;
  startedAtMs: number;
  now: () => number;
  config: () => Config;
  /** null where there is no file, as in tests. */
  file: ConfigFile | null;
  topology: () => TopologySnapshot | null;
  discovery: () => ReadonlyMap<string, SourceReport>;
  nodes: () => readonly ConnectedNode[];
  /** Gateway nodes that are connected here, but write no heartbeat into Redis. */
  withoutHeartbeat: () => readonly string[];
  /** Round trip to Redis in ms; null with SESSION_STORE=memory. Rejects when it can't be reached. */
  pingStore: (() => Promise<number>) | null;
  probes: Pick<Probes, 'of'>;
  drains: Pick<Drains, 'start' | 'end' | 'status' | 'current'>;
  rollouts: Pick<Rollouts, 'start' | 'command' | 'clear' | 'current' | 'contract'>;
  events: EventLog;
  lease: Lease;
  versions: ConfigVersions;
  sla: Pick<SlaHistory, 'windows'>;
  /** null without Redis: only sidecars know their sessions and breakers then. */
  sessions: SessionReader | null;
  breakers: BreakerControl | null;
  calls: CallWatch | null;
  /** What pages of the console watch; null where there is no console, as in tests. */
  live: LiveFeed | null;
}

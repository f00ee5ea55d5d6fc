import type { Logger } from 'pino';
import { detach } from '../../proto/detach.ts';
import type { Config } from '../config/config-schema.ts';
import type { SourceReport } from '../discovery/source.ts';
import type { Probes } from '../probe/probes.ts';
import type { Slots } from '../slots/slots.ts';
import type { GatewayNode } from '../topology/topology.ts';
import { Identities } from './identities.ts';
import { knownReplicas } from './known-replicas.ts';
import { probeTargets } from './probe-targets.ts';
import { UsableReports } from './usable-reports.ts';

export interface FollowedReplicasOptions {
  config: () => Config;
  found: () => ReadonlyMap<string, SourceReport>;
  gateways: () => readonly GatewayNode[];
  isLeader: () => boolean;
  slots: Slots;
  probes: Pick<Probes, 'watch'>;
  now: () => number;
  log: Pick<Logger, 'warn'>;
  /** Slots were given or ended. */
  onChange: () => void;
  onError: (error: unknown) => void;
}

/** The replicas that are there, each with a slot and a probe. */
export class FollowedReplicas {
  readonly #options: FollowedReplicasOptions;
  readonly #usable: UsableReports;
  readonly #identities: Identities;
  /** By `server/replica`, as they were followed last. */
  #backends: ReadonlyMap<string, string> = new Map();

  constructor(options: FollowedReplicasOptions) {
    this.#options = options;
    this.#usable = new UsableReports(options);
    this.#identities = new Identities(options.now);
  }

  /** What each source knows, without nodes of the mesh itself. */
  reports(): ReadonlyMap<string, SourceReport> {
    return this.#usable.current();
  }

  known(): ReturnType<typeof knownReplicas> {
    const { config, slots } = this.#options;
    // Nodes of the mesh come and go, and so does what is refused as a replica.
    if (this.#usable.haveChanged()) this.follow();
    return knownReplicas(config(), this.reports(), (server, address) => slots.slotOf(server, address) !== undefined);
  }

  /** Replicas may have changed: slots and probes for exactly those that are there. */
  follow(): void {
    const { config, isLeader, slots, probes, onChange, onError } = this.#options;
    const { replicas, isComplete } = this.known();
    this.#backends = new Map(replicas.map(({ server, name, backend }) => [`${server}/${name}`, backend]));
    probes.watch(probeTargets(config(), replicas));
    for (const { replica, formerSeenAtMs } of this.#identities.changed(replicas)) this.renew(replica, formerSeenAtMs);
    detach(slots.keep(replicas, isComplete && isLeader()).finally(onChange), onError);
  }

  /** The backend of a replica; undefined for one that is no replica any more. */
  backendOf(server: string, replica: string): string | undefined {
    return this.#backends.get(`${server}/${replica}`);
  }

  /** A replica that is back from the dead, or restarted unseen, gets a slot of its own. Of two control planes that see it, the second finds that done. */
  renew({ server, address }: { server: string; address: string }, formerSeenAtMs: number | null): void {
    const { slots, onError } = this.#options;
    const incarnation = slots.incarnationOf(server, address);
    if (incarnation && formerSeenAtMs !== null && incarnation.sinceMs <= formerSeenAtMs)
      detach(slots.newIncarnation(server, address, incarnation.slot), onError);
  }
}

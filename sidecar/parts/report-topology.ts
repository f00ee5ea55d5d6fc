import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics.ts';
import { versionDigest } from '../metrics/version-digest.ts';
import type { TopologyClient } from '../xds/topology-client.ts';

/** Counts and logs what the control plane sends, and when it comes and goes. */
export function reportTopology(topology: TopologyClient, links: Metrics['links'], log: Logger): void {
  topology.on('answer', (type, problems) => {
    links.xdsUpdate(type, problems.length > 0 ? 'nack' : 'ack');
    links.xdsVersion(type, versionDigest(topology.versions(type)));
    if (problems.length > 0)
      log.error({ type, problems }, 'what the control plane sent can not be used; the last good one stays in force');
  });
  topology.on('connect', (address) => {
    links.xdsConnected(true);
    log.info({ address }, 'connected to the control plane');
  });
  topology.on('disconnect', (address, reason) => {
    links.xdsConnected(false);
    log.warn({ address, reason }, 'the control plane is away; going on with what it said last');
  });
  topology.on('problem', (message) => log.warn(message));
}

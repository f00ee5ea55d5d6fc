import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { formatPath } from '../../proto/config-file/problem.ts';
import type { InternalErrors } from '../../proto/internal-errors.ts';
import { clusterApi } from '../cluster-servers/cluster-api.ts';
import { ClusterServers } from '../cluster-servers/cluster-servers.ts';
import { StatusWriter } from '../cluster-servers/status-writer.ts';
import { serverProblems } from '../config/semantic.ts';
import { buildFault } from './build-fault.ts';
import type { SourceReport } from '../discovery/source.ts';
import type { ConfigSource } from '../sources/config-source.ts';
import type { TopologySnapshot } from '../topology/topology.ts';

interface ClusterOptions {
  config: ConfigSource;
  topology: () => TopologySnapshot | null;
  discovery: () => ReadonlyMap<string, SourceReport>;
  isLeader: () => boolean;
  registry: Registry;
  errors: InternalErrors;
  log: Logger;
  now: () => number;
}

export interface Cluster {
  /** Why servers of the cluster, or their status, may be old. */
  problem: () => string | null;
  stop: () => Promise<void>;
}

/** Servers out of the Kubernetes cluster, where the configuration has it at the start. */
export function followCluster({
  config,
  topology,
  discovery,
  isLeader,
  registry,
  errors,
  log,
  now,
}: ClusterOptions): Cluster {
  const settings = config.file.controlPlane.kubernetes?.servers;
  if (!settings) return { problem: () => null, stop: async () => {} };
  const api = clusterApi(settings);
  const servers = new ClusterServers({
    config: settings,
    inFile: () => new Set(config.file.servers.map(({ name }) => name)),
    problemOf: (server) => {
      const [first] = serverProblems(server, config.file);
      if (first) return `${formatPath(first.path)}: expected ${first.expected}, got ${first.got}`;
      const fault = buildFault(server, config.file);
      if (fault === null) return null;
      errors.report('cluster-servers', fault);
      return 'the mesh can’t make routes of it; the log of the control plane has the reason';
    },
    api,
    registry,
    errors,
    log,
    onChange: (asked) => config.addServers(asked),
  });
  config.on('change', () => servers.renew());
  const writer = new StatusWriter({ cluster: servers, api, topology, discovery, isLeader, now, log });
  return {
    problem: () => servers.problem() ?? writer.problem(),
    async stop() {
      await Promise.all([servers.stop(), writer.stop()]);
    },
  };
}

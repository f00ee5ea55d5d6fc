import type { Logger } from 'pino';
import type { Config } from './config/config-schema.ts';
import { topologyMetrics } from './metrics/topology-metrics.ts';
import { ConfigSource } from './sources/config-source.ts';
import { Inputs } from './sources/inputs.ts';
import { openAdminPort } from './wiring/admin-port.ts';
import { openKubernetes } from './wiring/kubernetes.ts';
import { startLoop } from './wiring/loop.ts';
import { openNodes } from './wiring/nodes.ts';
import { openRuntime, type Runtime } from './wiring/runtime.ts';
import { openSources, type OpenSources } from './wiring/sources.ts';

export interface ControlPlaneOptions {
  config: Config;
  /** Text of the configuration file, and the file. */
  text: string;
  file: string;
  env: Readonly<Record<string, string | undefined>>;
  version: string;
  /** `ip:port`. */
  xds: string;
  admin: string;
  stateDir: string | null;
  log: Logger;
}

export interface ControlPlane {
  xdsPort: number;
  adminPort: number;
  /** Of the webhook for injection; null where none is served. */
  webhookPort: number | null;
  /** A new configuration is in force from now on. */
  configure: (config: Config, text: string) => void;
  /** The file is bad now; what was in force stays so. */
  refuse: (problems: readonly string[]) => void;
  stop: () => Promise<void>;
}

/** Sources know things, the inputs are all that they know, and the loop makes each node's resources from them. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const runtime = await openRuntime(options);
  const config = openConfigSource(runtime, options.config);
  const nodes = openNodes(runtime, config);
  const sources = openSources(runtime, config, nodes);
  const inputs = new Inputs(sources);
  const loop = startLoop(runtime, inputs, nodes.xds);
  await sources.replicas.start();
  config.configure(options.config, options.text);

  meshMetrics(runtime, sources, options.version);
  const xdsPort = await nodes.listen(options.xds);
  const kubernetes = await openKubernetes(runtime, sources);
  const admin = await openAdminPort(
    { ...options, address: options.admin },
    { runtime, sources, nodes, loop, kubernetes },
  );

  return {
    xdsPort,
    adminPort: admin.port,
    webhookPort: kubernetes.injection.port,
    configure: (next, text) => config.configure(next, text),
    refuse: (problems) => config.refuse(problems),
    async stop() {
      loop.stop();
      admin.stop();
      await Promise.all([sources.stop(), nodes.xds.close(), kubernetes.stop()]);
      await runtime.stores.close();
    },
  };
}

const openConfigSource = (runtime: Runtime, config: Config): ConfigSource =>
  new ConfigSource({ ...runtime, config, hasCluster: config.controlPlane.kubernetes?.servers !== undefined });

/** What Prometheus reads of the whole mesh. */
const meshMetrics = (
  { registry, topology, isLeader }: Runtime,
  { config, operations }: OpenSources,
  version: string,
): void =>
  topologyMetrics({
    ...{ registry, version, isLeader },
    topology: () => topology.snapshot,
    rollouts: () => operations.rollouts.current(),
    clusterNodes: () => config.current.ha.clusterNodes,
  });

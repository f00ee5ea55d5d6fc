import { followCluster, type Cluster } from './cluster.ts';
import { startInjection, type Injection } from './injection.ts';
import type { Runtime } from './runtime.ts';
import type { OpenSources } from './sources.ts';

/** What a Kubernetes cluster and this control plane do for each other; nothing where the configuration has no cluster. */
export interface Kubernetes {
  cluster: Cluster;
  injection: Injection;
  stop(): Promise<void>;
}

export async function openKubernetes(
  runtime: Runtime,
  { config, replicas }: Pick<OpenSources, 'config' | 'replicas'>,
): Promise<Kubernetes> {
  const cluster = followCluster({
    ...runtime,
    config,
    topology: () => runtime.topology.snapshot,
    discovery: () => replicas.reports(),
  });
  const injection = await startInjection({
    ...runtime,
    config: () => config.current,
    onError: runtime.caught('admission'),
  });
  return {
    cluster,
    injection,
    async stop() {
      await Promise.all([injection.stop(), cluster.stop()]);
    },
  };
}

import { BreakerSource } from '../sources/breaker-source.ts';
import type { ConfigSource } from '../sources/config-source.ts';
import { GatewaySource } from '../sources/gateway-source.ts';
import { Operations } from '../sources/operations.ts';
import { ReplicaSource } from '../sources/replica-source.ts';
import type { Nodes } from './nodes.ts';
import type { Runtime } from './runtime.ts';

/** Everything that this control plane knows, by where it knows it from. */
export interface OpenSources {
  config: ConfigSource;
  gateways: GatewaySource;
  replicas: ReplicaSource;
  breakers: BreakerSource;
  operations: Operations;
  stop(): Promise<void>;
}

export function openSources(runtime: Runtime, config: ConfigSource, { membership, xds }: Nodes): OpenSources {
  const gateways = new GatewaySource({ ...runtime, membership, xds });
  const replicas = new ReplicaSource({ ...runtime, config, gateways: membership });
  const breakers = new BreakerSource({ ...runtime, config });
  const operations = new Operations({ ...runtime, config, probes: replicas.probes, gateways: membership });
  return {
    ...{ config, gateways, replicas, breakers, operations },
    async stop() {
      gateways.stop();
      breakers.stop();
      await Promise.all([operations.stop(), replicas.stop()]);
    },
  };
}

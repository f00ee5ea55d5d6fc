import type { MeshConfig, MeshServerOptions } from './mesh-options.ts';

export interface PlannedReplica {
  server: string;
  backend: string;
  name: string;
  address: string;
}

/** Names every replica and gives it one of `ports`, in order. Pure. */
export function planReplicas(servers: Record<string, MeshServerOptions>, takePort: () => number): PlannedReplica[] {
  return Object.entries(servers).flatMap(([server, { replicas }]) => {
    const counts = typeof replicas === 'number' ? { stable: replicas } : replicas;
    return Object.entries(counts).flatMap(([backend, count]) =>
      Array.from({ length: count }, (_, index) => ({
        server,
        backend,
        name: `${server}-${backend === 'stable' ? '' : `${backend}-`}${index + 1}`,
        address: `127.0.0.1:${takePort()}`,
      })),
    );
  });
}

export interface MeshConfigInput {
  servers: Record<string, MeshServerOptions>;
  replicas: readonly PlannedReplica[];
  gatewayNames: readonly string[];
  port: number;
  redisUrl: string | null;
  xds: string;
  admin: string;
  stateDir: string;
}

/** The configuration file of a local mesh. Pure. */
export function meshConfig({
  servers,
  replicas,
  gatewayNames,
  port,
  redisUrl,
  xds,
  admin,
  stateDir,
}: MeshConfigInput): MeshConfig {
  return {
    port,
    ha: { mode: gatewayNames.length > 1 ? 'cluster' : 'standalone', clusterNodes: [...gatewayNames] },
    // As operators have it once all of theirs are of one version.
    sessionStore: redisUrl === null ? { type: 'memory' } : { type: 'redis', url: redisUrl, records: 'compact' },
    controlPlane: { xds, admin, stateDir },
    servers: Object.entries(servers).map(([name, { weights = {}, settings = {} }]) => ({
      name,
      ...settings,
      backends: [...new Set(replicas.filter((one) => one.server === name).map((one) => one.backend))].map(
        (backend) => ({
          name: backend,
          weight: weights[backend] ?? 100,
          replicas: replicas
            .filter((one) => one.server === name && one.backend === backend)
            .map(({ address, name: replica }) => ({ address, name: replica })),
        }),
      ),
    })),
  };
}

/** mTLS with the certificates of `folder` wherever processes of the mesh speak to each other. */
export function secure(config: MeshConfig, folder: string): void {
  const files = (name: string) => ({ certificateFile: `${folder}/${name}.crt`, keyFile: `${folder}/${name}.key` });
  config['controlPlane'] = {
    ...(config['controlPlane'] as object),
    tls: { ...files('control-plane'), clientCaFile: `${folder}/ca.crt` },
  };
  config['gateway'] = { ...(config['gateway'] as object), peerTls: { ...files('{node}'), caFile: `${folder}/ca.crt` } };
}

import { RESOURCE } from '../../../proto/wire.ts';

/** Resources as the control plane makes them, for tests. */
export const policy = (name: string, extra: object = {}): object => ({
  name,
  version: 'p',
  policy: { name },
  backends: [{ name: 'stable', weight: 100 }],
  ...extra,
});

export const replica = (slot: string, port: number, metadata: object = {}): object => ({
  endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
  metadata: {
    filter_metadata: {
      holdfast: {
        slot,
        replica: `r${slot}`,
        backend: 'stable',
        state: 'active',
        steady: true,
        weight: 10000,
        ...metadata,
      },
    },
  },
});

export const assignment = (server: string, ...replicas: object[]): object => ({
  cluster_name: RESOURCE.serverCluster(server),
  endpoints: [{ lb_endpoints: replicas }],
});

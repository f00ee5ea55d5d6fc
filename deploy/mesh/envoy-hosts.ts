import { httpGet } from './wait-for.ts';

interface Clusters {
  cluster_statuses?: Array<{
    name: string;
    host_statuses?: Array<{
      address?: { socket_address?: { address: string; port_value: number } };
      health_status?: { eds_health_status?: string };
    }>;
  }>;
}

/** What an Envoy knows: health by `ip:port`, by cluster, as EDS gave it (`HEALTHY`, `DRAINING`, `UNHEALTHY`). */
export async function hostsOf(adminUrl: string): Promise<Map<string, Map<string, string>>> {
  const answer = await httpGet(`${adminUrl}/clusters?format=json`);
  const { cluster_statuses: clusters = [] } = JSON.parse(answer?.body ?? '{}') as Clusters;
  return new Map(clusters.map(({ name, host_statuses: hosts = [] }) => [name, new Map(hosts.flatMap(({ address, health_status: health }) => {
    const socket = address?.socket_address;
    return socket ? [[`${socket.address}:${socket.port_value}`, health?.eds_health_status ?? 'UNKNOWN']] : [];
  }))]));
}

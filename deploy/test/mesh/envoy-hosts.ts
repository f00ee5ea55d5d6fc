import { httpGet } from './wait-for.ts';

interface Address {
  socket_address?: { address: string; port_value: number };
}
interface Clusters {
  cluster_statuses?: Array<{
    name: string;
    host_statuses?: Array<{
      address?: Address;
      health_status?: {
        eds_health_status?: string;
        failed_active_health_check?: boolean;
        failed_outlier_check?: boolean;
      };
    }>;
  }>;
}

/** Whether an Envoy sends requests to this host (`ip:port`) of some cluster: told so by EDS, and by its own checks. */
export async function isChosen(adminUrl: string, host: string): Promise<boolean> {
  return (await clustersOf(adminUrl)).some(({ host_statuses: hosts = [] }) =>
    hosts.some(
      ({ address, health_status: health }) =>
        nameOf(address) === host &&
        health?.eds_health_status === 'HEALTHY' &&
        !health.failed_active_health_check &&
        !health.failed_outlier_check,
    ),
  );
}

/** What an Envoy knows: health by `ip:port`, by cluster, as EDS gave it (`HEALTHY`, `DRAINING`, `UNHEALTHY`). */
export async function hostsOf(adminUrl: string): Promise<Map<string, Map<string, string>>> {
  const clusters = await clustersOf(adminUrl);
  return new Map(
    clusters.map(({ name, host_statuses: hosts = [] }) => [
      name,
      new Map(
        hosts.flatMap(({ address, health_status: health }) => {
          const name = nameOf(address);
          return name === undefined ? [] : [[name, health?.eds_health_status ?? 'UNKNOWN']];
        }),
      ),
    ]),
  );
}

/** `ip:port`; undefined for a socket's path. */
function nameOf(address: Address | undefined): string | undefined {
  const socket = address?.socket_address;
  return socket && `${socket.address}:${socket.port_value}`;
}

async function clustersOf(adminUrl: string): Promise<NonNullable<Clusters['cluster_statuses']>> {
  const answer = await httpGet(`${adminUrl}/clusters?format=json`);
  // Silence is no answer: it must not look like an Envoy that knows no host.
  if (!answer) throw new Error(`${adminUrl} does not answer`);
  return (JSON.parse(answer.body) as Clusters).cluster_statuses ?? [];
}

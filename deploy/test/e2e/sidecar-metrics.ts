import type { Mesh } from '../mesh/start-mesh.ts';

const metricsOf = async (mesh: Mesh, gateway: number): Promise<string> => {
  const sidecar = mesh.gateways[gateway]?.sidecars[0];
  if (!sidecar) throw new Error(`there is no gateway ${gateway}`);
  return (await fetch(`${sidecar.adminUrl}/metrics`)).text();
};

/** Breakers that a gateway holds to be other than closed, as `level key state`. */
export async function breakersNotClosed(mesh: Mesh, server: string, gateway: number): Promise<string[]> {
  const series = /^mcp_breaker_not_closed\{server_id="([^"]+)",level="([^"]+)",key="([^"]+)",state="([^"]+)"\} 1$/gm;
  return [...(await metricsOf(mesh, gateway)).matchAll(series)]
    .filter(([, of]) => of === server)
    .map(([, , level, key, state]) => `${level} ${key} ${state}`)
    .sort();
}

/** Tool calls that all gateways together counted, by `server outcome`, without those of zero. */
export async function toolCalls(mesh: Mesh, servers: readonly string[]): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  const series =
    /^mcp_requests_total\{server_id="([^"]+)",backend="[^"]*",method="tools\/call",outcome="([^"]+)"\} (\d+)$/gm;
  for (const gateway of mesh.gateways.keys())
    for (const [, server = '', outcome, count] of (await metricsOf(mesh, gateway)).matchAll(series)) {
      if (count === '0' || !servers.includes(server)) continue;
      sums[`${server} ${outcome}`] = (sums[`${server} ${outcome}`] ?? 0) + Number(count);
    }
  return sums;
}

import { formatAddress, type DiscoveredReplica } from './source.ts';

/** The fields of discovery.k8s.io/v1 EndpointSlice that are read. */
export interface EndpointSlice {
  metadata?: { name?: string | undefined; resourceVersion?: string | undefined } | undefined;
  addressType?: string | undefined;
  ports?: Array<{ name?: string | null | undefined; port?: number | null | undefined }> | null | undefined;
  endpoints?:
    | Array<{
        addresses: string[];
        conditions?:
          | {
              ready?: boolean | null | undefined;
              serving?: boolean | null | undefined;
              terminating?: boolean | null | undefined;
            }
          | null
          | undefined;
        targetRef?: { name?: string | null | undefined } | null | undefined;
      }>
    | null
    | undefined;
}

/**
 * Replicas that a Service's slices name. An endpoint that is terminating but still serving stays, without new sessions; one that is not ready and not
 * terminating is left out: its pod has not started. A problem when the port can't be told.
 */
export function replicasOf(
  slices: Iterable<EndpointSlice>,
  port: number | string | undefined,
): { replicas: DiscoveredReplica[] } | { problem: string } {
  const replicas: DiscoveredReplica[] = [];
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue;
    const number = portOf(slice, port);
    for (const { addresses, conditions, targetRef } of slice.endpoints ?? []) {
      const isTerminating = conditions?.terminating === true;
      // Absent `ready` means ready, absent `serving` means the same as ready (EndpointSlice API).
      const isServing = conditions?.serving ?? conditions?.ready ?? true;
      const ip = addresses[0];
      if (ip === undefined || !(isTerminating ? isServing : (conditions?.ready ?? true))) continue;
      if (typeof number === 'string') return { problem: number };
      const address = formatAddress(ip, number);
      replicas.push({ name: targetRef?.name ?? address, address, isTerminating });
    }
  }
  return { replicas };
}

function portOf({ ports }: EndpointSlice, wanted: number | string | undefined): number | string {
  if (typeof wanted === 'number') return wanted;
  const all = ports ?? [];
  const found =
    wanted === undefined ? (all.length === 1 ? all[0] : undefined) : all.find(({ name }) => name === wanted);
  if (typeof found?.port === 'number') return found.port;
  const names = all.map(({ name, port }) => name ?? String(port)).join(', ') || 'none';
  return wanted === undefined
    ? `the service has several ports (${names}): say which one with \`port\``
    : `the service has no port named ${wanted}; it has ${names}`;
}

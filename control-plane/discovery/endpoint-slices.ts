import { MARK } from '../inject/manifest.ts';
import { formatAddress, type DiscoveredReplica } from './source.ts';

export type AddressFamily = 'IPv4' | 'IPv6';

/** The fields of discovery.k8s.io/v1 Endpoint that are read. */
interface Endpoint {
  addresses: string[];
  conditions?:
    | {
        ready?: boolean | null | undefined;
        serving?: boolean | null | undefined;
        terminating?: boolean | null | undefined;
      }
    | null
    | undefined;
  targetRef?: { name?: string | null | undefined; uid?: string | null | undefined } | null | undefined;
}

/** The fields of discovery.k8s.io/v1 EndpointSlice that are read. */
export interface EndpointSlice {
  metadata?:
    | {
        name?: string | undefined;
        resourceVersion?: string | undefined;
        labels?: Record<string, string> | undefined;
      }
    | undefined;
  addressType?: string | undefined;
  ports?: Array<{ name?: string | null | undefined; port?: number | null | undefined }> | null | undefined;
  endpoints?: Endpoint[] | null | undefined;
}

/**
 * The family whose slices are read: a dual-stack Service has slices of both, with the same pods in them. The choice depends on nothing but what is
 * there, so that all control planes agree, whatever order the slices came in. Null: there is no endpoint.
 */
export function familyOf(slices: readonly EndpointSlice[], wanted: AddressFamily | undefined): AddressFamily | null {
  const there = new Set(
    slices.filter(({ endpoints }) => (endpoints ?? []).length > 0).map(({ addressType }) => addressType ?? 'IPv4'),
  );
  return (['IPv4', 'IPv6'] as const).find((each) => there.has(each) && (wanted ?? each) === each) ?? null;
}

/**
 * Replicas that a Service's slices of one family name. A terminating endpoint stays, without new sessions, until its pod is gone: many servers fail
 * their readiness probe while they finish. One that is not ready stays too; whether it ever was is not known here. A problem when no port can be told.
 */
export function replicasOf(
  slices: readonly EndpointSlice[],
  port: number | string | undefined,
  family: AddressFamily | null,
): { replicas: DiscoveredReplica[] } | { problem: string } {
  const replicas = new Map<string, DiscoveredReplica>();
  let problem: string | null = null;
  for (const slice of [...slices].sort(byName)) {
    if ((slice.addressType ?? 'IPv4') !== family) continue;
    const behind = portBehind(slice),
      number = behind ?? portOf(slice, port);
    for (const endpoint of slice.endpoints ?? []) {
      if (typeof number === 'string') {
        problem ??= number;
        continue;
      }
      const replica = replicaOf(endpoint, number, behind !== undefined);
      if (!replica) continue;
      // While an endpoint moves from one slice to another, it may be in both for a moment.
      const present = replicas.get(replica.name);
      if (!present || rank(replica) < rank(present)) replicas.set(replica.name, replica);
    }
  }
  return problem !== null && replicas.size === 0 ? { problem } : { replicas: [...replicas.values()] };
}

/**
 * The port of the replicas themselves, where their Service leads to the Envoys in their pods. The webhook wrote it into
 * a label of the Service, and Kubernetes copies labels to the slices.
 */
function portBehind({ metadata }: EndpointSlice): number | undefined {
  const label = metadata?.labels?.[MARK.replicaPort] ?? '';
  return /^[1-9]\d{0,4}$/.test(label) ? Number(label) : undefined;
}

/** Absent `ready` means ready (EndpointSlice API). A pod behind its own Envoy is ready only when its replica is known, so that says nothing here. */
function replicaOf(
  { addresses, conditions, targetRef }: Endpoint,
  port: number,
  isBehindEnvoy: boolean,
): DiscoveredReplica | null {
  const [ip] = addresses;
  if (ip === undefined) return null;
  const address = formatAddress(ip, port),
    isTerminating = conditions?.terminating === true;
  return {
    name: targetRef?.name ?? address,
    address,
    isTerminating,
    ...(!isTerminating && !isBehindEnvoy && conditions?.ready === false && { isReady: false }),
    ...(targetRef?.uid && { identity: targetRef.uid }),
  };
}

const rank = ({ isTerminating, isReady }: DiscoveredReplica): number => (isTerminating ? 2 : isReady === false ? 1 : 0);

const byName = (one: EndpointSlice, other: EndpointSlice): number => {
  const [a, b] = [one.metadata?.name ?? '', other.metadata?.name ?? ''];
  return a < b ? -1 : a > b ? 1 : 0;
};

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

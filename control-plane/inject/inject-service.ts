import { parseJson } from '../../proto/parse-json.ts';
import { withoutKey } from './inject-pod.ts';
import { MARK, type Manifest, type ServicePort } from './manifest.ts';
import { PORT } from './pod-parts.ts';
import { twinOf } from './twin.ts';

export type InjectedService =
  | { kind: 'injected'; service: Manifest; twin: Manifest; note: string }
  /** `why`: it stays as it is. */
  | { kind: 'left'; why: string };

/** Leads a Service to Envoy, and makes the headless twin by which the control plane finds the replicas. `wantedPort`: which port is MCP, by name or number. */
export function injectService(service: Manifest, wantedPort: string | undefined): InjectedService {
  const ports = service.spec?.ports ?? [];
  if (service.spec?.clusterIP === 'None')
    return {
      kind: 'left',
      why: 'it is headless: its clients reach the pods directly, past Envoy. Give clients a Service with an address',
    };
  const mcp = mcpPort(ports, wantedPort);
  if (typeof mcp === 'string') return { kind: 'left', why: mcp };
  const name = service.metadata.name ?? '';
  return {
    kind: 'injected',
    service: {
      ...service,
      metadata: {
        ...service.metadata,
        annotations: {
          ...service.metadata.annotations,
          [MARK.ports]: JSON.stringify(ports.map(({ targetPort = null }) => targetPort)),
        },
      },
      spec: { ...service.spec, ports: ports.map((port) => (port === mcp ? { ...port, targetPort: PORT.mcp } : port)) },
    },
    twin: twin(service, mcp),
    note: `leads to Envoy; the control plane finds the replicas through ${twinOf(name)} (discovery: {type: kubernetes, service: ${twinOf(name)}})`,
  };
}

/** Back to the ports that it had. */
export function uninjectService(service: Manifest): Manifest {
  const former = parseJson(service.metadata.annotations?.[MARK.ports] ?? '');
  if (!Array.isArray(former)) return service;
  return {
    ...service,
    metadata: withoutKey(service.metadata, 'annotations', MARK.ports),
    spec: { ...service.spec, ports: (service.spec?.ports ?? []).map((port, index) => formerPort(port, former[index])) },
  };
}

function formerPort(port: ServicePort, former: unknown): ServicePort {
  const { targetPort: _, ...rest } = port;
  return typeof former === 'number' || typeof former === 'string' ? { ...port, targetPort: former } : rest;
}

/** The port that is MCP, or why none can be told. */
export function mcpPort(ports: readonly ServicePort[], wanted: string | undefined): ServicePort | string {
  const tcp = ports.filter(({ protocol = 'TCP' }) => protocol === 'TCP');
  const names = tcp.map(({ name, port }) => name ?? String(port)).join(', ') || 'none';
  if (wanted !== undefined)
    return (
      tcp.find(({ name, port }) => name === wanted || String(port) === wanted) ??
      `it has no TCP port ${wanted}; it has ${names}`
    );
  const [only, ...others] = tcp;
  if (!only) return 'it has no TCP port';
  return others.length === 0
    ? only
    : `it has ${tcp.length} ports (${names}), and which of them is MCP is not known: say it with --port`;
}

/** Only what a headless Service may have: a node port or a load balancer's address is the original's alone. */
const twin = (
  { metadata, spec }: Manifest,
  { name, port, protocol, targetPort, appProtocol }: ServicePort,
): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: twinOf(metadata.name ?? ''),
    ...(metadata.namespace && { namespace: metadata.namespace }),
    labels: { [MARK.added]: 'true' },
  },
  // The control plane probes replicas by itself. A pod is ready only when its pair is, and that waits for the replicas to be known.
  spec: {
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    selector: spec?.selector,
    ports: [
      {
        ...(name !== undefined && { name }),
        port,
        ...(protocol !== undefined && { protocol }),
        ...(targetPort !== undefined && { targetPort }),
        ...(appProtocol !== undefined && { appProtocol }),
      },
    ],
  },
});

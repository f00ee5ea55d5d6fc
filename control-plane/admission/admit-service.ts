import { parseJson } from '../../proto/parse-json.ts';
import { mcpPort, uninjectService } from '../inject/inject-service.ts';
import { withoutKey } from '../inject/inject-pod.ts';
import { MARK, type Manifest, type ServicePort } from '../inject/manifest.ts';
import { PORT } from '../inject/pod-parts.ts';
import { formProblem, serviceSchema, type Verdict } from './admission-review.ts';
import { patchBetween } from './patch-between.ts';

/**
 * A Service whose annotation asks for it leads to the Envoys of its pods. Its label says at which port the replicas themselves are: Kubernetes copies
 * a Service's labels to its EndpointSlices, where the control plane reads it. Without the annotation it is again what it was.
 */
export function admitService(object: unknown): Verdict {
  const read = serviceSchema.safeParse(object);
  if (!read.success) return { kind: 'refused', code: 400, message: `this is no Service: ${formProblem(read.error)}` };
  const service = object as Manifest;
  const { annotations, labels } = service.metadata;
  // One that `holdfast inject` changed has a twin, and stays as it is.
  if (annotations?.[MARK.inject] === undefined && labels?.[MARK.replicaPort] === undefined) return { kind: 'left' };
  const former = formerOf(service);
  const wanted = annotations?.[MARK.inject];
  const after = wanted === undefined ? former : injected(former, annotations?.[MARK.port]);
  if (typeof after === 'string')
    return { kind: 'left', warning: `Service ${service.metadata.name} is left alone: ${after}` };
  const patch = patchBetween({ ...service }, { ...after }, ['metadata', 'spec']);
  return patch.length > 0 ? { kind: 'changed', patch } : { kind: 'left' };
}

/** As its owner wrote it: of what stands there now, only what the webhook wrote is taken back. */
function formerOf(service: Manifest): Manifest {
  const ports = service.spec?.ports ?? [];
  const noted = parseJson(service.metadata.annotations?.[MARK.ports] ?? '');
  const metadata = withoutKey(service.metadata, 'labels', MARK.replicaPort);
  if (!Array.isArray(noted) || noted.length !== ports.length)
    return { ...service, metadata: withoutKey(metadata, 'annotations', MARK.ports) };
  // Who applies his manifest again may have changed a port meanwhile: then that counts, and not what was noted.
  const current = ports.map(({ targetPort = null }, index) =>
    targetPort === PORT.mcp ? (noted[index] ?? null) : targetPort,
  );
  const annotations = { ...metadata.annotations, [MARK.ports]: JSON.stringify(current) };
  return uninjectService({ ...service, metadata: { ...metadata, annotations } });
}

/** The Service that leads to Envoy; why not, as a text. */
function injected(service: Manifest, wantedPort: string | undefined): Manifest | string {
  const ports = service.spec?.ports ?? [];
  if (service.spec?.clusterIP === 'None')
    return 'it is headless: its clients reach the pods directly, past Envoy. Give clients a Service with an address';
  const mcp = mcpPort(ports, wantedPort);
  if (typeof mcp === 'string') return `${mcp.replace('say it with --port', `name it in the annotation ${MARK.port}`)}`;
  const number = replicaPort(mcp, service.metadata.annotations?.[MARK.replicaPort]);
  if (number === undefined)
    return `its targetPort ${mcp.targetPort} is a name, and the port of the replicas is not known: write it as a number, or into the annotation ${MARK.replicaPort}`;
  return {
    ...service,
    metadata: {
      ...service.metadata,
      labels: { ...service.metadata.labels, [MARK.replicaPort]: String(number) },
      annotations: {
        ...service.metadata.annotations,
        [MARK.ports]: JSON.stringify(ports.map(({ targetPort = null }) => targetPort)),
      },
    },
    spec: { ...service.spec, ports: ports.map((port) => (port === mcp ? { ...port, targetPort: PORT.mcp } : port)) },
  };
}

/** By Kubernetes' rule a port leads to the same number where it names no other. */
function replicaPort({ port, targetPort = port }: ServicePort, said: string | undefined): number | undefined {
  if (said !== undefined) return /^[1-9]\d{0,4}$/.test(said) ? Number(said) : undefined;
  return typeof targetPort === 'number' ? targetPort : undefined;
}

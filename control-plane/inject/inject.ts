import { GRACE_SECONDS, pair, PORT, type PodOptions } from './pod-parts.ts';
import { MARK, OURS, templateOf, type Manifest, type ServicePort } from './manifest.ts';

/** What `inject` did, for people: one line each. */
export interface Injected {
  manifests: Manifest[];
  notes: string[];
}

/**
 * Puts the Envoy and sidecar pair into every workload, leads its Services to the pair, and adds for each of them a headless Service through which the
 * control plane finds the replicas themselves. Doing it twice is doing it once. Objects that are none of ours stay as they are.
 */
export function inject(before: readonly Manifest[], options: PodOptions): Injected {
  const manifests = uninject(before).manifests.map((manifest) => structuredClone(manifest)),
    notes: string[] = [],
    added: Manifest[] = [];
  const pods = manifests.flatMap((manifest) => {
    const template = templateOf(manifest);
    return template ? [{ manifest, template }] : [];
  });
  for (const { manifest, template } of pods) {
    const { initContainers, containers, volumes } = pair(options),
      { spec } = template;
    const { terminationGracePeriodSeconds: grace } = spec as { terminationGracePeriodSeconds?: number };
    template.metadata = {
      ...template.metadata,
      annotations: {
        ...template.metadata?.annotations,
        [MARK.injected]: 'true',
        ...(grace !== undefined && { [MARK.grace]: String(grace) }),
      },
    };
    spec.initContainers = [...(spec.initContainers ?? []), ...initContainers];
    spec.containers = [...spec.containers, ...containers];
    spec.volumes = [...(spec.volumes ?? []), ...volumes];
    spec['terminationGracePeriodSeconds'] = Math.max(GRACE_SECONDS, grace ?? 0);
    notes.push(`${manifest.kind} ${manifest.metadata.name}: Envoy and sidecar added`);
  }
  for (const service of manifests.filter(({ kind }) => kind === 'Service')) {
    const ports = service.spec?.ports;
    if (!ports || !pods.some(({ template }) => selects(service, template.metadata?.labels ?? {}))) continue;
    if (ports.length !== 1) {
      notes.push(
        `Service ${service.metadata.name} is left alone: it has ${ports.length} ports, and which of them is MCP is not known`,
      );
      continue;
    }
    added.push(replicasService(service, ports));
    service.metadata = {
      ...service.metadata,
      annotations: { ...service.metadata.annotations, [MARK.ports]: JSON.stringify(ports) },
    };
    service.spec!.ports = ports.map((port) => ({ ...port, targetPort: PORT.mcp }));
    notes.push(
      `Service ${service.metadata.name}: leads to Envoy; replicas are found through ${service.metadata.name}-replicas (discovery: {type: kubernetes, service: ${service.metadata.name}-replicas})`,
    );
  }
  return { manifests: [...manifests, ...added], notes };
}

/** Takes everything out that `inject` put in. */
export function uninject(before: readonly Manifest[]): Injected {
  const notes: string[] = [];
  const manifests = before
    .filter(({ metadata }) => metadata?.labels?.[MARK.added] === undefined)
    .map((original) => {
      const manifest = structuredClone(original),
        template = templateOf(manifest);
      if (template?.metadata?.annotations?.[MARK.injected] !== undefined) {
        const { spec } = template,
          grace = template.metadata.annotations[MARK.grace];
        for (const field of ['containers', 'initContainers', 'volumes'] as const) {
          const kept = spec[field]?.filter(({ name }) => !name.startsWith(OURS)) ?? [];
          if (kept.length > 0 || field === 'containers') (spec as Record<string, unknown>)[field] = kept;
          else delete spec[field];
        }
        if (grace === undefined) delete spec['terminationGracePeriodSeconds'];
        else spec['terminationGracePeriodSeconds'] = Number(grace);
        dropAnnotations(template.metadata, [MARK.injected, MARK.grace]);
        notes.push(`${manifest.kind} ${manifest.metadata.name}: Envoy and sidecar removed`);
      }
      const former = manifest.kind === 'Service' ? manifest.metadata.annotations?.[MARK.ports] : undefined;
      if (former !== undefined) {
        manifest.spec!.ports = JSON.parse(former) as ServicePort[];
        dropAnnotations(manifest.metadata, [MARK.ports]);
        notes.push(`Service ${manifest.metadata.name}: leads to the replicas again`);
      }
      return manifest;
    });
  return { manifests, notes };
}

function selects(service: Manifest, labels: Record<string, string>): boolean {
  const selector = Object.entries((service.spec?.selector ?? {}) as Record<string, string>);
  return selector.length > 0 && selector.every(([name, value]) => labels[name] === value);
}

const replicasService = (service: Manifest, ports: ServicePort[]): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: `${service.metadata.name}-replicas`,
    ...(service.metadata.namespace && { namespace: service.metadata.namespace }),
    labels: { [MARK.added]: 'true' },
  },
  // The control plane probes replicas by itself. A pod is ready only when its pair is, and that waits for the replicas to be known.
  spec: {
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    selector: service.spec!.selector,
    ports: structuredClone(ports),
  },
});

function dropAnnotations(metadata: { annotations?: Record<string, string> }, names: readonly string[]): void {
  const kept = Object.entries(metadata.annotations ?? {}).filter(([name]) => !names.includes(name));
  if (kept.length > 0) metadata.annotations = Object.fromEntries(kept);
  else delete metadata.annotations;
}

import { injectPod, uninjectPod } from './inject-pod.ts';
import { injectService, uninjectService } from './inject-service.ts';
import { kindAndName, leftNotes } from './left-notes.ts';
import { MARK, templateOf, type Manifest } from './manifest.ts';
import { needNotes } from './need-notes.ts';
import { podProblem } from './pod-problem.ts';
import type { PodOptions } from './pod-parts.ts';
import { isLedTo } from './selects.ts';
import type { Workload } from './workload.ts';

/** What `inject` or `uninject` did. */
export interface Injected {
  /** The objects in their order; null where one was taken out. */
  manifests: Array<Manifest | null>;
  /** Objects that were not there before. */
  added: Manifest[];
  /** For people: one line for each object that was changed, or left alone and why. */
  notes: string[];
}

export interface InjectOptions extends PodOptions {
  /** Which port of a Service is MCP, by name or number; needed where it has several. */
  port?: string | undefined;
}

/**
 * Puts the Envoy and sidecar pair into every workload, and leads its Services to the pair. Each Service gets a
 * headless twin, by which the control plane finds the replicas. A second run changes nothing. Other objects stay as
 * they are.
 */
export function inject(before: readonly Manifest[], options: InjectOptions): Injected {
  const notes: string[] = [],
    workloads: Workload[] = [],
    twins = new Map<string, Manifest>();
  const clean = uninject(before).manifests;
  const withPods = clean.map((manifest) => {
    const template = manifest ? templateOf(manifest) : undefined;
    if (!manifest || !template) return manifest;
    const problem = podProblem(template.spec);
    if (problem !== null) {
      notes.push(`${kindAndName(manifest)} is left alone: ${problem}`);
      return manifest;
    }
    workloads.push({ manifest, template });
    notes.push(`${kindAndName(manifest)}: Envoy and sidecar added`);
    return { ...manifest, spec: { ...manifest.spec, template: injectPod(template, options) } };
  });
  const manifests = withPods.map((manifest) => {
    if (manifest?.kind !== 'Service' || !workloads.some((workload) => isLedTo(manifest, workload))) return manifest;
    const result = injectService(manifest, options.port);
    if (result.kind === 'left') {
      notes.push(`${kindAndName(manifest)} is left alone: ${result.why}`);
      return manifest;
    }
    notes.push(`${kindAndName(manifest)}: ${result.note}`);
    twins.set(place(result.twin), result.twin);
    return result.service;
  });
  // A twin of last time stays in its place, with what the API server wrote into it.
  const inPlace = manifests.map((manifest, index) => {
    const former = before[index];
    const twin = manifest === null && former ? twins.get(place(former)) : undefined;
    if (!twin || !former) return manifest;
    twins.delete(place(former));
    return {
      ...former,
      metadata: { ...former.metadata, labels: { ...former.metadata.labels, ...twin.metadata.labels } },
      spec: { ...former.spec, ...twin.spec },
    };
  });
  return {
    manifests: inPlace,
    added: [...twins.values()],
    notes: [...notes, ...leftNotes(clean, workloads), ...needNotes(workloads, options)],
  };
}

/** Takes everything out that `inject` put in. */
export function uninject(before: readonly Manifest[]): Injected {
  const notes: string[] = [];
  const manifests = before.map((manifest) => {
    if (manifest.metadata.labels?.[MARK.added] !== undefined) {
      const { name, namespace } = manifest.metadata;
      notes.push(
        `${kindAndName(manifest)} is not in the output any more; to delete it: kubectl ${namespace ? `-n ${namespace} ` : ''}delete service ${name}`,
      );
      return null;
    }
    const template = templateOf(manifest);
    if (template?.metadata?.annotations?.[MARK.injected] !== undefined) {
      notes.push(`${kindAndName(manifest)}: Envoy and sidecar removed`);
      return { ...manifest, spec: { ...manifest.spec, template: uninjectPod(template) } };
    }
    if (manifest.kind !== 'Service' || manifest.metadata.annotations?.[MARK.ports] === undefined) return manifest;
    notes.push(`${kindAndName(manifest)}: leads to the replicas again`);
    return uninjectService(manifest);
  });
  return { manifests, added: [], notes };
}

const place = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;

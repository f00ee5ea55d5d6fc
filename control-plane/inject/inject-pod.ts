import { parseJsonObject } from '../../proto/parse-json.ts';
import {
  MARK,
  OUR_CONTAINERS,
  OUR_VOLUMES,
  type Container,
  type Metadata,
  type PodSpec,
  type PodTemplate,
} from './manifest.ts';
import { nativePair, type PodOptions } from './pod-parts.ts';

/** What was done to a pod beyond adding what has our names, kept in its annotation so that it can be undone. */
interface Done {
  /** `terminationGracePeriodSeconds` before; null: there was none. Absent: it was not changed. */
  grace?: number | null;
  /** Containers that got a preStop hook. */
  preStop?: string[];
  /** It got the label `mesh.holdfast/member`. */
  label?: boolean;
}

/** The pod with the pair in it. A second time changes nothing. */
export function injectPod(before: PodTemplate, options: PodOptions): PodTemplate {
  const { metadata, spec } = uninjectPod(before);
  const { initContainers, volumes } = nativePair(options);
  const { terminationGracePeriodSeconds: grace } = spec;
  const wanted = Math.max(options.graceSeconds, grace ?? 0);
  const hooked = spec.containers.filter(({ lifecycle }) => lifecycle?.preStop === undefined).map(({ name }) => name);
  const hasLabel = metadata?.labels?.[MARK.member] === 'true';
  const done: Done = {
    ...(wanted !== grace && { grace: grace ?? null }),
    ...(hooked.length > 0 && { preStop: hooked }),
    ...(!hasLabel && { label: true }),
  };
  return {
    ...before,
    metadata: {
      ...metadata,
      labels: { ...metadata?.labels, [MARK.member]: 'true' },
      annotations: { ...metadata?.annotations, [MARK.injected]: JSON.stringify(done) },
    },
    spec: {
      ...spec,
      // Before the containers of the user: up before the server, and down after it. https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
      initContainers: [...initContainers, ...(spec.initContainers ?? [])],
      containers: spec.containers.map((container) =>
        hooked.includes(container.name) ? withHook(container, options.drainSeconds) : container,
      ),
      volumes: [...volumes, ...(spec.volumes ?? [])],
      terminationGracePeriodSeconds: wanted,
    },
  };
}

/** The pod as it was before it was injected; as it is when it never was. */
export function uninjectPod(before: PodTemplate): PodTemplate {
  const mark = before.metadata?.annotations?.[MARK.injected];
  if (mark === undefined) return before;
  const { grace, preStop = [], label } = (parseJsonObject(mark) ?? {}) as Done;
  const { terminationGracePeriodSeconds, initContainers, volumes, ...rest } = before.spec;
  const spec: PodSpec = {
    ...rest,
    containers: rest.containers
      .filter(({ name }) => !OUR_CONTAINERS.has(name))
      .map((container) => (preStop.includes(container.name) ? withoutHook(container) : container)),
    ...kept('initContainers', initContainers, OUR_CONTAINERS),
    ...kept('volumes', volumes, OUR_VOLUMES),
    ...(grace === undefined && terminationGracePeriodSeconds !== undefined && { terminationGracePeriodSeconds }),
    ...(typeof grace === 'number' && { terminationGracePeriodSeconds: grace }),
  };
  const metadata = withoutKey(
    label === true ? withoutKey(before.metadata ?? {}, 'labels', MARK.member) : (before.metadata ?? {}),
    'annotations',
    MARK.injected,
  );
  const { metadata: _, ...template } = before;
  return { ...template, ...(Object.keys(metadata).length > 0 && { metadata }), spec };
}

/** `sleep` needs no shell in the image. The server lives on while its calls finish and balancers look away. */
const withHook = (container: Container, seconds: number): Container => ({
  ...container,
  lifecycle: { ...container.lifecycle, preStop: { sleep: { seconds } } },
});

function withoutHook({ lifecycle, ...container }: Container): Container {
  const { preStop: _, ...rest } = lifecycle ?? {};
  return { ...container, ...(Object.keys(rest).length > 0 && { lifecycle: rest }) } as Container;
}

/** The items of others, under the field's name; nothing when there are none. */
function kept<Name extends 'initContainers' | 'volumes'>(
  field: Name,
  items: PodSpec[Name],
  ours: ReadonlySet<string>,
): Pick<PodSpec, Name> | object {
  const others = items?.filter(({ name }) => !ours.has(name)) ?? [];
  return others.length > 0 ? { [field]: others } : {};
}

/** Without one label or annotation, and without the mapping that would be left empty. */
export function withoutKey(metadata: Metadata, field: 'labels' | 'annotations', key: string): Metadata {
  const { [field]: before, ...rest } = metadata;
  const after = Object.fromEntries(Object.entries(before ?? {}).filter(([name]) => name !== key));
  return Object.keys(after).length > 0 ? { ...metadata, [field]: after } : rest;
}

import { DISABLED, MARK, OURS } from './manifest.ts';

/** What counts here of a pod as the API server lists it. */
export interface ListedPod {
  metadata?:
    | {
        name?: string | undefined;
        namespace?: string | undefined;
        labels?: Record<string, string> | undefined;
        annotations?: Record<string, string> | undefined;
        deletionTimestamp?: unknown;
        ownerReferences?: Array<{ kind: string; name: string; controller?: boolean | undefined }> | undefined;
      }
    | undefined;
  spec?: { containers: ListedContainer[]; initContainers?: ListedContainer[] | undefined } | undefined;
  status?: { phase?: string | undefined } | undefined;
}
interface ListedContainer {
  name: string;
  image?: string | undefined;
}

/** Images of the pair. */
export interface PairImages {
  sidecar: string;
  envoy: string;
}

/** A pod whose pair is not of the wanted images. */
export interface OldPod {
  namespace: string;
  pod: string;
  /** Images that it should not have; `no NAME` for a container of the pair that is missing. */
  has: string[];
  /** Those that it should have instead. */
  shouldHave: string[];
  /** The command that renews it; for people where no single one does. */
  renew: string;
}

/** Runs with the pair, and goes on to. */
export const isInjected = ({ metadata, status }: ListedPod): boolean =>
  metadata?.annotations?.[MARK.injected] !== undefined &&
  !metadata.deletionTimestamp &&
  status?.phase !== 'Succeeded' &&
  status?.phase !== 'Failed';

/** Null: its pair is of the wanted images. */
export function oldPod(pod: ListedPod, wanted: PairImages): OldPod | null {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const has = new Set<string>(),
    shouldHave = new Set<string>();
  for (const [part, image] of [
    ['bootstrap', wanted.sidecar],
    ['sidecar', wanted.sidecar],
    ['envoy', wanted.envoy],
  ] as const) {
    const name = `${OURS}${part}`;
    const found = containers.find((each) => each.name === name);
    if (found?.image === image) continue;
    has.add(found?.image ?? `no ${name}`);
    shouldHave.add(image);
  }
  if (has.size === 0) return null;
  const { namespace = 'default', name = '' } = pod.metadata ?? {};
  return { namespace, pod: name, has: [...has], shouldHave: [...shouldHave], renew: renewal(pod, namespace, name) };
}

/** Who keeps the pod running, as kubectl names it. */
const RESTARTED: Readonly<Record<string, string>> = {
  Deployment: 'deployment',
  StatefulSet: 'statefulset',
  DaemonSet: 'daemonset',
};

function renewal(pod: ListedPod, namespace: string, name: string): string {
  const owner = ownerOf(pod);
  const kind = owner ? RESTARTED[owner.kind] : undefined;
  const asked = pod.metadata?.annotations?.[MARK.inject];
  // The webhook leaves a template alone that has the pair from a file: a restart would give the same images again.
  if (asked === undefined || asked === DISABLED)
    return `run holdfast inject on the manifest of ${owner ? `${kind ?? owner.kind} ${owner.name}` : `pod ${name}`} in ${namespace} again, and apply it`;
  if (owner?.kind === 'Rollout') return `kubectl argo rollouts -n ${namespace} restart ${owner.name}`;
  if (kind !== undefined) return `kubectl -n ${namespace} rollout restart ${kind} ${owner?.name}`;
  return owner
    ? `kubectl -n ${namespace} delete pod ${name}`
    : `pod ${name} in ${namespace} belongs to no controller: delete it, and make it again`;
}

/** A name that may stand in a command: whoever makes pods writes their owners. */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
/** Labels by which a Deployment and an Argo Rollout tell their ReplicaSets apart; its name is theirs and this. */
const HASHES = [
  ['Deployment', 'pod-template-hash'],
  ['Rollout', 'rollouts-pod-template-hash'],
] as const;

function ownerOf({ metadata }: ListedPod): { kind: string; name: string } | null {
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller === true);
  if (!owner || !NAME.test(owner.name) || !/^[A-Za-z]{1,63}$/.test(owner.kind)) return null;
  if (owner.kind !== 'ReplicaSet') return owner;
  for (const [kind, label] of HASHES) {
    const end = `-${metadata?.labels?.[label]}`;
    if (owner.name.endsWith(end) && owner.name.length > end.length)
      return { kind, name: owner.name.slice(0, -end.length) };
  }
  return owner;
}

/** Kubernetes objects as plain data: what is not ours is passed on as it is. */
export interface Container {
  name: string;
  image?: string;
  ports?: Array<{ name?: string; containerPort: number }>;
  lifecycle?: { preStop?: unknown; [field: string]: unknown };
  [field: string]: unknown;
}
export interface PodSpec {
  containers: Container[];
  initContainers?: Container[];
  volumes?: Array<{ name: string; [field: string]: unknown }>;
  terminationGracePeriodSeconds?: number;
  hostNetwork?: boolean;
  [field: string]: unknown;
}
export interface Metadata {
  name?: string;
  namespace?: string;
  labels?: Record<string, string> | null;
  annotations?: Record<string, string> | null;
  [field: string]: unknown;
}
export interface PodTemplate {
  metadata?: Metadata | null;
  spec: PodSpec;
}
export interface ServicePort {
  name?: string;
  port: number;
  protocol?: string;
  targetPort?: number | string;
  appProtocol?: string;
  [field: string]: unknown;
}
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  spec?: {
    template?: PodTemplate;
    selector?: unknown;
    ports?: ServicePort[];
    clusterIP?: string;
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

/** Kinds that keep pods running, by the group of their API. */
const WORKLOADS: Readonly<Record<string, readonly string[]>> = {
  'apps/v1': ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'],
  v1: ['ReplicationController'],
  'argoproj.io/v1alpha1': ['Rollout'],
  'apps.openshift.io/v1': ['DeploymentConfig'],
};
/** Kinds with pods that end by themselves, or are made by somebody else: a server of the mesh is none of them. */
const PASSING = new Set(['Pod', 'PodTemplate', 'Job', 'CronJob']);

export const templateOf = ({ apiVersion, kind, spec }: Manifest): PodTemplate | undefined =>
  WORKLOADS[apiVersion]?.includes(kind) === true && Array.isArray(spec?.template?.spec?.containers)
    ? spec?.template
    : undefined;

export const isPassing = ({ kind }: Manifest): boolean => PASSING.has(kind);

/** Marks what inject did, so that it can be undone and done again. */
export const MARK = {
  /** On the pods: what was done to them, as JSON (`Done`). */
  injected: 'mesh.holdfast/injected',
  /** On a Service: its ports before. */
  ports: 'mesh.holdfast/former-ports',
  /** A label of a Service that leads to Envoy: the port of the replicas themselves. As an annotation, its owner says the same. */
  replicaPort: 'mesh.holdfast/replica-port',
  /** On a Service with several ports: which one is MCP, by name or number. */
  port: 'mesh.holdfast/port',
  /** A label of what was added. */
  added: 'mesh.holdfast/added',
  /** A label of pods that belong to the mesh: NetworkPolicies let them in by it. */
  member: 'mesh.holdfast/member',
  /** On a namespace or a pod: the webhook injects, and this is the server's name. `disabled` on a pod: it does not. */
  inject: 'mesh.holdfast/inject',
} as const;
/** The value of `mesh.holdfast/inject` on a pod that does not want the pair. */
export const DISABLED = 'disabled';
/** Names of everything that is ours in a pod begin so. */
export const OURS = 'holdfast-';
/** Exactly these are ours: somebody else's `holdfast-x` is theirs. */
const ours = (...names: string[]): ReadonlySet<string> => new Set(names.map((name) => `${OURS}${name}`));
export const OUR_CONTAINERS = ours('join', 'bootstrap', 'envoy', 'sidecar');
export const OUR_VOLUMES = ours('run', 'certs', 'redis-ca', 'token');

/** Kubernetes objects as plain data: what is not ours is passed on as it is. */
export interface Container {
  name: string;
  image?: string;
  ports?: Array<{ name?: string; containerPort: number }>;
  [field: string]: unknown;
}
export interface PodSpec {
  containers: Container[];
  initContainers?: Container[];
  volumes?: Array<{ name: string; [field: string]: unknown }>;
  [field: string]: unknown;
}
interface Metadata {
  name?: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  [field: string]: unknown;
}
export interface PodTemplate {
  metadata?: Metadata;
  spec: PodSpec;
}
export interface ServicePort {
  name?: string;
  port: number;
  targetPort?: number | string;
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

const WORKLOADS = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet']);
export const templateOf = (manifest: Manifest): PodTemplate | undefined =>
  WORKLOADS.has(manifest.kind) ? manifest.spec?.template : undefined;

/** Marks what `holdfast inject` did, so that it can be undone and done again. */
export const MARK = {
  injected: 'mesh.holdfast/injected',
  ports: 'mesh.holdfast/former-ports',
  added: 'mesh.holdfast/added',
  grace: 'mesh.holdfast/former-grace',
} as const;
/** Names of everything that is ours in a pod begin so. */
export const OURS = 'holdfast-';

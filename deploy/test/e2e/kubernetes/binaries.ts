import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The Kubernetes that is built and tried; its modules `k8s.io/api` and so on have the version `0.` and the rest of this. */
export const KUBERNETES_VERSION = '1.35.4';
/** Helm of the same age: it is built on the same version of Kubernetes' client. */
export const HELM_VERSION = '3.20.2';
/** What a cluster's DNS and its NetworkPolicies are made by. */
export const COREDNS_VERSION = '1.14.7';
export const KUBE_ROUTER_VERSION = '2.1.0';

/** Programs of a small Kubernetes, by the name of their file in the cache. */
const PROGRAMS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'coredns',
  'kube-router',
  'helm',
] as const;
export type ProgramName = (typeof PROGRAMS)[number];
/** What the tests need: an API server that validates. With the controllers in the cache, those run as well. */
export const API_LEVEL = ['etcd', 'kube-apiserver'] as const;
/** What the tests of the API level can use besides. */
export const API_LEVEL_AND_MORE = [...API_LEVEL, 'kube-controller-manager', 'helm'] as const;
/** What a cluster in which pods run needs; and Debian's packages (cluster/debian.ts). */
export const CLUSTER_LEVEL = PROGRAMS.filter((name) => name !== 'helm');

/** Where the programs are kept, outside of the repository: they take minutes to build, and every clone may use them. */
export const programFolder = (env: NodeJS.ProcessEnv = process.env): string =>
  join(env['HOLDFAST_CACHE'] ?? join(homedir(), '.cache/holdfast'), 'kubernetes', KUBERNETES_VERSION);

export const programPath = (name: ProgramName, env?: NodeJS.ProcessEnv): string =>
  join(programFolder(env), 'bin', name);

/** Which of these programs are not in the cache; empty when all are there. */
export async function missingPrograms(names: readonly ProgramName[], env?: NodeJS.ProcessEnv): Promise<ProgramName[]> {
  const isHere = await Promise.all(names.map((name) => isExecutable(programPath(name, env))));
  return names.filter((_, index) => isHere[index] !== true);
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

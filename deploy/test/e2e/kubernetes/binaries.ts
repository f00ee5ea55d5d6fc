import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The Kubernetes that is built and tried; its modules `k8s.io/api` and so on have the version `0.` and the rest of this. */
export const KUBERNETES_VERSION = '1.35.4';
/** Helm of the same age: it is built on the same version of Kubernetes' client. */
export const HELM_VERSION = '3.20.2';

/** Programs of a small Kubernetes, by the name of their file in the cache. */
export const PROGRAMS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'helm'] as const;
export type ProgramName = (typeof PROGRAMS)[number];
/** What the tests need: an API server that validates. With the controllers in the cache, those run as well. */
export const API_LEVEL = ['etcd', 'kube-apiserver'] as const;

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

import { MARK } from './manifest.ts';
import type { PodOptions } from './pod-parts.ts';
import type { Workload } from './workload.ts';

/** What has to be in the namespaces of injected pods: one line each. A Secret of the control plane's namespace is of no use there. */
export function needNotes(
  workloads: readonly Workload[],
  { redisSecret, certificateSecret, redisCaSecret, join }: PodOptions,
): string[] {
  const namespaces = new Set(
    workloads.map(({ manifest }) => manifest.metadata.namespace ?? '(the one that you apply to)'),
  );
  const secrets = [
    `${redisSecret} (url)`,
    `${certificateSecret} (tls.crt, tls.key, ca.crt)`,
    ...(redisCaSecret === null ? [] : [`${redisCaSecret} (ca.crt)`]),
  ].join(', ');
  const needs = join === null ? `the Secrets ${secrets}, and ` : '';
  return [...namespaces].map(
    (namespace) =>
      `Namespace ${namespace} needs ${needs}the labels ${MARK.member}s=true, mesh.holdfast/servers=true: holdfast inject --help has the commands`,
  );
}

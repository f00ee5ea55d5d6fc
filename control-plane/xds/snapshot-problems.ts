import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import type { Resources } from './resource.ts';
import { shortType } from './xds-metrics.ts';

/**
 * References to resources that do not exist, each as a sentence; empty when the snapshot is consistent. Envoy would wait for such a
 * resource, or answer 503, so a snapshot with one is never sent. `staticClusters` are those of the bootstrap.
 */
export function snapshotProblems(resources: Resources, staticClusters: ReadonlySet<string>): string[] {
  const exists = {
    cluster: (name: string) => resources.get(RESOURCE_TYPE.cluster)?.has(name) || staticClusters.has(name),
    endpoints: (name: string) => resources.get(RESOURCE_TYPE.endpoints)?.has(name),
    routes: (name: string) => resources.get(RESOURCE_TYPE.routes)?.has(name),
  };
  return [...resources].flatMap(([typeUrl, byName]) =>
    [...byName.values()].flatMap(({ name, references }) =>
      references
        .filter((reference) => !exists[reference.kind](reference.name))
        .map(
          (reference) =>
            `${shortType(typeUrl)} ${name} refers to ${reference.kind} ${JSON.stringify(reference.name)}, which is not in the snapshot`,
        ),
    ),
  );
}

import { isPassing, templateOf, type Manifest } from './manifest.ts';
import { isLedTo, selects } from './selects.ts';
import type { Workload } from './workload.ts';

export const kindAndName = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.name ?? '(without a name)'}`;

/** What inject did not do, though somebody may expect it: one line each. `workloads`: those that it put the pair into. */
export function leftNotes(objects: ReadonlyArray<Manifest | null>, workloads: readonly Workload[]): string[] {
  const there = objects.filter((each) => each !== null),
    services = there.filter(({ kind }) => kind === 'Service');
  return [
    ...there.filter((each) => !templateOf(each)).flatMap((each) => unknownPods(each)),
    ...workloads.flatMap(({ manifest, template }) => {
      if (services.some((service) => isLedTo(service, { manifest, template }))) return [];
      const stray = services.find((service) => selects(service, template.metadata?.labels ?? {}));
      if (stray)
        return [
          `${kindAndName(stray)} is left alone: its namespace (${stray.metadata.namespace ?? 'none named'}) is not that of ${kindAndName(manifest)} (${manifest.metadata.namespace ?? 'none named'})`,
        ];
      return [
        `${kindAndName(manifest)}: no Service here leads to it, so its clients go past Envoy still; put its Service into the same input`,
      ];
    }),
  ];
}

function unknownPods(manifest: Manifest): string[] {
  if (isPassing(manifest))
    return [
      `${kindAndName(manifest)} is left alone: ${manifest.kind === 'Pod' ? 'nothing would start its server anew; make it a Deployment' : 'its pods end by themselves, and a server’s go on'}`,
    ];
  const hasPods = Array.isArray(manifest.spec?.template?.spec?.containers);
  return hasPods
    ? [
        `${kindAndName(manifest)} is left alone: ${manifest.apiVersion} ${manifest.kind} is not a kind that inject knows`,
      ]
    : [];
}

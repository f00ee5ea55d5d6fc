import type { Manifest, PodTemplate } from '../../../../control-plane/inject/manifest.ts';

/** A pod as the object's controller would make it. */
export function podOf({ metadata, spec }: Manifest): Manifest[] {
  const {
    template,
    jobTemplate,
    volumeClaimTemplates = [],
  } = (spec ?? {}) as {
    template?: PodTemplate;
    jobTemplate?: { spec: { template: PodTemplate } };
    volumeClaimTemplates?: Array<{ metadata: { name: string } }>;
  };
  const pod = template ?? jobTemplate?.spec.template;
  if (!pod) return [];
  const claims = volumeClaimTemplates.map(({ metadata: { name } }) => ({
    name,
    persistentVolumeClaim: { claimName: name },
  }));
  return [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: metadata.name ?? '', labels: pod.metadata?.labels ?? {} },
      spec: { ...pod.spec, volumes: [...(pod.spec.volumes ?? []), ...claims] } as never,
    },
  ];
}

/**
 * The go.mod of a module that builds commands of Kubernetes. Kubernetes' own go.mod requires its staging modules as
 * v0.0.0 and replaces them by folders that its published archive lacks. Here each is replaced by its published version.
 */
export function goModule(
  kubernetesGoMod: string,
  version: string,
  requires: readonly string[],
  tools: readonly string[],
): string {
  const published = `v0.${version.split('.').slice(1).join('.')}`;
  const staging = [
    ...new Set(
      [...kubernetesGoMod.matchAll(/^\s*(?:require )?(k8s\.io\/[\w-]+) v0\.0\.0(?=\s|$)/gm)].map(
        ([, name]) => name ?? '',
      ),
    ),
  ];
  return [
    'module holdfast-kubernetes',
    '',
    /^go .*$/m.exec(kubernetesGoMod)?.[0] ?? 'go 1.25.0',
    /^godebug .*$/m.exec(kubernetesGoMod)?.[0] ?? '',
    ...requires.map((each) => `require ${each}`),
    ...staging.map((name) => `replace ${name} => ${name} ${published}`),
    ...tools.map((each) => `tool ${each}`),
    '',
  ].join('\n');
}

import { OUR_CONTAINERS, OURS, type Container, type PodSpec } from './manifest.ts';
import { PORT } from './pod-parts.ts';

const OUR_PORTS = new Map(Object.entries(PORT).map(([name, port]) => [port as number, name]));

/** Why the pair can't be put into a pod; null when it can. */
export function podProblem(spec: PodSpec): string | null {
  const containers: Container[] = [...spec.containers, ...(spec.initContainers ?? [])];
  if (spec.hostNetwork === true)
    return 'it uses the host’s network (hostNetwork), where the pair’s ports would be taken on the node';
  if ((spec['os'] as { name?: string } | undefined)?.name === 'windows') return 'its pods run on Windows';
  const namesake = containers.find(({ name }) => OUR_CONTAINERS.has(name));
  if (namesake) return `it has a container named ${namesake.name} that inject did not add; rename it`;
  for (const { name, ports = [] } of containers)
    for (const port of ports) {
      if (OUR_PORTS.has(port.containerPort))
        return `its container ${name} listens on ${port.containerPort}, which the pair needs (${OUR_PORTS.get(port.containerPort)})`;
      if (port.name?.startsWith(OURS) === true)
        return `its container ${name} has a port named ${port.name}; names with ${OURS} are the pair’s`;
    }
  return null;
}

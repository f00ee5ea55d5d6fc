import { exactly, type Objective } from '../../../report/objectives.ts';
import { waitFor } from '../../../mesh/wait-for.ts';
import { MCP } from './mcp-server-objects.ts';
import { HOLDFAST } from './mesh-on-cluster.ts';
import type { Stage } from './row.ts';

interface SliceList {
  items: Array<{ metadata: { name: string }; addressType: string }>;
}
/** Each new slice has a name by chance. */
const TRIES = 40;

/**
 * Control planes start while the slice of IPv6 is the first in the list. The server does not listen on IPv6, and
 * replicas must keep their addresses.
 */
export async function dualStackRestart({ cluster: { kubectl } }: Stage): Promise<Objective[]> {
  const slices = async (): Promise<string[]> => {
    const selector = 'kubernetes.io/service-name=dual';
    const { items } = await kubectl.get<SliceList>('--namespace', MCP, 'endpointslices', '--selector', selector);
    const sorted = items.toSorted((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
    return sorted.map(({ addressType, metadata }) => `${addressType} ${metadata.name}`);
  };
  const isSixFirst = async (): Promise<boolean> => (await slices())[0]?.startsWith('IPv6') === true;
  for (let tries = 0; tries < TRIES && !(await isSixFirst()); tries++) {
    const six = (await slices()).find((each) => each.startsWith('IPv6'))?.split(' ')[1] ?? '';
    await kubectl.run(['--namespace', MCP, 'delete', 'endpointslice', six]);
    await waitFor(async () => (await slices()).some((each) => each.startsWith('IPv6') && !each.endsWith(` ${six}`)), {
      what: 'there is another slice of IPv6',
      everyMs: 200,
    });
  }
  const isFirst = await isSixFirst();
  await kubectl.restart(HOLDFAST, 'deploy/holdfast-control-plane');
  return [exactly('dual-stack: the slice of IPv6 was the first', 'yes', isFirst ? 'yes' : 'no')];
}

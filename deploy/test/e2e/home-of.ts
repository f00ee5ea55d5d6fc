import type { McpClient } from '../clients/mcp-client.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import type { Replica } from '../mesh/start-replica.ts';

/** Name of the replica on which a client's session is now, as the example servers' tool `whoami` tells it. */
export const homeNameOf = async (client: McpClient): Promise<string> =>
  ((await client.callTool('whoami')).data['replica'] as { name: string }).name;

export async function homeOf(mesh: Mesh, client: McpClient): Promise<Replica> {
  const name = await homeNameOf(client);
  const replica = mesh.replicas.find((each) => each.name === name);
  if (!replica) throw new Error(`no replica ${name}`);
  return replica;
}

/** Makes an example server faulty as its `/__fault` says (deploy/test/servers/kit/faults.ts). */
export async function orderFault({ address }: Replica, fault: string): Promise<void> {
  await fetch(`http://${address}/__fault?${fault}`);
}

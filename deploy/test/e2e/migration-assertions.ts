import { connectClient } from '../clients/connect-client.ts';
import type { McpClient } from '../clients/mcp-client.ts';
import type { Mesh } from '../mesh/start-mesh.ts';

/**
 * Two sessions of `linear`, through the first gateway. One was moved because its replica was killed, which is back by
 * now. The other never moved.
 */
export async function movedAndKept(mesh: Mesh): Promise<{ moved: McpClient; kept: McpClient }> {
  const open = (): Promise<McpClient> => connectClient({ kind: 'v1', url: mesh.url('linear') });
  const moved = await open(),
    home = String((await moved.callTool('cart')).data['replica']);
  await mesh.replicas.find(({ name }) => name === home)!.process.restart('SIGKILL');
  await moved.callTool('cart');
  await mesh.settled();
  return { moved, kept: await open() };
}

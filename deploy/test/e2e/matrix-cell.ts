import { alternatingFetch } from '../clients/alternating-fetch.ts';
import { connectClient } from '../clients/connect-client.ts';
import type { ClientKind, McpClient } from '../clients/mcp-client.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { SERVER_KINDS } from './matrix.ts';

type Seen = Record<string, unknown>;

/** Every kind of server, two replicas each: enough to be wrong by chance on every second request. */
export const startMatrixMesh = (): Promise<Mesh> => {
  const program = 'deploy/test/servers/fixture/main.ts';
  return startMesh({
    gateways: 2,
    servers: Object.fromEntries(SERVER_KINDS.map(({ name, args }) => [name, { replicas: 2, program, args }])),
  });
};

/** What a client of this kind sees of a server, without the mesh and through it, each request entering by the other gateway. */
export async function seenBothWays(
  mesh: Mesh,
  kind: ClientKind,
  server: string,
): Promise<{ direct: Seen; through: Seen }> {
  return {
    direct: await seen(kind, mesh.replicasOf(server)[0]!.url),
    through: await seen(kind, mesh.url(server), alternatingFetch(mesh.gateways.map(({ url }) => url))),
  };
}

/** What a client sees, in a form that can be compared. */
async function seen(
  kind: ClientKind,
  url: string,
  fetch?: ReturnType<typeof alternatingFetch>,
): Promise<Record<string, unknown>> {
  const client = await connectClient({
    kind,
    url,
    handlers: { elicitation: () => ({ action: 'accept', content: { name: 'Ada', color: 'red' } }) },
    ...(fetch ? { fetch } : {}),
  });
  try {
    return {
      protocolVersion: client.protocolVersion,
      hasSession: client.sessionId !== undefined,
      tools: await client.listTools(),
      text: (await client.callTool('test_simple_text')).text,
      failed: (await client.callTool('test_error_handling')).isError,
      resources: await client.listResources(),
      resource: await client.readResource('test://template/7/data'),
      prompts: await client.listPrompts(),
      prompt: await client.getPrompt('test_prompt_with_arguments', { arg1: 'a', arg2: 'b' }),
      completion: await client.complete('test_prompt_with_arguments', 'arg1', 'te'),
      ...(await staysOnReplica(client)),
    };
  } finally {
    await client.terminate();
  }
}

/** With a session, every request meets one replica. */
async function staysOnReplica(client: McpClient): Promise<Record<string, unknown>> {
  if (client.sessionId === undefined && !client.kind.endsWith('-sse')) return {};
  const names = new Set<unknown>();
  for (let i = 0; i < 6; i += 1) names.add(((await client.callTool('whoami')).data.replica as { name: string }).name);
  return { replicas: names.size };
}

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';

/** For tests: a replica of an official server of the 2026-07-28 era, on a free port of loopback. */
export async function modernReplica(tools: string[]): Promise<{ address: string; server: Server }> {
  const handler = createMcpHandler(() => {
    const mcp = new McpServer({ name: 'modern-replica', version: '1' });
    for (const name of tools)
      mcp.registerTool(name, { description: `The tool ${name}` }, () => ({ content: [{ type: 'text', text: name }] }));
    return mcp;
  });
  const server = createServer((request, response) => void toNodeHandler(handler)(request as never, response as never));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

import { join } from 'node:path';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { freePort } from '../../mesh/free-port.ts';
import { ManagedProcess, plainEnvironment } from '../../mesh/managed-process.ts';
import { isListening } from '../../mesh/wait-for.ts';
import type { Folders, PackageName } from '../packages.ts';

/** A gateway or bridge of others that has the mesh as its one server. */
export interface GatewayKind {
  name: string;
  package: PackageName;
  /** A client's way through it to `url`; `logFile` takes its output. */
  open(place: {
    folders: Folders;
    url: string;
    logFile: string;
  }): Promise<{ transport: Transport; close(): Promise<void> }>;
}

const bridge = (
  name: string,
  package_: PackageName,
  started: (folders: Folders, url: string) => string[],
): GatewayKind => ({
  name,
  package: package_,
  async open({ folders, url }) {
    const [command = '', ...args] = started(folders, url);
    const transport = new StdioClientTransport({ command, args, env: plainEnvironment() as never, stderr: 'ignore' });
    return { transport, close: () => transport.close() };
  },
});

const inNode = (folder: string, program: string): string[] => [process.execPath, join(folder, 'node_modules', program)];

export const GATEWAY_KINDS: readonly GatewayKind[] = [
  {
    name: 'FastMCP’s proxy',
    package: 'fastmcp',
    async open({ folders, url, logFile }) {
      const port = await freePort();
      const where = ['--transport', 'http', '--host', '127.0.0.1', '--port', String(port), '--path', '/mcp'];
      const gateway = await new ManagedProcess({
        name: 'fastmcp proxy',
        command: join(folders.fastmcp, 'bin/fastmcp'),
        args: ['run', url, ...where, '--no-banner', '--log-level', 'ERROR'],
        env: plainEnvironment({ FASTMCP_CHECK_FOR_UPDATES: 'off' }),
        logFile,
        isReady: () => isListening(port),
      }).start();
      const transport = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`));
      return { transport: transport as Transport, close: () => gateway.kill() };
    },
  },
  bridge('mcp-proxy', 'mcp-proxy', (folders, url) => [
    join(folders['mcp-proxy'], 'bin/mcp-proxy'),
    '--transport',
    'streamablehttp',
    url,
  ]),
  bridge('supergateway, HTTP to stdio', 'stdio', ({ stdio }, url) => [
    ...inNode(stdio, 'supergateway/dist/index.js'),
    '--streamableHttp',
    url,
    '--logLevel',
    'none',
  ]),
  bridge('mcp-remote', 'mcp-remote', (folders, url) => [
    ...inNode(folders['mcp-remote'], 'mcp-remote/dist/proxy.js'),
    url,
    '--allow-http',
    '--transport',
    'http-only',
  ]),
];

import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { freePort } from '../../mesh/free-port.ts';
import { ManagedProcess, plainEnvironment } from '../../mesh/managed-process.ts';
import { answers, isListening } from '../../mesh/wait-for.ts';
import type { Folders, PackageName } from '../packages.ts';

/** A gateway or bridge of others that has the mesh as its one server. */
export interface GatewayKind {
  name: string;
  package: PackageName;
  /** What it puts before the names of tools. */
  prefix?: string;
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

/** It takes servers on loopback, and does not start with the secrets that it has by default. */
function contextForge(): { env: Record<string, string>; authorization: string } {
  const names = ['JWT_SECRET_KEY', 'AUTH_ENCRYPTION_SECRET', 'BASIC_AUTH_PASSWORD', 'PLATFORM_ADMIN_PASSWORD'];
  const secrets = Object.fromEntries(names.map((name) => [name, `Aa1!${randomBytes(24).toString('hex')}`]));
  const part = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString('base64url');
  const sub = 'admin@example.com',
    user = { email: sub, full_name: 'field', is_admin: true, auth_provider: 'cli' },
    seconds = Math.floor(Date.now() / 1000),
    times = { iat: seconds, exp: seconds + 3600, jti: randomUUID() },
    mesh = { iss: 'mcpgateway', aud: 'mcpgateway-api', env: 'development' };
  const said = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub, username: sub, user, teams: null, ...mesh, ...times })}`;
  const signature = createHmac('sha256', secrets['JWT_SECRET_KEY'] ?? '')
    .update(said)
    .digest('base64url');
  const settings = { SSRF_ALLOW_LOCALHOST: 'true', SSRF_ALLOW_PRIVATE_NETWORKS: 'true', CACHE_TYPE: 'memory' };
  return {
    env: { ...settings, ...secrets, ENVIRONMENT: 'development', DEV_MODE: 'true' },
    authorization: `Bearer ${said}.${signature}`,
  };
}

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
  {
    name: 'ContextForge',
    package: 'contextforge',
    prefix: 'mesh-',
    async open({ folders, url, logFile }) {
      const port = await freePort(),
        address = `http://127.0.0.1:${port}`,
        { env, authorization } = contextForge();
      const gateway = await new ManagedProcess({
        name: 'contextforge',
        command: join(folders.contextforge, 'bin/mcpgateway'),
        args: ['--host', '127.0.0.1', '--port', String(port)],
        env: plainEnvironment({ ...env, DATABASE_URL: `sqlite:///${logFile}.db` }),
        logFile,
        isReady: () => answers(`${address}/health`),
        readyTimeoutMs: 300_000,
      }).start();
      const registered = await fetch(`${address}/gateways`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({ name: 'mesh', url, transport: 'STREAMABLEHTTP' }),
      });
      if (!registered.ok) throw new Error(`POST /gateways: ${registered.status} ${await registered.text()}`);
      const transport = new StreamableHTTPClientTransport(new URL(`${address}/mcp/`), {
        requestInit: { headers: { authorization } },
      });
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

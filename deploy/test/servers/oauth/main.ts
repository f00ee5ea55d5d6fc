import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { Command } from 'commander';
import { commandLine, wholeNumber } from '../../../../proto/command-line.ts';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { getOAuthProtectedResourceMetadataUrl, mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { detach } from '../../../../proto/detach.ts';
import { AgreeingProvider } from './auth-provider.ts';

// A server that is its own authorization server, by the official SDK's auth router. `--public`: the URL that it takes for its own; else its address.
const { values } = commandLine<{ port: number; host: string; name: string; public?: string }>(
  new Command('oauth')
    .option('--port <port>', '0 takes a free one', wholeNumber(0, 65_535), 0)
    .option('--host <address>', 'where it listens', '127.0.0.1')
    .option('--name <label>', 'what it calls itself', 'oauth')
    .option('--public <url>', 'the URL that it takes for its own'),
);
const { host, name, port } = values,
  resource = new URL(values.public ?? `http://${host}:${port}/mcp`),
  provider = new AgreeingProvider(),
  sessions = new Map<string, StreamableHTTPServerTransport>();

type Handler = (request: IncomingMessage & { body?: unknown }, response: ServerResponse, next: () => void) => void;
/** The part of Express that is used here; the SDK brings Express without its types. */
interface App {
  use(...handlers: unknown[]): void;
  all(path: string, ...handlers: unknown[]): void;
}

const fail = (error: unknown): void => {
  console.error(error);
};

function newSession(): StreamableHTTPServerTransport {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => {
      sessions.set(id, transport);
    },
  });
  const server = new McpServer({ name: 'oauth', version: '1' });
  for (const tool of ['whoami', 'write'])
    server.registerTool(tool, { description: tool, annotations: { readOnlyHint: tool === 'whoami' } }, () => ({
      content: [{ type: 'text', text: name }],
    }));
  detach(server.connect(transport as Transport), fail);
  return transport;
}

const auth = (...requiredScopes: string[]): unknown =>
  requireBearerAuth({
    verifier: provider,
    requiredScopes,
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resource),
  });
const mayRead = auth('mcp:read') as Handler,
  mayWrite = auth('mcp:read', 'mcp:write') as Handler;
const isWrite = (body: unknown): boolean =>
  (body as { method?: string; params?: { name?: string } } | undefined)?.params?.name === 'write';

const app = createMcpExpressApp({ host }) as unknown as App;
app.use(
  mcpAuthRouter({
    provider,
    issuerUrl: new URL(resource.origin),
    resourceServerUrl: resource,
    scopesSupported: ['mcp:read', 'mcp:write'],
  }) as unknown,
);
const authorized: Handler = (request, response, next) =>
  (isWrite(request.body) ? mayWrite : mayRead)(request, response, next);
const answer: Handler = (request, response) => {
  const id = request.headers['mcp-session-id'],
    transport = typeof id === 'string' ? sessions.get(id) : newSession();
  if (transport) detach(transport.handleRequest(request, response, request.body), fail);
  else
    response
      .writeHead(404, { 'content-type': 'application/json' })
      .end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}');
};
app.all('/mcp', authorized, answer);
createServer(app as unknown as RequestListener).listen(port, host);
process.once('SIGTERM', () => process.exit(0));

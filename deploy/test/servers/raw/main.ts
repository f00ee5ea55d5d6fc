import type { IncomingMessage, ServerResponse } from 'node:http';
import { json, readBody, rpcFailure } from '../kit/http-answer.ts';
import { serveEndpoint } from '../kit/host.ts';
import { runWith } from '../kit/run.ts';
import { writeWire } from './write-wire.ts';

// A server without an SDK, whose answers are the bytes that the caller asks for: for what SDKs can't produce.
const MAX_BODY_BYTES = 32 << 20;
const INFO = { capabilities: { tools: {} }, serverInfo: { name: 'raw', version: '1' } };

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST') return void response.writeHead(request.method === 'DELETE' ? 200 : 405).end();
  const text = await readBody(request, MAX_BODY_BYTES);
  if (text === null) return rpcFailure(response, 413, -32000, 'Payload too large');
  const {
    id,
    method,
    params = {},
  } = JSON.parse(text) as { id?: number; method?: string; params?: Record<string, unknown> };
  const result = (value: unknown, headers: Record<string, string> = {}): void => {
    for (const [name, each] of Object.entries(headers)) response.setHeader(name, each);
    json(response, 200, { jsonrpc: '2.0', id, result: value });
  };
  switch (method) {
    case 'initialize':
      return result({ protocolVersion: '2025-11-25', ...INFO }, { 'mcp-session-id': 'raw' });
    case 'server/discover':
      return result({ resultType: 'complete', supportedVersions: ['2026-07-28'], ...INFO });
    case 'tools/list':
      return result({ tools: [] });
    case 'ping':
      return result({});
    case 'tools/call':
      return writeWire(response, params['arguments'] as never);
    default:
      return id === undefined
        ? void response.writeHead(202).end()
        : rpcFailure(response, 200, -32601, 'Method not found');
  }
}

await runWith('raw', (options) =>
  serveEndpoint(
    () => ({
      handle: (request, response, url) => (url.pathname === options.path ? handle(request, response) : undefined),
      sessionCount: () => 0,
      reap: async () => undefined,
      endStreams: () => undefined,
      close: async () => undefined,
    }),
    options,
  ),
);

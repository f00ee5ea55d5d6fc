import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Replica {
  slot: string;
  server: Server;
  port: number;
  seen: { headers: IncomingHttpHeaders; body: string }[];
}

function answerInitialize(slot: string, body: string, response: ServerResponse): void {
  const result = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    result: {
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: slot, version: '1' },
    },
  });
  const id = slot === 'relay' ? '1~from-relay' : `up-${randomUUID()}`;
  const session = body.includes('stateless') ? {} : { 'mcp-session-id': id };
  const isStream = body.includes('sse');
  response
    .writeHead(200, { ...session, 'content-type': isStream ? 'text/event-stream' : 'application/json' })
    .end(isStream ? `event: message\ndata: ${result}\n\n` : result);
}

/** Answers initialize with an id of its own (JSON or SSE by `accept`), anything else with where it arrived. */
export async function startReplica(slot: string): Promise<Replica> {
  const seen: Replica['seen'] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      if (seen.length < 100) seen.push({ headers: request.headers, body });
      if (body.includes('"initialize"')) return answerInitialize(slot, body, response);
      const id = request.headers['mcp-session-id'];
      response
        .writeHead(200, { 'content-type': 'application/json', ...(id && { 'mcp-session-id': id }) })
        .end(JSON.stringify({ slot, upstream: id ?? null }));
    });
  }).listen(0, '127.0.0.1');
  server.keepAliveTimeout = 60_000;
  await once(server, 'listening');
  return { slot, server, port: (server.address() as AddressInfo).port, seen };
}

import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';

const agent = new Agent({ keepAlive: true, maxSockets: 64 });
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}
/** One request to `/mcp/linear` at a port of this machine. */
export function send(
  port: number,
  body: string | Buffer,
  headers: Record<string, string | string[]> = {},
  method = 'POST',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        port,
        host: '127.0.0.1',
        method,
        path: '/mcp/linear',
        agent,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
export const initialize = (name = 'test'): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: { sampling: {} }, clientInfo: { name, version: '1' } },
  });
export const ping = JSON.stringify({ jsonrpc: '2.0', id: 'q-1', method: 'ping' });

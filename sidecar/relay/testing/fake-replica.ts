import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listenOn } from '../../../deploy/test/mesh/listen-on.ts';

export interface FakeMessage {
  id?: string | number;
  method?: string;
  params?: Record<string, unknown>;
  result?: unknown;
  [key: string]: unknown;
}
export interface FakeRequest {
  method: string;
  session: string | undefined;
  headers: IncomingMessage['headers'];
  message: FakeMessage;
  body: string;
  response: ServerResponse;
  incoming: IncomingMessage;
}

/** A replica whose every answer a test can choose. Without a word from the test it behaves as a plain JSON server with sessions. */
export interface FakeReplica {
  port: number;
  seen: FakeRequest[];
  sessions: Set<string>;
  /** True: the test answered by itself. */
  answer: (request: FakeRequest) => boolean | void;
  /** Breaks every connection and accepts none any more. */
  kill(): Promise<void>;
}

const CAPABILITIES = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  logging: {},
};

export async function startFakeReplica(name: string, port = 0): Promise<FakeReplica> {
  const streams = new Map<string, ServerResponse>();
  let made = 0;
  const server = createServer((incoming, response) => {
    let body = '';
    incoming
      .setEncoding('utf8')
      .on('data', (text: string) => {
        body += text;
      })
      .on('end', () => {
        const message = body === '' ? {} : (JSON.parse(body) as FakeMessage),
          session = incoming.headers['mcp-session-id'] as string | undefined;
        const request: FakeRequest = {
          method: incoming.method!,
          session,
          headers: incoming.headers,
          message,
          body,
          response,
          incoming,
        };
        replica.seen.push(request);
        if (replica.answer(request) !== true) serve(request);
      });
  });
  const serve = ({ method, session, message, response }: FakeRequest): void => {
    if (message.method === 'initialize') {
      const id = `${name}-${++made}`;
      replica.sessions.add(id);
      return json(
        response,
        {
          jsonrpc: '2.0',
          id: message.id,
          result: { protocolVersion: '2025-11-25', capabilities: CAPABILITIES, serverInfo: { name, version: '1' } },
        },
        200,
        { 'mcp-session-id': id },
      );
    }
    if (session === undefined || !replica.sessions.has(session))
      return json(response, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }, 404);
    if (method === 'GET') {
      streams.set(session, response);
      return sse(response, '');
    }
    if (method === 'DELETE') {
      replica.sessions.delete(session);
      streams.get(session)?.end();
      return void response.writeHead(200).end();
    }
    if (message.id === undefined || message.method === undefined) return void response.writeHead(202).end();
    json(response, { jsonrpc: '2.0', id: message.id, result: { by: name } });
  };
  const replica: FakeReplica = {
    port: 0,
    seen: [],
    sessions: new Set(),
    answer: () => undefined,
    kill: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  replica.port = await listenOn(server, port);
  return replica;
}

export function json(
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}
/** Opens an SSE answer and writes `text`; the test goes on from there. */
export function sse(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  if (text !== '') response.write(text);
}
export const event = (message: unknown): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`;

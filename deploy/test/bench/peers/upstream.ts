import { randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { replicaCommand, type ReplicaValues } from '../load/replica-command.ts';
import { parseJson } from '../../../../proto/parse-json.ts';

/**
 * The replica that all peers stand before: node:http, and just enough MCP for a proxy that is a client of its own. The tool `add` is answered as
 * JSON, `say` as an event, so that one server and one session show both. `--any-session`: also for ids that it never gave. Run: `node deploy/test/bench/peers/upstream.ts --port N`.
 */
interface Message {
  id?: string | number;
  method?: string;
  params?: { name?: string; protocolVersion?: string };
}

const TOOLS = ['add', 'say'].map((name) => ({
  name,
  description: name,
  annotations: { readOnlyHint: true },
  inputSchema: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
}));
const HELLO = { content: [{ type: 'text', text: 'hello' }], isError: false };

function resultOf({ method, params }: Message): object | undefined {
  if (method === 'initialize') {
    const protocolVersion = params?.protocolVersion === '2025-06-18' ? '2025-06-18' : '2025-11-25';
    return { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'bench', version: '1' } };
  }
  if (method === 'tools/list') return { tools: TOOLS };
  if (method === 'tools/call') return HELLO;
  return method === 'ping' ? {} : undefined;
}

function answer(response: ServerResponse, message: Message, session: string | undefined): void {
  const result = resultOf(message);
  const text = JSON.stringify({
    jsonrpc: '2.0',
    id: message.id,
    ...(result ? { result } : { error: { code: -32601, message: 'Method not found' } }),
  });
  const isEvent = message.params?.name === 'say';
  const body = isEvent ? `event: message\ndata: ${text}\n\n` : text;
  response.writeHead(200, {
    'content-type': isEvent ? 'text/event-stream' : 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(session !== undefined && { 'mcp-session-id': session }),
  });
  response.end(body);
}

const sessions = new Set<string>();

function serve(response: ServerResponse, body: string, header: string | string[] | undefined): void {
  const parsed = parseJson(body);
  const message = (typeof parsed === 'object' ? parsed : null) as Message | null;
  if (message === null) {
    response.writeHead(400).end();
    return;
  }
  const isNew = message.method === 'initialize',
    session = isNew ? randomUUID() : String(header);
  if (isNew) sessions.add(session);
  // The error that balancers which guess a replica need to guess again.
  if (!values.anySession && !sessions.has(session)) response.writeHead(404).end();
  else if (message.id === undefined) response.writeHead(202).end();
  else answer(response, message, session);
}

const values = replicaCommand()
  .option('--any-session', 'answers for every session id', false)
  .parse()
  .opts<ReplicaValues & { anySession: boolean }>();
const server = createServer((request, response) => {
  if (request.method !== 'POST') {
    request.resume();
    response.writeHead(request.method === 'DELETE' ? 200 : 405).end();
    return;
  }
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => (body += chunk));
  request.once('end', () => serve(response, body, request.headers['mcp-session-id']));
});
server.keepAliveTimeout = 60_000;
server.listen(values.port, values.host);

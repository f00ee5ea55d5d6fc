import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { commandLine, wholeNumber } from '../../../../proto/command-line.ts';

// An MCP server on bare HTTP, with what some servers of others do. Tools: whoami and slow (safe to repeat), write.
const { values } = commandLine<{
  port: number;
  host: string;
  name: string;
  key?: string;
  initializeMs: number;
  json: boolean;
  deleteStatus: number;
}>(
  new Command('stub')
    .option('--port <port>', 'where it listens', wholeNumber(0, 65_535), 0)
    .option('--host <address>', 'where it listens', '127.0.0.1')
    .option('--name <label>', 'what whoami answers', 'stub')
    .option('--key <text>', 'requests without ?key=TEXT get 401')
    .option('--initialize-ms <ms>', 'how long initialize takes', wholeNumber(0, 60_000), 0)
    .option('--json', 'answers are JSON', false)
    .option('--delete-status <status>', 'what DELETE is answered', wholeNumber(200, 599), 200),
);
interface Message {
  id?: unknown;
  method: string;
  params?: { protocolVersion?: string; name?: string; arguments?: { ms?: number } };
}
const tool = (name: string, readOnlyHint: boolean): object => ({
  name,
  description,
  inputSchema: { type: 'object' },
  annotations: { readOnlyHint },
});
/** PUT /describe changes what the tools say of themselves while the server runs. */
let description = 'A tool.';
const tools = (): object => ({ tools: [tool('whoami', true), tool('slow', true), tool('write', false)] });
const sessions = new Set<string>();

async function resultOf({ method, params }: Message): Promise<object> {
  if (method === 'initialize') {
    await sleep(values.initializeMs);
    const info = { capabilities: { tools: {} }, serverInfo: { name: 'stub', version: '1' } };
    return { protocolVersion: params?.protocolVersion, ...info };
  }
  if (method === 'tools/list') return tools();
  if (method !== 'tools/call') return {};
  if (params?.name !== 'whoami') await sleep(params?.arguments?.ms ?? 3000);
  return { content: [{ type: 'text', text: values.name }] };
}

/** Ids are written as they came: JSON's numbers may be larger than this language's. */
const idText = (body: string): string => /"id"\s*:\s*("[^"]*"|-?\d+)/.exec(body)?.[1] ?? 'null';

createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += String(piece);
  const url = new URL(request.url ?? '/', 'http://stub');
  const end = (status: number, text = '', headers: Record<string, string> = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
  };
  if (url.pathname === '/describe') {
    description = body;
    return end(200);
  }
  if (url.pathname !== '/mcp') return end(404);
  if (values.key !== undefined && url.searchParams.get('key') !== values.key) return end(401, '{"error":"no key"}');
  if (request.method !== 'POST') return end(request.method === 'DELETE' ? values.deleteStatus : 405);
  const parsed = JSON.parse(body) as Message | Message[];
  const [message = { method: 'none' }] = Array.isArray(parsed) ? parsed : [parsed];
  const session = request.headers['mcp-session-id'];
  const isFirst = message.method === 'initialize';
  if (!isFirst && !(typeof session === 'string' && sessions.has(session))) return end(404);
  if (message.id === undefined) return end(202);
  if (Array.isArray(parsed)) {
    const answers = parsed.map(async (each) => ({ jsonrpc: '2.0', id: each.id, result: await resultOf(each) }));
    return end(200, JSON.stringify(await Promise.all(answers)));
  }
  const headers: Record<string, string> = isFirst ? { 'mcp-session-id': randomUUID() } : {};
  for (const begun of Object.values(headers)) sessions.add(begun);
  if (!values.json) response.writeHead(200, { 'content-type': 'text/event-stream', ...headers }).flushHeaders();
  const answer = `{"jsonrpc":"2.0","id":${idText(body)},"result":${JSON.stringify(await resultOf(message))}}`;
  if (values.json) return end(200, answer, headers);
  response.end(`event: message\ndata: ${answer}\n\n`);
}).listen(values.port, values.host);
process.once('SIGTERM', () => process.exit(0));

import { CLIENT_INFO } from './mcp-client.ts';
import type { Fetch } from './mcp-client.ts';

export const MODERN_VERSION = '2026-07-28';
const TASKS = 'io.modelcontextprotocol/tasks';

export interface ModernAnswer {
  status: number;
  result: Record<string, unknown> | null;
  error: { code: number; message: string; data?: unknown } | null;
}

/** Name-shaped parameter that `Mcp-Name` mirrors, by method. */
const NAMED_BY: Record<string, string> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

let nextId = 1;

/** `_meta` of a request of 2026-07-28, from a client that can do everything. */
export const modernMeta = (): Record<string, unknown> => ({
  'io.modelcontextprotocol/protocolVersion': MODERN_VERSION,
  'io.modelcontextprotocol/clientInfo': CLIENT_INFO,
  'io.modelcontextprotocol/clientCapabilities': {
    sampling: {},
    elicitation: {},
    roots: {},
    extensions: { [TASKS]: {} },
  },
});

/** One request of 2026-07-28 without an SDK: for the tasks extension, which official clients don't speak, and for odd headers. */
export async function modernRequest(
  url: string,
  method: string,
  params: Record<string, unknown>,
  options: { fetch?: Fetch; headers?: Record<string, string> } = {},
): Promise<ModernAnswer> {
  const name = params[NAMED_BY[method] ?? ''];
  const response = await (options.fetch ?? fetch)(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': MODERN_VERSION,
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
      ...options.headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: nextId++, method, params: { ...params, _meta: modernMeta() } }),
  });
  const text = await response.text();
  const isStream = response.headers.get('content-type')?.includes('text/event-stream') ?? false;
  const message = (isStream ? lastEvent(text) : JSON.parse(text)) as {
    result?: Record<string, unknown>;
    error?: ModernAnswer['error'];
  };
  return { status: response.status, result: message.result ?? null, error: message.error ?? null };
}

/** The answer is the last event of its stream. */
function lastEvent(text: string): unknown {
  const data = [...text.matchAll(/^data: ?(.*)$/gm)].at(-1)?.[1];
  if (data === undefined) throw new Error(`a stream without an answer: ${text.slice(0, 200)}`);
  return JSON.parse(data);
}

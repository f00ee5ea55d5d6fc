import { ownSessionFetch } from '../../clients/own-session.ts';

const fetchOwn = ownSessionFetch();

/** Requests of MCP on bare `fetch`: what an SDK would hide is what these reports are about. */
const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const INITIALIZE = {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'field', version: '1' },
};

export interface RawAnswer {
  status: number;
  headers: Headers;
  text: string;
}

export async function post(
  url: string,
  body: string,
  headers: Record<string, string> = {},
  limitMs = 40_000,
): Promise<RawAnswer> {
  const signal = AbortSignal.timeout(limitMs);
  const answer = await fetchOwn(url, { method: 'POST', body, headers: { ...HEADERS, ...headers }, signal });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** Text of a request; `id` is written as it is. */
export const request = (id: string, method: string, params: object = {}): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${JSON.stringify(params)}}`;

export const callOf = (id: string, name: string, ms = 0): string =>
  request(id, 'tools/call', { name, arguments: { ms } });

/** Begins a session; its headers. */
export async function begin(url: string): Promise<Record<string, string>> {
  const { status, headers, text } = await post(url, request('1', 'initialize', INITIALIZE));
  const session = headers.get('mcp-session-id');
  if (session === null) throw new Error(`initialize: ${status} ${text.slice(0, 200)}`);
  const own = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-06-18' };
  await post(url, '{"jsonrpc":"2.0","method":"notifications/initialized"}', own);
  return own;
}

export interface RawStream {
  status: number;
  /** Whether neither side has ended it. */
  isOpen(): boolean;
  end(): void;
}

/** GET of the session's event stream. */
export async function listen(url: string, headers: Record<string, string>, limitMs = 20_000): Promise<RawStream> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(limitMs)]);
  const answer = await fetchOwn(url, { headers: { accept: 'text/event-stream', ...headers }, signal });
  let isOpen = answer.ok;
  const closed = (): void => {
    isOpen = false;
  };
  answer.body?.pipeTo(new WritableStream()).then(closed, closed);
  return { status: answer.status, isOpen: () => isOpen, end: () => stop.abort() };
}

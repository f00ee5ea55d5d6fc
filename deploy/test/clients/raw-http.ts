import { Socket } from 'node:net';
import { foreignSession } from './own-session.ts';

export interface RawAnswer {
  /** 0: the connection ended without a status line. */
  status: number;
  headers: Record<string, string>;
  body: string;
  /** Everything that came, as text. */
  text: string;
}

/**
 * Writes bytes exactly as given, and reads until the peer ends, the answer is complete, or the time is up. No HTTP library corrects the input.
 * Rejects on an answer with another session id than the request's.
 */
export function rawExchange(
  port: number,
  bytes: string | Uint8Array | readonly (string | Uint8Array)[],
  options: { host?: string; timeoutMs?: number; endsAfterWrite?: boolean } = {},
): Promise<RawAnswer> {
  const { host = '127.0.0.1', timeoutMs = 20_000, endsAfterWrite = false } = options;
  return new Promise((resolve, reject) => {
    const socket = new Socket();
    const chunks: Buffer[] = [];
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      const answer = parseAnswer(Buffer.concat(chunks));
      const wrong = foreignSession(ownSession(bytes), answer.headers['mcp-session-id']);
      if (wrong === null) resolve(answer);
      else reject(new Error(wrong));
    };
    const timer = setTimeout(finish, timeoutMs);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (isComplete(Buffer.concat(chunks))) finish();
    });
    socket.on('close', finish);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A refusal may reset the connection while the rest of the request is still being written.
      if (error.code === 'ECONNREFUSED') {
        clearTimeout(timer);
        reject(error);
      } else finish();
    });
    socket.connect(port, host, () => {
      for (const part of Array.isArray(bytes) ? (bytes as (string | Uint8Array)[]) : [bytes as string | Uint8Array])
        socket.write(part);
      if (endsAfterWrite) socket.end();
    });
  });
}

/** The one session that a request names; undefined when it names none, or several. */
function ownSession(bytes: string | Uint8Array | readonly (string | Uint8Array)[]): string | undefined {
  const parts = Array.isArray(bytes) ? (bytes as (string | Uint8Array)[]) : [bytes as string | Uint8Array];
  const text = parts.map((part) => Buffer.from(part as string).toString('latin1')).join('');
  const [head = ''] = text.split('\r\n\r\n', 1);
  const named = [...head.matchAll(/^mcp-session-id:[ \t]*(.*?)[ \t\r]*$/gim)].map(([, id]) => id);
  return named.length === 1 ? named[0] : undefined;
}

/** A request in HTTP/1.1 text, headers in the given order and spelling, duplicates kept. */
export function rawRequest(
  method: string,
  path: string,
  headers: readonly (readonly [string, string])[],
  body = '',
  version = 'HTTP/1.1',
): string {
  const lines = [`${method} ${path} ${version}`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** Headers of an ordinary MCP POST; the caller adds or replaces. */
export function postHeaders(body: string, host = '127.0.0.1'): [string, string][] {
  return [
    ['Host', host],
    ['Content-Type', 'application/json'],
    ['Accept', 'application/json, text/event-stream'],
    ['Content-Length', String(Buffer.byteLength(body))],
  ];
}

function parseAnswer(bytes: Buffer): RawAnswer {
  const text = bytes.toString('utf8');
  const end = text.indexOf('\r\n\r\n');
  const head = end < 0 ? text : text.slice(0, end);
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const raw = end < 0 ? '' : text.slice(end + 4);
  return {
    status: Number(/^HTTP\/\d\.\d (\d{3})/.exec(statusLine)?.[1] ?? 0),
    headers,
    body: headers['transfer-encoding'] === 'chunked' ? dechunk(raw) : raw,
    text,
  };
}

function isComplete(bytes: Buffer): boolean {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const { headers, status, text } = parseAnswer(bytes);
  if (status === 204 || status === 304) return true;
  if (headers['transfer-encoding'] === 'chunked')
    return text.endsWith('\r\n0\r\n\r\n') || text.endsWith('\r\n\r\n0\r\n\r\n');
  const length = headers['content-length'];
  return length !== undefined && bytes.length - end - 4 >= Number(length);
}

function dechunk(raw: string): string {
  let rest = Buffer.from(raw),
    out = Buffer.alloc(0);
  for (;;) {
    const line = rest.indexOf('\r\n');
    const size = line < 0 ? 0 : Number.parseInt(rest.subarray(0, line).toString('latin1'), 16);
    if (!size) return out.toString('utf8');
    out = Buffer.concat([out, rest.subarray(line + 2, line + 2 + size)]);
    rest = rest.subarray(line + 2 + size + 2);
  }
}

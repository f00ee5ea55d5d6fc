import { request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { foreignSession } from '../clients/own-session.ts';

/** Where attackers connect from: another loopback address than honest clients, so that budgets by address tell them apart. */
export const ATTACKER = '127.0.0.66';

export interface ExchangeOptions {
  method?: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
  /** Gives up after this long; the answer then says so. */
  timeoutMs?: number;
  /** Own address; the attacker's when absent. */
  from?: string;
  /** Path to ask for instead of the URL's, written as it is. */
  path?: string;
  /** The body's length is not said beforehand. */
  isChunked?: boolean;
}

export interface Answer {
  /** 0: no status line came. */
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
  /** Nothing (more) came within the time. */
  isTimeout: boolean;
  /** How the connection was reset or ended before the answer was complete, in the socket's words; undefined for one that was not. */
  cutBy?: string;
  tookMs: number;
}

export const MCP_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const;

/** One request on a connection of its own. What went wrong is in the answer; only another session id than the request's rejects. */
export function exchange(url: string, options: ExchangeOptions = {}): Promise<Answer> {
  const { method = 'POST', headers = {}, body, timeoutMs = 10_000, from = ATTACKER, path, isChunked = false } = options;
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    let response: IncomingMessage | undefined;
    const chunks: Buffer[] = [];
    const finish = (how: { isTimeout?: boolean; cutBy?: Error }): void => {
      clearTimeout(timer);
      sent.destroy();
      resolve({
        status: response?.statusCode ?? 0,
        headers: response?.headers ?? {},
        body: Buffer.concat(chunks).toString('utf8'),
        isTimeout: how.isTimeout ?? false,
        ...(how.cutBy && { cutBy: how.cutBy.message }),
        tookMs: performance.now() - startedAt,
      });
    };
    const sent = request(url, {
      method,
      agent: false,
      localAddress: from,
      ...(path !== undefined && { path }),
      headers: { ...(body !== undefined && !isChunked && { 'content-length': Buffer.byteLength(body) }), ...headers },
    });
    const timer = setTimeout(() => finish({ isTimeout: true }), timeoutMs);
    sent.once('response', (incoming) => {
      response = incoming;
      const wrong = foreignSession(headers['mcp-session-id'], incoming.headers['mcp-session-id']);
      if (wrong !== null) reject(new Error(wrong));
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.once('end', () => finish({}));
      incoming.once('error', (cutBy) => finish({ cutBy }));
    });
    sent.once('error', (cutBy) => finish({ cutBy }));
    sent.end(body);
  });
}

/** An answer that is read as it comes. `text` grows; `close` ends it. */
export interface OpenAnswer {
  status: number;
  headers: IncomingMessage['headers'];
  readonly text: string;
  readonly isEnded: boolean;
  close(): void;
}

/** Opens a stream and resolves at its head; null when none came in time. */
export function openStream(url: string, options: ExchangeOptions = {}): Promise<OpenAnswer | null> {
  const { method = 'GET', headers = {}, body, timeoutMs = 10_000, from = ATTACKER } = options;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method,
      agent: false,
      localAddress: from,
      headers: { accept: 'text/event-stream', ...headers },
    });
    const timer = setTimeout(() => {
      sent.destroy();
      resolve(null);
    }, timeoutMs);
    sent.once('error', () => {
      clearTimeout(timer);
      resolve(null);
    });
    sent.once('response', (incoming) => {
      clearTimeout(timer);
      const wrong = foreignSession(headers['mcp-session-id'], incoming.headers['mcp-session-id']);
      if (wrong !== null) {
        sent.destroy();
        return reject(new Error(wrong));
      }
      let text = '';
      let isEnded = false;
      const end = (): void => {
        isEnded = true;
      };
      incoming
        .setEncoding('utf8')
        .on('data', (part: string) => {
          text += part;
        })
        .once('end', end)
        .once('error', end)
        .once('close', end);
      resolve({
        status: incoming.statusCode ?? 0,
        headers: incoming.headers,
        get text() {
          return text;
        },
        get isEnded() {
          return isEnded;
        },
        close: () => sent.destroy(),
      });
    });
    sent.end(body);
  });
}

/** The JSON-RPC message of an answer, as JSON or as the last event of a stream; undefined when there is none. */
export function messageOf({ body, headers }: Pick<Answer, 'body' | 'headers'>): Record<string, unknown> | undefined {
  const isStream = headers['content-type']?.includes('text/event-stream') ?? false;
  const text = isStream ? [...body.matchAll(/^data: ?(.*)$/gm)].at(-1)?.[1] : body;
  try {
    return JSON.parse(text ?? '') as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

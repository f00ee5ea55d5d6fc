import { afterMs } from '../../proto/after-ms.ts';
import { detach } from '../../proto/detach.ts';
import { isEventStream } from '../../proto/http/answer-form.ts';
import { FIRST_MODERN_REVISION, VERSION_CLAIM } from '../../proto/era.ts';
import type { ToolDescription } from './tool-description.ts';
import { firstEventType } from './first-event.ts';
import type { Connection, Reply } from './http-send.ts';
import { rpcAnswer, type RpcAnswer } from './rpc-answer.ts';

/** Revisions that probes speak. */
const LEGACY = '2025-11-25',
  MODERN = FIRST_MODERN_REVISION;
const CLIENT = { name: 'holdfast-probe', version: '1' };
/** How long an `initialize` that nobody waits for any more may still be answered, to end the session that it begins. */
const LATE_ANSWER_MS = 60_000;
/** Pages of tools/list that are read: a server that never stops paging is not waited for. */
const PAGE_LIMIT = 50;

export interface Exchange {
  status: number;
  sessionId: string | null;
  answer: RpcAnswer | null;
}
export interface Where {
  path: string;
  headers: Record<string, string>;
}

/** The MCP requests that probes make, one method each. `headers` carry the authorization and the Host of the target. */
export class ProbeWire {
  readonly #connection: Connection;
  readonly #where: Where;
  #nextId = 1;

  constructor(connection: Connection, where: Where) {
    this.#connection = connection;
    this.#where = where;
  }

  /** An answer that comes after `signal` has begun a session all the same: it is ended then. */
  async initialize(signal: AbortSignal): Promise<Exchange> {
    const id = this.#nextId++;
    const params = { protocolVersion: LEGACY, capabilities: {}, clientInfo: CLIENT };
    const kept = new AbortController();
    const replying = this.#post({ jsonrpc: '2.0', id, method: 'initialize', params }, {}, kept.signal);
    try {
      return await orAborted(
        replying.then((reply) => exchange(reply, id)),
        signal,
      );
    } catch (error) {
      if (signal.aborted) this.#endLate(replying, kept);
      else kept.abort();
      throw error;
    }
  }

  /** A replica that is gone holds no session, so a failure is of no interest. */
  #endLate(replying: Promise<Reply>, kept: AbortController): void {
    const stop = afterMs(LATE_ANSWER_MS, () => kept.abort(), { isDaemon: true });
    const end = async (reply: Reply): Promise<void> => {
      const sessionId = sessionIdOf(reply);
      reply.discard();
      if (sessionId !== null) await this.end(sessionHeaders(sessionId, LEGACY), kept.signal);
    };
    detach(replying.then(end).finally(stop), () => undefined);
  }

  async initialized(session: Record<string, string>, signal: AbortSignal): Promise<number> {
    const reply = await this.#post({ jsonrpc: '2.0', method: 'notifications/initialized' }, session, signal);
    reply.discard();
    return reply.status;
  }

  ping(session: Record<string, string>, signal: AbortSignal): Promise<Exchange> {
    return this.#call('ping', undefined, session, signal);
  }

  discover(signal: AbortSignal): Promise<Exchange> {
    return this.#call('server/discover', modernMeta(), modernHeaders('server/discover'), signal);
  }

  /** Whether a GET begins an event stream of 2024-11-05: its first event names the endpoint. The stream is ended at once. */
  async hasEndpoint(signal: AbortSignal): Promise<boolean> {
    const headers = { accept: 'text/event-stream', ...this.#where.headers };
    const reply = await this.#connection.send({ method: 'GET', path: this.#where.path, headers, signal });
    try {
      const isStream = isEventStream(reply.headers['content-type']);
      return reply.status === 200 && isStream && (await firstEventType(reply.body)) === 'endpoint';
    } finally {
      reply.discard();
    }
  }

  async end(session: Record<string, string>, signal: AbortSignal): Promise<number> {
    const reply = await this.#connection.send({
      method: 'DELETE',
      path: this.#where.path,
      headers: { ...this.#where.headers, ...session },
      signal,
    });
    reply.discard();
    return reply.status;
  }

  /** All pages of tools/list; the error's text when there is no list. */
  async tools(session: Record<string, string> | 'modern', signal: AbortSignal): Promise<ToolDescription[] | string> {
    const found: ToolDescription[] = [];
    let cursor: unknown;
    for (let page = 0; page < PAGE_LIMIT; page++) {
      const params = { ...(session === 'modern' ? modernMeta() : {}), ...(cursor === undefined ? {} : { cursor }) };
      const { status, answer } = await this.#call(
        'tools/list',
        params,
        session === 'modern' ? modernHeaders('tools/list') : session,
        signal,
      );
      const listed = answer?.result?.['tools'];
      if (!Array.isArray(listed)) return answer?.error?.message ?? `HTTP ${status}`;
      for (const tool of listed) if (isTool(tool)) found.push(tool);
      cursor = answer?.result?.['nextCursor'];
      if (typeof cursor !== 'string') return found;
    }
    return `more than ${PAGE_LIMIT} pages of tools`;
  }

  async #call(
    method: string,
    params: unknown,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Exchange> {
    const id = this.#nextId++;
    return exchange(await this.#post({ jsonrpc: '2.0', id, method, params }, headers, signal), id);
  }

  #post(message: unknown, headers: Record<string, string>, signal: AbortSignal): Promise<Reply> {
    const all = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...this.#where.headers,
      ...headers,
    };
    return this.#connection.send({
      method: 'POST',
      path: this.#where.path,
      headers: all,
      body: JSON.stringify(message),
      signal,
    });
  }
}

const exchange = async (reply: Reply, id: number): Promise<Exchange> => ({
  status: reply.status,
  sessionId: sessionIdOf(reply),
  answer: await rpcAnswer(reply, id),
});

function sessionIdOf({ headers }: Reply): string | null {
  const session = headers['mcp-session-id'];
  return typeof session === 'string' ? session : null;
}

/** What `task` gives, or the signal's reason as soon as it is aborted. */
async function orAborted<T>(task: Promise<T>, signal: AbortSignal): Promise<T> {
  task.catch(() => {});
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => {
    reject(signal.reason as Error);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([task, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** A replica may list anything; what has no name is no tool. */
const isTool = (value: unknown): value is ToolDescription =>
  typeof value === 'object' && value !== null && typeof (value as { name?: unknown }).name === 'string';

/** Headers of every request of a legacy session. */
export function sessionHeaders(sessionId: string | null, protocolVersion: string): Record<string, string> {
  return { 'mcp-protocol-version': protocolVersion, ...(sessionId === null ? {} : { 'mcp-session-id': sessionId }) };
}

const modernHeaders = (method: string) => ({ 'mcp-protocol-version': MODERN, 'mcp-method': method });
const modernMeta = () => ({
  _meta: {
    [VERSION_CLAIM]: MODERN,
    'io.modelcontextprotocol/clientInfo': CLIENT,
    'io.modelcontextprotocol/clientCapabilities': {},
  },
});

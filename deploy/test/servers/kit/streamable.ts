import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import type { ServerDefinition, Session } from './definition.ts';
import { eventLog } from './event-log.ts';
import { readBody, rpcFailure } from './http-answer.ts';
import { newSession } from './mcp-server.ts';
import type { ServerOptions } from './options.ts';
import type { Replica } from './replica.ts';
import { SessionTable } from './session-table.ts';

const MAX_BODY_BYTES = 4 << 20;

interface LiveSession<S> {
  session: Session<S>;
  transport: StreamableHTTPServerTransport;
  lastUsedMs: number;
  openRequests: number;
  close(): Promise<void>;
}

/** Streamable HTTP (2025-03-26 … 2025-11-25) with one SDK server and transport per session, or per request when stateless. */
export class Streamable<S> {
  readonly sessions: SessionTable<LiveSession<S>>;
  readonly #definition: ServerDefinition<S>;
  readonly #options: ServerOptions;
  readonly #replica: Replica;
  readonly #now: () => number;

  constructor(definition: ServerDefinition<S>, options: ServerOptions, replica: Replica, now: () => number) {
    this.#definition = definition;
    this.#options = options;
    this.#replica = replica;
    this.#now = now;
    this.sessions = new SessionTable({ max: options.maxSessions, ttlMs: options.sessionTtlMs });
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#options.isStateless) return this.#once(request, response);
    const id = request.headers['mcp-session-id'];
    if (id === undefined) return this.#begin(request, response);
    const live = this.sessions.use(String(id), this.#now());
    if (!live) {
      this.#replica.counters.unknownSessions += 1;
      return rpcFailure(response, 404, -32001, 'Session not found');
    }
    if (request.method === 'POST') live.session.requests += 1;
    await this.#pass(live, request, response);
  }

  async #pass(live: LiveSession<S>, request: IncomingMessage, response: ServerResponse, body?: unknown): Promise<void> {
    live.openRequests += 1;
    response.once('close', () => {
      live.openRequests -= 1;
      live.lastUsedMs = this.#now();
    });
    await live.transport.handleRequest(request, response, body);
  }

  /** A request without a session id is an initialize, or a mistake. */
  async #begin(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST')
      return rpcFailure(
        response,
        request.method === 'GET' || request.method === 'DELETE' ? 400 : 405,
        -32000,
        'Bad Request: Mcp-Session-Id header is required',
        { allow: 'GET, POST, DELETE' },
      );
    const body = await readBody(request, MAX_BODY_BYTES);
    if (body === null)
      return rpcFailure(response, 413, -32000, `Payload too large: at most ${MAX_BODY_BYTES} bytes`, {
        connection: 'close',
      });
    const parsed = parse(body);
    if (parsed === undefined) return rpcFailure(response, 400, -32700, 'Parse error: Invalid JSON');
    if (!isInitializeRequest(parsed))
      return rpcFailure(
        response,
        400,
        -32000,
        'Bad Request: Mcp-Session-Id header is required for everything but initialize',
      );
    if (this.sessions.isFull) {
      this.#replica.counters.refused += 1;
      return rpcFailure(response, 503, -32000, `Too many sessions: ${this.#options.maxSessions} are open`, {
        'retry-after': '1',
      });
    }
    const live = await this.#newLive();
    await this.#pass(live, request, response, parsed);
    // Refused by the transport (for instance a wrong Accept header): nothing will ever use it.
    if (live.session.id === undefined) await live.close();
  }

  async #newLive(): Promise<LiveSession<S>> {
    const session = newSession(this.#definition, this.#replica);
    session.requests = 1;
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: this.#options.responses === 'json',
      maxRequestBodySize: MAX_BODY_BYTES,
      ...(this.#options.isResumable ? { eventStore: eventLog(), retryInterval: 500 } : {}),
      onsessioninitialized: (id) => {
        session.id = id;
        this.sessions.add(id, live);
        this.#replica.counters.initializes += 1;
      },
      onsessionclosed: () => {
        this.#replica.counters.deletes += 1;
      },
    });
    const live: LiveSession<S> = {
      session,
      transport,
      lastUsedMs: this.#now(),
      openRequests: 0,
      close: () => session.server.close(),
    };
    session.server.onclose = () => {
      if (session.id !== undefined) this.sessions.remove(session.id);
    };
    await session.server.connect(transport);
    return live;
  }

  async #once(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST')
      return rpcFailure(response, 405, -32000, 'Method not allowed: this server is stateless', { allow: 'POST' });
    const session = newSession(this.#definition, this.#replica);
    const transport = new StreamableHTTPServerTransport({
      enableJsonResponse: this.#options.responses === 'json',
      maxRequestBodySize: MAX_BODY_BYTES,
    });
    await session.server.connect(transport);
    response.once('close', () => void session.server.close());
    await transport.handleRequest(request, response);
  }

  async reap(): Promise<void> {
    const gone = this.sessions.reap(this.#now());
    this.#replica.counters.reaped += gone.length;
    await Promise.all(gone.map((live) => live.close()));
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

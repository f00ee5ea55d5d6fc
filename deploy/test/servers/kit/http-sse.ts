import type { IncomingMessage, ServerResponse } from 'node:http';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import type { ServerDefinition, Session } from './definition.ts';
import { rpcFailure } from './http-answer.ts';
import { newSession } from './mcp-server.ts';
import type { Replica } from './replica.ts';

/** Where clients of HTTP+SSE POST to; beside the MCP path, as most servers of that era have it. */
export const MESSAGES_PATH = '/messages';

/** HTTP+SSE (2024-11-05): the session is its GET stream. */
export class HttpSse<S> {
  readonly sessions = new Map<string, { session: Session<S>; transport: SSEServerTransport }>();
  readonly #definition: ServerDefinition<S>;
  readonly #replica: Replica;
  readonly #maxSessions: number;

  constructor(definition: ServerDefinition<S>, replica: Replica, maxSessions: number) {
    this.#definition = definition;
    this.#replica = replica;
    this.#maxSessions = maxSessions;
  }

  async open(response: ServerResponse): Promise<void> {
    if (this.sessions.size >= this.#maxSessions)
      return rpcFailure(response, 503, -32000, `Too many sessions: ${this.#maxSessions} are open`, {
        'retry-after': '1',
      });
    const session = newSession(this.#definition, this.#replica);
    const transport = new SSEServerTransport(MESSAGES_PATH, response);
    session.id = transport.sessionId;
    this.sessions.set(transport.sessionId, { session, transport });
    this.#replica.counters.initializes += 1;
    session.server.onclose = () => {
      this.sessions.delete(transport.sessionId);
    };
    await session.server.connect(transport);
  }

  async post(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    const live = this.sessions.get(query.get('sessionId') ?? '');
    if (!live) {
      this.#replica.counters.unknownSessions += 1;
      return rpcFailure(response, 404, -32001, 'Session not found');
    }
    live.session.requests += 1;
    await live.transport.handlePostMessage(request, response);
  }
}

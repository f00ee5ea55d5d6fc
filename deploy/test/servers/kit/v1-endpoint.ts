import type { ServerDefinition, Session } from './definition.ts';
import type { Endpoint } from './endpoint.ts';
import { HttpSse, MESSAGES_PATH } from './http-sse.ts';
import type { ServerOptions } from './options.ts';
import type { Replica } from './replica.ts';
import { Streamable } from './streamable.ts';

/** The official SDK's first line: Streamable HTTP and, when asked for, HTTP+SSE, on one replica. */
export function v1Endpoint<S>(
  definition: ServerDefinition<S>,
  options: ServerOptions,
  replica: Replica,
  now: () => number,
): Endpoint {
  const streamable = new Streamable(definition, options, replica, now);
  const httpSse = options.hasHttpSse ? new HttpSse(definition, replica, options.maxSessions) : null;
  function* live(): Generator<Session<S>> {
    for (const { session } of streamable.sessions.values()) yield session;
    for (const { session } of httpSse?.sessions.values() ?? []) yield session;
  }
  replica.updated = (uri) => {
    for (const session of live())
      if (session.subscriptions.has(uri)) quietly(session.server.sendResourceUpdated({ uri }));
  };
  replica.listChanged = (kind) => {
    for (const session of live()) quietly(announce(session, kind));
  };
  return {
    handle(request, response, url) {
      if (httpSse && url.pathname === MESSAGES_PATH) return httpSse.post(request, response, url.searchParams);
      if (url.pathname !== options.path) return undefined;
      if (httpSse && request.method === 'GET' && request.headers['mcp-session-id'] === undefined)
        return httpSse.open(response);
      return streamable.handle(request, response);
    },
    sessionCount: () => streamable.sessions.size + (httpSse?.sessions.size ?? 0),
    reap: () => streamable.reap(),
    endStreams() {
      for (const { transport } of streamable.sessions.values()) transport.closeStandaloneSSEStream();
    },
    async close() {
      await Promise.all([...live()].map((session) => session.server.close()));
    },
  };
}

function announce<S>({ server }: Session<S>, kind: 'tools' | 'resources' | 'prompts'): Promise<void> {
  switch (kind) {
    case 'tools':
      return server.sendToolListChanged();
    case 'resources':
      return server.sendResourceListChanged();
    case 'prompts':
      return server.sendPromptListChanged();
  }
}

/** A session may have ended while its notification was on the way. */
function quietly(sent: Promise<void>): void {
  sent.catch(() => {});
}

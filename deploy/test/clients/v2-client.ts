import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { McpSubscription, VersionNegotiationMode } from '@modelcontextprotocol/client';
import { CLIENT_INFO, DEFAULT_TIMEOUT_MS, capabilities } from './mcp-client.ts';
import type { ClientHandlers, ClientKind, ConnectOptions, McpClient } from './mcp-client.ts';
import { NotificationLog } from './notification-log.ts';
import { contentText, toolAnswer } from './tool-answer.ts';

const MODE: Partial<Record<ClientKind, VersionNegotiationMode>> = {
  'v2-auto': 'auto',
  'v2-modern': { pin: '2026-07-28' },
};

/** The official SDK's second line (@modelcontextprotocol/client), which also speaks 2026-07-28. */
export async function connectV2({
  kind,
  url,
  fetch,
  headers,
  handlers = {},
  timeoutMs = DEFAULT_TIMEOUT_MS,
}: ConnectOptions): Promise<McpClient> {
  const client = new Client(CLIENT_INFO, {
    capabilities: capabilities(handlers),
    versionNegotiation: { mode: MODE[kind] ?? 'legacy' },
  });
  const log = new NotificationLog();
  const transportErrors: Error[] = [];
  answerServer(client, handlers);
  client.fallbackNotificationHandler = async (notification) =>
    log.add(notification as { method: string; params?: Record<string, unknown> });
  client.onerror = (error) => transportErrors.push(error);
  const transportOptions = { ...(fetch ? { fetch } : {}), ...(headers ? { requestInit: { headers } } : {}) };
  const transport =
    kind === 'v2-sse'
      ? new SSEClientTransport(new URL(url), transportOptions)
      : new StreamableHTTPClientTransport(new URL(url), transportOptions);
  const limit = { timeout: timeoutMs };
  await client.connect(transport, limit);
  const streamable = transport instanceof StreamableHTTPClientTransport ? transport : null;
  const listening = new Map<string, McpSubscription>();
  const isModern = (): boolean => client.getProtocolEra() === 'modern';
  return {
    kind,
    get sessionId() {
      return streamable?.sessionId;
    },
    get protocolVersion() {
      return client.getNegotiatedProtocolVersion();
    },
    async callTool(name, args = {}, options = {}) {
      const { timeoutMs: ms = timeoutMs, signal, onProgress } = options;
      return toolAnswer(
        await client.callTool(
          { name, arguments: args },
          {
            timeout: ms,
            ...(signal ? { signal } : {}),
            ...(onProgress ? { onprogress: onProgress, resetTimeoutOnProgress: true } : {}),
          },
        ),
      );
    },
    async listTools() {
      return (await client.listTools({}, { ...limit, cacheMode: 'bypass' })).tools.map(({ name }) => name);
    },
    async listResources() {
      return (await client.listResources({}, { ...limit, cacheMode: 'bypass' })).resources.map(({ uri }) => uri);
    },
    async readResource(uri) {
      return contentText((await client.readResource({ uri }, { ...limit, cacheMode: 'bypass' })).contents[0]);
    },
    async subscribe(uri) {
      if (isModern()) listening.set(uri, await client.listen({ resourceSubscriptions: [uri] }, limit));
      else await client.subscribeResource({ uri }, limit);
    },
    async unsubscribe(uri) {
      if (!isModern()) return void (await client.unsubscribeResource({ uri }, limit));
      await listening.get(uri)?.close();
      listening.delete(uri);
    },
    async listPrompts() {
      return (await client.listPrompts({}, { ...limit, cacheMode: 'bypass' })).prompts.map(({ name }) => name);
    },
    async getPrompt(name, args = {}) {
      return contentText((await client.getPrompt({ name, arguments: args }, limit)).messages[0]?.content);
    },
    async complete(prompt, argument, value) {
      return (
        await client.complete({ ref: { type: 'ref/prompt', name: prompt }, argument: { name: argument, value } }, limit)
      ).completion.values;
    },
    async setLogLevel(level) {
      await client.setLoggingLevel(level, limit);
    },
    async ping() {
      await client.ping(limit);
    },
    onNotification: (listener) => log.listen(listener),
    notifications: log.seen,
    transportErrors,
    async terminate() {
      for (const subscription of listening.values()) await subscription.close();
      if (!isModern()) await streamable?.terminateSession();
      await client.close();
    },
    close: () => client.close(),
  };
}

function answerServer(client: Client, { sampling, elicitation, roots }: ClientHandlers): void {
  if (sampling) {
    client.setRequestHandler('sampling/createMessage', async ({ params }) => {
      const asked = params.messages[0]?.content;
      const prompt = asked && !Array.isArray(asked) && asked.type === 'text' ? asked.text : '';
      return {
        model: 'test-model',
        role: 'assistant' as const,
        content: { type: 'text' as const, text: await sampling(prompt) },
      };
    });
  }
  if (elicitation) client.setRequestHandler('elicitation/create', async ({ params }) => elicitation(params.message));
  if (roots) client.setRequestHandler('roots/list', () => ({ roots: roots.map((uri) => ({ uri })) }));
}

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { CLIENT_INFO, DEFAULT_TIMEOUT_MS, capabilities } from './mcp-client.ts';
import type { ClientHandlers, ConnectOptions, McpClient } from './mcp-client.ts';
import { NotificationLog } from './notification-log.ts';
import { contentText, toolAnswer } from './tool-answer.ts';

/** The official SDK's first line (@modelcontextprotocol/sdk). */
export async function connectV1({
  kind,
  url,
  fetch,
  headers,
  handlers = {},
  timeoutMs = DEFAULT_TIMEOUT_MS,
}: ConnectOptions): Promise<McpClient> {
  const client = new Client(CLIENT_INFO, { capabilities: capabilities(handlers) });
  const log = new NotificationLog();
  const transportErrors: Error[] = [];
  answerServer(client, handlers);
  client.fallbackNotificationHandler = async (notification) => log.add(notification);
  client.onerror = (error) => transportErrors.push(error);
  const transportOptions = { ...(fetch ? { fetch } : {}), ...(headers ? { requestInit: { headers } } : {}) };
  const transport =
    kind === 'v1-sse'
      ? new SSEClientTransport(new URL(url), transportOptions)
      : new StreamableHTTPClientTransport(new URL(url), transportOptions);
  const limit = { timeout: timeoutMs };
  // The SDK's own classes miss its interface under exactOptionalPropertyTypes-like checks of `sessionId`.
  await client.connect(transport as Transport, limit);
  const streamable = transport instanceof StreamableHTTPClientTransport ? transport : null;
  return {
    kind,
    get sessionId() {
      return streamable?.sessionId;
    },
    get protocolVersion() {
      return streamable?.protocolVersion;
    },
    async callTool(name, args = {}, options = {}) {
      const { timeoutMs: ms = timeoutMs, signal, onProgress } = options;
      const result = await client.callTool({ name, arguments: args }, undefined, {
        timeout: ms,
        ...(signal ? { signal } : {}),
        ...(onProgress ? { onprogress: onProgress, resetTimeoutOnProgress: true } : {}),
      });
      return toolAnswer(result);
    },
    async listTools() {
      return (await client.listTools({}, limit)).tools.map(({ name }) => name);
    },
    async listResources() {
      return (await client.listResources({}, limit)).resources.map(({ uri }) => uri);
    },
    async readResource(uri) {
      return contentText((await client.readResource({ uri }, limit)).contents[0]);
    },
    async subscribe(uri) {
      await client.subscribeResource({ uri }, limit);
    },
    async unsubscribe(uri) {
      await client.unsubscribeResource({ uri }, limit);
    },
    async listPrompts() {
      return (await client.listPrompts({}, limit)).prompts.map(({ name }) => name);
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
      await streamable?.terminateSession();
      await client.close();
    },
    close: () => client.close(),
  };
}

function answerServer(client: Client, { sampling, elicitation, roots }: ClientHandlers): void {
  if (sampling) {
    client.setRequestHandler(CreateMessageRequestSchema, async ({ params }) => {
      const asked = params.messages[0]?.content;
      const prompt = asked && !Array.isArray(asked) && asked.type === 'text' ? asked.text : '';
      return { model: 'test-model', role: 'assistant', content: { type: 'text', text: await sampling(prompt) } };
    });
  }
  if (elicitation) client.setRequestHandler(ElicitRequestSchema, async ({ params }) => elicitation(params.message));
  if (roots) client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: roots.map((uri) => ({ uri })) }));
}

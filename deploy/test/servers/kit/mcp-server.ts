import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { Tool as WireTool } from '@modelcontextprotocol/sdk/types.js';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import * as z from 'zod';
import type { ServerDefinition, Session, Tool } from './definition.ts';
import type { Replica } from './replica.ts';

// One for all sessions: an Ajv instance each would cost more than the session itself.
const validator = new AjvJsonSchemaValidator();
const CAPABILITIES = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
};
const COMPLETIONS_MAX = 100;

/** A new SDK server with the definition's tools, resources and prompts, bound to a new session. */
export function newSession<S>(definition: ServerDefinition<S>, replica: Replica): Session<S> {
  const server = new Server(
    { name: definition.name, version: '1.0.0' },
    { capabilities: CAPABILITIES, instructions: definition.instructions, jsonSchemaValidator: validator },
  );
  const session: Session<S> = {
    id: undefined,
    state: definition.newState(),
    server,
    replica,
    subscriptions: new Set(),
    logLevel: null,
    requests: 0,
    hasInitialized: false,
  };
  server.oninitialized = () => {
    session.hasInitialized = true;
  };
  serveTools(server, definition.tools, session);
  serveResources(server, definition, session);
  servePrompts(server, definition, session);
  keepLogLevel(server, session);
  return session;
}

const wireTools = new WeakMap<readonly Tool<never>[], WireTool[]>();

function listTools<S>(tools: readonly Tool<S>[]): WireTool[] {
  let listed = wireTools.get(tools as readonly Tool<never>[]);
  if (!listed) {
    listed = tools.map(({ name, description, annotations, input, listedSchema }) => ({
      name,
      description,
      annotations,
      inputSchema: (listedSchema ?? z.toJSONSchema(input, { io: 'input' })) as WireTool['inputSchema'],
    }));
    wireTools.set(tools as readonly Tool<never>[], listed);
  }
  return listed;
}

function serveTools<S>(server: Server, tools: readonly Tool<S>[], session: Session<S>): void {
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listTools(tools) }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
    const called = tools.find(({ name }) => name === params.name);
    if (!called) throw new McpError(ErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    const args = called.input.safeParse(params.arguments ?? {});
    if (!args.success)
      throw new McpError(ErrorCode.InvalidParams, `Arguments of ${params.name}: ${z.prettifyError(args.error)}`);
    if (session.replica.failsTool())
      return { content: [{ type: 'text', text: 'This release does not get everything right' }], isError: true };
    return called.run(args.data, session, extra);
  });
}

function serveResources<S>(server: Server, definition: ServerDefinition<S>, session: Session<S>): void {
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: definition.resources(session) }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [...definition.templates],
  }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => {
    const found = definition.read(params.uri, session);
    if (!found) throw new McpError(-32002, `Resource not found: ${params.uri}`, { uri: params.uri });
    return found;
  });
  server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    session.subscriptions.add(params.uri);
    return {};
  });
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    session.subscriptions.delete(params.uri);
    return {};
  });
}

function servePrompts<S>(server: Server, definition: ServerDefinition<S>, session: Session<S>): void {
  server.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: definition.prompts.map(({ get: _get, ...wire }) => wire),
  }));
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => {
    const prompt = definition.prompts.find(({ name }) => name === params.name);
    if (!prompt) throw new McpError(ErrorCode.InvalidParams, `Unknown prompt: ${params.name}`);
    return prompt.get(params.arguments ?? {}, session);
  });
  server.setRequestHandler(CompleteRequestSchema, ({ params }) => {
    const values = definition.complete(params.argument.name).filter((value) => value.startsWith(params.argument.value));
    return {
      completion: {
        values: values.slice(0, COMPLETIONS_MAX),
        total: values.length,
        hasMore: values.length > COMPLETIONS_MAX,
      },
    };
  });
}

/**
 * Kept here and not in the SDK, where it can't be read. `whoami` shows it, so that a rebuilt session can be compared
 * with the lost one.
 */
function keepLogLevel<S>(server: Server, session: Session<S>): void {
  server.setRequestHandler(SetLevelRequestSchema, ({ params }) => {
    session.logLevel = params.level;
    return {};
  });
}

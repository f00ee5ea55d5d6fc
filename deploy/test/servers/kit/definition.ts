import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type {
  CallToolResult,
  GetPromptResult,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  ServerNotification,
  ServerRequest,
  ToolAnnotations,
} from '@modelcontextprotocol/sdk/types.js';
import type * as z from 'zod';
import type { Replica } from './replica.ts';

/** One client's session; `state` is what the server keeps for it. */
export interface Session<S> {
  /** The upstream session id; undefined while the server is stateless or before initialize. */
  id: string | undefined;
  state: S;
  server: Server;
  replica: Replica;
  subscriptions: Set<string>;
  logLevel: string | null;
  /** Requests that this session made, initialize included. */
  requests: number;
  hasInitialized: boolean;
}

export type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

export interface Tool<S, I extends z.ZodObject = z.ZodObject> {
  name: string;
  description: string;
  annotations: ToolAnnotations;
  input: I;
  /** The schema as listed, where it says more than `input` can. */
  listedSchema?: Record<string, unknown>;
  run(args: z.output<I>, session: Session<S>, extra: Extra): CallToolResult | Promise<CallToolResult>;
}

/** Gives `run` the type of its own `input`, and forgets it where tools of different inputs meet. */
export function tool<S, I extends z.ZodObject>(definition: Tool<S, I>): Tool<S> {
  return definition as unknown as Tool<S>;
}

export interface PromptDefinition<S> extends Prompt {
  get(args: Record<string, string>, session: Session<S>): GetPromptResult;
}

/** Everything by which one example server differs from another. */
export interface ServerDefinition<S> {
  name: string;
  instructions: string;
  newState(): S;
  tools: readonly Tool<S>[];
  prompts: readonly PromptDefinition<S>[];
  templates: readonly ResourceTemplate[];
  resources(session: Session<S>): Resource[];
  /** undefined: no such resource. */
  read(uri: string, session: Session<S>): ReadResourceResult | undefined;
  /** Candidates for one argument of a prompt or template; the caller filters by prefix. */
  complete(argument: string): readonly string[];
}

/** A result that both people and programs can read. */
export function answer(value: Record<string, unknown>): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value };
}

/** Annotations in the four kinds that matter to a mesh. */
export const READ: ToolAnnotations = { readOnlyHint: true, idempotentHint: true, openWorldHint: false };
export const IDEMPOTENT_WRITE: ToolAnnotations = {
  readOnlyHint: false,
  idempotentHint: true,
  destructiveHint: false,
  openWorldHint: false,
};
export const WRITE: ToolAnnotations = {
  readOnlyHint: false,
  idempotentHint: false,
  destructiveHint: false,
  openWorldHint: false,
};
export const DESTRUCTIVE: ToolAnnotations = {
  readOnlyHint: false,
  idempotentHint: false,
  destructiveHint: true,
  openWorldHint: false,
};

import type { RpcMessage } from '../../proto/json-rpc.ts';
import { ATTRIBUTE, EXECUTE_TOOL, spanName } from './conventions.ts';
import type { Attributes } from './recorder.ts';
import type { MetaContext, TraceContext } from './trace-context.ts';

/** What spans say of a request. Never arguments, results, tokens, addresses of clients, or the session's id itself. */
export interface TracedCall {
  server: string;
  mode: string;
  /** The first message of a batch; null where the request is none: a GET for a stream, a DELETE, a body that nobody read. */
  message: RpcMessage | null;
  httpMethod: string;
  /** First digits of the digest. */
  session: string | null;
  protocolVersion: string | null;
  startedMs: number;
  header: TraceContext | null;
  meta: MetaContext | null;
}

const MAX_TEXT = 256;
const cut = (text: string | null): string | undefined => text?.slice(0, MAX_TEXT);

const isToolCall = ({ method }: RpcMessage): boolean => method === 'tools/call';
const isPrompt = ({ method }: RpcMessage): boolean => method === 'prompts/get';
const targetOf = (message: RpcMessage): string | null =>
  isToolCall(message) || isPrompt(message) ? message.name : null;

/** Without a message, the conventions for HTTP name the span by its method. */
export const nameOf = ({ message, httpMethod }: TracedCall): string =>
  message ? spanName(message.method ?? 'response', targetOf(message)) : httpMethod;

/** What every span of the call has. */
export const commonAttributes = ({ message, httpMethod, session, protocolVersion }: TracedCall): Attributes => ({
  ...(message ? { [ATTRIBUTE.method]: message.method ?? 'response' } : { [ATTRIBUTE.httpMethod]: httpMethod }),
  [ATTRIBUTE.sessionDigest]: session ?? undefined,
  [ATTRIBUTE.protocolVersion]: protocolVersion ?? undefined,
  [ATTRIBUTE.protocolName]: 'http',
  [ATTRIBUTE.transport]: 'tcp',
});

export function callAttributes(call: TracedCall): Attributes {
  const { message, server, mode } = call;
  return {
    ...commonAttributes(call),
    ...(message && messageAttributes(message)),
    [ATTRIBUTE.server]: server,
    [ATTRIBUTE.mode]: mode,
  };
}

export const messageAttributes = (message: RpcMessage): Attributes => ({
  [ATTRIBUTE.requestId]: message.id === null ? undefined : cut(String(message.id)),
  [ATTRIBUTE.operation]: isToolCall(message) ? EXECUTE_TOOL : undefined,
  [ATTRIBUTE.tool]: isToolCall(message) ? cut(message.name) : undefined,
  [ATTRIBUTE.prompt]: isPrompt(message) ? cut(message.name) : undefined,
  [ATTRIBUTE.resourceUri]: message.method?.startsWith('resources/') ? cut(message.uri) : undefined,
});

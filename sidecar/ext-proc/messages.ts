import { HEADER, METADATA } from '../../proto/wire.ts';
import type { RequestView } from '../routing/decide.ts';
import { carriesCredentials } from '../routing/principal.ts';

export type MessageKind = 'request_headers' | 'request_body' | 'request_trailers' | 'response_headers' | 'response_body' | 'response_trailers';
/** Scalars of a Struct; what is neither text nor number nor boolean is absent. */
export type Scalars = Record<string, string | number | boolean>;

/** What Envoy sends on an ext_proc stream, as far as it is read here. */
export interface ProcessingMessage {
  kind: MessageKind | null;
  /** In order; a name may stand there several times. Values of headers that {@link isRead} does not name are left empty. */
  headers: readonly (readonly [name: string, value: string])[];
  body: Buffer;
  isLast: boolean;
  /** What filters read of the request's body. */
  read: Scalars;
  attributes: Scalars;
}

const READ_HEADERS: ReadonlySet<string> = new Set([':method', ':status', HEADER.session, HEADER.sessionId, HEADER.server, HEADER.protocolVersion, 'authorization', 'content-type']);
/** Whether the value of this header matters here. */
export const isRead = (name: string): boolean => READ_HEADERS.has(name);

const SLOT_ATTRIBUTE = `xds.upstream_host_metadata.filter_metadata['${METADATA.namespace}']['slot']`;

function first({ headers }: ProcessingMessage, name: string): string | null {
  for (const [key, value] of headers) if (key === name) return value;
  return null;
}

/** The server's name, where the route says it in a header of the request. */
export const serverOf = (message: ProcessingMessage): string => first(message, HEADER.server) ?? '';

const all = ({ headers }: ProcessingMessage, name: string): string[] => headers.filter(([key]) => key === name).map(([, value]) => value);

/** Every session id that the client sent; an empty one is none. Envoy's filters put the client's aside and the replica's in its place; several arrive joined by commas. */
export function sessionIds(message: ProcessingMessage): string[] {
  const own = all(message, HEADER.session), original = own.length > 0 ? own : all(message, HEADER.sessionId);
  return original.flatMap((value) => value.split(',').map((each) => each.trim())).filter((value) => value !== '');
}

export interface ReadRequest {
  view: RequestView;
  tool: string | null;
  isBodyless: boolean;
  /** Asked on a route of requests that name a session: it alone says the server in a header of the request, and nothing after these headers is seen. */
  isQuestion: boolean;
  /** Asked of new sessions only. */ hasCredentials: () => boolean;
}

/** Reads a request's headers, and what Envoy's filters read of its body. */
export function readRequest(message: ProcessingMessage): ReadRequest {
  const { method, id, name } = message.read;
  return {
    view: {
      httpMethod: first(message, ':method') ?? '',
      clientIds: sessionIds(message),
      authorization: first(message, 'authorization'),
      protocolVersion: first(message, HEADER.protocolVersion),
      method: typeof method === 'string' ? method : null,
      rpcId: typeof id === 'string' || typeof id === 'number' ? id : null,
    },
    tool: method === 'tools/call' && typeof name === 'string' ? name : null,
    isBodyless: message.isLast,
    isQuestion: serverOf(message) !== '',
    hasCredentials: () => carriesCredentials(message.headers.map(([name]) => name)),
  };
}

export interface ReadResponse { status: number; sessionId: string | null; isEventStream: boolean; slot: string | null }

/** Reads a response's headers and which slot answered: null when it was a relay. */
export function readResponse(message: ProcessingMessage): ReadResponse {
  const slot = message.attributes[SLOT_ATTRIBUTE];
  return {
    status: Number(first(message, ':status') ?? 0),
    sessionId: first(message, HEADER.sessionId),
    isEventStream: (first(message, 'content-type') ?? '').startsWith('text/event-stream'),
    slot: typeof slot === 'string' && slot !== '' ? slot : null,
  };
}

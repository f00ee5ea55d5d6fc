import { addressKey } from '../../proto/address-key.ts';
import { isEventStream } from '../../proto/http/answer-form.ts';
import { NO_ADDRESS } from '../budget/client-address.ts';
import { HEADER, METADATA } from '../../proto/wire.ts';
import type { RequestView } from '../routing/decide.ts';
import { credentialsInQuery, isCredential } from '../principal/credentials.ts';

export type MessageKind =
  | 'request_headers'
  | 'request_body'
  | 'request_trailers'
  | 'response_headers'
  | 'response_body'
  | 'response_trailers';
/** A value of a Struct; null for what is not there, or is neither text nor number nor boolean. */
export type Scalar = string | number | boolean | null;

/** What Envoy sends on an ext_proc stream, as far as it is read here. */
export interface ProcessingMessage {
  kind: MessageKind | null;
  headers: MessageHeaders;
  body: Buffer;
  isLast: boolean;
  /** What filters read of the request's body. */
  read: BodyRead;
  /** The slot that answers, as the attribute {@link SLOT_ATTRIBUTE} says it. */
  slot: Scalar;
}

export interface BodyRead {
  method: Scalar;
  id: Scalar;
  name: Scalar;
}

/** Of a header that stands there several times the first value, except for session ids; null where there is none. */
export interface MessageHeaders {
  /** Headers that say who asks, and such parts of the query: name, value, name, value … */
  credentials: string[];
  method: string | null;
  status: string | null;
  /** {@link HEADER.session} and {@link HEADER.sessionId}, every one of them. */
  sessions: string[];
  sessionIds: string[];
  server: string | null;
  protocolVersion: string | null;
  authorization: string | null;
  claims: string | null;
  contentType: string | null;
  /** The client's, as Envoy says it. */
  address: string | null;
  rateLimited: string | null;
}

export const noHeaders = (): MessageHeaders => ({
  credentials: [],
  method: null,
  status: null,
  sessions: [],
  sessionIds: [],
  server: null,
  protocolVersion: null,
  authorization: null,
  claims: null,
  contentType: null,
  address: null,
  rateLimited: null,
});

/** Names of the headers whose values matter here, besides credentials. */
export const READ_HEADERS = [
  ':method',
  ':path',
  ':status',
  HEADER.session,
  HEADER.sessionId,
  HEADER.server,
  HEADER.protocolVersion,
  HEADER.claims,
  'authorization',
  'content-type',
  HEADER.externalAddress,
  HEADER.rateLimited,
] as const;

/** Adds a header whose value matters ({@link READ_HEADERS}, or a credential). */
export function addHeader(headers: MessageHeaders, name: string, value: string): void {
  if (isCredential(name)) headers.credentials.push(name, value);
  switch (name) {
    case ':method':
      headers.method ??= value;
      return;
    case ':path':
      headers.credentials.push(...credentialsInQuery(value));
      return;
    case ':status':
      headers.status ??= value;
      return;
    case HEADER.session:
      headers.sessions.push(value);
      return;
    case HEADER.sessionId:
      headers.sessionIds.push(value);
      return;
    case HEADER.server:
      headers.server ??= value;
      return;
    case HEADER.protocolVersion:
      headers.protocolVersion ??= value;
      return;
    case HEADER.claims:
      headers.claims ??= value;
      return;
    case 'authorization':
      headers.authorization ??= value;
      return;
    case 'content-type':
      headers.contentType ??= value;
      return;
    case HEADER.externalAddress:
      headers.address ??= value;
      return;
    case HEADER.rateLimited:
      headers.rateLimited ??= value;
      return;
    default:
  }
}

export const SLOT_ATTRIBUTE = `xds.upstream_host_metadata.filter_metadata['${METADATA.namespace}']['slot']`;

/** The server's name, where the route says it in a header of the request. */
export const serverOf = ({ headers }: ProcessingMessage): string => headers.server ?? '';

/** Every session id that the client sent; an empty one is none. Envoy's filters put the client's aside and the replica's in its place; several arrive joined by commas. */
function sessionIds({ headers: { sessions, sessionIds } }: ProcessingMessage): readonly string[] {
  const values = sessions.length > 0 ? sessions : sessionIds,
    only = values.length === 1 ? values[0] : undefined;
  if (only !== undefined && only !== '' && !/[,\s]/.test(only)) return values;
  return values.flatMap((value) => value.split(',').map((each) => each.trim())).filter((value) => value !== '');
}

export interface ReadRequest {
  view: RequestView;
  tool: string | null;
  isBodyless: boolean;
  /**
   * It was asked by a unary call, on a route of requests that name a session. Only such a request names the server in
   * a header, and nothing after its headers is seen.
   */
  isUnary: boolean;
  /** Whom limits per address count (proto/address-key.ts). */
  address: string;
  /** Its headers that say who asks: name, value, name, value … */
  credentials: readonly string[];
  /** Envoy found it beyond `servers[].rateLimit`. */
  isRateLimited: boolean;
}

/** Reads a request's headers, and what Envoy's filters read of its body. */
export function readRequest(message: ProcessingMessage): ReadRequest {
  const {
    headers,
    read: { method, id, name },
  } = message;
  return {
    view: {
      httpMethod: headers.method ?? '',
      clientIds: sessionIds(message),
      authorization: headers.authorization,
      claims: headers.claims,
      protocolVersion: headers.protocolVersion,
      method: typeof method === 'string' ? method : null,
      rpcId: typeof id === 'string' || typeof id === 'number' ? id : null,
    },
    tool: method === 'tools/call' && typeof name === 'string' ? name : null,
    isBodyless: message.isLast,
    isUnary: serverOf(message) !== '',
    credentials: headers.credentials,
    address: addressKey(headers.address) ?? NO_ADDRESS,
    isRateLimited: headers.rateLimited !== null,
  };
}

export interface ReadResponse {
  status: number;
  sessionId: string | null;
  isEventStream: boolean;
  slot: string | null;
}

/** Reads a response's headers and which slot answered: null when it was a relay. */
export function readResponse({ headers, slot }: ProcessingMessage): ReadResponse {
  return {
    status: Number(headers.status ?? 0),
    // One that is empty is none.
    sessionId: headers.sessionIds[0] || null,
    isEventStream: isEventStream(headers.contentType),
    slot: typeof slot === 'string' && slot !== '' ? slot : null,
  };
}

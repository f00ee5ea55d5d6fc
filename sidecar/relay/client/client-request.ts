import type { IncomingMessage } from 'node:http';
import type { RpcBody } from '../../../proto/json-rpc.ts';
import type { Outcome } from '../../../proto/outcome.ts';
import { sessionDigest } from '../../../proto/session-record.ts';
import { HEADER } from '../../../proto/wire.ts';
import type { Shown } from '../../principal/identities.ts';
import { sessionOfQuery } from '../http-sse/endpoint.ts';

/** What the relay knows of a client's request before it reads the body. */
export interface ClientRequest {
  incoming: IncomingMessage;
  path: string;
  server: string;
  /** The session id that the client holds, and its digest; null when it has none. */
  clientId: string | null;
  digest: string | null;
  /** The client's address as Envoy saw it; null when a route without a guard led here. */
  clientAddress: string | null;
  /** What it shows of who asks. */
  shown: Shown;
  mode: Outcome['mode'];
  traceId: string | null;
  /** A message of an HTTP+SSE session (2024-11-05). */
  isSseMessage: boolean;
  /** Another relay had it before, and is gone: it may have sent it to a replica. */
  mayHaveRun: boolean;
  startedMs: number;
}

/** The body of a POST, as it came and as it was read: it is read once. */
export interface PostBody {
  bytes: Buffer;
  rpc: RpcBody;
}

const MODES: ReadonlySet<string> = new Set(['steady', 'decide', 'relay', 'modern']);
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-/;

/** `ofSlot`: the server that has a slot. A steady route names none: whatever comes by it names a slot. */
export function readClientRequest(
  incoming: IncomingMessage,
  nowMs: number,
  ofSlot: (slot: string) => string | undefined,
): ClientRequest {
  const headers = incoming.headers;
  const inQuery = sessionOfQuery(incoming.url ?? '/'),
    clientId = one(headers[HEADER.session]) ?? one(headers[HEADER.sessionId]) ?? inQuery,
    mode = one(headers[HEADER.mode]) ?? 'steady';
  return {
    incoming,
    path: incoming.url ?? '/',
    server: one(headers[HEADER.server]) ?? ofSlot(beforeTilde(one(headers[HEADER.session]) ?? '')) ?? '',
    clientId,
    digest: clientId === null ? null : sessionDigest(clientId),
    clientAddress: one(headers[HEADER.guard]) ?? null,
    shown: { authorization: headers.authorization, claims: one(headers[HEADER.claims]) },
    mode: MODES.has(mode) ? (mode as Outcome['mode']) : 'relay',
    traceId: TRACEPARENT.exec(one(headers.traceparent) ?? '')?.[1] ?? null,
    isSseMessage: inQuery !== null && clientId === inQuery,
    mayHaveRun: Number(one(headers[HEADER.sent]) ?? 0) > 0,
    startedMs: nowMs,
  };
}

/** What the steady route was chosen by; the rest of the id may be as wrong as it likes. */
const beforeTilde = (id: string): string => id.slice(0, Math.max(0, id.indexOf('~')));

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

import type { RpcError } from '../../proto/rpc-error.ts';
import { METADATA } from '../../proto/wire.ts';

/** Builders of ProcessingResponse, the answers to ext_proc. Enums are numbers, because they are encoded without conversion; `dynamic_metadata` is plain JSON. */
export type Reply = Record<string, unknown>;

const OVERWRITE_IF_EXISTS_OR_ADD = 2;
const SEND = 1, SKIP = 2;
const STREAMED = 1, BUFFERED = 2;

const header = (key: string, value: string): object => ({ header: { key, raw_value: Buffer.from(value, 'latin1') }, append_action: OVERWRITE_IF_EXISTS_OR_ADD });
const mutation = (set: Record<string, string>): object => ({ header_mutation: { set_headers: Object.entries(set).map(([key, value]) => header(key, value)) } });

export interface RequestHeadersReply {
  set?: Record<string, string>;
  metadata?: Record<string, string>;
  /** Have the whole body sent before the request goes on (`body`), or only the response's headers, or nothing more at all. */
  then: 'body' | 'response' | 'nothing';
}

const THEN = {
  body: { request_body_mode: BUFFERED, response_header_mode: SEND },
  response: { response_header_mode: SEND },
  // Each message costs Envoy and the sidecar some 20 µs (ENVOY.md).
  nothing: { response_header_mode: SKIP },
} as const;

/** Whether Envoy sends nothing more after this answer. */
export const isLast = (reply: Reply): boolean => 'immediate_response' in reply || reply['mode_override'] === THEN.nothing;

export function requestHeadersReply({ set, metadata, then }: RequestHeadersReply): Reply {
  return {
    request_headers: { response: set ? mutation(set) : {} },
    ...(metadata && { dynamic_metadata: { [METADATA.namespace]: metadata } }),
    mode_override: THEN[then],
  };
}

export const requestBodyReply = (set?: Record<string, string>): Reply => ({ request_body: { response: set ? mutation(set) : {} } });

/** `followsBody`: have the body shown as it passes. */
export function responseHeadersReply(set?: Record<string, string>, followsBody = false): Reply {
  return { response_headers: { response: set ? mutation(set) : {} }, ...(followsBody && { mode_override: { response_body_mode: STREAMED } }) };
}

export const responseBodyReply: Reply = { response_body: { response: {} } };
export const requestTrailersReply: Reply = { request_trailers: {} };
export const responseTrailersReply: Reply = { response_trailers: {} };

/** An answer in the replica's place. */
export function answerReply(status: number, error: RpcError, retryAfterSeconds?: number): Reply {
  const set = { 'content-type': 'application/json', ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }) };
  return {
    immediate_response: { status: { code: status }, headers: { set_headers: Object.entries(set).map(([key, value]) => header(key, value)) }, body: Buffer.from(JSON.stringify(error)), details: 'holdfast' },
    // Envoy's own answers are rewritten as JSON-RPC; this one is already.
    dynamic_metadata: { [METADATA.namespace]: { [METADATA.answered]: 'true' } },
  };
}

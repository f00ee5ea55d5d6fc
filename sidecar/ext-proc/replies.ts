import type { RpcError } from '../../proto/rpc-error.ts';
import { METADATA } from '../../proto/wire.ts';

/** Builders of ProcessingResponse, the answers to ext_proc. Enums are numbers, because they are encoded without conversion; `dynamic_metadata` is plain JSON. */
export type Reply = RequestHeadersReply | OtherReply;
export type OtherReply = { readonly then?: never; readonly [field: string]: unknown };

export const OVERWRITE_IF_EXISTS_OR_ADD = 2;
const STREAMED = 1;

const header = (key: string, value: string): object => ({
  header: { key, raw_value: Buffer.from(value, 'latin1') },
  append_action: OVERWRITE_IF_EXISTS_OR_ADD,
});
const mutation = (set: Record<string, string>): object => ({
  header_mutation: { set_headers: Object.entries(set).map(([key, value]) => header(key, value)) },
});

/** The answer to a request's headers, which most answers are; encode-reply.ts knows how it looks as a ProcessingResponse. */
export interface RequestHeadersReply {
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /**
   * What Envoy sends next: the whole body before the request goes on (`body`), the response's headers, or nothing
   * more. Each message costs Envoy and the sidecar about 20 µs.
   */
  readonly then: 'body' | 'response' | 'nothing';
}

/** Whether Envoy sends nothing more after this answer. */
export const isLast = (reply: Reply): boolean => reply.then === 'nothing' || isRefusal(reply);
export const isRefusal = (reply: Reply): boolean =>
  reply.then === undefined && reply['immediate_response'] !== undefined;

export const requestBodyReply = (set?: Record<string, string>): OtherReply => ({
  request_body: { response: set ? mutation(set) : {} },
});

/** `followsBody`: have the body shown as it passes. */
export function responseHeadersReply(set?: Record<string, string>, followsBody = false): OtherReply {
  return {
    response_headers: { response: set ? mutation(set) : {} },
    ...(followsBody && { mode_override: { response_body_mode: STREAMED } }),
  };
}

export const responseBodyReply: OtherReply = { response_body: { response: {} } };
export const requestTrailersReply: OtherReply = { request_trailers: {} };
export const responseTrailersReply: OtherReply = { response_trailers: {} };

/** An answer in the replica's place. */
export function answerReply(status: number, error: RpcError, retryAfterSeconds?: number): OtherReply {
  const set = {
    'content-type': 'application/json',
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
  };
  return {
    immediate_response: {
      status: { code: status },
      headers: { set_headers: Object.entries(set).map(([key, value]) => header(key, value)) },
      body: Buffer.from(JSON.stringify(error)),
      details: 'holdfast',
    },
    // Envoy's own answers are rewritten as JSON-RPC; this one is already.
    dynamic_metadata: { [METADATA.namespace]: { [METADATA.answered]: 'true' } },
  };
}

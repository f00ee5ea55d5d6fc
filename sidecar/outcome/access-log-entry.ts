import type { AnswerRead } from '../../proto/wire.ts';

/** `google.protobuf.Timestamp` and `Duration`, as the loader gives them. */
export interface Seconds { seconds?: number; nanos?: number }
/** `google.protobuf.Value` of dynamic metadata. */
export interface MetadataValue { string_value?: string; number_value?: number; bool_value?: boolean }
export type MetadataFields = Record<string, MetadataValue>;

/** Envoy's response flags, by the names of ResponseFlags; only those that are set are there. */
export type ResponseFlags = Record<string, unknown>;

/** The part of envoy.data.accesslog.v3.HTTPAccessLogEntry that is read here. Whatever the entry left empty is absent. */
export interface AccessLogEntry {
  common_properties?: {
    start_time?: Seconds;
    duration?: Seconds;
    time_to_last_downstream_tx_byte?: Seconds;
    upstream_cluster?: string;
    response_flags?: ResponseFlags | null;
    metadata?: { filter_metadata?: Record<string, { fields?: MetadataFields }> } | null;
    route_name?: string;
    custom_tags?: Record<string, string>;
    upstream_remote_address?: unknown;
  } | null;
  request?: { request_method?: string; request_headers?: Record<string, string> } | null;
  response?: { response_code?: { value?: number } | null; response_body_bytes?: number; response_headers?: Record<string, string>; response_code_details?: string } | null;
}

/** What Envoy's filters noted of an answer. */
export interface AnswerNotes {
  read: AnswerRead | null;
  isJsonFailed: boolean;
  errorCode: number | null;
  isToolError: boolean;
}

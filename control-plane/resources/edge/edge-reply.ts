import { LEGACY_REVISION } from '../../../proto/era.ts';
import { HEADER, METADATA } from '../../../proto/wire.ts';
import { RPC_ERROR } from '../../../proto/rpc-error.ts';
import { typed } from '../../../proto/xds/loader.ts';
import { FILTER } from '../filters/names.ts';
import { both, flags, gatewayLost, localReply, mapper, wasSentBefore, type Reply } from '../local-reply.ts';

const at = (key: string, ...path: string[]): object => ({
  selectors: path.map((part) => ({ key: part })),
  on_present: { metadata_namespace: METADATA.request, key },
});
/** Below and above, a double does not tell a whole number from its neighbours; Envoy keeps numbers as doubles. */
const EXACT = { start: Number.MIN_SAFE_INTEGER, end: Number.MAX_SAFE_INTEGER };

/** Reads id and method of a short call, so that the edge can answer for a gateway that dies. */
export const requestToMetadata: object = {
  name: FILTER.jsonToMetadata,
  typed_config: typed('envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata', {
    request_rules: {
      allow_content_types_regex: { regex: 'application/json[ ;].*|application/json' },
      rules: [at('method', 'method'), at('id', 'id')],
    },
  }),
};

/** It names a session, or the revision that its initialize agreed on: what is not of 2026-07-28. */
const hasSession = {
  or_filter: {
    filters: [
      { header_filter: { header: { name: 'mcp-session-id', present_match: true } } },
      {
        header_filter: {
          header: { name: HEADER.protocolVersion, string_match: { safe_regex: { regex: LEGACY_REVISION } } },
        },
      },
    ],
  },
};
const was = (key: string, value: object, isMissing = false): object => ({
  metadata_filter: {
    matcher: { filter: METADATA.request, path: [{ key }], value },
    match_if_key_not_found: isMissing,
  },
});
const begins = (prefix: string): object => ({ string_match: { safe_regex: { regex: `(?s)${prefix}.*` } } });
const hasMethod = was('method', begins(''));
/** Envoy has read it, and writes it as it came. */
const hasExactId = {
  or_filter: { filters: [was('id', begins('')), was('id', { double_match: { range: EXACT } })] },
};
/** Nobody waits for an answer to these. The name alone says it: an id that is too long for Envoy looks as if there were none. */
const isNotification = was('method', begins('notifications/'));
const isResponse = both(hasExactId, was('method', { null_match: {} }, true));

/**
 * On a session an error has status 200 with the call's id, and nothing waits for the answer to a notification: sidecar/relay/client/error-form.ts
 * says why. All else keeps the status.
 */
const inEachForm = (reply: Reply): object[] => {
  const { retryAfterSeconds: _, ...onSession } = reply;
  return [
    mapper({ ...onSession, filter: both(reply.filter, hasSession, hasMethod, hasExactId), status: 200 }),
    mapper({
      ...onSession,
      filter: both(reply.filter, hasSession, { or_filter: { filters: [isNotification, isResponse] } }),
      status: 202,
    }),
    mapper(reply),
  ];
};

const { noReplica, overload } = RPC_ERROR;
const NOT_SENT = { outcome: 'not_sent', isRetrySafe: true, status: 503, retryAfterSeconds: 1 } as const;

/** What an edge answers by itself: for a gateway that died before the first byte of its answer, and when there is none to ask. */
export const edgeReply: object = {
  mappers: [
    ...inEachForm({
      filter: { or_filter: { filters: [flags('UC', 'UR', 'UPE'), wasSentBefore] } },
      ...gatewayLost,
    }),
    ...inEachForm({
      filter: flags('UO'),
      code: overload,
      message: 'Too many requests (limit: gateway.maxConnections)',
      ...NOT_SENT,
    }),
    ...inEachForm({
      filter: flags('UH', 'UF', 'URX', 'NC', 'LH', 'NFCF'),
      code: noReplica,
      message: 'No gateway can take the request now',
      ...NOT_SENT,
    }),
    ...localReply.mappers,
  ],
};

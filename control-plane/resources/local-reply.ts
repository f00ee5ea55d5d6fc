import { LIMIT_KEYS } from '../../proto/limits.ts';
import { HEADER, METADATA, ROUTE_METADATA } from '../../proto/wire.ts';
import { POSITIVE } from '../route-table/condition.ts';
import { FILTER } from './filters/names.ts';
import { JWT_FAILURE } from './filters/jwt.ts';
import { RPC_ERROR, type DeliveryOutcome } from '../../proto/rpc-error.ts';

/** An answer of Envoy's own, and when it is given. */
export interface Reply {
  filter: object;
  status?: number;
  code: number;
  message: string;
  outcome: DeliveryOutcome;
  isRetrySafe: boolean;
  retryAfterSeconds?: number;
  /** WWW-Authenticate, where the route says one. */
  challenge?: string;
}

const header = (key: string, value: string): object => ({
  header: { key, value },
  append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
});
export const flags = (...list: string[]): object => ({ response_flag_filter: { flags: list } });
const status = (value: number, op = 'EQ'): object => ({
  status_code_filter: { comparison: { op, value: { default_value: value, runtime_key: 'holdfast.local_reply' } } },
});

/**
 * One answer as JSON-RPC, with the request's own id where Envoy has read it. The keys are those of proto/rpc-error.ts; Envoy's flags tell
 * operators why (its details would, too, but they name addresses).
 */
export const mapper = ({
  filter,
  status: status_code,
  code,
  message,
  outcome,
  isRetrySafe,
  retryAfterSeconds,
  challenge,
}: Reply): object => ({
  filter,
  ...(status_code !== undefined && { status_code }),
  ...(retryAfterSeconds !== undefined && { headers_to_add: [header('retry-after', String(retryAfterSeconds))] }),
  ...(challenge !== undefined && { headers_to_add: [header('www-authenticate', challenge)] }),
  body_format_override: {
    content_type: 'application/json',
    json_format: {
      jsonrpc: '2.0',
      id: `%DYNAMIC_METADATA(${METADATA.request}:id)%`,
      error: {
        code,
        message,
        data: {
          outcome,
          retrySafe: isRetrySafe,
          server: `%METADATA(ROUTE:${METADATA.namespace}:${ROUTE_METADATA.server})%`,
          replica: `%UPSTREAM_METADATA(${METADATA.namespace}:slot)%`,
          attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
          sessionRecovered: false,
          flags: '%RESPONSE_FLAGS%',
        },
      },
    },
  },
});

/** The router counts attempts in this header, and nobody else can set it: with it, a replica may have had the request. */
const wasSent = { header_filter: { header: { name: HEADER.attemptCount, present_match: true } } };
/** An earlier attempt was sent, to a relay or, by an edge, to another gateway. */
export const wasSentBefore = {
  or_filter: {
    filters: [HEADER.sent, HEADER.edgeSent].map((header) => ({
      header_filter: { header: { name: header, string_match: { safe_regex: { regex: POSITIVE } } } },
    })),
  },
};

/** What its client hears then, unless a relay may repeat it. */
export const gatewayLost = {
  status: 503,
  code: RPC_ERROR.replicaLost,
  message: 'The gateway that held this request was lost; nobody knows whether it was carried out',
  outcome: 'sent_no_response',
  isRetrySafe: false,
  retryAfterSeconds: 1,
} as const;

export const both = (...filters: object[]): object => ({ and_filter: { filters } });

const CHALLENGE = `%METADATA(ROUTE:${METADATA.namespace}:${ROUTE_METADATA.challenge})%`;
const hasToken = { header_filter: { header: { name: 'authorization', present_match: true } } };
const metadataIs = (filter: string, keys: readonly string[], exact: string, ifUnknown = false): object => ({
  metadata_filter: {
    matcher: { filter, path: keys.map((key) => ({ key })), value: { string_match: { exact } } },
    // Envoy's default is that it matches.
    ...(!ifUnknown && { match_if_key_not_found: false }),
  },
});
const isForOthers = metadataIs(FILTER.jwt, [JWT_FAILURE, 'message'], 'Audiences in Jwt are not allowed');

/** No value is empty: what is known does not match, and what is not known does. */
const isUnknown = (filter: string, key: string): object => metadataIs(filter, [key], '', true);
/**
 * All of the request is there, but an Envoy without CPU did not come to it in time. No filter has read its body or
 * session yet.
 */
const isNotBegun = both(isUnknown(METADATA.request, 'method'), isUnknown(METADATA.namespace, METADATA.session));

/** A session that nobody was told of harms nobody, so its client may begin another one. */
const isInitialize = metadataIs(METADATA.request, ['method'], 'initialize');

const BODY = '%LOCAL_REPLY_BODY%';
const { replicaLost, noReplica, deadline, overload, tooLarge, forbidden, noRoute, badRequest } = RPC_ERROR;
const LOST = ['UC', 'UR', 'UPE'] as const;
const NOT_SENT = { outcome: 'not_sent', isRetrySafe: true } as const;
const REFUSED = { outcome: 'not_sent', isRetrySafe: false } as const;

/**
 * Everything that Envoy answers by itself, so that clients get JSON-RPC whatever happens. Shedding is 503: a 4xx would send modern clients back
 * to an older era. First match wins.
 */
export const localReply: { mappers: object[] } = {
  mappers: [
    // The sidecar's own answers (ext_proc) are JSON-RPC already, each with its own code.
    { filter: metadataIs(METADATA.namespace, [METADATA.answered], 'true') },
    mapper({
      filter: both(wasSentBefore, { or_filter: { filters: [status(429), status(500, 'GE')] } }),
      ...gatewayLost,
    }),
    mapper({
      filter: flags('UO'),
      status: 503,
      code: overload,
      message: 'Too many requests (limit: gateway.maxConnections)',
      ...NOT_SENT,
      retryAfterSeconds: 1,
    }),
    mapper({
      filter: status(429),
      status: 503,
      code: overload,
      message: 'Rate limit reached (limit: servers[].rateLimit)',
      ...NOT_SENT,
      retryAfterSeconds: 1,
    }),
    ...[true, false].map((isRetrySafe) =>
      mapper({
        filter: isRetrySafe ? both(flags(...LOST), isInitialize) : flags(...LOST),
        status: 503,
        code: replicaLost,
        message: 'The replica was lost while it had the request',
        outcome: 'sent_no_response',
        isRetrySafe,
        retryAfterSeconds: 1,
      }),
    ),
    mapper({
      filter: both(flags('UT'), isInitialize),
      status: 503,
      code: deadline,
      message: 'No replica answered in time (limit: servers[].timeouts.initializeMs)',
      outcome: 'sent_no_response',
      isRetrySafe: true,
      retryAfterSeconds: 1,
    }),
    mapper({
      filter: flags('UT', 'SI', 'DT'),
      status: 503,
      code: deadline,
      message: 'The request took too long (limit: servers[].timeouts.callMs)',
      outcome: 'sent_no_response',
      isRetrySafe: false,
      retryAfterSeconds: 1,
    }),
    mapper({
      filter: flags('UH', 'UF', 'URX', 'NC', 'LH', 'NFCF'),
      status: 503,
      code: noReplica,
      message: 'No replica can take the request now',
      ...NOT_SENT,
      retryAfterSeconds: 1,
    }),
    mapper({
      filter: status(408),
      code: badRequest,
      message: `The request took too long to arrive (limit: ${LIMIT_KEYS.body_time})`,
      outcome: 'not_sent',
      isRetrySafe: true,
    }),
    mapper({
      filter: status(413),
      code: tooLarge,
      message: `The body is larger than the limit (limit: ${LIMIT_KEYS.body_size})`,
      ...REFUSED,
    }),
    mapper({ filter: status(501), code: badRequest, message: 'This transfer coding is not supported', ...REFUSED }),
    mapper({ filter: status(404), code: noRoute, message: 'No MCP server at this path', ...REFUSED }),
    mapper({
      filter: both(status(401), hasToken),
      code: forbidden,
      message: BODY,
      challenge: `${CHALLENGE}, error="invalid_token"`,
      ...REFUSED,
    }),
    mapper({ filter: status(401), code: forbidden, message: BODY, challenge: CHALLENGE, ...REFUSED }),
    // Envoy says 403 to a token for somebody else; a client has to get another one, and is told so by a 401 (RFC 6750).
    mapper({
      filter: both(status(403), isForOthers),
      status: 401,
      code: forbidden,
      message: BODY,
      challenge: `${CHALLENGE}, error="invalid_token"`,
      ...REFUSED,
    }),
    mapper({ filter: status(403), code: forbidden, message: BODY, ...REFUSED }),
    // A sidecar that gets no CPU for as long as ext_proc waits (2 s) loses the answer to an initialize, too.
    ...[true, false].map((isRetrySafe) =>
      mapper({
        filter: both(status(500, 'GE'), wasSent, ...(isRetrySafe ? [isInitialize] : [])),
        status: 503,
        code: replicaLost,
        message: 'The gateway lost the answer',
        outcome: 'sent_no_response',
        isRetrySafe,
        retryAfterSeconds: 1,
      }),
    ),
    mapper({
      filter: both(status(504), isNotBegun),
      status: 503,
      code: overload,
      message: `The gateway was too busy to begin with the request (limit: ${LIMIT_KEYS.body_time})`,
      ...NOT_SENT,
      retryAfterSeconds: 1,
    }),
    mapper({
      filter: status(500, 'GE'),
      status: 503,
      code: noReplica,
      message: 'The gateway can not decide on the request now',
      ...NOT_SENT,
      retryAfterSeconds: 1,
    }),
    mapper({ filter: status(400, 'GE'), code: badRequest, message: BODY, ...REFUSED }),
  ],
};

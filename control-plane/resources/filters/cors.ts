import { typed } from '../../../proto/xds/loader.ts';
import { ANY_ORIGIN, originRegex } from '../../topology/allowed-origins.ts';
import type { ServerTopology } from '../../topology/topology.ts';
import { FILTER } from './names.ts';

/** What clients of every revision send, and what they must be able to read. */
const REQUEST_HEADERS = [
  'authorization',
  'content-type',
  'accept',
  'last-event-id',
  'mcp-session-id',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'traceparent',
  'tracestate',
  'baggage',
];
const EXPOSED_HEADERS = ['mcp-session-id', 'www-authenticate', 'retry-after'];

/**
 * First of the filters, so that preflights need no token and the mesh's own answers carry the headers. Off, except on routes with a policy. It
 * stands in every listener: one that came and went with a server's policy would change the listener, which ends connections of others.
 */
export const corsFilter: object = {
  name: FILTER.cors,
  disabled: true,
  typed_config: typed('envoy.extensions.filters.http.cors.v3.Cors'),
};

/** What a server's routes add: its policy. Preflights that do not match go no further; Envoy answers them without the headers. */
export function corsOnRoute({ cors, allowedOrigins }: ServerTopology): Record<string, object> {
  if (cors === null) return {};
  // Envoy refuses an empty prefix, and with it all routes of the gateway.
  const origin = (allowed: string): object => ({
    safe_regex: { regex: allowed === ANY_ORIGIN ? '.*' : `(?i)${originRegex(allowed)}` },
  });
  return {
    [FILTER.cors]: typed('envoy.extensions.filters.http.cors.v3.CorsPolicy', {
      allow_origin_string_match: allowedOrigins.map(origin),
      allow_methods: 'GET, POST, DELETE, OPTIONS',
      allow_headers: [...REQUEST_HEADERS, ...cors.allowHeaders].join(', '),
      expose_headers: [...EXPOSED_HEADERS, ...cors.exposeHeaders].join(', '),
      max_age: String(cors.maxAgeSeconds),
      allow_credentials: cors.allowCredentials,
      forward_not_matching_preflights: false,
    }),
  };
}

/**
 * The same for what a route answers by itself, where Envoy's filter does not act. A page of a foreign origin was refused before; the others
 * may read why. A value that is empty, because there is no Origin, is not added.
 */
export function corsOfOwnAnswers({ cors }: ServerTopology): object {
  if (cors === null) return {};
  const add = (key: string, value: string): object => ({ header: { key, value } });
  return {
    response_headers_to_add: [
      add('access-control-allow-origin', '%REQ(origin)%'),
      add('access-control-expose-headers', [...EXPOSED_HEADERS, ...cors.exposeHeaders].join(', ')),
      add('vary', 'origin'),
    ],
  };
}

import { HEADER } from '../../../proto/wire.ts';
import { typed } from '../../../proto/xds/loader.ts';
import type { JwtConfig } from '../../config/server-schema.ts';
import type { ServerTopology, TopologySnapshot } from '../../topology/topology.ts';
import { discovered, extension } from './discovered.ts';
import { switchOn } from './ext-proc.ts';
import { FILTER } from './names.ts';

/** Where the token of a request lies between the two filters that write its header again. */
const TOKEN = { namespace: 'holdfast.token', key: 'bearer' } as const;
const AUTHORIZATION = 'authorization';
/** Where Envoy says why it refused a token. */
export const JWT_FAILURE = 'failure';

/**
 * Authorization in the one form that is verified: `Bearer`, whatever the case in which the client wrote it, a space, one token. Everything else (another
 * scheme, two tokens, more text) becomes a header without a token, so that the replica never reads what Envoy has not.
 */
const oneForm: object[] = [
  {
    name: FILTER.tokenToMetadata,
    disabled: true,
    typed_config: typed('envoy.extensions.filters.http.header_to_metadata.v3.Config', {
      request_rules: [
        {
          header: AUTHORIZATION,
          on_header_present: {
            metadata_namespace: TOKEN.namespace,
            key: TOKEN.key,
            regex_value_rewrite: {
              pattern: { regex: '^(?i:bearer) +([A-Za-z0-9_.-]+) *$|^\\C*$' },
              substitution: 'Bearer \\1',
            },
          },
        },
      ],
    }),
  },
  {
    name: FILTER.tokenHeader,
    disabled: true,
    typed_config: typed('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {
      mutations: {
        request_mutations: [
          {
            append: {
              header: { key: AUTHORIZATION, value: `%DYNAMIC_METADATA(${TOKEN.namespace}:${TOKEN.key})%` },
              append_action: 'OVERWRITE_IF_EXISTS',
            },
          },
        ],
      },
    }),
  },
];

/** Cluster that a server's keys are fetched from. */
export const jwksCluster = (server: string): string => `jwks.${server}`;

const keys = (server: string, jwt: JwtConfig): object =>
  jwt.jwksUrl === undefined
    ? { local_jwks: { filename: jwt.jwksFile, watched_directory: { path: folderOf(jwt.jwksFile ?? '') } } }
    : {
        remote_jwks: {
          http_uri: { uri: jwt.jwksUrl, cluster: jwksCluster(server), timeout: '5s' },
          cache_duration: `${jwt.jwksCacheSeconds}s`,
          // Fetched before the first request, and again while the old keys still hold: no request waits for them.
          async_fetch: { fast_listener: true },
        },
      };

const folderOf = (file: string): string => file.slice(0, Math.max(1, file.lastIndexOf('/'))) || '.';

const TYPE = 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication';

/** Check tokens. Off, except on routes of servers that ask for it. An Envoy that does not know what a route asks for refuses the request. */
export const jwtFilters: readonly object[] = [...oneForm, discovered(FILTER.jwt, TYPE, {})];

/** What each server asks of a token. */
export function jwtExtension(snapshot: TopologySnapshot): [string, object] {
  const asking = snapshot.servers.flatMap(({ name, jwt }) => (jwt ? [{ name, jwt }] : []));
  return extension(FILTER.jwt, TYPE, {
    providers: Object.fromEntries(
      asking.map(({ name, jwt }) => [
        name,
        {
          issuer: jwt.issuer,
          audiences: jwt.audiences,
          // Never the query, which is logged everywhere; without a word of this Envoy would look there, too.
          from_headers: [{ name: AUTHORIZATION, value_prefix: 'Bearer ' }],
          forward: jwt.forwardToken,
          // Envoy takes away what a client sends under these names.
          ...(Object.keys(jwt.claimHeaders).length > 0 && {
            claim_to_headers: Object.entries(jwt.claimHeaders).map(([header_name, claim_name]) => ({
              header_name,
              claim_name,
            })),
          }),
          forward_payload_header: HEADER.claims,
          failed_status_in_metadata: JWT_FAILURE,
          clock_skew_seconds: jwt.clockSkewSeconds,
          ...keys(name, jwt),
        },
      ]),
    ),
    // Browsers send no token with a preflight.
    bypass_cors_preflight: true,
    requirement_map: Object.fromEntries(asking.map(({ name }) => [name, { provider_name: name }])),
  });
}

/** What a server's routes add: its own requirement. */
export const jwtOnRoute = (server: ServerTopology): Record<string, object> =>
  server.jwt === null
    ? {}
    : {
        [FILTER.tokenToMetadata]: switchOn,
        [FILTER.tokenHeader]: switchOn,
        [FILTER.jwt]: typed('envoy.config.route.v3.FilterConfig', {
          config: typed('envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig', { requirement_name: server.name }),
        }),
      };

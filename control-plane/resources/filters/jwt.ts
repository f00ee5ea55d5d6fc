import { typed } from '../../../proto/xds/loader.ts';
import type { JwtConfig } from '../../config/server-schema.ts';
import type { ServerTopology, TopologySnapshot } from '../../topology/topology.ts';
import { FILTER } from './names.ts';

/** Cluster that a server's keys are fetched from. */
export const jwksCluster = (server: string): string => `jwks.${server}`;

const keys = (server: string, jwt: JwtConfig): object =>
  jwt.jwksUrl === undefined
    ? { local_jwks: { filename: jwt.jwksFile, watched_directory: { path: folderOf(jwt.jwksFile!) } } }
    : {
        remote_jwks: {
          http_uri: { uri: jwt.jwksUrl, cluster: jwksCluster(server), timeout: '5s' },
          cache_duration: `${jwt.jwksCacheSeconds}s`,
          // Fetched before the first request, and again while the old keys still hold: no request waits for them.
          async_fetch: { fast_listener: true },
        },
      };

const folderOf = (file: string): string => file.slice(0, Math.max(1, file.lastIndexOf('/'))) || '.';

/** Checks tokens of the servers that ask for it. Off, except on their routes. Absent when no server does. */
export function jwtFilter(snapshot: TopologySnapshot): object[] {
  const asking = snapshot.servers.filter((server) => server.jwt !== null);
  if (asking.length === 0) return [];
  return [
    {
      name: FILTER.jwt,
      disabled: true,
      typed_config: typed('envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication', {
        providers: Object.fromEntries(
          asking.map(({ name, jwt }) => [
            name,
            {
              issuer: jwt!.issuer,
              ...(jwt!.audiences.length > 0 && { audiences: jwt!.audiences }),
              // Replicas and the sidecar read the token themselves.
              forward: true,
              clock_skew_seconds: jwt!.clockSkewSeconds,
              ...keys(name, jwt!),
            },
          ]),
        ),
        requirement_map: Object.fromEntries(asking.map(({ name }) => [name, { provider_name: name }])),
      }),
    },
  ];
}

/** What a server's routes add: its own requirement. */
export const jwtOnRoute = (server: ServerTopology): Record<string, object> =>
  server.jwt === null
    ? {}
    : {
        [FILTER.jwt]: typed('envoy.config.route.v3.FilterConfig', {
          config: typed('envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig', { requirement_name: server.name }),
        }),
      };

import { HEADER } from '../../../proto/wire.ts';
import { typed } from '../../../proto/xds/loader.ts';
import type { RateLimitConfig } from '../../config/server-schema.ts';
import type { ServerTopology, TopologySnapshot } from '../../topology/topology.ts';
import { duration } from '../duration.ts';
import { switchOn } from './ext-proc.ts';
import { FILTER } from './names.ts';

const ALL = { default_value: { numerator: 100, denominator: 'HUNDRED' } };
const UNLIMITED = { max_tokens: 4_000_000_000, tokens_per_fill: 4_000_000_000, fill_interval: '1s' };
const filterName = (server: string): string => `${FILTER.rateLimit}.${server}`;
const isLimited = ({ rateLimit }: ServerTopology): boolean =>
  rateLimit.session !== undefined || rateLimit.client !== undefined;

const bucket = (rate: NonNullable<RateLimitConfig['session']>): object => ({
  max_tokens: rate.burst ?? rate.requests,
  tokens_per_fill: rate.requests,
  fill_interval: duration(rate.perMs),
});

/**
 * One filter per limited server, in the listener: a route's own filter would begin with full buckets at every push of routes. Each session id
 * and each client address has a bucket of its own (Envoy forgets the least used beyond `maxTracked`).
 */
export const rateLimitFilters = (snapshot: TopologySnapshot): object[] =>
  snapshot.servers.filter(isLimited).map(({ name, rateLimit: { session, client, maxTracked } }) => ({
    name: filterName(name),
    disabled: true,
    typed_config: typed('envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit', {
      stat_prefix: `limit_${name}`,
      token_bucket: UNLIMITED,
      filter_enabled: ALL,
      filter_enforced: ALL,
      // Becomes a 503 (local-reply.ts).
      status: { code: 'TooManyRequests' },
      always_consume_default_token_bucket: false,
      max_dynamic_descriptors: maxTracked,
      rate_limits: [
        ...(session
          ? [
              {
                actions: [
                  {
                    request_headers: { header_name: HEADER.sessionId, descriptor_key: 'session', skip_if_absent: true },
                  },
                ],
              },
            ]
          : []),
        ...(client ? [{ actions: [{ remote_address: {} }] }] : []),
      ],
      descriptors: [
        ...(session ? [{ entries: [{ key: 'session' }], token_bucket: bucket(session) }] : []),
        ...(client ? [{ entries: [{ key: 'remote_address' }], token_bucket: bucket(client) }] : []),
      ],
    }),
  }));

/** What a server's routes add: count here. */
export const rateLimitOnRoute = (server: ServerTopology): Record<string, object> =>
  isLimited(server) ? { [filterName(server.name)]: switchOn } : {};

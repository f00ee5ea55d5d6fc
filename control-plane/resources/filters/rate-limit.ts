import { HEADER } from '../../../proto/wire.ts';
import { typed } from '../../../proto/xds/loader.ts';
import type { RateLimitConfig } from '../../config/server-schema.ts';
import type { ServerTopology, TopologySnapshot } from '../../topology/topology.ts';
import { duration } from '../duration.ts';
import type { EnvoyNode } from '../node.ts';
import { switchOn } from './ext-proc.ts';
import { FILTER } from './names.ts';

const ALL = { default_value: { numerator: 100, denominator: 'HUNDRED' } };
const NONE = { default_value: { numerator: 0, denominator: 'HUNDRED' } };
const UNLIMITED = { max_tokens: 4_000_000_000, tokens_per_fill: 4_000_000_000, fill_interval: '1s' };
const filterName = (server: string, way: Way): string =>
  way === 'enforced' ? `${FILTER.rateLimit}.${server}` : `${FILTER.rateLimit}.${server}.${way}`;
export const isLimited = ({ rateLimit }: ServerTopology): boolean =>
  rateLimit.session !== undefined || rateLimit.client !== undefined;

/** What a filter does with a request beyond the limit. */
type Way = 'enforced' | 'told' | 'flood';

type Rate = NonNullable<RateLimitConfig['session']>;

const bucket = (rate: Rate): object => ({
  max_tokens: rate.burst ?? rate.requests,
  tokens_per_fill: rate.requests,
  fill_interval: duration(rate.perMs),
});

/** How much more than its limit the relay answers, and how much it always does, in requests a second. */
const FLOOD = { times: 10, perSecond: 100, atOnce: 1000 };

/** Ten times the rate, and never so little that a client meets it which merely does not wait. */
const floodBucket = ({ requests, perMs, burst }: Rate): object => ({
  max_tokens: Math.max(FLOOD.atOnce, FLOOD.times * (burst ?? requests)),
  tokens_per_fill: Math.max(FLOOD.perSecond, Math.ceil((FLOOD.times * requests * 1000) / perMs)),
  fill_interval: '1s',
});

const tell = (relay: string) => ({
  filter_enforced: NONE,
  request_headers_to_add_when_not_enforced: [
    { header: { key: HEADER.rateLimited, value: `${relay},` }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
  ],
});

function filter({ name, rateLimit }: ServerTopology, way: Way, relay: string): object {
  const { session, client, maxTracked } = rateLimit,
    bucketOf = way === 'flood' ? floodBucket : bucket;
  return {
    name: filterName(name, way),
    disabled: true,
    typed_config: typed('envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit', {
      stat_prefix: way === 'enforced' ? `limit_${name}` : `limit_${name}_${way}`,
      token_bucket: UNLIMITED,
      filter_enabled: ALL,
      filter_enforced: ALL,
      ...(way === 'told' && tell(relay)),
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
        ...(session ? [{ entries: [{ key: 'session' }], token_bucket: bucketOf(session) }] : []),
        ...(client ? [{ entries: [{ key: 'remote_address' }], token_bucket: bucketOf(client) }] : []),
      ],
    }),
  };
}

/**
 * The filters of each limited server, in the listener: a route's own filter would begin with full buckets at every push of routes. Each session id
 * and each client address has a bucket of its own (Envoy forgets the least used beyond `maxTracked`).
 *
 * Envoy's own refusal is a 503 without an id, which ends the sessions of some clients. So Envoy tells the sidecar which requests are beyond the limit,
 * and the sidecar answers. A flood is refused by Envoy all the same, and so is what the sidecar never sees.
 */
export const rateLimitFilters = (snapshot: TopologySnapshot, { relay: [relay = ''] }: EnvoyNode): object[] =>
  snapshot.servers
    .filter(isLimited)
    .flatMap((server) => (['enforced', 'flood', 'told'] as const).map((way) => filter(server, way, relay)));

/** What a route adds that never leads to the sidecar: count here, and refuse. */
export const rateLimitByEnvoy = (server: ServerTopology): Record<string, object> =>
  isLimited(server) ? { [filterName(server.name, 'enforced')]: switchOn } : {};

/** What the other routes of a server add: count here, and let the sidecar refuse. */
export const rateLimitOnRoute = (server: ServerTopology): Record<string, object> =>
  isLimited(server)
    ? { [filterName(server.name, 'flood')]: switchOn, [filterName(server.name, 'told')]: switchOn }
    : {};

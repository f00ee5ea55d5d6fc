import { HEADER, METADATA, ROUTE_METADATA } from '../../../proto/wire.ts';
import type { RateLimitConfig } from '../../config/server-schema.ts';
import type { ServerTopology, TopologySnapshot } from '../../topology/topology.ts';
import { duration } from '../duration.ts';
import type { EnvoyNode } from '../node.ts';
import { discovered, extension } from './discovered.ts';
import { switchOn } from './ext-proc.ts';
import { FILTER } from './names.ts';

const ALL = { default_value: { numerator: 100, denominator: 'HUNDRED' } };
const NONE = { default_value: { numerator: 0, denominator: 'HUNDRED' } };
const UNLIMITED = { max_tokens: 4_000_000_000, tokens_per_fill: 4_000_000_000, fill_interval: '1s' };
const filterName = (way: Way): string => (way === 'enforced' ? FILTER.rateLimit : `${FILTER.rateLimit}.${way}`);
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

const WAYS: readonly Way[] = ['enforced', 'flood', 'told'];
const TYPE = 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';
const statPrefix = (way: Way): string => (way === 'enforced' ? 'limit' : `limit_${way}`);

/** The server that a request's route names: each has buckets of its own. */
const ofServer = {
  metadata: {
    descriptor_key: 'server',
    metadata_key: { key: METADATA.namespace, path: [{ key: ROUTE_METADATA.server }] },
    source: 'ROUTE_ENTRY',
  },
};
const ofSession = {
  request_headers: { header_name: HEADER.sessionId, descriptor_key: 'session', skip_if_absent: true },
};

function limits(servers: readonly ServerTopology[], way: Way, relay: string): [string, object] {
  const bucketOf = way === 'flood' ? floodBucket : bucket,
    limited = servers.filter(isLimited);
  const descriptor = (server: string, key: string, rate: Rate | undefined): object[] =>
    rate === undefined ? [] : [{ entries: [{ key: 'server', value: server }, { key }], token_bucket: bucketOf(rate) }];
  return extension(filterName(way), TYPE, {
    stat_prefix: statPrefix(way),
    token_bucket: UNLIMITED,
    filter_enabled: ALL,
    filter_enforced: ALL,
    ...(way === 'told' && tell(relay)),
    // Becomes a 503 (local-reply.ts).
    status: { code: 'TooManyRequests' },
    always_consume_default_token_bucket: false,
    // Of each kind of bucket. Envoy knows one number for all servers.
    ...(limited.length > 0 && {
      max_dynamic_descriptors: Math.max(...limited.map((each) => each.rateLimit.maxTracked)),
    }),
    rate_limits: [{ actions: [ofServer, ofSession] }, { actions: [ofServer, { remote_address: {} }] }],
    descriptors: limited.flatMap(({ name, rateLimit: { session, client } }) => [
      ...descriptor(name, 'session', session),
      ...descriptor(name, 'remote_address', client),
    ]),
  });
}

/**
 * Filters of the listener, not of routes: a route's own filter would begin with full buckets at every push of routes. Each session id and each client
 * address of a server has a bucket of its own (Envoy forgets the least used beyond `maxTracked`). The limits of all servers are one configuration.
 *
 * Envoy's own refusal is a 503 without an id, which ends the sessions of some clients. So Envoy tells the sidecar which requests are beyond the limit,
 * and the sidecar answers. A flood is refused by Envoy all the same, and so is what the sidecar never sees.
 */
export const rateLimitFilters: readonly object[] = WAYS.map((way) =>
  discovered(filterName(way), TYPE, { stat_prefix: statPrefix(way) }),
);

/** The limits of all servers. When one changes, the buckets of all begin full. */
export const rateLimitExtensions = (
  { servers }: TopologySnapshot,
  { relay: [relay = ''] }: EnvoyNode,
): [string, object][] => WAYS.map((way) => limits(servers, way, relay));

/** What a route adds that never leads to the sidecar: count here, and refuse. */
export const rateLimitByEnvoy = (server: ServerTopology): Record<string, object> =>
  isLimited(server) ? { [filterName('enforced')]: switchOn } : {};

/** What the other routes of a server add: count here, and let the sidecar refuse. */
export const rateLimitOnRoute = (server: ServerTopology): Record<string, object> =>
  isLimited(server) ? { [filterName('flood')]: switchOn, [filterName('told')]: switchOn } : {};

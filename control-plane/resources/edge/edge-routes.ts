import { OWN_EVENT_ID, RESOURCE } from '../../../proto/wire.ts';
import type { EdgeConfig } from '../../config/config-schema.ts';
import type { TopologySnapshot } from '../../topology/topology.ts';
import { duration } from '../duration.ts';
import { leaveOut } from '../filters/ext-proc.ts';
import { FILTER } from '../filters/names.ts';
import { anotherHost } from '../retry-policy.ts';
import { severalHosts } from '../several-hosts.ts';

/** Name of the edge's route configuration. */
export const EDGE_ROUTES = 'edge';

/** A request that did not reach a gateway goes to another one; any gateway knows every session. */
const retry = {
  retry_on: 'connect-failure,refused-stream,reset-before-request',
  num_retries: 2,
  retry_back_off: { base_interval: '0.01s', max_interval: '0.1s' },
  ...anotherHost,
};

/**
 * What a gateway has had goes to another one as well, when it is lost before its answer begins. HEADER.edgeSent tells
 * that one's relay. It knows what may be repeated, and has the id for an error.
 */
const repeated = { ...retry, retry_on: `${retry.retry_on},reset` };

/**
 * A gateway says at once that it has a client's resumption. When it does not, another is asked as well, and the first
 * answer counts. So a frozen gateway costs the client no second wait for a ping.
 */
const hedged = {
  retryPolicy: { ...repeated, num_retries: 1, per_try_timeout: '0.3s' },
  hedgePolicy: { hedge_on_per_try_timeout: true },
};

/** What asks for an event stream. */
const wantsStream = { name: 'accept', string_match: { contains: 'text/event-stream', ignore_case: true } };

/**
 * A call that is short enough to be read: below 10,000 bytes, as at gateways. An edge has no budget of bytes: at 100 KB, 9,500 connections with
 * unfinished bodies filled its memory, and everybody was refused.
 */
const SHORT = '[0-9]{1,4}';
const isGet = { name: ':method', string_match: { exact: 'GET' } };
/** A client that comes back to a call: a read, whichever gateway answers it. */
const comesBack = { name: 'last-event-id', string_match: { prefix: OWN_EVENT_ID } };
/** Only relays know whether what an edge repeats is safe, and they have to do with MCP alone. */
const isCall = [
  { name: ':method', string_match: { exact: 'POST' } },
  { name: 'content-type', string_match: { prefix: 'application/json', ignore_case: true } },
];
const isShort = { name: 'content-length', string_match: { safe_regex: { regex: SHORT } } };

/** Of filters that are on in the listener. */
function filtersOff(wanted: Record<string, boolean>): object {
  const off = Object.keys(wanted).filter((name) => !wanted[name]);
  return off.length === 0 ? {} : { typed_per_filter_config: Object.fromEntries(off.map((name) => [name, leaveOut])) };
}

interface EdgeRoute {
  name: string;
  headers: object[];
  idleTimeoutMs: number;
  /** Whether its body is read for the call's id. */
  isRead?: boolean;
  /** Whether its answer may be an event stream. */
  isStream?: boolean;
  cluster?: string;
  retryPolicy?: object;
  hedgePolicy?: object;
}
const route = ({
  name,
  headers,
  idleTimeoutMs,
  isRead = false,
  isStream = false,
  cluster = RESOURCE.edgeCallCluster,
  retryPolicy = retry,
  hedgePolicy,
}: EdgeRoute): object => ({
  name,
  match: { prefix: '/', ...(headers.length > 0 && { headers }) },
  route: {
    cluster,
    timeout: '0s',
    idle_timeout: duration(idleTimeoutMs),
    retry_policy: retryPolicy,
    ...(hedgePolicy && { hedge_policy: hedgePolicy }),
    append_x_forwarded_host: true,
  },
  ...filtersOff({ [FILTER.jsonToMetadata]: isRead, [FILTER.brokenStreams]: isStream }),
});

/** A relay looks once a second, and may be busy. */
const BESIDE_COMMENTS_MS = 5000;

/**
 * How long a GET stream may be quiet. Relays write comments into those that they hold. A stream that has missed two of
 * them is on a gateway that is frozen or cut off. Its client must hear so. 0, for any time, where not every server's
 * streams are held.
 */
function streamQuietMs({ servers }: Pick<TopologySnapshot, 'servers'>): number {
  if (servers.some(({ policy }) => !policy.guard.includes('streams'))) return 0;
  const keepAliveMs = Math.max(0, ...servers.map(({ policy }) => policy.timeouts.keepAliveMs));
  return keepAliveMs === 0 ? 0 : 2 * keepAliveMs + BESIDE_COMMENTS_MS;
}

/** Everything goes to the gateways. The answer to a call and a WebSocket may be quiet for any time. */
export function edgeRoutes(edge: EdgeConfig, snapshot: Pick<TopologySnapshot, 'servers'>): object {
  const routes: EdgeRoute[] = [
    {
      name: 'call',
      headers: [wantsStream, ...isCall, isShort],
      idleTimeoutMs: 0,
      isRead: true,
      isStream: true,
      retryPolicy: repeated,
    },
    { name: 'long-call', headers: [wantsStream, ...isCall], idleTimeoutMs: 0, isStream: true, retryPolicy: repeated },
    {
      name: 'resumption',
      headers: [wantsStream, isGet, comesBack],
      idleTimeoutMs: 0,
      isStream: true,
      ...hedged,
    },
    {
      name: 'events',
      headers: [wantsStream, isGet],
      idleTimeoutMs: streamQuietMs(snapshot),
      isStream: true,
      cluster: RESOURCE.edgeCluster,
    },
    { name: 'stream', headers: [wantsStream], idleTimeoutMs: 0, isStream: true },
    {
      name: 'upgrade',
      headers: [{ name: 'upgrade', string_match: { exact: 'websocket', ignore_case: true } }],
      idleTimeoutMs: 0,
      cluster: RESOURCE.edgeCluster,
    },
    { name: 'other', headers: [], idleTimeoutMs: edge.idleTimeoutMs },
  ];
  return {
    name: EDGE_ROUTES,
    virtual_hosts: [{ name: 'all', domains: ['*'], routes: [severalHosts, ...routes.map(route)] }],
  };
}

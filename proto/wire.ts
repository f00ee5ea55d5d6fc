/**
 * Every name that crosses a process boundary, each with a sentence. Nothing else in the repository spells one out.
 * Source of the names: the design (proto/README.md); Envoy's own names are Envoy 1.40's.
 */

/** HTTP headers. All `x-holdfast-*` headers that a client sends are removed at the listener. */
export const HEADER = {
  /** The client's session id, `<slot>~<upstream id>`; on the way up, the upstream id. */
  sessionId: 'mcp-session-id',
  protocolVersion: 'mcp-protocol-version',
  method: 'mcp-method',
  name: 'mcp-name',
  /** Up: the session id that the client holds, once `mcp-session-id` was replaced by the replica's own. */
  session: 'x-holdfast-session',
  /** Up, to the relay and in ext_proc: the server's name, set by the route; absent on steady routes, whose session's slot names it. */
  server: 'x-holdfast-server',
  /**
   * Up, to the relay: the routing mode that the route chose (`decide`, `relay`, `modern`, `login`); absent for `steady`. The header keeps its first
   * name: nodes of different versions agree on it.
   */
  mode: 'x-holdfast-way',
  /** Up, set by a steady slot's route: comma-separated `ip:port` list, each attempt takes the next one. Read by `override_host`; `holdfast.host` (metadata) goes before it. */
  host: 'x-holdfast-host',
  /** Up, set by routes that lead to the relay: the client's address. What the relay answers it reports itself, so Envoy's access log leaves requests with it out. */
  guard: 'x-holdfast-guard',
  /** Up: claims of the token that Envoy verified, JSON in base64url; only where the server has `jwt`. The principal comes from here and from nowhere else. */
  claims: 'x-holdfast-claims',
  /** Up, set by Envoy: the request is beyond `rateLimit` of its server, and the sidecar refuses it. The value is the relay's `ip:port` and a comma: a list of hosts to put before others. */
  rateLimited: 'x-holdfast-rate-limited',
  /** Up, gateway to gateway: set by a relay that forwards; a relay never forwards such a request again. */
  forwarded: 'x-holdfast-forwarded',
  /** Up, to the relay, set by Envoy: bytes of this request that went to another relay, whose connection then broke. 0: nobody has seen it. */
  sent: 'x-holdfast-sent',
  /** Up, edge to gateway: the same of another gateway, whose connection broke. Edges remove clients' own; a client that says so to a gateway has only its own call taken for one that was sent. */
  edgeSent: 'holdfast-sent',
  /** Up, set by Envoy when the route asks for it: 1 for the first attempt. */
  attemptCount: 'x-envoy-attempt-count',
  /** Up, set by Envoy on every request: the client's address, as far as the proxies in front are believed. Clients' own is removed. */
  externalAddress: 'x-envoy-external-address',
  /** Down, from the relay beside a 404: it has looked everywhere, and Envoy must not try another host (which may be a dead one). Removed before the client sees it. */
  isFinal: 'x-envoy-ratelimited',
  /** Down: an Envoy takes whoever answers with it for unhealthy. Removed, because a replica's would make an edge take out the gateway. */
  unhealthy: 'x-envoy-immediate-health-check-fail',
  /** Up, set by a filter for one request: Envoy's retry conditions. */
  retryOn: 'x-envoy-retry-on',
  /** Up, set by a filter for one request: how long an attempt may take to begin its answer, in ms. Envoy takes it off. */
  attemptMs: 'x-envoy-upstream-rq-per-try-timeout-ms',
} as const;

/** How the ids begin that the mesh itself gives to events. */
export const OWN_EVENT_ID = 'hf1.';

/** Query parameters. */
export const QUERY = {
  /** HTTP+SSE (2024-11-05): the session id, in the URI that the relay's `endpoint` event gives to clients. */
  sseSession: 'holdfast-session',
} as const;

/**
 * The socket for unary ext_proc calls, beside the socket for streams. Envoy makes such a call for a request that names a session.
 * The ending stays as it was first called: a control plane and a sidecar of different versions agree on it.
 */
export const unarySocket = (extProcSocket: string): string => `${extProcSocket}.questions`;

/** Dynamic metadata of a request in Envoy: namespace and keys. */
export const METADATA = {
  /** Written by Lua or ext_proc, read by `override_host`, the access log and Lua on the way down. */
  namespace: 'holdfast',
  /** Comma-separated `ip:port` list; each attempt takes the next one. */
  host: 'host',
  /** The session id that the client holds. */
  session: 'session',
  /** Written by ext_proc when a breaker gave a permit: the permit's id, so that the access log settles it. */
  permit: 'permit',
  /** Written by ext_proc with an answer of its own (`true`): Envoy's local replies leave it as it is. */
  answered: 'answered',
  /** Written by json_to_metadata from the request body: `method`, `id`, `name` (params.name). */
  request: 'mcp',
  /** Written by json_to_metadata / sse_to_metadata from the response: `code` (error.code), `isError` (result.isError). */
  outcome: 'outcome',
  /** In `outcome`: an AnswerRead; absent when no filter read the answer, or an event was too long. */
  read: 'read',
  /** In `outcome`: set when an answer was not JSON, whatever it said it was. */
  jsonFailed: 'jsonFailed',
} as const;

/** How far Envoy read an answer. `none`: events, but no result or error among them. `garbled`: events that aren't JSON. */
export type AnswerRead = 'json' | 'events' | 'none' | 'garbled';

/** Keys below `filter_metadata.holdfast` of each endpoint in EDS. `host_metadata` attributes carry them to ext_proc and ALS. */
export const ENDPOINT_METADATA = {
  namespace: 'holdfast',
  slot: 'slot',
  replica: 'replica',
  backend: 'backend',
  state: 'state',
  steady: 'steady',
  weight: 'weight',
  host: 'host',
  tls: 'tls',
  peer: 'peer',
} as const;

/** Keys below `filter_metadata.holdfast` of a route: what Envoy's own errors say of it. */
export const ROUTE_METADATA = {
  server: 'server',
  /** WWW-Authenticate of a 401 on this route (RFC 6750, 9728). */
  challenge: 'challenge',
} as const;

/** Names of Envoy resources. `<server>` is the server's name of the configuration. */
export const RESOURCE = {
  listener: 'mcp',
  /** Every route of a gateway, where requests are not told apart by their scope (control-plane/resources/scopes.ts). */
  routes: 'mcp',
  /** Routes of the paths that no other server has. */
  serverRoutes: (server: string) => `mcp.${server}`,
  /** Routes of what several servers have at hosts of their own, and of the gateway's health. */
  otherRoutes: 'other',
  /** Cluster with every replica of the server at priority 0, this node's relay at priority 1, neighbours' relays at 2. */
  serverCluster: (server: string) => `mcp.${server}`,
  /** The same hosts for guarded sessions, where a node has no neighbour: its relay gets more time for a connection than a replica. */
  guardedCluster: (server: string) => `guarded.${server}`,
  /** Cluster of ext_proc and ALS: this node's sidecar processes at priority 0, neighbours' at 1. */
  sidecarCluster: 'sidecar',
  /** Cluster of the relay's HTTP service alone: /health and fallbacks. */
  relayCluster: 'relay',
  /** Whom Envoy asks about requests that name a session: this node's sidecar processes (unarySocket) at priority 0, neighbours' at 1. */
  decideCluster: 'decide',
  /** Static in the bootstrap. */
  xdsCluster: 'control-plane',
  /** At edges: the gateways, for streams, and for calls. Both have the endpoints of the first. */
  edgeCluster: 'gateways',
  edgeCallCluster: 'gateways-calls',
} as const;

/** Route names are `<server>/<kind>`; access logs and ext_proc read them. */
export type RouteKind =
  | 'steady'
  | 'guarded'
  | 'decide'
  | 'relay'
  | 'modern'
  | 'sse'
  | 'upgrade'
  | 'document'
  | 'refused';
export const routeName = (server: string, kind: RouteKind): string => `${server}/${kind}`;

/** Type URL of our own resource on the ADS stream: the policy of one server. */
export const SERVER_POLICY_TYPE = 'type.googleapis.com/holdfast.v1.ServerPolicy';

/** Redis keys. `{server}` is a hash tag: all keys of one server's sessions live in one cluster slot. `digest` is sha256 hex of the client's session id. */
export const REDIS = {
  session: (server: string, digest: string) => `holdfast:{${server}}:session:${digest}`,
  /** What sessions of one kind of client have in common, by its digest (compact-record.ts). */
  sharedPart: (server: string, name: string) => `holdfast:{${server}}:shared:${name}`,
  /** While it is there, the unbound form of a bound session's id counts as ended. */
  door: (server: string, name: string) => `holdfast:{${server}}:door:${name}`,
  lock: (server: string, digest: string) => `holdfast:{${server}}:lock:${digest}`,
  /** Sorted set: digests of the sessions that live on a slot, scored by last activity (ms since the epoch). */
  slotIndex: (server: string, slot: string) => `holdfast:{${server}}:slot:${slot}`,
  affinity: (server: string, kind: string, digest: string) => `holdfast:{${server}}:affinity:${kind}:${digest}`,
  /** Written by health checks: does Redis take writes? */
  probe: (nodeId: string) => `holdfast:probe:${nodeId}`,
  /** Hash: what is left of a fleet limit, and when that was so. */
  rate: (server: string, limit: string, digest: string) => `holdfast:{${server}}:rate:${limit}:${digest}`,
  slots: 'holdfast:slots',
  /** The mesh's secret, base64: the key of the digests of principals and credentials. The first process makes it. */
  secret: 'holdfast:secret',
  rollout: (server: string) => `holdfast:rollout:${server}`,
  breaker: (server: string) => `holdfast:breaker:${server}`,
  /** Hash: what sidecars counted, by `<node>/<start>/<backend>`; see slo-window.ts. */
  slo: (server: string) => `holdfast:slo:${server}`,
  gateway: (nodeId: string) => `holdfast:gateway:${nodeId}`,
  leader: 'holdfast:leader',
  /** Counts the changes of leader; in the cluster slot of `leader`. Like every key it begins with `holdfast:`: by that ACLs allow it and backups have it. */
  leaderToken: 'holdfast:token:{holdfast:leader}',
  drains: 'holdfast:drains',
  events: 'holdfast:events',
  configVersions: 'holdfast:config:versions',
} as const;

/** Redis pub/sub channels; messages are JSON. */
export const CHANNEL = {
  /** `{server, digest, slot, epoch}`: a session moved or ended (`slot` null): other nodes drop what they cache. */
  sessions: 'holdfast:channel:sessions',
  /** `{server, digest, node}`: a client opened its event stream at this node; what others hold of the session's streams is older. */
  streams: 'holdfast:channel:streams',
  /** `{server, slot, kind: 'unreachable'|'unknown-session'|'hanging', count, node}`: what gateways saw of a replica; control planes check it at once. */
  reports: 'holdfast:channel:reports',
  /** `{server, key, state, …}`: breaker transitions. */
  breakers: 'holdfast:channel:breakers',
  /** `{id, wants, filter}`: an operator watches calls; gateways tell of them until nobody asks again (proto/watch). */
  watches: 'holdfast:channel:watches',
  /** `{node, calls, dropped, tallies}`: what one gateway tells them. */
  calls: 'holdfast:channel:calls',
} as const;

import * as z from 'zod';
import { replicaHeaderSchema } from '../../proto/replica-header.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { backendSchema } from './backend-schema.ts';
import { PROBE_DEFAULTS, PROBE_TYPES, type ProbeType } from '../probe/probe-settings.ts';
import { isHostPattern, isOriginPattern } from '../topology/allowed-origins.ts';
import { milliseconds, someMilliseconds } from './schema-parts.ts';

const guardSchema = z
  .union([
    z.enum(['off', 'calls', 'streams']).transform((one): Array<'calls' | 'streams'> => (one === 'off' ? [] : [one])),
    z.array(z.enum(['calls', 'streams'])),
  ])
  .default(['calls', 'streams'])
  .describe('What the relay holds for the client: `calls` (every POST), `streams` (the GET stream), or `off`.');

const probeSchema = z.strictObject({
  type: z
    .enum(Object.keys(PROBE_TYPES) as ProbeType[])
    .default(PROBE_DEFAULTS.type)
    .describe(
      Object.entries(PROBE_TYPES)
        .map(([type, does]) => `${type}: ${does}.`)
        .join(' '),
    ),
  era: z
    .enum(['auto', 'legacy', 'modern'])
    .default(PROBE_DEFAULTS.era)
    .describe('mcp: which revision to speak; auto finds out.'),
  intervalMs: someMilliseconds
    .optional()
    .describe(
      `Between two probes of a healthy replica. When absent: the balancer’s interval for http (LB_HEALTH_CHECK_INTERVAL), else ${PROBE_DEFAULTS.intervalMs}.`,
    ),
  timeoutMs: someMilliseconds
    .optional()
    .describe(
      `For one probe as a whole. When absent: the balancer’s timeout for http (LB_HEALTH_CHECK_TIMEOUT); for mcp ${PROBE_DEFAULTS.timeoutMs} for a ping, and timeouts.initializeMs for a probe that begins a session.`,
    ),
  retryMs: milliseconds(PROBE_DEFAULTS.retryMs, 'To the next probe after a failed one, until it is certain.'),
  fullIntervalMs: milliseconds(
    PROBE_DEFAULTS.fullIntervalMs,
    'mcp: how often a new session is opened and the tools are listed, beside the quick pings.',
  ),
  unhealthyAfter: z
    .int()
    .min(1)
    .max(100)
    .default(PROBE_DEFAULTS.unhealthyAfter)
    .describe('Failed probes in a row until a replica is unhealthy.'),
  healthyAfter: z
    .int()
    .min(1)
    .max(100)
    .default(PROBE_DEFAULTS.healthyAfter)
    .describe('Good probes in a row until it is healthy again.'),
  expectedTools: z.array(z.string()).default([]).describe('Tools that tools/list must name.'),
  path: z.string().startsWith('/').optional().describe('http: path to GET; the balancer’s when absent.'),
  tokenFile: z.string().min(1).optional().describe('File with a bearer token for the probes.'),
});

const rateSchema = z.strictObject({
  requests: z.int().min(1).max(1_000_000).describe('Requests allowed per interval.'),
  // Envoy refuses shorter ones, and with them the whole listener.
  perMs: z.int().min(50).max(86_400_000).default(1000).describe('Length of the interval.'),
  burst: z.int().min(1).max(1_000_000).optional().describe('Requests at once; `requests` when absent.'),
});

export const rateLimitSchema = z.strictObject({
  session: rateSchema.optional().describe('Per session id, on each gateway node.'),
  client: rateSchema.optional().describe('Per client address, on each gateway node.'),
  maxTracked: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe('Sessions, and addresses, that are counted apart at a time. The largest number of all servers counts.'),
});
export type RateLimitConfig = z.infer<typeof rateLimitSchema>;

export const jwtSchema = z.strictObject({
  issuer: z.string().min(1).describe('`iss` that tokens must carry.'),
  audiences: z
    .array(z.string().min(1))
    .default([])
    .describe('One of these must be in `aud`. When empty: the server’s public URL (`publicUrl` and its path).'),
  authorizationServers: z
    .array(z.url({ protocol: /^https?$/ }))
    .default([])
    .describe('Where clients log in, as the resource’s metadata says it (RFC 9728). When empty: the issuer.'),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'a scope without spaces, quotes and backslashes'))
    .default([])
    .describe('Scopes that clients are told to ask for; not checked here.'),
  jwksFile: z.string().min(1).optional().describe('File with the issuer’s keys (JWKS).'),
  jwksUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('URL of the issuer’s keys, fetched by Envoy.'),
  jwksCacheSeconds: z.int().min(1).max(86_400).default(300).describe('How long fetched keys are kept.'),
  clockSkewSeconds: z.int().min(0).max(3600).default(60),
  forwardToken: z
    .boolean()
    .default(true)
    .describe('Replicas get the client’s token. With false they see no Authorization at all.'),
  claimHeaders: z
    .record(replicaHeaderSchema, z.string().min(1).max(256))
    .default({})
    .describe(
      'Claims that replicas get as headers: `{x-user: sub}`; `a.b` is member b of claim a. What a client sends under these names is removed.',
    ),
});
export type JwtConfig = z.infer<typeof jwtSchema>;

// Envoy takes 16 KiB of one header's value; what is longer costs a gateway all of its routes.
const headerNames = z
  .array(
    z
      .string()
      .regex(/^[a-z0-9-]+$/i, 'a header name')
      .max(128),
  )
  .max(64)
  .default([]);
export const corsSchema = z.strictObject({
  allowHeaders: headerNames.describe('Request headers beyond those of MCP.'),
  exposeHeaders: headerNames.describe('Response headers that scripts may read beyond those of MCP.'),
  allowCredentials: z.boolean().default(false).describe('Cookies and client certificates may be sent.'),
  maxAgeSeconds: z.int().min(0).max(86_400).default(600).describe('How long a browser keeps a preflight’s answer.'),
});
export type CorsConfig = z.infer<typeof corsSchema>;

/** What an authorization server has beside its documents, with what FastMCP's proxy of one has besides. */
const OAUTH_ROUTES = ['/authorize', '/token', '/register', '/revoke', '/consent', '/auth/callback'];
/** A path of unreserved characters, without dots alone between slashes; what is below it may be meant. */
const ROUTE = /^(\/(?!\.\.?(\/|$))[A-Za-z0-9._~-]+)+(\/\*)?$/;

const {
  compactRecords: _records,
  gatewayLimits: _,
  places: _places,
  tracing: _tracing,
  ...policyShape
} = serverPolicySchema.shape;

/** One MCP service: what the data path must know of it (proto/server-policy.ts), and where its replicas are. */
export const serverSchema = z.strictObject({
  ...policyShape,
  guard: guardSchema,
  backends: z.array(backendSchema).min(1).describe('Versions of the server, each a weighted set of replicas.'),
  probe: probeSchema.prefault({}).describe('How replicas are checked.'),
  allowedOrigins: z
    .array(z.string().max(80).refine(isOriginPattern, 'scheme://host[:port], scheme://*.domain, null or *'))
    .default([])
    .describe(
      'Origins of web pages that are let through: `https://app.example.com`, `https://*.example.com`, or `*` for all. When empty: pages of this machine at a gateway that is reached by loopback. Requests without Origin always are.',
    ),
  allowedHosts: z
    .array(z.string().max(80).refine(isHostPattern, 'host or host:port'))
    .default([])
    .describe('Hosts that are let through, at any port where none is given; all when empty.'),
  hosts: z
    .array(z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'a host name in lower case, without a port'))
    .max(16)
    .default([])
    .describe(
      'Host names of this server alone: there its endpoint is at `path`, as on its replicas, and `routes` begin at the root.',
    ),
  routes: z
    .array(z.union([z.literal('oauth'), z.string().regex(ROUTE, '`oauth`, /path, or /path/*')]))
    .max(64)
    .default([])
    .transform((paths) => [...new Set(paths.flatMap((path) => (path === 'oauth' ? OAUTH_ROUTES : [path])))])
    .describe(
      'Further paths of the replicas that clients may reach, below /mcp/NAME and at the root of `hosts`: `oauth` (what an authorization server has), `/path`, or `/path/*`.',
    ),
  cors: corsSchema
    .optional()
    .describe('Answer preflights, and let pages of `allowedOrigins` read answers, the mesh’s own among them.'),
  jwt: jwtSchema.optional().describe('Ask for a JWT on every request.'),
  rateLimit: rateLimitSchema.prefault({}),
});
export type ServerConfig = z.infer<typeof serverSchema>;

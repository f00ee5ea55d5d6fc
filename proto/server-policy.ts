import * as z from 'zod';
import { auditSchema } from './audit.ts';
import { authorizationSchema } from './authorization/authorization-schema.ts';
import { fleetLimitSchema } from './fleet-limit.ts';
import { gatewayLimitsSchema, serverLimitsSchema } from './limits.ts';
import { placeSchema } from './place.ts';
import { headerFilesSchema } from './replica-header.ts';
import { tracingSchema } from './tracing.ts';

/**
 * What the data path must know of one server. The configuration file has the same keys below `servers[]`; the control plane sends it
 * as a resource of type `holdfast.v1.ServerPolicy`. Unknown keys of a newer version are ignored here; the configuration rejects them.
 */
const positiveMs = (fallback: number, description: string) =>
  z.int().min(1).max(86_400_000).default(fallback).describe(description);

export const breakerPolicySchema = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether the breakers of this level act at all.'),
  form: z
    .enum(['consecutive', 'rate'])
    .default('consecutive')
    .describe(
      'consecutive: opens after `threshold` faults in a row. rate: opens on the failure rate or slow-call rate of a sliding window.',
    ),
  threshold: z.int().min(1).max(10_000).default(5).describe('consecutive: faults in a row that open it.'),
  timeoutMs: positiveMs(30_000, 'How long it stays open the first time.'),
  maxTimeoutMs: positiveMs(300_000, 'Longest open time: each opening in a row doubles it up to here.'),
  window: z
    .enum(['count', 'time'])
    .default('count')
    .describe('rate: window of the last `windowSize` calls, or of the last `windowSize` seconds.'),
  windowSize: z.int().min(1).max(100_000).default(100).describe('rate: calls or seconds.'),
  minimumCalls: z
    .int()
    .min(1)
    .max(100_000)
    .default(20)
    .describe('rate: calls in the window before a rate is looked at.'),
  failureRatePercent: z.number().min(1).max(100).default(50).describe('rate: opens at this share of faults.'),
  slowCallMs: positiveMs(60_000, 'rate: a call longer than this is slow.'),
  slowCallRatePercent: z.number().min(1).max(100).default(100).describe('rate: opens at this share of slow calls.'),
  halfOpenPermits: z
    .int()
    .min(1)
    .max(1000)
    .default(3)
    .describe('Calls let through while half open; all must succeed to close it.'),
  minSessions: z
    .int()
    .min(1)
    .max(1000)
    .default(3)
    .describe(
      'Sessions whose calls must fail before it opens; each is heard once in 10 s. A replica that does not answer the gateway’s own ping needs none.',
    ),
  minClients: z
    .int()
    .min(1)
    .max(1000)
    .default(3)
    .describe(
      'Addresses that these sessions must come from. 1: where all clients share an address, so that one of them can open it with several sessions.',
    ),
});
export type BreakerPolicy = z.infer<typeof breakerPolicySchema>;

const retryBudgetSchema = z.strictObject({
  percent: z.number().min(0).max(100).default(20).describe('Share of live requests that may be re-sent at a time.'),
  floor: z.int().min(0).max(10_000).default(10).describe('Re-sent requests that are always allowed at a time.'),
});

const DEFAULT_INITIALIZE_MS = 10_000;
const DEFAULT_RECOVERY_MS = 5000;
/** The policy is read again where it arrives: what stands for an absent value must pass, too. */
const LONGEST_RECOVERY_MS = 86_400_000;
const DEFAULT_CALL_MS = 60_000;
export const DEFAULT_KEEP_ALIVE_MS = 10_000;
/** A recovery begins with an initialize; this is what it needs besides. */
const BESIDE_INITIALIZE_MS = 2000;

const timeoutsShape = z.strictObject({
  callMs: z
    .int()
    .min(0)
    .max(86_400_000)
    .optional()
    .describe(
      `A call without an answer or progress for this long is answered with a deadline error; 0: none. When absent: ${DEFAULT_CALL_MS} where the guard has calls, else none.`,
    ),
  toolMs: z.record(z.string(), z.int().min(0).max(86_400_000)).default({}).describe('The same, by tool name.'),
  connectMs: positiveMs(1000, 'Time for a TCP connection to a replica.'),
  initializeMs: positiveMs(
    DEFAULT_INITIALIZE_MS,
    'Time for a replica to answer initialize; probes and recoveries of this server follow it.',
  ),
  keepAliveMs: z
    .int()
    .min(1000)
    .max(86_400_000)
    .default(DEFAULT_KEEP_ALIVE_MS)
    .describe(
      'A comment goes into an event stream that the relay holds and that was silent for this long; less than what proxies in front allow.',
    ),
  recoveryMs: z
    .int()
    .min(1)
    .max(LONGEST_RECOVERY_MS)
    .optional()
    .describe(
      `Time for a whole recovery, queueing included; a replica that hangs has a third of it before the next is asked beside it. When absent: ${DEFAULT_RECOVERY_MS}, or initializeMs and ${BESIDE_INITIALIZE_MS} where that was raised.`,
    ),
});

/** A recovery that may not take as long as initialize would never end on a slow server. */
export const timeoutsSchema = timeoutsShape.transform(({ recoveryMs, ...others }) => ({
  ...others,
  recoveryMs:
    recoveryMs ??
    (others.initializeMs > DEFAULT_INITIALIZE_MS
      ? Math.min(others.initializeMs + BESIDE_INITIALIZE_MS, LONGEST_RECOVERY_MS)
      : DEFAULT_RECOVERY_MS),
}));

const affinitySchema = z.strictObject({
  calls: z
    .enum(['remembered', 'free'])
    .default('remembered')
    .describe(
      'Calls of 2026-07-28. remembered: they pass the relay, which remembers which replica holds their tasks, states and handles. free: no replica holds anything, or all share it; without a guard of calls Envoy alone balances them.',
    ),
  ttlSeconds: z
    .int()
    .min(1)
    .max(86_400)
    .default(600)
    .describe('How long a taskId, requestState or handle of the 2026-07-28 era is remembered.'),
  handles: z
    .array(
      z.strictObject({
        header: z.string().optional().describe('Name of the Mcp-Param-* header that carries the handle.'),
        argument: z.string().optional().describe('Name of the tool argument that carries the handle.'),
        resultPath: z
          .string()
          .optional()
          .describe('Where results carry a new handle, as a JSON Pointer below `result`.'),
      }),
    )
    .max(32)
    .default([])
    .describe('Arguments whose value belongs to one replica.'),
  listen: z
    .enum(['fan-out', 'one'])
    .default('fan-out')
    .describe('subscriptions/listen: all replicas merged into one stream, or one replica.'),
});

/**
 * Envoy refuses all routes of a gateway for one value with a control character, and reads what stands between two `%` as a command. Owners of
 * namespaces may set these.
 */
const ONE_WORD = /^[^\p{C}\s%]+$/u;
const PATH = /^\/[^\p{C}\s]*$/u;

export const serverPolicySchema = z.object({
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'lower-case letters, digits and inner hyphens, 1–63 characters')
    .describe('The server’s name.'),
  path: z
    .string()
    .regex(PATH, 'a path that begins with /, without spaces and control characters')
    .default('/mcp')
    .describe('Path of the MCP endpoint on the replicas.'),
  guard: z
    .array(z.enum(['calls', 'streams']))
    .default(['calls', 'streams'])
    .describe('What the relay holds for the client: `calls` (every POST), `streams` (the GET stream). Empty: off.'),
  onReplicaLoss: z
    .enum(['recover', 'notify404', 'fail'])
    .default('recover')
    .describe(
      'recover: rebuild the session elsewhere. notify404: answer 404 so that the client may start anew. fail: answer 503.',
    ),
  bind: z
    .enum(['principal', 'token', 'off'])
    .default('principal')
    .describe(
      'principal: bind a session to issuer and subject of a JWT. token: also bind to an opaque token, which must then never change. off: never, which a server with `jwt` can’t have.',
    ),
  jwt: z.object({ issuer: z.string() }).optional().describe('Envoy verifies a JWT on every request of this server.'),
  trustAnnotations: z
    .boolean()
    .default(false)
    .describe('Believe the tools’ readOnlyHint and idempotentHint when deciding what may be sent twice.'),
  retrySafeTools: z
    .array(z.string())
    .default([])
    .describe('Tools that may be sent twice, whatever they say of themselves.'),
  retryBudget: retryBudgetSchema.prefault({}),
  timeouts: timeoutsSchema.prefault({}),
  maxBodyBytes: z
    .int()
    .min(1024)
    .max(1 << 30)
    .default(4 << 20)
    .describe('Largest request body; larger ones are answered with 413.'),
  sessionTtlSeconds: z
    .int()
    .min(1)
    .max(30 * 86_400)
    .default(3600)
    .describe(
      'A session without a request for this long is forgotten, unless a gateway’s relay holds a stream or call of it.',
    ),
  recoveryConcurrency: z.int().min(1).max(10_000).default(64).describe('Sessions rebuilt at a time, per gateway node.'),
  hostOverride: z
    .string()
    .regex(ONE_WORD, 'a host, without spaces, control characters and %')
    .max(255)
    .nullable()
    .default(null)
    .describe('Host header sent to the replicas instead of the client’s.'),
  originOverride: z
    .string()
    .regex(ONE_WORD, 'an origin or `none`, without spaces, control characters and %')
    .max(255)
    .nullable()
    .default(null)
    .describe(
      'Origin sent to the replicas instead of a page’s, once `allowedOrigins` has let it in; `none` sends none. For servers that check it against their own address.',
    ),
  headerFiles: headerFilesSchema.describe(
    'Headers that replicas get: name → file with the value. Gateways’ Envoys and the control plane’s probes read the file where they run, and again when it changes. A client’s own value never passes.',
  ),
  replicaBreaker: breakerPolicySchema.prefault({}),
  toolBreaker: breakerPolicySchema.prefault({}),
  countToolErrors: z.boolean().default(false).describe('Let `isError` results count against the tool’s breaker.'),
  affinity: affinitySchema.prefault({}),
  sharedCache: z
    .boolean()
    .default(false)
    .describe('Serve results that say `cacheScope: public` from a cache within their ttl.'),
  authorization: authorizationSchema
    .optional()
    .describe('Who may use which tools, prompts and resources. Without it whoever reaches the server.'),
  fleetLimits: z
    .array(fleetLimitSchema)
    .max(32)
    .default([])
    .describe(
      'Rates of tools/call that all gateway nodes keep together, in Redis; each for itself while Redis is away.',
    ),
  audit: auditSchema
    .optional()
    .describe('Write one record for each call: who, which tool, what it came to. Never arguments or results.'),
  limits: serverLimitsSchema.prefault({}).describe('What one client or session may take of this server.'),
  /** Not a key of the server: `sessionStore.records` is compact. */
  compactRecords: z.literal(true).optional(),
  /** Not a key of the server: the configuration says it once, for the gateway, and the control plane hands it on with each policy. */
  gatewayLimits: gatewayLimitsSchema.prefault({}),
  routes: z
    .array(z.string())
    .default([])
    .describe('Further paths of the replicas that clients may reach: `/path`, or `/path/*`.'),
  /** As gatewayLimits: where spans go; null where nothing is traced. */
  tracing: tracingSchema.nullable().default(null),
  /** Not a key of the server either: the control plane makes it of `name`, `hosts` and `publicUrl`. */
  places: z.array(placeSchema).default([]),
  logSuccessSample: z.number().min(0).max(1).default(0).describe('Share of successful requests that are logged.'),
});
export type ServerPolicy = z.infer<typeof serverPolicySchema>;

/**
 * How long a call may go without an answer or progress, in ms; 0: any time. Only the relay sees progress, so only what it guards has a
 * deadline by default.
 */
export const callTimeoutMs = ({ guard, timeouts }: Pick<ServerPolicy, 'guard' | 'timeouts'>): number =>
  timeouts.callMs ?? (guard.includes('calls') ? DEFAULT_CALL_MS : 0);

import * as z from 'zod';

/**
 * What one client, one session or one gateway may take of the mesh. The table of all of them, with what a client gets, is docs/limits.md.
 * A refusal's text names its key as {@link LIMIT_KEYS} has it, so that whoever reads it knows what to raise.
 */
const count = (min: number, max: number, fallback: number, description: string) =>
  z.int().min(min).max(max).default(fallback).describe(description);

const rateSchema = z.strictObject({
  requests: z.int().min(0).max(1_000_000).default(100).describe('Requests allowed per interval; 0: no limit.'),
  perMs: z.int().min(1).max(86_400_000).default(1000).describe('Length of the interval.'),
  burst: z.int().min(1).max(1_000_000).default(1000).describe('Requests at once.'),
});

/** Below `servers[].limits`. Each gateway node counts for itself. */
export const serverLimitsSchema = z.strictObject({
  initializeBytes: count(
    1024,
    4 << 20,
    64 << 10,
    'Largest `params` of initialize: they are kept with the session, to rebuild it. Larger ones are answered with 413.',
  ),
  initializePerAddress: rateSchema
    .prefault({})
    .describe('New sessions that one client address may begin; more are answered with 503 and Retry-After.'),
  sessionsPerPrincipal: count(
    0,
    1_000_000,
    1000,
    'Sessions of one principal; a new one ends the one that was idle for the longest time. 0: no limit.',
  ),
  sessionsPerAddress: count(
    0,
    1_000_000,
    10_000,
    'Sessions of one client address that no principal owns; as above. One whose initialize is larger than 4 KiB counts as several.',
  ),
  unusedSessionSeconds: count(
    0,
    86_400,
    60,
    'A session that no principal owns is forgotten after this time, unless a request of it came after initialize. 0: it lives as long as any.',
  ),
  callsPerSession: count(
    0,
    100_000,
    256,
    'Calls of one session in flight at the relay; more are answered with 503 and Retry-After. 0: no limit.',
  ),
  callsPerClientPercent: count(
    1,
    100,
    25,
    'Share of the 4,096 calls in flight to a replica that one client address may have in flight to the server. 100: no limit.',
  ),
  streamsPerSession: count(
    1,
    1000,
    4,
    'GET streams of one session that the relay holds; a new one ends the oldest one.',
  ),
  keptMoves: count(
    0,
    100,
    10,
    'Moves between replicas that a session’s record keeps, for operators: the last ones. Each takes about 150 bytes of Redis. 0: none.',
  ),
  attempts: count(1, 16, 4, 'Times that one request is sent to replicas at most.'),
});
export type ServerLimits = z.infer<typeof serverLimitsSchema>;

/** Below `gateway.limits`: what a gateway node spends on all servers together. */
export const gatewayLimitsSchema = z.strictObject({
  requestMs: count(
    0,
    3_600_000,
    30_000,
    'Time in ms for a client to send its request, body included; then 408. It does not limit answers. 0: no limit.',
  ),
  minBodyBytesPerSecond: count(
    0,
    1 << 20,
    1024,
    'A body that comes more slowly than this after its first 5 s is given up with 408. 0: no limit.',
  ),
  bufferedBytes: count(
    1 << 20,
    2 ** 40,
    128 << 20,
    'Bytes of request bodies that a sidecar holds; more are answered with 503 and Retry-After.',
  ),
  bufferedBytesPerAddress: count(
    64 << 10,
    2 ** 40,
    32 << 20,
    'The same for one client address. When all is taken, whoever holds most gives up a body that is still under way.',
  ),
});
export type GatewayLimits = z.infer<typeof gatewayLimitsSchema>;

/** Every limit that a sidecar enforces, by the label of its metric, with the key that raises it. */
export const LIMIT_KEYS = {
  body_time: 'gateway.limits.requestMs',
  body_rate: 'gateway.limits.minBodyBytesPerSecond',
  body_bytes: 'gateway.limits.bufferedBytes',
  body_bytes_per_address: 'gateway.limits.bufferedBytesPerAddress',
  body_size: 'servers[].maxBodyBytes',
  initialize_bytes: 'servers[].limits.initializeBytes',
  initialize_rate: 'servers[].limits.initializePerAddress',
  sessions_per_principal: 'servers[].limits.sessionsPerPrincipal',
  sessions_per_address: 'servers[].limits.sessionsPerAddress',
  calls_per_session: 'servers[].limits.callsPerSession',
  calls_per_client: 'servers[].limits.callsPerClientPercent',
  streams_per_session: 'servers[].limits.streamsPerSession',
  attempts: 'servers[].limits.attempts',
  fleet_rate: 'servers[].fleetLimits',
  request_rate: 'servers[].rateLimit',
  store_memory: 'sessionStore.maxMemoryPercent',
} as const;
export type LimitName = keyof typeof LIMIT_KEYS;

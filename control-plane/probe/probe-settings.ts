/** What a probe can be, and what it does. The schema of the configuration and its text are made from this. */
export const PROBE_TYPES = {
  mcp: 'initialize, ping and tools/list, or server/discover',
  http: 'GET of the balancer’s health path',
  off: 'trust what gateways report',
} as const;
export type ProbeType = keyof typeof PROBE_TYPES;

/** How one server's replicas are probed: `servers[].probe` of the configuration, with the defaults filled in. */
export interface ProbeSettings {
  type: ProbeType;
  /** auto: whichever the replica serves. */
  era: 'auto' | 'legacy' | 'modern';
  /** Between two probes of a healthy replica. */
  intervalMs: number;
  timeoutMs: number;
  /** mcp: for a probe that begins a session, as a whole. */
  fullTimeoutMs: number;
  /** To the next probe after a failed one, until it is certain. */
  retryMs: number;
  unhealthyAfter: number;
  healthyAfter: number;
  /** mcp: how often a new session is opened and the tools are listed, beside the quick pings. */
  fullIntervalMs: number;
  expectedTools: readonly string[];
  /** http: path to GET. */
  path: string;
  /** File with a bearer token for the probes; read again for each session. */
  tokenFile: string | null;
  /** Header → file with its value; read again for each probe. */
  headerFiles: Readonly<Record<string, string>>;
}

/**
 * A killed replica is noticed within intervalMs + (unhealthyAfter - 1) × retryMs: 1.2 s at most, 0.7 s on average.
 * When a gateway reports it, it is noticed at once.
 */
export const PROBE_DEFAULTS: ProbeSettings = {
  type: 'mcp',
  era: 'auto',
  intervalMs: 1000,
  timeoutMs: 2000,
  fullTimeoutMs: 10_000,
  retryMs: 200,
  unhealthyAfter: 2,
  healthyAfter: 1,
  fullIntervalMs: 30_000,
  expectedTools: [],
  path: '/health',
  tokenFile: null,
  headerFiles: {},
};

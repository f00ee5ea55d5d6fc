/** Users were promised 0.1, 0.5, 1, 2 and 5 s; the finer ones show what the mesh itself costs, the coarser ones long tool calls. */
export const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300];

/** Sessions last from one call to days. */
export const SESSION_SECONDS = [1, 10, 30, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 7 * 24 * 3600];

/** What OpenTelemetry's conventions for MCP advise. */
export const OPERATION_SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** For work inside this process and towards Redis: tens of µs to a second. */
export const INTERNAL_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1];

/** Objective: a session is back within 1 s at p99; 5 s is the default limit of a whole recovery. */
export const FAILOVER_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 2, 5, 10];

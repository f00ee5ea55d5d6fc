/** What the mesh promises, over 30 days: this share of requests is answered, this share of sessions survives. */
export const OBJECTIVE = 0.999;
/** How much is allowed to fail. */
export const BUDGET = 0.001;
/** A pace at which the budget of 30 days is gone in two: somebody must act now. */
export const FAST_BURN = 14.4;
/** 99 of 100 calls are answered within this time. */
export const CALL_P99_MS = 5000;
/** 99 of 100 lost sessions are back within this time. */
export const FAILOVER_P99_MS = 1000;
/** Errors of tools, servers and replicas per second that are nobody's worry yet. */
export const ERRORS_PER_SECOND = 0.1;

/** The mesh's own failures, as labels of mcp_requests_total. What a tool or a client does wrong is not among them. */
export const FAILED = 'outcome=~"replica_fault|overload|lost_session"';
/** Requests that count at all. */
export const JUDGED = 'outcome!~"client_fault|cancelled"';
/** A session can be lost whenever it begins or moves. */
export const SESSION_CHANCES =
  '{__name__=~"mcp_sessions_created_total|mcp_session_recoveries_total|mcp_session_lost_total"}';

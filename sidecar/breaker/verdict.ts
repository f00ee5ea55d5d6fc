/** What one request says about a breaker: for it, against it, or nothing. */
export type Verdict = 'success' | 'failure' | 'ignore';

/** A breaker stands before a replica of a server, or before a tool of a server whichever replica runs it. */
export type BreakerLevel = 'replica' | 'tool';

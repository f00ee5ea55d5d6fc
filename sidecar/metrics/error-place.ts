/** Where a failure of the mesh's own code was caught: values of the label `where`, so that each place has a series from the start. */
export const ERROR_PLACES = [
  /** A request or stream that the relay holds. */
  'relay',
  /** A callback that undici runs for an answer of a replica. */
  'replica-answer',
  /** An ext_proc stream, and a unary ext_proc call. */
  'ext-proc',
  'ext-proc-unary',
  'access-logs',
  /** One sink of the outcomes: metrics, breakers, sessions, log, SLO counters. */
  'outcome-sink',
  /** A gate or an outcome of the breakers, and what the fleet says of them. */
  'breakers',
  'admin',
  /** What Redis pushed: a channel's message, a watcher's round. */
  'redis-watch',
  'xds',
  'timer',
  /** Work that no request waits for. */
  'background',
  /** The last net: nobody else caught it. */
  'process',
] as const;
export type ErrorPlace = (typeof ERROR_PLACES)[number];

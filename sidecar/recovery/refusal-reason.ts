/** Why a session was not brought back. */
export type RefusalReason =
  | 'unknown'
  /** The live request's credentials are not those that the replica accepted last. */
  | 'foreign'
  | 'capability'
  | 'no-replica'
  | 'timeout'
  | 'queue-full'
  | 'unauthorized'
  | 'unsure'
  | 'policy'
  | 'conflict'
  | 'failed';

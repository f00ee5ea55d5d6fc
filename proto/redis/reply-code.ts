/**
 * What a reply of Redis says of the whole instance or of this user's rights, not of one command. Redis answers then,
 * and does not do its work. Sources: redis.io/docs/latest/develop/reference/protocol-spec and the server's
 * `shared.*err` texts.
 */
const UNUSABLE = [
  'OOM',
  'READONLY',
  'MISCONF',
  'NOREPLICAS',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'LOADING',
  'BUSY',
  'UNKILLABLE',
  'NOPERM',
  'NOAUTH',
  'WRONGPASS',
] as const;
export type UnusableCode = (typeof UNUSABLE)[number];

/** Redis before 7 puts a script's own error at the end of its message: `ERR Error running script (…): @user_script:4: -OOM command not allowed …`. */
const CODE = new RegExp(`(?:^|[ :]-)(${UNUSABLE.join('|')})\\b`);

/** Why Redis can't be used now; null when the reply is about the command alone. */
export function unusableCode(message: string): UnusableCode | null {
  if (/^ERR max number of clients reached/.test(message)) return 'BUSY';
  return (CODE.exec(message)?.[1] as UnusableCode | undefined) ?? null;
}

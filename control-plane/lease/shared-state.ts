/** A value with the number of writes that made it. */
export interface Versioned {
  value: unknown;
  revision: number;
}

/**
 * ok: written. conflict: somebody wrote since `expectedRevision`. fenced: a leader with a higher token wrote. The caller's leadership is
 * then over, whether it knows that or not.
 */
export type WriteResult = 'ok' | 'conflict' | 'fenced';

/** Small values that control planes share, each written by compare-and-set. JSON values. */
export interface SharedState {
  read(key: string): Promise<Versioned | null>;
  /**
   * Revision 0: the value must not exist yet. `value` undefined deletes it. `token` null: an operator's wish, which any control plane may write
   * for them; the leader's token on the value stays.
   */
  write(key: string, value: unknown, expectedRevision: number, token: number | null): Promise<WriteResult>;
}
